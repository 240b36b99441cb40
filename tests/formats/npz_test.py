"""Tests of archives of NumPy arrays, against NumPy itself."""

import io
import re
import warnings
import zipfile

import hypothesis
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.formats.npz import NpzFile, write_npz
from estimator_ckpt.formats.opening import open_source
from tests.bundle.helpers import properties, read_file, strings, temporary_prefix, write_file
from tests.formats.helpers import assert_same_array, bytes_read, output, values_or_errors
from tests.formats.helpers import tensors as any_tensors

VALUES = {
    'net/kernel': np.arange(12, dtype=np.float32).reshape(3, 4),
    'net/bias': np.array([1.5, -2], np.float16),
    'step': np.int64(7),
    'flags': np.array([[True], [False]]),
    'empty': np.zeros([0, 3], np.uint8),
    'complex': np.array([1 + 2j]),
    'fortran': np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
}


@pytest.fixture(params=[np.savez, np.savez_compressed])
def path(request, tmp_path):
    request.param(tmp_path / 'model.npz', **VALUES)
    return str(tmp_path / 'model.npz')


def test_arrays_are_those_that_numpy_saved(path):
    reader = open_source(path)
    assert isinstance(reader, NpzFile) and reader.keys() == sorted(VALUES)
    for name, value in VALUES.items():
        assert reader.entry(name).shape == value.shape
        assert reader.entry(name).dtype == dtypes.from_numpy(value.dtype)
        read = reader.tensor(name)
        assert_same_array(read, np.asarray(value))
        assert read.flags.writeable and read.flags.c_contiguous
        if value.ndim:
            assert_same_array(
                reader.rows(name, 0, len(value) // 2), np.ascontiguousarray(value[: len(value) // 2])
            )
            assert_same_array(
                reader.rows(name, len(value) // 2, len(value)), np.ascontiguousarray(value[len(value) // 2 :])
            )


def test_strings_and_big_endian_numbers_become_those_of_tensorflow(path, tmp_path):
    texts, numbers = np.array(['a', 'Ärger', '']), np.arange(5, dtype='>i4')
    np.savez(
        tmp_path / 'model.npz', u=texts, big_u=texts.astype('>U5'), s=np.array([[b'xy', b'']]), n=numbers
    )
    reader = NpzFile(tmp_path / 'model.npz')
    assert reader.entry('u').dtype == reader.entry('s').dtype == dtypes.STRING
    for name in ('u', 'big_u'):
        assert reader.tensor(name).tolist() == [b'a', 'Ärger'.encode(), b'']
        assert reader.rows(name, 1, 2).tolist() == ['Ärger'.encode()]
    assert reader.tensor('s').tolist() == [[b'xy', b'']]
    assert_same_array(reader.tensor('n'), np.arange(5, dtype=np.int32))
    assert_same_array(reader.rows('n', 2, 4), np.array([2, 3], np.int32))


@pytest.mark.parametrize(
    ('value', 'what'),
    [
        (np.array(['a', None], object), 'pickled Python objects'),
        (np.array(['2020-01-01'] * 2, 'datetime64[D]'), r'arrays of datetime64\[D\]'),
        (np.zeros(2, [('x', 'f4'), ('y', 'i4')]), 'cannot store arrays'),
        (np.zeros(2, [('ü', 'f4')]), 'cannot store arrays'),
        (np.ones(2, ml_dtypes.bfloat16), 'raw items of 2 bytes, .*bfloat16'),
    ],
)
def test_an_array_of_a_type_that_tensorflow_lacks_is_listed_and_the_others_are_read(tmp_path, value, what):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        np.savez(tmp_path / 'model.npz', odd=value, good=np.ones(2))
    reader = NpzFile(tmp_path / 'model.npz')
    assert reader.keys() == ['good', 'odd'] and reader.entry('odd').shape == (2,)
    assert_same_array(reader.tensor('good'), np.ones(2))
    for read in (lambda: reader.tensor('odd'), lambda: reader.rows('odd', 0, 1)):
        with pytest.raises(
            dtypes.UnsupportedDtypeError, match=f"model.npz: the tensor 'odd' .*{what}.*; drop it"
        ):
            read()


def test_only_the_rows_that_are_asked_for_are_read(tmp_path, monkeypatch):
    np.savez(
        tmp_path / 'model.npz', a=np.ones(10), big=np.arange(4_000_000, dtype=np.float32).reshape(-1, 1000)
    )
    count = bytes_read(monkeypatch)
    reader = NpzFile(tmp_path / 'model.npz')
    assert count() < 100_000
    assert_same_array(reader.rows('big', 7, 9), np.arange(7000, 9000, dtype=np.float32).reshape(2, 1000))
    assert count() == 8000
    reader.tensor('a')
    assert count() == 80


def test_an_array_that_vanishes_is_not_found(tmp_path):
    np.savez(tmp_path / 'model.npz', a=np.ones(10))
    reader = NpzFile(tmp_path / 'model.npz')
    (tmp_path / 'model.npz').unlink()
    with pytest.raises(CheckpointNotFoundError, match="model.npz, which holds 'a', is missing"):
        reader.tensor('a')


def test_an_archive_on_another_file_system_is_read(path):
    tf.io.gfile.makedirs('ram://npz_test')
    remote = 'ram://npz_test/model.npz'
    tf.io.gfile.copy(path, remote, overwrite=True)
    reader = open_source(remote)
    for name, value in VALUES.items():
        assert_same_array(reader.tensor(name), np.asarray(value))
    assert_same_array(reader.rows('net/kernel', 1, 2), VALUES['net/kernel'][1:2])
    write_npz('ram://npz_test/new.npz', output(VALUES))
    assert open_source('ram://npz_test/new.npz').keys() == sorted(VALUES)


def test_a_file_that_is_not_there_or_vanishes_is_named(path, tmp_path):
    with pytest.raises(CheckpointNotFoundError, match='There is no file .*other.npz; check'):
        NpzFile(tmp_path / 'other.npz')
    reader = NpzFile(path)
    (tmp_path / 'model.npz').unlink()
    with pytest.raises(CheckpointNotFoundError, match='model.npz is missing; copy'):
        reader.check_data_files()


def test_damage_at_any_byte_is_an_error_or_changes_nothing(path):
    raw = read_file(path)
    expected = {name: np.asarray(value) for name, value in VALUES.items()}
    failed = 0
    for position in range(len(raw)):
        write_file(path, raw[:position] + bytes([raw[position] ^ 0x41]) + raw[position + 1 :])
        failed += values_or_errors(lambda: NpzFile(path), expected)
    assert failed > len(raw) // 2


def test_an_archive_cut_off_at_any_length_is_corrupt(path):
    raw = read_file(path)
    for length in range(0, len(raw), 7):
        write_file(path, raw[:length])
        with pytest.raises(CorruptCheckpointError, match=r'model.npz is damaged: .*; restore .* from a copy'):
            NpzFile(path)


def test_a_changed_value_that_is_not_compressed_has_the_wrong_checksum(tmp_path):
    np.savez(tmp_path / 'model.npz', x=np.full(100, 3.0))
    raw = read_file(tmp_path / 'model.npz')
    position = raw.index(np.full(2, 3.0).tobytes())
    write_file(tmp_path / 'model.npz', raw[:position] + b'\x01' + raw[position + 1 :])
    with pytest.raises(
        CorruptCheckpointError, match="the tensor 'x' is damaged: its checksum does not match"
    ):
        NpzFile(tmp_path / 'model.npz').tensor('x')


def _npy(descr, shape, data=b''):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {'descr': descr, 'fortran_order': False, 'shape': shape})
    return file.getvalue() + data


@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize(
    'member',
    [
        _npy('<f4', (1 << 40,)),
        _npy('<f4', (1 << 62, 1 << 62)),
        _npy('<f4', (-1,)),
        _npy('<f4', (1,) * 300, bytes(4)),
        _npy('|S0', (1 << 40,)),
        _npy('<f4', (3,), bytes(16)),
        b'\x93NUMPY\x01\x00\xff\xff' + b'(' * 65535,
        b'\x93NUMPY\x01\x00\x00\x20' + b'-' * 8191 + b'1',
        b'\x93NUMPY\x09\x00\x00\x00\x00\x00',
        b'\x93NUMPY',
        b'',
    ],
)
def test_a_hostile_array_is_corrupt_and_takes_no_memory(tmp_path, no_big_memory, method, member):
    with zipfile.ZipFile(tmp_path / 'model.npz', 'w', method) as archive:
        archive.writestr('x.npy', member)
    with pytest.raises(CorruptCheckpointError, match="model.npz is damaged: the header of the array 'x'"):
        NpzFile(tmp_path / 'model.npz')


@pytest.mark.filterwarnings('ignore:Duplicate name')
def test_an_array_that_is_there_twice_is_corrupt(tmp_path):
    with zipfile.ZipFile(tmp_path / 'model.npz', 'w') as archive:
        for _ in range(2):
            archive.writestr('x.npy', _npy('<f4', (1,), bytes(4)))
    with pytest.raises(CorruptCheckpointError, match="the array 'x' is in it twice"):
        NpzFile(tmp_path / 'model.npz')


@properties(200)
@hypothesis.given(
    st.binary(max_size=80), st.sampled_from([b'', b'\x93NUMPY\x01\x00', b'\x93NUMPY\x01\x00\x30\x00{'])
)
def test_any_header_is_read_or_corrupt(data, start):
    with temporary_prefix('model') as path:
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('x.npy', start + data)
        with pytest.raises(CorruptCheckpointError):
            NpzFile(path)


class TestWriting:
    @properties(100)
    @hypothesis.given(
        st.dictionaries(st.from_regex(r'\w[\w/.:]{,8}', fullmatch=True), any_tensors(), max_size=5)
    )
    def test_numpy_loads_what_was_written(self, values):
        values = {name: value for name, value in values.items() if value.dtype != object}
        with temporary_prefix('model.npz') as path:
            counts = []
            write_npz(path, output(values), counts.append)
            assert sum(counts) == sum(value.nbytes for value in values.values())
            with np.load(path) as loaded:
                assert set(loaded.files) == set(values)
                for name, value in values.items():
                    assert_same_array(loaded[name], value)
            reader = NpzFile(path)
            for name, value in values.items():
                assert_same_array(reader.tensor(name), value)

    def test_values_that_are_not_contiguous_or_of_another_byte_order_are_written(self, tmp_path):
        path = str(tmp_path / 'new' / 'model.npz')
        write_npz(path, output({'t': np.arange(6.0).reshape(2, 3).T, 'b': np.arange(3, dtype='>i4')}))
        with np.load(path) as loaded:
            assert_same_array(loaded['t'], np.ascontiguousarray(np.arange(6.0).reshape(2, 3).T))
            assert_same_array(loaded['b'], np.arange(3, dtype=np.int32))

    @pytest.mark.parametrize(
        ('value', 'cure'),
        [
            (strings(b'text'), "whose type is string; leave it out (`drop=['a.b']` or `--drop=a.b`)."),
            (
                np.ones(1, ml_dtypes.bfloat16),
                r'is bfloat16; cast it by the rule `a\.b -> a.b | cast=float32`, or',
            ),
            (np.ones(1, ml_dtypes.int4), r'is int4; cast it by the rule `a\.b -> a.b | cast=int8`, or leave'),
        ],
    )
    def test_a_type_that_numpy_lacks_is_named_with_the_cure_and_nothing_is_written(
        self, tmp_path, value, cure
    ):
        with pytest.raises(CheckpointError, match="cannot hold 'a.b', .*" + re.escape(cure)):
            write_npz(str(tmp_path / 'model.npz'), output({'x': np.ones(1), 'a.b': value}))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize('names', [['a', 'a'], ['a', 'a.npy'], ['a.npy', 'a'], ['a\0b'], ['\udcff']])
    def test_names_that_numpy_could_not_find_are_an_error(self, tmp_path, names):
        tensors = [output({name: np.ones(1)})[0] for name in names]
        with pytest.raises(CheckpointError, match=r'model.npz: .* name'):
            write_npz(str(tmp_path / 'model.npz'), tensors)
        assert not list(tmp_path.iterdir())

    def test_an_error_while_values_are_computed_leaves_the_old_file(self, tmp_path):
        path = str(tmp_path / 'model.npz')
        write_npz(path, output({'x': np.ones(1)}))
        before = read_file(path)
        tensors = output({'x': np.ones(2), 'y': np.ones(3)})
        with pytest.raises(CheckpointError, match="'y' is float64"):
            write_npz(path, [tensors[0], tensors[1]._replace(shape=(2,))])
        assert read_file(path) == before and [p.name for p in tmp_path.iterdir()] == ['model.npz']

    def test_one_array_at_a_time_is_in_memory(self, tmp_path, monkeypatch):
        import tracemalloc

        path = str(tmp_path / 'model.npz')
        tensors = [
            tensor._replace(shape=(1 << 20,), compute=lambda: np.zeros(1 << 20))
            for tensor in output({f'x{n}': np.zeros(0) for n in range(8)})
        ]
        tracemalloc.start()
        write_npz(path, tensors)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40 << 20
        assert LocalFiles().size(path) > 64 << 20
