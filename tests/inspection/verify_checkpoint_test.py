"""Tests that a sound checkpoint has no fault, and that each sort of damage is found and named."""

import dataclasses
import json
import os
import pathlib
import tracemalloc

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import estimator_ckpt
from estimator_ckpt.bundle import files, parallel
from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.slices import encode_key, parse_spec
from estimator_ckpt.inspection import slice_coverage
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from tests.bundle.helpers import (
    BFLOAT16,
    entry,
    flip_byte,
    merge,
    properties,
    read_file,
    save,
    save_sharded,
    sliced_entry,
    strings,
    write_by_hand,
    write_file,
)
from tests.cli.helpers import in_process

FLOAT, STRING = 1, 7
TENSORS = {'a': np.arange(6, dtype=np.float32), 's': strings(b'one', b'two'), 'z': np.arange(3)}


@pytest.fixture
def sound(tmp_path):
    return save(tmp_path / 'model', TENSORS)


def data_file(prefix):
    return f'{prefix}.data-00000-of-00001'


def faults(path):
    return [(fault.key, fault.problem) for fault in estimator_ckpt.verify(path).faults]


def save_objects(prefix):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(['a', 'b'], [1, 2])
    w = tf.Variable(1.0)
    optimizer = tf.compat.v1.train.AdamOptimizer(0.1)
    optimizer.minimize(lambda: w * w, var_list=[w])
    return tf.train.Checkpoint(w=w, table=table, optimizer=optimizer).save(str(prefix))


def test_a_sound_checkpoint_has_no_fault_and_all_its_bytes_are_read(sound):
    report = estimator_ckpt.verify(sound)
    assert report and report.ok and report.faults == []
    assert (report.tensors, report.shards, report.bytes) == (3, 1, os.path.getsize(data_file(sound)))
    assert str(report).endswith(f'3 keys, {report.bytes} B in 1 shard: no fault')


def test_sound_shards_slices_objects_and_tables_have_no_fault(tmp_path):
    save_sharded(tmp_path / 'sharded', devices=3)
    parts = [
        save(tmp_path / f'part{n}', {'w': np.full(2, n, np.float32)}, {'w': f'4 {2 * n},2'}) for n in (0, 1)
    ]
    sliced = merge(tmp_path / 'sliced', *parts)
    for path in (tmp_path / 'sharded', sliced, save_objects(tmp_path / 'objects')):
        assert faults(path) == []


def test_each_flipped_byte_of_a_data_file_is_a_fault_of_the_tensor_it_is_in(sound):
    path, reader = data_file(sound), BundleReader(sound)
    for position in range(os.path.getsize(path)):
        flip_byte(path, position)
        [(key, problem)] = faults(sound)
        held = reader.entry(key)
        assert held.offset <= position < held.offset + held.size, problem
        flip_byte(path, position)
    assert faults(sound) == []


def test_each_flipped_byte_of_an_index_is_a_fault_or_changes_nothing(sound):
    path = f'{sound}.index'
    unnoticed = 0
    for position in range(os.path.getsize(path)):
        flip_byte(path, position)
        unnoticed += not faults(sound)
        flip_byte(path, position)
    # Nobody reads the empty meta-index block, of 13 bytes, and the footer is padded to 40 behind its two handles.
    assert unnoticed < 13 + 40


def test_each_cut_of_an_index_is_a_fault(sound):
    whole = read_file(f'{sound}.index')
    for length in range(0, len(whole), 7):
        write_file(f'{sound}.index', whole[:length])
        [(key, problem)] = faults(sound)
        assert key == '' and 'is not a readable checkpoint index' in problem


def test_a_data_file_that_is_cut_off_is_a_fault_of_each_tensor_beyond_its_end(sound):
    os.truncate(data_file(sound), 24)
    assert [key for key, _ in faults(sound)] == ['s', 'z']
    assert all('the file is cut off: it has 24 bytes' in problem for _, problem in faults(sound))


def test_a_missing_shard_is_one_fault_and_the_others_are_still_checked(tmp_path):
    prefix = tmp_path / 'model'
    save_sharded(prefix, devices=2)
    os.remove(f'{prefix}.data-00001-of-00002')
    flip_byte(f'{prefix}.data-00000-of-00002', 0)
    missing, damaged = estimator_ckpt.verify(prefix).faults
    assert missing.file == f'{prefix}.data-00001-of-00002'
    assert missing.problem == 'the data file is missing; it holds 2 tensors'
    assert damaged.problem == 'the checksum of its bytes does not match'


def test_a_tensor_with_two_keys_is_read_once_and_faulty_under_both(sound, tmp_path):
    estimator_ckpt.convert(sound, tmp_path / 'both', 'both', data='copy')
    shards = sorted(tmp_path.glob('both.data*'))
    assert estimator_ckpt.verify(tmp_path / 'both').bytes == sum(map(os.path.getsize, shards))
    [shard] = [path for path in shards if read_file(path).startswith(TENSORS['a'].tobytes())]
    flip_byte(shard, 1)
    assert [key for key, _ in faults(tmp_path / 'both')] == ['a', 'vars/a/.ATTRIBUTES/VARIABLE_VALUE']


