"""The same variables of a model in Keras 2 and in Keras 3.

Keras 2 counts the layers that have weights: `layer_with_weights-0/kernel`. Keras 3 counts all operations of a model, in
the same order: `_functional/_operations/1/_kernel` in a Sequential, and `_operations/1/_kernel` in a functional model,
where operation 0 is the input. Some attributes of its layers have other names: `_kernel` and `_embeddings`.
"""

import re
from collections.abc import Sequence

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.keys.graph_builder import Path
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.mapping.tensors import Tensor

_KERAS_2_LAYER = re.compile(r'layer_with_weights-(\d+)')
_KERAS_3_LAYERS = '_operations'
# What an attribute is called in Keras 2, by its name in Keras 3.
_ATTRIBUTES = {'_kernel': 'kernel', '_embeddings': 'embeddings'}

# Local names, with the number of a layer among those with weights in place of its names.
_CommonPath = tuple[str | int, ...]


def corresponding_variables(
    wanted: Sequence[Tensor],
    wanted_graph: ObjectGraph | None,
    tensors: Sequence[Tensor],
    graph: ObjectGraph | None,
) -> tuple[dict[str, Tensor], bool]:
    """Returns the variables of a checkpoint that the other version of Keras has under other paths.

    Args:
      wanted: The tensors of a target.
      wanted_graph: The object graph of the target; None if there is none.
      tensors: The tensors of the checkpoint.
      graph: The object graph of the checkpoint; None if there is none.

    Returns:
      The variable of the checkpoint by the key of the wanted variable; empty unless one is of Keras 2 and the other of
      Keras 3. And whether the two have the same layers.
    """
    if wanted_graph is None or graph is None or _is_keras_3(wanted_graph) == _is_keras_3(graph):
        return {}, False
    targets, sources = _common_paths(wanted, wanted_graph), _common_paths(tensors, graph)
    found = {target.key: sources[common] for common, target in targets.items() if common in sources}
    # The last two parts are those of the variable in its layer.
    return found, {path[:-2] for path in targets} == {path[:-2] for path in sources}


def _is_keras_3(graph: ObjectGraph) -> bool:
    names = {_KERAS_3_LAYERS, *_ATTRIBUTES}
    return any(not names.isdisjoint(node.children) for node in graph.nodes)


def _common_paths(tensors: Sequence[Tensor], graph: ObjectGraph) -> dict[_CommonPath, Tensor]:
    """Returns the variables of layers by their paths, without what differs between Keras 2 and Keras 3."""
    in_layers = _paths_in_layers(graph)
    paths = {
        (in_layers.get(tensor.object_key.removesuffix(tensor.suffix), tensor.path), tensor.suffix): tensor
        for tensor in tensors
        if tensor.object_key and tensor.meaning.kind is Kind.VARIABLE
    }
    ranks = _ranks([path for path, _ in paths])
    common = {(*_common_path(path, ranks), suffix): tensor for (path, suffix), tensor in paths.items()}
    # The model is the root, as in `save_weights`, or a child of it.
    roots = {path[:end] for path in common if (end := _first_layer(path)) is not None}
    root = roots.pop() if len(roots) == 1 else ()
    return {path[len(root) :] if path[: len(root)] == root else path: t for path, t in common.items()}


def _paths_in_layers(graph: ObjectGraph) -> dict[str, Path]:
    """Returns the shortest path of each attribute that avoids optimizers, whose lists Keras 3 reaches first."""
    paths: dict[int, Path] = {0: ()}
    queue = [0]
    for number in queue:
        for name, child in graph.nodes[number].children.items():
            if child not in paths and name != 'optimizer':
                paths[child] = (*paths[number], name)
                queue.append(child)
    return {
        attribute.key: path for number, path in paths.items() for attribute in graph.nodes[number].attributes
    }


def _ranks(paths: Sequence[Path]) -> dict[Path, int]:
    """Returns the position of each layer of Keras 3 among the layers of its model that have variables, by its path."""
    numbers: dict[Path, set[str]] = {}
    for path in paths:
        for end in range(1, len(path)):
            if path[end - 1] == _KERAS_3_LAYERS and path[end].isdecimal():
                numbers.setdefault(path[:end], set()).add(path[end])
    return {
        (*model, number): rank
        for model, group in numbers.items()
        for rank, number in enumerate(sorted(group, key=to_int))
    }


def _common_path(path: Path, ranks: dict[Path, int]) -> _CommonPath:
    common: list[str | int] = []
    for end, name in enumerate(path, 1):
        layer = _KERAS_2_LAYER.fullmatch(name)
        if layer:
            common.append(to_int(layer[1]))
        elif path[:end] in ranks:
            common.append(ranks[path[:end]])
        elif name not in ('_functional', _KERAS_3_LAYERS):
            common.append(_ATTRIBUTES.get(name, name) if end == len(path) else name)
    return tuple(common)


def _first_layer(path: _CommonPath) -> int | None:
    return next((i for i, name in enumerate(path) if isinstance(name, int)), None)
