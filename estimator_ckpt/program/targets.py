"""Returns the variables of a graph or of objects as targets of a warm start."""

import collections
import dataclasses
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.keys.graph_builder import Path
from estimator_ckpt.keys.kinds import Kind, Meaning, meanings_of_names, meanings_of_objects, refine
from estimator_ckpt.mapping.object_rules import is_variable
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.slot_states import state_of
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor, object_path
from estimator_ckpt.program import tracking
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.program.keras_3 import check_weights_are_reached
from estimator_ckpt.program.optimizer_slots import LiveSlot
from estimator_ckpt.program.tensorflow_internals import Trackable, full_name, identities, root_of, slice_info
from estimator_ckpt.program.tracking import paths_below


def of_objects(objects: Any, slots: Sequence[LiveSlot] = ()) -> Targets:
    """Returns the tensors that objects hold.

    Args:
      objects: A `tf.train.Checkpoint`, a model, a module, a variable or a list of variables.
      slots: The known slots of the optimizers among the objects.

    Raises:
      CheckpointError: If TensorFlow does not reach all weights of a Keras 3 model.
      TypeError: If `objects` is none of these.
    """
    if is_variable(objects):
        return _of_variables(objects if isinstance(objects, (list, tuple)) else [objects])
    checkpoint = as_checkpoint(objects)
    check_weights_are_reached(root_of(checkpoint))
    reached = tracking.track(checkpoint)
    by_name = {item.full_name: item.attribute_key for item in reached.tensors if item.full_name}
    shapes = {item.full_name: item.shape for item in reached.tensors if item.full_name}
    meanings = refine(meanings_of_objects(reached.graph), reached.graph, by_name, shape_of=shapes.get)
    keys_of = {id(item.owner): item.key for item in reached.tensors}
    slot_of = {same: slot for slot in slots for same in identities(slot.slot)}
    wanted = []
    for item in reached.tensors:
        meaning, slot = meanings[item.attribute_key], slot_of.get(id(item.owner))
        if meaning.kind is Kind.COUNTER:
            continue
        if slot is not None:
            variable = next((keys_of[same] for same in identities(slot.variable) if same in keys_of), '')
            meaning = Meaning(Kind.SLOT, variable, slot.state.role)
        path = object_path(item.attribute_key)
        suffix = item.key.removeprefix(item.attribute_key)
        name = item.full_name or '/'.join(path) + suffix
        tensor = Tensor(item.key, name, item.key, path, suffix, meaning)
        trainable = getattr(item.owner, 'trainable', False) is True
        state = slot.state if slot else None
        read = _reader_of(item.owner)
        wanted.append(TargetTensor(tensor, item.shape, item.dtype, trainable, item.owner, state, read))
    return Targets(wanted, reached.graph)


def _reader_of(owner: Any) -> Callable[[str], np.ndarray] | None:
    numpy = getattr(owner, 'numpy', None)
    return None if numpy is None else lambda key: numpy()


def _of_variables(variables: Sequence[Any]) -> Targets:
    """Returns the tensors of variables that have names, but no object paths."""
    names = [full_name(variable) or f'variable {n}' for n, variable in enumerate(variables)]
    meanings = meanings_of_names(names)
    wanted = []
    for number, (variable, name) in enumerate(zip(variables, names, strict=True)):
        # Names need not be unique in eager mode.
        tensor = Tensor(f'{name}#{number}', name, '', (), '', meanings[name])
        dtype = tf.as_dtype(variable.dtype).base_dtype.as_datatype_enum
        wanted.append(
            TargetTensor(tensor, tracking.static_shape(variable), dtype, variable.trainable, variable)
        )
    return Targets(wanted, None)


def as_checkpoint(objects: Any) -> tf.train.Checkpoint:
    """Returns a `tf.train.Checkpoint` whose object paths begin at the given object.

    Raises:
      TypeError: If `objects` holds no variables.
    """
    if isinstance(objects, (tf.train.Checkpoint, tf.compat.v1.train.Checkpoint)):
        return objects
    if is_variable(objects):
        return tf.train.Checkpoint(
            variables=list(objects) if isinstance(objects, (list, tuple)) else [objects]
        )
    if isinstance(objects, Trackable):
        return tf.train.Checkpoint(objects)
    raise TypeError(
        f'target must be a tf.train.Checkpoint, a model, a module or a list of variables, not {reprlib.repr(objects)}.'
    )