def test_slices_that_leave_a_part_out_are_a_fault(tmp_path):
    path = save(tmp_path / 'model', {'w': np.ones(3, np.float32)}, {'w': '5 0,3'})
    assert faults(path) == [('w', 'its slices do not cover it')]


def test_a_slice_without_an_entry_or_of_another_shape_is_a_fault(tmp_path):
    specs = ['4 0,2', '4 2,2']
    keys = [encode_key(b'w', parse_spec(spec)[1]) for spec in specs]
    entries = {keys[1]: entry(FLOAT, [3], b'x' * 12), b'w': sliced_entry(FLOAT, *specs)}
    path = write_by_hand(tmp_path / 'model', entries, b'x' * 12)
    [(_, gone), (_, other)] = faults(path)
    assert 'has no entry' in gone
    assert other == 'its slice ((2, 2),) is stored as float32 [3]'


def test_an_entry_that_makes_no_sense_is_a_fault_and_the_others_are_still_checked(tmp_path):
    bad = {
        b'bytes': b'\xff\xff',
        b'shape': entry(FLOAT, [-1]),
        b'shard': entry(FLOAT, [], b'1234', shard_id=9),
        b'size': entry(FLOAT, [2], b'1234'),
    }
    path = write_by_hand(tmp_path / 'model', {**bad, b'zzz': entry(FLOAT, [], b'1234', crc32c=1)}, b'1234')
    assert [key for key, _ in faults(path)] == [*map(bytes.decode, bad), 'zzz']


def test_an_object_graph_that_refers_to_a_missing_key_is_a_fault(tmp_path):
    graph = ObjectGraph()
    graph.add(0, 'here', [Attribute('VARIABLE_VALUE', 'here', 'here/.ATTRIBUTES/VARIABLE_VALUE')])
    graph.add(0, 'gone', [Attribute('VARIABLE_VALUE', 'gone', 'gone/.ATTRIBUTES/VARIABLE_VALUE')])
    graph.add(0, 'table', [Attribute('table', '', 'table/.ATTRIBUTES/table')])
    tensors = dict.fromkeys(
        [
            'here/.ATTRIBUTES/VARIABLE_VALUE',
            'table/.ATTRIBUTES/table-keys',
            'table/.ATTRIBUTES/table-values',
        ],
        np.float32(1),
    )
    path = save(tmp_path / 'model', {**tensors, '_CHECKPOINTABLE_OBJECT_GRAPH': graph.serialize()})
    [(key, problem)] = faults(path)
    assert key == 'gone/.ATTRIBUTES/VARIABLE_VALUE'
    assert problem == 'node 2 of the object graph refers to this key, which the index does not have'


@pytest.mark.parametrize(
    'value', [b'no graph', np.int64(1 << 60), strings(b'', b'')], ids=['bytes', 'a number', 'two strings']
)
def test_an_object_graph_that_is_none_is_a_fault(tmp_path, value):
    path = save(tmp_path / 'model', {'_CHECKPOINTABLE_OBJECT_GRAPH': value})
    [(_, problem)] = faults(path)
    assert '_CHECKPOINTABLE_OBJECT_GRAPH is damaged' in problem


def test_a_state_file_that_is_none_is_a_fault_of_the_checkpoint_and_of_its_directory(sound, tmp_path):
    write_file(tmp_path / 'checkpoint', b'\x00 no state')
    for path in (sound, tmp_path):
        [(_, problem)] = faults(path)
        assert 'is not a checkpoint state file' in problem


def test_a_state_file_that_names_what_is_gone_is_a_warning(sound, tmp_path):
    write_file(tmp_path / 'checkpoint', b'model_checkpoint_path: "gone"\nall_model_checkpoint_paths: "model"')
    report = estimator_ckpt.verify(sound)
    assert report.ok
    assert [warning.problem for warning in report.warnings] == ['it names gone, which does not exist']


def test_a_checkpoint_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CheckpointNotFoundError):
        estimator_ckpt.verify(tmp_path / 'gone')


