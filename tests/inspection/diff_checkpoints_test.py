"""Tests which differences between two checkpoints are found, across styles and through rules."""

import json
import pathlib
import shutil
import tracemalloc

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import estimator_ckpt
from estimator_ckpt.bundle.errors import CorruptCheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.inspection import array_difference
from tests.bundle.helpers import BFLOAT16, entry, flip_byte, merge, properties, save, strings, write_by_hand

ADAM = {
    'net/kernel': np.arange(6, dtype=np.float32).reshape(3, 2),
    'net/kernel/Adam': np.full((3, 2), 2, np.float32),
    'net/kernel/Adam_1': np.full((3, 2), 3, np.float32),
    'beta1_power': np.float32(0.9),
    'global_step': np.int64(7),
}


@pytest.fixture
def adam(tmp_path):
    return save(tmp_path / 'adam', ADAM)


def changed(tmp_path, **values):
    """The checkpoint with other values, or without the tensors that are None."""
    tensors = {**ADAM, **{key.replace('__', '/'): value for key, value in values.items()}}
    return save(tmp_path / 'changed', {key: value for key, value in tensors.items() if value is not None})


def values_apart(tmp_path, a, b, **options):
    """The one difference of a tensor with two values."""
    first, second = save(tmp_path / 'a', {'v': a}), save(tmp_path / 'b', {'v': b})
    [row] = estimator_ckpt.diff(first, second, **options).value
    return row.elements, row.max_absolute, row.max_relative


def same(tmp_path, a, b, **options):
    first, second = save(tmp_path / 'a', {'v': a}), save(tmp_path / 'b', {'v': b})
    return estimator_ckpt.diff(first, second, **options).equal


def test_a_checkpoint_has_no_difference_from_itself(adam):
    report = estimator_ckpt.diff(adam, adam)
    assert report.equal and not report
    assert report.equal_tensors == 5
    assert str(report).endswith('no difference; 5 tensors equal')


def test_every_sort_of_difference_is_listed_by_itself(adam, tmp_path):
    other = changed(
        tmp_path,
        net__kernel=np.arange(6, dtype=np.float32).reshape(2, 3),
        net__kernel__Adam=np.full((3, 2), 2, np.float64),
        net__kernel__Adam_1=np.float32([[3, 3], [3, 4], [3, 3]]),
        beta1_power=None,
        new=np.int32(1),
    )
    report = estimator_ckpt.diff(adam, other)
    assert report and not report.equal
    assert [row.key_a for row in report.only_in_a] == ['beta1_power']
    assert [row.key_b for row in report.only_in_b] == ['new']
    [shape], [dtype], [value] = report.shape, report.dtype, report.value
    assert (shape.key, shape.shape_a, shape.shape_b) == ('net/kernel', (3, 2), (2, 3))
    assert (dtype.key, dtype.dtype_a, dtype.dtype_b) == ('net/kernel/Adam', 'float32', 'float64')
    assert (value.key, value.elements, value.max_absolute, value.max_relative) == (
        'net/kernel/Adam_1',
        1,
        1.0,
        0.25,
    )
    assert report.equal_tensors == 1
    assert '1 only in A, 1 only in B, 1 other shape, 1 other dtype, 1 other value; 1 tensor equal' in str(
        report
    )


def test_the_summary_counts(tmp_path):
    save(tmp_path / 'a', {'v': np.float32(1), 'w': np.float32(2), 'x': np.float32(3)})
    save(tmp_path / 'b', {'v': np.float32(2), 'w': np.float32(3), 'x': np.float32(3)})
    assert estimator_ckpt.diff(tmp_path / 'a', tmp_path / 'b').summary() == '2 other values; 1 tensor equal'


def test_the_report_is_json_that_needs_no_infinity(tmp_path):
    save(tmp_path / 'a', {'v': np.float32([1, np.nan])})
    save(tmp_path / 'b', {'v': np.float32([1, 2])})
    text = estimator_ckpt.diff(tmp_path / 'a', tmp_path / 'b').to_json()
    fields = json.loads(text, parse_constant=pytest.fail)
    assert fields['equal'] is False
    assert (fields['value'][0]['key_a'], fields['value'][0]['max_absolute']) == ('v', 'inf')


