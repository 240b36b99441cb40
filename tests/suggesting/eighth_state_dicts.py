"""Collects pairs whose target are the names of a state dict, for an eighth blind test; see `blind_pairs`."""

from tests.suggesting.collected_names import CollectedNames


class StateDict(CollectedNames):
    """Collects the names that PyTorch gives to variables, and the source of each that has one."""

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

    def lstm(self, source: str, target: str, inputs: int, units: int, end: str = '_l0') -> None:
        """Notes an LSTM of TF1, whose kernel PyTorch divides, and whose bias it gives to one of two."""
        self.old(f'{source}/kernel', (inputs + units, 4 * units))
        self.old(f'{source}/bias', (4 * units,))
        for part, extent in (('ih', inputs), ('hh', units)):
            self.part(f'{source}/kernel', f'{target}.weight_{part}{end}', (4 * units, extent))
            self.part(f'{source}/bias', f'{target}.bias_{part}{end}', (4 * units,))
