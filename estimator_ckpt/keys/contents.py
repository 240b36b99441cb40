"""What a checkpoint holds: its tensors, each with all of its keys and with what they stand for."""

import collections
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.kinds import Kind, Meaning, meanings_of_names, meanings_of_objects, refine
from estimator_ckpt.keys.object_graph import ObjectGraph, read_object_graph
from estimator_ckpt.keys.styles import CheckpointStyle


class CheckpointEntry(NamedTuple):
    """One key of a checkpoint.

    Attributes:
      key: The key.
      shape: The tensor's shape.
      dtype: TensorFlow's name of its type, such as `'float32'`.
      kind: What it stands for.
      size: Its bytes in the data files.
      shard: The number of the data file that holds it; that of the first slice of a partitioned variable.
      variable: For a slot or an average the key of its variable, else empty.
      slot_name: For a slot its name, else empty.
      full_name: For an object-based key the variable's name that the object graph notes, else empty.
      num_slices: In how many slices it is stored; 0 for a tensor stored whole.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    kind: Kind
    size: int
    shard: int
    variable: str = ''
    slot_name: str = ''
    full_name: str = ''
    num_slices: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields, fit for JSON."""
        return {**self._asdict(), 'shape': list(self.shape), 'kind': str(self.kind)}


class Contents:
    """A checkpoint's keys, with what its object graph says of them.

    Attributes:
      reader: The checkpoint.
      graph: Its object graph; None for a name-based one.
      by_object: For each key that an object has, the object graph's attribute key it belongs to.
      names: The other keys.
    """

    def __init__(self, path: str | bytes | os.PathLike | TensorSource):
        """Reads a checkpoint's index and object graph.

        Raises:
          CheckpointError: If it is not there, or damaged.
        """
        self.reader: TensorSource = open_source(path) if isinstance(path, (str, bytes, os.PathLike)) else path
        self.graph: ObjectGraph | None = read_object_graph(self.reader)
        self.all_keys = self.reader.keys()
        self.by_object = _object_keys(self.all_keys, self.graph) if self.graph else {}
        self.names = self.all_keys
        if self.graph:
            self.names = [
                key for key in self.all_keys if key not in self.by_object and key != object_keys.OBJECT_GRAPH
            ]

    @property
    def style(self) -> CheckpointStyle:
        """The style: `both` where each tensor that an object has stands under a name too."""
        if self.graph is None:
            return CheckpointStyle.TF1
        full_names = self.full_names()
        named = set(self.names)
        if full_names and all(name in named for name in full_names.values()):
            return CheckpointStyle.BOTH
        return CheckpointStyle.TF2

    def full_names(self) -> dict[str, str]:
        """For each object's key the variable's name, but for the counter of saves and for names without a variable."""
        if self.graph is None:
            return {}
        counter = self.graph.child_key(object_keys.SAVE_COUNTER)
        return {
            attribute.key: attribute.full_name
            for node in self.graph.nodes
            for attribute in node.attributes
            if attribute.full_name and attribute.key != counter
        }

    def meanings(self) -> dict[str, Meaning]:
        """Returns what each key stands for.

        Objects say what their values are; where an object is no more than a variable, its name does.
        """
        meanings = meanings_of_names(self.names)
        if self.graph is None:
            return meanings
        of_objects, full_names = meanings_of_objects(self.graph), self.full_names()
        meanings |= {key: of_objects[attribute] for key, attribute in self.by_object.items()}
        meanings[object_keys.OBJECT_GRAPH] = Meaning(Kind.OBJECT_GRAPH)
        by_name = {
            full_names[attribute]: key for key, attribute in self.by_object.items() if attribute in full_names
        }
        return refine(meanings, self.graph, by_name, self.names)

    def entries(self) -> list[CheckpointEntry]:
        """All keys, sorted."""
        meanings, full_names = self.meanings(), self.full_names()
        self.reader.decode_all()
        result = []
        for key in self.all_keys:
            entry, meaning = self.reader.entry(key), meanings[key]
            pieces = [self.reader.slice_entry(key, part) for part in entry.slices]
            result.append(
                CheckpointEntry(
                    key=key,
                    shape=entry.shape,
                    dtype=dtypes.name(entry.dtype),
                    kind=meaning.kind,
                    size=sum(piece.size for piece in pieces) if pieces else entry.size,
                    shard=pieces[0].shard if pieces else entry.shard,
                    variable=meaning.variable,
                    slot_name=meaning.slot_name,
                    full_name=full_names.get(self.by_object.get(key, ''), ''),
                    num_slices=len(pieces),
                )
            )
        return result

    def tensors(self) -> Iterator[tuple[str, list[str]]]:
        """Each tensor once, as its first key and all of its keys, names before object keys.

        Keys are one tensor's where their bytes are the same bytes, or a name is the full name of the object's key.
        """
        if self.graph is None and self.reader.each_has_its_place():
            yield from ((key, [key]) for key in self.names)
            return
        places, full_names = self.reader.places(), self.full_names()
        groups: dict[Any, list[str]] = collections.defaultdict(list)
        # A tensor without bytes of its own, or in slices, is known by its name.
        for key in self.names:
            groups[places.get(key, key)].append(key)
        for key, attribute in self.by_object.items():
            groups[places.get(key) or full_names.get(attribute) or key].append(key)
        for group in groups.values():
            yield group[0], group


def _object_keys(all_keys: list[str], graph: ObjectGraph) -> dict[str, str]:
    attributes = {attribute.key for node in graph.nodes for attribute in node.attributes}
    found = {}
    for key in all_keys:
        if key in attributes:
            found[key] = key
        elif object_keys.ATTRIBUTES in key:
            # The tensors of a table have the attribute's key and a suffix.
            attribute = key.rpartition('-')[0]
            if attribute in attributes:
                found[key] = attribute
    return found


@paused_collector()
def list_entries(save_path: str | os.PathLike) -> list[CheckpointEntry]:
    """What each key of a checkpoint holds, sorted by key. No tensor is read.

    Args:
      save_path: A prefix, a model_dir, a `.index` or `.data-...` file, or a SavedModel's directory.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint.
      CorruptCheckpointError: If its index or object graph is damaged.
    """
    return Contents(save_path).entries()