class TestAcrossStyles:
    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    @pytest.mark.parametrize(
        'options', [{}, {'optimizer': 'opt'}, {'root': 'model', 'step': ('a', 'b/c')}], ids=str
    )
    def test_a_conversion_has_no_difference_from_its_source(self, adam, tmp_path, style, options):
        if style == 'tf1':
            options = {}
        estimator_ckpt.convert(adam, tmp_path / 'new', style, **options)
        for a, b in ((adam, tmp_path / 'new'), (tmp_path / 'new', adam)):
            report = estimator_ckpt.diff(a, b)
            assert report.equal, report
            assert report.equal_tensors == len(ADAM)

    def test_a_value_that_differs_is_found_under_its_two_keys(self, adam, tmp_path):
        other = changed(tmp_path, net__kernel__Adam=np.zeros((3, 2), np.float32))
        estimator_ckpt.convert(other, tmp_path / 'tf2', 'tf2', optimizer='opt')
        [row] = estimator_ckpt.diff(adam, tmp_path / 'tf2').value
        assert (row.key_a, row.key_b) == (
            'net/kernel/Adam',
            'vars/net.Skernel/.OPTIMIZER_SLOT/opt/m/.ATTRIBUTES/VARIABLE_VALUE',
        )
        assert row.key == f'{row.key_b} <- {row.key_a}'

    def test_a_file_of_tensorflows_own_objects_is_matched_by_the_names_of_its_variables(self, tmp_path):
        w = tf.Variable([1.0, 2.0], name='scope/w')
        objects = tf.train.Checkpoint(anything=w).save(str(tmp_path / 'objects'))
        names = save(tmp_path / 'names', {'scope/w': np.float32([1, 2])})
        assert estimator_ckpt.diff(names, objects).equal

    def test_slots_of_an_optimizer_that_is_not_known_are_matched_through_their_variables(
        self, adam, tmp_path
    ):
        names = {'w': np.ones(2), 'w/Adam': np.ones(2) * 2, 'w/Adam_1': np.ones(2) * 3}
        source = save(tmp_path / 'names', names)
        estimator_ckpt.convert(source, tmp_path / 'tf2', 'tf2', optimizer='opt', drop=['w/Adam'])
        report = estimator_ckpt.diff(source, tmp_path / 'tf2')
        assert [row.key_a for row in report.only_in_a] == ['w/Adam']
        assert not report.only_in_b and not report.value

    def test_the_counter_of_saves_counts_between_two_files_that_have_it(self, tmp_path):
        checkpoint = tf.train.Checkpoint(w=tf.Variable(1.0))
        first, second = (checkpoint.save(str(tmp_path / 'model')) for _ in range(2))
        [row] = estimator_ckpt.diff(first, second).value
        assert row.key_a == 'save_counter/.ATTRIBUTES/VARIABLE_VALUE'

    def test_objects_are_matched_by_their_keys_and_not_by_their_variables_names(self, tmp_path):
        w = tf.Variable(1.0, name='w')
        first = tf.train.Checkpoint(a=w).write(str(tmp_path / 'first'))
        second = tf.train.Checkpoint(b=w).write(str(tmp_path / 'second'))
        report = estimator_ckpt.diff(first, second)
        assert len(report.only_in_a) == len(report.only_in_b) == 1
        assert report.notes == ['The object graphs differ.']

    def test_two_keys_of_the_same_bytes_are_each_compared_with_a_copy_of_their_own(self, tmp_path):
        data = np.float32(1).tobytes()
        shared = write_by_hand(tmp_path / 'a', {b'x': entry(1, [], data), b'y': entry(1, [], data)}, data)
        copies = save(tmp_path / 'b', {'x': np.float32(1), 'y': np.float32(2)})
        [row] = estimator_ckpt.diff(shared, copies).value
        assert row.key == 'y'
        assert not estimator_ckpt.diff(shared, copies).only_in_b


