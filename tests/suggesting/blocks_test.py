"""Tests which numbered scopes with the same layers are the same blocks."""

from estimator_ckpt.suggesting.blocks import corresponding_blocks
from estimator_ckpt.suggesting.families import Side
from tests.suggesting.known_pairs import variables

ENCODER = {'query': (4, 4), 'up': (4, 16), 'down': (4, 17)}
DECODER = ENCODER | {'memory_query': (4, 4)}


def side(blocks):
    shapes = {
        f'{scope}/{name}/kernel': shape for scope, layers in blocks.items() for name, shape in layers.items()
    }
    return Side(variables(shapes))


def pairs(source, target):
    return [(a.name, b.name) for a, b in corresponding_blocks(side(source), side(target))]


def test_blocks_that_are_counted_through_are_told_by_what_they_hold():
    source = {f'net/encoder/layer_{n}': ENCODER for n in range(12)}
    source |= {f'net/decoder/layer_{n}': DECODER for n in range(2)}
    target = {f'model/block_{n}' if n else 'model/block': ENCODER for n in range(12)}
    target |= {f'model/block_{n}': DECODER for n in (12, 13)}
    expected = list(zip(source, target, strict=True))
    assert sorted(pairs(source, target)) == sorted(expected)
    assert sorted(pairs(target, source)) == sorted((b, a) for a, b in expected)


def test_blocks_of_two_scopes_with_the_same_layers_are_not_told():
    source = {f'net/{way}/layer_{n}': ENCODER for way in ('left', 'right') for n in range(3)}
    assert not pairs(source, {f'model/block_{n}': ENCODER for n in range(6)})


def test_blocks_of_which_one_side_lacks_some_are_not_told():
    source = {f'net/layer_{n}': ENCODER for n in range(3)}
    assert not pairs(source, {f'model/block_{n}': ENCODER for n in range(4)})


def test_scopes_of_few_layers_are_no_blocks():
    source, target = ({f'{name}_{n}': {'w': (4, 4), 'v': (4, 5)} for n in range(3)} for name in ('a', 'b'))
    assert not pairs(source, target)
