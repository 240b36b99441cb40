"""Tests that long stacks of blocks are aligned by a few of their blocks as they are by all."""

import pytest

from estimator_ckpt.suggesting import alignment, stacks
from estimator_ckpt.suggesting.evidence import CERTAIN
from tests.suggesting import known_pairs

# The layers of a block of each side, with their shapes. Nothing but the order tells the normalizations apart.
BLOCK = {
    'attention/query': ('attn/q', (8, 8)),
    'attention/key': ('attn/k', (8, 8)),
    'attention/LayerNorm': ('ln_1', (8,)),
    'intermediate': ('mlp/up', (8, 24)),
    'output': ('mlp/down', (24, 8)),
    'output/LayerNorm': ('ln_2', (8,)),
}
ROLES = {1: ('gamma', 'scale'), 2: ('kernel', 'weight')}


def blocks(count, old='encoder/layer_{}', new='h/{}', block=BLOCK):
    """The shapes of both sides, and the answer, of blocks of the same layers."""
    sides: tuple[dict, dict] = ({}, {})
    answer = {}
    for number in range(count):
        for source, (target, shape) in block.items():
            a, b = ROLES[len(shape)]
            names = f'{old.format(number)}/{source}/{a}', f'{new.format(number)}/{target}/{b}'
            sides[0][names[0]] = sides[1][names[1]] = shape
            answer[names[1]] = names[0]
    return *sides, answer


def variables(shapes):
    return known_pairs.variables(dict(sorted(shapes.items())))


def aligned(old, new):
    """The names that are aligned by few blocks, or None, and those that are by all; with the ambiguous targets."""
    sides = variables(old), variables(new)
    by_few = stacks.align_by_few(*sides, alignment._align_all)
    by_all = alignment._align_all(*sides)
    names = [[variable.names[0] for variable in side] for side in sides]

    def named(found):
        if found is None:
            return None
        pairs = {names[1][t]: names[0][s] for t, s in found.sources.items()}
        return pairs, {names[1][t]: {names[0][s] for s in of} for t, of in found.candidates.items()}

    return named(by_few), named(by_all)


def test_a_stack_is_aligned_by_few_blocks_as_by_all():
    old, new, answer = blocks(40)
    old |= {'embeddings/word/table': (50, 8), 'pooler/kernel': (8, 4)}
    new |= {'wte/table': (50, 8), 'head/weight': (8, 9)}
    by_few, by_all = aligned(old, new)
    assert by_few == by_all == (answer | {'wte/table': 'embeddings/word/table'}, {})


def test_two_stacks_of_the_same_length_are_told_apart():
    old, new, answer = blocks(40, 'encoder/layer_{}', 'enc/block_{}')
    of_decoder = BLOCK | {'cross/query': ('cross/q', (8, 8)), 'cross/memory': ('cross/kv', (8, 16))}
    for of_both, of_decoder_side in zip(
        (old, new, answer), blocks(40, 'decoder/layer_{}', 'dec/block_{}', of_decoder), strict=True
    ):
        of_both |= of_decoder_side
    by_few, by_all = aligned(old, new)
    assert by_few is not None
    assert by_few == by_all
    assert by_few[0].items() <= answer.items()


def test_blocks_that_hold_more_than_the_others_are_aligned_on_their_own():
    old, new, answer = blocks(40)
    for number in (0, 20):
        old[f'encoder/layer_{number}/attention/positions/kernel'] = new[f'h/{number}/attn/pos/weight'] = (
            3,
            5,
        )
        answer[f'h/{number}/attn/pos/weight'] = f'encoder/layer_{number}/attention/positions/kernel'
    by_few, by_all = aligned(old, new)
    assert by_few == by_all == (answer, {})


def test_what_nothing_tells_apart_is_as_ambiguous_as_by_all():
    block = {'left': ('one', (8, 8)), 'right': ('two', (8, 8)), 'up': ('up', (8, 24))}
    old, new, answer = blocks(40, block=block)
    by_few, by_all = aligned(old, new)
    assert by_few == by_all
    assert by_few[0] == {target: source for target, source in answer.items() if 'up' in target}
    assert by_few[1]['h/17/one/weight'] == {
        f'encoder/layer_{n}/{x}/kernel' for n in range(40) for x in ('left', 'right')
    }


@pytest.mark.parametrize(
    'change',
    [
        lambda old, new: new.pop('h/17/mlp/up/weight'),
        lambda old, new: new.update({'h/40/mlp/up/weight': (8, 24)}),
        lambda old, new: new.update({f'h/{n}/extra/weight': (7, 7) for n in range(40)}),
        lambda old, new: new.update({'h/17/mlp/up/weight': (8, 25)}),
    ],
    ids=['another block', 'another length', 'other contents', 'another shape'],
)
def test_stacks_that_differ_are_aligned_by_all_blocks(change):
    old, new, _ = blocks(40)
    change(old, new)
    assert aligned(old, new)[0] is None


def test_blocks_whose_counterparts_differ_are_aligned_by_all():
    block = {'query': ('query', (8, 8)), 'key': ('key', (8, 8))}
    old, new, answer = blocks(40, block=block)
    other = {target: answer[target.replace('query', 'key')] for target in answer if 'query' in target}
    other |= {target: answer[target.replace('key', 'query')] for target in answer if 'key' in target}

    def by_answer(source, target):
        """An alignment of which one block is the other way round than the others."""
        numbers = [{v.names[0]: v.number for v in side} for side in (source, target)]
        found = {t: other[t] if '/3/' in t else answer[t] for t in numbers[1]}
        sources = {numbers[1][t]: numbers[0][s] for t, s in found.items()}
        return alignment.Alignment(sources, dict.fromkeys(sources, CERTAIN))

    assert stacks.align_by_few(variables(old), variables(new), by_answer) is None


def test_numbers_that_are_written_in_two_ways_count_no_blocks():
    old = {f'layer_{n}/kernel': (8, 8) for n in ('01', *range(1, 50))}
    assert not stacks._stacks(variables(old))
