"""Tests the rules of recurrent cells: the outputs are equal, and so are the losses of training on with Adam's state."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.mapping.rules import RuleError
from tests.bundle.helpers import save
from tests.cli.helpers import in_process
from tests.mapping.cells import (
    GRU_SHAPES,
    INPUT,
    INPUTS,
    LENGTH,
    LSTM_SHAPES,
    UNITS,
    lstm,
    model_of,
    output_of,
    random_values,
    reset_before,
    save_cell,
    sigmoid,
)

tf1, keras = tf.compat.v1, tf.keras
layers = keras.layers
STEPS = 3
pytestmark = pytest.mark.filterwarnings('ignore:`tf.nn')
IS_KERAS_3 = hasattr(keras, 'ops')
needs_cells = pytest.mark.skipif(IS_KERAS_3, reason='TensorFlow has the cells of TF1 only with Keras 2')

CELLS = {
    'BasicLSTMCell': layers.LSTM,
    'LSTMCell': layers.LSTM,
    'GRUCell': reset_before,
    'BasicRNNCell': layers.SimpleRNN,
}


class Trained:
    """A checkpoint of a network of cells, its output, and the losses of training on."""

    def __init__(self, path, make, depth, bidirectional):
        self.path = str(path)
        with tf.Graph().as_default(), tf1.Session() as session:
            x = tf1.placeholder(tf.float32, INPUT.shape)
            if bidirectional:
                outputs, _ = tf1.nn.bidirectional_dynamic_rnn(make(), make(), x, dtype=tf.float32)
                y = tf.concat(outputs, -1)
            else:
                cell = make() if depth == 1 else tf1.nn.rnn_cell.MultiRNNCell([make() for _ in range(depth)])
                y, _ = tf1.nn.dynamic_rnn(cell, x, dtype=tf.float32)
            loss = tf.reduce_mean((y - 0.5) ** 2)
            train = tf1.train.AdamOptimizer(0.01).minimize(loss, tf1.train.get_or_create_global_step())
            session.run(tf1.global_variables_initializer())
            random = np.random.RandomState(1)
            for variable in tf1.trainable_variables():
                session.run(variable.assign_add(random.randn(*variable.shape) * 0.3))
            for _ in range(STEPS):
                session.run(train, {x: INPUT})
            tf1.train.Saver().save(session, self.path)
            self.output = session.run(y, {x: INPUT})
            self.losses = [session.run([loss, train], {x: INPUT})[0] for _ in range(STEPS)]


@pytest.fixture(
    params=[(name, *shape) for name in CELLS for shape in ((1, False), (2, False), (1, True))],
    ids=lambda p: f'{p[0]}-{"bidirectional" if p[2] else p[1]}',
)
def trained(request, tmp_path):
    """The network of each kind of cells, and the same model of Keras."""
    if IS_KERAS_3:
        pytest.skip('TensorFlow has the cells of TF1 only with Keras 2')
    name, depth, bidirectional = request.param
    cell = getattr(tf1.nn.rnn_cell, name)
    source = Trained(tmp_path / 'model.ckpt', lambda: cell(UNITS), depth, bidirectional)
    return source, model_of(CELLS[name], depth, bidirectional)


def test_keras_computes_the_same_and_goes_on_training(trained):
    source, model = trained
    optimizer = keras.optimizers.legacy.Adam(0.01, epsilon=1e-8)
    estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(source.path, rules='rnn', slots=True, step='keep'),
        tf.train.Checkpoint(model=model, optimizer=optimizer),
    )
    np.testing.assert_allclose(model(INPUT), source.output, atol=1e-6)
    for expected in source.losses:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(INPUT) - 0.5) ** 2)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


def test_back_in_tf1_nothing_has_changed(trained, tmp_path):
    """Into Keras's layout and back, by names alone: moved values are the same, and 1 was added and subtracted."""
    source, model = trained
    estimator_ckpt.convert(source.path, tmp_path / 'names', 'tf1', rules='rnn')
    estimator_ckpt.convert(tmp_path / 'names', tmp_path / 'back', 'tf1', rules='rnn', like=source.path)
    report = estimator_ckpt.diff(source.path, tmp_path / 'back', atol=1e-6)
    assert not report, str(report)
    layout = tf.train.Checkpoint(model=model)
    estimator_ckpt.convert(source.path, tmp_path / 'objects', 'tf2', rules='rnn', like=layout, drop='slots')
    tf.train.Checkpoint(model=model).restore(str(tmp_path / 'objects')).expect_partial()
    np.testing.assert_allclose(model(INPUT), source.output, atol=1e-6)
    assert not estimator_ckpt.diff(source.path, tmp_path / 'objects', rules='rnn').value


