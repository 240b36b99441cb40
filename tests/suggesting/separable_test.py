"""Tests that separable convolutions get the kernels that the other side has in two layers, and the right norms."""

import pytest
import tensorflow as tf

from tests.suggesting import known_pairs
from tests.suggesting.answers import measure
from tests.suggesting.known_pairs import found, suggest
from tests.testing.small_model import needs_keras_2

NAMES = [
    ('conv{}_depthwise', 'conv{}_pointwise'),
    ('conv_dw_{}', 'conv_pw_{}'),
    ('Conv{}_Depthwise', 'Conv{}_Pointwise'),
]


def apart(depthwise, pointwise, count=4, width=8):
    """The shapes of separable convolutions in two layers each, both of which are normalized."""
    shapes = {}
    for n in range(count):
        first, second = (f'net/unit_{n}/{name.format(n)}' for name in (depthwise, pointwise))
        shapes |= {f'{first}/depthwise_weights': (3, 3, width, 1), f'{second}/weights': (1, 1, width, width)}
        shapes |= {f'{at}/BatchNorm/{role}': (width,) for at in (first, second) for role in ('gamma', 'beta')}
    return shapes


@needs_keras_2
@pytest.mark.parametrize('names', NAMES)
def test_the_norm_after_a_separable_convolution_is_that_of_the_pointwise_one(tmp_path, names):
    layers, answer = tf.keras.layers, {}
    x = inputs = tf.keras.Input((8, 8, 8))
    shapes = apart(*names)
    for n in range(4):
        conv = layers.SeparableConv2D(8, 3, padding='same', use_bias=False)
        norm = layers.BatchNormalization()
        x = norm(conv(x))
        first, second = (f'net/unit_{n}/{name.format(n)}' for name in names)
        answer[f'{first}/depthwise_weights'], answer[f'{second}/weights'] = (
            conv.depthwise_kernel,
            conv.pointwise_kernel,
        )
        answer |= {f'{second}/BatchNorm/{role}': getattr(norm, role) for role in ('gamma', 'beta')}
    pair = known_pairs.program(
        answer, {k: v for k, v in shapes.items() if k not in answer}, net=tf.keras.Model(inputs, x)
    )
    measured = measure(tmp_path, pair)
    assert measured.precision == measured.recall == 1.0


def test_two_layers_get_the_kernels_of_a_separable_convolution(tmp_path):
    old = {
        f'sep/{n}/{role}': shape
        for n in range(4)
        for role, shape in (('depthwise_kernel', (3, 3, 8, 1)), ('pointwise_kernel', (1, 1, 8, 8)))
    }
    new = {name: shape for name, shape in apart(*NAMES[0]).items() if 'BatchNorm' not in name}
    names = found(suggest(tmp_path, old, new))
    assert names == {
        f'net/unit_{n}/conv{n}_{role}/{own}': f'sep/{n}/{role}_kernel'
        for n in range(4)
        for role, own in (('depthwise', 'depthwise_weights'), ('pointwise', 'weights'))
    }
