"""Recurrent cells of TF1 in NumPy, their variables in a checkpoint, and a model of Keras that has room for them."""

import numpy as np
import tensorflow as tf

import estimator_ckpt
from tests.bundle.helpers import save

keras = tf.keras
layers = keras.layers
UNITS, INPUTS, LENGTH = 4, 3, 5
INPUT = np.random.RandomState(0).randn(2, LENGTH, INPUTS).astype(np.float32)
LSTM_SHAPES = {'kernel': (INPUTS + UNITS, 4 * UNITS), 'bias': (4 * UNITS,)}
GRU_SHAPES = {
    'gates/kernel': (INPUTS + UNITS, 2 * UNITS),
    'gates/bias': (2 * UNITS,),
    'candidate/kernel': (INPUTS + UNITS, UNITS),
    'candidate/bias': (UNITS,),
}


def reset_before(units, **options):
    return layers.GRU(units, reset_after=False, **options)


def model_of(make, depth=1, bidirectional=False):
    keras.backend.clear_session()
    stack = [make(UNITS, return_sequences=True) for _ in range(depth)]
    if bidirectional:
        stack = [layers.Bidirectional(stack[0])]
    return keras.Sequential([keras.Input((LENGTH, INPUTS)), *stack])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(values, forget_bias, inputs=INPUT):
    """What a cell of TF1 computes, in NumPy (`tensorflow/python/ops/rnn_cell_impl.py`)."""
    units = len(values['bias']) // 4
    state, cell, outputs = *np.zeros((2, len(inputs), units), np.float32), []
    for x in inputs.transpose(1, 0, 2):
        gates = np.concatenate([x, state], 1) @ values['kernel'] + values['bias']
        i, j, f, o = np.split(gates, 4, 1)
        cell = cell * sigmoid(f + forget_bias) + sigmoid(i) * np.tanh(j)
        state = np.tanh(cell) * sigmoid(o)
        outputs.append(state)
    return np.stack(outputs, 1)


def random_values(shapes):
    random = np.random.RandomState(2)
    return {name: random.randn(*shape).astype(np.float32) for name, shape in shapes.items()}


def save_cell(path, scope, values):
    save(path, {f'{scope}/{name}': value for name, value in values.items()})
    return str(path)


def output_of(model, path, rules='rnn'):
    """The output of a model that is warm-started."""
    warm_start = estimator_ckpt.WarmStart(path, rules=rules)
    estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=model))
    return model(INPUT)
