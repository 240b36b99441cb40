"""Tests how a search for rules goes on from the rules that are given to it."""

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.mapping.rules import RuleError
from tests.suggesting.known_pairs import found, suggest
from tests.suggesting.seventh_image_translators import cycle_gan
from tests.testing.small_model import needs_keras_2

KERNELS = {'c1': (3, 3, 3, 8), 'c2': (3, 3, 8, 16), 'c3': (3, 3, 16, 16), 'c4': (3, 3, 16, 3)}


def generators(*scopes, names=tuple(KERNELS)):
    return {
        f'{scope}/{name}/kernel': shape
        for scope in scopes
        for name, shape in zip(names, KERNELS.values(), strict=True)
    }


OLD, NEW = generators('G', 'F'), generators('G_A2B', 'G_B2A', names=('conv', 'conv_1', 'conv_2', 'conv_3'))
RIGHT = {
    f'{new}/{name}/kernel': f'{old}/{kernel}/kernel'
    for old, new in (('G', 'G_A2B'), ('F', 'G_B2A'))
    for kernel, name in zip(KERNELS, ('conv', 'conv_1', 'conv_2', 'conv_3'), strict=True)
}


def test_nothing_tells_two_generators_apart_without_any(tmp_path):
    assert not found(suggest(tmp_path, OLD, NEW))


@pytest.mark.parametrize(
    'rules',
    [
        [r'G/(.*) -> G_A2B/\1', r'F/(.*) -> G_B2A/\1'],
        [r'G/(.*) -> G_A2B/\1'],
        [r'F/(.*) -> G_B2A/\1'],
        {'G/': 'G_A2B/'},
        ['G/c1/kernel -> G_A2B/conv/kernel'],
        ['F/c3/kernel -> G_B2A/conv_2/kernel'],
    ],
    ids=str,
)
def test_one_layer_or_one_scope_tells_them_apart(tmp_path, rules):
    assert found(suggest(tmp_path, OLD, NEW, rules)) == RIGHT


def test_what_is_given_stays_and_is_among_the_rules(tmp_path):
    suggestion = suggest(tmp_path, OLD, NEW, ['G/c1/kernel -> G_A2B/conv/kernel'])
    assert ('G/c1/kernel', 'G_A2B/conv/kernel') in suggestion.as_rules()
    report = estimator_ckpt.plan(str(tmp_path / 'old'), str(tmp_path / 'new'), suggestion.as_rules())
    assert {row.target: row.source for row in report.matched} == RIGHT and not report.faults()


def test_a_rule_that_only_says_what_a_scope_is_called_is_not(tmp_path):
    suggestion = suggest(tmp_path, OLD, NEW, [r'G/(.*) -> G_A2B/\1'])
    assert all(row[0] != 'G/(.*)' for row in suggestion.as_rules())


def test_a_wrong_one_is_believed(tmp_path):
    pairs = found(suggest(tmp_path, OLD, NEW, ['G/c1/kernel -> G_B2A/conv/kernel']))
    assert pairs['G_B2A/conv/kernel'] == 'G/c1/kernel' and pairs['G_A2B/conv_1/kernel'] == 'F/c2/kernel'


def test_operations_are_kept(tmp_path):
    old = {'a/w': (6, 4), 'a/v': (4,), 'b/kernel': (5, 3)}
    new = {'x/w': (4, 6), 'x/q': (2,), 'x/k': (2,), 'z/kernel': (5, 3)}
    rules = ['a/w -> x/w | transpose=1,0', 'a/v -> x/q, x/k | split=0']
    suggestion = suggest(tmp_path, old, new, rules)
    assert found(suggestion) == {'x/w': 'a/w', 'x/q': 'a/v', 'x/k': 'a/v', 'z/kernel': 'b/kernel'}
    assert suggestion.complete
    assert ('a/w', 'x/w', 'transpose=1,0') in suggestion.as_rules()


def test_what_is_left_out_is_no_candidate(tmp_path):
    old, new = {'a/kernel': (5, 3), 'b/kernel': (5, 3)}, {'x/kernel': (5, 3)}
    assert not suggest(tmp_path, old, new).complete
    suggestion = suggest(tmp_path, old, new, ['a/.* ->'])
    assert found(suggestion) == {'x/kernel': 'b/kernel'} and ('a/.*', '') in suggestion.as_rules()


def test_a_name_that_is_the_same_is_no_source_if_it_is_given_away(tmp_path):
    old, new = {'a/w': (5, 3), 'b/w': (5, 3)}, {'a/w': (5, 3), 'c/w': (5, 3)}
    suggestion = suggest(tmp_path, old, new, ['a/w -> c/w'])
    assert found(suggestion)['c/w'] == 'a/w' and not suggestion.by_name
    report = estimator_ckpt.plan(str(tmp_path / 'old'), str(tmp_path / 'new'), suggestion.as_rules())
    assert {row.target: row.source for row in report.matched}['c/w'] == 'a/w'


def test_one_that_takes_nothing_is_named(tmp_path):
    suggestion = suggest(tmp_path, {'a': (5,)}, {'x': (5,)}, ['c -> x'])
    assert "No tensor takes the given rule 'c -> x'." in suggestion.notes
    assert ('c', 'x') not in suggestion.as_rules()


def test_one_that_is_none_is_an_error(tmp_path):
    with pytest.raises(RuleError, match='does not compile'):
        suggest(tmp_path, {'a': (5,)}, {'x': (5,)}, ['( -> x'])


def test_real_networks_are_found_whole(tmp_path):
    pair = cycle_gan()
    source, target = pair.write(tmp_path)
    rules = {'G/': 'G_A2B/', 'D_X/': 'D_A/'}
    suggestion = estimator_ckpt.suggest_rules(source, target, rules)
    report = estimator_ckpt.plan(source, target, suggestion.as_rules(), include='all', missing='ignore')
    sources = {row.source for row in report.matched}
    assert set(pair.sources.values()) <= sources


@needs_keras_2
def test_what_is_known_counts_more_than_an_order_that_it_breaks(tmp_path):
    def networks(*names):
        widths = (8, 7, 6, 5)
        return tf.train.Checkpoint(
            **{
                name: tf.keras.Sequential([tf.keras.Input([8]), *map(tf.keras.layers.Dense, widths[1:])])
                for name in names
            }
        )

    source, target = networks('G', 'F').write(str(tmp_path / 'old')), networks('ab', 'ba')
    layer = ('G/layer_with_weights-0/kernel', 'ba/layer_with_weights-0/kernel')
    for rules, order in ((None, ('ab', 'ba')), ([layer], ('ba', 'ab'))):
        suggestion = estimator_ckpt.suggest_rules(source, target, rules)
        assert suggestion.complete
        scopes = {(row[0].partition('/')[0], row[1].partition('/')[0]) for row in suggestion.as_rules()}
        assert scopes == set(zip('GF', order, strict=True))
