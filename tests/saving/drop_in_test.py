"""What programs rely on of `tf.compat.v1.train.Saver` and `Scaffold`, as TensorFlow documents and tests it.

Each contract is run with TensorFlow's own saver first, so that it is TensorFlow's and not a belief of ours.
"""

import logging
import os
import pathlib
import pickle

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1
SAVERS = {
    'tensorflow': lambda **kwargs: tf1.train.Saver(**kwargs),
    **{
        style: lambda style=style, **kwargs: estimator_ckpt.Saver(style, **kwargs)
        for style in ('tf1', 'tf2', 'both')
    },
}
every_saver = pytest.mark.parametrize('make', SAVERS.values(), ids=SAVERS)


@pytest.fixture
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def _variable(name='v', value=1.0):
    return tf1.get_variable(name, initializer=tf.constant(value))


def _saved(make, path, names=('v',), value=1.0):
    """Saves variables with a saver in a graph of its own, and gives the prefix."""
    with tf.Graph().as_default(), tf1.Session() as session:
        for name in names:
            _variable(name, value)
        saver = make()
        session.run(tf1.global_variables_initializer())
        return saver.save(session, str(path))


class TestErrors:
    """tensorflow/python/training/saver.py, Saver.restore: what it raises is what programs catch."""

    @every_saver
    def test_a_variable_that_is_not_in_the_checkpoint_is_a_not_found_error(self, make, tmp_path, graph):
        path = _saved(make, tmp_path / 'x')
        _variable('other')
        saver = make()
        with tf1.Session() as session, pytest.raises(tf.errors.NotFoundError) as caught:
            saver.restore(session, path)
        assert 'Restoring from checkpoint failed' in str(caught.value) and 'other' in str(caught.value)
        assert caught.value.error_code == tf.errors.NOT_FOUND and caught.value.message

    @every_saver
    @pytest.mark.parametrize('value', [[1.0, 2.0], [1, 2, 3]], ids=['shape', 'dtype'])
    def test_another_shape_or_type_is_an_invalid_argument(self, make, value, tmp_path, graph):
        path = _saved(make, tmp_path / 'x', value=[1.0, 2.0, 3.0])
        # TensorFlow's own saver does not look at the shapes of resource variables.
        tf1.get_variable('v', initializer=tf.constant(value), use_resource=make is not SAVERS['tensorflow'])
        saver = make()
        with tf1.Session() as session, pytest.raises(tf.errors.InvalidArgumentError) as caught:
            saver.restore(session, path)
        assert 'Restoring from checkpoint failed' in str(caught.value) and 'mismatch' in str(caught.value)

    @every_saver
    def test_damage_is_a_data_loss_error(self, make, tmp_path, graph):
        path = _saved(make, tmp_path / 'x', value=list(np.arange(9.0)))
        data = pathlib.Path(f'{path}.data-00000-of-00001')
        data.write_bytes(bytes(16) + data.read_bytes()[16:])
        _variable(value=list(np.arange(9.0)))
        saver = make()
        with tf1.Session() as session, pytest.raises(tf.errors.DataLossError):
            saver.restore(session, path)

    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_a_checkpoint_that_is_gone_is_a_not_found_error(self, style, tmp_path, graph):
        _variable()
        with tf1.Session() as session, pytest.raises(tf.errors.NotFoundError) as caught:
            estimator_ckpt.Saver(style).restore(session, str(tmp_path / 'x'))
        # TensorFlow's own saver raises a ValueError here that says less.
        assert isinstance(caught.value, estimator_ckpt.CheckpointNotFoundError | FileNotFoundError)

    def test_the_errors_are_this_packages_too_and_can_be_pickled(self, tmp_path, graph):
        path = _saved(SAVERS['both'], tmp_path / 'x')
        _variable('other')
        _variable(value=[1.0, 2.0])
        with tf1.Session() as session, pytest.raises(estimator_ckpt.MappingError) as caught:
            estimator_ckpt.Saver('both').restore(session, path)
        error = caught.value
        assert isinstance(error, tf.errors.NotFoundError) and isinstance(
            error, tf.errors.InvalidArgumentError
        )
        assert [row.target for row in error.report.missing] == ['other']
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error)
        assert again.report.missing == error.report.missing

    def test_a_changed_program_is_told_the_line_to_paste(self, tmp_path, graph):
        path = _saved(SAVERS['both'], tmp_path / 'x', value=3)
        _variable('other')
        v = _variable(value=2.0)
        with tf1.Session() as session, pytest.raises(estimator_ckpt.MappingError) as caught:
            estimator_ckpt.Saver('both').restore(session, path)
        call = str(caught.value).partition('warm_start=')[2].rpartition(')).')[0] + ')'
        warm_start = eval(call)  # What the message says can be pasted.
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            estimator_ckpt.warm_start(warm_start, session=session)
            assert session.run(v) == 3.0


