"""Tests that contents which no program writes, under valid checksums, end in a sentence or do no harm."""

import contextlib

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph, Slot
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.source import Source
from tests.bundle.helpers import entry, save, sliced_entry, strings, write_by_hand

ONES = np.ones((2, 3), np.float32)
ADAM = {'w': ONES, 'w/Adam': ONES, 'w/Adam_1': ONES, 'global_step': np.int64(5)}
POWERS = {'beta1_power': np.float32(0.9**6), 'beta2_power': np.float32(0.999**6)}
TEXT = strings(b'text').reshape(())


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_a_slot_whose_variable_is_missing_or_dropped_is_named(tmp_path, style):
    prefix = save(tmp_path / 'model', ADAM | POWERS)
    with pytest.raises(CheckpointError, match="model: .*'w/Adam'.* drop the slot too"):
        estimator_ckpt.convert(
            prefix, tmp_path / 'new', style, drop='w', keras_optimizer='Adam', hyperparameters={'beta_1': 0.9}
        )
    estimator_ckpt.convert(prefix, tmp_path / 'new', style, drop=['w', 'slots'])


def test_a_slot_of_a_variable_without_an_object_stays_a_variable(tmp_path):
    graph = ObjectGraph()
    graph.add(0, 'v', [Attribute('VARIABLE_VALUE', 'v', 'v/.ATTRIBUTES/VARIABLE_VALUE')])
    optimizer = graph.add(0, 'optimizer')
    key = 'v/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE'
    graph.nodes[optimizer].slots.append(Slot(1, 'm', 3))
    graph.add(0, 'slot', [Attribute('VARIABLE_VALUE', 'v/m', key)])
    graph.nodes[1].attributes.clear()
    values = {key: ONES, 'v/.ATTRIBUTES/VARIABLE_VALUE': ONES}
    values['_CHECKPOINTABLE_OBJECT_GRAPH'] = strings(graph.serialize()).reshape(())
    prefix = save(tmp_path / 'model', values)
    for style in ('tf1', 'tf2', 'both'):
        estimator_ckpt.convert(prefix, tmp_path / style, style, rules=[('(.*)v(.*)', r'\1w\2')])


def test_a_slice_without_an_entry_is_an_error_before_anything_is_written(tmp_path):
    prefix = write_by_hand(tmp_path / 'model', {b'x': sliced_entry(1, '4 0,4')})
    for style in ('tf1', 'tf2', 'both'):
        with pytest.raises(CorruptCheckpointError, match=r"model\.index.*'x' has no entry"):
            estimator_ckpt.convert(prefix, tmp_path / 'new', style)


NO_STEPS = [
    TEXT,
    np.float32('nan'),
    np.float32('inf'),
    np.int64(-1),
    np.complex64(1),
    np.bool_(True),
    strings(b'a'),
]


@pytest.mark.parametrize('step', NO_STEPS, ids=repr)
def test_a_step_that_is_no_number_of_steps_does_not_count(tmp_path, step):
    prefix = save(tmp_path / 'model', ADAM | POWERS | {'global_step': step})
    assert Source.read(Contents(prefix)).step is None
    other = save(tmp_path / 'other', ADAM | POWERS)
    estimator_ckpt.plan(other, prefix)
    estimator_ckpt.plan(prefix, other)
    with pytest.raises(CheckpointError):
        estimator_ckpt.convert(prefix, tmp_path / 'new', 'tf1', keras_optimizer='Adam')


def test_a_step_in_a_floating_point_number_counts(tmp_path):
    prefix = save(tmp_path / 'model', ADAM | {'global_step': np.float32(5)})
    assert Source.read(Contents(prefix)).step == 5


@pytest.mark.parametrize('step', [TEXT, np.float32('nan'), np.float32('-inf')], ids=repr)
def test_checkpoints_whose_steps_are_no_numbers_are_averaged_in_their_order(tmp_path, step):
    paths = [
        save(tmp_path / name, {'w': ONES * number, 'global_step': step}) for number, name in enumerate('ab')
    ]
    estimator_ckpt.average(paths, tmp_path / 'average')
    assert np.array_equal(estimator_ckpt.load(tmp_path / 'average')['w'], ONES / 2)


@pytest.mark.parametrize(
    'power', [TEXT, ONES, np.float32('nan'), np.complex64(1), np.float64(1e308)], ids=repr
)
def test_a_power_of_a_beta_that_is_no_number_is_no_error(tmp_path, power):
    prefix = save(tmp_path / 'model', ADAM | POWERS | {'beta1_power': power})
    estimator_ckpt.convert(
        prefix, tmp_path / 'new', 'tf2', keras_optimizer='Adam', hyperparameters={'epsilon': 1e-7}
    )
    estimator_ckpt.plan(prefix, prefix)


