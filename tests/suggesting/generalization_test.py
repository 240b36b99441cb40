"""Tests how many renamings become few rules."""

import re

import pytest

from estimator_ckpt.suggesting.generalization import Renaming, Task, generalize


def rules_for(pairs, others=()):
    _, found = generalize([Task([Renaming(old, new) for old, new in pairs.items()], dict.fromkeys(others))])
    return [(rule.pattern, rule.replacement) for rule in found]


def test_numbers_and_words_become_groups():
    pairs = {f'a{n}/{w}': f'b/{w}/{n}' for n in (0, 1, 10) for w in ('kernel', 'bias')}
    assert rules_for(pairs) == [(r'a(\d+)/(bias|kernel)', r'b/\2/\1')]


def test_a_number_that_becomes_another_one_is_written_out():
    pairs = {f'a{n}/{m}': f'b{n + 1}/{m}' for n in (0, 1) for m in (3, 4)}
    assert rules_for(pairs) == [(r'a0/(\d+)', r'b1/\1'), (r'a1/(\d+)', r'b2/\1')]


def test_a_number_loses_its_zeros():
    pairs = {
        f'block_{n:03}/layer_{m:03}/w': f'block_._{n}/layer_._{m}/w' for n in range(12) for m in range(2)
    }
    [(pattern, replacement)] = rules_for(pairs)
    assert (pattern, replacement) == (r'block_0*(\d+)/layer_0*(\d+)/w', r'block_._\1/layer_._\2/w')
    assert re.fullmatch(pattern, 'block_010/layer_000/w').expand(replacement) == 'block_._10/layer_._0/w'


def test_a_group_before_a_digit_is_written_so_that_it_ends():
    assert rules_for({'a1': 'b10x', 'a2': 'b20x', 'a3': 'b30x'}) in (
        [(r'a(\d+)', r'b\g<1>0x')],
        [('a1', 'b10x'), ('a2', 'b20x'), ('a3', 'b30x')],
    )


def test_a_number_that_is_there_twice_is_one_group():
    pairs = {f'conv{n}/conv{n}_{m}': f'block{n}/{m}' for n in (1, 2) for m in (1, 2)}
    assert rules_for(pairs) == [(r'conv(\d+)/conv\1_(\d+)', r'block\1/\2')]


def test_names_that_tensorflow_numbers_are_one_rule():
    pairs = {'dense/w': 'fc/w', 'dense_1/w': 'fc_1/w', 'dense_2/w': 'fc_2/w'}
    assert rules_for(pairs) == [(r'dense((?:_\d+)?)/w', r'fc\1/w')]


def test_no_other_name_is_matched():
    pairs = {f'a{n}': f'b{n}' for n in (1, 2)}
    assert rules_for(pairs, ['a3']) == [('a(1|2)', r'b\1')]
    pairs = {'x1/y1': 'z1/1', 'x2/y2': 'z2/2'}
    for pattern, _ in rules_for(pairs, ['x1/y2']):
        assert not re.fullmatch(pattern, 'x1/y2')


def test_many_words_become_any_word_only_where_nothing_else_matches():
    words = ['encoder', 'decoder', 'mixer', 'gate', 'query', 'value', 'router', 'stem', 'fusion']
    pairs = {f'old/{w}/w': f'new/{w}/w' for w in words}
    assert rules_for(pairs) == [(r'old/(\w+)/w', r'new/\1/w')]
    [(pattern, _)] = rules_for(pairs, ['old/other/w'])
    assert all(word in pattern for word in words)


def test_signs_in_names_mean_themselves():
    pairs = {'a.b(c)+[d]': r'x\1', 'a b -> c': 'y'}
    rules = rules_for(pairs)
    assert {re.fullmatch(p, old).expand(new) for (p, new), old in zip(rules, sorted(pairs), strict=True)} == {
        'x\\1',
        'y',
    }
    assert all('->' not in pattern for pattern, _ in rules)


def test_operations_are_shared_or_part_the_rules():
    renamings = [
        Renaming('a1', 'b1', ('reshape=2,3', 'reshape=-1,3')),
        Renaming('a2', 'b2', ('reshape=4,3', 'reshape=-1,3')),
        Renaming('a3', 'b3', ('',)),
    ]
    _, rules = generalize([Task(renamings, {})])
    assert {(rule.operations, len(rule.renamings)) for rule in rules} >= {('', 1)}
    for rule in rules:
        assert all(rule.operations in renaming.operations for renaming in rule.renamings)
    assert [r.operations for r in generalize([Task(renamings[:2], {})])[1]] == ['reshape=-1,3']


@pytest.mark.parametrize('count', [3, 1000])
def test_the_task_that_takes_the_fewest_rules_is_chosen(count):
    """The numbers of the paths of a Keras model are those of all of its layers; the names of the layers are counted."""
    olds = [f'conv2d_{n}/kernel' for n in range(count)]
    by_path, by_name = (
        Task([Renaming(old, new.format(f(n))) for n, old in enumerate(olds)], {})
        for new, f in (('layer_with_weights-{}/kernel', lambda n: 2 * n + n % 3), ('c{}/kernel', lambda n: n))
    )
    for tasks in ([by_path, by_name], [by_name, by_path], [by_path, by_name, by_name]):
        best, rules = generalize(tasks)
        assert best == tasks.index(by_name)
        assert [rule.pattern for rule in rules] == [r'conv2d_(\d+)/kernel']


def test_of_nothing_there_are_no_rules():
    assert generalize([Task([], {}), Task([], {})]) == (0, [])