def test_the_rules_are_proposed(trained, tmp_path):
    source, model = trained
    suggestion = estimator_ckpt.suggest_rules(source.path, tf.train.Checkpoint(model=model))
    assert not suggestion.missing and not suggestion.ambiguous
    (tmp_path / 'rules.txt').write_text(str(suggestion))
    warm_start = estimator_ckpt.WarmStart(source.path, rules=str(tmp_path / 'rules.txt'))
    estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=model))
    np.testing.assert_allclose(model(INPUT), source.output, atol=1e-6)


def test_a_gru_of_any_name_is_proposed(tmp_path):
    path = save_cell(tmp_path / 'a', 'bidirectional/memory', random_values(GRU_SHAPES))
    model = model_of(reset_before)
    suggestion = estimator_ckpt.suggest_rules(path, tf.train.Checkpoint(model=model))
    assert not suggestion.missing and not suggestion.ambiguous and not suggestion.unused


@pytest.mark.parametrize('cell', ['encoder_LSTM', 'bidirectional_rnn/rnn_1'])
def test_cells_are_proposed_whatever_they_and_others_are_called(tmp_path, cell):
    """A cell can have any name, and one that has no counterpart is no reason to propose nothing of the others."""
    values = {f'{cell}/{name}': value for name, value in random_values(LSTM_SHAPES).items()}
    other = {'kernel': (9 + UNITS, 4 * UNITS), 'bias': (4 * UNITS,)}
    values |= {f'rnn/lstm_cell/{name}': value for name, value in random_values(other).items()}
    save(tmp_path / 'a', values)
    model = model_of(layers.LSTM)
    suggestion = estimator_ckpt.suggest_rules(str(tmp_path / 'a'), tf.train.Checkpoint(model=model))
    assert not suggestion.missing and not suggestion.ambiguous
    rules = suggestion.as_rules()
    estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(str(tmp_path / 'a'), rules=rules), tf.train.Checkpoint(model=model)
    )
    of_cell = {name: values[f'{cell}/{name}'] for name in ('kernel', 'bias')}
    np.testing.assert_allclose(model(INPUT), lstm(of_cell, 1), atol=1e-6)


@needs_cells
@pytest.mark.parametrize('rules', ['rnn', 'suggested'])
@pytest.mark.parametrize('loop', [True, False], ids=['while', 'functions'])
@pytest.mark.parametrize(('name', 'biases'), [('BasicLSTMCell', (0.0, 0.0)), ('LSTMCell', (0.5, 2.0))])
def test_the_graph_says_the_forget_bias(tmp_path, name, biases, loop, rules):
    (tf1.disable_control_flow_v2 if loop else tf1.enable_control_flow_v2)()
    try:
        given = iter(biases)
        cell = getattr(tf1.nn.rnn_cell, name)
        source = Trained(tmp_path / 'a', lambda: cell(UNITS, forget_bias=next(given)), 2, False)
    finally:
        tf1.enable_control_flow_v2()
    assert next(given, None) is None
    model = model_of(layers.LSTM, depth=2)
    if rules == 'suggested':
        rules = estimator_ckpt.suggest_rules(source.path, tf.train.Checkpoint(model=model)).as_rules()
    np.testing.assert_allclose(output_of(model, source.path, rules), source.output, atol=1e-6)


