"""Tests the rules of recurrent cells of early releases, and those of cells with another forget bias."""

import os
import pathlib

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
    LSTM_SHAPES,
    lstm,
    model_of,
    output_of,
    random_values,
    reset_before,
    save_cell,
)

keras = tf.keras
layers = keras.layers
WILD = os.environ.get('ESTIMATOR_CKPT_WILD')


GATES, CANDIDATE = ('gates/kernel', 'gates/bias'), ('candidate/kernel', 'candidate/bias')
LINEAR = {'kernel': 'Linear/Matrix', 'bias': 'Linear/Bias'}
GRU_NAMES = {
    name: f'{name.title().partition("/")[0]}/{LINEAR[name.partition("/")[2]]}' for name in GATES + CANDIDATE
}


class TestEarlyNames:
    """The names of cells to TensorFlow 0.12, which `checkpoint_convert.py` of contrib/rnn lists."""

    LSTMS = [
        ('RNN/MultiRNNCell/Cell0/BasicLSTMCell', LINEAR),
        ('rnn_model/RNN/LSTMCell', {'kernel': 'W_0', 'bias': 'B'}),
        ('RNN/LSTMBlockCell', {'kernel': 'W', 'bias': 'b'}),
        ('rnn/basic_lstm_cell', {'kernel': 'weights', 'bias': 'biases'}),
    ]
    GRUS = [
        ('RNN/GRUCell', GRU_NAMES),
        ('rnn/gru_cell', dict(zip(GATES + CANDIDATE, ('w_ru', 'b_ru', 'w_c', 'b_c'), strict=True))),
    ]

    @pytest.mark.parametrize(('scope', 'names'), LSTMS)
    def test_an_lstm_becomes_one_of_keras(self, tmp_path, scope, names):
        values, model = random_values(LSTM_SHAPES), model_of(layers.LSTM)
        path = save_cell(tmp_path / 'a', scope, {names[name]: value for name, value in values.items()})
        np.testing.assert_allclose(output_of(model, path), lstm(values, 1), atol=1e-6)

    @pytest.mark.parametrize(('scope', 'names'), LSTMS)
    def test_the_rules_of_an_lstm_are_proposed(self, tmp_path, scope, names):
        values, model = random_values(LSTM_SHAPES), model_of(layers.LSTM)
        path = save_cell(tmp_path / 'a', scope, {names[name]: value for name, value in values.items()})
        suggestion = estimator_ckpt.suggest_rules(path, tf.train.Checkpoint(model=model))
        assert not suggestion.missing and not suggestion.ambiguous and not suggestion.unused

    @pytest.mark.parametrize(('scope', 'names'), GRUS)
    def test_a_gru_becomes_one_of_keras(self, tmp_path, scope, names):
        values = random_values(GRU_SHAPES)
        new, old = save_cell(tmp_path / 'new', 'rnn/gru_cell', values), tmp_path / 'old'
        save_cell(old, scope, {names[name]: value for name, value in values.items()})
        outputs = []
        for path in (new, str(old)):
            model = model_of(reset_before)
            warm_start = estimator_ckpt.WarmStart(path, rules='rnn')
            estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=model))
            outputs.append(model(INPUT).numpy())
        np.testing.assert_array_equal(*outputs)

    @pytest.mark.parametrize('scope', ['BiRNN_{}', 'BiRNN/{}', 'lstm_{}'])
    def test_directions(self, tmp_path, scope):
        values = {
            f'{scope.format(direction)}/BasicLSTMCell/{LINEAR[name]}': value + offset
            for name, value in random_values(LSTM_SHAPES).items()
            for direction, offset in (('BW', 0.5), ('FW', 0))
        }
        save(tmp_path / 'a', values)
        model = model_of(layers.LSTM, bidirectional=True)
        warm_start = estimator_ckpt.WarmStart(str(tmp_path / 'a'), rules='rnn')
        estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=model))
        kernel = values[f'{scope.format("FW")}/BasicLSTMCell/Linear/Matrix'][:INPUTS]
        i, j, f, o = np.split(kernel, 4, 1)
        np.testing.assert_array_equal(model.trainable_variables[0], np.concatenate([i, f, j, o], 1))

    @pytest.mark.parametrize(
        ('scope', 'names', 'new', 'shapes'),
        [(*LSTMS[0], 'rnn/lstm_cell', LSTM_SHAPES), (*GRUS[0], 'rnn/gru_cell', GRU_SHAPES)],
    )
    def test_the_names_of_today(self, tmp_path, scope, names, new, shapes):
        """A program of a later TF1 has the same cells under other names."""
        values = random_values(shapes)
        save_cell(tmp_path / 'old', scope, {names[name]: value for name, value in values.items()})
        like = save_cell(
            tmp_path / 'like', new, {name: np.zeros_like(value) for name, value in values.items()}
        )
        estimator_ckpt.convert(tmp_path / 'old', tmp_path / 'x', 'tf1', rules='rnn', like=like)
        converted = estimator_ckpt.load(tmp_path / 'x')
        for name, value in values.items():
            np.testing.assert_array_equal(converted[f'{new}/{name}'], value)

    @pytest.mark.skipif(not WILD, reason='ESTIMATOR_CKPT_WILD is not set')
    def test_a_cell_that_a_stranger_trained(self):
        path = pathlib.Path(WILD).parent / 'wild_v1' / 'magenta-magenta' / 'model.ckpt-1994'
        model = keras.Sequential([keras.Input((None, 38)), layers.LSTM(100, return_sequences=True)])
        estimator_ckpt.warm_start(
            estimator_ckpt.WarmStart(path, rules='rnn'), tf.train.Checkpoint(model=model)
        )
        scope = 'rnn_model/RNN/MultiRNNCell/Cell0/LSTMCell'
        saved = estimator_ckpt.load(path)
        values = {'kernel': saved[f'{scope}/W_0'], 'bias': saved[f'{scope}/B']}
        notes = np.eye(38, dtype=np.float32)[[[3, 1, 4, 1, 5]]]
        np.testing.assert_allclose(model(notes), lstm(values, 1, notes), atol=1e-6)


