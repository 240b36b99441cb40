"""Collects pairs of names, for pairs both of whose sides are checkpoints without objects."""

from collections.abc import Iterable

from tests.suggesting.blind_objects import STATISTICS
from tests.suggesting.known_pairs import Pair, Shapes, files


class CollectedNames:
    """Collects the names of both sides, and the source of each target that has one."""

    def __init__(self, source: str = '', target: str = ''):
        self._source, self._target = source, target
        self._answer: dict[str, tuple[str, tuple[int, ...], tuple[int, ...] | None]] = {}
        self._old: dict[str, tuple[int, ...]] = {}
        self._new: dict[str, tuple[int, ...]] = {}
        self._parts: dict[str, tuple[str, tuple[int, ...]]] = {}

    def add(
        self, source: str, target: str, shape: tuple[int, ...], other: tuple[int, ...] | None = None
    ) -> None:
        """Notes a variable, and the shape of the target if it is another one."""
        self._answer[f'{self._source}{source}'] = f'{self._target}{target}', shape, other

    def old(self, source: str, shape: tuple[int, ...]) -> None:
        """Notes a source that has no target."""
        self._old[f'{self._source}{source}'] = shape

    def new(self, target: str, shape: tuple[int, ...]) -> None:
        """Notes a target that has no source."""
        self._new[f'{self._target}{target}'] = shape

    def part(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """Notes a target that has a part of a source, and its shape; the source is one that `old` notes."""
        self._parts[f'{self._target}{target}'] = f'{self._source}{source}', shape

    def pair(self, others: Shapes | None = None) -> Pair:
        """Returns the pair; `others` are the shapes of further sources, whose names are whole."""
        pair = files(self._answer, {**self._old, **(others or {})}, self._new)
        shapes = {target: shape for target, (_, shape) in self._parts.items()}
        sources = {target: source for target, (source, _) in self._parts.items()}
        return Pair(pair.shapes, {**pair.target, **shapes}, {**pair.sources, **sources})


class Names(CollectedNames):
    """Collects pairs whose target has names of TensorFlow, or such roles."""

    def layer(self, source: str, target: str, shape: tuple[int, ...], width: int | None = None) -> None:
        """Notes a kernel and its bias, which both sides call so."""
        self.add(f'{source}/kernel', f'{target}/kernel', shape)
        self.add(f'{source}/bias', f'{target}/bias', (shape[-1] if width is None else width,))

    def dense(
        self, source: str, target: str, x: int, y: int, kernel: str = 'kernel', bias: str = 'bias'
    ) -> None:
        """Notes a dense layer, by the roles of the new side."""
        self.add(f'{source}/kernel', f'{target}/{kernel}', (x, y))
        self.add(f'{source}/bias', f'{target}/{bias}', (y,))

    def vectors(self, source: str, target: str, width: int, roles: Iterable[str], **names: str) -> None:
        """Notes vectors, by roles that both sides share but for `names`, which has those of the old side."""
        for role in roles:
            self.add(f'{source}/{names.get(role, role)}', f'{target}/{role}', (width,))

    def norm(self, source: str, target: str, width: int, **names: str) -> None:
        """Notes the variables of a norm of batches; `names` are the source's for some of Keras's."""
        self.vectors(source, target, width, STATISTICS, **names)
