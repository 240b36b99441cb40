"""The contents of a checkpoint: its tensors with all of their keys and the meanings of these."""

import collections
import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.columns import same_places, same_shapes
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.array_file import ArrayFile
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.kinds import Kind, Meaning, meanings_of_names, meanings_of_objects, refine
from estimator_ckpt.keys.object_graph import ObjectGraph, read_object_graph
from estimator_ckpt.keys.styles import CheckpointStyle

if TYPE_CHECKING:
    from estimator_ckpt.keys.keras_weights import KerasWeights

_VALUE = object_keys.ATTRIBUTES + object_keys.VARIABLE_VALUE
# A dataset's iterator has the attribute ITERATOR, and its position is stored under the attribute's key with a suffix.
_STATE = '_STATE'
_ITERATOR_STATE = f'{object_keys.ATTRIBUTES}ITERATOR{_STATE}'


class CheckpointEntry(NamedTuple):
    """A key of a checkpoint, with its tensor.

    Attributes:
      key: The key.
      shape: The shape of the tensor.
      dtype: TensorFlow's name of the data type, such as `'float32'`.
      kind: The kind of the tensor.
      size: The number of bytes in the data files.
      shard: The number of the data file that holds the tensor, or the first slice of a partitioned variable.
      variable: The key of the variable of a slot or an average; empty for other kinds.
      slot_name: The name of a slot; empty for other kinds.
      full_name: The name of the variable in the object graph, or in Keras for a file of weights; empty for a name-based
        key.
      num_slices: The number of slices that the tensor is stored in; 0 for a tensor stored whole.
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
        """Returns the fields as values that JSON can represent."""
        return {**self._asdict(), 'shape': list(self.shape), 'kind': str(self.kind)}


def keys_by_name(entries: Iterable[CheckpointEntry]) -> dict[str, list[str]]:
    """Returns the keys that a user may mean by each name.

    A name is a key itself, or else the full name of variables, or else the path of an object that is a variable.

    Args:
      entries: The keys.
    """
    by_full_name, by_path = collections.defaultdict(list), collections.defaultdict(list)
    keys = {}
    for entry in entries:
        keys[entry.key] = [entry.key]
        by_full_name[entry.full_name].append(entry.key)
        by_path[entry.key.removesuffix(_VALUE)].append(entry.key)
    by_full_name.pop('', None)
    return {**by_path, **by_full_name, **keys}


class Contents:
    """The keys of a checkpoint and its object graph.

    Attributes:
      reader: The reader of the checkpoint.
      graph: The object graph; None for a name-based checkpoint.
      all_keys: All keys, sorted.
      weights: The meanings of the tensors of a file of Keras weights; None for other sources.
      slots_problem: Why the slots of a file of Keras weights are not known; empty if they are.
    """

    def __init__(self, path: str | bytes | os.PathLike | TensorSource, weights: 'KerasWeights | None' = None):
        """Reads the index and the object graph of a checkpoint.

        Args:
          path: The path of the checkpoint, or an open reader.
          weights: The meanings of the tensors of a file of Keras weights, if they are known from the model itself.

        Raises:
          CheckpointError: If there is no checkpoint, or it is damaged.
        """
        self.reader: TensorSource = open_source(path) if isinstance(path, (str, bytes, os.PathLike)) else path
        self.graph: ObjectGraph | None = read_object_graph(self.reader)
        self.all_keys = self.reader.keys()
        self.weights, self.slots_problem = weights, ''
        if weights is None and isinstance(self.reader, ArrayFile):
            self._read_weights(self.reader)

    @functools.cached_property
    def by_object(self) -> dict[str, str]:
        """The attribute key in the object graph for each object-based key."""
        return _object_keys(self.all_keys, self.graph) if self.graph else {}

    @functools.cached_property
    def names(self) -> list[str]:
        """The other keys, without that of the object graph."""
        if not self.graph:
            return self.all_keys
        by_object = self.by_object
        return [key for key in self.all_keys if key not in by_object and key != object_keys.OBJECT_GRAPH]

    def _read_weights(self, reader: ArrayFile) -> None:
        """Works out the meanings of the tensors, if it is a file of Keras weights."""
        # Imported here, for checkpoints do not need them.
        from estimator_ckpt.formats.weights_h5 import WeightsFile
        from estimator_ckpt.keys.keras_slots import add_slots
        from estimator_ckpt.keys.keras_weights import read_weights

        if isinstance(reader, WeightsFile):
            self.weights = read_weights(reader)
            self.slots_problem = add_slots(reader, self.weights)

    @property
    def style(self) -> CheckpointStyle:
        """The style, which is `both` if each variable of an object has a name-based key too."""
        if self.graph is None:
            return CheckpointStyle.TF1
        full_names = self.full_names()
        named = set(self.names)
        if full_names and all(name in named for name in full_names.values()):
            return CheckpointStyle.BOTH
        return CheckpointStyle.TF2

    def has_tensors_of(self, other: 'Contents') -> bool:
        """Returns True if another checkpoint has the same keys and objects, and the same keys share tensors.

        May return False when unsure; cheaper than to compare what `tensors` yields.

        Args:
          other: The other checkpoint.
        """
        # Equal object graphs are one object.
        if self.graph is not other.graph or self.all_keys != other.all_keys:
            return False
        own, others = self.reader, other.reader
        if (
            isinstance(own, BundleReader)
            and isinstance(others, BundleReader)
            and list(own.raw) == list(others.raw)  # Those of slices are not among the keys.
            and same_places(own.columns, others.columns)
        ):
            return True
        return self.graph is None and own.each_has_its_place() and others.each_has_its_place()

    def has_meanings_of(self, other: 'Contents') -> bool:
        """Returns True if another checkpoint has the same keys and objects with the same meanings.

        These follow from the keys, the objects and the shapes. May return False when unsure; cheaper than to compare
        `meanings`.

        Args:
          other: The other checkpoint.
        """
        own, others = self.reader, other.reader
        if not (isinstance(own, BundleReader) and isinstance(others, BundleReader)):
            return False
        return self.has_tensors_of(other) and bool(same_shapes(own.columns, others.columns).all())

    def full_names(self) -> Mapping[str, str]:
        """Returns the full names in the object graph by attribute key, except for that of the counter of saves."""
        return self._full_names

    @functools.cached_property
    def _full_names(self) -> dict[str, str]:
        if self.graph is None:
            return {}
        full_names = {
            key: full_name for node in self.graph.nodes for _, full_name, key in node.attributes if full_name
        }
        full_names.pop(self.graph.child_key(object_keys.SAVE_COUNTER) or '', None)
        return full_names

    def meanings(self) -> dict[str, Meaning]:
        """Returns the meaning of each key.

        The meanings of object-based keys follow from the objects, or from the full name if an object is no more than a
        variable.
        """
        if self.weights is not None:
            return self.weights.meanings
        if self.graph is None:
            return meanings_of_names(self.names, self._shape)
        of_objects, full_names = meanings_of_objects(self.graph), self.full_names()
        meanings = dict.fromkeys(self.names, Meaning(Kind.VARIABLE))
        meanings |= zip(self.by_object, map(of_objects.__getitem__, self.by_object.values()), strict=True)
        meanings[object_keys.OBJECT_GRAPH] = Meaning(Kind.OBJECT_GRAPH)
        by_name = {
            name: key for key, attribute in self.by_object.items() if (name := full_names.get(attribute))
        }

        def shape_of(name: str) -> tuple[int, ...]:
            return self._shape(by_name.get(name, name))

        return refine(meanings, self.graph, by_name, self.names, shape_of)

    def _shape(self, key: str) -> tuple[int, ...]:
        return self.reader.entry(key).shape

    def entries(self) -> list[CheckpointEntry]:
        """Returns all keys with their tensors, sorted by key."""
        meanings, full_names = self.meanings(), self.full_names()
        of_weights = self.weights.names if self.weights else {}
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
                    full_name=of_weights.get(key, '') or full_names.get(self.by_object.get(key, ''), ''),
                    num_slices=len(pieces),
                )
            )
        return result

    def tensors(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each tensor once, as its first key and all of its keys, names before object keys.

        Two keys belong to the same tensor if they share bytes, or one is the full name of the other.
        """
        if self.reader.each_has_its_place():
            yield from ((key, [key]) for key in itertools.chain(self.names, self.by_object))
            return
        places, full_names = self.reader.places(), self.full_names()
        groups: dict[Any, list[str]] = collections.defaultdict(list)
        # Tensors without bytes and those in slices have no place to compare, but are recognized by their names.
        for key in self.names:
            groups[places.get(key, key)].append(key)
        for key, attribute in self.by_object.items():
            groups[places.get(key) or full_names.get(attribute) or key].append(key)
        for group in groups.values():
            yield group[0], group