def of_graph(graph: tf.Graph, bindings: Bindings | None = None) -> Targets:
    """Returns the global variables of a graph. No op is added, so that the graph can be finalized.

    Args:
      graph: The graph.
      bindings: The bindings of a saver, which have the object paths of the variables; None for no paths.
    """
    variables = collections.defaultdict(list)
    for variable in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES):
        info = slice_info(variable)
        variables[info.full_name if info else variable.name.removesuffix(':0')].append(variable)
    places = _places(bindings) if bindings else {}
    of_objects = meanings_of_objects(bindings.graph) if bindings else {}
    names = {place.attribute_key: name for name, place in places.items()}
    shapes = {name: _whole_shape(pieces) for name, pieces in variables.items()}
    of_names = meanings_of_names(variables, shapes.get)
    siblings = collections.defaultdict(set)
    for meaning in of_names.values():
        siblings[meaning.variable].add(meaning.slot_name)
    wanted = []
    for name, pieces in variables.items():
        place = places.get(name, _Place('', '', ()))
        meaning = of_names[name]
        if meaning.kind is Kind.VARIABLE:
            meaning = of_objects.get(place.attribute_key, meaning)
            if meaning.variable:
                meaning = dataclasses.replace(meaning, variable=names.get(meaning.variable, ''))
        tensor = Tensor(name, name, place.key, place.path, '', meaning)
        dtype = pieces[0].dtype.base_dtype.as_datatype_enum
        state = None
        if meaning.kind is Kind.SLOT:
            state = state_of(name, meaning.slot_name, siblings[meaning.variable])
        wanted.append(TargetTensor(tensor, _whole_shape(pieces), dtype, pieces[0].trainable, pieces, state))
    return Targets(wanted, bindings.graph if bindings else None)


@dataclasses.dataclass(frozen=True)
class _Place:
    """The place of a variable among the objects of a program.

    Attributes:
      key: The object key.
      attribute_key: The key in the object graph, which `key` begins with.
      path: The object path.
    """

    key: str
    attribute_key: str
    path: Path


def _places(bindings: Bindings) -> dict[str, _Place]:
    """Returns the places of the variables by name. The path of a partitioned variable is that of its list of pieces."""
    groups: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for binding in bindings.items:
        target = binding.target
        if target.by_name and target.by_object:
            groups[target.by_name.key][target.attribute_key] = target.by_object.key
    places = {}
    for name, group in groups.items():
        attribute_key, key = next(iter(group.items()))
        path = object_path(attribute_key)
        places[name] = _Place(key, attribute_key, path[:-1] if len(group) > 1 else path)
    return places


def _whole_shape(pieces: list[Any]) -> tuple[int, ...] | None:
    info = slice_info(pieces[0])
    return tuple(info.full_shape) if info else tracking.static_shape(pieces[0])


class Locator:
    """Finds the wanted tensors of the objects that rules name."""

    def __init__(self, target: Targets):
        self._target = target

    def __call__(self, value: Any) -> str | dict[str, str]:
        """Returns the key of a variable; for an object the keys of its variables by their paths below the object.

        Raises:
          RuleError: If a variable is not among those of the target.
        """
        if is_variable(value):
            return self._key(value)
        keys: dict[str, str] = {}
        for path, variable in paths_below(value):
            if not hasattr(variable, 'assign'):
                continue
            parent, slash, last = path.rpartition('/')
            # Keras 3 has the attribute `_kernel` for the property `kernel`.
            keys |= dict.fromkeys([path, f'{parent}{slash}{last.removeprefix("_")}'], self._key(variable))
        return keys

    def _key(self, variable: Any) -> str:
        ids = identities(variable)
        keys = (w.tensor.key for w in self._target.wanted if not ids.isdisjoint(identities(w.variable)))
        key = next(keys, None)
        if key is None:
            raise RuleError(
                f'A rule names {variable!r}, which is not among the variables to be filled; add it.'
            )
        return key
