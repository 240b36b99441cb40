"""Tests that the slopes of PReLU follow the convolutions that they are beside, and only in an order without doubt."""

import pytest

from estimator_ckpt.suggesting.activations import activation_pairs
from estimator_ckpt.suggesting.families import Side, Variable

_FLOAT = 1
_ALIGNED = {0: 0, 1: 1, 2: 2}
_LIVE = ({3, 4, 5}, {3, 4, 5})


def _side(*rows):
    return Side(
        Variable(number, (name,), shape, _FLOAT, order) for number, (name, shape, order) in enumerate(rows)
    )


def _sides(orders, widths=(8, 8, 8)):
    """Three convolutions with slopes beside their weights, and with slopes as layers of their own in some order."""
    beside = _side(
        *((f'net/block_{n}/weights', (3, 3, 4, 8), None) for n in range(3)),
        *((f'net/block_{n}/alpha', (8,), None) for n in range(3)),
    )
    alone = _side(
        *((f'conv2d_{n}/kernel', (3, 3, 4, 8), 10 * n) for n in range(3)),
        *((f'p_re_lu_{n}/alpha', (1, 1, widths[n]), orders[n]) for n in range(3)),
    )
    return beside, alone


def test_each_follows_its_convolution_in_both_directions():
    beside, alone = _sides((5, 15, 25))
    assert activation_pairs((beside, alone), _LIVE, _ALIGNED) == [(3, 3), (4, 4), (5, 5)]
    beside, alone = _sides((25, 5, 15))
    assert activation_pairs((alone, beside), _LIVE, _ALIGNED) == [(4, 3), (5, 4), (3, 5)]


@pytest.mark.parametrize(
    ('orders', 'widths'),
    [((5, 6, 25), (8, 8, 8)), ((5, 15, None), (8, 8, 8)), ((5, 15, 25), (8, 8, 4))],
    ids=['two after one convolution', 'an order that is not known', 'another width'],
)
def test_a_doubt_about_one_is_a_doubt_about_all(orders, widths):
    assert not activation_pairs(_sides(orders, widths), _LIVE, _ALIGNED)


def test_convolutions_that_are_not_aligned_tell_nothing():
    assert not activation_pairs(_sides((5, 15, 25)), _LIVE, {0: 0, 1: 1})
