"""The layout of a model of Keras 3 for a checkpoint of Keras 2, and the other way round.

One of the two is the Keras that TensorFlow has; the other is imitated by objects with the same paths.
"""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader

KERAS_3 = hasattr(tf.keras, 'ops')
_VALUE = '/.ATTRIBUTES/VARIABLE_VALUE'


def _object(**children):
    """An object with children of any names."""
    result = tf.train.Checkpoint()
    for name, child in children.items():
        setattr(result, name.replace('layer_with_weights_', 'layer_with_weights-'), child)
    return result


def _variable(seed, *shape, name='variable'):
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32), name=name)


def _keras_2_dense(seed, number):
    """What Keras 2 saves of two layers of the same shape."""
    first, second = seed, seed + 10
    return {
        f'layer_with_weights_{number}': _object(
            kernel=_variable(first, 4, 4, name=f'dense_{number + 5}/kernel'),
            bias=_variable(first + 1, 4, name=f'dense_{number + 5}/bias'),
        ),
        f'layer_with_weights_{number + 1}': _object(
            kernel=_variable(second, 4, 4, name=f'dense_{number + 6}/kernel'),
            bias=_variable(second + 1, 4, name=f'dense_{number + 6}/bias'),
        ),
    }


def _keras_3_dense(zeros=True):
    """What Keras 3 saves of the same layers, with an input and a layer without weights between them."""
    seeds = (90, 91, 92, 93) if zeros else (1, 2, 11, 12)
    shapes = ((4, 4), (4,), (4, 4), (4,))
    # The names are those of the layers of Keras 2, but of the next one each.
    names = ('dense_6/kernel', 'dense_6/bias', 'dense_7/kernel', 'dense_7/bias')
    kernel, bias, kernel_2, bias_2 = (
        _variable(seed, *shape, name=name) for seed, shape, name in zip(seeds, shapes, names, strict=True)
    )
    layers = [
        tf.train.Checkpoint(),
        _object(_kernel=kernel, bias=bias),
        tf.train.Checkpoint(),
        _object(_kernel=kernel_2, bias=bias_2),
    ]
    return _object(_operations=layers)


def _written(directory, name, **children):
    return tf.train.Checkpoint(**children).write(str(directory / name))


@pytest.mark.parametrize('as_root', [False, True])
def test_layers_are_matched_by_their_order_and_not_by_the_numbers_of_their_names(as_root, tmp_path):
    keras_2 = _keras_2_dense(1, 0)
    if as_root:
        source = _object(**keras_2).write(str(tmp_path / 'keras_2'))
        root = ''
    else:
        source, root = _written(tmp_path, 'keras_2', model=_object(**keras_2)), 'model/'
    layout = _written(tmp_path, 'keras_3', model=_object(_functional=_keras_3_dense()))
    estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=layout)
    before, after = BundleReader(source), BundleReader(str(tmp_path / 'x'))
    for number, operation in ((0, 1), (1, 3)):
        for attribute in ('kernel', 'bias'):
            old = f'{root}layer_with_weights-{number}/{attribute}{_VALUE}'
            new = (
                f'model/_functional/_operations/{operation}/{attribute.replace("kernel", "_kernel")}{_VALUE}'
            )
            np.testing.assert_array_equal(after.tensor(new), before.tensor(old))


def test_the_way_back_to_keras_2(tmp_path):
    source = _written(tmp_path, 'keras_3', model=_keras_3_dense(zeros=False))
    layout = _written(tmp_path, 'keras_2', model=_object(**_keras_2_dense(70, 0)))
    estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=layout)
    before, after = BundleReader(source), BundleReader(str(tmp_path / 'x'))
    old, new = f'model/_operations/3/_kernel{_VALUE}', f'model/layer_with_weights-1/kernel{_VALUE}'
    np.testing.assert_array_equal(after.tensor(new), before.tensor(old))


def test_the_same_objects_are_matched_by_paths_and_not_by_numbered_names(tmp_path):
    values = [_variable(seed, 4, 4, name=f'dense_{number}/kernel') for seed, number in ((1, 1), (2, 2))]
    source = _written(tmp_path, 'source', first=_object(kernel=values[0]), second=_object(kernel=values[1]))
    # The layout's second layer has the name of the source's first.
    names = ('dense/kernel', 'dense_1/kernel')
    first, second = (_variable(seed, 4, 4, name=name) for seed, name in zip((8, 9), names, strict=True))
    layout = tf.train.Checkpoint(first=_object(kernel=first), second=_object(kernel=second))
    like = layout.write(str(tmp_path / 'layout'))
    estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=like)
    for number, path in enumerate(('first', 'second')):
        value = BundleReader(str(tmp_path / 'x')).tensor(f'{path}/kernel{_VALUE}')
        np.testing.assert_array_equal(value, values[number].numpy())
    estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), layout)
    for variable, expected in zip((first, second), values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())


def test_a_layer_that_only_the_layout_has_is_missing(tmp_path):
    keras_2 = _keras_2_dense(1, 0)
    del keras_2['layer_with_weights_1']
    source = _written(tmp_path, 'keras_2', model=_object(**keras_2))
    layout = _written(tmp_path, 'keras_3', model=_keras_3_dense())
    with pytest.raises(CheckpointError, match="'dense_7/kernel' is not in it"):
        estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=layout)


@pytest.mark.parametrize('compiled', [False, True], ids=['plain', 'compiled'])
def test_a_model_of_the_present_keras_gets_its_values_by_way_of_the_other_layout(compiled, tmp_path):
    keras = tf.keras
    model = keras.Sequential(
        [
            keras.layers.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.1),
            keras.layers.BatchNormalization(), keras.layers.Dense(4),
        ]
    )  # fmt: skip
    if compiled:
        model.compile(keras.optimizers.Adam(), 'mse')
        model.optimizer.build(model.trainable_variables)
    dense_1, batch, dense_2 = ((_variable(1, 4, 4), _variable(2, 4)), [_variable(n, 4) for n in (3, 4, 5, 6)],
                               (_variable(7, 4, 4), _variable(8, 4)))  # fmt: skip
    attributes = dict(zip(('gamma', 'beta', 'moving_mean', 'moving_variance'), batch, strict=True))
    if KERAS_3:
        other = _object(
            layer_with_weights_0=_object(kernel=dense_1[0], bias=dense_1[1]),
            layer_with_weights_1=_object(**attributes),
            layer_with_weights_2=_object(kernel=dense_2[0], bias=dense_2[1]),
        )
    else:
        layers = [
            tf.train.Checkpoint(), _object(_kernel=dense_1[0], bias=dense_1[1]), tf.train.Checkpoint(),
            _object(**attributes), _object(_kernel=dense_2[0], bias=dense_2[1]),
        ]  # fmt: skip
        other = _object(_functional=_object(_operations=layers))
    source = _written(tmp_path, 'other', model=other)
    target = tf.train.Checkpoint(model=model)
    if compiled:
        # Trainable variables only, which Keras 3 lists in its optimizer too.
        estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), target)
    else:
        estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=target.write(str(tmp_path / 'layout')))
        target.read(str(tmp_path / 'x')).assert_consumed()
    variables = model.trainable_variables if compiled else model.weights
    batch = batch[:2] if compiled else batch
    for variable, expected in zip(variables, [*dense_1, *batch, *dense_2], strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())