class TestForgetBias:
    """PTB's tutorial and others make their cells with `forget_bias=0.0`, which no checkpoint says."""

    @pytest.mark.parametrize('forget_bias', [0, 0.5, -1])
    def test_the_option(self, tmp_path, forget_bias):
        values, model = random_values(LSTM_SHAPES), model_of(layers.LSTM)
        path = save_cell(tmp_path / 'a', 'RNN/BasicLSTMCell', {LINEAR[n]: v for n, v in values.items()})
        rules = f'rnn forget_bias={forget_bias}'
        np.testing.assert_allclose(output_of(model, path, rules), lstm(values, forget_bias), atol=1e-6)

    def test_back_to_tf1(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/lstm_cell', random_values(LSTM_SHAPES))
        rules = ['rnn forget_bias=0']
        estimator_ckpt.convert(path, tmp_path / 'keras', 'tf1', rules=rules)
        estimator_ckpt.convert(tmp_path / 'keras', tmp_path / 'x', 'tf1', rules=rules, like=path)
        assert not estimator_ckpt.diff(path, tmp_path / 'x').value

    def test_an_option_without_effect(self, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/gru_cell', random_values(GRU_SHAPES))
        with pytest.raises(RuleError, match='has no effect'):
            estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', rules='rnn forget_bias=0')

    @pytest.mark.parametrize('option', ['forget_bias', 'forget_bias=', 'forget_bias=one', 'units=3'])
    def test_an_unknown_option(self, option):
        with pytest.raises(RuleError, match='the only option of'):
            estimator_ckpt.WarmStart('model.ckpt', rules=f'rnn {option}')

    def test_the_flag(self, capsys, tmp_path):
        path = save_cell(tmp_path / 'a', 'rnn/lstm_cell', random_values(LSTM_SHAPES))
        result = in_process(
            capsys, 'convert', path, tmp_path / 'x', '--style=tf1', '--rules=rnn forget_bias=0'
        )
        assert (result.code, result.err) == (0, '')
        result = in_process(capsys, 'convert', path, tmp_path / 'y', '--style=tf1', '--rules=rnn bias=0')
        assert result.code != 0 and 'the only option of' in result.err
