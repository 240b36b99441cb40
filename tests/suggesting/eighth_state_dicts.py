"""Collects pairs whose target are the names of a state dict, for an eighth blind test; see `blind_pairs`."""

from tests.suggesting.known_pairs import Pair, Shapes, files


class StateDict:
    """Collects the names that PyTorch gives to variables, and the source of each that has one."""

    def __init__(self, source: str = '', target: str = ''):
        self._source, self._target = source, target
        self._answer: dict[str, tuple[str, tuple[int, ...], tuple[int, ...] | None]] = {}
        self._old: dict[str, tuple[int, ...]] = {}
        self._new: dict[str, tuple[int, ...]] = {}

    def add(
        self, source: str, target: str, shape: tuple[int, ...], other: tuple[int, ...] | None = None
    ) -> None:
        """Notes a variable, and the shape of the target if it is another one."""
        self._answer[f'{self._source}{source}'] = f'{self._target}{target}', shape, other

    def weights(self, source: str, target: str, shape: tuple[int, ...], transposed: bool = False) -> None:
        """Notes a kernel and its bias; PyTorch has the channels of a kernel first, and those it makes before others.

        The kernel of a transposed convolution has them in TensorFlow in the other order.
        """
        *size, x, y = shape
        self.add(f'{source}/kernel', f'{target}.weight', shape, (y, x, *size))
        self.add(f'{source}/bias', f'{target}.bias', (x if transposed else y,))

    def norm(self, source: str, target: str, width: int, statistics: bool = False) -> None:
        """Notes the scale and the shift of a norm, and what one of batches counts."""
        roles = {'gamma': 'weight', 'beta': 'bias'}
        if statistics:
            roles |= {'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
            self.new(f'{target}.num_batches_tracked', ())
        for old, new in roles.items():
            self.add(f'{source}/{old}', f'{target}.{new}', (width,))

    def old(self, source: str, shape: tuple[int, ...]) -> None:
        """Notes a source that has no target."""
        self._old[f'{self._source}{source}'] = shape

    def new(self, target: str, shape: tuple[int, ...]) -> None:
        """Notes a target that has no source."""
        self._new[f'{self._target}{target}'] = shape

    def pair(self, others: Shapes | None = None) -> Pair:
        """Returns the pair; `others` are the shapes of further sources."""
        return files(self._answer, {**self._old, **(others or {})}, self._new)
