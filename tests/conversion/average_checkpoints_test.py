"""Averages are those of NumPy in float64, and everything else is that of the newest checkpoint, bit for bit."""

import os
import pathlib
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import BFLOAT16, flip_byte, read_file, save
from tests.formats.helpers import save_v1
from tests.testing import small_model

tf1 = tf.compat.v1
average = estimator_ckpt.average
_GOLDEN = pathlib.Path(__file__).parents[1] / 'golden'


@pytest.fixture(scope='module', params=['tf1', 'tf2', 'both'])
def trained(request, tmp_path_factory):
    """A model_dir with three checkpoints of a style: slots, statistics, a partitioned variable, a table that grows."""
    directory = tmp_path_factory.mktemp(request.param)
    with tf.Graph().as_default(), tf1.Session() as session:
        net = small_model.build_net(
            tf.random.stateless_normal([4, small_model.FEATURES], [1, 2]), tf.ones([4])
        )
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, -1, name='table')
        word = tf1.placeholder(tf.string, [1])
        insert = table.insert(word, [0.5])
        saver = estimator_ckpt.Saver(request.param)
        session.run(tf1.global_variables_initializer())
        for number in range(3):
            session.run([net.train_op, insert], {word: [f'word {number}']})
            saver.save(session, str(directory / 'model.ckpt'), net.step)
    return directory


def _checkpoints(directory):
    return [str(directory / f'model.ckpt-{step}') for step in (1, 2, 3)]


def _values(path):
    return {key: np.asarray(value) for key, value in estimator_ckpt.load(path).items()}


def _bits(array):
    return (array.dtype, array.shape, array.tolist() if array.dtype == object else array.tobytes())


def test_variables_of_every_style_are_averaged_and_the_rest_is_that_of_the_newest(trained, tmp_path):
    prefixes = _checkpoints(trained)
    result = average(prefixes, tmp_path / 'averaged')

    assert result == str(tmp_path / 'averaged')
    assert estimator_ckpt.verify(result).ok
    assert estimator_ckpt.inspect(result).style == estimator_ckpt.inspect(prefixes[-1]).style
    readers = [BundleReader(prefix) for prefix in prefixes]
    averaged = BundleReader(result)
    assert averaged.keys() == readers[-1].keys()
    kinds = {entry.key: str(entry.kind) for entry in estimator_ckpt.list_entries(prefixes[-1])}
    assert {'variable', 'slot', 'step', 'table'} <= set(kinds.values())
    for key, kind in kinds.items():
        values = [reader.tensor(key) for reader in readers]
        expected = values[-1]
        if kind == 'variable':
            expected = sum(map(np.float64, values[1:]), np.float64(values[0])) / 3
            assert not np.array_equal(expected, values[-1]), key
            expected = expected.astype(np.float32)
        assert _bits(averaged.tensor(key, verify=True)) == _bits(expected), key
    # A value under two keys is stored once.
    sizes = [sum(map(os.path.getsize, reader.data_paths())) for reader in (averaged, readers[-1])]
    assert sizes[0] == sizes[1]


def test_a_program_restores_the_average_by_name_and_by_objects(trained, tmp_path):
    path = average(trained, f'{tmp_path}/', last=3)
    assert path == str(tmp_path / 'model.ckpt-3')
    with tf.Graph().as_default(), tf1.Session() as session:
        net = small_model.build_net(tf.zeros([4, small_model.FEATURES]), tf.ones([4]))
        estimator_ckpt.Saver('tf1').restore(session, path)
        assert session.run(net.step) == 3
        kernels = [_values(prefix) for prefix in _checkpoints(trained)]
        key = next(key for key in kernels[0] if 'kernel' in key and 'Adam' not in key and '/m' not in key)
        expected = np.mean([kernel[key] for kernel in kernels], 0, np.float64).astype(np.float32)
        assert session.run(net.kernel).tobytes() == expected.tobytes()


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64', 'complex64', 'complex128', BFLOAT16])
def test_every_floating_type_is_averaged_with_weights_as_numpy_does(tmp_path, dtype):
    random = np.random.default_rng(0)
    values = [(random.standard_normal((300, 1000)) + number).astype(dtype) for number in range(4)]
    paths = [save(tmp_path / f'{number}', {'v': value}) for number, value in enumerate(values)]
    weights = [0.5, 0.3, 0.1, 2]
    average(paths, tmp_path / 'new', weights=weights)

    wide = np.complex128 if np.dtype(dtype).kind == 'c' else np.float64
    total = values[0].astype(wide) * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = total + value.astype(wide) * weight
    expected = (total / np.sum(weights)).astype(dtype)
    assert _bits(_values(tmp_path / 'new')['v']) == _bits(expected)


