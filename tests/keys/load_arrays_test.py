"""Tests that checkpoints are loaded as lazy arrays, which are what NumPy makes of the values."""

import copy
import pickle
import threading

import hypothesis
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.load_arrays import LazyArray, LazyArrays
from tests.bundle.helpers import flip_byte, properties, save, strings
from tests.formats.helpers import assert_same_array, bytes_read, save_v1

VALUES = {
    'net/kernel': np.arange(60, dtype=np.float32).reshape(5, 3, 4),
    'net/bias': np.array([1, 2, 3], np.float64),
    'step': np.array(7, np.int64),
    'words': strings(b'a', b'', b'long'),
    'flags': np.array([True, False]),
    'empty': np.zeros([0, 3], np.int32),
}


@pytest.fixture(params=['v2', 'v1', 'npz'])
def path(request, tmp_path):
    if request.param == 'npz':
        np.savez(
            tmp_path / 'model.npz',
            **{k: v if v.dtype != object else v.astype('S') for k, v in VALUES.items()},
        )
        return str(tmp_path / 'model.npz')
    return (save if request.param == 'v2' else save_v1)(tmp_path / 'model.ckpt', VALUES)


@pytest.fixture(scope='module')
def kernel(tmp_path_factory):
    return estimator_ckpt.load(save(tmp_path_factory.mktemp('load') / 'model.ckpt', VALUES))['net/kernel']


class TestMapping:
    def test_the_keys_are_those_of_the_checkpoint(self, path):
        loaded = estimator_ckpt.load(path)
        assert list(loaded) == sorted(VALUES) and len(loaded) == len(VALUES)
        assert 'step' in loaded and 'other' not in loaded and 7 not in loaded
        assert repr(loaded) == f'<LazyArrays: 6 tensors of {path}>'
        for name, value in loaded.items():
            expected = VALUES[name]
            assert (value.shape, value.dtype, value.ndim) == (expected.shape, expected.dtype, expected.ndim)
            assert (value.size, value.nbytes) == (expected.size, expected.nbytes)
            assert_same_array(value, expected)

    def test_a_missing_key_is_one_sentence_with_the_nearest_names(self, path):
        loaded = estimator_ckpt.load(path)
        with pytest.raises(KeyError) as error:
            loaded['net/kernl']
        assert str(error.value).startswith(
            f"{path} has no tensor 'net/kernl'; the nearest names are 'net/kernel'"
        )
        with pytest.raises(KeyError, match=r"has no tensor 'qqqqqq'\.$"):
            loaded['qqqqqq']
        with pytest.raises(KeyError, match='has no tensor 7'):
            loaded[7]
        assert loaded.get('qqqqqq') is None and loaded.get('qqqqqq', 1) == 1 and loaded.get('step') == 7

    def test_the_object_graph_is_not_among_the_keys_but_can_be_looked_up(self, tmp_path):
        path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(str(tmp_path / 'model'))
        loaded = estimator_ckpt.load(path)
        names = [name for name, _ in tf.train.list_variables(path)]
        assert [*loaded, '_CHECKPOINTABLE_OBJECT_GRAPH'] == sorted(
            names, key=lambda name: name.startswith('_CHECK')
        )
        graph = loaded['_CHECKPOINTABLE_OBJECT_GRAPH']
        assert graph.dtype == object and isinstance(graph[()], bytes)
        assert isinstance(np.asarray(graph).item(), bytes)

    def test_it_is_a_state_dict(self, path):
        state = dict(estimator_ckpt.load(path))
        for name, value in state.items():
            assert tf.constant(value).shape == VALUES[name].shape
            assert_same_array(np.asarray(value), VALUES[name])
        for of_state in (copy.copy, copy.deepcopy, lambda array: pickle.loads(pickle.dumps(array))):
            assert_same_array(of_state(state['net/bias']), VALUES['net/bias'])
            assert_same_array(of_state(estimator_ckpt.load(path))['step'], VALUES['step'])

    def test_threads_share_it(self, path):
        loaded, wrong = estimator_ckpt.load(path), []

        def read():
            for _ in range(20):
                wrong.extend(
                    name
                    for name, value in loaded.items()
                    if np.asarray(value).tolist() != VALUES[name].tolist()
                )

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_every_kind_of_checkpoint_is_loaded(self, tmp_path):
        w = np.arange(6, dtype=np.float32).reshape(2, 3)
        safetensors.numpy.save_file({'w': w}, tmp_path / 'model.safetensors')
        with tf.Graph().as_default() as graph:
            tf.constant(w, name='w')
        (tmp_path / 'frozen.pb').write_bytes(graph.as_graph_def().SerializeToString())
        for name in ('model.safetensors', 'frozen.pb'):
            assert_same_array(estimator_ckpt.load(tmp_path / name)['w'][1:], w[1:])
        module = tf.Module()
        module.w = tf.Variable(w)
        tf.saved_model.save(module, str(tmp_path / 'saved'))
        assert_same_array(estimator_ckpt.load(tmp_path / 'saved')['w/.ATTRIBUTES/VARIABLE_VALUE'], w)

    def test_a_checkpoint_that_is_not_there_is_an_error(self, tmp_path):
        with pytest.raises(estimator_ckpt.CheckpointNotFoundError):
            estimator_ckpt.load(tmp_path / 'other')


