"""Conversion between the styles: other keys over the same bytes, and TensorFlow restores the result."""

import copy
import json
import os
import pathlib
import pickle

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model

tf1 = tf.compat.v1
convert = estimator_ckpt.convert


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """A trained checkpoint of each style, by the objects' own paths: slots, a step, a partitioned variable, a table."""
    directory = tmp_path_factory.mktemp('sources')
    paths = {}
    with tf.Graph().as_default(), tf1.Session() as session:
        net = small_model.build_net(
            tf.random.stateless_normal([4, small_model.FEATURES], [1, 2]), tf.ones([4])
        )
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name='table')
        insert = table.insert(['a', 'b'], tf.constant([1, 2], tf.int64))
        savers = {style: estimator_ckpt.Saver(style) for style in ('tf1', 'tf2', 'both')}
        session.run(tf1.global_variables_initializer())
        session.run([net.train_op, insert])
        for style, saver in savers.items():
            paths[style] = saver.save(session, str(directory / style))
    return paths


def _values(path):
    """Each tensor by its name-based key, as TensorFlow reads it."""
    reader = tf.train.load_checkpoint(path)
    return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}


def _assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert np.asarray(actual[key]).tobytes() == np.asarray(value).tobytes(), key


@pytest.mark.parametrize('target', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('source', ['tf1', 'tf2', 'both'])
def test_every_style_becomes_every_other_and_comes_back(source, target, sources, tmp_path):
    there = str(tmp_path / 'there')
    back = str(tmp_path / 'back')
    convert(sources[source], there, target)
    report = convert(there, back, 'tf1')

    _assert_same(_values(back), _values(sources['tf1']))
    assert not report.unused and not report.missing
    assert (len(_values(there)) > len(_values(back))) == (target != 'tf1')


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_tf2_consumes_a_converted_name_based_checkpoint(style, sources, tmp_path):
    convert(sources['tf1'], tmp_path / 'x', style)

    expected = _values(sources['tf1'])
    variables = {
        key: tf.Variable(tf.zeros_like(v)) for key, v in expected.items() if not key.startswith('table-')
    }
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    checkpoint = tf.train.Checkpoint(vars={**variables, 'table': table})
    checkpoint.restore(str(tmp_path / 'x')).assert_consumed()
    _assert_same({key: v.numpy() for key, v in variables.items()}, {k: expected[k] for k in variables})
    assert table.lookup(tf.constant(['b', 'c'])).numpy().tolist() == [2, -1]


@pytest.mark.parametrize('source', ['tf2', 'both'])
def test_a_plain_saver_restores_a_converted_object_based_checkpoint(source, sources, tmp_path):
    convert(sources[source], tmp_path / 'x', 'tf1')

    with tf.Graph().as_default(), tf1.Session() as session:
        small_model.build_net(tf.zeros([4, small_model.FEATURES]), tf.zeros([4]))
        variables = tf1.global_variables()
        tf1.train.Saver(variables).restore(session, str(tmp_path / 'x'))
        restored = {v.op.name: session.run(v) for v in variables}
    _assert_same(restored, small_model.values(sources['tf1']))


def test_data_files_are_linked_or_copied_and_the_source_is_untouched(sources, tmp_path):
    source = BundleReader(sources['tf1'])
    before = {path: (os.stat(path).st_ino, pathlib.Path(path).read_bytes()) for path in source.data_paths()}
    copied = []
    convert(sources['tf1'], tmp_path / 'linked', 'tf2')
    convert(sources['tf1'], tmp_path / 'copied', 'tf2', data='copy', progress=copied.append)

    for path, (inode, data) in before.items():
        assert (os.stat(path).st_ino, pathlib.Path(path).read_bytes()) == (inode, data)
    first = source.data_paths()[0]
    assert os.path.samefile(BundleReader(str(tmp_path / 'linked')).data_path(0), first)
    assert not os.path.samefile(BundleReader(str(tmp_path / 'copied')).data_path(0), first)
    assert sum(copied) == sum(len(data) for _, data in before.values())


def _kernel_and_adam():
    """A variable of the source's shape with an optimizer that has its slots, by other paths and names."""
    kernel = tf.Variable(tf.zeros([small_model.FEATURES, 1]), name='other')
    optimizer = tf1.train.AdamOptimizer()
    optimizer.apply_gradients([(tf.zeros_like(kernel), kernel)])
    return tf.train.Checkpoint(model={'kernel': kernel}, optimizer=optimizer)


def _assert_kernel_and_adam(checkpoint, source):
    kernel, optimizer = checkpoint.model['kernel'], checkpoint.optimizer
    expected = _values(source)
    np.testing.assert_array_equal(kernel, expected['dense/kernel'])
    np.testing.assert_array_equal(optimizer.get_slot(kernel, 'm'), expected['dense/kernel/Adam'])
    np.testing.assert_array_equal(optimizer.get_slot(kernel, 'v'), expected['dense/kernel/Adam_1'])
    assert expected['dense/kernel/Adam'].any() and expected['dense/kernel/Adam_1'].any()


def test_slots_become_slot_variables_of_the_optimizer_that_is_named(sources, tmp_path):
    rules = {'dense/kernel': 'model/kernel'}
    keep = ['dense/kernel.*', 'beta.*']
    convert(sources['tf1'], tmp_path / 'x', 'tf2', rules=rules, optimizer='optimizer', keep=keep)

    checkpoint = _kernel_and_adam()
    checkpoint.restore(str(tmp_path / 'x')).assert_consumed()
    _assert_kernel_and_adam(checkpoint, sources['tf1'])


def test_slots_without_an_optimizer_stay_variables_and_the_report_says_so(sources, tmp_path):
    report = convert(sources['tf1'], tmp_path / 'x', 'tf2')
    assert 'vars/dense.Skernel.SAdam/.ATTRIBUTES/VARIABLE_VALUE' in small_model.keys_of(tmp_path / 'x')
    assert '4 slots are variables of their own' in str(report)


def test_the_global_step_is_at_several_paths_without_a_second_copy(sources, tmp_path):
    convert(sources['tf1'], tmp_path / 'x', 'tf2', step=['step', 'optimizer/iter'])

    step, iterations = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
    optimizer = tf.train.Checkpoint(iter=iterations)
    tf.train.Checkpoint(step=step).restore(str(tmp_path / 'x')).assert_existing_objects_matched()
    tf.train.Checkpoint(optimizer=optimizer).restore(str(tmp_path / 'x'))
    assert int(step) == int(iterations) == 1
    assert [key for key in small_model.keys_of(tmp_path / 'x') if 'step' in key or 'iter' in key] == [
        'step/.ATTRIBUTES/VARIABLE_VALUE'
    ]


def test_rules_name_object_paths_and_names(sources, tmp_path):
    rules = [(r'dense/(.*)', r'model/layer/\1'), (r'global_step', 'step')]
    convert(sources['tf1'], tmp_path / 'objects', 'tf2', rules=rules, drop='slots')
    keys = small_model.keys_of(tmp_path / 'objects')
    assert 'model/layer/kernel/.ATTRIBUTES/VARIABLE_VALUE' in keys
    assert 'vars/embedding/.ATTRIBUTES/VARIABLE_VALUE' in keys

    convert(tmp_path / 'objects', tmp_path / 'names', 'tf1', rules=[(r'model/layer/(\w+)', r'new/\1')])
    assert {'new/kernel', 'new/average', 'embedding', 'global_step'} <= small_model.keys_of(
        tmp_path / 'names'
    )


def test_swapping_two_names_swaps_their_tensors(sources, tmp_path):
    convert(
        sources['tf1'],
        tmp_path / 'x',
        'tf1',
        rules={'beta1_power': 'beta2_power', 'beta2_power': 'beta1_power'},
    )
    before, after = _values(sources['tf1']), _values(str(tmp_path / 'x'))
    assert after['beta1_power'] == before['beta2_power'] != after['beta2_power'] == before['beta1_power']


def test_kinds_and_patterns_are_left_out_and_reported(sources, tmp_path):
    report = convert(sources['tf1'], tmp_path / 'x', 'tf1', drop=['slots', 'hyperparameters', 'table-.*'])
    assert small_model.keys_of(tmp_path / 'x') == {
        'dense/kernel',
        'dense/average',
        'embedding',
        'global_step',
    }
    assert {row.source for row in report.unused} == small_model.keys_of(sources['tf1']) - small_model.keys_of(
        tmp_path / 'x'
    )

    convert(sources['tf2'], tmp_path / 'y', 'tf1', keep=['dense/.*'])
    assert small_model.keys_of(tmp_path / 'y') == {
        'dense/kernel', 'dense/kernel/Adam', 'dense/kernel/Adam_1', 'dense/average',
    }  # fmt: skip


class TestLike:
    """The layout of another checkpoint, or of a program's objects."""

    def test_a_checkpoint_of_the_other_style_gives_the_keys(self, sources, tmp_path):
        for source, style in (('tf1', 'tf2'), ('tf2', 'tf1'), ('tf1', 'both')):
            path = tmp_path / f'{source}{style}'
            convert(sources[source], path, style, like=sources[style])
            assert small_model.keys_of(path) == small_model.keys_of(sources[style])

    def test_slots_are_found_through_their_variables(self, sources, tmp_path):
        layout = _kernel_and_adam()
        convert(sources['tf1'], tmp_path / 'x', 'tf2', rules={'dense/kernel': 'model/kernel'}, like=layout)
        layout.restore(str(tmp_path / 'x')).assert_consumed()
        _assert_kernel_and_adam(layout, sources['tf1'])

        saved = layout.save(str(tmp_path / 'like'))
        convert(sources['tf1'], tmp_path / 'y', 'tf2', rules={'dense/kernel': 'model/kernel'}, like=saved)
        fresh = _kernel_and_adam()
        fresh.restore(str(tmp_path / 'y')).assert_consumed()
        _assert_kernel_and_adam(fresh, sources['tf1'])

    def test_a_tf_train_checkpoint_gives_the_objects(self, sources, tmp_path):
        kernel = tf.Variable(tf.zeros([small_model.FEATURES, 1]), name='dense/kernel')
        step = tf.Variable(0, dtype=tf.int64, name='global_step')
        layout = tf.train.Checkpoint(model={'kernel': kernel}, step=step)
        convert(sources['tf1'], tmp_path / 'x', 'tf2', like=layout)
        layout.restore(str(tmp_path / 'x')).assert_consumed()
        assert kernel.numpy().any() and int(step) == 1

    def test_what_it_cannot_fill_is_listed(self, sources, tmp_path):
        layout = tf.train.Checkpoint(
            a=tf.Variable(1.0, name='dense/kernel'), b=tf.Variable(1.0, name='dense/kernle')
        )
        with pytest.raises(estimator_ckpt.MappingError) as raised:
            convert(sources['tf1'], tmp_path / 'x', 'tf2', like=layout)
        assert [row.target for row in raised.value.report.missing] == ['dense/kernle']
        assert [row.target for row in raised.value.report.mismatched] == ['dense/kernel']
        assert 'nearest: dense/kernel' in str(raised.value)
        assert not list(tmp_path.iterdir())


class TestBadInput:
    """One clear sentence, and nothing written."""

    def test_rules_that_no_tensor_takes_are_listed(self, sources, tmp_path):
        with pytest.raises(estimator_ckpt.RuleError, match="'nothing': 'x'.*'scope/': 'y/'"):
            convert(sources['tf1'], tmp_path / 'x', 'tf2', rules={'nothing': 'x', 'scope/': 'y/'})
        assert not list(tmp_path.iterdir())

    def test_two_tensors_for_one_key_are_named(self, sources, tmp_path):
        with pytest.raises(estimator_ckpt.MappingError, match='beta1_power.*beta2_power'):
            convert(sources['tf1'], tmp_path / 'x', 'tf1', rules=[(r'beta\d_power', 'beta_power')])
        with pytest.raises(
            estimator_ckpt.CheckpointError, match="'beta2_power' cannot be placed at the path 'beta_power'"
        ):
            convert(sources['tf1'], tmp_path / 'x', 'tf2', rules=[(r'beta\d_power', 'beta_power')])
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ('rules', 'message'),
        [
            ([('(', 'x')], 'does not compile'),
            ([('(a)', r'\2')], 'does not fit its pattern'),
            ([('(?P<a>a)', r'\g<b>')], 'does not fit its pattern'),
            ({'scope/': 'name'}, 'on one side only'),
            ([('a', 'b, c')], "'a -> b, c' names several targets; split or unstack"),
            (['a'], r"The rule 'a' is neither a pair \(pattern, replacement\)"),
            (('a', 'b'), r"The rule 'a' is neither a pair"),
            ([('a',)], r"The rule \('a',\) is neither"),
            ([('a', None)], 'is neither'),
            ([3], 'The rule 3 is neither'),
            (3, '3 is no assignment map, list of rules, or path'),
        ],
    )
    def test_a_wrong_rule_is_explained(self, rules, message, sources, tmp_path):
        with pytest.raises(estimator_ckpt.RuleError, match=message):
            convert(sources['tf1'], tmp_path / 'x', 'tf2', rules=rules)

    def test_the_destination_is_never_the_source_nor_taken_unasked(self, sources, tmp_path):
        with pytest.raises(estimator_ckpt.CheckpointError, match='the source itself'):
            convert(sources['tf1'], sources['tf1'], 'tf2', overwrite=True)
        convert(sources['tf1'], tmp_path / 'x', 'tf2')
        with pytest.raises(estimator_ckpt.CheckpointError, match='already'):
            convert(sources['tf2'], tmp_path / 'x', 'tf1')
        convert(sources['tf2'], tmp_path / 'x', 'tf1', overwrite=True)
        assert 'global_step' in small_model.keys_of(tmp_path / 'x')


