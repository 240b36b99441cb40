"""Pairs of a network of sounds and of one of tables, for the twenty-first blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers
_SLIM = {'kernel': 'weights', 'bias': 'biases'}
_PITCHES = 88


class _Stack:
    """The layers that each model of the notebook begins with, made in its order, of a quarter of the widths."""

    def __init__(self, units: int, width: int, *channels: int):
        tf.keras.backend.clear_session()
        self.inputs = _layers.Input([8, 229])
        self.convs: list[Any] = []
        self.norms: list[Any] = []
        x = _layers.Reshape((8, 229, 1))(self.inputs)
        for n, extent in enumerate(channels):
            self.convs.append(_layers.Conv2D(extent, 3, padding='same', use_bias=False))
            self.norms.append(_layers.BatchNormalization(scale=False))
            x = _layers.Activation('relu')(self.norms[-1](self.convs[-1](x)))
            if n:
                x = _layers.MaxPool2D((1, 2))(x)
        self.probs = _layers.Dense(_PITCHES, activation='sigmoid')
        self.both = self.bidirectional(units)
        self.dense = _layers.Dense(width, activation='relu')
        self.outputs = self.dense(_layers.Reshape((8, x.shape[2] * x.shape[3]))(x))

    @staticmethod
    def bidirectional(units: int) -> tf.keras.layers.Bidirectional:
        return _layers.Bidirectional(
            _layers.LSTM(units, recurrent_activation='sigmoid', return_sequences=True)
        )

    def note(self, rows: Rows, scope: str) -> None:
        for n, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            rows.add(conv.kernel, f'{scope}/conv{n}/weights')
            rows.layer(norm, f'{scope}/conv{n}/BatchNorm', STATISTICS[1:])
        rows.layer(self.dense, f'{scope}/fc_end', **_SLIM)


def _note_both(rows: Rows, both: Any, scope: str) -> dict[str, tuple[int, ...]]:
    """Notes the cells of both directions. Returns the shape of what CUDA has of them."""
    at = f'{scope}/cudnn_lstm'
    for way, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        cell = f'{at}/stack_bidirectional_rnn/cell_0/bidirectional_rnn/{way}/cudnn_compatible_lstm_cell'
        rows.lstm(layer.cell, cell)
    x, units = both.forward_layer.cell.kernel.shape[0], both.forward_layer.units
    return {f'{at}/opaque_kernel': (2 * (4 * units * (x + units) + 8 * units),)}


def magenta_to_keras() -> Pair:
    """magenta/magenta's Onsets and Frames of MAESTRO as it is released, and BShakhovsky/PolyphonicPianoTranscription's.

    The new ones are the four models of its notebook "3 Magenta to Keras", which prints the names of the old one, of
    models/onsets_frames_transcription, and copies its weights; all are a quarter as wide, and eight frames long. It
    reorders the gates of the LSTMs, and divides their kernels. The activations of frames are in the model of frames,
    which continues that of velocities. The old one keeps the LSTMs a second time, as CUDA has them, and only these
    have slots.
    """
    rows, units, width, others = Rows(), 64, 192, {}
    sizes = (units, width, 12, 12, 24)
    models = {}
    for scope in ('onsets', 'offsets'):
        stack = _Stack(*sizes)
        models[scope] = tf.keras.Model(stack.inputs, stack.probs(stack.both(stack.outputs)))
        stack.note(rows, scope)
        others |= _note_both(rows, stack.both, scope)
        rows.layer(stack.probs, f'{scope}/{scope[:-1]}_probs', **_SLIM)
    stack = _Stack(*sizes)
    velocities = _layers.Dense(_PITCHES, activation='sigmoid')
    models['velocity'] = tf.keras.Model(stack.inputs, velocities(stack.outputs))
    stack.note(rows, 'velocity')
    rows.layer(velocities, 'velocity/onset_velocities', **_SLIM)
    stack = _Stack(*sizes)
    activations, last = (_layers.Dense(_PITCHES, activation='sigmoid') for _ in range(2))
    onsets, offsets = (_layers.Input([8, _PITCHES]) for _ in range(2))
    both = stack.bidirectional(units)
    x = last(both(_layers.Concatenate()([onsets, activations(stack.outputs), offsets])))
    models['frame'] = tf.keras.Model([onsets, stack.inputs, offsets], x)
    stack.note(rows, 'frame')
    rows.layer(activations, 'frame/activation_probs', **_SLIM)
    others |= _note_both(rows, both, 'frame')
    rows.layer(last, 'frame/frame_probs', **_SLIM)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    but = f'{UNTRAINED}|/cudnn_compatible_lstm_cell/'
    return with_slots(rows.pair(others, **models), 'Adam', 'Adam_1', but=but, others=steps)


class DNNRankingNetwork(tf.keras.layers.Layer):
    """The network of TF-Ranking, without the transformation of its columns, which has no variables."""

    def __init__(self, dims: list[int], name: str = 'dnn_ranking_network'):
        super().__init__(name=name)
        layers = [_layers.BatchNormalization(momentum=0.999)]
        for width in dims:
            layers.append(_layers.Dense(units=width))
            layers.append(_layers.BatchNormalization(momentum=0.999))
            layers.append(_layers.Activation(activation='relu'))
            layers.append(_layers.Dropout(rate=0.5))
        self._scoring_layers = layers
        self._output_score_layer = _layers.Dense(units=1)

    def call(self, inputs):
        x = tf.concat([inputs[name] for name in sorted(inputs)], -1)
        shape = tf.shape(x)
        x = tf.reshape(x, [-1, x.shape[-1]])
        for layer in self._scoring_layers:
            x = layer(x)
        return tf.reshape(self._output_score_layer(x), shape[:2])


def ranking_network() -> Pair:
    """tensorflow/ranking's examples/tf_ranking_libsvm.py as an Estimator trains it, and its DNNRankingNetwork of Keras.

    The new one is that of python/keras/canned/dnn.py in a model with an input for each of 136 features, with the widths
    that the old one has by default. The old one scores groups of one document, in a scope of python/model.py, and is
    trained with Adagrad.
    """
    tf.keras.backend.clear_session()
    rows, count, dims = Rows(), 136, [256, 128, 64]
    inputs = {f'{n + 1}': _layers.Input([None, 1], name=f'{n + 1}') for n in range(count)}
    network = DNNRankingNetwork(dims)
    model = tf.keras.Model(inputs, network(inputs))
    model({name: tf.zeros([2, 3, 1]) for name in inputs})
    norms = [layer for layer in network._scoring_layers if isinstance(layer, _layers.BatchNormalization)]
    dense = [layer for layer in network._scoring_layers if isinstance(layer, _layers.Dense)]
    for n, layer in enumerate(norms):
        rows.layer(layer, f'group_score/batch_normalization_{n}'.removesuffix('_0'), STATISTICS)
    for n, layer in enumerate((*dense, network._output_score_layer)):
        rows.layer(layer, f'group_score/dense_{n}'.removesuffix('_0'))
    return with_slots(rows.pair(model=model), 'Adagrad', others={'global_step': ()})
