"""`with_checkpoint_style` on every kind of Estimator there is."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.object_graph import read_object_graph
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = [small_model.needs_estimator, pytest.mark.slow]
_ROWS = 8


def _rows(sequences=False, ids=False, labels=True, name='x'):
    """An input_fn of distinct batches, always the same."""

    def input_fn():
        random = np.random.RandomState(0)
        x = random.randn(20 * _ROWS, 3).astype(np.float32)
        y = (x.sum(1, keepdims=True) > 0).astype(np.int32)
        features = {name: x}
        if ids:
            features['id'] = [str(number) for number in range(len(x))]
        dataset = tf.data.Dataset.from_tensor_slices((features, y)).batch(_ROWS)
        if sequences:
            dataset = dataset.map(lambda f, y: ({name: tf.sparse.from_dense(f[name])}, y))
        return dataset if labels else dataset.map(lambda f, _: f)

    return input_fn


def _columns():
    return [tf.feature_column.numeric_column('x', [3])]


def _partitioned():
    buckets = tf.feature_column.bucketized_column(
        tf.feature_column.numeric_column('x', [3]), [-1.0, 0.0, 1.0]
    )
    return [buckets]


def _keras(model_dir, config, checkpoint_format):
    tf.keras.backend.clear_session()
    layers = [tf.keras.layers.Dense(4, input_shape=(3,), name='hidden'), tf.keras.layers.BatchNormalization()]
    model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(1, name='out')])
    model.compile(tf.keras.optimizers.legacy.Adam(0.1), 'mse')
    return tf.keras.estimator.model_to_estimator(
        model, model_dir=model_dir, config=config, checkpoint_format=checkpoint_format
    )


def _sdca(model_dir, config):
    optimizer = tf.estimator.experimental.LinearSDCA('id')
    return tf.estimator.LinearClassifier(_columns(), model_dir, optimizer=optimizer, config=config)


def _combined(model_dir, config):
    return tf.estimator.DNNLinearCombinedRegressor(
        model_dir,
        linear_feature_columns=_partitioned(),
        dnn_feature_columns=_columns(),
        dnn_hidden_units=[4],
        config=config,
    )


def _v1_partitioned(model_dir, config):
    return tf1.estimator.DNNLinearCombinedClassifier(
        model_dir,
        linear_feature_columns=_partitioned(),
        dnn_feature_columns=_columns(),
        dnn_hidden_units=[4],
        input_layer_partitioner=tf1.fixed_size_partitioner(2),
        config=config,
    )


def _rnn(model_dir, config):
    columns = [tf.feature_column.sequence_numeric_column('x')]
    return tf.estimator.experimental.RNNClassifier(columns, units=[4], model_dir=model_dir, config=config)


def _metric(predictions, labels):
    return {'rows': tf1.metrics.mean(tf.ones_like(labels, tf.float32))}


_KINDS = {
    'DNNClassifier': lambda d, c: tf.estimator.DNNClassifier([4], _columns(), d, config=c),
    'LinearClassifier': lambda d, c: tf.estimator.LinearClassifier(_columns(), d, config=c),
    'DNNLinearCombinedRegressor': _combined,
    'DNNLinearCombinedClassifier_v1_partitioned': _v1_partitioned,
    'BaselineClassifier': lambda d, c: tf.estimator.BaselineClassifier(d, config=c),
    'RNNClassifier': _rnn,
    'LinearSDCA': _sdca,
    'KMeans': lambda d, c: tf1.estimator.experimental.KMeans(
        2, d, feature_columns=_columns(), config=c, seed=1
    ),
    'model_to_estimator_checkpoint': lambda d, c: _keras(d, c, 'checkpoint'),
    'model_to_estimator_saver': lambda d, c: _keras(d, c, 'saver'),
}

# Their threads make runs of the plain Estimator differ too, KMeans's some of them.
_VARYING = ('LinearSDCA', 'KMeans')


def _make(kind, model_dir, **config):
    tf.keras.utils.set_random_seed(1)  # Keras layers take their seeds from Python.
    return _KINDS[kind](str(model_dir), tf.estimator.RunConfig(tf_random_seed=1, **config))


def _input_of(kind, labels=True):
    name = 'hidden_input' if 'model_to' in kind else 'x'
    labels = labels and kind != 'KMeans'
    return _rows(sequences='RNN' in kind, ids='SDCA' in kind, labels=labels, name=name)


def _receiver_of(kind):
    def receiver():
        make = tf1.sparse_placeholder if 'RNN' in kind else tf1.placeholder
        x = make(tf.float32, [None, 3])
        features = {'hidden_input' if 'model_to' in kind else 'x': x}
        if 'SDCA' in kind:
            features['id'] = tf1.placeholder(tf.string, [None])
        return tf.estimator.export.ServingInputReceiver(features, dict(features))

    return receiver


def _by_name(path):
    """All variables of a checkpoint by their names."""
    reader = BundleReader(str(path))
    graph = read_object_graph(reader)
    names = graph.keys_by_full_name() if graph else {key: key for key in small_model.keys_of(path)}
    return {name: reader.tensor(key) for name, key in names.items()}


@pytest.mark.parametrize('kind', _KINDS)
def test_trains_resumes_over_styles_evaluates_predicts_and_exports(kind, tmp_path):
    plain = None
    for style in ('both', 'tf2', 'tf1'):
        plain = _make(kind, tmp_path / 'plain').train(_input_of(kind), steps=2)
        estimator = estimator_ckpt.with_checkpoint_style(_make(kind, tmp_path / 'styled'), style)
        estimator.train(_input_of(kind), steps=2)
        assert Contents(str(tmp_path / 'styled')).style.value == style
        actual, expected = (
            [one.evaluate(_input_of(kind), steps=2), next(one.predict(_input_of(kind, labels=False)))]
            for one in (estimator, plain)
        )
        if kind not in _VARYING:
            np.testing.assert_equal(actual, expected)
        exported = estimator.export_saved_model(str(tmp_path / style), _receiver_of(kind))
        assert os.path.exists(os.path.join(os.fsdecode(exported), 'saved_model.pb'))
    styled, unstyled = _by_name(tmp_path / 'styled'), _by_name(tmp_path / 'plain')
    assert styled['global_step'] == 6
    assert styled.keys() == unstyled.keys()
    if kind not in _VARYING:
        small_model.assert_same_bits(styled, unstyled)


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_the_keras_model_of_model_to_estimator_restores_its_paths(style, tmp_path):
    kind = 'model_to_estimator_checkpoint'
    estimator = estimator_ckpt.with_checkpoint_style(_make(kind, tmp_path), style)
    estimator.train(_input_of(kind), steps=2)

    saved = BundleReader(str(tmp_path))
    tf.keras.backend.clear_session()
    layers = [tf.keras.layers.Dense(4, input_shape=(3,)), tf.keras.layers.BatchNormalization()]
    model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.legacy.Adam()
    model.compile(optimizer, 'mse')
    optimizer.apply_gradients((tf.zeros_like(v), v) for v in model.trainable_variables)
    model.load_weights(saved.prefix).assert_nontrivial_match()
    key = 'layer_with_weights-0/kernel/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE'
    slot = optimizer.get_slot(model.layers[0].kernel, 'm').numpy()
    assert slot.any()
    np.testing.assert_array_equal(slot, saved.tensor(key))


def test_the_mirror_of_the_keras_model_has_the_programs_names(tmp_path):
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1')
    kind = 'model_to_estimator_checkpoint'
    _make(kind, tmp_path / 'run').train(_input_of(kind), hooks=[hook], steps=2)
    kind = 'model_to_estimator_saver'
    _make(kind, tmp_path / 'expected').train(_input_of(kind), steps=2)
    small_model.assert_same_bits(_by_name(tmp_path / 'mirror'), _by_name(tmp_path / 'expected'))


@pytest.mark.parametrize('around', [True, False])
def test_add_metrics_around_and_inside(around, tmp_path):
    estimator = _make('DNNClassifier', tmp_path)
    if around:
        estimator = tf.estimator.add_metrics(estimator_ckpt.with_checkpoint_style(estimator, 'tf2'), _metric)
    else:
        estimator = estimator_ckpt.with_checkpoint_style(tf.estimator.add_metrics(estimator, _metric), 'tf2')
    estimator.train(_rows(), steps=2)
    assert Contents(str(tmp_path)).style.value == 'tf2'
    assert estimator.evaluate(_rows(), steps=1)['rows'] == 1


def test_a_warm_start_is_kept(tmp_path):
    _make('DNNClassifier', tmp_path / 'old').train(_rows(), steps=4)
    config = tf.estimator.RunConfig(model_dir=str(tmp_path / 'new'), tf_random_seed=7)
    new = tf.estimator.DNNClassifier([4], _columns(), config=config, warm_start_from=str(tmp_path / 'old'))
    estimator_ckpt.with_checkpoint_style(new, 'both').train(_rows(), steps=1)
    kernel = 'dnn/hiddenlayer_0/kernel'
    old, first = BundleReader(str(tmp_path / 'old')), BundleReader(str(tmp_path / 'new/model.ckpt-0'))
    np.testing.assert_array_equal(first.tensor(kernel), old.tensor(kernel))


def test_a_warm_start_of_this_package_can_be_given(tmp_path):
    _make('DNNClassifier', tmp_path / 'old').train(_rows(), steps=4)
    warm_start = estimator_ckpt.WarmStart(str(tmp_path / 'old'), include='all')
    new = _make('DNNClassifier', tmp_path / 'new')
    estimator_ckpt.with_checkpoint_style(new, 'tf1', warm_start=warm_start).train(_rows(), steps=1)
    kernel = 'dnn/hiddenlayer_0/kernel'
    old, first = BundleReader(str(tmp_path / 'old')), BundleReader(str(tmp_path / 'new/model.ckpt-0'))
    np.testing.assert_array_equal(first.tensor(kernel), old.tensor(kernel))


def test_config_params_and_the_scaffold_are_kept(tmp_path):
    seen = []

    def model_fn(features, labels, mode, params):
        net = small_model.build_net(features['x'], labels)
        scaffold = tf1.train.Scaffold(init_fn=lambda scaffold, session: seen.append(scaffold.saver))
        seen.append(params['p'])
        return tf.estimator.EstimatorSpec(mode, loss=net.loss, train_op=net.train_op, scaffold=scaffold)

    def input_fn(params):
        assert params == {'p': 3}
        return small_model.batches()()

    config = tf.estimator.RunConfig(keep_checkpoint_max=2, save_checkpoints_steps=1)
    estimator = tf.estimator.Estimator(model_fn, str(tmp_path), config, params={'p': 3})
    new = estimator_ckpt.with_checkpoint_style(estimator, 'both').train(input_fn, steps=4)
    assert seen[0] == 3 and isinstance(seen[1], estimator_ckpt.Saver)
    assert (new.model_dir, new.params) == (str(tmp_path), {'p': 3})
    assert len([name for name in os.listdir(tmp_path) if name.endswith('.index')]) == 2


def test_the_guides_scaffold_names_the_objects(tmp_path):
    estimator = small_model.estimator(tmp_path / 'styled', lambda net, config: _guides(net))
    estimator_ckpt.with_checkpoint_style(estimator, 'tf2').train(small_model.batches(), steps=1)
    small_model.estimator(tmp_path / 'expected', small_model.ours('tf2', True)).train(
        small_model.batches(), steps=1
    )
    expected = {key for key in small_model.keys_of(tmp_path / 'expected') if 'embedding' not in key}
    assert expected <= small_model.keys_of(tmp_path / 'styled')


def _guides(net):
    return tf1.train.Scaffold(saver=net.checkpoint())


class TestWrongUse:
    def test_of_something_that_is_no_estimator(self, tmp_path):
        with pytest.raises(TypeError, match='must be a tf.estimator.Estimator'):
            estimator_ckpt.with_checkpoint_style(tf.Module(), 'tf2')

    def test_of_an_unknown_style(self, tmp_path):
        with pytest.raises(ValueError, match='tf3'):
            estimator_ckpt.with_checkpoint_style(small_model.estimator(tmp_path), 'tf3')

    def test_of_a_saver(self, tmp_path):
        with pytest.raises(TypeError, match='saver'):
            estimator_ckpt.with_checkpoint_style(small_model.estimator(tmp_path), 'tf2', saver=None)
