"""Tests what is said of a table that the target has twice."""

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.suggesting.known_pairs import found, suggest, write_index

WORDS, WIDTH = 100, 16


def model(table, block, **others):
    """A table of words, three blocks and further variables."""
    shapes = {table: (WORDS, WIDTH)}
    for n in range(3):
        shapes |= {f'{block}{n}/up/kernel': (WIDTH, 4 * WIDTH), f'{block}{n}/down/kernel': (4 * WIDTH, WIDTH)}
    return shapes | others


OLD = model('model/wte', 'model/h', **{'model/wpe': (32, WIDTH)})
NEW = model('net/wte/weight', 'net/h/', **{'net/wpe/weight': (32, WIDTH)})


def test_the_rule_that_copies_a_table_to_a_variable_without_a_source_is_said(tmp_path):
    old = {name: np.random.default_rng(0).random(shape, np.float32) for name, shape in OLD.items()}
    writer = BundleWriter(str(tmp_path / 'old'))
    for name, value in old.items():
        writer.add_tensor(name, value)
    writer.publish()
    new = write_index(tmp_path / 'new', NEW | {'lm_head/weight': (WORDS, WIDTH)})
    [row] = estimator_ckpt.suggest_rules(str(tmp_path / 'old'), new).missing
    assert row.target == 'lm_head/weight'
    text, rule = row.note.split(', ', 1)
    assert text == 'if one table serves both'
    assert rule == 'model/wte -> net/wte/weight, lm_head/weight | copy'

    suggestion = estimator_ckpt.suggest_rules(str(tmp_path / 'old'), new, [rule])
    assert suggestion.complete
    estimator_ckpt.convert(str(tmp_path / 'old'), tmp_path / 'made', 'tf1', rules=suggestion.as_rules())
    reader = BundleReader(str(tmp_path / 'made'))
    for name in ('net/wte/weight', 'lm_head/weight'):
        np.testing.assert_array_equal(reader.tensor(name), old['model/wte'])


def test_it_is_beside_the_variable_in_the_text(tmp_path):
    lines = suggest(tmp_path, OLD, NEW | {'lm_head/weight': (WORDS, WIDTH)}).lines()
    [line] = [line for line in lines if 'lm_head' in line]
    assert line.startswith('#   lm_head/weight float32 [100, 16]: if one table serves both, ')


@pytest.mark.parametrize(
    ('shape', 'others'),
    [
        ((WIDTH, WORDS), {}),  # A rule has the same operations for all of its targets.
        ((WORDS, WIDTH + 1), {}),
        ((WORDS, WIDTH), {'types/embedding': (WORDS, WIDTH)}),
    ],
)
def test_nothing_is_said_where_no_rule_can_copy_or_several_tables_may_be_meant(tmp_path, shape, others):
    suggestion = suggest(tmp_path, OLD | others, NEW | others | {'lm_head/weight': shape})
    assert [(row.target, row.note) for row in suggestion.missing] == [('lm_head/weight', '')]


def test_the_rule_for_a_table_that_several_variables_could_come_from_is_among_the_notes(tmp_path):
    """As an encoder and a decoder of the same words."""
    old = model('embedding/embeddings', 'layer_')
    targets = [f'{part}/embedding/embeddings' for part in ('encoder', 'decoder')]
    new = model(targets[0], 'net/layer_') | {targets[1]: (WORDS, WIDTH)}
    suggestion = suggest(tmp_path, old, new)
    assert {row.target for row in suggestion.ambiguous} == set(targets)
    [note] = suggestion.notes
    text, rule = note.split(': ', 1)
    assert text == 'If one table serves all of them'
    assert rule.startswith('embedding/embeddings -> ') and rule.endswith(' | copy')

    pairs = found(suggest(tmp_path, old, new, [rule]))
    assert pairs.keys() >= {'net/layer_0/up/kernel', 'net/layer_2/down/kernel'}
    report = estimator_ckpt.plan(str(tmp_path / 'old'), str(tmp_path / 'new'), [rule], missing='ignore')
    assert {row.target for row in report.matched} == set(targets)


def test_kernels_that_are_alike_are_no_tables(tmp_path):
    old = model('net/up', 'layer_')
    new = model('one/up', 'net/layer_') | {'other/up': (WORDS, WIDTH)}
    suggestion = suggest(tmp_path, old, new)
    assert len(suggestion.ambiguous) == 2 and not suggestion.notes


def test_the_tables_of_gpt_2_are_those_of_the_same_names(tmp_path):
    """`lm_head.weight` is no table of words, though it has the shape of one."""
    pairs = found(suggest(tmp_path, OLD, NEW | {'lm_head/weight': (WORDS, WIDTH)}))
    assert pairs['net/wte/weight'] == 'model/wte' and pairs['net/wpe/weight'] == 'model/wpe'
