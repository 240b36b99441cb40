"""What the LSTMs of TF1 add to the forget gate when they run, as the `.meta` graph beside a checkpoint says.

`BasicLSTMCell` and `LSTMCell` add a constant to the third of the four gates that a `Split` makes
(`tensorflow/python/ops/rnn_cell_impl.py`); cells of one operation have an attribute.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from estimator_ckpt.formats.meta_graph import number_of, read_graph

_SUMS = ('Add', 'AddV2')
_CELLS = ('LSTMBlockCell', 'BlockLSTM')
_FORGET_GATE = re.compile(r'(?P<scope>(?:.*/)?)split(?:_\d+)?(?::output)?:2')
# What loops add to the names of their nodes, and to those of the functions that their bodies are.
_LOOP = re.compile(r'(?:^|(?<=/))while(?:_\d+)?/|_while_body_\d+[^/]*')


class ForgetBiases:
    """The forget biases of the LSTMs of a graph."""

    def __init__(self, prefix: str):
        """Reads the graph.

        Args:
          prefix: The prefix of the checkpoint, which may have no graph.
        """
        graph = read_graph(prefix)
        self._found: list[tuple[str, float]] = []
        if graph is not None:
            self._found += _biases(graph.node)
            for function in graph.library.function:
                self._found += _biases(function.node_def, f'{function.signature.name}/')

    def of(self, scope: str) -> set[float]:
        """Returns the forget bias of a cell; none if the graph does not say it, or several if it is not clear which.

        Args:
          scope: The scope of the cell's variables.
        """
        # Loops and layers of two directions repeat scopes in the names of their nodes: the longest tail tells.
        parts = scope.split('/')
        for n in range(len(parts)):
            tail = '_'.join(['', *parts[n:]])
            values = {value for name, value in self._found if name.endswith(tail)}
            if values:
                return values
        return set()


def _biases(nodes: Iterable[Any], function: str = '') -> Iterator[tuple[str, float]]:
    """Yields the names of cells, without their loops and joined as those of functions are, and their forget biases."""
    by_name = {node.name: node for node in nodes}
    for node in by_name.values():
        if node.op in _CELLS:
            for attribute in node.attr:
                if attribute.key == 'forget_bias':
                    yield _joined(f'{function}{node.name}'.rpartition('/')[0]), attribute.value.f
        elif node.op in _SUMS and len(node.input) > 1:
            gate = _FORGET_GATE.fullmatch(node.input[0])
            constant = by_name.get(node.input[1].partition(':')[0])
            value = number_of(constant) if constant is not None and constant.op == 'Const' else None
            if gate is not None and value is not None:
                yield _joined(f'{function}{gate["scope"]}'.rstrip('/')), value


def _joined(name: str) -> str:
    return '_' + _LOOP.sub('', name).replace('/', '_')
