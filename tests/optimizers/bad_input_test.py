"""What cannot be converted is refused in one message that lists all of it, and nothing is written or assigned."""

import logging

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import CheckpointError, MappingError, WarmStart
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.cli import main
from tests.optimizers.training import CROSSINGS, RULES, STEPS, Net, train_keras, train_tf1
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1
_LETTERS = ('a', 'b', 'c')


def _write(path, slots, step: int | None = 5, **scalars) -> str:
    """A name-based checkpoint of three variables with slots, by their endings."""
    writer = BundleWriter(str(path))
    for letter in _LETTERS:
        writer.add_tensor(letter, np.ones(2, np.float32))
    for slot in slots:
        writer.add_tensor(slot, np.full(2, 0.5, np.float32))
    for name, value in scalars.items():
        writer.add_tensor(name, np.float32(value))
    if step is not None:
        writer.add_tensor('global_step', step if isinstance(step, np.int32) else np.int64(step))
    writer.publish()
    return str(path)


def _refusal(source, tmp_path, **options) -> str:
    with pytest.raises(CheckpointError) as error:
        estimator_ckpt.convert(source, tmp_path / 'out', 'tf2', **options)
    assert not list(tmp_path.glob('out*'))
    return str(error.value)


def test_slots_of_another_optimizer_are_all_named(tmp_path):
    source = _write(tmp_path / 'x', [f'{letter}/Momentum' for letter in _LETTERS])
    message = _refusal(source, tmp_path, keras_optimizer='Adam')
    assert '3 slots are of Momentum, not of Adam (a/Momentum, b/Momentum, c/Momentum)' in message


def test_a_variable_without_one_of_its_slots_is_named(tmp_path):
    slots = ['a/Adam', 'a/Adam_1', 'b/Adam', 'c/Adam_1']
    message = _refusal(_write(tmp_path / 'x', slots), tmp_path, keras_optimizer='Adam')
    assert "'b' has no slot 'v' of Adam" in message
    assert "'c' has no slot 'm' of Adam" in message


def test_a_slot_that_all_variables_lack_is_named_for_each(tmp_path):
    source = _write(tmp_path / 'x', [f'{letter}/Adam' for letter in _LETTERS])
    message = _refusal(source, tmp_path, keras_optimizer='Adam')
    assert all(f"'{letter}' has no slot 'v' of Adam" in message for letter in _LETTERS)


def test_no_slots_at_all_are_refused(tmp_path):
    assert 'it has no slots of Adam' in _refusal(_write(tmp_path / 'x', []), tmp_path, keras_optimizer='Adam')


def test_momentum_needs_the_learning_rate(tmp_path):
    source = _write(tmp_path / 'x', [f'{letter}/Momentum' for letter in _LETTERS])
    options = {'keras_optimizer': 'SGD', 'hyperparameters': {'momentum': 0.9}}
    message = _refusal(source, tmp_path, **options)
    assert message.count("give hyperparameters={'learning_rate': ...}") == 1


def test_one_message_lists_all_that_is_wrong(tmp_path):
    slots = ['a/Momentum', 'b/Momentum', 'c/Adagrad', 'a/Ftrl']
    source = _write(tmp_path / 'x', slots, step=None)
    options = {'keras_optimizer': {'Momentum': 'SGD', 'Ftrl': 'Ftrl'}}
    message = _refusal(source, tmp_path, **options)
    assert '1 slots are of Adagrad, not of SGD, Ftrl (c/Adagrad)' in message
    assert "'a' has no slot 'linear' of Ftrl" in message
    assert "{'learning_rate': ...}" in message
    assert 'no global step' in message


def test_a_second_optimizer_on_the_same_variables_is_told_apart(tmp_path):
    slots = [f'a/Adam{ending}' for ending in ('', '_1', '_2', '_3')]
    message = _refusal(_write(tmp_path / 'x', slots), tmp_path, keras_optimizer='Adam')
    assert '2 slots are of a second Adam on the same variables' in message