INDICES = [
    (),
    0,
    -1,
    np.int64(2),
    np.array(2),
    slice(None),
    slice(1, 3),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(4, 0, -2),
    slice(3, 1),
    slice(-2, 100),
    Ellipsis,
    None,
    (None, 2),
    (2, None),
    (None, slice(1, 2), None, 0),
    (Ellipsis, 0),
    (1, Ellipsis, 0),
    (0, 1, 2),
    (slice(1, 3), slice(None, None, -1), 1),
    [],
    [0, 3],
    [3, 0, -1, 3],
    [True, False, True, False, False],
    np.array([[0, 1], [4, -5]]),
    np.array([1, 2], np.uint8),
    np.array([], np.int64),
    ([0, 2], [1, 1]),
    ([0, 2], slice(None), [1, 1]),
    (slice(1, 4), [0, 2]),
    (1, [0, 2]),
    (None, [0, 2], slice(None), [1, 3]),
    ([0, 2], None, 1),
    (np.array([1, 4]), np.array([[True, False, True]])[0]),
    True,
    False,
    np.True_,
    (True, 1),
    VALUES['net/kernel'] > 30,
    (VALUES['net/kernel'] > 30)[:, :, 0],
    range(2),
    (range(1, 3), 0),
    5,
    -6,
    (0, 3),
    [0, 5],
    [-6],
    (0, 0, 0, 0),
    1.0,
    'name',
    [0.5],
    [True, False],
    [[0, 1], [2]],
    (slice(None), slice(None), 4),
    (..., ...),
]


