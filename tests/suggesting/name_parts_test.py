"""Tests what names and shapes of tensors say of them."""

import pytest

from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.name_parts import find_role, join_directions, likeness, split_names, words
from estimator_ckpt.suggesting.reshaping import fits


@pytest.mark.parametrize(
    'name, role, layer',
    [
        ('net/conv1/weights', 'kernel', 'net/conv1/'),
        ('net/dw/depthwise_weights', 'depthwise_kernel', 'net/dw/'),
        ('cell/recurrent_kernel:0', 'recurrent_kernel', 'cell/'),
        ('embeddings/word_embeddings', 'embedding', 'embeddings/word_'),
        ('word_embedding/W', 'embedding', 'word_embedding/'),
        ('bn/moving_mean', 'mean', 'bn/'),
        ('bn/pop_var:0', 'variance', 'bn/'),
        ('bn/population_mean_1', 'mean', 'bn/_1'),
        ('conv1/shift', 'beta', 'conv1/'),
        ('g_h0_lin/Matrix', 'kernel', 'g_h0_lin/'),
        ('emb/embedding_matrix', 'embedding', 'emb/'),
        ('crf/transition_matrix', '', 'crf/transition_matrix'),
        ('highway/gate_0/bias_', 'bias', 'highway/gate_0/'),
        ('conv0/bn/mean/EMA', 'mean', 'conv0/bn/'),
        ('net/bn/moments/Squeeze_1/ExponentialMovingAverage:0', 'variance', 'net/bn/'),
        ('fc1/bn/fc1/bn/moments/normalize/mean/ExponentialMovingAverage', 'mean', 'fc1/bn/'),
        ('net/w/ExponentialMovingAverage', '', 'net/w/ExponentialMovingAverage'),
        ('CNN1/conv_B', 'bias', 'CNN1/conv_'),
        ('W1', 'kernel', '1'),
        ('Variable_1', '', 'Variable_1'),
        ('overweight', '', 'overweight'),
        ('net/W_conv1', 'kernel', 'net/conv1'),
        ('net/attention_Wq', 'kernel', 'net/attention_q'),
        ('net/bo', 'bias', 'net/o'),
        ('net/wc3a', 'kernel', 'net/c3a'),
        ('net/bd1', 'bias', 'net/d1'),
        ('net/bout:0', 'bias', 'net/out'),
        ('net/bn1', '', 'net/bn1'),
        ('net/block', '', 'net/block'),
        ('net/b_conv1:0', 'bias', 'net/conv1'),
        ('w_embs', 'embedding', 'embs'),
        ('bias_weights', 'kernel', 'bias_'),
        ('b_2/conv', '', 'b_2/conv'),
        ('bottom_up', '', 'bottom_up'),
        ('lstm/bias_of_cell', '', 'lstm/bias_of_cell'),
        ('Softmax/kernel-cluster', 'kernel', 'Softmax/cluster'),
        ('Attention/kernel_kv', 'kernel', 'Attention/kv'),
        ('Softmax/bias-0', 'bias', 'Softmax/-0'),
    ],
)
def test_a_role_is_the_last_word_of_a_name_or_else_the_first(name, role, layer):
    assert find_role(name) == (role, layer)


def test_numbers_are_taken_out_but_for_those_of_dimensions():
    [split] = split_names(['block1/conv2d_10/x']).values()
    assert (split.literals, split.values) == (('block', '/conv2d_', '/x'), (1, 10))


def test_words_that_number_layers_are_numbers_where_there_are_several():
    splits = split_names(
        ['unit_1/conv_before', 'unit_1/conv_after', 'unit_1/second_branch', 'First_conv', 'second_conv']
    )
    assert splits['unit_1/conv_before'].values == (1, 1) and splits['unit_1/conv_after'].values == (1, 2)
    assert splits['unit_1/conv_before'].literals == splits['unit_1/conv_after'].literals
    assert splits['unit_1/second_branch'].values == (1,)
    assert splits['First_conv'].values == (1,) and splits['second_conv'].values == (2,)
    assert all(str(split) == name for name, split in splits.items())


def test_a_letter_after_a_number_is_a_number():
    splits = split_names(['Mixed_5b/Conv2d_0a_1x1', 'Mixed_5d/Conv2d_0c_3x3', 'block2d_conv2d'])
    assert [split.values for split in splits.values()] == [(5, 1, 0, 0, 1, 1), (5, 3, 0, 2, 3, 3), (2, 3)]
    assert [str(split) for split in splits.values()] == list(splits)
    splits = split_names(['res3d_branch2a', 'bn3d_branch2a', 'conv3d_2'])
    assert [split.values for split in splits.values()] == [(3, 3, 2, 0), (3, 3, 2, 0), (2,)]
    # Only one digit before a `d` is a dimension.
    [split] = split_names(['mixed_17x17x768d/conv3d']).values()
    assert split.values == (17, 17, 768, 3)


@pytest.mark.parametrize(
    'names, roles',
    [
        (['ln/g', 'ln/b'], ['gamma', 'beta']),
        (['norm/scale', 'norm/bias'], ['gamma', 'beta']),
        (['norm/weight'], ['gamma']),
        (['fc/w', 'fc/b'], ['gamma', 'beta']),
    ],
)
def test_the_weight_of_a_normalization_is_a_vector(names, roles):
    side = Side(Variable(number, (name,), (8,), 1) for number, name in enumerate(names))
    assert side.roles == roles