class TestRules:
    def test_rules_say_what_the_tensors_of_a_are_called_in_b(self, adam, tmp_path):
        rules = [(r'net/(.*)', r'new/\1')]
        estimator_ckpt.convert(adam, tmp_path / 'new', 'tf1', rules=rules)
        assert not estimator_ckpt.diff(adam, tmp_path / 'new').equal
        assert estimator_ckpt.diff(adam, tmp_path / 'new', rules=rules).equal

    def test_rules_can_name_object_paths_and_slots_follow_their_variables(self, adam, tmp_path):
        rules = [('net/kernel', 'encoder/w')]
        estimator_ckpt.convert(adam, tmp_path / 'new', 'tf2', rules=rules, optimizer='opt')
        assert estimator_ckpt.diff(adam, tmp_path / 'new', rules=rules).equal

    def test_what_a_rule_does_to_a_tensor_is_done_before_it_is_compared(self, adam, tmp_path):
        slots = {'net__kernel__Adam': ADAM['net/kernel/Adam'].T, 'net__kernel__Adam_1': None}
        turned = changed(tmp_path, net__kernel=ADAM['net/kernel'].T, **slots)
        report = estimator_ckpt.diff(adam, turned, rules=[('net/kernel', 'net/kernel', 'transpose=1,0')])
        assert [row.key for row in report.only_in_a] == ['net/kernel/Adam_1']
        assert not report.shape and not report.value and report.equal_tensors == 4

    def test_what_a_rule_moves_is_not_matched_by_its_old_key_too(self, tmp_path):
        a = save(tmp_path / 'a', {'x': np.float32(1), 'y': np.float32(2)})
        b = save(tmp_path / 'b', {'x': np.float32(2), 'y': np.float32(1)})
        assert estimator_ckpt.diff(a, b, rules=[('x', 'y'), ('y', 'x')]).equal

    def test_a_rule_that_no_tensor_takes_is_noted(self, adam):
        assert estimator_ckpt.diff(adam, adam, rules=[('none', 'some')]).notes == [
            "No tensor takes the rule 'none -> some'."
        ]


