"""Tests the rules between the recurrent cells of PyTorch and those of TF1 and Keras.

PyTorch is not among the packages of the tests: its cells are computed in NumPy by the formulas of its documentation
(https://pytorch.org/docs/stable/nn.html#recurrent-layers).
"""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.mapping.rules import RuleError
from tests.bundle.helpers import save
from tests.mapping.cells import (
    GRU_SHAPES,
    INPUT,
    INPUTS,
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

safetensors = pytest.importorskip('safetensors.numpy')
layers = tf.keras.layers
GATES = {'lstm': 4, 'gru': 3, 'rnn': 1}
MAKERS = {'lstm': layers.LSTM, 'gru': layers.GRU, 'rnn': layers.SimpleRNN}


def shapes(family, layer='l0', inputs=INPUTS):
    rows = GATES[family] * UNITS
    return {
        f'{family}.weight_ih_{layer}': (rows, inputs),
        f'{family}.weight_hh_{layer}': (rows, UNITS),
        f'{family}.bias_ih_{layer}': (rows,),
        f'{family}.bias_hh_{layer}': (rows,),
    }


def save_state(path, values):
    safetensors.save_file(values, path, metadata={'format': 'pt'})
    return str(path)


def computed(values, family, inputs=INPUT, layer='l0'):
    """What `torch.nn.LSTM`, `GRU` and `RNN` compute with `batch_first=True`."""
    w_i, w_h, b_i, b_h = (
        values[f'{family}.{name}_{layer}'] for name in ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')
    )
    h, c, outputs = *np.zeros((2, len(inputs), UNITS), np.float32), []
    for x in inputs.transpose(1, 0, 2):
        of_input, of_state = x @ w_i.T + b_i, h @ w_h.T + b_h
        if family == 'lstm':
            i, f, g, o = np.split(of_input + of_state, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        elif family == 'gru':
            (r, z, n), (of_r, of_z, of_n) = np.split(of_input, 3, 1), np.split(of_state, 3, 1)
            r, z = sigmoid(r + of_r), sigmoid(z + of_z)
            h = (1 - z) * np.tanh(n + r * of_n) + z * h
        else:
            h = np.tanh(of_input + of_state)
        outputs.append(h)
    return np.stack(outputs, 1)


def save_model(path, model):
    tf.train.Checkpoint(model=model).write(str(path))
    return str(path)


def randomize(model):
    random = np.random.RandomState(3)
    for variable in model.variables:
        variable.assign(random.randn(*variable.shape))


@pytest.mark.parametrize('family', GATES)
class TestKeras:
    def test_a_state_becomes_a_layer(self, tmp_path, family):
        values, model = random_values(shapes(family)), model_of(MAKERS[family])
        path = save_state(tmp_path / 'a.safetensors', values)
        np.testing.assert_allclose(output_of(model, path), computed(values, family), atol=1e-6)

    def test_a_layer_becomes_a_state(self, tmp_path, family):
        model = model_of(MAKERS[family])
        randomize(model)
        path, state = save_model(tmp_path / 'a', model), tmp_path / 'a.safetensors'
        estimator_ckpt.convert(path, state, for_='pytorch', rules='rnn')
        values = {
            f'{family}.{name.rpartition(".")[2]}': value
            for name, value in safetensors.load_file(state).items()
        }
        assert values.keys() == shapes(family).keys()
        np.testing.assert_allclose(model(INPUT), computed(values, family), atol=1e-6)

    def test_the_rules_are_proposed_both_ways(self, tmp_path, family):
        values, model = random_values(shapes(family)), model_of(MAKERS[family])
        path = save_state(tmp_path / 'a.safetensors', values)
        suggestion = estimator_ckpt.suggest_rules(path, tf.train.Checkpoint(model=model))
        assert not suggestion.missing and not suggestion.ambiguous and not suggestion.unused
        suggestion = estimator_ckpt.suggest_rules(save_model(tmp_path / 'b', model), path)
        assert not suggestion.missing and not suggestion.ambiguous


class TestTF1:
    def test_an_lstm_becomes_a_state(self, tmp_path):
        values = random_values(LSTM_SHAPES)
        path, state = save_cell(tmp_path / 'a', 'rnn/lstm_cell', values), tmp_path / 'a.safetensors'
        estimator_ckpt.convert(path, state, for_='pytorch', rules='rnn')
        new = {name.replace('rnn.lstm_cell.', 'lstm.'): v for name, v in safetensors.load_file(state).items()}
        np.testing.assert_allclose(computed(new, 'lstm'), lstm(values, 1), atol=1e-6)

    @pytest.mark.parametrize('forget_bias', [1, 0])
    def test_a_state_becomes_an_lstm(self, tmp_path, forget_bias):
        values, like = random_values(shapes('lstm')), random_values(LSTM_SHAPES)
        path = save_state(tmp_path / 'a.safetensors', values)
        like = save_cell(tmp_path / 'like', 'rnn/lstm_cell', like)
        rules = f'rnn forget_bias={forget_bias}'
        estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', rules=rules, like=like)
        cell = {name.rpartition('/')[2]: v for name, v in estimator_ckpt.load(tmp_path / 'x').items()}
        np.testing.assert_allclose(lstm(cell, forget_bias), computed(values, 'lstm'), atol=1e-6)

    def test_the_rules_of_two_directions_are_proposed(self, tmp_path):
        both = {
            f'birnn/{way}/lstm_cell/{name}': shape
            for way in ('fw', 'bw')
            for name, shape in LSTM_SHAPES.items()
        }
        values = random_values(both)
        save(tmp_path / 'a', values)
        state = save_state(
            tmp_path / 'b.safetensors', random_values({**shapes('lstm'), **shapes('lstm', 'l0_reverse')})
        )
        suggestion = estimator_ckpt.suggest_rules(str(tmp_path / 'a'), state)
        assert not suggestion.missing and not suggestion.ambiguous
        report = estimator_ckpt.plan(str(tmp_path / 'a'), state, suggestion.as_rules())
        assert {row.target: row.source for row in report.matched}['lstm.weight_hh_l0_reverse'] == (
            'birnn/bw/lstm_cell/kernel'
        )

    def test_a_gru_that_computes_something_else(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/gru_cell', random_values(GRU_SHAPES))
        state = save_state(tmp_path / 'b.safetensors', random_values(shapes('gru')))
        with pytest.raises(RuleError, match='PyTorch is one with reset_after=True'):
            estimator_ckpt.plan(path, state, 'rnn')
        with pytest.raises(RuleError, match='reset_after'):
            estimator_ckpt.convert(path, tmp_path / 'x.safetensors', for_='pytorch', rules='rnn')

    def test_a_gru_of_keras_that_computes_something_else(self, tmp_path):
        path = save_model(tmp_path / 'a', model_of(reset_before))
        with pytest.raises(RuleError, match='reset_after'):
            estimator_ckpt.convert(path, tmp_path / 'x.safetensors', for_='pytorch', rules='rnn')


def test_layers_and_directions(tmp_path):
    """A bidirectional LSTM of two layers, as Keras stacks them."""
    depth = [
        shapes('lstm', f'l{n}{end}', inputs)
        for n, inputs in enumerate((INPUTS, 2 * UNITS))
        for end in ('', '_reverse')
    ]
    values = random_values({name: shape for of_layer in depth for name, shape in of_layer.items()})
    path = save_state(tmp_path / 'a.safetensors', values)
    model = tf.keras.Sequential(
        [tf.keras.Input((None, INPUTS))]
        + [layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True)) for _ in range(2)]
    )
    estimator_ckpt.warm_start(estimator_ckpt.WarmStart(path, rules='rnn'), tf.train.Checkpoint(model=model))
    expected = INPUT
    for n in range(2):
        backward = computed(values, 'lstm', expected[:, ::-1], f'l{n}_reverse')[:, ::-1]
        expected = np.concatenate([computed(values, 'lstm', expected, f'l{n}'), backward], -1)
    np.testing.assert_allclose(model(INPUT), expected, atol=1e-6)


def test_projections_are_no_cells(tmp_path):
    values = random_values({**shapes('lstm'), 'lstm.weight_hr_l0': (2, UNITS)})
    path = save_state(tmp_path / 'a.safetensors', values)
    with pytest.raises(RuleError, match='has no recurrent cells'):
        estimator_ckpt.plan(path, tf.train.Checkpoint(model=model_of(layers.LSTM)), 'rnn')


@pytest.mark.parametrize('family', GATES)
def test_a_state_and_back_without_a_target(tmp_path, family):
    values = random_values({f'encoder.{name}': shape for name, shape in shapes(family).items()})
    path, new = save_state(tmp_path / 'a.safetensors', values), tmp_path / 'new.safetensors'
    estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', rules='rnn')
    names = {entry.key.rpartition('/')[0] for entry in estimator_ckpt.list_entries(tmp_path / 'x')}
    assert names == {f'encoder/{family}/l0/{"simple_" if family == "rnn" else ""}{family}_cell'}
    estimator_ckpt.convert(tmp_path / 'x', new, for_='pytorch', rules='rnn')
    state = {name.rpartition('.')[2]: value for name, value in safetensors.load_file(new).items()}
    for name, value in values.items():
        if 'weight' in name:
            np.testing.assert_array_equal(state[name.rpartition('.')[2]], value)
    biases = [sum(value for name, value in of_side.items() if 'bias' in name) for of_side in (state, values)]
    np.testing.assert_allclose(*biases, atol=1e-6)
