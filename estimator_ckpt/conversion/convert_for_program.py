"""Converts a checkpoint of a known program, as if the program had saved it in another style.

`convert` derives names and paths from the checkpoint, whereas the program itself knows them.
"""

import collections
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from estimator_ckpt.bundle import slices
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder
from estimator_ckpt.keys.object_graph import add_object_graph
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.locations import Program, locate_targets

# The paths of the step in the default object of scaffolds, `Checkpoint(var_list={name: variable}, step=global_step)`.
_STEPS = (object_keys.DEFAULT_STEP, f'{object_keys.DEFAULT_ROOT}/{object_keys.GLOBAL_STEP}')


def convert_for_program(
    source: str,
    destination: str,
    style: CheckpointStyle,
    program: Program | None,
    data: Literal['link', 'copy'] = 'link',
    durable: bool = True,
) -> list[str]:
    """Writes a checkpoint of another style. The source is not changed.

    The objects of an object-based source keep their keys. The objects of the program are used for a name-based source.

    Args:
      source: The prefix of a checkpoint that the program saved.
      destination: The prefix of the new checkpoint. An existing checkpoint is replaced.
      style: The new style.
      program: The program; None if it is not known. Names and paths are then derived from the checkpoint, and the
        objects for a name-based one are those of the default object of scaffolds.
      data: `'link'` to link data files where the file system allows it; `'copy'` to copy them.
      durable: Whether the new checkpoint survives a power cut when the function returns.

    Returns:
      The object keys of the program for which the source has no value. They are left out.

    Raises:
      CheckpointError: If the source cannot be read.
      OSError: If a file cannot be written. The destination is unchanged then.
    """
    if program is None:
        contents = Contents(source)
        names_objects = contents.graph is None and style is not CheckpointStyle.TF1
        options: dict[str, Any] = {}
        if names_objects:
            steps = _STEPS if object_keys.GLOBAL_STEP in contents.reader else ()
            options = {'root': object_keys.DEFAULT_ROOT, 'step': steps}
        elif style is CheckpointStyle.TF1:
            options = {'root': object_keys.DEFAULT_ROOT}
        convert(
            source, destination, style, **options, name_step=True, data=data, overwrite=True, durable=durable
        )
        return []
    return _ProgramConversion(BundleReader(source), BundleWriter(destination), program).write(
        style, data, durable
    )


class _ProgramConversion:
    """The conversion of one checkpoint."""

    def __init__(self, reader: BundleReader, writer: BundleWriter, program: Program):
        self._reader, self._contents = reader, Contents(reader)
        self._writer, self._program = writer, program
        locations = locate_targets(program.targets, program.graph, reader, self._contents.graph)
        self._located = list(zip(program.targets, locations, strict=True))
        self._wanted: set[str] = set()

    def write(self, style: CheckpointStyle, data: Literal['link', 'copy'], durable: bool) -> list[str]:
        """Writes the new checkpoint, and returns the object keys of the program without a value."""
        self._reader.check_data_files()
        self._writer.include(self._reader, data)
        if style is CheckpointStyle.TF1:
            missing: list[str] = []
            self._name()
            self._wanted.update(set(self._contents.names) - self._counters())
        else:
            missing = self._keep_objects() if self._contents.graph else self._place_objects()
            self._wanted.update(self._names_of_objects(style))
            self._name() if style is CheckpointStyle.BOTH else self._name_step()
        for key in self._contents.all_keys:
            if key not in self._wanted:
                self._writer.remove(key)
        self._writer.publish(durable=durable)
        return missing

    def _counters(self) -> set[str]:
        return {self._program.counter_name or ''}

    def _names_of_objects(self, style: CheckpointStyle) -> set[str]:
        """Returns the name-based keys that are kept: all for `'both'`, else those of tensors without an object."""
        names = set(self._contents.names)
        if style is CheckpointStyle.BOTH:
            return names
        has_objects = self._contents.graph is not None
        for target, location in self._located:
            if target.by_name and location and (location.key in self._contents.by_object or not has_objects):
                names -= {target.by_name.key} if target.by_object else set()
        return names - self._counters()

    def _keep_objects(self) -> list[str]:
        self._wanted.update(self._contents.by_object, [object_keys.OBJECT_GRAPH])
        return []

    def _place_objects(self) -> list[str]:
        """Adds object keys and the object graph, and returns the object keys without a value."""
        program, counter = self._program, self._program.graph.child_key(object_keys.SAVE_COUNTER)
        attributes: set[str] = set(program.host_values)
        missing: list[str] = []
        for target, location in self._located:
            if target.by_object is None:
                continue
            if location is None:
                missing.append(target.by_object.key)
                continue
            attributes.add(target.attribute_key)
            self._alias(target.by_object, location)
        layout = ObjectGraphBuilder(program.graph)
        layout.keep_only([*attributes, counter or ''])
        layout.prune()
        counter = layout.graph.add_save_counter()
        if program.counter_name is not None and program.counter_name in self._reader:
            self._alias(Location(counter), Location(program.counter_name))
        for key, value in program.host_values.items():
            self._writer.add_tensor(key, value())
        add_object_graph(self._writer, layout.graph, [counter])
        return missing

    def _name_step(self) -> None:
        """Adds the key `global_step`, from which Estimator reads the step in checkpoints of any style."""
        for target, location in self._located:
            if target.by_name == Location(object_keys.GLOBAL_STEP) and location is not None:
                self._alias(target.by_name, location)

    def _name(self) -> None:
        """Adds name-based keys."""
        pieces: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
        for target, location in self._located:
            if target.by_name is None or location is None or target.by_name.key in self._reader:
                continue
            if target.by_name.slice_spec and not location.slice_spec:
                pieces[target.by_name.key].append((target.by_name.slice_spec, location.key))
            else:
                self._alias(target.by_name, location)
        for name, parts in pieces.items():
            self._join(name, parts)

    def _alias(self, new: Location, existing: Location) -> None:
        self._wanted.add(new.key)
        if new.key != existing.key:
            self._writer.alias_location(new, existing)

    def _join(self, name: str, parts: Sequence[tuple[str, str]]) -> None:
        """Adds a partitioned variable as a whole, if its pieces are separate variables of the objects.

        Args:
          name: The name-based key of the variable.
          parts: The slice and the object key of each piece.
        """
        shape, _ = slices.parse_spec(parts[0][0])
        reader = self._reader

        def compute() -> np.ndarray:
            first = reader.tensor(parts[0][1])
            whole = np.empty(shape, first.dtype)
            for spec, key in parts:
                _, part = slices.parse_spec(spec)
                whole[slices.as_numpy(part)] = reader.tensor(key)
            return whole

        self._writer.add_computed(name, reader.entry(parts[0][1]).dtype, shape, compute)