def test_variables_without_any_slot_are_named_in_a_warning(tmp_path):
    source = _write(tmp_path / 'x', ['a/Adagrad', 'b/Adagrad'])
    report = estimator_ckpt.convert(source, tmp_path / 'out', 'tf2', keras_optimizer='Adagrad')
    assert [note for note in report.warnings if note.startswith('1 variables') and note.endswith(' c.')]


def test_a_step_that_contradicts_the_beta_powers_is_a_warning_with_both_figures(tmp_path, capsys):
    slots = [f'{letter}/{ending}' for letter in _LETTERS for ending in ('Adam', 'Adam_1')]
    powers = {'beta1_power': 0.9**11, 'beta2_power': 0.999**11}
    source = _write(tmp_path / 'x', slots, step=500, **powers)
    report = estimator_ckpt.convert(source, tmp_path / 'out', 'tf2', keras_optimizer='Adam')
    warnings = [note for note in report.warnings if 'power' in note]
    assert len(warnings) == 2
    assert all(
        f'after {n} updates, but the step is 500' in w for n, w in zip(('10.0',) * 2, warnings, strict=True)
    )
    assert main.main(
        ['estimator-ckpt', 'convert', source, str(tmp_path / 'o'), '--style=tf2', '--keras_optimizer=Adam']
    ) in (0, None)
    assert 'but the step is 500' in capsys.readouterr().out


def test_the_right_step_is_no_warning_at_any_age(tmp_path):
    slots = [f'{letter}/{ending}' for letter in _LETTERS for ending in ('Adam', 'Adam_1')]
    for step in (0, 1, 899, 10**6):
        powers = {f'beta{n}_power': np.float32(beta ** (step + 1)) for n, beta in ((1, 0.9), (2, 0.999))}
        source = _write(tmp_path / f'x{step}', slots, step, **powers)
        report = estimator_ckpt.convert(source, tmp_path / f'out{step}', 'tf2', keras_optimizer='Adam')
        assert not [note for note in report.warnings if 'power' in note]


def test_the_number_of_updates_can_be_given_where_there_is_no_step(tmp_path):
    slots = [f'{letter}/{ending}' for letter in _LETTERS for ending in ('Adam', 'Adam_1')]
    source = _write(tmp_path / 'x', slots, step=None)
    options = {'keras_optimizer': 'Adam', 'hyperparameters': {'iter': 77}}
    estimator_ckpt.convert(source, tmp_path / 'out', 'tf2', **options)
    reader = tf.train.load_checkpoint(str(tmp_path / 'out'))
    assert reader.get_tensor('optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE') == 77


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_a_step_is_kept_beside_a_number_of_updates_that_is_given(style, tmp_path):
    slots = [f'{letter}/{ending}' for letter in _LETTERS for ending in ('Adam', 'Adam_1')]
    source = _write(tmp_path / 'x', slots, step=12)
    options = {'keras_optimizer': 'Adam', 'hyperparameters': {'iter': 77}}
    estimator_ckpt.convert(source, tmp_path / 'out', style, **options)
    reader = tf.train.load_checkpoint(str(tmp_path / 'out'))
    assert reader.get_tensor('optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE') == 77
    assert reader.get_tensor('vars/global_step/.ATTRIBUTES/VARIABLE_VALUE') == 12


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_a_step_of_32_bits_becomes_iterations_of_64(style, tmp_path):
    source = _write(tmp_path / 'x', ['a/Adagrad'], step=np.int32(12))
    options = (
        {'keras_optimizer': 'Adagrad', 'step': 'step'} if style == 'both' else {'keras_optimizer': 'Adagrad'}
    )
    estimator_ckpt.convert(source, tmp_path / 'out', style, **options)
    reader = tf.train.load_checkpoint(str(tmp_path / 'out'))
    iterations = reader.get_tensor('optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE')
    assert (iterations, iterations.dtype) == (12, np.int64)
    if style == 'both':
        assert reader.get_tensor('global_step').dtype == np.int32
        assert reader.get_tensor('step/.ATTRIBUTES/VARIABLE_VALUE').dtype == np.int32


