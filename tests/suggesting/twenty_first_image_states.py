"""Pairs of image networks and states of PyTorch, by their names, for the twenty-first blind test; see `blind_pairs`."""

from tests.suggesting.architectures import INCEPTION_V1_WIDTHS
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair


class _Inflated(CollectedNames):
    """Notes the layers of Sonnet, whose norms do not scale and have five axes, and of hassony2's `Unit3Dpy`."""

    def conv(self, source: str, target: str, size: int, x: int, y: int) -> None:
        shape = (size, size, size, x, y)
        self.add(f'{source}/conv_3d/w', f'{target}.conv3d.weight', shape, (y, x, size, size, size))

    def unit(self, source: str, target: str, size: int, x: int, y: int) -> None:
        """A convolution and its norm."""
        self.conv(source, target, size, x, y)
        roles = {'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
        for old, new in roles.items():
            self.add(f'{source}/batch_norm/{old}', f'{target}.batch3d.{new}', (1, 1, 1, 1, y), (y,))
        self.new(f'{target}.batch3d.weight', (y,))
        self.new(f'{target}.batch3d.num_batches_tracked', ())

    def mixed(self, block: str, x: int, widths: tuple[int, ...]) -> int:
        """A block of four branches; returns its width. A convolution of 5b is numbered as the one before it."""
        old, new = f'Mixed_{block}', f'mixed_{block}'
        one, before_3, three, before_5, five, pooled = widths
        self.unit(f'{old}/Branch_0/Conv3d_0a_1x1', f'{new}.branch_0', 1, x, one)
        for n, (before, after) in enumerate(((before_3, three), (before_5, five)), 1):
            letter = 'a' if (block, n) == ('5b', 2) else 'b'
            self.unit(f'{old}/Branch_{n}/Conv3d_0a_1x1', f'{new}.branch_{n}.0', 1, x, before)
            self.unit(f'{old}/Branch_{n}/Conv3d_0{letter}_3x3', f'{new}.branch_{n}.1', 3, before, after)
        self.unit(f'{old}/Branch_3/Conv3d_0b_1x1', f'{new}.branch_3.1', 1, x, pooled)
        return one + three + five + pooled


def i3d_state() -> Pair:
    """google-deepmind/kinetics-i3d's RGB network as it is published, and the state of hassony2/kinetics_i3d_pytorch.

    The answer is that of the latter's src/i3dpt.py, which loads the former. The new norms scale, by ones.
    """
    names = _Inflated('RGB/inception_i3d/')
    names.unit('Conv3d_1a_7x7', 'conv3d_1a_7x7', 7, 3, 64)
    names.unit('Conv3d_2b_1x1', 'conv3d_2b_1x1', 1, 64, 64)
    names.unit('Conv3d_2c_3x3', 'conv3d_2c_3x3', 3, 64, 192)
    x = 192
    for block, widths in INCEPTION_V1_WIDTHS.items():
        x = names.mixed(block, x, widths)
    names.conv('Logits/Conv3d_0c_1x1', 'conv3d_0c_1x1', 1, x, 400)
    names.add('Logits/Conv3d_0c_1x1/conv_3d/b', 'conv3d_0c_1x1.conv3d.bias', (400,))
    return names.pair()
