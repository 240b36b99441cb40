"""The object graph of a checkpoint: built, parsed, and matched with another.

The message is that of `tensorflow/core/protobuf/trackable_object_graph.proto`.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from estimator_ckpt.bundle import varint
from estimator_ckpt.bundle.errors import CorruptCheckpointError
from estimator_ckpt.bundle.protos import declare
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys

_Message = declare(
    'object_graph',
    {
        'ObjectReference': [(1, 'node_id', 'int32'), (2, 'local_name', 'string')],
        'SerializedTensor': [
            (1, 'name', 'string'),
            (2, 'full_name', 'string'),
            (3, 'checkpoint_key', 'string'),
        ],
        'SlotVariableReference': [
            (1, 'original_variable_node_id', 'int32'),
            (2, 'slot_name', 'string'),
            (3, 'slot_variable_node_id', 'int32'),
        ],
        'RegisteredSaver': [(1, 'name', 'string'), (2, 'object_name', 'string')],
        'HasCheckpointValues': [(1, 'value', 'bool')],
        'TrackableObject': [
            (1, 'children', 'repeated ObjectReference'),
            (2, 'attributes', 'repeated SerializedTensor'),
            (3, 'slot_variables', 'repeated SlotVariableReference'),
            (4, 'registered_saver', 'RegisteredSaver'),
            (5, 'has_checkpoint_values', 'HasCheckpointValues'),
        ],
        'TrackableObjectGraph': [(1, 'nodes', 'repeated TrackableObject')],
    },
)['TrackableObjectGraph']
# Sizes of parts of messages as these have them.
_SIZES = [varint.encode(size) for size in range(512)]
_MAX_SHORT = 480


class Attribute(NamedTuple):
    """A value of an object.

    Attributes:
      name: Its local name, `VARIABLE_VALUE` for a variable.
      full_name: The variable's name-based key; empty for what is no variable.
      key: Its key in the checkpoint, or what its keys begin with (a lookup table has two).
    """

    name: str
    full_name: str
    key: str


class Slot(NamedTuple):
    """A slot variable of the optimizer that lists it."""

    variable: int
    name: str
    node: int


@dataclasses.dataclass(slots=True)
class Node:
    """An object: its children by local name, its values, and if it is an optimizer its slots."""

    children: dict[str, int] = dataclasses.field(default_factory=dict)
    attributes: list[Attribute] = dataclasses.field(default_factory=list)
    slots: list[Slot] = dataclasses.field(default_factory=list)


class ObjectGraph:
    """The objects of a checkpoint. Node 0 is the root."""

    def __init__(self) -> None:
        self.nodes = [Node()]

    def add(self, parent: int, local_name: str, attributes: Iterable[Attribute] = ()) -> int:
        """Adds an object below `parent` and gives its node number."""
        self.nodes.append(Node({}, list(attributes), []))
        node = len(self.nodes) - 1
        self.nodes[parent].children[local_name] = node
        return node

    def add_variables(self, parent: int, names: Sequence[str], variable_keys: Sequence[str]) -> range:
        """Adds variables as children that have their whole names, and gives their node numbers."""
        numbers = range(len(self.nodes), len(self.nodes) + len(names))
        self.nodes += [
            Node({}, [Attribute(object_keys.VARIABLE_VALUE, name, key)], [])
            for name, key in zip(names, variable_keys, strict=True)
        ]
        self.nodes[parent].children.update(zip(names, numbers, strict=True))
        return numbers

    @classmethod
    def parse(cls, data: bytes) -> 'ObjectGraph':
        """The graph that the value of `_CHECKPOINTABLE_OBJECT_GRAPH` describes.

        Raises:
          ValueError: If it does not parse, or refers to nodes that are not there.
        """
        try:
            message = _Message.FromString(data)
        except DecodeError as error:
            raise ValueError(f'the object graph does not parse: {error}') from error
        graph = cls()
        graph.nodes = [_parsed_node(node) for node in message.nodes] or [Node()]
        references = [reference for node in graph.nodes for reference in node.children.values()]
        references += [
            number for node in graph.nodes for slot in node.slots for number in (slot.variable, slot.node)
        ]
        if min(references, default=0) < 0 or max(references, default=0) >= len(graph.nodes):
            raise ValueError('the object graph refers to a node that it does not have')
        return graph

    def serialize(self) -> bytes:
        """The value of `_CHECKPOINTABLE_OBJECT_GRAPH`, in the bytes that TensorFlow writes."""
        with_values = self._nodes_with_values()
        # Messages of one node each, one behind the other, are the message of all.
        return b''.join(
            [
                _variable_message(node) or _node_message(node, number in with_values)
                for number, node in enumerate(self.nodes)
            ]
        )

    def copy(self) -> 'ObjectGraph':
        """A graph that can be changed without changing this one."""
        graph = ObjectGraph()
        graph.nodes = [
            Node(dict(node.children), list(node.attributes), list(node.slots)) for node in self.nodes
        ]
        return graph

    def _nodes_with_values(self) -> set[int]:
        """The nodes from which a value can be reached; TensorFlow warns of these where a program lacks them."""
        found = {number for number, node in enumerate(self.nodes) if node.attributes or node.slots}
        queue, parents = [], collections.defaultdict(list)
        for number, node in enumerate(self.nodes):
            if number in found:
                continue
            if not found.isdisjoint(node.children.values()):
                queue.append(number)
            else:
                for child in node.children.values():
                    parents[child].append(number)
        found.update(queue)
        while queue:
            for parent in parents[queue.pop()]:
                if parent not in found:
                    found.add(parent)
                    queue.append(parent)
        return found

    def match(self, source: 'ObjectGraph') -> dict[str, str]:
        """Walks this graph and another side by side from their roots.

        Objects match that are reached by the same local names, whatever their keys; slot variables match whose
        optimizer, variable and slot name do (`tensorflow/python/checkpoint/restore.py` restores by the same rule).

        Returns:
          For the key of each attribute of this graph that has a counterpart, the counterpart's key.
        """
        pairs = {0: 0}
        queue = collections.deque([(0, 0)])
        while queue:
            mine, theirs = queue.popleft()
            for name, child in self.nodes[mine].children.items():
                counterpart = source.nodes[theirs].children.get(name)
                if counterpart is not None and child not in pairs:
                    pairs[child] = counterpart
                    queue.append((child, counterpart))
        for mine, theirs in list(pairs.items()):
            slots = {(slot.variable, slot.name): slot.node for slot in source.nodes[theirs].slots}
            for slot in self.nodes[mine].slots:
                counterpart = slots.get((pairs.get(slot.variable), slot.name))
                if counterpart is not None:
                    pairs.setdefault(slot.node, counterpart)
        matched = {}
        for mine, theirs in pairs.items():
            attributes = {attribute.name: attribute.key for attribute in source.nodes[theirs].attributes}
            for attribute in self.nodes[mine].attributes:
                if attribute.name in attributes:
                    matched[attribute.key] = attributes[attribute.name]
        return matched

    def keys_by_full_name(self) -> dict[str, str]:
        """For each variable name that is no other's, the variable's key."""
        found, ambiguous = {}, set()
        for node in self.nodes:
            for attribute in node.attributes:
                name, key = attribute.full_name, attribute.key
                if (
                    name
                    and attribute.name == object_keys.VARIABLE_VALUE
                    and found.setdefault(name, key) != key
                ):
                    ambiguous.add(name)
        for name in ambiguous:
            del found[name]
        return found

    def key_at(self, path: str) -> str | None:
        """The key of the variable that a path of local names leads to, joined with slashes; None if there is none."""
        queue = [(0, path)]
        while queue:
            node, rest = queue.pop()
            if not rest:
                key = next(
                    (a.key for a in self.nodes[node].attributes if a.name == object_keys.VARIABLE_VALUE), None
                )
                if key is not None:
                    return key
            # A local name can have slashes itself.
            for name, child in self.nodes[node].children.items():
                if name and (rest == name or rest.startswith(name + '/')):
                    queue.append((child, rest[len(name) + 1 :]))
        return None

    def add_save_counter(self) -> str:
        """Returns the key of the counter of saves, which is added to the root where there is none."""
        key = self.child_key(object_keys.SAVE_COUNTER)
        if key is None:
            key = object_keys.object_key([object_keys.SAVE_COUNTER])
            attribute = Attribute(object_keys.VARIABLE_VALUE, object_keys.SAVE_COUNTER, key)
            self.add(0, object_keys.SAVE_COUNTER, [attribute])
        return key

    def child_key(self, local_name: str) -> str | None:
        """The key of the variable that is the root's child of that name, or None."""
        child = self.nodes[0].children.get(local_name)
        if child is None:
            return None
        return next(
            (a.key for a in self.nodes[child].attributes if a.name == object_keys.VARIABLE_VALUE), None
        )


