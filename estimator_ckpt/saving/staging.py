"""Turns the files that save ops wrote into a checkpoint: merged, with the second style's keys, announced whole."""

import dataclasses
import os
import re
import uuid
from collections.abc import Mapping, Sequence

import numpy as np

from estimator_ckpt.bundle import slices
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoint_exists
from estimator_ckpt.bundle.reader import BundleReader, encode_key
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.locations import Location
from estimator_ckpt.program.bindings import Bindings

_STAGING = re.compile(r'\.saving-[0-9a-f]{12}')


@dataclasses.dataclass(frozen=True)
class Extras:
    """What a checkpoint holds besides what the save ops write.

    Attributes:
      aliases: Further keys for tensors that are there, with the location of each.
      values: Small tensors to add.
      counters: Keys that differ from save to save whatever else does.
    """

    aliases: Sequence[tuple[Location, Location]] = ()
    values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    counters: frozenset[str] = frozenset()


class Staging:
    """A folder beside a checkpoint in which save ops leave their files until they are published."""

    def __init__(self, prefix: str, num_parts: int):
        self._prefix = prefix
        self._directory = f'{prefix}.saving-{uuid.uuid4().hex[:12]}'
        self.parts = [os.path.join(self._directory, f'part-{number:05d}') for number in range(num_parts)]
        self._files = files_for(prefix)

    def __enter__(self) -> 'Staging':
        self._files.make_dirs(self._directory)
        return self

    def __exit__(self, *unused_error: object) -> None:
        _remove_tree(self._directory)

    def publish(self, extras: Extras, unless_same: bool) -> bool:
        """Publishes what is in the folder, with the extras, under the prefix.

        Args:
          extras: What to add.
          unless_same: Whether a checkpoint that is there already, with the same contents, is left as it is.

        Returns:
          Whether anything was written.

        Raises:
          CheckpointError: If a part is not there, or a key would be there twice.
          OSError: If a file cannot be written. The prefix is then as it was before.
        """
        writer = BundleWriter(self._prefix)
        for part in self.parts:
            writer.include(self._open(part), 'move')
        for new, existing in extras.aliases:
            add_alias(writer, new, existing)
        for key, value in extras.values.items():
            writer.add_tensor(key, value)
        if unless_same and checkpoint_exists(self._prefix) and self._is_there(writer, extras.counters):
            return False
        writer.publish()
        return True

    def _open(self, part: str) -> BundleReader:
        try:
            return BundleReader(part)
        except CheckpointNotFoundError as error:
            raise CheckpointError(
                f'The device that saved {part} wrote it where this process does not see it; the directory of '
                f'{self._prefix} must be one that all tasks share.'
            ) from error

    def _is_there(self, writer: BundleWriter, counters: frozenset[str]) -> bool:
        try:
            existing = BundleReader(self._prefix)
            existing.check_data_files()
        except CheckpointError:
            return False
        return writer.has_contents_of(existing, ignoring=counters)


def add_alias(writer: BundleWriter, new: Location, existing: Location) -> None:
    """Gives what is at a location one more key, unless it has it: the pieces of a partitioned variable share one."""
    if new.slice_spec == existing.slice_spec:
        if new.key not in writer:
            writer.alias(new.key, existing.key)
    else:
        # One piece of a partitioned variable, tracked as a variable of its own.
        _, part = slices.parse_spec(existing.slice_spec)
        writer.alias_raw(encode_key(new.key), slices.encode_key(encode_key(existing.key), part))


def remove_abandoned(directory: str) -> None:
    """Removes the staging folders that a process left behind when it was killed while saving into `directory`."""
    files = files_for(directory)
    for name in files.list_dir(directory):
        if _STAGING.search(name[-20:]):
            _remove_tree(os.path.join(directory, name))


def _remove_tree(directory: str) -> None:
    files = files_for(directory)
    if not files.is_dir(directory):
        return
    for name in files.list_dir(directory):
        files.remove(os.path.join(directory, name))
    files.remove_dir(directory)


def objects_extras(bindings: Bindings, style: CheckpointStyle, count: int) -> Extras:
    """The extras of a checkpoint in an object-based style.

    Args:
      bindings: The tensors that are saved. A counter of saves is added to their object graph where there is none.
      style: Object-based, or both.
      count: The number of saves, this one included.
    """
    values = {value.key: value.get() for value in bindings.host_values}
    counter_key = bindings.graph.child_key(object_keys.SAVE_COUNTER)
    if counter_key is None:
        counter_key = object_keys.object_key([object_keys.SAVE_COUNTER])
        counted = Attribute(object_keys.VARIABLE_VALUE, object_keys.SAVE_COUNTER, counter_key)
        bindings.graph.add(0, object_keys.SAVE_COUNTER, [counted])
    counters = {counter_key}
    aliases = []
    if style is CheckpointStyle.BOTH:
        targets = [binding.target for binding in bindings.items]
        aliases = [(t.by_object, t.by_name) for t in targets if t.by_object and t.by_name]
        if bindings.save_counter_name:
            counters.add(bindings.save_counter_name)
    values |= {key: np.array(count, np.int64) for key in counters}
    values[object_keys.OBJECT_GRAPH] = np.array(bindings.graph.serialize(), dtype=object)
    return Extras(aliases, values, frozenset(counters))
