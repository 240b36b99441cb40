"""Old checkpoints of strangers, with slots, go to Keras legacy optimizers, and TensorFlow restores them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from tests.testing.small_model import needs_keras_2

# Keras's optimizer for what its slots' names end in, and what it calls these.
_KERAS = {
    'Adam': ('Adam', {'m': 'Adam', 'v': 'Adam_1'}),
    'Momentum': ('SGD', {'momentum': 'Momentum'}),
    'RMSProp': ('RMSprop', {'rms': 'RMSProp', 'momentum': 'RMSProp_1'}),
}
_RATE, _ITERATIONS = 0.25, 1234


def _optimizer(name: str):
    momentum = {} if name == 'Adam' else {'momentum': 0.9}
    return getattr(tf.keras.optimizers.legacy, name)(_RATE, **momentum), momentum


def _with_slots(wild: pathlib.Path) -> list[str]:
    prefixes = [str(path).removesuffix('.index') for path in sorted(wild.rglob('*.index'))]
    return [p for p in prefixes if any(entry.kind is Kind.SLOT for entry in Contents(p).entries())]


def _kind_of_slots(entries) -> str:
    (found,) = {entry.slot_name.partition('_')[0] for entry in entries if entry.kind is Kind.SLOT}
    return found


@needs_keras_2
def test_wild_slots_go_to_legacy_optimizers(wild, tmp_path):
    prefixes = _with_slots(wild)
    assert len(prefixes) >= 5
    seen = {_check(source, tmp_path / str(number)) for number, source in enumerate(prefixes)}
    assert seen == {'Adam', 'SGD', 'RMSprop'}


def _check(source: str, destination: pathlib.Path) -> str:
    entries = Contents(source).entries()
    keras, slots = _KERAS[_kind_of_slots(entries)]
    optimizer, momentum = _optimizer(keras)
    has_step = any(entry.kind is Kind.STEP for entry in entries)
    hyperparameters = {'learning_rate': _RATE, **momentum, **({} if has_step else {'iter': _ITERATIONS})}
    estimator_ckpt.convert(
        source, destination, 'tf2', keras_optimizer=keras, hyperparameters=hyperparameters, root='model'
    )
    owners = {entry.variable for entry in entries if entry.kind is Kind.SLOT}
    variables = {
        entry.key: tf.Variable(np.zeros(entry.shape, entry.dtype))
        for entry in entries
        if entry.kind is Kind.VARIABLE
    }
    optimizer.iterations  # noqa: B018  It is made when it is first asked for.
    optimizer._create_all_weights([variables[owner] for owner in sorted(owners)])
    checkpoint = tf.train.Checkpoint(model=variables, optimizer=optimizer)
    checkpoint.restore(str(destination)).assert_consumed()
    _assert_same(source, variables, owners, optimizer, slots)
    if not has_step:
        assert int(optimizer.iterations) == _ITERATIONS
    return keras


def _assert_same(source, variables, owners, optimizer, slots) -> None:
    reader = tf.compat.v1.train.NewCheckpointReader(source)  # A prefix can end in a slash.
    for key, variable in variables.items():
        np.testing.assert_array_equal(variable, reader.get_tensor(key))
    shapes = reader.get_variable_to_shape_map()
    for owner in owners:
        for slot, ending in slots.items():
            names = [f'{owner}{part}/{ending}' for part in ('', '/t_0', '/part_0')]
            (name,) = [name for name in names if name in shapes]
            value = reader.get_tensor(name)
            if slot == 'momentum' and ending == 'Momentum':
                value = value * np.float32(-_RATE)
            np.testing.assert_array_equal(optimizer.get_slot(variables[owner], slot), value)


def test_wild_slots_without_a_step_need_the_number_of_updates(wild, tmp_path):
    (source,) = [prefix for prefix in _with_slots(wild) if 'mtcnn' in prefix]
    with pytest.raises(estimator_ckpt.CheckpointError, match="hyperparameters={'iter'") as error:
        estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', keras_optimizer='SGD')
    assert 'learning_rate' in str(error.value)
    assert not list(tmp_path.iterdir())