def _parsed_node(message) -> Node:
    attributes = [Attribute(a.name, a.full_name, a.checkpoint_key) for a in message.attributes]
    children, slots = message.children, message.slot_variables  # Most nodes have neither.
    return Node(
        {child.local_name: child.node_id for child in children} if children else {},
        attributes,
        [Slot(s.original_variable_node_id, s.slot_name, s.slot_variable_node_id) for s in slots]
        if slots
        else [],
    )


def _node_message(node: Node, has_values: bool) -> bytes:
    """The message of a graph of one node."""
    message = _Message()
    out = message.nodes.add()
    add_child = out.children.add
    for local_name, child in node.children.items():
        add_child(node_id=child, local_name=local_name)
    for attribute in node.attributes:
        out.attributes.add(name=attribute.name, full_name=attribute.full_name, checkpoint_key=attribute.key)
    for slot in node.slots:
        out.slot_variables.add(
            original_variable_node_id=slot.variable, slot_name=slot.name, slot_variable_node_id=slot.node
        )
    out.has_checkpoint_values.value = has_values
    return message.SerializeToString(deterministic=True)


def _variable_message(node: Node) -> bytes | None:
    """The same in a third of the time for what nearly all nodes are: a variable, of no great length; else None."""
    if len(node.attributes) != 1 or node.children or node.slots:
        return None
    name, full_name, key = map(str.encode, node.attributes[0])
    a, b, c = len(name), len(full_name), len(key)
    if not (a and b and c) or a + b + c > _MAX_SHORT:
        return None
    # Each field is its tag, its size, and its bytes; the last is that there are values.
    value = b'\x0a%b%b\x12%b%b\x1a%b%b' % (_SIZES[a], name, _SIZES[b], full_name, _SIZES[c], key)
    size = _SIZES[len(value)]
    return b'\x0a%b\x12%b%b\x2a\x02\x08\x01' % (_SIZES[len(size) + len(value) + 5], size, value)


