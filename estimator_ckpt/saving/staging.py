"""Turns the files that save ops wrote into a checkpoint: merged, with the second style's keys, announced whole."""

import dataclasses
import os
import re
import uuid
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoint_exists
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings

_STAGING = re.compile(r'\.saving-[0-9a-f]{12}')


@dataclasses.dataclass(frozen=True)
class Extras:
    """What a checkpoint holds besides variables.

    Attributes:
      values: Small tensors, which the save ops write beside the variables.
      aliases: Further keys for tensors that are there, with the location of each.
      counters: Those of the keys of `values` that differ from save to save whatever else does.
    """

    values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    aliases: Sequence[tuple[Location, Location]] = ()
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
            writer.alias_location(new, existing)
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


def remove_abandoned(directory: str) -> None:
    """Removes the staging folders that a process left behind when it was killed while saving into `directory`."""
    files = files_for(directory)
    for name in files.list_dir(directory):
        if _STAGING.search(name[-20:]):
            _remove_tree(os.path.join(directory, name))


def announce_interrupted(directory: str) -> str | None:
    """Announces the checkpoint that a killed process had written, but not announced yet, in a directory without others.

    Its staging folder, which is removed when all is done, tells it from a checkpoint whose state file was lost.

    Args:
      directory: A directory without a state file.

    Returns:
      The prefix; None where there is no such checkpoint.
    """
    names = files_for(directory).list_dir(directory)
    begun = {_STAGING.sub('', name) for name in names if _STAGING.search(name[-20:])}
    written = [name.removesuffix('.index') for name in names if name.endswith('.index')]
    if len(written) != 1 or written[0] not in begun:
        return None
    write_state(directory, CheckpointState(written[0], (written[0],)))
    return os.path.join(directory, written[0])


def _remove_tree(directory: str) -> None:
    files = files_for(directory)
    if not files.is_dir(directory):
        return
    for name in files.list_dir(directory):
        files.remove(os.path.join(directory, name))
    files.remove_dir(directory)


def extra_dtypes(bindings: Bindings, style: CheckpointStyle) -> dict[str, tf.DType]:
    """Returns the data types of the extra values of checkpoints in a style, by their keys.

    Args:
      bindings: The tensors that are saved. A counter of saves is added to their object graph where there is none.
      style: The style.
    """
    if style is CheckpointStyle.TF1:
        return {}
    types = {value.key: tf.string for value in bindings.host_values}
    types |= dict.fromkeys(_counters(bindings, style), tf.int64)
    return {**types, object_keys.OBJECT_GRAPH: tf.string}


def objects_extras(bindings: Bindings, style: CheckpointStyle, count: int, names: bool) -> Extras:
    """Returns the extras of a checkpoint in an object-based style.

    Args:
      bindings: The tensors that are saved.
      style: Object-based, or both.
      count: The number of saves, this one included.
      names: Whether each tensor of an object has its name as a further key, whatever the style.
    """
    counters = _counters(bindings, style)
    values = {value.key: value.get() for value in bindings.host_values}
    values |= dict.fromkeys(counters, np.array(count, np.int64))
    values[object_keys.OBJECT_GRAPH] = np.array(bindings.graph.serialize(), dtype=object)
    targets = [b.target for b in bindings.items if b.target.by_object and b.target.by_name]
    if style is CheckpointStyle.BOTH:
        aliases = [(target.by_object, target.by_name) for target in targets]
    else:
        # Estimator and scripts read the step under its name; objects do not see this key.
        step = Location(object_keys.GLOBAL_STEP)
        aliases = [
            (target.by_name, target.by_object) for target in targets if names or target.by_name == step
        ]
    return Extras(values, aliases, counters)


def _counters(bindings: Bindings, style: CheckpointStyle) -> frozenset[str]:
    counters = {bindings.graph.add_save_counter()}
    if style is CheckpointStyle.BOTH and bindings.save_counter_name:
        counters.add(bindings.save_counter_name)
    return frozenset(counters)
