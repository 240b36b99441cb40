"""Tests that folded names stand for exactly the names that they were made from."""

import itertools
import re

import hypothesis
import hypothesis.strategies as st
import pytest

from estimator_ckpt.common.folding import fold


def names_of(folded):
    """Returns the names that a folded name stands for, worked out from its text alone."""
    values, choices = {}, []
    parts = re.split(r'\{([^}]*)\}', folded)
    for part in parts[1::2]:
        letter, _, ranges = part.rpartition('=')
        if not letter and re.fullmatch(r'([a-z]|n\d+)([+-]\d+)?(:0\d+)?', part):
            choices.append(('follow', part))
            continue
        numbers = []
        for piece in ranges.split(','):
            first, _, last = piece.partition('..')
            width = len(first) if first[0] == '0' else 0
            numbers += [f'{n:0{width}d}' for n in range(int(first), int(last or first) + 1)]
        choices.append((letter, numbers))
    result = set()
    for combination in itertools.product(*(c[1] for c in choices if c[0] != 'follow')):
        left, shown, values = list(combination), [], {}
        for letter, _ in choices:
            shown.append(None if letter == 'follow' else left.pop(0))
            if letter not in ('', 'follow'):
                values[letter] = int(shown[-1])
        for place, (letter, what) in enumerate(choices):
            if letter == 'follow':
                what, _, width = what.partition(':')
                leader, sign, offset = re.fullmatch(r'([a-z]+\d*)([+-]?)(\d*)', what).groups()
                shown[place] = format(values[leader] + (int(f'{sign}{offset}') if sign else 0), width)
        result.add(''.join(itertools.chain(*itertools.zip_longest(parts[::2], shown, fillvalue=''))))
    return result


@pytest.mark.parametrize(
    ('names', 'folded'),
    [
        ([f'layer_{n}/kernel' for n in range(12)], ['layer_{0..11}/kernel']),
        ([f't_{m}/l_{n}/k' for m in range(3) for n in range(9)], ['t_{0..2}/l_{0..8}/k']),
        ([f'b_{n}/conv_{n + 1}' for n in range(5)], ['b_{i=0..4}/conv_{i+1}']),
        ([f'x_{n} <- y_{n}' for n in range(4)], ['x_{i=0..3} <- y_{i}']),
        ([f'block_{n:03d}' for n in range(12)], ['block_{000..011}']),
        ([f'conv_{n}' for n in (1, 2, 3, 7, 9)], ['conv_{1..3,7,9}']),
        (['conv', 'conv_1', 'conv_2', 'conv_3'], ['conv', 'conv_{1..3}']),
        (['a_1', 'a_2', 'b'], ['a_1', 'a_2', 'b']),
        ([f'v1/l_{n}/m2' for n in range(3)], ['v1/l_{0..2}/m2']),
        ([f'h_{n:02d}' for n in range(12)], ['h_{00..11}']),
        ([f'h_{n:02d}' for n in range(12)] + [f'h_{n}' for n in range(4)], ['h_{00..11}', 'h_{0..3}']),
        ([f'b_{n:02d}/c_{n + 1:02d}' for n in range(3)], ['b_{i=00..02}/c_{i+1:02}']),
        ([f'b_{n:02d}/c_{n + 1}' for n in range(3)], ['b_{i=00..02}/c_{i+1}']),
        (['a{0..2}', 'a0', 'a1', 'a2'], ['a{0..2}', 'a0', 'a1', 'a2']),
        (['a{0}', 'a{1}', 'a{2}', 'b0', 'b1', 'b2'], ['a{0}', 'a{1}', 'a{2}', 'b{0..2}']),
        (['9' * 30 + f'_{n}' for n in range(3)], ['9' * 30 + '_{0..2}']),
    ],
)
def test_names_that_differ_in_numbers_are_folded(names, folded):
    found = fold(names, [None] * len(names))
    assert [f.name for f in found] == folded
    assert sorted(itertools.chain(*(f.members for f in found))) == list(range(len(names)))


def test_what_differs_in_anything_else_is_not():
    names = [f'layer_{n}' for n in range(8)]
    found = fold(names, ['a', 'b'] * 4)
    assert [f.name for f in found] == ['layer_{0,2,4,6}', 'layer_{1,3,5,7}']
    assert [f.members for f in found] == [(0, 2, 4, 6), (1, 3, 5, 7)]


NUMBER = st.integers(0, 12).map(str) | st.sampled_from(['00', '01', '02', '03', '010', '011', '100'])


@hypothesis.given(
    st.lists(st.tuples(NUMBER, st.sampled_from('ab'), NUMBER, NUMBER), unique=True, max_size=40),
    st.sampled_from(['{}/{}_{}_{}', '{}{}{}/{}']),
)
def test_a_folded_name_stands_for_its_members_and_no_other(parts, form):
    check_that_folded_names_are_exact(list(dict.fromkeys(form.format(*some) for some in parts)))


@hypothesis.given(
    st.lists(st.integers(0, 12), unique=True, max_size=13), st.sampled_from('023'), st.sampled_from('023')
)
def test_numbers_that_go_together_keep_their_leading_zeros(numbers, width, other):
    check_that_folded_names_are_exact([f'b_{n:0{width}}/c_{n + 1:0{other}}' for n in numbers])


def check_that_folded_names_are_exact(names):
    found = fold(names, [0] * len(names))
    assert sorted(itertools.chain(*(f.members for f in found))) == list(range(len(names)))
    for f in found:
        assert names_of(f.name) == {names[member] for member in f.members}
        assert len(names_of(f.name)) == len(f.members)
