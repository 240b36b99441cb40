"""Binds the tensors of a program to their keys in checkpoints of each style."""

import collections
import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.locations import TensorLocations
from estimator_ckpt.program.keras_3 import check_weights_are_reached
from estimator_ckpt.program.tensorflow_internals import (
    attribute_name,
    full_name,
    root_of,
    saveables_of,
    slice_info,
    unwrapped,
)
from estimator_ckpt.program.tracking import (
    HostValue,
    Tracked,
    TrackedTensor,
    is_iterator,
    static_shape,
    track,
)


@dataclasses.dataclass(frozen=True)
class Binding:
    """A tensor of the program, with its locations in checkpoints.

    Attributes:
      target: The locations of the tensor.
      saveable: The `SaveableObject` that saves and restores the tensor.
      spec: The `SaveSpec` of the tensor among those of `saveable`.
    """

    target: TensorLocations
    saveable: Any
    spec: Any

    def location(self, style: CheckpointStyle) -> Location:
        """Returns the location to which the save ops of a style write the tensor."""
        target = self.target
        is_object_based = style is CheckpointStyle.TF2
        location = (
            target.by_object or target.by_name if is_object_based else target.by_name or target.by_object
        )
        assert location is not None  # `TensorLocations` has at least one.
        return location


@dataclasses.dataclass
class Bindings:
    """All tensors of one saver.

    Attributes:
      items: The tensors.
      graph: The object graph.
      host_values: The values that Python objects keep.
      untracked: The names of the variables that are not reachable from the given `tf.train.Checkpoint`.
      dropped: The untracked variables that are not saved. A restore must initialize them.
      save_counter: The variable of the program that counts the saves; None if there is none. `items` does not have it,
        since every save increments it, and a checkpoint without it can be restored.
      iterators: The object paths of the dataset iterators that are reachable from the given `tf.train.Checkpoint`.
      save_counter_name: The name of `save_counter` in a name-based checkpoint; None in eager mode.
    """

    items: list[Binding]
    graph: ObjectGraph
    host_values: list[HostValue] = dataclasses.field(default_factory=list)
    untracked: list[str] = dataclasses.field(default_factory=list)
    dropped: list[tf.Variable] = dataclasses.field(default_factory=list)
    save_counter: Any = None
    iterators: list[str] = dataclasses.field(default_factory=list)
    save_counter_name: str | None = None

    def check_names(self) -> None:
        """Checks that no two variables have the same name, which can happen in eager mode.

        Raises:
          ValueError: If several variables have the same name.
        """
        if self._twins:
            raise ValueError(
                f'Several variables are called {", ".join(self._twins)}, which a name-based checkpoint cannot tell '
                "apart; pass var_list={name: variable}, or save with style='tf2'."
            )

    @functools.cached_property
    def _twins(self) -> list[str]:
        counts = collections.Counter(binding.target.by_name for binding in self.items)
        return sorted(location.key for location, count in counts.items() if location and count > 1)

    @functools.cached_property
    def stored_graph(self) -> bytes:
        """The object graph as checkpoints store it, with a counter of saves."""
        self.graph.add_save_counter()
        return self.graph.serialize()

    def saveables(self, style: CheckpointStyle) -> list[Any]:
        """Returns the saveables with the names for the save ops of a style, each once and in a fixed order."""
        located = {id(binding.spec): binding.location(style) for binding in self.items}
        originals = {id(binding.saveable): binding.saveable for binding in self.items}
        result = []
        for number, original in enumerate(originals.values()):
            # The graph's collections share the original with other savers.
            saveable = copy.copy(original)
            saveable.specs = [copy.copy(spec) for spec in original.specs]
            for spec, unchanged in zip(saveable.specs, original.specs, strict=True):
                location = located[id(unchanged)]
                spec.name, spec.slice_spec = location.key, location.slice_spec
                if unchanged.slice_spec:
                    # The pieces of a variable share a name, and TensorFlow's builder keeps one saveable per name.
                    saveable.name = f'{original.name} {number:08d}'
            result.append(saveable)
        return result


