"""Tests the conversion to Keras 3's own files: what Keras loads, predicts and goes on training with."""

import json
import os
import zipfile

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.mapping.report import MappingError
from estimator_ckpt.mapping.rules import RuleError
from tests.cli.helpers import in_process

keras = pytest.importorskip('keras', minversion='3')
layers = keras.layers
tf1 = tf.compat.v1

STEPS = 3
BATCHES = np.random.RandomState(0).randn(2 * STEPS, 8, 4).astype(np.float32)
TARGETS = np.ones((8, 2), np.float32)
# The TF1 optimizer, and the one of Keras 3 with the same rule.
OPTIMIZERS = {
    'sgd': (lambda: tf1.train.GradientDescentOptimizer(0.1), lambda: keras.optimizers.SGD(0.1)),
    'momentum': (
        lambda: tf1.train.MomentumOptimizer(0.1, 0.9),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    ),
    'adagrad': (
        lambda: tf1.train.AdagradOptimizer(0.1),
        lambda: keras.optimizers.Adagrad(0.1, epsilon=1e-30),
    ),
    'adadelta': (
        lambda: tf1.train.AdadeltaOptimizer(0.1, 0.95, 1e-3),
        lambda: keras.optimizers.Adadelta(0.1, 0.95, 1e-3),
    ),
    'rmsprop': (
        lambda: tf1.train.RMSPropOptimizer(0.01, 0.9, 0.8, 1e-5),
        lambda: keras.optimizers.RMSprop(0.01, 0.9, 0.8, 1e-5),
    ),
    'centered rmsprop': (
        lambda: tf1.train.RMSPropOptimizer(0.01, 0.9, 0.8, 1e-5, centered=True),
        lambda: keras.optimizers.RMSprop(0.01, 0.9, 0.8, 1e-5, centered=True),
    ),
    'adam': (
        lambda: tf1.train.AdamOptimizer(0.01),
        lambda: keras.optimizers.Adam(0.01, epsilon=1e-8),
    ),
    'ftrl': (lambda: tf1.train.FtrlOptimizer(0.1), lambda: keras.optimizers.Ftrl(0.1)),
}


class Source:
    """A checkpoint of TF1, what it predicts, and the losses of going on from it."""

    def __init__(self, directory, optimizer):
        self.path = str(directory / 'model.ckpt')
        with tf.Graph().as_default(), tf1.Session() as session:
            x = tf1.placeholder(tf.float32, [None, 4])
            y = dense(tf.nn.relu(dense(x, 5, 'hidden')), 2, 'out')
            loss = tf.reduce_mean((y - TARGETS) ** 2)
            train = optimizer().minimize(loss, tf1.train.get_or_create_global_step())
            session.run(tf1.global_variables_initializer())
            for batch in BATCHES[:STEPS]:
                session.run(train, {x: batch})
            tf1.train.Saver().save(session, self.path)
            self.predictions = session.run(y, {x: BATCHES[0]})
            self.losses = [session.run([loss, train], {x: batch})[0] for batch in BATCHES[STEPS:]]


def dense(x, units, name):
    with tf1.variable_scope(name):
        kernel = tf1.get_variable(
            'kernel', [x.shape[-1], units], initializer=tf1.random_normal_initializer(seed=1)
        )
        return x @ kernel + tf1.get_variable('bias', [units], initializer=tf1.zeros_initializer())


def model_of(optimizer=None):
    keras.utils.clear_session()
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation='relu', name='hidden'), layers.Dense(2, name='out')]
    )
    if optimizer is not None:
        model.compile(optimizer(), 'mse')
        model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope='module', params=OPTIMIZERS)
def trained(request, tmp_path_factory):
    """A checkpoint of each optimizer, and the function that makes the one of Keras."""
    of_tf1, of_keras = OPTIMIZERS[request.param]
    return Source(tmp_path_factory.mktemp(request.param.replace(' ', '_')), of_tf1), of_keras


@pytest.fixture(scope='module')
def adam(tmp_path_factory):
    return Source(tmp_path_factory.mktemp('adam'), OPTIMIZERS['adam'][0])