def test_a_bias_beside_the_statistics_of_a_normalization_is_its_offset():
    """As in darkflow; without statistics, there is a scale of the weights."""
    shapes = {'c/kernel': (3, 3, 4, 8), 'c/biases': (8,), 'c/gamma': (8,)}
    for further, role in ({'c/moving_mean': (8,)}, 'beta'), ({}, 'bias'):
        side = Side(
            Variable(n, (name,), shape, 1) for n, (name, shape) in enumerate((shapes | further).items())
        )
        assert side.roles[1] == role


def test_unnamed_variables_are_in_the_order_of_their_numbers():
    names = ['net/Variable_9', 'net/Variable_10']
    side = Side(
        Variable(n, (name,), shape, 1)
        for n, (name, shape) in enumerate(zip(names, [(4, 8), (8,)], strict=True))
    )
    assert side.roles == ['kernel', 'bias']


def test_a_bias_beside_a_matrix_is_a_bias():
    assert Side([Variable(0, ('c/w',), (1, 8, 8), 1), Variable(1, ('c/b',), (8,), 1)]).roles == [
        'kernel',
        'bias',
    ]


def test_what_tensorflow_counts_from_one_has_a_first_without_number():
    names = ['a/dense', 'a/dense_1', 'b/dense_1', 'c/x', 'c/x_0']
    splits = split_names(names)
    assert splits['a/dense'].texts == ('',) and splits['a/dense_1'].texts == ('_1',)
    assert splits['a/dense'].literals == splits['a/dense_1'].literals
    assert splits['b/dense_1'].texts == ('1',) and splits['c/x'].texts == ()
    assert [str(split) for split in splits.values()] == names


@pytest.mark.parametrize(
    ('names', 'values'),
    [
        (['net/cnv1', 'net/cnv2', 'net/cnv2b'], [(1, 0), (2, 0), (2, 1)]),
        # Where there is an `a`, the one without a letter is none of them; and `conv2d` is no convolution after `conv2`.
        (['net/cnv2', 'net/cnv2a', 'net/cnv2b'], [(2,), (2, 0), (2, 1)]),
        (['net/conv2', 'net/conv2d'], [(2,), ()]),
        (['net/cnv1', 'other/cnv1b'], [(1,), (1, 1)]),
    ],
)
def test_a_name_without_a_letter_is_before_the_one_with_b(names, values):
    splits = split_names(names)
    assert [splits[name].values for name in names] == values
    assert all(str(splits[name]) == name for name in names)


def test_two_numbers_may_follow_a_role():
    assert find_role('net/w2_0') == ('kernel', 'net/2_0') and find_role('net/b2_0') == ('bias', 'net/2_0')


def test_the_tables_of_gpt_2_are_those_of_words_and_positions():
    assert words(['wte']) == words(['tok']) and words(['wpe']) == words(['pos'])
    assert find_role('model/wte') == ('', 'model/wte') and find_role('model/wq') == ('kernel', 'model/q')


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('G_A2B', 'G_AB'),
        ('generatorAtoB/conv2d', 'generatorAB/conv2d'),
        ('g_x_to_y', 'g_xy'),
        ('a2b_model', 'ab_model'),
        ('block_2b', 'block_2b'),
        ('Conv2d_3x3', 'Conv2d_3x3'),
        ('auto_encoder', 'auto_encoder'),
        ('seq2seq', 'seq2seq'),
    ],
)
def test_directions_of_networks_are_in_one_spelling(name, expected):
    assert join_directions(name) == expected


def test_words_are_compared_in_one_spelling():
    assert words(['predictor']) == words(['pred'])
    assert words(['net/LayerNorm', '/BatchNormalization/bn/conv2d/blocks']) == (
        ['net', 'norm', 'norm', 'norm', 'conv', 'block']
    )
    assert likeness('dw', 'depthwise') > likeness('pw', 'depthwise') == 0
    assert 1 == likeness('a', 'a') > likeness('hidden', 'hiddenlayer') > 0


@pytest.mark.parametrize(
    'a, b, expected',
    [
        ((768, 768), (768, 12, 64), True),
        ((24, 24), (3, 8, 24), True),
        ((1, 1, 8, 5), (8, 5), True),
        ((7, 7, 512, 10), (25088, 10), True),
        ((2, 6), (3, 4), False),
        ((4, 6), (6, 4), False),
        ((3,), (4,), False),
        ((3, 3, 8, 2), (3, 3, 1, 16), True),
        ((1, 1, 896, 128), (1, 7, 128, 128), False),
    ],
)
def test_shapes_fit_where_axes_are_split_or_merged(a, b, expected):
    assert fits(a, b) is expected


def test_the_kernel_and_the_bias_of_a_layer_of_keras_3_are_in_one_layer():
    assert find_role('net/_operations/3/_kernel') == ('kernel', 'net/_operations/3/')
    assert find_role('net/_operations/3/bias') == ('bias', 'net/_operations/3/')


@pytest.mark.parametrize(
    'literals, expected',
    [
        (['cbhg/highway_', '/H/'], ['cbhg', 'highway', 'transform']),
        (['cbhg/highway_', '/T/'], ['cbhg', 'highway', 'gate']),
        (['lm/CNN_high_', '/carry/'], ['lm', 'cnn', 'high', 'gate']),
        (['net/T/'], ['net', 't']),
        (['higher/T/'], ['higher', 't']),
    ],
)
def test_the_letters_of_highway_networks_are_words(literals, expected):
    assert words(literals) == expected


def test_a_part_of_a_name_has_the_words_of_the_whole():
    assert words(['T'], within=['highway_', '/T/']) == ['gate']