@pytest.mark.parametrize(
    'options',
    [
        {'hyperparameters': {'rho': 0.9}},
        {'keras_optimizer': 'Nadam'},
        {'optimizer': {'Adam': 'o'}},
        {'keras_optimizer': {'a/.*': 'Adagrad'}},
        {'keras_optimizer': {'*': 'Adagrad'}},
    ],
)
def test_what_is_not_known_is_refused(options, tmp_path):
    source = _write(tmp_path / 'x', ['a/Adagrad'])
    assert _refusal(source, tmp_path, **{'keras_optimizer': 'Adagrad', **options})


def test_hyperparameters_of_several_optimizers_are_a_dict_for_each(tmp_path):
    source = _write(tmp_path / 'x', ['a/Adagrad', 'b/Ftrl', 'b/Ftrl_1'])
    options = {'keras_optimizer': {'Adagrad': 'Adagrad', 'Ftrl': 'Ftrl'}}
    message = _refusal(source, tmp_path, **options, hyperparameters={'learning_rate': 0.1})
    assert "'Adagrad', 'Ftrl'" in message


def _values(optimizer, net) -> list[np.ndarray]:
    variables = optimizer.variables
    variables = variables() if callable(variables) else variables
    return [np.array(variable) for variable in [*variables, net.kernel, net.bias]]


def _refused_warm_start(source, crossing, **options) -> str:
    net, optimizer = Net(), crossing.make('new')
    optimizer.build([net.kernel, net.bias])
    before = _values(optimizer, net)
    target = tf.train.Checkpoint(model=net, optimizer=optimizer)
    with pytest.raises(MappingError) as error:
        estimator_ckpt.warm_start(WarmStart(source, RULES, slots=True, step='keep', **options), target)
    for old, new in zip(before, _values(optimizer, net), strict=True):
        np.testing.assert_array_equal(old, new)
    return str(error.value)


def test_a_warm_start_from_another_optimizer_assigns_nothing(tmp_path):
    train_tf1(CROSSINGS['Adagrad'], range(STEPS), tmp_path / 'x')
    message = _refused_warm_start(tmp_path / 'x', CROSSINGS['Adam'])
    assert message.count('the checkpoint has slots of adagrad, not of adam') == 4


def test_a_warm_start_without_one_of_the_slots_assigns_nothing(tmp_path):
    train_tf1(CROSSINGS['Adam'], range(STEPS), tmp_path / 'x')
    estimator_ckpt.convert(tmp_path / 'x', tmp_path / 'y', 'tf1', drop='dense/bias/Adam_1')
    assert 'is not in it' in _refused_warm_start(tmp_path / 'y', CROSSINGS['Adam'])


def test_a_warm_start_whose_step_contradicts_the_powers_is_logged(tmp_path, caplog):
    train_tf1(CROSSINGS['Adam'], range(STEPS), tmp_path / 'x', first_step=100)
    net, optimizer = Net(), CROSSINGS['Adam'].make('new')
    target = tf.train.Checkpoint(model=net, optimizer=optimizer)
    with caplog.at_level(logging.WARNING, 'tensorflow'):
        estimator_ckpt.warm_start(WarmStart(tmp_path / 'x', RULES, slots=True, step='keep'), target)
    assert f'is 0.8 after {STEPS}.0 updates, but the step is {100 + STEPS}' in caplog.text


@needs_keras_2
def test_a_session_needs_the_learning_rate_of_a_schedule(tmp_path):
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    net, optimizer = Net(), tf.keras.optimizers.legacy.SGD(schedule, momentum=0.9)
    train_keras(net, optimizer, range(STEPS))
    source = tf.train.Checkpoint(model=net, optimizer=optimizer).save(str(tmp_path / 'x'))
    warm_start = WarmStart(source, [(r'model/(.*)', r'dense/\1')], slots=True, step='keep')

    def start(session):
        before = session.run(tf1.global_variables())
        with pytest.raises(MappingError, match='learning_rate') as error:
            estimator_ckpt.warm_start(warm_start, session=session)
        assert len(error.value.report.mismatched) == 2
        for old, new in zip(before, session.run(tf1.global_variables()), strict=True):
            np.testing.assert_array_equal(old, new)

    train_tf1(CROSSINGS['Momentum'], range(1), start=start)
