"""A V1 checkpoint is a source wherever a V2 checkpoint is."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from tests.cli.helpers import in_process
from tests.testing import small_model
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1
VALUES = {
    'net/kernel': np.arange(12, dtype=np.float32).reshape(3, 4),
    'net/bias': np.array([1, 2, 3, 4], np.float32),
    'global_step': np.int64(7),
    'words': np.array([b'a', b'', b'long word']),
    'half': np.array([1.5, -2], np.float16),
    'flags': np.array([True, False]),
    'empty': np.zeros([0, 3], np.int32),
}


@pytest.fixture(scope='module')
def v1(tmp_path_factory):
    """A model_dir with a V1 checkpoint, whose state file names it."""
    folder = tmp_path_factory.mktemp('v1')
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, value in VALUES.items():
            tf1.get_variable(name, initializer=value)
        tf1.get_variable(
            'parts',
            [10],
            tf.float64,
            lambda shape, dtype, partition_info: tf.range(10.0, dtype=dtype)[partition_info.var_offset[0] :][
                : shape[0]
            ],
            partitioner=tf1.fixed_size_partitioner(2),
        )
        saver = tf1.train.Saver(write_version=tf1.train.SaverDef.V1)
        session.run(tf1.global_variables_initializer())
        saver.save(session, str(folder / 'model.ckpt'), global_step=7)
    return folder


def _tenth(shape, dtype, partition_info):
    start = partition_info.var_offset[0]
    return tf.range(start, start + shape[0], dtype=dtype)


def _assert_values(path):
    reader = BundleReader(str(path))
    for name, value in VALUES.items():
        np.testing.assert_array_equal(reader.tensor(name, verify=True), value)
        assert name == 'words' or reader.tensor(name).dtype == value.dtype
    np.testing.assert_array_equal(reader.tensor('parts'), np.arange(10.0))


class TestFiles:
    @pytest.fixture(params=['file', 'directory'])
    def source(self, request, v1):
        return v1 / 'model.ckpt-7' if request.param == 'file' else v1

    def test_it_is_listed(self, source):
        entries = {entry.key: entry for entry in estimator_ckpt.list_entries(source)}
        assert entries.keys() == {*VALUES, 'parts'}
        assert entries['net/kernel'].shape == (3, 4) and entries['net/kernel'].dtype == 'float32'
        assert str(entries['global_step'].kind) == 'step' and entries['parts'].num_slices == 2
        assert Contents(source).style == 'tf1'

    @pytest.mark.parametrize('style', ['tf1', 'both', 'tf2'])
    def test_it_is_converted_to_each_style_and_is_not_modified(self, source, v1, style, tmp_path):
        before = {path.name: path.read_bytes() for path in v1.iterdir()}
        report = estimator_ckpt.convert(source, tmp_path / 'x', style, step='step')
        assert len(report.matched) >= len(VALUES)
        if style != 'tf2':
            _assert_values(tmp_path / 'x')
        else:
            estimator_ckpt.convert(tmp_path / 'x', tmp_path / 'back', 'tf1')
            _assert_values(tmp_path / 'back')
        assert not estimator_ckpt.verify(tmp_path / 'x').faults
        assert estimator_ckpt.diff(source, tmp_path / 'x').equal_tensors == len(VALUES) + 1
        assert {path.name: path.read_bytes() for path in v1.iterdir()} == before

    def test_rules_and_merged_slices_apply(self, source, tmp_path):
        rules = [('net/kernel', 'dense/kernel', 'transpose=1,0'), ('net/(.*)', r'dense/\1')]
        estimator_ckpt.convert(source, tmp_path / 'x', 'tf1', rules=rules, merge_slices=True, drop=['words'])
        reader = BundleReader(str(tmp_path / 'x'))
        np.testing.assert_array_equal(reader.tensor('dense/kernel'), VALUES['net/kernel'].T)
        assert not reader.entry('parts').slices and 'words' not in reader

    def test_the_guides_functions_take_it(self, source, tmp_path, capsys):
        path = estimator_ckpt.convert_tf1_to_tf2(source, tmp_path / 'x')
        assert 'vars/net.Sbias/.ATTRIBUTES/VARIABLE_VALUE' in BundleReader(path)
        estimator_ckpt.print_checkpoint(source)
        assert "(key='net/bias', shape=[4], dtype=float32, value=[1. 2. 3. 4.])" in capsys.readouterr().out

    def test_a_difference_is_found(self, source, tmp_path):
        estimator_ckpt.convert(
            source, tmp_path / 'x', 'tf1', rules=[('net/bias', 'net/bias', 'cast=float64')]
        )
        report = estimator_ckpt.diff(source, tmp_path / 'x')
        assert [row.key_a for row in report.dtype] == ['net/bias']

    def test_every_command_takes_it(self, source, tmp_path, capsys):
        for command in (
            ['inspect', source, '--values'],
            ['verify', source],
            ['plan', source, source],
            ['diff', source, source],
            ['convert', source, tmp_path / 'x', '--style=both'],
        ):
            result = in_process(capsys, *command)
            assert (result.code, result.err) == (0, '')

    def test_all_of_a_directory_are_converted(self, v1, tmp_path):
        reports = estimator_ckpt.convert_directory(v1, tmp_path / 'new', 'tf1')
        assert list(reports) == ['model.ckpt-7']
        _assert_values(tmp_path / 'new')

    def test_damage_is_one_sentence(self, v1, tmp_path):
        data = bytearray((v1 / 'model.ckpt-7').read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / 'm').write_bytes(data)
        assert estimator_ckpt.verify(tmp_path / 'm').faults
        with pytest.raises(estimator_ckpt.CorruptCheckpointError, match=f'{tmp_path}/m'):
            estimator_ckpt.convert(tmp_path / 'm', tmp_path / 'x', 'tf1')
        assert os.listdir(tmp_path) == ['m']


class TestPrograms:
    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_a_saver_restores_it(self, v1, style):
        with tf.Graph().as_default(), tf1.Session() as session:
            variables = {
                name: tf1.get_variable(name, initializer=np.zeros_like(value))
                for name, value in VALUES.items()
                if name != 'global_step'
            }
            variables['global_step'] = tf1.train.get_or_create_global_step()
            saver = estimator_ckpt.Saver(style)
            for path in (v1, v1 / 'model.ckpt-7'):
                session.run(tf1.global_variables_initializer())
                saver.restore(session, path)
                for name, value in session.run(variables).items():
                    np.testing.assert_array_equal(value, VALUES[name])

    def test_a_saver_restores_it_in_eager_mode(self, v1):
        kernel = tf.Variable(tf.zeros([3, 4]), name='net/kernel')
        estimator_ckpt.Saver('tf1', var_list=[kernel]).restore(None, str(v1 / 'model.ckpt-7'))
        np.testing.assert_array_equal(kernel.numpy(), VALUES['net/kernel'])

    def test_a_warm_start_takes_it_in_eager_mode(self, v1):
        dense = tf.Module()
        dense.kernel, dense.bias = tf.Variable(tf.zeros([4, 3])), tf.Variable(tf.zeros([4]))
        rules = [('net/kernel', 'kernel', 'transpose=1,0'), ('net/(.*)', r'\1')]
        report = estimator_ckpt.warm_start(estimator_ckpt.WarmStart(v1, rules), dense)
        assert len(report.matched) == 2
        np.testing.assert_array_equal(dense.kernel.numpy(), VALUES['net/kernel'].T)
        assert estimator_ckpt.plan(v1, dense, rules).matched == report.matched

    @pytest.mark.parametrize('rules', [None, [('net/(.*)', r'other/\1')]])
    def test_a_warm_start_takes_it_in_a_session(self, v1, rules):
        scope = 'net' if rules is None else 'other'
        with tf.Graph().as_default(), tf1.Session() as session:
            kernel = tf1.get_variable(f'{scope}/kernel', [3, 4])
            parts = tf1.get_variable('parts', [10], tf.float64, partitioner=tf1.fixed_size_partitioner(5))
            scaffold = estimator_ckpt.scaffold('both', warm_start=estimator_ckpt.WarmStart(v1, rules))
            as_tensor = parts.as_tensor()
            scaffold.finalize()
            session.run(scaffold.init_op)
            scaffold.init_fn(session)
            np.testing.assert_array_equal(session.run(kernel), VALUES['net/kernel'])
            np.testing.assert_array_equal(session.run(as_tensor), np.arange(10.0))

    def test_saving_it_does_not_exist_with_us(self):
        with tf.Graph().as_default():
            tf1.get_variable('v', initializer=1.0)
            with pytest.raises(ValueError, match='V1 format.*is only read'):
                estimator_ckpt.Saver('tf1', write_version=tf1.train.SaverDef.V1)

    @needs_estimator
    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_a_run_goes_on_from_it(self, style, tmp_path):
        def v1_saver(net, config):
            return tf1.train.Scaffold(saver=tf1.train.Saver(write_version=tf1.train.SaverDef.V1))

        small_model.estimator(tmp_path, v1_saver).train(small_model.batches(), steps=3)
        assert not small_model.saved_names(tmp_path)
        assert pathlib.Path(tmp_path / 'model.ckpt-3').exists()
        small_model.estimator(tmp_path, small_model.ours(style)).train(small_model.batches(3), steps=2)
        assert small_model.step_of(tmp_path) == 5
        small_model.estimator(tmp_path / 'plain').train(small_model.batches(), steps=5)
        expected = small_model.values(tmp_path / 'plain')
        small_model.assert_same_bits(small_model.values(tmp_path), expected)


@pytest.mark.parametrize(
    ('content', 'what'),
    [
        (b'\x93NUMPY' + bytes(100), 'a single NumPy array.*numpy.savez'),
        (b'version https://git-lfs.github.com/spec/v1\noid', 'git lfs pull'),
        (b'', 'empty'),
        (b'\x80\x02}q\x00.', 'pickle'),
        (b'some text', 'a file of an unknown kind'),
    ],
)
def test_what_is_no_checkpoint_is_named_with_what_to_do(content, what, tmp_path):
    (tmp_path / 'model').write_bytes(content)
    for use in (estimator_ckpt.list_entries, estimator_ckpt.verify, Contents):
        with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match=f'{tmp_path}/model is .*{what}'):
            use(tmp_path / 'model')
