"""Tests that pairs of layers which break a pattern of the others are found, and patterns with exceptions kept."""

import pytest

from estimator_ckpt.suggesting.contradictions import contradictions
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher
from tests.suggesting import known_pairs


def broken(pairs, shapes=None):
    """The names of the targets whose sources break a pattern."""
    sides = [
        Side(
            Variable(
                number, (f'{pair[side]}/kernel',), (shapes or {}).get(pair[1], (3, 4)), known_pairs.FLOAT
            )
            for number, pair in enumerate(pairs)
        )
        for side in (0, 1)
    ]
    sources = {number: number for number in range(len(pairs))}
    found = contradictions((sides[0], sides[1]), sources, Matcher())
    return {pairs[number][1] for number in found}


def numbered(old, new, *numbers):
    return [(old.format(*number), new.format(*number)) for number in numbers]


class TestOrder:
    def test_two_layers_that_cross_among_many_in_order(self):
        pairs = numbered('net/unit_{}/fc', 'fc_{}', *((n,) for n in (1, 4, 5, 6)))
        pairs += [('net/unit_2/fc', 'fc_3'), ('net/unit_3/fc', 'fc_2')]
        assert broken(pairs) == {'fc_2', 'fc_3'}

    def test_numbers_that_count_down_cross_where_they_rise(self):
        pairs = [(f'decoder_{n}', f'up_{9 - n}') for n in (1, 2, 3, 6, 7)]
        assert broken([*pairs, ('decoder_4', 'up_4'), ('decoder_5', 'up_5')]) == {'up_4', 'up_5'}
        assert not broken(pairs)

    def test_what_most_groups_have_is_their_order(self):
        """A shortcut that is made last and called the first is no exception if it is so in each block."""
        pairs = [(f'block{b}/conv{n + 1}', f'part{b}_conv{(n + 1) % 3}') for b in range(3) for n in range(3)]
        assert not broken(pairs)

    def test_numbers_that_each_stage_begins_anew_are_no_order(self):
        units = (1, 1, 2, 1, 2, 1, 2, 3, 4, 5, 6, 1, 2)
        assert not broken([(f'conv_{n}', f'unit{unit}/dw_conv') for n, unit in enumerate(units, 1)])

    def test_layers_of_other_shapes_do_not_cross(self):
        pairs = [(f'conv_{n}', f'mix_{n}') for n in (1, 4, 5)] + [('conv_2', 'mix_3'), ('conv_3', 'mix_2')]
        assert not broken(pairs, {'mix_3': (5, 6)})


class TestSteps:
    PAIRS = ((1, 0), (2, 1), (3, 2), (6, 5), (7, 6), (8, 7))

    def test_a_number_out_of_step(self):
        pairs = [(f'conv_{a}', f'bank/{b}/mix') for a, b in (*self.PAIRS, (4, 4))]
        assert broken(pairs) == {'bank/4/mix'}

    @pytest.mark.parametrize('pair', [(0, -1), (4, 3), (9, 9)], ids=['before', 'in step', 'at the end'])
    def test_numbers_in_step_and_at_the_ends(self, pair):
        pairs = [(f'conv_{a}', f'bank/{b + 1}/mix') for a, b in (*self.PAIRS, pair)]
        assert not broken(pairs)

    def test_where_few_are_in_step_none_is_an_exception(self):
        pairs = [(f'conv_{n}', f'mix_{m}') for n, m in enumerate((0, 3, 4, 9, 11, 20, 28))]
        assert not broken(pairs)


class TestNames:
    PAIRS = (
        *numbered('net/dw_{}/norm', 'dw_{}_norm', *((n,) for n in range(4))),
        *numbered('net/pw_{}/norm', 'pw_{}_norm', *((n,) for n in range(4))),
    )

    def test_a_name_that_is_elsewhere_that_of_another_layer(self):
        assert broken([*self.PAIRS, ('net/dw_4/norm', 'pw_4_norm')]) == {'pw_4_norm'}

    def test_a_name_that_is_nowhere_else(self):
        assert not broken([*self.PAIRS, ('net/dw_4/norm', 'last_norm')])


class TestParts:
    PAIRS = (
        *numbered('G/{0}x{0}/Conv', 'generator/layer_{}', *((n,) for n in range(8))),
        *numbered('D/{0}x{0}/Conv', 'discriminator/layer_{}', *((n,) for n in range(8))),
    )

    def test_a_layer_of_one_part_in_another_one(self):
        assert broken([*self.PAIRS, ('G/9x9/Conv', 'discriminator/last')]) == {'discriminator/last'}

    def test_parts_that_are_no_parts_of_the_other_side(self):
        """One side has the encoder's first layers below a name of their own."""
        pairs = numbered('encoder/conv_{}', 'stem/conv_{}', *((n,) for n in range(2)))
        pairs += numbered('encoder/block_{}', 'body/block_{}', *((n,) for n in range(16)))
        assert not broken(pairs)


class TestSwappedWords:
    CRITICS = [(f'main/q{n}/fc', f'target_critic{n}/dense') for n in (1, 2)]
    TARGETS = [(f'target/q{n}/fc', f'critic{n}/dense') for n in (1, 2)]

    def test_a_word_of_a_scope_that_only_the_others_have(self):
        assert broken([*self.CRITICS, *self.TARGETS]) == {b for _, b in [*self.CRITICS, *self.TARGETS]}

    def test_what_agrees_with_the_words_is_kept(self):
        right = [(a, b) for (a, _), (_, b) in zip(self.CRITICS, self.TARGETS, strict=True)]
        assert not broken([*right, ('target/q1/fc', 'target_critic1/dense')])

    def test_layers_of_other_shapes_are_not_swapped(self):
        assert not broken([*self.CRITICS, *self.TARGETS], {b: (5, 6) for _, b in self.CRITICS})

    def test_a_word_of_a_layer_alone_says_little(self):
        assert not broken([('group/conv2', 'res4/branch'), ('mask/fcn', 'mask_conv')])

    def test_a_letter_after_a_number_counts_and_is_no_word(self):
        """Slim's `Mixed_4c` is torchvision's `inception4b`."""
        names = [
            (f'net/Mixed_4{old}/conv', f'inception4{new}/conv') for old, new in zip('bcd', 'abc', strict=True)
        ]
        assert not broken(names)