def test_what_is_not_floating_point_and_debiasing_variables_come_from_the_newest(tmp_path):
    def tensors(number):
        return {
            'v': np.float32([number, -0.0, np.inf]),
            'v/ExponentialMovingAverage': np.float32([number, 0, 0]),
            'average': np.float32([number]),
            'average/biased': np.float32([number]),
            'average/local_step': np.float32(number),
            'count': np.int32(number),
            'flag': np.bool_(number == 3),
            'text': np.array([b'%d' % number], object),
            'global_step': np.int64(number),
        }

    # The newest is the one of the highest step, wherever it stands.
    paths = [save(tmp_path / f'{number}', tensors(number)) for number in (1, 3, 2)]
    values = _values(average(paths, tmp_path / 'new'))
    newest = tensors(3)
    for key in ('average/biased', 'average/local_step', 'count', 'flag', 'text', 'global_step'):
        assert _bits(values[key]) == _bits(np.asarray(newest[key])), key
    assert _bits(values['v']) == _bits(np.float32([2, -0.0, np.inf]))
    assert values['v/ExponentialMovingAverage'][0] == values['average'] == 2


def test_decay_follows_the_steps_and_not_the_order(tmp_path):
    paths = [
        save(tmp_path / f'{step}', {'v': np.float64([step]), 'global_step': np.int64(step)})
        for step in (1000, 900, 800)
    ]
    values = _values(average(paths, tmp_path / 'new', decay=0.5))
    assert values['v'] == np.average([1000, 900, 800], weights=[1, 0.5, 0.25])


def test_sources_of_other_formats_give_a_checkpoint_with_names(tmp_path):
    values = [{'a/w': np.full([2, 3], number, np.float32), 'n': np.int64(number)} for number in (1, 4)]
    np.savez(tmp_path / 'old.npz', **values[0])
    sources = [tmp_path / 'old.npz', save_v1(tmp_path / 'new.ckpt', values[1])]
    for number, paths in enumerate([sources, sources[::-1]]):
        result = _values(average(paths, tmp_path / f'averaged{number}'))
        assert _bits(result['a/w']) == _bits(np.full([2, 3], 2.5, np.float32))
        assert result['n'] == [4, 1][number]


@pytest.mark.parametrize('index', sorted(_GOLDEN.glob('*/*.index')), ids=lambda path: path.parent.name)
def test_the_average_of_equal_checkpoints_is_the_same_bit_for_bit(index, tmp_path):
    prefix = str(index.with_suffix(''))
    result = average([prefix] * 3, tmp_path / 'new')
    assert not estimator_ckpt.diff(prefix, result)
    assert estimator_ckpt.verify(result).ok


class TestLast:
    @pytest.fixture
    def model_dir(self, tmp_path):
        directory = tmp_path / 'model'
        directory.mkdir()
        for step in (800, 900, 1000, 1100):
            save(directory / f'model.ckpt-{step}', {'v': np.float64(step)})
        return directory

    def test_the_last_ones_that_the_state_file_lists_are_averaged(self, model_dir, tmp_path):
        save(model_dir / 'copy', {'v': np.float64(0)})
        names = ('model.ckpt-800', 'model.ckpt-900', 'model.ckpt-1000')
        write_state(str(model_dir), CheckpointState(names[-1], names))
        assert _values(average(model_dir, tmp_path / 'new', last=2))['v'] == 950

    def test_checkpoints_that_the_state_file_does_not_list_count_if_it_lists_too_few(
        self, model_dir, tmp_path
    ):
        write_state(str(model_dir), CheckpointState('model.ckpt-1100', ('model.ckpt-1100',)))
        save(model_dir / 'copy', {'v': np.float64(0)})
        assert _values(average(model_dir, tmp_path / 'new', last=4))['v'] == 950

    def test_too_few_checkpoints_are_an_error_that_says_how_many_there_are(self, model_dir, tmp_path):
        with pytest.raises(
            estimator_ckpt.CheckpointError, match='has 4 checkpoints .*fewer than last=5; pass'
        ):
            average(model_dir, tmp_path / 'new', last=5)
        with pytest.raises(estimator_ckpt.CheckpointError, match='last=0 selects no checkpoint'):
            average(model_dir, tmp_path / 'new', last=0)

    def test_a_directory_needs_the_number(self, model_dir, tmp_path):
        with pytest.raises(estimator_ckpt.CheckpointError, match='is a directory.*pass last=5'):
            average(model_dir, tmp_path / 'new')
        with pytest.raises(estimator_ckpt.CheckpointError, match='applies to one directory, not to 2 paths'):
            average([model_dir, model_dir], tmp_path / 'new', last=2)

    def test_the_average_is_no_source_of_the_next_one(self, model_dir):
        first = average(model_dir, model_dir / 'averaged', last=4, write_state_file=False)
        second = average(model_dir, model_dir / 'averaged', last=4, overwrite=True)
        assert first == second
        assert _values(second)['v'] == 950


