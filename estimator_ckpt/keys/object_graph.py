"""The object graph of a checkpoint, which is parsed, serialized, and matched with another one.

The message is declared as in `tensorflow/core/protobuf/trackable_object_graph.proto`.
"""

import collections
import dataclasses
import functools
import hashlib
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.protos import declare
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys, variable_nodes

if TYPE_CHECKING:
    from estimator_ckpt.bundle.writer import BundleWriter

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


class Attribute(NamedTuple):
    """A value of an object.

    Attributes:
      name: The local name, which is `VARIABLE_VALUE` for a variable.
      full_name: The name-based key of a variable; empty for other objects.
      key: The key in the checkpoint, or the beginning of the keys (a lookup table has two).
    """

    name: str
    full_name: str
    key: str


class Slot(NamedTuple):
    """A slot variable of an optimizer.

    Attributes:
      variable: The node number of the variable that the slot belongs to.
      name: The name of the slot, such as `'m'`.
      node: The node number of the slot variable.
    """

    variable: int
    name: str
    node: int


@dataclasses.dataclass(slots=True)
class Node:
    """An object.

    Attributes:
      children: The node numbers of the children by local name.
      attributes: The values.
      slots: The slot variables of an optimizer; empty for other objects.
    """

    children: dict[str, int] = dataclasses.field(default_factory=dict)
    attributes: list[Attribute] = dataclasses.field(default_factory=list)
    slots: list[Slot] = dataclasses.field(default_factory=list)


