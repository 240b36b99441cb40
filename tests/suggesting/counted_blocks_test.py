"""Tests that layers of blocks are found among layers that are numbered as they were made, if the order is sure."""

import pytest

from estimator_ckpt.suggesting.counted_blocks import in_counted_blocks
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher
from tests.suggesting import known_pairs

SHAPES = {'up': (8, 32), 'down': (32, 8)}


def block(scope, attentions):
    """The layers of a block in the order in which they are made."""
    names = [f'{scope}/{attention}/{part}' for attention in attentions for part in ('q', 'k', 'v', 'output')]
    return [*names, f'{scope}/ffn/up', f'{scope}/ffn/down']


ENCODER = [block(f'encoder/layer_{n}', ['self_attention']) for n in range(3)]
DECODER = [block(f'decoder/layer_{n}', ['self_attention', 'encdec_attention']) for n in range(3)]
ENCODER_FIRST = [name for names in (*ENCODER, *DECODER) for name in names]
DECODER_FIRST = [name for names in (*DECODER, *ENCODER) for name in names]
IN_TURNS = [name for names in zip(ENCODER, DECODER, strict=True) for of_block in names for name in of_block]


def side(names, shapes, ordered=False):
    return Side(
        Variable(n, (f'{name}/kernel',), shape, known_pairs.FLOAT, n if ordered else None)
        for n, (name, shape) in enumerate(zip(names, shapes, strict=True))
    )


def told(made, counted, turned=False, ordered=False):
    """The names that are found for the layers that a program made in this order, by the name of each."""
    shapes = [SHAPES.get(name.rpartition('/')[2], (8, 8)) for name in made]
    of_names = dict(sorted(zip(made, shapes, strict=True)))
    sides = side(of_names, of_names.values()), side(counted, shapes, ordered)
    live = [{variable.number for variable in of_side.variables} for of_side in sides]
    if turned:
        sides, live = sides[::-1], live[::-1]
    found = [pair for pairs in in_counted_blocks(sides, (live[0], live[1]), Matcher()) for pair in pairs]
    pairs = (pair[::-1] if turned else pair for pair in found)
    return {str(a.split).rstrip('/'): str(b.split).rstrip('/') for a, b in pairs}


def dense(count):
    return [f'dense_{number}' if number else 'dense' for number in range(count)]


@pytest.mark.parametrize('turned', [False, True])
def test_blocks_are_counted_as_they_are_made(turned):
    names = dense(len(ENCODER_FIRST))
    assert told(ENCODER_FIRST, names, turned) == dict(zip(ENCODER_FIRST, names, strict=True))


@pytest.mark.parametrize('made', [DECODER_FIRST, IN_TURNS])
def test_nothing_is_found_where_another_order_fits_better(made):
    assert not told(made, dense(len(made)))


def by_class(made):
    """The names where each class is counted apart: projections are `dense`, what follows them is wrapped."""
    counts, names = {'dense': -1, 'time_distributed': -1, 'conv1d': -1}, []
    for name in made:
        last = name.rpartition('/')[2]
        own = {'output': 'time_distributed', 'up': 'conv1d', 'down': 'conv1d'}.get(last, 'dense')
        counts[own] += 1
        names.append(f'{own}_{counts[own]}' if counts[own] else own)
        if own == 'time_distributed':
            counts['dense'] += 1  # The layer that it wraps.
    return names


def test_layers_that_others_wrap_are_counted_too():
    names = by_class(ENCODER_FIRST)
    assert told(ENCODER_FIRST, names, ordered=True) == dict(zip(ENCODER_FIRST, names, strict=True))


def test_classes_that_are_counted_apart_do_not_tell_which_network_was_made_first():
    assert not told(ENCODER_FIRST, by_class(ENCODER_FIRST))


def test_an_encoder_alone_needs_no_confirmation():
    made = [name for names in ENCODER for name in names]
    names = by_class(made)
    assert told(made, names) == dict(zip(made, names, strict=True))


@pytest.mark.parametrize(
    'counted',
    [
        lambda number: f'block_{number}/dense',
        lambda number: f'mixer_{number}',
        lambda number: f'{"abc"[number % 3]}/dense_{number}',
    ],
)
def test_other_names_have_no_order_of_making(counted):
    made = [name for names in ENCODER for name in names]
    assert not told(made, list(map(counted, range(len(made)))))


def test_names_that_do_not_tell_the_place_in_a_block_are_left_alone():
    made = [name.replace('self_attention', 'part') for names in ENCODER for name in names]
    assert not {name for name in told(made, dense(len(made))) if 'part' in name}
