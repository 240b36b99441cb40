"""Merges the files that save ops wrote into one checkpoint, adds the keys of the second style, and publishes it."""

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoint_exists, data_path, find_state_entry, index_path
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.staging_names import new_staging, staged_in_file, staged_in_folder, surplus_note
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.saving.write_back import writing_back

# TensorFlow's restore op takes the path for a glob pattern, in which these characters are special.
_PATTERN = re.compile(r'\[[^/]*\]|\\' if os.sep == '/' else r'\[[^/\\]*\]')


def check_can_be_restored(prefix: str) -> None:
    """Checks that TensorFlow's restore op can find a checkpoint.

    Args:
      prefix: The checkpoint, which need not exist yet.

    Raises:
      CheckpointError: If it cannot, as its path has brackets or a backslash.
    """
    match = _PATTERN.search(prefix)
    if match:
        raise CheckpointError(
            f'{prefix} cannot be restored: TensorFlow takes {match[0]!r} in a path for a pattern; choose a directory '
            'and a name without brackets and backslashes, or rename them.'
        )


def needed_room(bindings: Bindings) -> int:
    """Returns the least number of bytes that a checkpoint of some tensors needs.

    Args:
      bindings: The tensors.
    """
    targets = [binding.target for binding in bindings.items]
    return sum(math.prod(t.shape or ()) * tf.as_dtype(t.dtype).size for t in targets)


@dataclasses.dataclass(frozen=True)
class Extras:
    """The entries of a checkpoint besides variables.

    Attributes:
      values: Small tensors, by key, which the save ops write beside the variables.
      aliases: Pairs of a further location for a tensor and its existing location.
      counters: The keys in `values` of counters, which differ from save to save even if no variable does.
    """

    values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    aliases: Sequence[tuple[Location, Location]] = ()
    counters: frozenset[str] = frozenset()


class Staging:
    """The files beside a checkpoint that save ops leave until it is published.

    Attributes:
      parts: The prefixes under which the save ops write: hidden files, or those of several parts in a folder. On an
        object store, where files become visible only when they are complete, a new checkpoint of one part and without
        aliases is written in place.
      note: The path at which the surplus checkpoints may be noted until the context ends; empty on an object store,
        where that takes requests.
      paths: The files of the published checkpoint; empty before it is published.
    """

    def __init__(
        self,
        prefix: str,
        num_parts: int,
        extras: Extras,
        is_announced: bool = False,
        durable: bool = True,
    ):
        """Chooses the names of the files. Nothing is written yet.

        Args:
          prefix: The prefix of the checkpoint.
          num_parts: The number of sets of files that the save ops write.
          extras: The entries besides variables.
          is_announced: Whether the state file already names a checkpoint. The first one is never written in place: if
            the process is killed, what is left of its staging shows that it was to be announced.
          durable: Whether a published checkpoint survives a power cut.
        """
        self._prefix, self._extras, self._durable = prefix, extras, durable
        self._files = files_for(prefix)
        in_store = self._files.is_object_store
        may_be_in_place = in_store and is_announced and num_parts == 1 and not extras.aliases
        self._in_place = may_be_in_place and not checkpoint_exists(prefix)
        self._has_folder = num_parts > 1 or in_store
        self._place = new_staging(prefix, self._has_folder)
        if self._in_place:
            self.parts = [prefix]
        elif self._has_folder:
            self.parts = [os.path.join(self._place, f'part-{number:05d}') for number in range(num_parts)]
        else:
            self.parts = [self._place]
        self.note = '' if in_store else surplus_note(self._place, self._has_folder)
        self.paths: list[str] = []
        self._moved = False

    def __enter__(self) -> 'Staging':
        self._files.make_dirs(self._place if self._has_folder else os.path.dirname(self._place))
        return self

    def __exit__(self, error: type[BaseException] | None, *unused: object) -> None:
        # A disk that fails may not let the files be removed either, which must not hide the first error.
        with contextlib.suppress(OSError, tf.errors.OpError) if error else contextlib.nullcontext():
            self._remove()

    def _remove(self) -> None:
        if self._in_place:
            if not self.paths:
                self._remove_files_of(self._prefix)
        elif self._moved and self._files.is_object_store:
            # Listing the directory would take more requests. Some stores have an object for a directory.
            for path in [*map(index_path, self.parts), f'{self._place}/']:
                self._files.discard(path)
        elif self._has_folder:
            self._files.remove_tree(self._place)
        else:
            self._files.discard(self.note)
            if self._moved:
                self._files.discard(index_path(self._place))
            else:
                self._remove_files_of(self._place)

    def _remove_files_of(self, prefix: str) -> None:
        directory, base = os.path.split(prefix)
        for name in self._files.list_dir(directory):
            if name.startswith((index_path(base), f'{base}.data-')):
                self._files.discard(os.path.join(directory, name))

    def writing_back(self) -> contextlib.AbstractContextManager[None]:
        """Returns a context in which what save ops write goes to the disk while they write more."""
        if not self._durable or self._in_place or '://' in self._place:
            return contextlib.nullcontext()
        return writing_back(os.path.join(self._place, '') if self._has_folder else self._place)

    def publish(self, unless_same: bool) -> bool:
        """Publishes the files of the save ops, with the extras, under the prefix.

        Args:
          unless_same: Whether to keep an existing checkpoint that has the same contents.

        Returns:
          True if a checkpoint was written, False if the existing one was kept.

        Raises:
          CheckpointError: If a part is missing, or two tensors have the same key.
          OSError: If a file cannot be written. Files under the prefix are then unchanged.
        """
        if self._in_place:
            self.paths = [index_path(self._prefix), data_path(self._prefix, 0, 1)]
            return True
        writer, extras = BundleWriter(self._prefix), self._extras
        for part in self.parts:
            writer.include(self._open(part), 'move')
        for new, existing in extras.aliases:
            writer.alias_location(new, existing)
        if unless_same and checkpoint_exists(self._prefix) and self._is_there(writer, extras.counters):
            return False
        writer.publish(durable=self._durable)
        self.paths, self._moved = writer.paths, True
        return True

    def _open(self, part: str) -> BundleReader:
        try:
            return BundleReader(part, is_prefix=True)
        except CheckpointNotFoundError as error:
            if not self._has_folder or not self._files.is_dir(self._place):
                raise  # Another process has removed it.
            raise CheckpointError(
                f'The device that saved {part} wrote it where this process does not see it; the directory of '
                f'{self._prefix} must be one that all tasks share.'
            ) from error

    def _is_there(self, writer: BundleWriter, counters: frozenset[str]) -> bool:
        try:
            existing = BundleReader(self._prefix, is_prefix=True)
            existing.check_data_files()
        except CheckpointError:
            return False
        self.paths = [index_path(self._prefix), *existing.data_paths()]
        return writer.has_contents_of(existing, ignoring=counters)