def _object_keys(all_keys: list[str], graph: ObjectGraph) -> dict[str, str]:
    """Returns the attribute key in the object graph for each key that belongs to an object."""
    attributes = {attribute.key for node in graph.nodes for attribute in node.attributes}
    by_object = {key: key for key in all_keys if key in attributes}
    derived = {}
    for key in itertools.filterfalse(by_object.__contains__, all_keys):
        if key.endswith(_ITERATOR_STATE) and key.removesuffix(_STATE) in attributes:
            derived[key] = key.removesuffix(_STATE)
        elif object_keys.ATTRIBUTES in key:
            # The keys of the tensors of a lookup table are the attribute key with a suffix.
            attribute = key.rpartition('-')[0]
            if attribute in attributes:
                derived[key] = attribute
    if not derived:
        return by_object
    by_object |= derived
    return {key: by_object[key] for key in all_keys if key in by_object}


@paused_collector()
def list_entries(save_path: str | os.PathLike) -> list[CheckpointEntry]:
    """Returns all keys of a checkpoint with their tensors, sorted by key. No tensor is read.

    Args:
      save_path: A prefix, a model_dir, a `.index` or `.data-...` file, or the directory of a SavedModel.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint.
      CorruptCheckpointError: If the index or the object graph is damaged.
    """
    return Contents(save_path).entries()