class TestValues:
    def test_the_difference_is_relative_to_the_larger_magnitude(self, tmp_path):
        assert values_apart(tmp_path, np.float64([1, -4, 0]), np.float64([1, -5, 0])) == (1, 1.0, 0.2)

    def test_nan_equals_nan_and_infinity_itself(self, tmp_path):
        a = np.float32([np.nan, np.inf, -np.inf, 0.0, 1])
        b = np.float32([np.nan, np.inf, -np.inf, -0.0, 2])
        assert values_apart(tmp_path, a, b) == (1, 1.0, 0.5)
        b[4] = 1
        assert same(tmp_path, a, b)

    @pytest.mark.parametrize('other', [np.nan, np.inf])
    def test_nan_and_infinity_are_infinitely_far_from_numbers_whatever_is_tolerated(self, tmp_path, other):
        found = values_apart(tmp_path, np.float32([other]), np.float32([1]), rtol=1.0, atol=1e30)
        assert found == (1, np.inf, np.inf)

    def test_large_integers_differ_by_their_exact_difference(self, tmp_path):
        assert values_apart(tmp_path, np.int64([2**62]), np.int64([2**62 + 1]))[:2] == (1, 1.0)
        a, b = np.int64([-(2**63)]), np.int64([2**63 - 1])
        assert values_apart(tmp_path, a, b)[1] == float(2**64)
        assert values_apart(tmp_path, np.uint8([0]), np.uint8([255]))[1] == 255.0

    @pytest.mark.parametrize(
        ('a', 'b', 'expected'),
        [
            (np.array([True, False]), np.array([True, True]), (1, 1.0, 1.0)),
            (np.complex64([1 + 1j]), np.complex64([1 - 1j]), (1, 2.0, pytest.approx(2**0.5))),
            (np.array([1, 2], BFLOAT16), np.array([1, 4], BFLOAT16), (1, 2.0, 0.5)),
            (strings(b'a', b'b'), strings(b'a', b''), (1, None, None)),
        ],
        ids=['bool', 'complex', 'bfloat16', 'strings'],
    )
    def test_other_types_are_compared_too(self, tmp_path, a, b, expected):
        assert values_apart(tmp_path, a, b) == expected

    def test_what_is_tolerated_is_no_difference(self, tmp_path):
        a, b = np.float64([100, 0]), np.float64([101, 0.5])
        assert same(tmp_path, a, b, rtol=0.01, atol=0.5)
        assert not same(tmp_path, a, b, rtol=0.01)
        assert not same(tmp_path, a, b, atol=0.5)

    def test_a_type_that_numpy_lacks_differs_where_its_bytes_do(self, tmp_path):
        paths = [
            write_by_hand(tmp_path / data.decode(), {b'v': entry(21, [], data)}, data)
            for data in (b'x', b'y')
        ]
        [row] = estimator_ckpt.diff(*paths).value
        assert (row.key, row.elements) == ('v', None)
        assert estimator_ckpt.diff(paths[0], paths[0]).equal

    def test_slices_are_compared_with_other_slices_and_with_the_whole(self, tmp_path):
        w = np.arange(4, dtype=np.float32)
        halves = [save(tmp_path / f'half{n}', {'w': w[2 * n :][:2]}, {'w': f'4 {2 * n},2'}) for n in (0, 1)]
        whole, sliced = save(tmp_path / 'whole', {'w': w}), merge(tmp_path / 'sliced', *halves)
        assert estimator_ckpt.diff(sliced, whole).equal
        other = save(tmp_path / 'other', {'w': w + 1})
        assert estimator_ckpt.diff(sliced, other).value[0].elements == 4

    @properties(200)
    @hypothesis.given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=8))
    def test_the_differences_are_those_of_python(self, pairs):
        a, b = (np.float32(column) for column in zip(*pairs, strict=True))
        found = array_difference.compare(a, b)
        apart = [
            0.0 if x == y or (x != x and y != y) else np.nan_to_num(abs(x - y), nan=np.inf, posinf=np.inf)
            for x, y in pairs
        ]
        assert found.elements == sum(d > 0 for d in apart)
        assert found.max_absolute == max(apart)


class TestReading:
    def test_equal_tensors_are_not_read(self, adam, tmp_path):
        shutil.copy(f'{adam}.index', tmp_path / 'copy.index')
        assert estimator_ckpt.diff(adam, tmp_path / 'copy').equal

    def test_a_damaged_tensor_that_must_be_read_is_an_error(self, adam, tmp_path):
        other = changed(tmp_path, net__kernel=np.zeros((3, 2), np.float32))
        flip_byte(f'{other}.data-00000-of-00001', BundleReader(other).entry('net/kernel').offset)
        with pytest.raises(CorruptCheckpointError, match='net/kernel'):
            estimator_ckpt.diff(adam, other)

    def test_memory_is_that_of_two_tensors(self, tmp_path):
        size = 8_000_000
        for name in ('a', 'b'):
            number = {'a': 1, 'b': 2}[name]
            save(tmp_path / name, {f'v{n}': np.full(size // 4, number + n, np.float32) for n in range(4)})
        tracemalloc.start()
        assert len(estimator_ckpt.diff(tmp_path / 'a', tmp_path / 'b').value) == 4
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # Bytes as read and the array made of them, and the pieces that are compared.
        assert peak < 3 * size + 80_000_000

    def test_every_wild_checkpoint_has_no_difference_from_itself_and_from_its_conversions(
        self, wild, tmp_path
    ):
        prefixes = [str(path).removesuffix('.index') for path in pathlib.Path(wild).glob('*/*.index')]
        for number, prefix in enumerate(prefixes):
            assert estimator_ckpt.diff(prefix, prefix).equal
            style = 'tf1' if estimator_ckpt.inspect(prefix).style == 'tf2' else 'tf2'
            estimator_ckpt.convert(prefix, tmp_path / str(number), style)
            assert estimator_ckpt.diff(prefix, tmp_path / str(number)).equal
