"""Tests that layers are found that are not where the numbers of the others of their names put them."""

from estimator_ckpt.suggesting.expected_places import misplaced
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import main_number
from tests.suggesting import known_pairs

NORMS = [(f'block_{b}/layer_{n}/norm', f'norm_{2 * b + n}') for b in range(4) for n in range(2)]


def found(pairs, sources=(), targets=(), shapes=None):
    """The pairs of names that are misplaced, given those that are aligned and the names left on both sides."""
    names = [[a for a, _ in pairs] + list(sources), [b for _, b in pairs] + list(targets)]
    sides = [
        Side(
            Variable(n, (f'{name}/kernel',), (shapes or {}).get(name, (3, 4)), known_pairs.FLOAT)
            for n, name in enumerate(of_side)
        )
        for of_side in names
    ]
    layers = [{main_number(layer): layer for layer in side.layers()} for side in sides]
    aligned = [(layers[0][n], layers[1][n]) for n in range(len(pairs))]
    rows = misplaced((sides[0], sides[1]), {n: n for n in range(len(pairs))}, aligned, Matcher())
    return {(names[0][main_number(a)], names[1][main_number(b)]) for a, b in rows}


def test_the_next_layer_took_the_place_of_one_that_the_source_lacks():
    pairs = [pair for pair in NORMS if pair[1] not in ('norm_4', 'norm_5')]
    wrong = ('block_2/layer_0/norm', 'norm_5')
    assert found([*pairs, wrong], targets=['norm_4']) == {wrong}
    assert found([*pairs, wrong], sources=['block_2/layer_1/norm']) == {wrong}


def test_a_layer_of_another_name_took_its_place():
    pairs = [pair for pair in NORMS if pair[1] != 'norm_7']
    wrong = ('block_3/layer_1/norm', 'last_norm')
    assert found([*pairs, wrong], targets=['norm_7']) == {wrong}


def test_a_place_that_is_not_left_or_has_another_shape_says_nothing():
    pairs = [pair for pair in NORMS if pair[1] != 'norm_7']
    last = ('block_3/layer_1/norm', 'last_norm')
    assert not found([*pairs, last])
    assert not found([*pairs, last], targets=['norm_8'])
    assert not found([*pairs, last], targets=['norm_7'], shapes={'norm_7': (5, 6)})


def test_too_few_layers_and_layers_in_no_relation_say_nothing():
    last = ('block_3/layer_1/norm', 'last_norm')
    assert not found([*NORMS[:3], last], targets=['norm_7'])
    mixed = [(a, f'norm_{n}') for (a, _), n in zip(NORMS[:7], (3, 1, 4, 0, 5, 9, 2), strict=True)]
    assert not found([*mixed, last], targets=['norm_7'])


def test_numbers_that_do_not_vary_say_nothing_of_others():
    """All aligned ones are in block 0, so that nothing is known of block 1."""
    pairs = [(f'block_0/conv_{n}', f'conv_{n}') for n in range(6)]
    assert not found([*pairs, ('block_1/conv_3', 'conv_30')], targets=['conv_9'])


def test_all_layers_of_a_block_that_took_the_place_of_one_that_the_source_lacks():
    def name(block, layer):
        return f'block_{block}/conv_{layer}', f'res{block + 2}_branch{layer}'

    pairs = [name(block, layer) for block in range(4) for layer in range(3)]
    wrong = [(name(5, layer)[0], name(4, layer)[1]) for layer in range(3)]
    assert found([*pairs, *wrong], targets=[name(5, layer)[1] for layer in range(3)]) == set(wrong)