@pytest.mark.parametrize('beta', [1e308, -1e308, 0.0, 1.0, -0.5, 2.0])
@pytest.mark.parametrize('step', [0, 5, (1 << 63) - 1])
def test_a_beta_whose_powers_are_no_floating_point_numbers_is_no_error(tmp_path, beta, step):
    prefix = save(tmp_path / 'model', ADAM | POWERS | {'global_step': np.int64(step)})
    settings = {'beta_1': beta, 'beta_2': beta}
    with np.errstate(all='ignore'):
        estimator_ckpt.convert(
            prefix, tmp_path / 'new', 'tf2', keras_optimizer='Adam', hyperparameters=settings
        )
        # In the 32 bits of the checkpoint, the largest ones are infinite, which is no beta.
        with (
            contextlib.nullcontext()
            if abs(beta) < 1e38
            else pytest.raises(CheckpointError, match='betas of Adam')
        ):
            estimator_ckpt.convert(tmp_path / 'new', tmp_path / 'back', 'tf1', keras_optimizer='Adam')


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_a_name_that_is_not_utf_8_cannot_be_that_of_an_object(tmp_path, style):
    prefix = write_by_hand(tmp_path / 'model', {b'dense/\xff': entry(1, (2,), bytes(8))}, bytes(8))
    with pytest.raises(
        CheckpointError, match=r"new: .*the name 'dense/\\udcff', which is not UTF-8; rename it"
    ):
        estimator_ckpt.convert(prefix, tmp_path / 'new', style)
    assert not list(tmp_path.glob('new*'))
    estimator_ckpt.convert(prefix, tmp_path / 'renamed', 'tf1', rules=[('dense/.', 'dense/w')])
    estimator_ckpt.convert(tmp_path / 'renamed', tmp_path / 'new', style)


@pytest.mark.parametrize('part', ['9' * 5000, 'a\0', '\n', '²', '٣', 'layer_' + '1' * 5000])
def test_names_with_odd_characters_and_long_numbers_are_names(tmp_path, part):
    names = [
        f'dense/{part}/kernel',
        f'dense/{part}/bias',
        f'dense/{part}/kernel/Adam',
        f'{part}/kernel',
        f'x/{part}',
    ]
    prefix = save(tmp_path / 'model', dict.fromkeys(names, ONES))
    other = save(tmp_path / 'other', {f'dense_{number}/kernel': ONES for number in range(4)})
    for a, b in ((prefix, other), (other, prefix), (prefix, prefix)):
        estimator_ckpt.suggest_rules(a, b)
        estimator_ckpt.plan(a, b)
        estimator_ckpt.diff(a, b)
    for style in ('tf1', 'tf2', 'both'):
        estimator_ckpt.convert(prefix, tmp_path / style, style)
    estimator_ckpt.plan(tmp_path / 'tf2', prefix)


def test_no_rule_is_suggested_that_cannot_change_the_shape(tmp_path):
    source = save(tmp_path / 'source', {'a/step': ONES[0, :1], 'dense/kernel': ONES})
    target = save(tmp_path / 'target', {'global_step': np.float32(1), 'x/kernel': ONES})
    for a, b in ((source, target), (target, source)):
        assert '# ' in str(estimator_ckpt.suggest_rules(a, b))


@pytest.mark.parametrize('operation', ['cast=float16', 'cast=int64'])
def test_strings_are_not_cast(tmp_path, operation):
    prefix = save(tmp_path / 'model', {'words': strings(b'a', b'b'), 'w': ONES})
    with pytest.raises(
        CheckpointError, match="model: cast does not fit 'words': it holds strings; correct the rule"
    ):
        estimator_ckpt.convert(prefix, tmp_path / 'new', 'tf1', rules=[('(.*)', r'\1', operation)])


def test_a_file_of_rules_that_is_not_utf_8_is_named_with_the_line(tmp_path):
    prefix, rules = save(tmp_path / 'model', {'w': ONES}), tmp_path / 'rules'
    rules.write_bytes('# Größe\r\nw -> v\n'.encode() + b'\xe4 -> b\n')
    with pytest.raises(RuleError, match='rules, line 3 is not UTF-8 .*; save the file as UTF-8'):
        estimator_ckpt.plan(prefix, prefix, str(rules))
    rules.write_bytes('# Größe\r\nw -> v\n'.encode())
    estimator_ckpt.convert(prefix, tmp_path / 'new', 'tf1', rules=str(rules))
    assert list(estimator_ckpt.load(tmp_path / 'new')) == ['v']


@pytest.mark.parametrize('pattern', ['w{99999999999}', '(' * 5000 + ')' * 5000])
def test_an_expression_that_is_too_large_is_named(tmp_path, pattern):
    prefix = save(tmp_path / 'model', {'w': ONES})
    with pytest.raises(RuleError, match='expression that does not compile'):
        estimator_ckpt.plan(prefix, prefix, [(pattern, 'v')])
    with pytest.raises(RuleError, match='regular expression'):
        estimator_ckpt.convert(prefix, tmp_path / 'new', 'tf1', drop=pattern)


@pytest.mark.parametrize('iterations', [float('nan'), float('inf'), 1e30, -1])
def test_iterations_that_are_no_number_of_updates_are_refused(tmp_path, iterations):
    prefix = save(tmp_path / 'model', ADAM)
    with pytest.raises(CheckpointError, match='is no number of updates'):
        estimator_ckpt.convert(
            prefix, tmp_path / 'new', 'tf2', keras_optimizer='Adam', hyperparameters={'iter': iterations}
        )


def test_a_decay_whose_powers_are_too_large_is_refused(tmp_path):
    paths = [save(tmp_path / name, {'w': ONES}) for name in 'abc']
    with pytest.raises(CheckpointError, match='decay=1e[+]300 gives weights beyond'):
        estimator_ckpt.average(paths, tmp_path / 'average', decay=1e300)