class TestFiles:
    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    @pytest.mark.parametrize('sharded', [False, True])
    def test_there_are_as_many_data_files_as_tensorflow_writes(self, style, sharded, tmp_path, graph):
        with tf.device('/cpu:0'):
            _variable('a')
        with tf.device('/cpu:1'):
            _variable('b')
        config = tf1.ConfigProto(device_count={'CPU': 2})
        counts = []
        for make in (SAVERS['tensorflow'], SAVERS[style]):
            saver = make(sharded=sharded)
            with tf1.Session(config=config) as session:
                session.run(tf1.global_variables_initializer())
                counts.append(BundleReader(saver.save(session, str(tmp_path / f'x{len(counts)}'))).num_shards)
        assert counts[0] == counts[1] == 1 + sharded

    @every_saver
    def test_the_state_file_names_what_is_kept(self, make, tmp_path, graph):
        _variable()
        saver = make(max_to_keep=2)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for step in range(4):
                saver.save(session, str(tmp_path / 'm'), global_step=step)
        assert [os.path.basename(path) for path in saver.last_checkpoints] == ['m-2', 'm-3']
        state = tf.train.get_checkpoint_state(str(tmp_path))
        assert [os.path.basename(path) for path in state.all_model_checkpoint_paths] == ['m-2', 'm-3']
        assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'm-3')

    @every_saver
    @pytest.mark.parametrize('form', [str, pathlib.Path], ids=['str', 'PathLike'])
    def test_a_path_can_be_any_path(self, make, form, tmp_path, graph):
        if make is SAVERS['tensorflow']:
            form = str  # It takes no others.
        v = _variable()
        saver = make()
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, form(tmp_path / 'x'))
            session.run(v.assign(5.0))
            saver.restore(session, form(path))
            assert session.run(v) == 1.0

    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_bytes_the_home_directory_and_a_checkpoints_other_files_mean_it(
        self, style, tmp_path, graph, monkeypatch
    ):
        monkeypatch.setenv('HOME', str(tmp_path))
        v = _variable()
        saver = estimator_ckpt.Saver(style)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, b'~/x')
            assert path == f'{tmp_path}/x'
            for spelled in (
                path.encode(),
                '~/x',
                f'{path}.meta',
                f'{path}.index',
                str(tmp_path / 'checkpoint'),
            ):
                session.run(v.assign(5.0))
                saver.restore(session, spelled)
                assert session.run(v) == 1.0

    @every_saver
    def test_each_save_of_one_prefix_replaces_the_one_before(self, make, tmp_path, graph):
        v = _variable()
        saver = make()
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for value in (1.0, 2.0):
                session.run(v.assign(value))
                path = saver.save(session, str(tmp_path / 'x'))
            saver.restore(session, path)
            assert session.run(v) == 2.0