@pytest.mark.parametrize('ending', ['.weights.h5', '.keras'])
@pytest.mark.parametrize('like', ['file', 'model'])
def test_keras_predicts_the_same_and_goes_on_training(tmp_path, trained, ending, like):
    source, optimizer = trained
    model, fresh, new = model_of(optimizer), f'{tmp_path}/fresh{ending}', f'{tmp_path}/new{ending}'
    if like == 'file':
        model.save(fresh) if ending == '.keras' else model.save_weights(fresh)
    before = [np.array(variable) for variable in model.variables]
    report = estimator_ckpt.convert(source.path, new, like=fresh if like == 'file' else model)
    assert not report.faults()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)  # The given model is only read.
    if ending == '.keras':
        model = keras.models.load_model(new)
    else:
        model = model_of(optimizer)
        model.load_weights(new)
    np.testing.assert_allclose(model.predict(BATCHES[0], verbose=0), source.predictions, rtol=1e-6, atol=1e-7)
    assert int(model.optimizer.iterations) == STEPS
    for batch, expected in zip(BATCHES[STEPS:], source.losses, strict=True):
        model.reset_metrics()
        np.testing.assert_allclose(float(model.train_on_batch(batch, TARGETS)), expected, rtol=1e-5)


def test_the_command_writes_weights(capsys, tmp_path, adam):
    model_of(OPTIMIZERS['adam'][1]).save_weights(tmp_path / 'fresh.weights.h5')
    new = tmp_path / 'new.weights.h5'
    result = in_process(capsys, 'convert', adam.path, new, f'--like={tmp_path}/fresh.weights.h5')
    assert (result.code, result.err) == (0, '') and '13 matched' in result.out
    model = model_of(OPTIMIZERS['adam'][1])
    model.load_weights(new)
    np.testing.assert_allclose(model.predict(BATCHES[0], verbose=0), adam.predictions, rtol=1e-6, atol=1e-7)


def test_weights_are_a_source_with_their_optimizer(tmp_path, adam):
    """From TF1 into Keras's file and back into a checkpoint for TF1: nothing has changed."""
    new = f'{tmp_path}/new.weights.h5'
    estimator_ckpt.convert(adam.path, new, like=model_of(OPTIMIZERS['adam'][1]))
    back = f'{tmp_path}/back'
    estimator_ckpt.convert(
        new,
        back,
        'tf1',
        keras_optimizer='Adam',
        hyperparameters={'beta_1': 0.9, 'beta_2': 0.999},
        rules=[('adam/iteration', 'global_step')],
        drop='adam/learning_rate',
    )
    report = estimator_ckpt.diff(adam.path, back, rtol=1e-6)
    assert not report.shape and not report.dtype and not report.value, str(report)
    assert not report.only_in_a and not report.only_in_b, str(report)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_weights_become_checkpoints_of_each_style(tmp_path, adam, style):
    new, back = f'{tmp_path}/new.weights.h5', f'{tmp_path}/back'
    estimator_ckpt.convert(adam.path, new, like=model_of())
    estimator_ckpt.convert(new, back, style)
    for name in ('hidden/kernel', 'hidden/bias', 'out/kernel', 'out/bias'):
        key = name if style != 'tf2' else f'vars/{name.replace("/", ".S")}/.ATTRIBUTES/VARIABLE_VALUE'
        np.testing.assert_array_equal(
            tf.train.load_variable(back, key), tf.train.load_variable(adam.path, name)
        )


def test_a_warm_start_takes_weights(tmp_path, adam):
    new = f'{tmp_path}/new.weights.h5'
    estimator_ckpt.convert(adam.path, new, like=model_of())
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4])
        y = dense(tf.nn.relu(dense(x, 5, 'hidden')), 2, 'out')
        tf1.train.get_or_create_global_step()
        scaffold = estimator_ckpt.scaffold('tf1', warm_start=estimator_ckpt.WarmStart(new))
        session.close()
        with tf1.train.MonitoredSession(tf1.train.ChiefSessionCreator(scaffold)) as monitored:
            np.testing.assert_allclose(monitored.run(y, {x: BATCHES[0]}), adam.predictions, rtol=1e-6)


@pytest.mark.parametrize('scope', ['', 'sequential/', 'layers'])
def test_rules_name_variables_as_keras_does_or_as_the_file(tmp_path, adam, scope):
    estimator_ckpt.convert(adam.path, tmp_path / 'old', 'tf1', rules=[('(hidden|out)/(.*)', r'net/\1_x/\2')])
    rules = [(r'net/(hidden|out)_x/(kernel|bias)', rf'{scope}\1/\2')]
    if scope == 'layers':
        names = {'hidden': 'layers/dense', 'out': 'layers/dense_1'}
        rules = {
            f'net/{layer}_x/{name}': f'{group}/vars/{number}'
            for layer, group in names.items()
            for number, name in enumerate(('kernel', 'bias'))
        }
    model, new = model_of(), tmp_path / 'new.weights.h5'
    estimator_ckpt.convert(tmp_path / 'old', new, like=model, rules=rules)
    model.load_weights(new)
    np.testing.assert_allclose(model.predict(BATCHES[0], verbose=0), adam.predictions, rtol=1e-6, atol=1e-7)