@needs_cells
def test_the_graph_says_the_forget_bias_of_each_direction(tmp_path):
    given = iter((0.0, 2.0))
    cell = tf1.nn.rnn_cell.BasicLSTMCell
    source = Trained(tmp_path / 'a', lambda: cell(UNITS, forget_bias=next(given)), 1, True)
    model = model_of(layers.LSTM, bidirectional=True)
    np.testing.assert_allclose(output_of(model, source.path), source.output, atol=1e-6)


@needs_cells
def test_several_forget_biases_that_the_names_do_not_tell_apart(tmp_path):
    given = iter((0.0, 2.0))
    make = tf1.nn.rnn_cell.BasicLSTMCell
    source = Trained(tmp_path / 'a', lambda: make(UNITS, forget_bias=next(given)), 1, True)
    values = estimator_ckpt.load(source.path)
    of_another = {'recurrent/cell/lstm_cell/kernel': 'kernel', 'recurrent/cell/lstm_cell/bias': 'bias'}
    scope = 'bidirectional_rnn/fw/basic_lstm_cell'
    save(tmp_path / 'b', {name: values[f'{scope}/{own}'][...] for name, own in of_another.items()})
    (tmp_path / 'a.meta').rename(tmp_path / 'b.meta')
    target = tf.train.Checkpoint(model=model_of(layers.LSTM))
    with pytest.raises(RuleError, match='the graph has the forget biases 0, 2; say which'):
        estimator_ckpt.plan(str(tmp_path / 'b'), target, 'rnn')
    assert len(estimator_ckpt.plan(str(tmp_path / 'b'), target, 'rnn forget_bias=2').matched) == 3
    suggestion = estimator_ckpt.suggest_rules(str(tmp_path / 'b'), target)
    assert len(suggestion.missing) + len(suggestion.ambiguous) == 3


@needs_cells
def test_other_rules_stand_beside_the_word(tmp_path):
    make = tf1.nn.rnn_cell.BasicLSTMCell
    source = Trained(tmp_path / 'model.ckpt', lambda: make(UNITS), 1, False)
    rules = [('global_step', 'steps'), 'rnn']
    estimator_ckpt.convert(
        source.path, tmp_path / 'x', 'tf1', rules=rules, keep=['rnn/.*', 'global_step'], drop='slots'
    )
    names = {entry.key for entry in estimator_ckpt.list_entries(tmp_path / 'x')}
    assert names == {'steps', *(f'rnn/lstm_cell/{name}' for name in ('kernel', 'recurrent_kernel', 'bias'))}


@needs_cells
def test_the_command_takes_the_word(capsys, tmp_path):
    source = Trained(tmp_path / 'model.ckpt', lambda: tf1.nn.rnn_cell.GRUCell(UNITS), 1, False)
    result = in_process(
        capsys,
        'convert',
        source.path,
        tmp_path / 'x',
        '--style=tf1',
        '--rules=rnn',
        '--drop=slots,optimizer,step',
    )
    assert (result.code, result.err) == (0, '')
    result = in_process(capsys, 'plan', source.path, tmp_path / 'x', '--rules=rnn')
    assert result.code == 0, result


def cudnn_gru(values):
    """What CudnnCompatibleGRUCell computes, in NumPy (`tensorflow/contrib/cudnn_rnn/python/ops/cudnn_rnn_ops.py`)."""
    state, outputs = np.zeros((2, UNITS), np.float32), []
    for x in INPUT.transpose(1, 0, 2):
        gates = sigmoid(np.concatenate([x, state], 1) @ values['gates/kernel'] + values['gates/bias'])
        reset, update = np.split(gates, 2, 1)
        candidate, hidden = (
            part @ values[f'candidate/{name}_projection/kernel'] + values[f'candidate/{name}_projection/bias']
            for part, name in ((x, 'input'), (state, 'hidden'))
        )
        state = (1 - update) * np.tanh(candidate + reset * hidden) + update * state
        outputs.append(state)
    return np.stack(outputs, 1)


