"""Builds the targets of blind pairs out of Keras layers, and notes which variable belongs to which source."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_ckpt.program.read_target import read_target
from tests.suggesting.known_pairs import Pair, Shapes

STATISTICS = ('gamma', 'beta', 'moving_mean', 'moving_variance')
UNTRAINED = r'(^|/)(moving_mean|moving_variance|EMA|ExponentialMovingAverage|\w*step)$'


class Part(tf.Module):
    """An object of a program, whose attributes are its parts, in the order in which they are given."""

    def __init__(self, **parts: Any):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class Rows:
    """Collects the variables of a program and the source of each; two variables may share one source."""

    def __init__(self):
        self._rows: list[tuple[tf.Variable, str]] = []
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add(self, variable: tf.Variable, source: str, shape: tuple[int, ...] | None = None) -> None:
        """Notes the source of a variable, and the shape of the source if it differs."""
        self._rows.append((variable, source))
        self._shapes[source] = tuple(variable.shape) if shape is None else shape

    def layer(self, layer: Any, source: str, roles: Iterable[str] = ('kernel', 'bias'), **names: str) -> Any:
        """Notes the variables of a layer: by roles that both sides share, but for `names`. Returns the layer."""
        for role in roles:
            self.add(getattr(layer, role), f'{source}/{names.get(role, role)}')
        return layer

    def lstm(self, cell: Any, source: str) -> None:
        """Notes the variables of an LSTM cell, both of whose matrices are one in TF1."""
        inputs, width = cell.kernel.shape
        shape = inputs + cell.recurrent_kernel.shape[0], width
        self.add(cell.kernel, f'{source}/kernel', shape)
        self.add(cell.recurrent_kernel, f'{source}/kernel', shape)
        self.add(cell.bias, f'{source}/bias')

    def pair(self, others: Shapes | None = None, **objects: Any) -> Pair:
        """Returns the pair; `others` are the shapes of sources that have no variable."""
        target = tf.train.Checkpoint(**objects)
        paths = {id(w.variable): '/'.join(w.tensor.path) for w in read_target(target).wanted}
        sources = {paths[id(variable)]: source for variable, source in self._rows}
        return Pair(self._shapes | dict(others or {}), target, sources)


def with_slots(
    pair: Pair, *ends: str, prefix: str = '', but: str = UNTRAINED, others: Shapes | None = None
) -> Pair:
    """Adds what an optimizer, or moving averages, keep of each source whose name `but` is not found in."""
    slots = {
        f'{prefix}{name}/{end}': shape
        for name, shape in pair.shapes.items()
        if not re.search(but, name)
        for end in ends
    }
    return dataclasses.replace(pair, shapes={**pair.shapes, **slots, **(others or {})})


def with_adafactor(pair: Pair, least: int) -> Pair:
    """Adds what Adafactor keeps of each source, of a matrix whose shorter side is at least so long two vectors."""
    slots: dict[str, tuple[int, ...]] = {'global_step': ()}
    for name, shape in pair.shapes.items():
        if len(shape) == 2 and min(shape) >= least:
            slots |= {f'{name}_slot_vr': shape[:1], f'{name}_slot_vc': shape[1:]}
        else:
            slots[f'{name}_slot_v'] = shape
    return dataclasses.replace(pair, shapes={**pair.shapes, **slots})


def dense(x: int, y: int, bias: bool = True, name: str | None = None) -> tf.keras.layers.Dense:
    return built(tf.keras.layers.Dense(y, use_bias=bias, name=name), x)


def conv1d(size: int, x: int, y: int, bias: bool = True, name: str | None = None) -> tf.keras.layers.Conv1D:
    return built(tf.keras.layers.Conv1D(y, size, padding='same', use_bias=bias, name=name), None, x)


def embedding(count: int, width: int, name: str | None = None) -> tf.keras.layers.Embedding:
    return built(tf.keras.layers.Embedding(count, width, name=name), None)


def lstm_cell(x: int, units: int, name: str | None = None) -> tf.keras.layers.LSTMCell:
    return built(tf.keras.layers.LSTMCell(units, name=name), x)


def built(layer: tf.keras.layers.Layer, *shape: int | None) -> Any:
    """Builds a layer for inputs of a shape, whose variables Keras names by the layer."""
    with tf.name_scope(layer.name):
        layer.build((None, *shape))
    return layer
