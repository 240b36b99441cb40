"""Tracks the objects of a `tf.train.Checkpoint`: the object graph, and the tensors with their object keys."""

import collections
import dataclasses
import reprlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.program.tensorflow_internals import full_name, is_keras_3_variable, serialize


@dataclasses.dataclass(frozen=True)
class TrackedTensor:
    """A tensor that an object saves.

    Attributes:
      owner: The object.
      key: The object key of the tensor.
      attribute_key: The key in the object graph, which `key` begins with.
      saveable: The `SaveableObject` that saves and restores it.
    """

    owner: Any
    key: str
    attribute_key: str
    saveable: Any

    @property
    def spec(self) -> Any:
        """The `SaveSpec` of this tensor among those of `saveable`."""
        return next(spec for spec in self.saveable.specs if tf.compat.as_str(spec.name) == self.key)

    @property
    def full_name(self) -> str:
        """The name of the variable; empty if the owner is not a variable."""
        return full_name(self.owner)

    @property
    def dtype(self) -> int:
        """TensorFlow's data type number."""
        return self.spec.dtype.base_dtype.as_datatype_enum

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the variable; None if it is not known, or the owner is not a variable."""
        return static_shape(self.owner) if self.full_name else None


@dataclasses.dataclass(frozen=True)
class HostValue:
    """A value of a Python object, which is saved beside the tensors.

    Attributes:
      key: The object key.
      get: A function that returns the value to save.
      set: A function of the restored value, which sets it.
    """

    key: str
    get: Callable[[], np.ndarray]
    set: Callable[[np.ndarray], object]


def is_iterator(owner: Any) -> bool:
    """Returns True if an object is the iterator of a dataset."""
    return isinstance(owner, (tf.compat.v1.data.Iterator, tf.data.Iterator))


@dataclasses.dataclass(frozen=True)
class Tracked:
    """The contents of a `tf.train.Checkpoint`.

    Attributes:
      graph: The object graph.
      tensors: The tensors of the objects.
      host_values: The values that Python objects keep.
    """

    graph: ObjectGraph
    tensors: list[TrackedTensor]
    host_values: list[HostValue]


def static_shape(variable: Any) -> tuple[int, ...] | None:
    """Returns the shape of a variable; None if it is not fully known."""
    shape = tf.TensorShape(getattr(variable, 'shape', None))
    return tuple(shape.as_list()) if shape.is_fully_defined() else None


def check_checkpoint(checkpoint: Any) -> None:
    """Checks that an argument is a `tf.train.Checkpoint`.

    Raises:
      TypeError: If it is not.
    """
    if not isinstance(checkpoint, (tf.train.Checkpoint, tf.compat.v1.train.Checkpoint)):
        raise TypeError(
            f'checkpoint must be a tf.train.Checkpoint, not {reprlib.repr(checkpoint)}; wrap the object: '
            'tf.train.Checkpoint(model=...).'
        )


def track(checkpoint: tf.train.Checkpoint) -> Tracked:
    """Walks the objects of a checkpoint.

    Args:
      checkpoint: A checkpoint of keyword objects or with a positional root.

    Raises:
      CheckpointError: If an object has a registered saver, which this package cannot run.
    """
    serialized, owners, registered_savers = serialize(checkpoint)
    if registered_savers:
        raise CheckpointError(
            f'The checkpoint holds objects with savers of their own ({", ".join(registered_savers)}); save those with '
            'tf.train.Checkpoint.'
        )
    graph = ObjectGraph.parse(serialized)
    attribute_keys = {attribute.key for node in graph.nodes for attribute in node.attributes}
    tracked = Tracked(graph, [], [])
    for owner, saveables in owners:
        if isinstance(owner, tf.train.experimental.PythonState):
            tracked.host_values.extend(_python_states(owner, saveables))
            continue
        for saveable in saveables:
            for spec in saveable.specs:
                key = tf.compat.as_str(spec.name)
                tracked.tensors.append(TrackedTensor(owner, key, _attribute(key, attribute_keys), saveable))
    _name_variables_of_keras_3(tracked)
    return tracked


def _name_variables_of_keras_3(tracked: Tracked) -> None:
    """Gives the variables of Keras 3 their paths as full names in the object graph; TensorFlow's are not unique."""
    names = {
        tensor.attribute_key: tensor.full_name
        for tensor in tracked.tensors
        if is_keras_3_variable(tensor.owner)
    }
    if names:
        for node in tracked.graph.nodes:
            node.attributes = [a._replace(full_name=names.get(a.key, a.full_name)) for a in node.attributes]


def _attribute(key: str, attribute_keys: set[str]) -> str:
    """Returns the attribute key of an object key, which may have a suffix if an object has several tensors."""
    if key in attribute_keys:
        return key
    return max((a for a in attribute_keys if key.startswith(a)), key=len)


def _python_states(owner: Any, saveables: list[Any]) -> Iterator[HostValue]:
    """Yields the value of a `PythonState`."""

    def get() -> np.ndarray:
        return np.array(owner.serialize(), dtype=object)

    def set_value(value: np.ndarray) -> None:
        owner.deserialize(tf.compat.as_str(value.item()))

    for saveable in saveables:
        for spec in saveable.specs:
            yield HostValue(tf.compat.as_str(spec.name), get, set_value)


def paths_below(root: Any) -> Iterator[tuple[str, Any]]:
    """Yields an object and the objects that it reaches, with their shortest paths. Variables are not descended into."""
    view = tf.train.TrackableView(root)
    queue, seen = collections.deque([('', root)]), {id(root)}
    while queue:
        path, trackable = queue.popleft()
        yield path, trackable
        if hasattr(trackable, 'assign'):
            continue
        for name, child in view.children(trackable).items():
            if id(child) not in seen:
                seen.add(id(child))
                queue.append((f'{path}/{name}' if path else name, child))