GRU_OF_CUDNN = {
    'gates/kernel': (INPUTS + UNITS, 2 * UNITS),
    'gates/bias': (2 * UNITS,),
    'candidate/input_projection/kernel': (INPUTS, UNITS),
    'candidate/input_projection/bias': (UNITS,),
    'candidate/hidden_projection/kernel': (UNITS, UNITS),
    'candidate/hidden_projection/bias': (UNITS,),
}


def test_the_gru_of_cudnn_is_that_of_keras_with_two_biases(tmp_path):
    values = random_values(GRU_OF_CUDNN)
    scope = 'cudnn_gru/rnn/multi_rnn_cell/cell_0/cudnn_compatible_gru_cell'
    path = save_cell(tmp_path / 'a', scope, values)
    model = model_of(lambda units, **options: layers.GRU(units, reset_after=True, **options))
    np.testing.assert_allclose(output_of(model, path), cudnn_gru(values), atol=1e-6)


@pytest.mark.parametrize(
    ('scope', 'forget_bias'),
    [('rnn/basic_lstm_cell', 1), ('stack/lstm_cell_1', 1), ('a/cudnn_compatible_lstm_cell', 0)],
)
def test_the_forget_bias_is_that_of_the_cell(tmp_path, scope, forget_bias):
    values = random_values(LSTM_SHAPES)
    path, model = save_cell(tmp_path / 'a', scope, values), model_of(layers.LSTM)
    np.testing.assert_allclose(output_of(model, path), lstm(values, forget_bias), atol=1e-6)


@pytest.mark.skipif(not IS_KERAS_3, reason='this is of Keras 3')
def test_a_cell_becomes_weights_of_keras_3(tmp_path):
    values = random_values(LSTM_SHAPES)
    path, model = save_cell(tmp_path / 'a', 'rnn/lstm_cell', values), model_of(layers.LSTM)
    new = tmp_path / 'new.weights.h5'
    estimator_ckpt.convert(path, new, like=model, rules='rnn')
    model.load_weights(new)
    np.testing.assert_allclose(model(INPUT), lstm(values, 1), atol=1e-6)


class TestRefused:
    def test_a_checkpoint_without_cells(self, tmp_path):
        save(tmp_path / 'a', {'dense/kernel': np.ones((3, 16)), 'dense/bias': np.ones(16)})
        with pytest.raises(RuleError, match='has no recurrent cells'):
            estimator_ckpt.convert(tmp_path / 'a', tmp_path / 'x', 'tf1', rules='rnn')

    def test_peepholes_and_projections(self, tmp_path):
        for further in ('w_f_diag', 'projection/kernel'):
            values = random_values(LSTM_SHAPES) | {further: np.ones((UNITS, UNITS), np.float32)}
            path = save_cell(tmp_path / 'a', 'rnn/lstm_cell', values)
            with pytest.raises(RuleError, match='has no recurrent cells'):
                estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', rules='rnn')

    def test_a_gru_that_computes_something_else(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/gru_cell', random_values(GRU_SHAPES))
        model = model_of(lambda units, **options: layers.GRU(units, reset_after=True, **options))
        with pytest.raises(RuleError, match='must have reset_after=False'):
            estimator_ckpt.plan(path, tf.train.Checkpoint(model=model), 'rnn')

    def test_another_number_of_cells(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/lstm_cell', random_values(LSTM_SHAPES))
        model = keras.Sequential(
            [keras.Input((LENGTH, INPUTS)), layers.LSTM(UNITS, return_sequences=True), layers.Dense(INPUTS)]
            + [layers.LSTM(UNITS)]
        )
        with pytest.raises(RuleError, match=r'1 cells of 3 inputs and 4 units \(LSTM\), and 2 in the target'):
            estimator_ckpt.plan(path, tf.train.Checkpoint(model=model), 'rnn')

    def test_a_layer_without_a_bias(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/lstm_cell', random_values(LSTM_SHAPES))
        model = model_of(lambda units, **options: layers.LSTM(units, use_bias=False, **options))
        with pytest.raises(RuleError, match='has no bias'):
            estimator_ckpt.plan(path, tf.train.Checkpoint(model=model), 'rnn')
