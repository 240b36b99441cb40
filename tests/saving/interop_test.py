"""Plain TensorFlow restores the files of every style, in a graph, in eager mode and in a process of its own."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1
STYLES = ('tf1', 'tf2', 'both')
NAMED, OBJECTS = ('tf1', 'both'), ('tf2', 'both')
KERNEL = np.arange(6, dtype=np.float32).reshape(3, 2)
BIAS = np.array([5, 6], np.float32)


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    """A checkpoint of each style: `scope/kernel`, `scope/bias`, `global_step`; below `model`, and `step`."""
    directory = tmp_path_factory.mktemp('styles')
    saved = {}
    with tf.Graph().as_default():
        step = tf1.train.get_or_create_global_step()
        with tf1.variable_scope('scope'):
            kernel = tf1.get_variable('kernel', initializer=KERNEL)
            bias = tf1.get_variable('bias', initializer=BIAS)
        checkpoint = tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, step=step)
        savers = {style: estimator_ckpt.Saver(style, checkpoint) for style in STYLES}
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run(step.assign(9))
            for style, saver in savers.items():
                saved[style] = saver.save(session, str(directory / style / 'x'), global_step=step)
    return saved


def _eager_variables():
    kernel = tf.Variable(tf.zeros([3, 2]), name='scope/kernel')
    bias = tf.Variable(tf.zeros([2]), name='scope/bias')
    return kernel, bias, tf.Variable(tf.constant(0, tf.int64), name='global_step')


@pytest.mark.parametrize('style', NAMED)
def test_a_plain_saver_restores_names_in_a_graph(style, paths):
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        kernel = tf1.get_variable('scope/kernel', [3, 2])
        bias = tf1.get_variable('scope/bias', [2])
        tf1.train.Saver().restore(session, paths[style])
        np.testing.assert_array_equal(session.run(kernel), KERNEL)
        np.testing.assert_array_equal(session.run(bias), BIAS)
        assert session.run(step) == 9


@pytest.mark.parametrize('style', NAMED)
def test_a_plain_saver_restores_names_in_eager_mode(style, paths):
    kernel, bias, step = _eager_variables()
    tf1.train.Saver([kernel, bias, step]).restore(None, paths[style])
    np.testing.assert_array_equal(kernel, KERNEL)
    assert int(step) == 9


@pytest.mark.parametrize('style', NAMED)
def test_tf_train_checkpoint_restores_names(style, paths):
    kernel, bias, step = _eager_variables()
    if style == 'tf1':
        tf.train.Checkpoint(anything=[kernel, bias, step]).restore(paths[style])
        np.testing.assert_array_equal(kernel, KERNEL)
        np.testing.assert_array_equal(bias, BIAS)
    else:  # With an object graph in the file TensorFlow goes by that.
        tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, step=step).restore(paths[style])
        np.testing.assert_array_equal(kernel, KERNEL)


@pytest.mark.parametrize('style', OBJECTS)
def test_tf_train_checkpoint_restores_objects_in_a_graph(style, paths):
    with tf.Graph().as_default(), tf1.Session() as session:
        kernel, bias = tf1.get_variable('other', [3, 2]), tf1.get_variable('names', [2])
        step = tf1.get_variable('counter', initializer=tf.constant(0, tf.int64))
        checkpoint = tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, step=step)
        checkpoint.restore(paths[style]).assert_consumed().run_restore_ops(session)
        np.testing.assert_array_equal(session.run(kernel), KERNEL)
        assert session.run(step) == 9


_SEPARATE_PROCESS = """
    import json, sys
    import tensorflow as tf

    path, when = sys.argv[1:]
    module = tf.Module()

    def create():
        module.kernel = tf.Variable(tf.zeros([3, 2]))
        module.bias = tf.Variable(tf.zeros([2]))

    step = tf.Variable(tf.constant(0, tf.int64))
    checkpoint = tf.train.Checkpoint(model=module, step=step)
    if when == 'before':
        create()
    status = checkpoint.restore(path)
    if when == 'after':
        create()
    status.assert_consumed().assert_existing_objects_matched()
    assert 'estimator_ckpt' not in sys.modules
    print(json.dumps([module.kernel.numpy().tolist(), module.bias.numpy().tolist(), int(step)]))