def bind(
    checkpoint: tf.train.Checkpoint | None,
    var_list: Any,
    style: CheckpointStyle,
    drop_untracked: bool = False,
) -> Bindings:
    """Binds the variables of a program.

    Args:
      checkpoint: The objects with their paths. None for `Checkpoint(var_list={name: variable}, step=global_step)`, as
        in TensorFlow's guide.
      var_list: As for `tf.compat.v1.train.Saver`. None for all saveable objects of the graph, or in eager mode for all
        that are reachable from `checkpoint`.
      style: The style of the checkpoints to be saved.
      drop_untracked: Whether to leave out variables that are not reachable from `checkpoint`.

    Raises:
      CheckpointError: If TensorFlow does not reach all weights of a Keras 3 model.
      ValueError: If two variables of a graph have the same name, or in eager mode neither `checkpoint` nor `var_list`
        is given.
    """
    if checkpoint is not None:
        check_weights_are_reached(root_of(checkpoint))
    tracked = track(checkpoint) if checkpoint is not None else None
    if tf.executing_eagerly() and var_list is None:
        if tracked is None:
            raise ValueError('In eager mode the saver needs a checkpoint or a var_list: pass one of them.')
        bindings = _bind_tracked(tracked, style)
    elif tracked is None:
        return _bind_default(_named_saveables(var_list))
    else:
        bindings = _bind_both_sides(_named_saveables(var_list), tracked, style, drop_untracked)
    bindings.iterators = [
        tensor.key.partition(object_keys.ATTRIBUTES)[0]
        for tensor in tracked.tensors
        if is_iterator(tensor.owner)
    ]
    if style is not CheckpointStyle.TF1:
        _set_counter_apart(bindings, tracked)
    return bindings


@dataclasses.dataclass(frozen=True)
class _Named:
    """A saveable of the name-based side.

    Attributes:
      saveable: The `SaveableObject`.
      identity: A value that equals `_identity` of the tracked tensors of the same variable or object.
      is_variable: Whether it saves a variable.
    """

    saveable: Any
    identity: Any
    is_variable: bool


def _named_saveables(var_list: Any) -> list[_Named]:
    """Returns the saveables of a saver's `var_list`."""
    names = {}
    if isinstance(var_list, Mapping):
        names = {name: full_name(value) for name, value in var_list.items()}
    named = []
    for saveable in saveables_of(var_list):
        specs = saveable.specs
        is_variable = len(specs) == 1 and tf.compat.as_str(specs[0].name) == saveable.name
        if not is_variable or tf.executing_eagerly():
            identity: Any = id(saveable.op)
        else:
            identity = (names.get(saveable.name, saveable.name), specs[0].slice_spec)
        named.append(_Named(saveable, identity, is_variable))
    return named


def _identity(tensor: TrackedTensor) -> Any:
    """Returns the `_Named.identity` of the same variable or object."""
    name = tensor.full_name
    if not name or tf.executing_eagerly():
        return id(unwrapped(tensor.owner))
    info = slice_info(tensor.owner)
    return (name, info.spec if info else '')


def _bind_default(named: list[_Named]) -> Bindings:
    """Binds to `Checkpoint(var_list={name: variable}, step=global_step)`. Partitioned variables are one object."""
    graph, nodes, items = ObjectGraph(), {}, []
    root = graph.add(0, object_keys.DEFAULT_ROOT)
    step_name = _global_step_name()
    for item in named:
        name = item.saveable.name
        attribute = _attribute_name(item)
        if attribute is None:
            items += [_binding(item.saveable, spec, None, '') for spec in item.saveable.specs]
            continue
        path = (object_keys.DEFAULT_STEP,) if name == step_name else (object_keys.DEFAULT_ROOT, name)
        attribute_key = object_keys.object_key(path, attribute)
        if name not in nodes:
            full_name = name if item.is_variable else ''
            nodes[name] = graph.add(root, name, [Attribute(attribute, full_name, attribute_key)])
            if name == step_name:
                graph.nodes[0].children[object_keys.DEFAULT_STEP] = nodes[name]
        for spec in item.saveable.specs:
            suffix = tf.compat.as_str(spec.name).removeprefix(name)
            items.append(
                _binding(
                    item.saveable, spec, Location(attribute_key + suffix, spec.slice_spec), attribute_key
                )
            )
    return Bindings(items, graph)


