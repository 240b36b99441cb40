"""What a `tf.train.Checkpoint` reaches: its object graph, and the tensors with their object keys."""

import collections
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.program.tensorflow_internals import full_name, serialize


@dataclasses.dataclass(frozen=True)
class TrackedTensor:
    """A tensor that an object saves.

    Attributes:
      owner: The object.
      key: The tensor's object key.
      attribute_key: The key in the object graph, which `key` begins with.
      saveable: The `SaveableObject` that saves and restores it.
    """

    owner: Any
    key: str
    attribute_key: str
    saveable: Any

    @property
    def spec(self) -> Any:
        """The `SaveSpec` of this tensor among its saveable's."""
        return next(spec for spec in self.saveable.specs if tf.compat.as_str(spec.name) == self.key)

    @property
    def full_name(self) -> str:
        """The variable's name; empty for what is no variable."""
        return full_name(self.owner)

    @property
    def dtype(self) -> int:
        """TensorFlow's data type number."""
        return self.spec.dtype.base_dtype.as_datatype_enum

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The variable's shape; None where that is not known, or the object is no variable."""
        return static_shape(self.owner) if self.full_name else None


@dataclasses.dataclass(frozen=True)
class HostValue:
    """A value that Python keeps, not the graph; saved beside the tensors.

    Attributes:
      key: Its object key.
      get: Gives the value to save.
      set: Takes the value that was restored.
    """

    key: str
    get: Callable[[], np.ndarray]
    set: Callable[[np.ndarray], object]


def is_iterator(owner: Any) -> bool:
    """Returns True if an object that is saved is a dataset's iterator."""
    return isinstance(owner, (tf.compat.v1.data.Iterator, tf.data.Iterator))


@dataclasses.dataclass(frozen=True)
class Tracked:
    """What a `tf.train.Checkpoint` reaches."""

    graph: ObjectGraph
    tensors: list[TrackedTensor]
    host_values: list[HostValue]


def static_shape(variable: Any) -> tuple[int, ...] | None:
    """A variable's shape, or None where not all of it is known."""
    shape = tf.TensorShape(getattr(variable, 'shape', None))
    return tuple(shape.as_list()) if shape.is_fully_defined() else None


def check_checkpoint(checkpoint: Any) -> None:
    """Raises TypeError where the argument is no `tf.train.Checkpoint`."""
    if not isinstance(checkpoint, (tf.train.Checkpoint, tf.compat.v1.train.Checkpoint)):
        raise TypeError(
            f'checkpoint must be a tf.train.Checkpoint, not {checkpoint!r}; wrap the object: '
            'tf.train.Checkpoint(model=...).'
        )


def track(checkpoint: tf.train.Checkpoint) -> Tracked:
    """Walks the objects of a checkpoint.

    Args:
      checkpoint: With keyword objects or a positional root.

    Raises:
      CheckpointError: If an object asks for a saver of its own, which this package cannot run.
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
    return tracked


def _attribute(key: str, attribute_keys: set[str]) -> str:
    """The object graph's key of a tensor: the same, or without the suffix that objects of several tensors add."""
    if key in attribute_keys:
        return key
    return max((a for a in attribute_keys if key.startswith(a)), key=len)


def _python_states(owner: Any, saveables: list[Any]) -> Iterator[HostValue]:
    def get() -> np.ndarray:
        return np.array(owner.serialize(), dtype=object)

    def set_value(value: np.ndarray) -> None:
        owner.deserialize(tf.compat.as_str(value.item()))

    for saveable in saveables:
        for spec in saveable.specs:
            yield HostValue(tf.compat.as_str(spec.name), get, set_value)


def paths_below(root: Any) -> Iterator[tuple[str, Any]]:
    """The object itself and those that it reaches, each with the shortest of its paths; nothing below variables."""
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
