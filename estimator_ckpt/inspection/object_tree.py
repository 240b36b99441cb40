"""Shows the objects of a checkpoint as a tree: each object once, slot variables below their variables.

Objects with several paths, and objects that are their own descendants, are shown at their shortest path; other places
refer to it.
"""

import collections
import dataclasses
import os
from collections.abc import Collection, Iterator
from typing import Any

from estimator_ckpt.common import formatting
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import CheckpointEntry, Contents
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph

Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TreeNode:
    """A line of a tree.

    Attributes:
      depth: The number of levels below the root.
      name: The local name of the object, or the name of an attribute that is not the value of a variable.
      entries: The keys that hold the value.
      full_name: The name of the variable in the object graph; empty if there is none.
      slot_of: The path of the optimizer, for a slot variable; else empty.
      same_as: The path of the object that this line refers to; empty if the object is shown here.
      note: What is wrong with the object; empty if nothing is.
    """

    depth: int
    name: str
    entries: tuple[CheckpointEntry, ...] = ()
    full_name: str = ''
    slot_of: str = ''
    same_as: str = ''
    note: str = ''

    def __str__(self) -> str:
        parts = ['  ' * self.depth + (formatting.printable(self.name) or "''")]
        if self.slot_of:
            parts.append(f'(slot of {formatting.printable(self.slot_of)})')
        parts += [f'{entry.dtype} {formatting.shape(entry.shape)}' for entry in self.entries]
        if self.full_name:
            parts.append(f'"{formatting.printable(self.full_name)}"')
        if self.same_as:
            parts.append(f'-> {formatting.printable(self.same_as)}')
        if self.note:
            parts.append(f'! {self.note}')
        return '  '.join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as values that JSON can represent."""
        return {**dataclasses.asdict(self), 'entries': [entry.key for entry in self.entries]}


def tree(contents: Contents, entries: list[CheckpointEntry]) -> Iterator[TreeNode]:
    """Yields the tree of a checkpoint: its objects, then the tensors that have only names, by scope.

    Args:
      contents: The checkpoint.
      entries: All keys of the checkpoint.
    """
    by_key = {entry.key: entry for entry in entries}
    named = set(contents.names)
    if contents.graph is not None:
        yield from _ObjectTree(contents, contents.graph, by_key).lines()
        for _, group in contents.tensors():
            if any(key in contents.by_object for key in group):
                named.difference_update(group)
    yield from _name_tree([by_key[key] for key in sorted(named)])


class _ObjectTree:
    """Walks an object graph, without recursion because files may hold graphs of any depth."""

    def __init__(self, contents: Contents, graph: ObjectGraph, by_key: dict[str, CheckpointEntry]):
        self._graph = graph
        self._entries = collections.defaultdict(list)
        for key, attribute in contents.by_object.items():
            self._entries[attribute].append(by_key[key])
        self._slots = collections.defaultdict(list)
        for optimizer, node in enumerate(self._graph.nodes):
            for slot in node.slots:
                self._slots[slot.variable].append((slot.name, slot.node, optimizer))
        # The parent of each node and its local name there; None for a node that is shown at the left margin.
        self._home: dict[int, tuple[int, str] | None] = {0: None}
        self._find_homes()

    def _find_homes(self) -> None:
        slots = {slot for of_variable in self._slots.values() for _, slot, _ in of_variable}
        self._explore([0], avoid=slots)
        self._explore(list(self._home))
        for node in range(len(self._graph.nodes)):
            if node not in self._home:
                self._home[node] = None
                self._explore([node])

    def _explore(self, start: list[int], avoid: Collection[int] = ()) -> None:
        """Finds the places of the nodes below `start`; nodes in `avoid` are placed only as slots."""
        queue = collections.deque(start)
        while queue:
            node = queue.popleft()
            for name, child, optimizer in self._edges(node):
                if child not in self._home and (optimizer is not None or child not in avoid):
                    self._home[child] = (node, name)
                    queue.append(child)

    def _edges(self, node: int) -> Iterator[tuple[str, int, int | None]]:
        for name, child in self._graph.nodes[node].children.items():
            yield name, child, None
        yield from self._slots[node]

    def lines(self) -> Iterator[TreeNode]:
        shown = set()
        for root in [node for node, home in self._home.items() if home is None]:
            yield from self._value(0, 'root' if root == 0 else '(not reachable from the root)', root)
            stack = [(root, 1, self._edges(root))]
            while stack:
                node, depth, edges = stack[-1]
                edge = next(edges, None)
                if edge is None:
                    stack.pop()
                    continue
                name, child, optimizer = edge
                owner = '' if optimizer is None else self._path(optimizer)
                if self._home[child] == (node, name) and child not in shown:
                    shown.add(child)
                    yield from self._value(depth, name, child, owner)
                    stack.append((child, depth + 1, self._edges(child)))
                else:
                    yield TreeNode(depth, name, slot_of=owner, same_as=self._path(child))

    def _value(self, depth: int, name: str, node: int, slot_of: str = '') -> Iterator[TreeNode]:
        attributes = self._graph.nodes[node].attributes
        variable = next((a for a in attributes if a.name == object_keys.VARIABLE_VALUE), None)
        yield (
            self._line(depth, name, variable, slot_of) if variable else TreeNode(depth, name, slot_of=slot_of)
        )
        for attribute in attributes:
            if attribute is not variable:
                yield self._line(depth + 1, attribute.name, attribute)

    def _line(self, depth: int, name: str, attribute: Attribute, slot_of: str = '') -> TreeNode:
        entries = tuple(self._entries[attribute.key])
        note = '' if entries else f'the checkpoint has no key {formatting.printable(attribute.key)}'
        return TreeNode(depth, name, entries, attribute.full_name, slot_of, note=note)

    def _path(self, node: int) -> str:
        names = []
        while (home := self._home[node]) is not None:
            node, name = home
            names.append(name)
        return '/'.join(reversed(names)) or ('root' if node == 0 else '(not reachable)')


def _name_tree(entries: list[CheckpointEntry]) -> Iterator[TreeNode]:
    """Yields names by their scopes, with slots and averages below their variables."""
    present = {entry.key for entry in entries}
    below = collections.defaultdict(list)
    for entry in entries:
        if entry.variable in present:
            below[entry.variable].append(entry)
    scope: Path = ()
    for entry in entries:
        if entry.variable in present:
            continue
        *scopes, name = entry.key.split('/')
        shared = len(os.path.commonprefix([scope, tuple(scopes)]))
        for depth in range(shared, len(scopes)):
            yield TreeNode(depth, scopes[depth])
        scope = tuple(scopes)
        yield TreeNode(len(scopes), name, (entry,))
        for slot in below[entry.key]:
            ending = slot.key.removeprefix(f'{entry.key}/')
            yield TreeNode(len(scopes) + 1, ending, (slot,))