class TestErrors:
    @pytest.fixture
    def paths(self, tmp_path):
        return [save(tmp_path / name, {'v': np.ones(4), 'w': np.ones([2, 2])}) for name in 'ab']

    def check(self, paths, tmp_path, pattern, **options):
        with pytest.raises(estimator_ckpt.CheckpointError, match=pattern):
            average(paths, tmp_path / 'new', **options)
        assert not list(tmp_path.glob('new*'))

    def test_other_keys_shapes_and_types_are_listed(self, paths, tmp_path):
        other = save(tmp_path / 'c', {'v': np.ones(4), 'x': np.ones(1), 'y': np.ones(1)})
        self.check(
            [paths[0], other], tmp_path, "a alone has 'w' and .*c alone has 'x', 'y'; pass checkpoints"
        )
        other = save(tmp_path / 'd', {'v': np.ones(3), 'w': np.ones([2, 2], np.float32)})
        self.check(
            [paths[0], other],
            tmp_path,
            r"a and .*d differ in 'v' \(float64 \[4\] and float64 \[3\]\), "
            r"'w' \(float64 \[2, 2\] and float32 \[2, 2\]\); pass checkpoints of one model",
        )

    def test_weights_that_do_not_fit(self, paths, tmp_path):
        self.check(paths, tmp_path, '3 weights for 2 checkpoints', weights=[1, 2, 3])
        for bad in (0, -1, float('nan'), float('inf')):
            self.check(paths, tmp_path, f'weight {bad} is not a positive', weights=[1, bad])
        self.check(paths, tmp_path, 'decay=0 is not a positive', decay=0)
        self.check(paths, tmp_path, 'decay=0.9 would have no effect', decay=0.9, weights=[1, 2])
        self.check([], tmp_path, 'no checkpoint to average')

    @pytest.mark.parametrize('number', [0, 1])
    def test_a_source_is_never_replaced(self, paths, number):
        before = [read_file(f'{paths[number]}{end}') for end in ('.index', '.data-00000-of-00001')]
        with pytest.raises(estimator_ckpt.CheckpointError, match='is the source itself'):
            average(paths, paths[number], overwrite=True)
        assert before == [read_file(f'{paths[number]}{end}') for end in ('.index', '.data-00000-of-00001')]

    def test_another_checkpoint_is_replaced_only_on_request(self, paths, tmp_path):
        other = save(tmp_path / 'other', {'z': np.ones(1)})
        with pytest.raises(estimator_ckpt.CheckpointError, match='exists already'):
            average(paths, other)
        average(paths, other, overwrite=True, write_state_file=True)
        assert _values(other).keys() == {'v', 'w'}
        assert read_state(str(tmp_path)).latest == 'other'
        assert estimator_ckpt.verify(other).ok

    @pytest.mark.parametrize('number', [0, 1])
    def test_a_damaged_source_is_an_error_and_leaves_nothing(self, paths, tmp_path, number):
        flip_byte(f'{paths[number]}.data-00000-of-00001', 3)
        self.check(paths, tmp_path, "the tensor 'v' is damaged: its checksum does not match")

    def test_a_file_of_another_kind_is_not_written(self, paths, tmp_path):
        with pytest.raises(estimator_ckpt.CheckpointError, match='is not a checkpoint prefix'):
            average(paths, tmp_path / 'new.npz')
        assert not os.path.exists(tmp_path / 'new.npz')


def test_memory_is_bounded_by_the_largest_tensor(tmp_path):
    size = 8 << 20
    paths = [
        save(tmp_path / f'{n}', {f'v{k}': np.full(size // 4, n, np.float32) for k in range(8)})
        for n in range(5)
    ]
    done = []
    tracemalloc.start()
    try:
        average(paths, tmp_path / 'new', progress=done.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The sum in float64, and a value or the result.
    assert peak < 3.6 * size
    assert sum(done) == 8 * size
    assert _values(tmp_path / 'new')['v7'][-1] == 2
