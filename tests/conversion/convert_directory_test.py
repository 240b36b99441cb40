"""A whole model_dir is converted, and an interrupted run is taken up."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle import paths
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import save
from tests.testing import small_model

tf1 = tf.compat.v1


@pytest.fixture
def model_dir(tmp_path):
    """Three checkpoints of a plain saver."""
    directory = tmp_path / 'model'
    directory.mkdir()
    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable('v', initializer=0.0)
        saver = tf1.train.Saver()
        for step in (1, 2, 3):
            session.run(v.assign(step))
            saver.save(session, str(directory / 'model.ckpt'), step)
    return directory


def test_every_checkpoint_is_converted_and_listed(model_dir, tmp_path):
    reports = estimator_ckpt.convert_directory(model_dir, tmp_path / 'new', 'tf2')

    assert list(reports) == ['model.ckpt-1', 'model.ckpt-2', 'model.ckpt-3']
    state = tf.train.get_checkpoint_state(str(tmp_path / 'new'))
    assert [os.path.basename(path) for path in state.all_model_checkpoint_paths] == list(reports)
    for step, path in enumerate(state.all_model_checkpoint_paths, 1):
        v = tf.Variable(0.0)
        tf.train.Checkpoint(vars={'v': v}).restore(path).assert_consumed()
        assert v.numpy() == step
    assert tf.train.latest_checkpoint(str(tmp_path / 'new')).endswith('model.ckpt-3')


def test_an_interrupted_run_is_taken_up_where_it_stopped(model_dir, tmp_path):
    class Interrupted(Exception):
        pass

    def interrupt(prefix):
        if prefix.endswith('-2'):
            raise Interrupted

    with pytest.raises(Interrupted):
        estimator_ckpt.convert_directory(model_dir, tmp_path / 'new', 'both', on_checkpoint=interrupt)
    assert read_state(str(tmp_path / 'new')) is None
    inode = os.stat(tmp_path / 'new' / 'model.ckpt-1.index').st_ino

    reports = estimator_ckpt.convert_directory(model_dir, tmp_path / 'new', 'both')
    assert list(reports) == ['model.ckpt-2', 'model.ckpt-3']
    assert os.stat(tmp_path / 'new' / 'model.ckpt-1.index').st_ino == inode
    assert BundleReader(str(tmp_path / 'new')).tensor('v') == 3

    again = estimator_ckpt.convert_directory(model_dir, tmp_path / 'new', 'tf1', overwrite=True)
    assert len(again) == 3
    assert small_model.keys_of(tmp_path / 'new' / 'model.ckpt-1') == {'v'}


def test_options_reach_every_conversion(model_dir, tmp_path):
    estimator_ckpt.convert_directory(model_dir, tmp_path / 'new', 'tf1', rules={'v': 'w'}, data='copy')
    assert small_model.keys_of(tmp_path / 'new' / 'model.ckpt-2') == {'w'}


def test_a_directory_without_checkpoints_and_the_source_itself_are_refused(model_dir, tmp_path):
    with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match='has no checkpoint'):
        estimator_ckpt.convert_directory(tmp_path, tmp_path / 'new', 'tf2')
    with pytest.raises(estimator_ckpt.CheckpointError, match='the source itself'):
        estimator_ckpt.convert_directory(model_dir, model_dir, 'tf2')
    os.symlink(model_dir, tmp_path / 'link')
    with pytest.raises(estimator_ckpt.CheckpointError, match='the source itself'):
        estimator_ckpt.convert_directory(model_dir, tmp_path / 'link', 'tf2')


@pytest.mark.parametrize('state', ['gone', b'\xef\xbb\xbf\xff', b'', b'model_checkpoint_path: "m-20"\n'])
def test_every_checkpoint_of_a_directory_is_converted_in_order_whatever_its_state_file_lists(state, tmp_path):
    for step in (9, 10, 100):
        save(tmp_path / 'run' / f'm-{step}', {'x': np.float32(step)})
    write_state(str(tmp_path / 'run'), CheckpointState('m-100', ('/gone/m-8', 'm-100')))
    if state != 'gone':
        (tmp_path / 'run' / 'checkpoint').write_bytes(state)
    reports = estimator_ckpt.convert_directory(tmp_path / 'run', tmp_path / 'new', 'tf2')
    assert list(reports) == ['m-9', 'm-10', 'm-100']
    assert read_state(str(tmp_path / 'new')).all == ('m-9', 'm-10', 'm-100')
    assert paths.resolve(tmp_path / 'new') == str(tmp_path / 'new' / 'm-100')


def test_what_the_state_file_lists_and_is_gone_is_named(tmp_path, caplog):
    save(tmp_path / 'run' / 'm-9', {'x': np.float32(9)})
    write_state(str(tmp_path / 'run'), CheckpointState('m-9', ('m-8', 'm-9')))
    estimator_ckpt.convert_directory(tmp_path / 'run', tmp_path / 'new', 'tf2')
    assert f'The state file of {tmp_path}/run lists missing checkpoints: m-8.' in caplog.text


def test_a_saved_models_variables_are_converted(tmp_path):
    module = tf.Module()
    module.v = tf.Variable(7.0, name='v')
    tf.saved_model.save(module, str(tmp_path / 'saved'))
    estimator_ckpt.convert(tmp_path / 'saved', tmp_path / 'x', 'tf1')
    assert BundleReader(str(tmp_path / 'x')).tensor('v') == 7.0