class TestIndexing:
    @pytest.mark.parametrize('index', INDICES, ids=repr)
    def test_an_index_gives_what_numpy_gives(self, kernel, index):
        try:
            expected = VALUES['net/kernel'][index]
        except (IndexError, ValueError) as error:
            with pytest.raises(type(error)) as ours:
                kernel[index]
            if 'axis 0' in str(error):
                assert str(ours.value) == str(error)
            return
        value = kernel[index]
        assert type(value) is type(expected)
        assert_same_array(value, expected)
        assert not isinstance(value, np.ndarray) or value.flags.writeable

    @properties(300)
    @hypothesis.given(hnp.basic_indices((5, 3, 4), allow_newaxis=True))
    def test_any_basic_index_gives_what_numpy_gives(self, kernel, index):
        assert_same_array(kernel[index], VALUES['net/kernel'][index])

    @properties(100)
    @hypothesis.given(hnp.integer_array_indices((5, 3, 4)), st.integers(1, 3))
    def test_any_arrays_of_integers_give_what_numpy_gives(self, kernel, index, number):
        index = index[:number]
        assert_same_array(kernel[index], VALUES['net/kernel'][index])

    def test_other_tensors_are_indexed_too(self, path):
        loaded = estimator_ckpt.load(path)
        assert loaded['words'][2] == b'long' and loaded['words'][::2].tolist() == [b'a', b'long']
        assert loaded['step'][()] == 7 and loaded['step'][None].tolist() == [7]
        assert loaded['empty'][:2].shape == (0, 3)
        assert isinstance(loaded['net/bias'][1], np.float64)
        with pytest.raises(IndexError, match='too many indices'):
            loaded['step'][0]
        with pytest.raises(IndexError, match='out of bounds for axis 0 with size 0'):
            loaded['empty'][0]

    def test_what_is_returned_is_a_copy_of_its_own(self, kernel):
        for _ in range(2):
            for index in (slice(None), slice(1, 2), 1, (1, slice(0, 1)), [1]):
                value = kernel[index]
                assert_same_array(value, VALUES['net/kernel'][index])
                value[...] = -1

    def test_only_the_rows_that_are_needed_are_read(self, tmp_path, monkeypatch):
        big = np.arange(1 << 20, dtype=np.float32).reshape(64, -1)
        path, row = save(tmp_path / 'model.ckpt', {'big': big, 'small': np.ones(9)}), 4 << 14
        count = bytes_read(monkeypatch)
        lazy = estimator_ckpt.load(path)['big']
        assert count() < 1000
        assert (lazy.shape, lazy.dtype, len(lazy), repr(lazy)) == (
            (64, 16384),
            np.float32,
            64,
            "<LazyArray 'big': float32 [64, 16384]>",
        )
        assert count() == 0
        for index, rows in (
            (3, 1),
            ((3, 5), 1),
            (slice(10, 12), 2),
            (slice(12, 9, -1), 3),
            (slice(None, None, 16), 4),
            (slice(40, 40), 0),
            ([0, 60, 0], 2),
            (np.arange(64) % 32 == 7, 2),
            ((None, slice(5, 6), slice(None, 3)), 1),
            ((..., 0), 64),
        ):
            assert_same_array(lazy[index], big[index])
            assert count() == rows * row

    def test_a_part_does_not_keep_the_rows_in_memory(self, tmp_path):
        big = np.zeros((4, 1 << 16))
        value = estimator_ckpt.load(save(tmp_path / 'model.ckpt', {'x': big}))['x'][1:3, :5]
        while value.base is not None:
            value = value.base
        assert value.nbytes < 1000