class TestArguments:
    @every_saver
    def test_no_interval_means_that_none_is_kept_for_good(self, make, tmp_path, graph):
        _variable()
        hours = 10_000.0 if make is SAVERS['tensorflow'] else None
        saver = make(max_to_keep=1, keep_checkpoint_every_n_hours=hours)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for step in range(3):
                saver.save(session, str(tmp_path / 'm'), global_step=step)
        assert small_model.saved_names(tmp_path) == ['m-2']

    @every_saver
    def test_a_dict_restores_variables_under_other_names(self, make, tmp_path, graph):
        path = _saved(SAVERS['tensorflow'], tmp_path / 'x', ['old'], 7.0)
        new = _variable('new')
        saver = make(var_list={'old': new})
        with tf1.Session() as session:
            saver.restore(session, path)
            assert session.run(new) == 7.0

    @every_saver
    def test_an_empty_saver_is_refused_unless_that_is_allowed(self, make, graph):
        with pytest.raises(ValueError, match='No variables to save'):
            make()
        assert make(allow_empty=True) is not None

    @every_saver
    def test_a_path_of_none_is_a_value_error(self, make, graph):
        _variable()
        saver = make()
        with tf1.Session() as session, pytest.raises(ValueError):
            saver.restore(session, None)


@needs_estimator
class TestExports:
    """Whatever the style, an export is read by everything that reads a plain Estimator's."""

    @pytest.fixture(params=['tf1', 'tf2', 'both'])
    def export(self, request, tmp_path):
        estimator = small_model.estimator(tmp_path / 'run', small_model.ours(request.param, True))
        estimator.train(small_model.batches(), steps=2)

        def receiver():
            x = tf1.placeholder(tf.float32, [None, small_model.FEATURES], name='x')
            return tf.estimator.export.ServingInputReceiver({'x': x}, {'x': x})

        path = os.fsdecode(estimator.export_saved_model(str(tmp_path / 'export'), receiver))
        return estimator, path

    def test_it_has_one_data_file_and_every_name(self, export, tmp_path):
        estimator, path = export
        variables = sorted(os.listdir(f'{path}/variables'))
        assert variables == ['variables.data-00000-of-00001', 'variables.index']
        plain = small_model.estimator(tmp_path / 'plain')
        names = set(plain.train(small_model.batches(), steps=1).get_variable_names())
        assert {name for name, _ in tf.train.list_variables(f'{path}/variables/variables')} >= {
            name for name in names if 'Adam' not in name and 'power' not in name
        }

    def test_it_is_loaded_by_both_loaders(self, export):
        estimator, path = export
        x = np.ones([2, small_model.FEATURES], np.float32)
        loaded = tf.saved_model.load(path).signatures['serving_default'](x=tf.constant(x))['y'].numpy()
        with tf.Graph().as_default(), tf1.Session() as session:
            meta = tf1.saved_model.load(session, ['serve'], path)
            signature = meta.signature_def['serving_default']
            output = session.run(signature.outputs['y'].name, {signature.inputs['x'].name: x})
        np.testing.assert_array_equal(output, loaded)

    def test_estimators_start_from_it_by_name(self, export, tmp_path):
        estimator, path = export
        with tf.Graph().as_default(), tf1.Session() as session:
            kernel = tf1.get_variable('kernel', shape=[small_model.FEATURES, 1])
            saved = tf.train.load_variable(f'{path}/variables/variables', 'dense/kernel')
            kernel = tf1.get_variable('other', shape=saved.shape)
            tf1.train.init_from_checkpoint(f'{path}/variables/variables', {'dense/kernel': kernel})
            session.run(tf1.global_variables_initializer())
            np.testing.assert_array_equal(session.run(kernel), saved)

    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_a_saved_model_estimator_goes_on_with_it(self, style, tmp_path):
        def model_fn(features, labels, mode):
            step = tf1.train.get_or_create_global_step()
            v = tf1.get_variable('some_var', initializer=21.0)
            train_op = tf.group(step.assign_add(1), v.assign_add(1.0))
            predictions = {'y': features['x'] * v}
            return tf.estimator.EstimatorSpec(
                mode, predictions, tf.constant(0.0), train_op, scaffold=estimator_ckpt.scaffold(style)
            )

        def receiver(with_labels):
            x = tf1.placeholder(tf.float32, [None], name='x')
            if with_labels:
                y = tf1.placeholder(tf.float32, [None], name='y')
                inputs = {'x': x, 'y': y}
                return tf1.estimator.experimental.build_raw_supervised_input_receiver_fn({'x': x}, y)()
            inputs = {'x': x}
            return tf.estimator.export.ServingInputReceiver(inputs, inputs)

        def batches():
            return tf.data.Dataset.from_tensors(({'x': tf.constant([1.0])}, tf.constant([1.0]))).repeat()

        estimator = tf.estimator.Estimator(model_fn, str(tmp_path / 'run'))
        estimator.train(batches, steps=2)
        modes = tf.estimator.ModeKeys
        path = estimator.experimental_export_all_saved_models(
            str(tmp_path / 'export'),
            {
                modes.TRAIN: lambda: receiver(True),
                modes.EVAL: lambda: receiver(True),
                modes.PREDICT: lambda: receiver(False),
            },
        )
        from tensorflow_estimator.python.estimator.canned.saved_model_estimator import SavedModelEstimator

        again = SavedModelEstimator(os.fsdecode(path), str(tmp_path / 'again'))
        again.train(batches, steps=1)
        assert again.get_variable_value('some_var') == 24.0


