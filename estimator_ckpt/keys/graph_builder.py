"""Puts tensors at paths of objects: builds the object graph of a converted checkpoint."""

from collections.abc import Iterable, Sequence

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute, Node, ObjectGraph, Slot

Path = tuple[str, ...]
_VALUE = object_keys.ATTRIBUTES + object_keys.VARIABLE_VALUE


class ObjectGraphBuilder:
    """An object graph in the making, on top of one that is there or from nothing."""

    def __init__(self, graph: ObjectGraph | None = None):
        self.graph = graph.copy() if graph else ObjectGraph()
        self._node_of: dict[str, int] = {}
        # Keys that are not in `_node_of` yet, and their nodes: those of many variables are seldom asked for.
        self._unlisted: list[tuple[Sequence[str], Sequence[int]]] = []
        for number, node in enumerate(self.graph.nodes):
            self._node_of.update((attribute.key, number) for attribute in node.attributes)

    def place(self, path: Path, name: str, attribute: str = object_keys.VARIABLE_VALUE) -> str:
        """Puts a value at a path of local names from the root.

        Args:
          path: Where.
          name: The variable's name, for the object graph to note; empty for what is no variable.
          attribute: What the object calls the value.

        Returns:
          Its key.

        Raises:
          CheckpointError: If the path is empty, or a value is there already.
        """
        self._check(path, name)
        node, key = self._node(path), object_keys.object_key(path, attribute)
        if any(there.name == attribute for there in self.graph.nodes[node].attributes):
            raise self._taken(path, name)
        return self._give(node, Attribute(attribute, name, key))

    def place_all(self, parent: Path, names: Sequence[str]) -> list[str]:
        """Puts variables below one path, each as a child that has its whole name, and gives their keys.

        Raises:
          CheckpointError: If the path has gaps, or a value is there already.
        """
        for name in names[:1]:
            self._check((*parent, name), name)
        node = self._node(parent) if names else 0
        if '' in names or not self.graph.nodes[node].children.keys().isdisjoint(names):
            return [self.place((*parent, name), name) for name in names]
        beginning = ''.join(f'{object_keys.escape(name)}/' for name in parent)
        placed = [f'{beginning}{object_keys.escape(name)}{_VALUE}' for name in names]
        self._unlisted.append((placed, self.graph.add_variables(node, names, placed)))
        return placed

    def place_slot(self, variable_key: str, optimizer: Path, slot_name: str, name: str) -> str:
        """Puts a slot variable of the variable with `variable_key` at an optimizer, and gives its key.

        Raises:
          CheckpointError: If the variable has a slot of that name there already.
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

    def link(self, path: Path, key: str) -> None:
        """Makes the variable with a key reachable by one more path; it is not stored again.

        Raises:
          CheckpointError: If something else is at the path.
        """
        target = self._nodes_by_key()[key]
        children = self.graph.nodes[self._node(path[:-1])].children
        if children.setdefault(path[-1], target) != target:
            raise self._taken(path, key)

    def keep_only(self, kept: Iterable[str]) -> None:
        """Removes the attributes with other keys, and the slots that are left without a value."""
        kept = set(kept)
        nodes = self.graph.nodes
        for node in nodes:
            node.attributes = [attribute for attribute in node.attributes if attribute.key in kept]
        for node in nodes:
            node.slots = [slot for slot in node.slots if nodes[slot.node].attributes]
        self._node_of = {key: number for key, number in self._nodes_by_key().items() if key in kept}

    def _nodes_by_key(self) -> dict[str, int]:
        while self._unlisted:
            self._node_of.update(zip(*self._unlisted.pop(), strict=True))
        return self._node_of

    def _node(self, path: Iterable[str]) -> int:
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
                f'{name!r} cannot be put at the path {"/".join(path)!r}; give one without gaps.'
            )

    @staticmethod
    def _taken(path: Path, name: str) -> CheckpointError:
        return CheckpointError(
            f'{name!r} is to be at the path {"/".join(path)!r}, where something is already; put one of the two '
            'elsewhere, or drop it.'
        )
