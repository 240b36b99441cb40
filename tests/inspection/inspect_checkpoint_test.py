"""Tests what a checkpoint is said to hold: its keys, totals, values and objects."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle import dtypes
from estimator_ckpt.inspection.inspect_checkpoint import Total
from estimator_ckpt.inspection.object_tree import tree
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph, Slot
from tests.bundle.helpers import entry, save, strings, write_by_hand

ADAM = {
    'net/kernel': np.ones((3, 2), np.float32),
    'net/kernel/Adam': np.ones((3, 2), np.float32),
    'net/kernel/Adam_1': np.ones((3, 2), np.float32),
    'net/bias': np.zeros(2, np.float32),
    'net/bias/ExponentialMovingAverage': np.zeros(2, np.float32),
    'beta1_power': np.float32(0.9),
    'global_step': np.int64(7),
}


@pytest.fixture
def adam(tmp_path):
    return save(tmp_path / 'adam', ADAM)


def lines(path):
    contents = Contents(path)
    return [str(node) for node in tree(contents, contents.entries())]


def with_graph(prefix, graph, keys=()):
    """Writes a checkpoint of scalars with a given object graph."""
    tensors = {key: np.float32(1) for key in keys}
    return save(prefix, {**tensors, '_CHECKPOINTABLE_OBJECT_GRAPH': graph.serialize()})


def variable(key, full_name=''):
    return Attribute('VARIABLE_VALUE', full_name, f'{key}/.ATTRIBUTES/VARIABLE_VALUE')


def test_keys_come_sorted_by_key_by_size_or_by_kind(adam):
    def keys(sort):
        return [e.key for e in estimator_ckpt.inspect(adam, sort=sort).entries]

    assert keys('key') == sorted(ADAM)
    assert keys('size')[:3] == ['net/kernel', 'net/kernel/Adam', 'net/kernel/Adam_1']
    assert keys('size')[-1] == 'beta1_power'
    assert keys('kind')[:3] == ['net/bias', 'net/kernel', 'net/kernel/Adam']
    with pytest.raises(ValueError, match="Unknown order 'name'"):
        estimator_ckpt.inspect(adam, sort='name')


def test_only_keys_of_a_pattern_and_of_kinds_are_given_while_totals_stay(adam):
    found = estimator_ckpt.inspect(adam, pattern='kernel', kinds=['slot'])
    assert [e.key for e in found.entries] == ['net/kernel/Adam', 'net/kernel/Adam_1']
    assert found.totals == estimator_ckpt.inspect(adam).totals


def test_totals_count_tensors_parameters_and_bytes_by_kind(adam):
    found = estimator_ckpt.inspect(adam)
    assert found.totals == {
        Kind.VARIABLE: Total(2, 8, 32),
        Kind.SLOT: Total(2, 12, 48),
        Kind.OPTIMIZER: Total(1, 1, 4),
        Kind.AVERAGE: Total(1, 2, 8),
        Kind.STEP: Total(1, 1, 8),
    }
    assert (found.parameters, found.style) == (8, 'tf1')


@pytest.mark.parametrize('options', [{}, {'optimizer': 'adam'}], ids=['plain slots', 'slot variables'])
def test_a_tensor_with_both_keys_counts_once_and_as_under_its_name(adam, tmp_path, options):
    estimator_ckpt.convert(adam, tmp_path / 'both', 'both', **options)
    found, before = estimator_ckpt.inspect(tmp_path / 'both'), estimator_ckpt.inspect(adam)
    added = {Kind.COUNTER: Total(1, 1, 8), Kind.OBJECT_GRAPH: found.totals[Kind.OBJECT_GRAPH]}
    assert found.totals == before.totals | added
    assert found.style == 'both'


@pytest.mark.parametrize('options', [{}, {'optimizer': 'adam'}], ids=['plain slots', 'slot variables'])
def test_object_keys_are_of_the_kind_that_the_variables_names_say(adam, tmp_path, options):
    estimator_ckpt.convert(adam, tmp_path / 'tf2', 'tf2', **options)
    found = {e.full_name: (e.kind, e.variable) for e in estimator_ckpt.inspect(tmp_path / 'tf2').entries}
    kernel = 'vars/net.Skernel/.ATTRIBUTES/VARIABLE_VALUE'
    assert found['net/kernel'] == (Kind.VARIABLE, '')
    assert found['net/kernel/Adam'] == (Kind.SLOT, kernel)
    assert found['beta1_power'][0] == Kind.OPTIMIZER


@pytest.mark.skipif(not hasattr(tf.keras.optimizers, 'Adam'), reason='needs Keras')
def test_the_variables_of_a_keras_optimizer_count_as_slots(tmp_path):
    kernel = tf.Variable(tf.ones((3, 2)), name='kernel')
    optimizer = tf.keras.optimizers.Adam()
    optimizer.build([kernel])
    path = tf.train.Checkpoint(kernel=kernel, optimizer=optimizer).save(str(tmp_path / 'keras'))
    assert estimator_ckpt.inspect(path).parameters == 6


def test_values_come_one_by_one_in_the_order_of_the_keys(tmp_path):
    path = save(tmp_path / 'model', {'a': np.arange(3), 'b': strings(b'x', b'')})
    found = dict((e.key, array) for e, array in estimator_ckpt.inspect(path).values())
    np.testing.assert_array_equal(found['a'], np.arange(3))
    assert found['b'].tolist() == [b'x', b'']


def test_the_value_of_a_type_that_numpy_lacks_is_none(tmp_path):
    variant = entry(21, [], b'data')
    path = write_by_hand(tmp_path / 'model', {b'v': variant}, b'data')
    assert [value for _, value in estimator_ckpt.inspect(path).values()] == [None]
    assert dtypes.name(21) == 'variant'


def test_the_report_prints_as_tables_and_as_json(adam):
    found = estimator_ckpt.inspect(adam)
    assert re.search(r'^slot +float32 +\[3, 2\] +24 B  net/kernel/Adam$', str(found), re.MULTILINE)
    assert re.search(r'^slot +2 +12 +48 B$', str(found), re.MULTILINE)
    fields = json.loads(found.to_json())
    assert fields['entries'][1]['key'] == 'global_step'
    assert fields['totals']['slot'] == {'tensors': 2, 'parameters': 12, 'bytes': 48}


def test_a_sliced_variable_is_one_key_with_the_bytes_of_its_slices(tmp_path):
    path = tmp_path / 'model'
    save(path, {'w': np.ones((4, 2), np.float32)}, {'w': '10 2 0,4:-'})
    [found] = estimator_ckpt.inspect(path).entries
    assert (found.shape, found.size, found.num_slices) == ((10, 2), 32, 1)
    assert '[10, 2] (1 slice)' in str(estimator_ckpt.inspect(path))


def test_names_that_could_upset_a_terminal_are_escaped(tmp_path):
    path = save(tmp_path / 'model', {'a\x1b[31m\nb': np.float32(1)})
    assert r'a\x1b[31m\nb' in str(estimator_ckpt.inspect(path))
    assert lines(path) == [r'a\x1b[31m\nb  float32 []']


class TestTree:
    def test_names_stand_below_their_scopes_and_slots_below_their_variables(self, adam):
        assert lines(adam) == [
            'beta1_power  float32 []',
            'global_step  int64 []',
            'net',
            '  bias  float32 [2]',
            '    ExponentialMovingAverage  float32 [2]',
            '  kernel  float32 [3, 2]',
            '    Adam  float32 [3, 2]',
            '    Adam_1  float32 [3, 2]',
        ]

    def test_slot_variables_stand_below_their_variables(self, adam, tmp_path):
        estimator_ckpt.convert(
            adam, tmp_path / 'tf2', 'tf2', optimizer='adam', rules=[('net/(kernel|bias)', r'net/\1')]
        )
        found = lines(tmp_path / 'tf2')
        at = found.index('    kernel  float32 [3, 2]  "net/kernel"')
        assert sorted(found[at + 1 : at + 3]) == [
            '      m  (slot of adam)  float32 [3, 2]  "net/kernel/Adam"',
            '      v  (slot of adam)  float32 [3, 2]  "net/kernel/Adam_1"',
        ]

    def test_a_shared_object_stands_at_its_shortest_path_and_is_referred_to_elsewhere(self, tmp_path):
        shared = tf.Module()
        shared.w = tf.Variable(1.0, name='w')
        deep, root = tf.Module(), tf.train.Checkpoint(z=shared)
        deep.inner, root.a = shared, deep
        assert lines(root.write(str(tmp_path / 'model'))) == [
            'root',
            '  z',
            '    w  float32 []  "w"',
            '  a',
            '    inner  -> z',
        ]

    def test_a_positional_root_which_is_its_own_child_is_told_once(self, tmp_path):
        module = tf.Module()
        module.w = tf.Variable(1.0, name='w')
        path = tf.train.Checkpoint(module).save(str(tmp_path / 'model'))
        assert '  root  -> root' in lines(path)
        assert [line for line in lines(path) if '"w"' in line] == ['  w  float32 []  "w"']

    def test_cycles_and_repeated_slots_end(self, tmp_path):
        graph = ObjectGraph()
        a = graph.add(0, 'a', [variable('a')])
        b = graph.add(a, 'b', [variable('b')])
        graph.nodes[b].children |= {'up': a, 'self': b}
        graph.nodes[0].slots = [Slot(a, 'm', b)] * 3
        path = with_graph(tmp_path / 'model', graph, [variable('a').key])
        assert lines(path) == [
            'root',
            '  a  float32 []',
            '    b  -> a/m',
            '    m  (slot of root)  ! the checkpoint has no key b/.ATTRIBUTES/VARIABLE_VALUE',
            '      up  -> a',
            '      self  -> a/m',
            '    m  (slot of root)  -> a/m',
            '    m  (slot of root)  -> a/m',
        ]

    def test_objects_out_of_reach_of_the_root_are_told_too(self, tmp_path):
        graph = ObjectGraph()
        graph.add(graph.add(0, 'gone'), 'w', [variable('w')])
        graph.nodes[0].children.clear()
        assert lines(with_graph(tmp_path / 'model', graph, [variable('w').key])) == [
            'root',
            '(not reachable from the root)',
            '  w  float32 []',
        ]

    def test_a_chain_of_objects_deeper_than_pythons_stack_is_told(self, tmp_path):
        graph, node = ObjectGraph(), 0
        for _ in range(5000):
            node = graph.add(node, 'n')
        assert len(lines(with_graph(tmp_path / 'model', graph))) == 5001

    def test_tensors_that_no_object_has_follow_by_name(self, tmp_path):
        graph = ObjectGraph()
        graph.add(0, 'w', [variable('w', 'w')])
        path = with_graph(tmp_path / 'model', graph, [variable('w').key, 'scope/extra'])
        assert lines(path)[-2:] == ['scope', '  extra  float32 []']

    def test_a_table_has_two_keys_in_one_line(self, tmp_path):
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        table.insert(['a', 'b'], [1, 2])
        path = tf.train.Checkpoint(table=table).write(str(tmp_path / 'model'))
        assert '    table  string [2]  int64 [2]' in lines(path)