@needs_estimator
class TestSteps:
    @pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
    def test_a_finished_run_takes_no_further_step_in_a_new_estimator(self, style, tmp_path):
        for _ in range(3):
            small_model.estimator(tmp_path, small_model.ours(style, True)).train(
                small_model.batches(), max_steps=4
            )
        assert small_model.saved_names(tmp_path)[-1] == 'model.ckpt-4'
        assert tf.train.load_variable(str(tmp_path), 'global_step') == 4

    def test_the_key_of_the_step_is_no_obstacle_to_objects(self, tmp_path, graph):
        step = tf1.train.create_global_step()
        v = _variable()
        with tf1.Session() as session:
            saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(v=v, step=step))
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'x'))
        reader = BundleReader(path)
        assert reader.entry('global_step') == reader.entry('step/.ATTRIBUTES/VARIABLE_VALUE')


class TestLog:
    def test_a_restart_reports_no_save_that_wrote_nothing(self, tmp_path, graph, caplog, monkeypatch):
        monkeypatch.setattr(tf.get_logger(), 'propagate', True)
        monkeypatch.setattr(tf.get_logger(), 'level', logging.INFO)
        _variable()
        saver = estimator_ckpt.Saver('both')
        with tf1.Session() as session, caplog.at_level(logging.INFO):
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'x'))
            saver.restore(session, path)
            assert caplog.text.count('Saved ') == 1
            saver.save(session, path)
        assert caplog.text.count('Saved ') == 1


@needs_estimator
def test_evaluation_and_export_take_moving_averages_by_var_list(tmp_path):
    def model_fn(features, labels, mode, config):
        step = tf1.train.get_or_create_global_step()
        v = tf1.get_variable('v', initializer=1.0)
        average = tf.train.ExponentialMovingAverage(0.5)
        train_op = tf.group(v.assign_add(1.0), step.assign_add(1))
        var_list = None
        if mode == tf.estimator.ModeKeys.TRAIN:
            with tf.control_dependencies([train_op]):
                train_op = average.apply([v])
        else:
            var_list = {**average.variables_to_restore([v]), 'global_step': step}
        return tf.estimator.EstimatorSpec(
            mode,
            loss=v + 0.0,
            train_op=train_op,
            scaffold=estimator_ckpt.scaffold('both', config=config, var_list=var_list),
        )

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path))
    estimator.train(small_model.batches(), steps=3)
    average = estimator.get_variable_value('v/ExponentialMovingAverage')
    assert estimator.evaluate(small_model.batches(), steps=1)['loss'] == average != 4.0
