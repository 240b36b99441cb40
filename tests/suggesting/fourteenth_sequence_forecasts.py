"""A pair of networks that forecast time series, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair

_layers, _backend = tf.keras.layers, tf.keras.backend


class _Forecaster:
    """Builds the network for the data of electricity: a target, three known inputs and a static one of categories."""

    def __init__(self, width: int, heads: int, steps: int, past: int):
        self._width, self._heads, self._steps, self._past = width, heads, steps, past

    def dense(self, width: int, timed: bool, **options: Any) -> tf.keras.layers.Layer:
        layer = _layers.Dense(width, **options)
        return _layers.TimeDistributed(layer) if timed else layer

    def gate(self, x: Any, width: int, timed: bool = True, drops: bool = True) -> Any:
        """Multiplies a projection by another that is its gate."""
        x = _layers.Dropout(0.1)(x) if drops else x
        y = self.dense(width, timed)(x)
        return _layers.Multiply()([y, self.dense(width, timed, activation='sigmoid')(x)])

    def norm(self, *xs: Any) -> Any:
        return _layers.LayerNormalization()(_layers.Add()(list(xs)))

    def residual(self, x: Any, width: int | None = None, timed: bool = True, context: Any = None) -> Any:
        """Makes a gated residual network; its sum is projected if there is a width for it."""
        skip = x if width is None else self.dense(width, timed)(x)
        y = self.dense(self._width, timed)(x)
        if context is not None:
            y = y + self.dense(self._width, timed, use_bias=False)(context)
        y = self.dense(self._width, timed)(_layers.Activation('elu')(y))
        return self.norm(skip, self.gate(y, width or self._width, timed))

    def select_static(self, x: Any) -> Any:
        count = x.shape[1]
        weights = self.residual(_layers.Flatten()(x), count, timed=False)
        weights = _backend.expand_dims(_layers.Activation('softmax')(weights), axis=-1)
        parts = [self.residual(x[:, n : n + 1, :], timed=False) for n in range(count)]
        parts = _backend.concatenate(parts, axis=1) if count > 1 else parts[0]
        return _backend.sum(_layers.Multiply()([weights, parts]), axis=1)

    def select(self, x: Any, context: Any) -> Any:
        _, steps, width, count = x.shape
        flat = _backend.reshape(x, [-1, steps, width * count])
        weights = self.residual(flat, count, context=_backend.expand_dims(context, axis=1))
        weights = tf.expand_dims(_layers.Activation('softmax')(weights), axis=2)
        parts = [self.residual(x[..., n]) for n in range(count)]
        return _backend.sum(_layers.Multiply()([weights, _backend.stack(parts, axis=-1)]), axis=-1)

    def attend(self, x: Any) -> Any:
        """Attends with one layer of values for all heads; here to all steps."""
        size = self._width // self._heads
        value, queries, keys, outputs = _layers.Dense(size, use_bias=False), [], [], []
        for _ in range(self._heads):
            queries.append(_layers.Dense(size, use_bias=False))
            keys.append(_layers.Dense(size, use_bias=False))
        output = _layers.Dense(self._width, use_bias=False)
        for query, key in zip(queries, keys, strict=True):
            weights = tf.nn.softmax(tf.matmul(query(x), key(x), transpose_b=True))
            outputs.append(_layers.Dropout(0.1)(tf.matmul(weights, value(x))))
        return _layers.Dropout(0.1)(output(_backend.mean(_backend.stack(outputs), axis=0)))

    def embed(self, inputs: Any, known: tuple[int, ...], categories: int) -> tuple[Any, Any, Any]:
        """Makes what is known, what is observed, and what is static."""
        table = tf.keras.Sequential(
            [_layers.InputLayer([self._steps]), _layers.Embedding(categories, self._width)]
        )
        static = _backend.stack([table(inputs[..., -1])[:, 0, :]], axis=1)

        def wide(n: int) -> Any:
            return self.dense(self._width, timed=True)(inputs[..., n : n + 1])

        observed = _backend.stack([wide(0)], axis=-1)
        return _backend.stack([wide(n) for n in known], axis=-1), observed, static

    def build(self, known: tuple[int, ...], categories: int) -> tf.keras.Model:
        width, past = self._width, self._past
        inputs = _layers.Input([self._steps, len(known) + 2])
        future, observed, static = self.embed(inputs, known, categories)
        history = _backend.concatenate([future[:, :past], observed[:, :past]], axis=-1)
        static = self.select_static(static)
        choice, enrichment, *state = [self.residual(static, timed=False) for _ in range(4)]
        history, future = self.select(history, choice), self.select(future[:, past:], choice)
        lstm = _layers.LSTM(width, return_sequences=True, return_state=True)
        y, *state = lstm(history, initial_state=state)
        lstm = _layers.LSTM(width, return_sequences=True, return_state=False)
        y = _backend.concatenate([y, lstm(future, initial_state=state)], axis=1)
        y = self.norm(self.gate(y, width), _backend.concatenate([history, future], axis=1))
        enriched = self.residual(y, context=_backend.expand_dims(enrichment, axis=1))
        x = self.norm(self.gate(self.attend(enriched), width), enriched)
        x = self.norm(self.gate(self.residual(x), width, drops=False), y)
        return tf.keras.Model(inputs, self.dense(3, timed=True)(x[:, past:]))


def temporal_fusion() -> Pair:
    """google-research/google-research's tft for electricity as it saves it, and greatwhiz/tft_tf2's model.

    Both make the same layers of Keras, none of which has a name, in the same order; the new one is a functional model.
    The old one saves what is in its scope, which leaves the slots out; the names of its LSTMs, which have no scope for
    a cell in TF 1, are not verified. It is run without cuDNN.
    """
    tf.keras.backend.clear_session()
    rows = Rows()
    with tf.compat.v1.variable_scope('TemporalFusionTransformer'):
        model = _Forecaster(160, 4, 192, 168).build((1, 2, 3), 369)
    for layer in model.layers:
        for variable in layer.weights:
            *_, role = variable.name.split(':')[0].split('/')
            owner = layer.layers[0] if isinstance(layer, tf.keras.Sequential) else layer
            rows.add(variable, f'TemporalFusionTransformer/{owner.name}/{role}')
    return rows.pair(model=model)
