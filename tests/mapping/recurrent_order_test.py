"""Tests which of several recurrent cells of the same sizes goes to which, and where that is not clear."""

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.mapping.rules import RuleError
from tests.bundle.helpers import save
from tests.mapping.cells import INPUTS, LENGTH, LSTM_SHAPES, UNITS, random_values

layers = tf.keras.layers
HALVES = [f'{half}/multi_rnn_cell/cell_{n}' for half in ('decoder', 'encoder') for n in range(2)]
TWO_LAYERS = ['rnn/multi_rnn_cell/cell_0', 'rnn/multi_rnn_cell/cell_1']


class Attributes(tf.keras.Model):
    """A subclassed model whose layers have names without words of their own."""

    def __init__(self, names):
        super().__init__()
        for name in names:
            setattr(self, name, layers.LSTM(UNITS, return_sequences=True))

    def call(self, x):
        for layer in self.layers:
            layer(x)
        return x


def functional(names):
    x = tf.keras.Input((LENGTH, INPUTS))
    return tf.keras.Model(x, [layers.LSTM(UNITS, name=name)(x) for name in names])


def subclassed(names):
    model = Attributes(names)
    model(tf.zeros((1, LENGTH, INPUTS)))
    return model


def planned(tmp_path, scopes, model, rules='rnn'):
    """The scope of the source of each recurrent kernel of a model, in the order of its layers."""
    save(
        tmp_path / 'a',
        {
            f'{scope}/lstm_cell/{name}': v
            for scope in scopes
            for name, v in random_values(LSTM_SHAPES).items()
        },
    )
    target = tf.train.Checkpoint(model=model)
    if rules is None:
        rules = estimator_ckpt.suggest_rules(str(tmp_path / 'a'), target).as_rules()
    report = estimator_ckpt.plan(str(tmp_path / 'a'), target, rules)
    sources = {row.target: row.source for row in report.matched}
    kernels = [v.path if hasattr(v, 'path') else v.name.partition(':')[0] for v in model.variables]
    return [sources[name].removesuffix('/lstm_cell/kernel') for name in kernels if 'recurrent' in name]


@pytest.mark.parametrize('rules', ['rnn', None], ids=['rnn', 'suggested'])
@pytest.mark.parametrize(
    ('scopes', 'model', 'names', 'expected'),
    [
        (['decoder', 'encoder'], functional, ['encoder', 'decoder'], ['encoder', 'decoder']),
        (['decoder/rnn', 'encoder/rnn'], functional, ['enc', 'dec'], ['encoder/rnn', 'decoder/rnn']),
        (['decoder', 'encoder'], functional, ['lstm', 'decoder_lstm'], ['encoder', 'decoder']),
        (['decoder', 'encoder'], subclassed, ['encoder', 'decoder'], ['encoder', 'decoder']),
        (TWO_LAYERS, functional, ['lstm_9', 'lstm_10'], TWO_LAYERS),
        (['rnn', 'rnn_1'], functional, ['lstm', 'lstm_1'], ['rnn', 'rnn_1']),
        (['seq/decoder', 'seq/encoder'], functional, ['lstm', 'lstm_1'], ['seq/encoder', 'seq/decoder']),
        (HALVES, functional, ['lstm_7', 'lstm_8', 'lstm_9', 'lstm_10'], [*HALVES[2:], *HALVES[:2]]),
    ],
    ids=[
        *('words', 'abbreviations', 'the last one', 'attributes', 'numbers', 'no number first'),
        *('numbers of an encoder and a decoder', 'numbers of stacks'),
    ],
)
def test_names_tell_cells_apart(tmp_path, scopes, model, names, expected, rules):
    assert planned(tmp_path, scopes, model(names), rules) == expected


@pytest.mark.parametrize(
    ('scopes', 'model', 'names'),
    [
        (['second', 'first'], functional, ['lstm', 'lstm_1']),
        (['question', 'answer'], functional, ['left', 'right']),
        (TWO_LAYERS, subclassed, ['encoder', 'decoder']),
        (['encoder', 'encoder_1', 'decoder'], functional, ['encoder', 'decoder', 'decoder_1']),
    ],
    ids=['numbers for words', 'other words', 'words for numbers', 'other counts'],
)
def test_where_nothing_tells_nothing_is_guessed(tmp_path, scopes, model, names):
    with pytest.raises(RuleError, match='nothing tells which of'):
        planned(tmp_path, scopes, model(names))
    target = tf.train.Checkpoint(model=model(names))
    suggestion = estimator_ckpt.suggest_rules(str(tmp_path / 'a'), target)
    assert not any('split' in rule.operations for rule in suggestion.rules)