def read_object_graph(reader: TensorSource) -> ObjectGraph | None:
    """The object graph of a checkpoint, or None for a name-based one.

    Raises:
      CorruptCheckpointError: If it does not parse.
    """
    if object_keys.OBJECT_GRAPH not in reader:
        return None
    try:
        value = reader.tensor(object_keys.OBJECT_GRAPH, verify=True)
        if value.dtype != object:
            raise ValueError(f'it is {value.dtype}, not a string')
        return ObjectGraph.parse(bytes(value.item()))
    except (ValueError, TypeError) as error:
        raise CorruptCheckpointError(
            f'{reader.prefix}: {object_keys.OBJECT_GRAPH} is damaged: {error}; restore the checkpoint from a copy, or '
            'use another one.'
        ) from error


def add_object_graph(
    writer: BundleWriter, graph: ObjectGraph, counters: Iterable[str], count: int = 1
) -> None:
    """Adds what an object-based checkpoint has besides its tensors.

    Args:
      writer: The checkpoint in the making.
      graph: Its object graph.
      counters: The keys of the counters of saves. Those that the writer has keep their values.
      count: The number of saves, this one included.

    Raises:
      CheckpointError: If the writer has an object graph already.
    """
    for counter in counters:
        if counter not in writer:
            writer.add_tensor(counter, np.array(count, np.int64))
    writer.add_tensor(object_keys.OBJECT_GRAPH, np.array(graph.serialize(), dtype=object))