def _attribute_name(item: _Named) -> str | None:
    """Returns the name of the attribute in the object graph; None if only name-based checkpoints can hold the value."""
    if item.is_variable:
        return object_keys.VARIABLE_VALUE
    return attribute_name(item.saveable)


def _global_step_name() -> str | None:
    """Returns the name of the global step of the graph; None if there is none, and in eager mode."""
    if tf.executing_eagerly():
        return None
    step = tf.compat.v1.train.get_global_step()
    return None if step is None else full_name(step)


def _bind_both_sides(
    named: list[_Named], tracked: Tracked, style: CheckpointStyle, drop_untracked: bool
) -> Bindings:
    """Joins the saveables of the graph with the tensors that the objects reach."""
    by_identity: dict[Any, list[TrackedTensor]] = collections.defaultdict(list)
    for tensor in tracked.tensors:
        by_identity[_identity(tensor)].append(tensor)
    items, untracked = [], []
    for item in named:
        owned = by_identity.pop(item.identity, None)
        if owned is None:
            untracked.append(item.saveable.name)
            if drop_untracked:
                continue
        for spec in item.saveable.specs:
            name = tf.compat.as_str(spec.name)
            suffix = name.removeprefix(item.saveable.name)
            match = next((tensor for tensor in owned or () if tensor.key.endswith(suffix)), None)
            location = Location(match.key) if match else None
            items.append(_binding(item.saveable, spec, location, match.attribute_key if match else ''))
    if style is not CheckpointStyle.TF1:
        for tensor in (tensor for tensors in by_identity.values() for tensor in tensors):
            items.append(_object_binding(tensor, None))
    bindings = Bindings(items, tracked.graph, tracked.host_values, sorted(set(untracked)))
    if drop_untracked:
        bindings.dropped = [v for v in tf.compat.v1.global_variables() if full_name(v) in bindings.untracked]
    return bindings


def _bind_tracked(tracked: Tracked, style: CheckpointStyle) -> Bindings:
    """Binds, in eager mode, all tensors that the objects reach, under the names of the variables."""
    items = []
    for tensor in tracked.tensors:
        name = tensor.full_name
        if name or style is not CheckpointStyle.TF1:
            items.append(_object_binding(tensor, Location(name) if name else None))
    return Bindings(items, tracked.graph, tracked.host_values)


def _set_counter_apart(bindings: Bindings, tracked: Tracked) -> None:
    """Moves the save counter of the program, if there is one, from the items to `save_counter`."""
    key = tracked.graph.child_key(object_keys.SAVE_COUNTER)
    owner = next((tensor.owner for tensor in tracked.tensors if tensor.key == key), None)
    if owner is None:
        return
    bindings.save_counter = owner
    bindings.items = [item for item in bindings.items if item.target.attribute_key != key]
    if not tf.executing_eagerly():
        bindings.save_counter_name = full_name(owner)


def _object_binding(tensor: TrackedTensor, by_name: Location | None) -> Binding:
    target = TensorLocations(by_name, Location(tensor.key), tensor.attribute_key, tensor.dtype, tensor.shape)
    return Binding(target, tensor.saveable, tensor.spec)


def _binding(saveable: Any, spec: Any, by_object: Location | None, attribute_key: str) -> Binding:
    name = tf.compat.as_str(spec.name)
    shape = static_shape(saveable.op) if name == saveable.name else None
    target = TensorLocations(Location(name, spec.slice_spec), by_object, attribute_key, _dtype(spec), shape)
    return Binding(target, saveable, spec)


def _dtype(spec: Any) -> int:
    return spec.dtype.base_dtype.as_datatype_enum
