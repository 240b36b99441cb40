"""A `tf2` checkpoint has, key for key, what `tf.train.Checkpoint.save` of the same objects writes in TF2."""

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1


def _variable(name, value=1.0):
    return tf.Variable(value, name=name)


def variables():
    return tf.train.Checkpoint(a=_variable('a'), b=_variable('b', [1.0, 2.0]))


def lists_and_dicts():
    shared = _variable('shared')
    return tf.train.Checkpoint(
        variables=[_variable('x'), shared, _variable('z')],
        v={'a': _variable('a'), 'b/c.d': shared, '.S': _variable('dots')},
    )


def modules():
    module = tf.Module()
    module.d = _variable('d')
    module.inner = tf.Module()
    module.inner.e = [_variable('e'), _variable('f')]
    return tf.train.Checkpoint(module=module, again=module.inner)


def keras_layers():
    layer = tf.keras.layers.Dense(2)
    layer.build((None, 3))
    norm = tf.keras.layers.BatchNormalization()
    norm.build((None, 2))
    return tf.train.Checkpoint(layer=layer, norm=norm)


def _model():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(2)])
    model.build((None, 4))
    return model


def keras_model():
    return tf.train.Checkpoint(model=_model())


def positional_root():
    return tf.train.Checkpoint(_model())


def positional_root_with_more():
    return tf.train.Checkpoint(_model(), extra=_variable('extra'))


def subclassed_model():
    class Model(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [tf.keras.layers.Dense(2), tf.keras.layers.Dense(2)]
            self.by_name = {'out': self.blocks[1]}

        def call(self, inputs):
            return self.blocks[1](self.blocks[0](inputs))

    model = Model()
    model(tf.zeros([1, 2]))
    return tf.train.Checkpoint(model=model, head=model.blocks[1])


def lookup_table():
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name='table')
    dense = tf.lookup.experimental.DenseHashTable(
        tf.int64, tf.int64, -1, empty_key=-2, deleted_key=-3, name='dense'
    )
    return tf.train.Checkpoint(table=table, nested={'dense': dense}, v=_variable('v'))


def _train_op(optimizer, trained):
    def loss():
        return tf.add_n([tf.reduce_sum(v * v) for v in trained])

    if tf.executing_eagerly():
        return optimizer.minimize(loss, var_list=trained)
    return optimizer.minimize(loss(), var_list=trained)


def _with_tf1_optimizer(make):
    def build():
        trained = [_variable('w', [1.0, 2.0]), _variable('u')]
        optimizer = make()
        _train_op(optimizer, trained)
        step = _variable('step', tf.constant(0, tf.int64))
        return tf.train.Checkpoint(w=trained[0], nested=[trained[1]], optimizer=optimizer, step=step)

    return build


def two_optimizers():
    trained = [_variable('w', [1.0, 2.0]), _variable('u')]
    first, second = tf1.train.AdamOptimizer(0.1), tf1.train.MomentumOptimizer(0.1, 0.9)
    _train_op(first, trained)
    _train_op(second, trained[:1])
    return tf.train.Checkpoint(trained=trained, first=first, second=second)


def keras_legacy_optimizer():
    model = _model()
    optimizer = tf.keras.optimizers.legacy.Adam(0.1)
    if tf.executing_eagerly():
        optimizer.minimize(lambda: tf.add_n(map(tf.reduce_sum, model.weights)), model.weights)
    else:
        optimizer.get_updates(tf.add_n(map(tf.reduce_sum, model.weights)), model.weights)
    return tf.train.Checkpoint(model=model, optimizer=optimizer)


def python_state():
    class Counted(tf.train.experimental.PythonState):
        def serialize(self):
            return 'seven'

        def deserialize(self, value):
            del value

    return tf.train.Checkpoint(counted=Counted(), v=_variable('v'))


TF1_OPTIMIZERS = {
    'sgd': lambda: tf1.train.GradientDescentOptimizer(0.1),
    'momentum': lambda: tf1.train.MomentumOptimizer(0.1, 0.9),
    'adagrad': lambda: tf1.train.AdagradOptimizer(0.1),
    'adadelta': lambda: tf1.train.AdadeltaOptimizer(0.1),
    'rmsprop_centered': lambda: tf1.train.RMSPropOptimizer(0.1, centered=True),
    'adam': lambda: tf1.train.AdamOptimizer(0.1),
    'ftrl': lambda: tf1.train.FtrlOptimizer(0.1),
}
BUILDERS = {
    build.__name__: build
    for build in (
        variables,
        lists_and_dicts,
        modules,
        keras_layers,
        keras_model,
        positional_root,
        positional_root_with_more,
        subclassed_model,
        lookup_table,
        two_optimizers,
        keras_legacy_optimizer,
        python_state,
    )
} | {name: _with_tf1_optimizer(make) for name, make in TF1_OPTIMIZERS.items()}
# Keras 3 has no legacy optimizers, and tracks a subclassed model's layers in another way in a graph.
_ONLY_KERAS_2 = {'subclassed_model', 'keras_legacy_optimizer'}
_every_object = pytest.mark.parametrize(
    'build',
    [
        pytest.param(build, marks=needs_keras_2 if name in _ONLY_KERAS_2 else (), id=name)
        for name, build in BUILDERS.items()
    ],
)


def _entries(path):
    """What a checkpoint holds, without values and without the object graph, whose nodes may have another order."""
    reader = BundleReader(path)
    return {key: (reader.entry(key).dtype, reader.entry(key).shape) for key in sorted(reader.keys())}


@_every_object
def test_a_tf2_file_has_the_keys_that_tf2_writes(build, tmp_path):
    expected = _entries(build().save(str(tmp_path / 'tf2')))

    with tf.Graph().as_default():
        saver = estimator_ckpt.Saver('tf2', build(), untracked='error')
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'ours'))

    assert _entries(path) == expected


@_every_object
def test_tf2_consumes_the_objects_of_every_object_based_file(build, tmp_path):
    with tf.Graph().as_default():
        checkpoint = build()
        savers = [estimator_ckpt.Saver(style, checkpoint, untracked='error') for style in ('tf2', 'both')]
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run([v.assign(tf.fill(v.shape, tf.cast(7, v.dtype))) for v in tf1.global_variables()])
            paths = [saver.save(session, str(tmp_path / str(saver.style))) for saver in savers]

    for path in paths:
        restored = build()
        restored.restore(path).assert_consumed().assert_existing_objects_matched()
        assert int(restored.save_counter) == 1


def test_both_has_the_keys_of_tf1_and_of_tf2_and_no_others(tmp_path):
    keys = {}
    for style in ('tf1', 'tf2', 'both'):
        with tf.Graph().as_default():
            saver = estimator_ckpt.Saver(style, _with_tf1_optimizer(TF1_OPTIMIZERS['adam'])())
            with tf1.Session() as session:
                session.run(tf1.global_variables_initializer())
                keys[style] = set(_entries(saver.save(session, str(tmp_path / style))))

    assert keys['both'] == keys['tf1'] | keys['tf2']
    assert not keys['tf1'] & keys['tf2']
