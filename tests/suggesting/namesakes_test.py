"""Tests what names and numbers tell against the order of layers, and which order the layers of a program have."""

import string

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher, hypotheses
from estimator_ckpt.suggesting.namesakes import Namesakes
from tests.suggesting import known_pairs
from tests.suggesting.known_pairs import found


def side(*names, shape=(3, 4)):
    return Side(Variable(number, (name,), shape, known_pairs.FLOAT) for number, name in enumerate(names))


def layers(of_side):
    found = [layer for family in of_side.families() for layer in family.layers]
    return sorted(found, key=lambda layer: layer.variables['kernel'].number)


def proposed(tmp_path, old, new):
    return found(known_pairs.suggest(tmp_path, old, new))


class TestNamesakes:
    def test_words_that_one_side_lacks_do_not_count_and_neither_do_their_numbers(self):
        source = side('Net/Repeat_1/block35_1/Branch_0/w', 'Net/Repeat_1/block35_1/Branch_2/w')
        target = side('Block35_1_Branch_2/kernel', 'Block35_1_Branch_0/kernel')
        (a, b), (x, y) = layers(source), layers(target)
        namesakes = Namesakes(source, target)
        assert namesakes.contradict(a, x) and namesakes.contradict(b, y)
        assert not namesakes.contradict(a, y) and not namesakes.contradict(b, x)

    @pytest.mark.parametrize(
        'old, new',
        [
            (('conv2d/w', 'conv2d_1/w'), ('conv2d_1/w', 'conv2d/w')),
            (('a/left/w', 'a/right/w'), ('b/right/w', 'b/left/w')),
            (('a/b_1/w', 'c/b_1/w'), ('b_2/w', 'b_1/w')),
        ],
        ids=['counted', 'without numbers', 'two of one name'],
    )
    def test_names_that_tell_little_contradict_nothing(self, old, new):
        source, target = side(*old), side(*new)
        namesakes = Namesakes(source, target)
        assert not any(namesakes.contradict(a, b) for a in layers(source) for b in layers(target))

    def test_a_family_of_namesakes_is_supported_and_a_shifted_one_is_not(self):
        source = side(*(f'net/block_{n}/fc/w' for n in range(1, 4)))
        target = side(*(f'model/block_{n}/fc/kernel' for n in range(4)))
        namesakes = Namesakes(source, target)
        [a], [b] = source.families(), target.families()
        support = {h.same_numbers: namesakes.support(h) for h in hypotheses(a, b, Matcher())}
        assert support == {True: 1, False: 0}

    def test_one_layer_for_another_than_its_namesake_is_contrary(self):
        source, target = side('net/b_2/w'), side('model/b_1/kernel', 'model/b_2/kernel')
        namesakes = Namesakes(source, target)
        [a], [b] = source.families(), target.families()
        [wrong, right] = sorted(hypotheses(a, b, Matcher()), key=lambda h: h.pairs)
        assert (namesakes.support(wrong), namesakes.support(right)) == (-1, 0)


def test_the_same_numbers_tell_which_layer_the_source_lacks(tmp_path):
    old = {f'net/repeat/block_{n}/w': (3, 4) for n in range(1, 4)}
    found = proposed(tmp_path, old, {f'model/block_{n}/kernel': (3, 4) for n in range(1, 5)})
    assert found == {f'model/block_{n}/kernel': f'net/repeat/block_{n}/w' for n in range(1, 4)}


def branched(tmp_path):
    """Returns the TF1 checkpoint of a network with branches, its Keras model, and the answer.

    Keras tracks the layers of deeper branches first.
    """
    tf.keras.backend.clear_session()
    made: list[tf.keras.layers.Layer] = []

    def convolution(x, width, size):
        name = f'tree_{string.ascii_lowercase[len(made)]}'
        made.append(tf.keras.layers.Conv2D(width, size, padding='same', use_bias=False, name=name))
        return made[-1](x)

    x = inputs = tf.keras.Input([8, 8, 3])
    x = convolution(x, 5, 3)
    for width in (8, 12):
        left = convolution(x, width, 1)
        middle = convolution(convolution(x, width, 1), width, 3)
        right = convolution(x, width, 1)
        right = convolution(convolution(right, width, 3), width, 3)
        x = tf.keras.layers.Add()([left, middle, right])
    convolution(x, 2, 1)
    shapes = {f'net/conv2d_{n}/kernel': tuple(c.kernel.shape) for n, c in enumerate(made, 1)}
    answer = {f'{c.name}/kernel': f'net/conv2d_{n}/kernel' for n, c in enumerate(made, 1)}
    source = known_pairs.write_index(tmp_path / 'old', shapes)
    return source, tf.train.Checkpoint(model=tf.keras.Model(inputs, made[-1].output)), answer


def test_the_layers_of_a_program_are_in_the_order_in_which_they_were_made(tmp_path):
    source, checkpoint, answer = branched(tmp_path)
    suggestion = estimator_ckpt.suggest_rules(source, checkpoint)
    assert found(suggestion) == answer


def test_branches_whose_order_in_a_file_is_another_one_are_not_mixed_up(tmp_path):
    source, checkpoint, answer = branched(tmp_path)
    suggestion = estimator_ckpt.suggest_rules(source, checkpoint.write(str(tmp_path / 'new')))
    pairs = found(suggestion)
    assert pairs.items() <= answer.items()
    assert {'tree_a/kernel', 'tree_n/kernel'} <= pairs.keys()