def test_a_state_file_is_written_on_request_only(sources, tmp_path):
    convert(sources['tf1'], tmp_path / 'x', 'tf2')
    assert read_state(str(tmp_path)) is None
    convert(sources['tf1'], tmp_path / 'y', 'tf2', write_state_file=True)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'y')


def test_rules_may_be_lines_in_a_list(sources, tmp_path):
    convert(sources['tf1'], tmp_path / 'x', 'tf1', rules=['dense/(.*) -> model/\\1', {'global_step': 'step'}])
    keys = small_model.keys_of(tmp_path / 'x')
    assert {'model/kernel', 'step'} <= keys and not any('dense' in key for key in keys)


def test_a_rules_file_is_read(sources, tmp_path):
    rules = tmp_path / 'rules'
    rules.write_text('# the model\ndense/(.*) -> model/\\1   # and its slots\n\nglobal_step -> step\n')
    convert(sources['tf1'], tmp_path / 'x', 'tf2', rules=rules)
    assert 'model/kernel/.ATTRIBUTES/VARIABLE_VALUE' in small_model.keys_of(tmp_path / 'x')


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_the_report_names_each_key_with_its_source_when_it_is_asked_even_after_the_source_is_gone(
    style, sources, tmp_path
):
    source = convert(sources['tf1'], tmp_path / 'source', 'tf1') and str(tmp_path / 'source')
    report = convert(source, tmp_path / 'x', style)
    expected = {key: BundleReader(source).entry(key) for key in small_model.keys_of(source)}
    for path in tmp_path.glob('source*'):
        path.unlink()
    rows = json.loads(report.to_json())['matched']
    written = {
        key
        for key in small_model.keys_of(tmp_path / 'x')
        if not key.startswith(('_CHECKPOINTABLE', 'save_counter'))
    }
    assert [row['target'] for row in rows] == [row.target for row in report.matched]
    assert {row['target'] for row in rows} == written and len(rows) == len(written)
    assert {(row.source, row.shape, row.dtype) for row in report.matched} == {
        (key, entry.shape, dtypes.name(entry.dtype)) for key, entry in expected.items()
    }
    assert str(report).startswith(f'matched ({len(rows)})')
    assert report == copy.copy(report) and report == pickle.loads(pickle.dumps(report))


def test_bytes_are_not_stored_again(sources, tmp_path):
    convert(sources['tf1'], tmp_path / 'x', 'both')
    reader = BundleReader(str(tmp_path / 'x'))
    for key in ('dense/kernel', 'global_step'):
        path = 'vars/' + key.replace('/', '.S') + '/.ATTRIBUTES/VARIABLE_VALUE'
        assert reader.entry(key) == reader.entry(path)
