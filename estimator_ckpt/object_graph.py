"""The object graph of a checkpoint: built, parsed, and matched with another.

The message is that of `tensorflow/core/protobuf/trackable_object_graph.proto`.
"""

import collections
import dataclasses
from collections.abc import Iterable

from google.protobuf.message import DecodeError

from estimator_ckpt import keys
from estimator_ckpt.bundle.errors import CorruptCheckpointError
from estimator_ckpt.bundle.protos import declare
from estimator_ckpt.bundle.reader import BundleReader

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


@dataclasses.dataclass(slots=True)
class Attribute:
    """A value of an object.

    Attributes:
      name: Its local name, `VARIABLE_VALUE` for a variable.
      full_name: The variable's name-based key; empty for what is no variable.
      key: Its key in the checkpoint, or what its keys begin with (a lookup table has two).
    """

    name: str
    full_name: str
    key: str


@dataclasses.dataclass(slots=True)
class Slot:
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
        self.nodes.append(Node(attributes=list(attributes)))
        node = len(self.nodes) - 1
        self.nodes[parent].children[local_name] = node
        return node

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
        graph.nodes = [
            Node(
                {child.local_name: child.node_id for child in node.children},
                [Attribute(a.name, a.full_name, a.checkpoint_key) for a in node.attributes],
                [
                    Slot(s.original_variable_node_id, s.slot_name, s.slot_variable_node_id)
                    for s in node.slot_variables
                ],
            )
            for node in message.nodes
        ] or [Node()]
        count = len(graph.nodes)
        for node in graph.nodes:
            references = [*node.children.values()]
            for slot in node.slots:
                references += (slot.variable, slot.node)
            if any(not 0 <= reference < count for reference in references):
                raise ValueError('the object graph refers to a node that it does not have')
        return graph

    def serialize(self) -> bytes:
        """The value of `_CHECKPOINTABLE_OBJECT_GRAPH`."""
        message = _Message()
        with_values = self._nodes_with_values()
        for number, node in enumerate(self.nodes):
            out = message.nodes.add()
            for local_name, child in node.children.items():
                out.children.add(node_id=child, local_name=local_name)
            for attribute in node.attributes:
                out.attributes.add(
                    name=attribute.name, full_name=attribute.full_name, checkpoint_key=attribute.key
                )
            for slot in node.slots:
                out.slot_variables.add(
                    original_variable_node_id=slot.variable,
                    slot_name=slot.name,
                    slot_variable_node_id=slot.node,
                )
            out.has_checkpoint_values.value = number in with_values
        return message.SerializeToString(deterministic=True)

    def _nodes_with_values(self) -> set[int]:
        """The nodes from which a value can be reached; TensorFlow warns of these where a program lacks them."""
        parents = collections.defaultdict(list)
        for number, node in enumerate(self.nodes):
            for child in node.children.values():
                parents[child].append(number)
        found = {number for number, node in enumerate(self.nodes) if node.attributes or node.slots}
        queue = list(found)
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
        found = collections.defaultdict(set)
        for node in self.nodes:
            for attribute in node.attributes:
                if attribute.full_name and attribute.name == keys.VARIABLE_VALUE:
                    found[attribute.full_name].add(attribute.key)
        return {name: next(iter(found_keys)) for name, found_keys in found.items() if len(found_keys) == 1}

    def child_key(self, local_name: str) -> str | None:
        """The key of the variable that is the root's child of that name, or None."""
        child = self.nodes[0].children.get(local_name)
        if child is None:
            return None
        return next((a.key for a in self.nodes[child].attributes if a.name == keys.VARIABLE_VALUE), None)


def read_object_graph(reader: BundleReader) -> ObjectGraph | None:
    """The object graph of a checkpoint, or None for a name-based one.

    Raises:
      CorruptCheckpointError: If it does not parse.
    """
    if keys.OBJECT_GRAPH not in reader:
        return None
    try:
        value = reader.tensor(keys.OBJECT_GRAPH, verify=True)
        if value.dtype != object:
            raise ValueError(f'it is {value.dtype}, not a string')
        return ObjectGraph.parse(bytes(value.item()))
    except (ValueError, TypeError) as error:
        raise CorruptCheckpointError(
            f'{reader.prefix}: {keys.OBJECT_GRAPH} is damaged: {error}; restore the checkpoint from a copy, or use '
            'another one.'
        ) from error