class Block(layers.Layer):
    """A layer with a variable of its own, whose layers are created in another order than that of the alphabet."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.second, self.first = layers.Dense(4), layers.Dense(4)
        self.attention = layers.MultiHeadAttention(2, 2)

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), name='scale')
        super().build(shape)

    def call(self, x):
        x = self.first(self.second(x))
        return self.attention(x, x) * self.scale


class Encoder(keras.Model):
    """A model with layers in a list and a dict."""

    def __init__(self):
        super().__init__()
        self.embedding, self.blocks = layers.Embedding(10, 4), [Block(), Block()]
        self.heads = {'logits': layers.Dense(2)}
        self.recurrent = layers.Bidirectional(layers.LSTM(3, return_sequences=True))

    def call(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return self.heads['logits'](self.recurrent(x))


def random_encoder(optimizer, seed):
    """An encoder whose variables and slots are random numbers, no two the same."""
    model, random = Encoder(), np.random.RandomState(seed)
    model.compile(optimizer, 'mse')
    model(np.zeros((2, 3)))
    model.optimizer.build(model.trainable_variables)
    for variable in [*model.variables, *model.optimizer.variables]:
        if variable.shape != () and 'float' in str(variable.dtype):
            variable.assign(random.randn(*variable.shape))
    return model


@pytest.mark.parametrize(
    'optimizer',
    [
        lambda: keras.optimizers.RMSprop(momentum=0.5),
        lambda: keras.optimizers.Adam(amsgrad=True),
        lambda: keras.optimizers.AdamW(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    ],
    ids=['rmsprop', 'amsgrad', 'schedule', 'loss scale'],
)
def test_each_variable_of_a_subclassed_model_comes_to_its_place(tmp_path, optimizer):
    """The model knows which slot is whose, where its file does not tell."""
    source, model = random_encoder(optimizer(), 1), random_encoder(optimizer(), 2)
    source.save_weights(tmp_path / 'source.weights.h5')
    new = tmp_path / 'new.weights.h5'
    report = estimator_ckpt.convert(tmp_path / 'source.weights.h5', new, like=model)
    assert not report.unused
    model.load_weights(new)
    pairs = [(source.variables, model.variables), (source.optimizer.variables, model.optimizer.variables)]
    for expected, actual in (pair for a, b in pairs for pair in zip(a, b, strict=True)):
        if 'seed' not in actual.path:
            np.testing.assert_array_equal(np.array(actual), np.array(expected), err_msg=actual.path)


def test_slots_that_shapes_do_not_tell_apart_are_an_error(tmp_path):
    model = random_encoder(keras.optimizers.Adam(), 1)
    model.save_weights(tmp_path / 'fresh.weights.h5')
    estimator_ckpt.convert(tmp_path / 'fresh.weights.h5', tmp_path / 'bare', 'tf1', drop='optimizer/.*')
    with pytest.raises(
        MappingError, match='do not tell which variables they belong to: pass the model itself'
    ):
        estimator_ckpt.convert(
            tmp_path / 'bare', tmp_path / 'new.weights.h5', like=tmp_path / 'fresh.weights.h5'
        )
    assert not os.path.exists(tmp_path / 'new.weights.h5')


def test_bfloat16_is_taken(tmp_path):
    keras.utils.clear_session()
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name='d', dtype='bfloat16')])
    model.layers[0].kernel.assign(np.arange(6).reshape(3, 2) / 7)
    model.save_weights(tmp_path / 'a.weights.h5')
    estimator_ckpt.convert(tmp_path / 'a.weights.h5', tmp_path / 'b', 'tf1')
    estimator_ckpt.convert(tmp_path / 'b', tmp_path / 'c.weights.h5', like=model)
    assert tf.train.load_variable(str(tmp_path / 'b'), 'd/kernel').dtype == tf.bfloat16.as_numpy_dtype
    expected = np.array(model.layers[0].kernel.value)
    model.layers[0].kernel.assign(np.zeros((3, 2)))
    model.load_weights(tmp_path / 'c.weights.h5')
    np.testing.assert_array_equal(np.array(model.layers[0].kernel.value), expected)


class TestBadInput:
    """Each is one sentence, and nothing is left at the destination."""

    @pytest.fixture
    def refused(self, tmp_path, adam):
        """Fails unless a conversion is refused with an error that matches, and writes nothing."""

        def refuse(error, pattern, destination='new.weights.h5', **options):
            before = sorted(os.listdir(tmp_path))
            with pytest.raises(error, match=pattern) as caught:
                estimator_ckpt.convert(options.pop('source', adam.path), tmp_path / destination, **options)
            assert '\n' not in str(caught.value)
            assert sorted(os.listdir(tmp_path)) == before

        return refuse

    def test_the_file_of_another_model(self, tmp_path, refused):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name='other')])
        model.save_weights(tmp_path / 'other.weights.h5')
        refused(
            MappingError,
            "'other/kernel' is not in it.*'other/bias' is not",
            like=tmp_path / 'other.weights.h5',
        )

    def test_another_shape(self, tmp_path, refused):
        model = keras.Sequential(
            [keras.Input((4,)), layers.Dense(6, name='hidden'), layers.Dense(2, name='out')]
        )
        model.save_weights(tmp_path / 'wide.weights.h5')
        refused(
            MappingError,
            r"'hidden/kernel'.*the source is float32 \[4, 5\]",
            like=tmp_path / 'wide.weights.h5',
        )

    def test_two_tensors_for_one_variable(self, refused):
        refused(
            MappingError,
            "'hidden/bias' could come from",
            like=model_of(),
            rules=[('hidden/bias', 'hidden/bias'), ('hidden/bias/Adam', 'hidden/bias')],
        )

    def test_a_rule_to_nowhere(self, refused):
        refused(
            RuleError,
            "does not have what rules name: 'x/bias'",
            like=model_of(),
            rules=[('hidden/bias', 'x/bias')],
        )

    def test_no_like(self, refused):
        refused(CheckpointError, 'like is missing.*fresh.weights.h5')

    def test_a_checkpoint_as_like(self, adam, refused):
        refused(CheckpointError, 'is not a file of Keras weights', like=adam.path)

    def test_weights_as_like_for_a_model(self, tmp_path, refused):
        model_of().save_weights(tmp_path / 'fresh.weights.h5')
        refused(CheckpointError, 'has no model', 'new.keras', like=tmp_path / 'fresh.weights.h5')

    def test_a_model_that_is_not_built(self, refused):
        refused(
            CheckpointError, 'has no variables yet; build it first', like=keras.Sequential([layers.Dense(2)])
        )

    def test_an_option_without_effect(self, refused):
        refused(CheckpointError, "root='vars' would have no effect", like=model_of(), root='vars')
        refused(CheckpointError, "for_='pytorch' would have no effect", like=model_of(), for_='pytorch')

    def test_a_style(self, refused):
        refused(CheckpointError, "has no style; omit the style 'tf2'", like=model_of(), style='tf2')

    def test_a_checkpoint_without_the_optimizers_state(self, tmp_path, adam, refused):
        estimator_ckpt.convert(adam.path, tmp_path / 'bare', 'tf1', drop=['slots', 'step', 'optimizer'])
        refused(
            MappingError,
            "'adam/iteration' is not in it",
            source=tmp_path / 'bare',
            like=model_of(OPTIMIZERS['adam'][1]),
        )

    def test_a_model_whose_layers_are_in_another_order_than_its_weights(self, tmp_path, refused):
        model_of().save(tmp_path / 'fresh.keras')
        with zipfile.ZipFile(tmp_path / 'fresh.keras') as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members['config.json'])
        config['config']['layers'].reverse()
        with zipfile.ZipFile(tmp_path / 'turned.keras', 'w') as archive:
            for name, data in {**members, 'config.json': json.dumps(config)}.items():
                archive.writestr(name, data)
        refused(CorruptCheckpointError, 'contradicts itself', 'new.keras', like=tmp_path / 'turned.keras')

    def test_a_destination_that_exists(self, tmp_path, adam):
        new = tmp_path / 'new.weights.h5'
        estimator_ckpt.convert(adam.path, new, like=model_of())
        before = new.read_bytes()
        with pytest.raises(CheckpointError, match='exists already'):
            estimator_ckpt.convert(adam.path, new, like=model_of())
        assert new.read_bytes() == before

    def test_damage_while_it_is_written(self, tmp_path, adam):
        estimator_ckpt.convert(adam.path, tmp_path / 'copy', 'tf1', data='copy')
        [data] = tmp_path.glob('copy.data*')
        content = bytearray(data.read_bytes())
        content[-1] ^= 1
        data.write_bytes(content)
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(CorruptCheckpointError, match='checksum'):
            estimator_ckpt.convert(
                tmp_path / 'copy', tmp_path / 'new.weights.h5', like=model_of(OPTIMIZERS['adam'][1])
            )
        assert sorted(os.listdir(tmp_path)) == before
