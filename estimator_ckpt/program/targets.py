"""The variables of a program as targets of a warm start: those of a graph, or those that objects hold."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

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
from estimator_ckpt.program.optimizer_slots import LiveSlot
from estimator_ckpt.program.tensorflow_internals import Trackable, full_name, identities, slice_info
from estimator_ckpt.program.tracking import paths_below


def of_objects(objects: Any, slots: Sequence[LiveSlot] = ()) -> Targets:
    """The tensors that objects hold.

    Args:
      objects: A `tf.train.Checkpoint`, a model, a module, a variable or a list of variables.
      slots: The slots of their optimizers, as far as they are known.

    Raises:
      TypeError: If it is none of these.
    """
    if is_variable(objects):
        return _of_variables(objects if isinstance(objects, (list, tuple)) else [objects])
    reached = tracking.track(as_checkpoint(objects))
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
        wanted.append(
            TargetTensor(
                tensor,
                item.shape,
                item.dtype,
                trainable,
                item.owner,
                state,
                getattr(item.owner, 'numpy', None),
            )
        )
    return Targets(wanted, reached.graph)


def _of_variables(variables: Sequence[Any]) -> Targets:
    """The tensors of variables that only their names tell apart."""
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
    """A `tf.train.Checkpoint` whose paths are those from the object on."""
    if isinstance(objects, (tf.train.Checkpoint, tf.compat.v1.train.Checkpoint)):
        return objects
    if is_variable(objects):
        return tf.train.Checkpoint(
            variables=list(objects) if isinstance(objects, (list, tuple)) else [objects]
        )
    if isinstance(objects, Trackable):
        return tf.train.Checkpoint(objects)
    raise TypeError(
        f'target must be a tf.train.Checkpoint, a model, a module or a list of variables, not {objects!r}.'
    )


def of_graph(graph: tf.Graph, bindings: Bindings | None = None) -> Targets:
    """The global variables of a graph. No op is added, so that the graph can be finalized.

    Args:
      graph: The graph.
      bindings: A saver's, which say what objects hold the variables.
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
    """Where the objects of a program have a variable."""

    key: str
    attribute_key: str
    path: Path


def _places(bindings: Bindings) -> dict[str, _Place]:
    """The place of each variable by its name; of a partitioned one the path of the list of its pieces."""
    groups = collections.defaultdict(dict)
    for binding in bindings.items:
        target = binding.target
        if target.by_name and target.by_object:
            groups[target.by_name.key][target.attribute_key] = target.by_object.key
    places = {}
    for name, group in groups.items():
        (attribute_key, key), *others = group.items()
        path = object_path(attribute_key)
        places[name] = _Place(key, attribute_key, path[:-1] if others else path)
    return places


def _whole_shape(pieces: list[Any]) -> tuple[int, ...] | None:
    info = slice_info(pieces[0])
    return tuple(info.full_shape) if info else tracking.static_shape(pieces[0])


class Locator:
    """Finds what is wanted by the objects that rules name."""

    def __init__(self, target: Targets):
        self._target = target

    def __call__(self, value: Any) -> str | dict[str, str]:
        """The key of a variable; for an object those of its variables by their paths below it.

        Raises:
          RuleError: If the variable is none of the target's.
        """
        if is_variable(value):
            return self._key(value)
        found = {}
        for path, variable in paths_below(value):
            if not hasattr(variable, 'assign'):
                continue
            parent, slash, last = path.rpartition('/')
            # Keras 3 keeps what it calls kernel as _kernel.
            found |= dict.fromkeys([path, f'{parent}{slash}{last.removeprefix("_")}'], self._key(variable))
        return found

    def _key(self, variable: Any) -> str:
        sought = identities(variable)
        keys = (w.tensor.key for w in self._target.wanted if not sought.isdisjoint(identities(w.variable)))
        key = next(keys, None)
        if key is None:
            raise RuleError(
                f'A rule names {variable!r}, which is not among the variables to be filled; add it.'
            )
        return key
