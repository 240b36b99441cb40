"""Tests that of layers that are alike, those that the aligned layers before or after them tell apart are found."""

import pytest
import tensorflow as tf

from estimator_ckpt.suggesting.connected import connected, links_of
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher
from tests.suggesting import known_pairs
from tests.suggesting.answers import measure
from tests.suggesting.known_pairs import suggest
from tests.testing.small_model import needs_keras_2

# A trunk, and two heads with hidden layers of the same shape.
SHAPES = {
    'conv/kernel': (3, 3, 4, 8),
    'advantage/fc/kernel': (32, 16),
    'advantage/fc_1/kernel': (16, 4),
    'value/fc/kernel': (32, 16),
    'value/fc_1/kernel': (16, 1),
}
HEADS = [*SHAPES][1:]
HIDDEN = {'advantage/fc/kernel', 'value/fc/kernel'}


def told(order, shapes=SHAPES, open_=HIDDEN):
    """The pairs that are told of layers of the same names, which the target has made in an order."""
    names = sorted(shapes)
    source = Side(known_pairs.variables({name: shapes[name] for name in names}))
    target = Side(
        Variable(n, (f'layer_{n}/kernel',), shapes[name], known_pairs.FLOAT, n)
        for n, name in enumerate(order)
    )
    sources = {n: names.index(name) for n, name in enumerate(order) if name not in open_}
    live = {names.index(name) for name in open_}, {n for n, name in enumerate(order) if name in open_}
    pairs = connected((source, target), (links_of(source), links_of(target)), live, sources, Matcher())
    return {names[a.variables['kernel'].number]: order[b.variables['kernel'].number] for a, b in pairs}


@pytest.mark.parametrize(
    'order', [HEADS, [*HEADS[2:], *HEADS[:2]]], ids=['as they are', 'the other way round']
)
def test_the_outputs_after_hidden_layers_tell_these_apart(order):
    assert told(['conv/kernel', *order]) == {name: name for name in HIDDEN}


def test_what_comes_before_tells_layers_apart_too():
    shapes = {
        'user/fc/kernel': (5, 16),
        'user/fc_1/kernel': (16, 4),
        'item/fc/kernel': (7, 16),
        'item/fc_1/kernel': (16, 4),
    }
    open_ = {'user/fc_1/kernel', 'item/fc_1/kernel'}
    assert told([*shapes], shapes, open_) == {name: name for name in open_}


@pytest.mark.parametrize('order', [(0, 2, 1, 3), (2, 0, 1, 3), (0, 2, 3, 1)])
def test_branches_that_take_turns_tell_nothing(order):
    """As Keras tracks the layers of a functional model: by their depths."""
    assert not told(['conv/kernel', *(HEADS[n] for n in order)])


def test_layers_that_do_not_fit_each_other_tell_nothing():
    shapes = SHAPES | {'advantage/fc_1/kernel': (15, 4), 'value/fc_1/kernel': (17, 1)}
    assert not told(['conv/kernel', *HEADS], shapes)


@needs_keras_2
def test_the_heads_of_two_dueling_networks_are_told_apart(tmp_path):
    layers, answer, models = tf.keras.layers, {}, {}
    for online, new in (('q_func', 'q_network'), ('target_q_func', 'target_q_network')):
        inputs = tf.keras.Input((4, 4, 1))
        made = [layers.Conv2D(2, 3), *(layers.Dense(n) for n in (16, 4, 16, 1))]
        x = layers.Flatten()(made[0](inputs))
        # Keras makes the variables of a layer when the layer is called.
        advantage, value = made[2](made[1](x)), made[4](made[3](x))
        mean = layers.Lambda(lambda a: tf.reduce_mean(a, 1, keepdims=True))(advantage)
        models[new] = tf.keras.Model(inputs, value + advantage - mean)
        for scope, layer in zip(
            ('Conv', *(name.removesuffix('/kernel') for name in HEADS)), made, strict=True
        ):
            answer[f'{online}/{scope}/weights'], answer[f'{online}/{scope}/biases'] = layer.kernel, layer.bias
    pair = known_pairs.program(answer, **models)
    assert suggest(tmp_path, pair.shapes, pair.target).complete
    assert measure(tmp_path, pair).recall == 1.0