"""


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('style', OBJECTS)
def test_a_tf2_process_restores_objects_that_exist_before_or_only_after(style, when, paths):
    command = [sys.executable, '-c', textwrap.dedent(_SEPARATE_PROCESS), paths[style], when]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [KERNEL.tolist(), BIAS.tolist(), 9]


@pytest.mark.parametrize('style', NAMED)
def test_init_from_checkpoint_reads_names(style, paths):
    with tf.Graph().as_default(), tf1.Session() as session:
        kernel = tf1.get_variable('new/kernel', [3, 2])
        tf1.train.init_from_checkpoint(paths[style], {'scope/kernel': 'new/kernel'})
        session.run(tf1.global_variables_initializer())
        np.testing.assert_array_equal(session.run(kernel), KERNEL)


@pytest.mark.parametrize('style', OBJECTS)
def test_init_from_checkpoint_reads_object_keys(style, paths):
    with tf.Graph().as_default(), tf1.Session() as session:
        kernel = tf1.get_variable('new/kernel', [3, 2])
        key = 'model/kernel/.ATTRIBUTES/VARIABLE_VALUE'
        tf1.train.init_from_checkpoint(paths[style], {key: 'new/kernel'})
        session.run(tf1.global_variables_initializer())
        np.testing.assert_array_equal(session.run(kernel), KERNEL)


@needs_estimator
@pytest.mark.parametrize('style', STYLES)
def test_warm_start_from_reads_every_style(style, paths, tmp_path):
    def model_fn(features, labels, mode):
        step = tf1.train.get_or_create_global_step()
        kernel = tf1.get_variable('scope/kernel', [3, 2])
        tf1.get_variable('scope/bias', [2])
        loss = tf.reduce_sum(kernel)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step.assign_add(1))

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path), warm_start_from=paths[style])
    estimator.train(lambda: tf.data.Dataset.from_tensors(({'x': [0.0]}, [0.0])), steps=1)
    np.testing.assert_array_equal(estimator.get_variable_value('scope/kernel'), KERNEL)
    np.testing.assert_array_equal(estimator.get_variable_value('scope/bias'), BIAS)


@pytest.mark.parametrize('style', STYLES)
def test_load_checkpoint_reads_each_key(style, paths):
    reader = tf.train.load_checkpoint(paths[style])
    found = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
    if style in NAMED:
        np.testing.assert_array_equal(found['scope/kernel'], KERNEL)
        assert found['global_step'] == 9
    if style in OBJECTS:
        np.testing.assert_array_equal(found['model/kernel/.ATTRIBUTES/VARIABLE_VALUE'], KERNEL)
        assert found['step/.ATTRIBUTES/VARIABLE_VALUE'] == 9
        assert found['save_counter/.ATTRIBUTES/VARIABLE_VALUE'] == 1


def test_a_tf1_file_is_byte_for_byte_what_a_plain_saver_writes(tmp_path):
    def save(make_saver, name):
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.get_variable('b', initializer=KERNEL)
            tf1.get_variable('a', initializer=BIAS)
            pieces = tf1.fixed_size_partitioner(3)
            tf1.get_variable('p', [4, 2], initializer=tf1.ones_initializer(), partitioner=pieces)
            saver = make_saver()
            session.run(tf1.global_variables_initializer())
            saver.save(session, str(tmp_path / name / 'x'))
        files = sorted((tmp_path / name).glob('x.[id]*'))
        return {path.name: path.read_bytes() for path in files}

    (tmp_path / 'plain').mkdir()
    assert save(lambda: estimator_ckpt.Saver('tf1'), 'ours') == save(tf1.train.Saver, 'plain')


def test_both_stores_its_bytes_once(tmp_path):
    sizes = {}
    for style in STYLES:
        with tf.Graph().as_default(), tf1.Session() as session:
            for number in range(20):
                tf1.get_variable(f'v{number}', initializer=tf.zeros([50, 100]))
            saver = estimator_ckpt.Saver(style)
            session.run(tf1.global_variables_initializer())
            saver.save(session, str(tmp_path / style / 'x'))
        sizes[style] = sum(path.stat().st_size for path in (tmp_path / style).glob('*.data-*'))

    assert sizes['both'] <= 1.01 * sizes['tf1'] + 4096


def test_the_meta_graph_restores_its_own_file(tmp_path, paths):
    for style in STYLES:
        with tf.Graph().as_default(), tf1.Session() as session:
            saver = tf1.train.import_meta_graph(f'{paths[style]}.meta')
            saver.restore(session, paths[style])
            variables = {v.op.name: v for v in tf1.global_variables()}
            np.testing.assert_array_equal(session.run(variables['scope/kernel']), KERNEL)


def test_the_index_has_both_styles_before_the_state_file_names_it(tmp_path, monkeypatch):
    announced, replace = [], os.replace

    def watched(source, destination):
        replace(source, destination)
        if destination == str(tmp_path / 'checkpoint'):
            reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(tmp_path)))
            announced.append(set(reader.get_variable_to_shape_map()))

    monkeypatch.setattr(os, 'replace', watched)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.get_variable('v', initializer=1.0)
        saver = estimator_ckpt.Saver('both')
        session.run(tf1.global_variables_initializer())
        saver.save(session, str(tmp_path / 'x'))

    assert {'v', 'var_list/v/.ATTRIBUTES/VARIABLE_VALUE'} <= announced[0]