class ObjectGraph:
    """The objects of a checkpoint.

    Attributes:
      nodes: The objects by node number. Node 0 is the root.
    """

    def __init__(self) -> None:
        self.nodes = [Node()]

    def add(self, parent: int, local_name: str, attributes: Iterable[Attribute] = ()) -> int:
        """Adds an object.

        Args:
          parent: The node number of the parent.
          local_name: The name of the object in its parent.
          attributes: The values of the object.

        Returns:
          The node number of the object.
        """
        self.nodes.append(Node({}, list(attributes), []))
        node = len(self.nodes) - 1
        self.nodes[parent].children[local_name] = node
        return node

    def add_variables(self, parent: int, names: Sequence[str], variable_keys: Sequence[str]) -> range:
        """Adds variables as children with their full names.

        Args:
          parent: The node number of the parent.
          names: The full names of the variables.
          variable_keys: The keys of the variables.

        Returns:
          The node numbers of the variables.
        """
        numbers = range(len(self.nodes), len(self.nodes) + len(names))
        self.nodes += [
            Node({}, [Attribute(object_keys.VARIABLE_VALUE, name, key)], [])
            for name, key in zip(names, variable_keys, strict=True)
        ]
        self.nodes[parent].children.update(zip(names, numbers, strict=True))
        return numbers

    @classmethod
    def parse(cls, data: bytes) -> 'ObjectGraph':
        """Returns the graph in a value of `_CHECKPOINTABLE_OBJECT_GRAPH`.

        Raises:
          ValueError: If the value cannot be parsed, or refers to nodes that it does not have.
        """
        variables, others = variable_nodes.decode(data, object_keys.VARIABLE_VALUE)
        try:
            parsed = map(_parsed_node, _Message.FromString(others).nodes)
        except DecodeError as error:
            raise ValueError(f'the object graph does not parse: {error}') from error
        # Takes half the time of `_make`, and there may be 100,000.
        graph, attribute = cls(), functools.partial(tuple.__new__, Attribute)
        graph.nodes = [Node({}, [attribute(v)], []) if v else next(parsed) for v in variables]
        graph.nodes += parsed
        graph.nodes = graph.nodes or [Node()]
        references = [reference for node in graph.nodes for reference in node.children.values()]
        references += [
            number for node in graph.nodes for slot in node.slots for number in (slot.variable, slot.node)
        ]
        if min(references, default=0) < 0 or max(references, default=0) >= len(graph.nodes):
            raise ValueError('the object graph refers to a node that it does not have')
        return graph

    def serialize(self) -> bytes:
        """Returns the value of `_CHECKPOINTABLE_OBJECT_GRAPH`, byte for byte as TensorFlow writes it."""
        with_values = self._nodes_with_values()
        # The concatenation of messages with one node each is the message with all nodes.
        return b''.join(
            [
                _variable_message(node) or _node_message(node, number in with_values)
                for number, node in enumerate(self.nodes)
            ]
        )

    def copy(self) -> 'ObjectGraph':
        """Returns a copy that can be changed independently."""
        graph = ObjectGraph()
        graph.nodes = [
            Node(dict(node.children), list(node.attributes), list(node.slots)) for node in self.nodes
        ]
        return graph

    def _nodes_with_values(self) -> set[int]:
        """Returns the nodes from which a value can be reached, for which TensorFlow warns if a program lacks them."""
        reaching = {number for number, node in enumerate(self.nodes) if node.attributes or node.slots}
        queue: list[int] = []
        parents: dict[int, list[int]] = collections.defaultdict(list)
        for number, node in enumerate(self.nodes):
            if number in reaching:
                continue
            if not reaching.isdisjoint(node.children.values()):
                queue.append(number)
            else:
                for child in node.children.values():
                    parents[child].append(number)
        reaching.update(queue)
        while queue:
            for parent in parents[queue.pop()]:
                if parent not in reaching:
                    reaching.add(parent)
                    queue.append(parent)
        return reaching

    def match(self, source: 'ObjectGraph') -> dict[str, str]:
        """Matches this graph with another one by walking both side by side from their roots.

        Objects match if they are reached by the same local names, and slot variables if their optimizers, variables and
        slot names match, regardless of keys. `tensorflow/python/checkpoint/restore.py` restores by the same rule.

        Args:
          source: The other graph.

        Returns:
          The key of the counterpart for the key of each attribute of this graph that has one.
        """
        pairs = {0: 0}
        queue = collections.deque([(0, 0)])
        while queue:
            own, other = queue.popleft()
            for name, child in self.nodes[own].children.items():
                counterpart = source.nodes[other].children.get(name)
                if counterpart is not None and child not in pairs:
                    pairs[child] = counterpart
                    queue.append((child, counterpart))
        for own, other in list(pairs.items()):
            slots = {(slot.variable, slot.name): slot.node for slot in source.nodes[other].slots}
            for slot in self.nodes[own].slots:
                variable = pairs.get(slot.variable)
                counterpart = None if variable is None else slots.get((variable, slot.name))
                if counterpart is not None:
                    pairs.setdefault(slot.node, counterpart)
        counterparts = {}
        for own, other in pairs.items():
            attributes = {attribute.name: attribute.key for attribute in source.nodes[other].attributes}
            for attribute in self.nodes[own].attributes:
                if attribute.name in attributes:
                    counterparts[attribute.key] = attributes[attribute.name]
        return counterparts

    def keys_by_full_name(self) -> dict[str, str]:
        """Returns the key of each variable by its full name, without names that several variables have."""
        keys: dict[str, str] = {}
        ambiguous: set[str] = set()
        value = object_keys.VARIABLE_VALUE
        for node in self.nodes:
            for local_name, name, key in node.attributes:
                if name and local_name == value and keys.setdefault(name, key) != key:
                    ambiguous.add(name)
        for name in ambiguous:
            del keys[name]
        return keys

    def key_at(self, path: str) -> str | None:
        """Returns the key of the variable at a path, whose local names are joined with slashes; None without one."""
        queue = [(0, path)]
        # The same node and rest of the path can be reached in very many ways, in a graph with cycles.
        seen = set(queue)
        while queue:
            node, subpath = queue.pop()
            if not subpath:
                key = next(
                    (a.key for a in self.nodes[node].attributes if a.name == object_keys.VARIABLE_VALUE), None
                )
                if key is not None:
                    return key
            # Local names may contain slashes themselves.
            for name, child in self.nodes[node].children.items():
                following = (child, subpath[len(name) + 1 :])
                if name and following not in seen and (subpath == name or subpath.startswith(name + '/')):
                    seen.add(following)
                    queue.append(following)
        return None

    def add_save_counter(self) -> str:
        """Returns the key of the counter of saves, which is added to the root if necessary."""
        key = self.child_key(object_keys.SAVE_COUNTER)
        if key is None:
            key = object_keys.object_key([object_keys.SAVE_COUNTER])
            attribute = Attribute(object_keys.VARIABLE_VALUE, object_keys.SAVE_COUNTER, key)
            self.add(0, object_keys.SAVE_COUNTER, [attribute])
        return key

    def child_key(self, local_name: str) -> str | None:
        """Returns the key of the variable that is a child of the root; None if there is none of this name."""
        child = self.nodes[0].children.get(local_name)
        if child is None:
            return None
        return next(
            (a.key for a in self.nodes[child].attributes if a.name == object_keys.VARIABLE_VALUE), None
        )