class TestArrays:
    def test_operators_and_functions_of_numpy_work(self, kernel):
        value = VALUES['net/kernel']
        for actual, expected in (
            (kernel + 1, value + 1),
            (2 * kernel, 2 * value),
            (kernel @ np.ones(4, np.float32), value @ np.ones(4, np.float32)),
            (kernel - kernel, value - value),
            (-kernel, -value),
            (kernel == value, value == value),
            (kernel > 3, value > 3),
            (np.exp(kernel), np.exp(value)),
            (np.add.reduce(kernel), np.add.reduce(value)),
            (np.mean(kernel), np.mean(value)),
            (np.sum(kernel, axis=1), np.sum(value, axis=1)),
            (np.concatenate([kernel, kernel]), np.concatenate([value, value])),
            (np.stack([kernel]), value[None]),
            (np.transpose(kernel), np.transpose(value)),
            (np.where(kernel > 3, kernel, 0), np.where(value > 3, value, 0)),
            (np.asarray(kernel, np.float64), np.asarray(value, np.float64)),
            (np.array(kernel), value),
            (kernel.mean(axis=0), value.mean(axis=0)),
            (kernel.T, value.T),
            (kernel.astype(np.int8), value.astype(np.int8)),
            (kernel.reshape(-1), value.reshape(-1)),
            (np.from_dlpack(kernel), value),
            (tf.constant(kernel).numpy(), value),
            (tf.convert_to_tensor(kernel).numpy(), value),
            (np.stack(list(kernel)), value),
        ):
            assert_same_array(np.ascontiguousarray(actual).reshape(np.shape(actual)), np.asarray(expected))
        assert kernel.tobytes() == value.tobytes() and kernel.tolist() == value.tolist()
        assert 59.0 in kernel and 60.0 not in kernel

    def test_a_scalar_is_a_number(self, path):
        step = estimator_ckpt.load(path)['step']
        assert (int(step), float(step), complex(step), bool(step), [*range(9)][step]) == (
            7,
            7.0,
            7 + 0j,
            True,
            7,
        )
        assert f'{step.item()}' == '7' and step == 7 and step.shape == ()
        for use in (len, iter, list):
            with pytest.raises(TypeError, match='0-d|unsized'):
                use(step)

    def test_iteration_gives_rows_that_can_be_changed(self, kernel):
        for number, row in enumerate(kernel):
            assert_same_array(row, VALUES['net/kernel'][number])
            row[...] = 0
        assert_same_array(kernel, VALUES['net/kernel'])

    def test_iteration_reads_rows_together(self, tmp_path, monkeypatch):
        lazy = estimator_ckpt.load(save(tmp_path / 'model.ckpt', {'x': np.arange(1000.0)}))['x']
        monkeypatch.setattr(
            BundleReader,
            'rows',
            lambda self, key, start, stop, rows=BundleReader.rows: (
                calls.append(start),
                rows(self, key, start, stop),
            )[1],
        )
        calls = []
        assert list(lazy) == list(range(1000)) and calls == [0]

    def test_it_cannot_be_changed(self, kernel):
        with pytest.raises(TypeError, match='does not support item assignment'):
            kernel[0] = 1
        with pytest.raises(TypeError, match=r"'net/kernel'.* cannot be changed; use a copy"):
            np.add(kernel, 1, out=kernel)
        with pytest.raises(TypeError, match='cannot be changed'):
            kernel += 1
        for name in ('fill', 'sort', 'resize'):
            with pytest.raises(AttributeError, match=f"no '{name}', because it cannot be changed"):
                getattr(kernel, name)
        with pytest.raises(AttributeError, match="'LazyArray' object has no attribute 'qqq'"):
            kernel.qqq  # noqa: B018
        with pytest.raises(TypeError, match='unhashable'):
            hash(kernel)
        with pytest.raises(ValueError, match='without a copy'):
            kernel.__array__(copy=False)

    def test_the_checksum_of_a_whole_value_is_checked(self, tmp_path):
        path = save(tmp_path / 'model.ckpt', VALUES)
        flip_byte(f'{path}.data-00000-of-00001', BundleReader(path).entry('net/kernel').offset + 30)
        lazy = estimator_ckpt.load(path)['net/kernel']
        with pytest.raises(estimator_ckpt.CorruptCheckpointError, match="'net/kernel' is damaged.*checksum"):
            np.asarray(lazy)
        with pytest.raises(estimator_ckpt.CorruptCheckpointError):
            lazy[:]
        assert_same_array(lazy[3:], VALUES['net/kernel'][3:])

    def test_partitioned_and_small_floats_are_arrays_too(self, tmp_path):
        half = np.array([[1.5], [2]], ml_dtypes.bfloat16)
        parts = np.arange(8.0).reshape(4, 2)
        path = str(tmp_path / 'parts')
        tf.raw_ops.SaveV2(
            prefix=path,
            tensor_names=['x', 'x', 'half'],
            shape_and_slices=['4 2 0,1:-', '4 2 1,3:-', ''],
            tensors=[parts[:1], parts[1:], half],
        )
        loaded = estimator_ckpt.load(path)
        assert isinstance(loaded, LazyArrays) and isinstance(loaded['x'], LazyArray)
        assert_same_array(loaded['x'], parts)
        assert_same_array(loaded['x'][2:4], parts[2:4])
        assert_same_array(loaded['half'][1], half[1])
        assert loaded['half'].dtype == half.dtype

    def test_a_type_that_numpy_lacks_is_said_when_it_is_asked_for(self, tmp_path):
        np.savez(tmp_path / 'model.npz', odd=np.array(['2020'], 'datetime64[Y]'))
        odd = estimator_ckpt.load(tmp_path / 'model.npz')['odd']
        assert odd.shape == (1,) and 'odd' in repr(odd)
        for use in (np.asarray, lambda lazy: lazy.dtype, lambda lazy: lazy[0]):
            with pytest.raises(estimator_ckpt.CheckpointError):
                use(odd)