def announce_interrupted(directory: str) -> str | None:
    """Announces a checkpoint that a killed process had written, but not announced.

    What is left of its staging, which is removed last, distinguishes it from others that no state file names.

    Args:
      directory: A directory whose state file names older checkpoints only; without a state file, it must have no other
        checkpoint.

    Returns:
      The prefix of the checkpoint; None if there is no such checkpoint.
    """
    names = files_for(directory).list_dir(directory)
    begun = {staged_in_file(name) or staged_in_folder(name) for name in names} - {''}
    written = [
        name.removesuffix('.index') for name in names if name.endswith('.index') and not staged_in_file(name)
    ]
    state = read_state(directory)
    unannounced = [name for name in written if name in begun and (state is None or name not in state.all)]
    if len(unannounced) != 1 or (state is None and len(written) > 1):
        return None
    name, prefix = unannounced[0], os.path.join(directory, unannounced[0])
    if state is None:
        write_state(directory, CheckpointState(name, (name,)))
        return prefix
    latest = find_state_entry(directory, state.latest)
    if latest is None or files_for(prefix).mtime(index_path(prefix)) < files_for(latest).mtime(
        index_path(latest)
    ):
        return None
    times = (*state.timestamps, files_for(prefix).mtime(index_path(prefix))) if state.timestamps else ()
    write_state(directory, dataclasses.replace(state, latest=name, all=(*state.all, name), timestamps=times))
    return prefix


def extra_dtypes(bindings: Bindings, style: CheckpointStyle) -> dict[str, tf.DType]:
    """Returns the data types of the extra values of checkpoints in a style, by key.

    Args:
      bindings: The tensors that are saved. A save counter is added to their object graph if it has none.
      style: The style of the checkpoints.
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
      count: The number of saves, including this one.
      names: Whether to add the names of all tensors as further keys in an object-based checkpoint too.
    """
    counters = _counters(bindings, style)
    values = {value.key: value.get() for value in bindings.host_values}
    values |= dict.fromkeys(counters, np.array(count, np.int64))
    values[object_keys.OBJECT_GRAPH] = np.array(bindings.stored_graph, dtype=object)
    locations = [
        (target.by_object, target.by_name)
        for target in (binding.target for binding in bindings.items)
        if target.by_object and target.by_name
    ]
    if style is CheckpointStyle.BOTH:
        aliases = locations
    else:
        # Estimator and scripts read the step by its name. Restoring objects ignores this key.
        step = Location(object_keys.GLOBAL_STEP)
        aliases = [(by_name, by_object) for by_object, by_name in locations if names or by_name == step]
    return Extras(values, aliases, counters)


def _counters(bindings: Bindings, style: CheckpointStyle) -> frozenset[str]:
    """Returns the keys of the save counters of a checkpoint."""
    counters = {bindings.graph.add_save_counter()}
    if style is CheckpointStyle.BOTH and bindings.save_counter_name:
        counters.add(bindings.save_counter_name)
    return frozenset(counters)