def _parsed_node(message: Any) -> Node:
    attributes = [Attribute(a.name, a.full_name, a.checkpoint_key) for a in message.attributes]
    # Most nodes have neither, which the empty displays below take advantage of.
    children, slots = message.children, message.slot_variables
    return Node(
        {child.local_name: child.node_id for child in children} if children else {},
        attributes,
        [Slot(s.original_variable_node_id, s.slot_name, s.slot_variable_node_id) for s in slots]
        if slots
        else [],
    )


def _node_message(node: Node, has_values: bool) -> bytes:
    """Returns the message of a graph with a single node."""
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
    """Returns the same message for a variable with short names; None for other nodes."""
    if len(node.attributes) != 1 or node.children or node.slots:
        return None
    return variable_nodes.encode(node.attributes[0])


def read_object_graph(reader: TensorSource) -> ObjectGraph | None:
    """Returns the object graph of a checkpoint; None for a name-based one.

    Equal graphs that are in use at the same time are one object, which nobody may change.

    Raises:
      CorruptCheckpointError: If the object graph cannot be parsed.
    """
    if object_keys.OBJECT_GRAPH not in reader:
        return None
    try:
        value = reader.tensor(object_keys.OBJECT_GRAPH, verify=True)
        if value.dtype != object:
            raise ValueError(f'it is {value.dtype}, not a string')
        return _parsed(bytes(value.item()))
    except (ValueError, TypeError) as error:
        raise CorruptCheckpointError(
            f'{reader.prefix}: {object_keys.OBJECT_GRAPH} is damaged: {error}; restore the checkpoint from a copy, or '
            'use another one.'
        ) from error


# The graphs in use, by their bytes' digests: the two checkpoints of a comparison often have the same.
_graphs: 'weakref.WeakValueDictionary[bytes, ObjectGraph]' = weakref.WeakValueDictionary()


def _parsed(data: bytes) -> ObjectGraph:
    digest = hashlib.sha256(data).digest()
    graph = _graphs.get(digest)
    if graph is None:
        graph = _graphs[digest] = ObjectGraph.parse(data)
    return graph


def add_object_graph(
    writer: 'BundleWriter', graph: ObjectGraph, counters: Iterable[str], count: int = 1
) -> None:
    """Adds the object graph and the counters of saves to a checkpoint.

    Args:
      writer: The writer of the checkpoint.
      graph: The object graph.
      counters: The keys of the counters of saves. Those that the writer has already keep their values.
      count: The number of saves, including this one.

    Raises:
      CheckpointError: If the writer has an object graph already, or a name of an object is not UTF-8.
    """
    for counter in counters:
        if counter not in writer:
            writer.add_tensor(counter, np.array(count, np.int64))
    try:
        value = graph.serialize()
    except UnicodeEncodeError as error:
        raise CheckpointError(
            f'{writer.prefix}: an object cannot have the name {error.object!r}, which is not UTF-8; rename it '
            "by rules in a conversion to 'tf1' first, or drop it."
        ) from error
    writer.add_tensor(object_keys.OBJECT_GRAPH, np.array(value, dtype=object))
