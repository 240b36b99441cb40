"""Tests of safetensors files, against the library."""

import json
import re
import struct

import hypothesis
import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.formats.output import OutputTensor
from estimator_ckpt.formats.safetensors_file import SafetensorsFile, SafetensorsIndex, write_safetensors
from tests.bundle.helpers import properties, read_file, strings, temporary_prefix, write_file
from tests.formats.helpers import assert_same_array, bytes_read, output, values_or_errors
from tests.formats.helpers import tensors as any_tensors

VALUES = {
    'net/kernel': np.arange(12, dtype=np.float32).reshape(3, 4),
    'net/bias': np.array([1.5, -2], ml_dtypes.bfloat16),
    'step': np.array(7, np.int64),
    'flags': np.array([[True], [False]]),
    'empty': np.zeros([0, 3], np.uint8),
}
FLOATS = {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}


@pytest.fixture
def path(tmp_path):
    # The library's own reader and writer of NumPy arrays know bfloat16, but neither float8 nor complex numbers.
    safetensors.numpy.save_file(VALUES, tmp_path / 'model.safetensors', {'format': 'np'})
    return str(tmp_path / 'model.safetensors')


def by_hand(path, header, data=b''):
    """Writes a file whose header is bytes or an object."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    write_file(path, struct.pack('<Q', len(text)) + text + data)
    return str(path)


def loaded(path):
    """The tensors in a file as the library gives them: the type by its name, the shape and the bytes."""
    items = safetensors.deserialize(read_file(path))
    return {name: (item['dtype'], tuple(item['shape']), bytes(item['data'])) for name, item in items}


def sharded(folder):
    """Saves `VALUES` in two files, as the libraries of Hugging Face do, and gives the path of the index."""
    names = {}
    for number, keys in enumerate((['net/kernel', 'step'], ['net/bias', 'flags', 'empty']), 1):
        file = f'model-{number:05d}-of-00002.safetensors'
        safetensors.numpy.save_file({key: VALUES[key] for key in keys}, folder / file)
        names |= dict.fromkeys(keys, file)
    index = folder / 'model.safetensors.index.json'
    index.write_text(json.dumps({'metadata': {'total_size': 62}, 'weight_map': names}, indent=2) + '\n')
    return index


@pytest.mark.parametrize('is_sharded', [False, True])
def test_tensors_are_those_that_the_library_saved(path, tmp_path, is_sharded):
    reader = open_source(sharded(tmp_path) if is_sharded else path)
    assert isinstance(reader, SafetensorsIndex if is_sharded else SafetensorsFile)
    assert reader.keys() == sorted(VALUES) and reader.num_shards == (2 if is_sharded else 1)
    reader.check_data_files()
    for name, value in VALUES.items():
        entry = reader.entry(name)
        assert (entry.shape, entry.size) == (value.shape, value.nbytes)
        assert entry.dtype == dtypes.from_numpy(value.dtype)
        assert_same_array(reader.tensor(name), value)
        assert reader.tensor(name).flags.writeable
        if value.ndim:
            for start, stop in ((0, len(value) // 2), (len(value) // 2, len(value))):
                assert_same_array(reader.rows(name, start, stop), value[start:stop])
    assert reader.metadata() == ({'total_size': '62'} if is_sharded else {'format': 'np'})


def test_a_missing_file_of_several_is_named(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / 'model-00002-of-00002.safetensors').unlink()
    with pytest.raises(
        CheckpointNotFoundError, match=r'00002-of-00002.safetensors, which .*json names, is missing'
    ):
        open_source(index)


@pytest.mark.parametrize(
    ('index', 'what'),
    [
        (
            {'weight_map': {'other': 'model-00001-of-00002.safetensors'}},
            r"00002.safetensors has no tensor 'other'",
        ),
        ({'weight_map': {'step': '../model.safetensors'}}, 'is not the name of a file beside it'),
        ({'weight_map': {'step': '/etc/passwd'}}, 'is not the name of a file beside it'),
        ({'weight_map': {'step': ''}}, 'is not the name of a file beside it'),
        ({'weight_map': {'step': 7}}, 'does not map'),
    ],
)
def test_an_index_that_does_not_fit_is_corrupt(tmp_path, index, what):
    path = sharded(tmp_path)
    path.write_text(json.dumps(index))
    with pytest.raises(CorruptCheckpointError, match=f'index.json is damaged: .*{what}.*; restore'):
        open_source(path)


def test_a_file_on_another_file_system_is_read_and_written(path, tmp_path):
    # On `ram://`, a file is there under each beginning of its name: `model.safetensors.index` would be.
    for folder, files in (
        ('one', [path]),
        ('several', [str(sharded(tmp_path)), *map(str, tmp_path.glob('model-*'))]),
    ):
        tf.io.gfile.makedirs(f'ram://safetensors_test/{folder}')
        for file in files:
            remote = f'ram://safetensors_test/{folder}/{file.rpartition("/")[2]}'
            tf.io.gfile.copy(file, remote, overwrite=True)
    write_safetensors('ram://safetensors_test/new/model', output(VALUES), {})
    for name in ('one/model.safetensors', 'several/model.safetensors.index.json', 'new/model'):
        reader = open_source(f'ram://safetensors_test/{name}')
        for key, value in VALUES.items():
            assert_same_array(reader.tensor(key), value)
        assert_same_array(reader.rows('net/kernel', 1, 2), VALUES['net/kernel'][1:2])


def test_only_the_rows_that_are_asked_for_are_read(tmp_path, monkeypatch):
    big = np.arange(4_000_000, dtype=np.float32).reshape(-1, 1000)
    safetensors.numpy.save_file({'a': np.ones(10), 'big': big}, tmp_path / 'model')
    count = bytes_read(monkeypatch)
    reader = SafetensorsFile(tmp_path / 'model')
    assert count() < 1000
    assert_same_array(reader.rows('big', 7, 9), big[7:9])
    assert count() == 8000
    reader.tensor('a')
    assert count() == 80


def test_a_type_that_tensorflow_lacks_is_listed_and_the_others_are_read(tmp_path):
    header = {'odd': {'dtype': 'F8_E8M0', 'shape': [8], 'data_offsets': [8, 16]}, 'good': FLOATS}
    reader = SafetensorsFile(by_hand(tmp_path / 'model', header, bytes(16)))
    assert reader.keys() == ['good', 'odd']
    assert_same_array(reader.tensor('good'), np.zeros(2, np.float32))
    with pytest.raises(dtypes.UnsupportedDtypeError, match=r"model: the tensor 'odd' .* F8_E8M0 .*; drop it"):
        reader.tensor('odd')


def test_a_file_cut_off_at_any_length_is_corrupt(path):
    raw = read_file(path)
    for length in range(len(raw)):
        write_file(path, raw[:length])
        with pytest.raises(
            CorruptCheckpointError, match=r'model.safetensors is damaged: .*; restore .* copy'
        ):
            SafetensorsFile(path)


def test_damage_at_any_byte_of_the_header_is_an_error_or_read(path):
    raw = read_file(path)
    for position in range(8 + int.from_bytes(raw[:8], 'little')):
        for change in (0x01, 0x20, 0x80):
            write_file(path, raw[:position] + bytes([raw[position] ^ change]) + raw[position + 1 :])
            try:
                reader = SafetensorsFile(path)
                for key in reader.keys():  # noqa: SIM118
                    reader.tensor(key)
            except CheckpointError as error:
                assert str(error).endswith('.')


@pytest.mark.parametrize(
    ('header', 'what'),
    [
        (b'', '0'),
        (b'[]', 'not an object'),
        (b'{"a"', 'delimiter'),
        (b'{"a":' * 100_000, 'cannot be read'),
        (b'{"\xff":1}', 'decode'),
        ({'\ud800': FLOATS}, 'surrogates not allowed'),
        (b'{"a":{"dtype":"F32"},"a":{"dtype":"F32"}}', 'twice'),
        ({'a': 7}, "'a' has no type"),
        ({'a': {**FLOATS, 'shape': [2.0]}}, "'a' has no type"),
        ({'a': {**FLOATS, 'shape': [True]}}, "'a' has no type"),
        ({'a': {**FLOATS, 'shape': [-2]}}, "'a' has no type"),
        ({'a': {**FLOATS, 'dtype': 1}}, "'a' has no type"),
        ({'a': {**FLOATS, 'shape': [1 << 62, 1 << 62]}}, 'impossible shape'),
        ({'a': {**FLOATS, 'shape': [1] * 300}}, 'impossible shape'),
        ({'a': {**FLOATS, 'data_offsets': [8, 0]}}, 'impossible offsets'),
        ({'a': {**FLOATS, 'data_offsets': [0]}}, 'impossible offsets'),
        ({'a': {**FLOATS, 'shape': [3]}}, 'its shape takes 12'),
        ({'a': {**FLOATS, 'shape': [1 << 40], 'data_offsets': [0, 1 << 42]}}, "'a' ends at byte"),
        ({'a': FLOATS, 'b': {**FLOATS, 'data_offsets': [4, 12]}}, "'a' and 'b' overlap"),
        ({'__metadata__': {'a': 1}}, 'does not consist of texts'),
        ({'__metadata__': None}, 'does not consist of texts'),
    ],
)
def test_a_hostile_header_is_corrupt_and_takes_no_memory(tmp_path, no_big_memory, header, what):
    path = by_hand(tmp_path / 'model', header, bytes(16))
    with pytest.raises(CorruptCheckpointError, match=f'model is damaged: .*{what}.*; restore'):
        SafetensorsFile(path)


def test_a_byte_that_is_no_boolean_and_a_rank_beyond_numpys_are_damage(tmp_path):
    header = {
        'flag': {'dtype': 'BOOL', 'shape': [2], 'data_offsets': [0, 2]},
        'deep': {'dtype': 'U8', 'shape': [1] * 100, 'data_offsets': [2, 3]},
    }
    reader = SafetensorsFile(by_hand(tmp_path / 'model', header, b'\x01\x02\x03'))
    for key in header:
        with pytest.raises(CorruptCheckpointError, match=f"model: the tensor '{key}' is damaged"):
            reader.tensor(key)
    assert reader.rows('flag', 0, 1).tolist() == [True]


@properties(300)
@hypothesis.given(
    st.binary(max_size=60), st.sampled_from([b'', b'{}', b'{"a":', b'{"a":{"dtype":"F32","shape":['])
)
def test_garbage_is_corrupt_or_empty(data, start):
    with temporary_prefix('model') as path:
        by_hand(path, start + data)
        assert values_or_errors(lambda: SafetensorsFile(path), {}) or start + data.strip() == b'{}'


class TestWriting:
    @properties(100)
    @hypothesis.given(
        st.dictionaries(st.text(st.characters(exclude_categories=['Cs'])), any_tensors(), max_size=6)
    )
    def test_the_library_reads_what_was_written(self, values):
        values = {k: v for k, v in values.items() if v.dtype not in (object, np.complex128)}
        with temporary_prefix('model') as path:
            counts = []
            write_safetensors(path, output(values), {'format': 'np'}, counts.append)
            assert sum(counts) == sum(value.nbytes for value in values.values())
            of_library = loaded(path)
            assert of_library.keys() == values.keys()
            reader = SafetensorsFile(path)
            for name, value in values.items():
                assert of_library[name][1:] == (value.shape, value.tobytes())
                assert_same_array(reader.tensor(name), value)
            assert int.from_bytes(read_file(path)[:8], 'little') % 8 == 0
            assert all(offset % reader.tensor(name).itemsize == 0 for name, offset in reader._offsets.items())

    def test_the_library_gives_equal_arrays(self, tmp_path):
        values = {
            **VALUES,
            'transposed': np.arange(6.0).reshape(2, 3).T,
            'swapped': np.arange(3, dtype='>i4'),
        }
        path = str(tmp_path / 'new' / 'model.safetensors')
        write_safetensors(path, output(values), {'a': 'b'})
        arrays = safetensors.numpy.load_file(path)
        for name, value in values.items():
            native = value.astype(value.dtype.newbyteorder('='))
            assert_same_array(arrays[name], np.ascontiguousarray(native).reshape(native.shape))
        with safetensors.safe_open(path, 'numpy') as file:
            assert file.metadata() == {'a': 'b'}

    @pytest.mark.parametrize('dtype', ['float8_e5m2', 'float8_e4m3fn'])
    def test_small_floats_are_written(self, tmp_path, dtype):
        value = np.array([1.5, -2, 0.25], getattr(ml_dtypes, dtype))
        write_safetensors(str(tmp_path / 'model'), output({'x': value}), {})
        name = {'float8_e5m2': 'F8_E5M2', 'float8_e4m3fn': 'F8_E4M3'}[dtype]
        assert loaded(tmp_path / 'model') == {'x': (name, (3,), value.tobytes())}
        assert_same_array(SafetensorsFile(tmp_path / 'model').tensor('x'), value)

    @pytest.mark.parametrize(
        ('dtype', 'cure'),
        [
            (dtypes.STRING, "whose type is string; leave it out (`drop=['a.b']` or `--drop=a.b`)."),
            (dtypes.VARIANT, 'whose type is variant; leave it out'),
            (11, 'whose type is qint8; leave it out'),
            (18, r'is complex128; cast it by the rule `a\.b -> a.b | cast=complex64`, or leave it out'),
            (29, r'is int4; cast it by the rule `a\.b -> a.b | cast=int8`, or leave it out'),
        ],
    )
    def test_a_type_that_the_format_lacks_is_named_with_the_cure(self, tmp_path, dtype, cure):
        tensors = [*output({'x': np.ones(1)}), OutputTensor('a.b', dtype, (1,), lambda: strings(b''))]
        with pytest.raises(CheckpointError, match="cannot hold 'a.b', .*" + re.escape(cure)):
            write_safetensors(str(tmp_path / 'model'), tensors, {})
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize('names', [['a', 'a'], ['__metadata__'], ['\udcff']])
    def test_a_name_that_the_format_cannot_hold_is_an_error(self, tmp_path, names):
        with pytest.raises(
            CheckpointError, match=r'model: safetensors files cannot hold .*; give the tensor another'
        ):
            write_safetensors(str(tmp_path / 'model'), [output({n: np.ones(1)})[0] for n in names], {})
        assert not list(tmp_path.iterdir())

    def test_an_error_while_values_are_computed_leaves_the_old_file(self, tmp_path):
        path = str(tmp_path / 'model')
        write_safetensors(path, output({'x': np.ones(1)}), {})
        before = read_file(path)
        tensors = output({'x': np.ones(2), 'y': np.ones(3)})
        with pytest.raises(CheckpointError, match="'y' is float64"):
            write_safetensors(path, [tensors[0], tensors[1]._replace(shape=(2,))], {})
        assert read_file(path) == before and [p.name for p in tmp_path.iterdir()] == ['model']
