"""Recovers the objects of a saver of frozen objects, as `model_to_estimator` creates it for a Keras model."""

from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Node, ObjectGraph
from estimator_ckpt.mapping.locations import Program, TensorLocations
from estimator_ckpt.program.tensorflow_internals import Trackable, full_name, saver_variables, slice_info


def checkpoint_behind(saver: Any) -> tf.train.Checkpoint | None:
    """Returns a `tf.train.Checkpoint` with the object paths of the variables of a saver; None if there are none.

    Args:
      saver: Any saver, or a `tf.train.Checkpoint`, which is returned unchanged. `model_to_estimator` creates a saver of
        frozen objects, which store the object graph as a constant. The objects themselves are not accessible.
    """
    if isinstance(saver, (tf.train.Checkpoint, tf.compat.v1.train.Checkpoint)):
        return saver
    frozen = _frozen(saver)
    return tf.train.Checkpoint(_thaw(*frozen)) if frozen else None


def program_behind(saver: Any) -> Program | None:
    """Returns the keys of the tensors of a saver of frozen objects; None for any other saver. No op is added."""
    frozen = _frozen(saver)
    if frozen is None:
        return None
    graph, owners = frozen
    attributes, targets = {attribute.key for node in graph.nodes for attribute in node.attributes}, []
    for key, owner in owners.items():
        attribute = key if key in attributes else key.rpartition('-')[0]  # A table's tensors have a suffix.
        info = slice_info(owner)
        name = full_name(owner)
        by_name = Location(name, info.spec if info else '') if name else None
        targets.append(TensorLocations(by_name, Location(key), attribute, 0, None))
    return Program(targets, graph)


def _frozen(saver: Any) -> tuple[ObjectGraph, dict[str, Any]] | None:
    """Returns the object graph of a saver of frozen objects, and the owner of each tensor by object key."""
    saveables = saver_variables(saver)
    if not isinstance(saveables, (list, tuple)):
        return None
    owners, serialized = {}, None
    for saveable in saveables:
        for spec in getattr(saveable, 'specs', ()):
            name = tf.compat.as_str(spec.name)
            if name == object_keys.OBJECT_GRAPH:
                # tf.get_static_value would mark the tensor as unfeedable.
                serialized = tf.make_ndarray(spec.tensor.op.get_attr('value')).item()
            else:
                owners[name] = saveable.op
    return None if serialized is None else (ObjectGraph.parse(serialized), owners)


class _Object(Trackable):
    """An object with given children."""

    def __init__(self) -> None:
        self.children: dict[str, Any] = {}

    def _trackable_children(self, save_type: str = 'checkpoint', **unused: Any) -> dict[str, Any]:
        return {**self.children, **super()._trackable_children(save_type)}


class _Optimizer(_Object):
    """An object that owns slot variables. TensorFlow recognizes such objects by these methods."""

    def __init__(self) -> None:
        super().__init__()
        self.slots: dict[tuple[int, str], Any] = {}

    def get_slot_names(self) -> list[str]:
        return sorted({name for _, name in self.slots})

    def get_slot(self, variable: Any, name: str) -> Any:
        return self.slots.get((id(variable), name))

    def _create_or_restore_slot_variable(self, **unused: Any) -> None:
        raise NotImplementedError('All slot variables are there.')


def _thaw(graph: ObjectGraph, owners: dict[str, Any]) -> _Object:
    """Returns the root of new objects with the paths of an object graph."""
    objects = [_thaw_node(node, owners) for node in graph.nodes]
    for node, thawed in zip(graph.nodes, objects, strict=True):
        if isinstance(thawed, _Object):
            thawed.children = {name: objects[child] for name, child in node.children.items()}
        if isinstance(thawed, _Optimizer):
            thawed.slots = {
                (id(objects[slot.variable]), slot.name): objects[slot.node] for slot in node.slots
            }
    return objects[0]


def _thaw_node(node: Node, owners: dict[str, Any]) -> Any:
    for attribute in node.attributes:
        if attribute.key in owners:
            return owners[attribute.key]
    return _Optimizer() if node.slots else _Object()
