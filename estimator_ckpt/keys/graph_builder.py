"""Builds the object graph of a converted checkpoint, by placing tensors at paths of objects."""

from collections.abc import Iterable, Sequence

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute, Node, ObjectGraph, Slot

Path = tuple[str, ...]
_VALUE = object_keys.ATTRIBUTES + object_keys.VARIABLE_VALUE


class ObjectGraphBuilder:
    """Builds an object graph.

    Attributes:
      graph: The object graph as it is so far.
    """

    def __init__(self, graph: ObjectGraph | None = None):
        """Starts with a copy of an object graph.

        Args:
          graph: The object graph to extend; None for an empty one.
        """
        self.graph = graph.copy() if graph else ObjectGraph()
        self._node_of: dict[str, int] = {}
        self._emptied: list[int] = []
        # Keys that `_node_of` lacks so far, with their nodes. It is filled when needed, which is rare for variables.
        self._unlisted: list[tuple[Sequence[str], Sequence[int]]] = []
        for number, node in enumerate(self.graph.nodes):
            self._node_of.update((attribute.key, number) for attribute in node.attributes)

    def place(self, path: Path, name: str, attribute: str = object_keys.VARIABLE_VALUE) -> str:
        """Places a value at a path.

        Args:
          path: The path of the object, as local names from the root.
          name: The full name of the variable; empty for other objects.
          attribute: The local name of the value in its object.

        Returns:
          The key of the value.

        Raises:
          CheckpointError: If the path is empty or has an empty segment, or a value is there already.
        """
        self._check(path, name)
        node, key = self._node(path), object_keys.object_key(path, attribute)
        if any(existing.name == attribute for existing in self.graph.nodes[node].attributes):
            raise self._taken(path, name)
        return self._give(node, Attribute(attribute, name, key))

    def place_all(self, parent: Path, names: Sequence[str]) -> list[str]:
        """Places variables below a path, each as a child with the full name of the variable.

        Args:
          parent: The path of the object that gets the children, as local names from the root.
          names: The full names of the variables.

        Returns:
          The keys of the variables.

        Raises:
          CheckpointError: If the path has an empty segment, or a value is there already.
        """
        for name in names[:1]:
            self._check((*parent, name), name)
        node = self._node(parent) if names else 0
        if '' in names or not self.graph.nodes[node].children.keys().isdisjoint(names):
            return [self.place((*parent, name), name) for name in names]
        prefix = ''.join(f'{object_keys.escape(name)}/' for name in parent)
        keys = [f'{prefix}{object_keys.escape(name)}{_VALUE}' for name in names]
        self._unlisted.append((keys, self.graph.add_variables(node, names, keys)))
        return keys

    def place_slot(self, variable_key: str, optimizer: Path, slot_name: str, name: str) -> str:
        """Places a slot variable at an optimizer.

        Args:
          variable_key: The key of the variable that the slot belongs to.
          optimizer: The path of the optimizer, as local names from the root.
          slot_name: The name of the slot in the object of the optimizer.
          name: The full name of the slot variable.

        Returns:
          The key of the slot variable.

        Raises:
          CheckpointError: If the optimizer has such a slot for the variable already.
        """
        owner, variable = self._node(optimizer), self._nodes_by_key()[variable_key]
        path, _, _ = variable_key.rpartition(object_keys.ATTRIBUTES)
        path += object_keys.OPTIMIZER_SLOT + '/'.join(map(object_keys.escape, [*optimizer, slot_name]))
        key = path + object_keys.ATTRIBUTES + object_keys.VARIABLE_VALUE
        if key in self._node_of:
            raise self._taken((path,), name)
        self.graph.nodes.append(Node())
        node = len(self.graph.nodes) - 1
        self.graph.nodes[owner].slots.append(Slot(variable, slot_name, node))
        return self._give(node, Attribute(object_keys.VARIABLE_VALUE, name, key))

    def has(self, key: str) -> bool:
        """Returns True if an object has a value with this key."""
        return key in self._nodes_by_key()

    def link(self, path: Path, key: str) -> None:
        """Makes a variable reachable by a further path, without storing it again.

        Args:
          path: The further path, as local names from the root.
          key: The key of the variable.

        Raises:
          CheckpointError: If another object is at the path.
        """
        target = self._nodes_by_key()[key]
        children = self.graph.nodes[self._node(path[:-1])].children
        if children.setdefault(path[-1], target) != target:
            raise self._taken(path, key)

    def keep_only(self, kept: Iterable[str]) -> None:
        """Removes all attributes except for those with given keys, and the slots that have no value then.

        The variables that lose their values stay until `prune`, so that they can get others.

        Args:
          kept: The keys.
        """
        kept = set(kept)
        nodes = self.graph.nodes
        for number, node in enumerate(nodes):
            if any(a.name == object_keys.VARIABLE_VALUE and a.key not in kept for a in node.attributes):
                self._emptied.append(number)
            node.attributes = [attribute for attribute in node.attributes if attribute.key in kept]
        for node in nodes:
            node.slots = [slot for slot in node.slots if nodes[slot.node].attributes]
        self._node_of = {key: number for key, number in self._nodes_by_key().items() if key in kept}

    def prune(self) -> None:
        """Removes the variables that have lost their values.

        TensorFlow would take them for restored: `assert_consumed` asks only whether there is such an object.
        """
        nodes = self.graph.nodes
        without = {
            n for n in self._emptied if not (nodes[n].attributes or nodes[n].children or nodes[n].slots)
        }
        self._emptied = []
        if not without:
            return
        new = {old: number for number, old in enumerate(n for n in range(len(nodes)) if n not in without)}
        for node in nodes:
            node.children = {name: new[child] for name, child in node.children.items() if child in new}
            node.slots = [
                slot._replace(variable=new[slot.variable], node=new[slot.node])
                for slot in node.slots
                if slot.variable in new and slot.node in new
            ]
        self._node_of = {key: new[number] for key, number in self._nodes_by_key().items()}
        self.graph.nodes = [nodes[old] for old in new]

    def _nodes_by_key(self) -> dict[str, int]:
        """Returns the node of each key, complete."""
        while self._unlisted:
            self._node_of.update(zip(*self._unlisted.pop(), strict=True))
        return self._node_of

    def _node(self, path: Iterable[str]) -> int:
        """Returns the node at a path, which is created if necessary."""
        node = 0
        for local_name in path:
            child = self.graph.nodes[node].children.get(local_name)
            node = self.graph.add(node, local_name) if child is None else child
        return node

    def _give(self, node: int, attribute: Attribute) -> str:
        self.graph.nodes[node].attributes.append(attribute)
        self._node_of[attribute.key] = node
        return attribute.key

    @staticmethod
    def _check(path: Path, name: str) -> None:
        if not path or not all(path):
            raise CheckpointError(
                f'{name!r} cannot be placed at the path {"/".join(path)!r}; give a path without empty segments.'
            )

    @staticmethod
    def _taken(path: Path, name: str) -> CheckpointError:
        return CheckpointError(
            f'{name!r} cannot be placed at the path {"/".join(path)!r}, which is taken already; place one of the two '
            'elsewhere, or drop it.'
        )