def test_a_git_lfs_pointer_is_a_fault_that_says_so(sound):
    write_file(f'{sound}.index', b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')
    [(_, problem)] = faults(sound)
    assert 'git lfs pull' in problem


def test_progress_tells_pieces_that_add_up_to_the_total(sound):
    told = []
    report = estimator_ckpt.verify(sound, progress=lambda piece, total: told.append((piece, total)))
    assert sum(piece for piece, _ in told) == report.bytes
    assert {total for _, total in told} == {report.bytes}


def test_numbers_are_read_in_pieces_and_their_memory_stays_below_the_tensor(tmp_path):
    path = save(tmp_path / 'model', {'w': np.zeros(20_000_000, np.float32)})
    tracemalloc.start()
    told = []
    assert estimator_ckpt.verify(path, progress=lambda piece, total: told.append(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A piece for each thread.
    assert len(told) > 1 and peak < parallel.threads() * 5_000_000


def test_small_tensors_are_read_together(tmp_path, monkeypatch):
    prefix = save(tmp_path / 'model', {f'{n:04}': np.full(3, n, np.int16) for n in range(1000)})
    opened = []
    for name in ('read', 'read_into'):
        method = getattr(files.LocalFiles, name)
        monkeypatch.setattr(
            files.LocalFiles, name, lambda *args, method=method: opened.append(args[1]) or method(*args)
        )
    report = estimator_ckpt.verify(prefix)
    assert report.ok and report.bytes == 6000
    assert [path for path in opened if path.startswith(prefix)] == [
        f'{prefix}.index',
        f'{prefix}.data-00000-of-00001',
    ]


def test_the_report_is_a_json_object(sound):
    flip_byte(data_file(sound), 0)
    report = estimator_ckpt.verify(sound)
    fields = json.loads(report.to_json())
    assert fields['ok'] is False
    assert fields['faults'] == [dataclasses.asdict(report.faults[0])]
    assert fields['faults'][0]['key'] == 'a'


def test_every_wild_checkpoint_has_no_fault(wild):
    prefixes = [str(path).removesuffix('.index') for path in pathlib.Path(wild).glob('*/*.index')]
    assert len(prefixes) >= 12
    assert {prefix: faults(prefix) for prefix in prefixes} == dict.fromkeys(prefixes, [])


class TestCoverage:
    @properties(400)
    @hypothesis.given(st.data())
    def test_slices_cover_a_tensor_where_they_cover_each_element(self, data):
        shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
        extents = [
            st.just((0, None))
            | st.integers(0, e).flatmap(lambda s, e=e: st.tuples(st.just(s), st.integers(0, e - s)))
            for e in shape
        ]
        parts = data.draw(st.lists(st.tuples(*extents), max_size=5))
        covered = np.zeros(shape, bool)
        for part in parts:
            covered[tuple(slice(s, None if n is None else s + n) for s, n in part)] = True
        assert slice_coverage.covers(parts, shape) == covered.all()

    def test_many_slices_of_a_large_tensor_take_no_memory_of_its_size(self):
        parts = [((n * 1000, 1000), (0, None)) for n in range(20_000)]
        assert slice_coverage.covers(parts, (20_000_000, 1 << 40))
        assert not slice_coverage.covers(parts[1:], (20_000_000, 1 << 40))

    def test_slices_made_to_take_forever_are_given_up(self):
        nested = [tuple((n, 100 - 2 * n) for _ in range(20)) for n in range(40)]
        with pytest.raises(slice_coverage.TooComplexError):
            slice_coverage.covers(nested, [100] * 20)


class TestFinite:
    @pytest.fixture
    def prefix(self, tmp_path):
        tensors = {
            'nan': np.float32([1, np.nan, np.nan, -np.inf]),
            'bfloat16': np.array([np.inf, 1], BFLOAT16),
            'fine': np.float64([1, 2]),
            'step': np.int64(3),
            'words': strings(b'nan'),
        }
        return save(tmp_path / 'model', tensors)

    def test_nan_and_infinite_values_are_faults_if_asked_for(self, prefix):
        assert faults(prefix) == []
        assert [(f.key, f.problem) for f in estimator_ckpt.verify(prefix, finite=True).faults] == [
            ('bfloat16', '1 Inf among its 2 values'),
            ('nan', '2 NaN, 1 Inf among its 4 values'),
        ]

    def test_what_is_damaged_is_reported_once(self, prefix):
        flip_byte(f'{prefix}.data-00000-of-00001', BundleReader(prefix).entry('nan').offset)
        assert [(f.key, f.problem) for f in estimator_ckpt.verify(prefix, finite=True).faults] == [
            ('nan', 'the checksum of its bytes does not match'),
            ('bfloat16', '1 Inf among its 2 values'),
        ]
        os.remove(f'{prefix}.data-00000-of-00001')
        [fault] = estimator_ckpt.verify(prefix, finite=True).faults
        assert 'the data file is missing' in fault.problem

    def test_files_of_other_kinds_are_read_too(self, prefix, tmp_path):
        estimator_ckpt.convert(prefix, tmp_path / 'x.npz', drop=['words', 'bfloat16'])
        [fault] = estimator_ckpt.verify(tmp_path / 'x.npz', finite=True).faults
        assert (fault.key, fault.file) == ('nan', str(tmp_path / 'x.npz'))

    def test_the_command_gives_1(self, capsys, prefix):
        assert in_process(capsys, 'verify', prefix).code == 0
        result = in_process(capsys, 'verify', '--finite', prefix)
        assert result.code == 1 and "'nan': 2 NaN, 1 Inf among its 4 values" in result.out
