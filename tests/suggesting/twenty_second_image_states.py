"""Pairs of image networks and states of PyTorch, by names, for the twenty-second blind test; see `blind_pairs`."""

from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair


class _Depth(CollectedNames):
    """Notes slim's convolutions, none of which is normalized, and PyTorch's."""

    def conv(self, source: str, target: str, size: int, x: int, y: int) -> None:
        self.add(f'{source}/weights', f'{target}.weight', (size, size, x, y), (y, x, size, size))
        self.add(f'{source}/biases', f'{target}.bias', (y,))

    def upward(self, source: str, target: str, size: int, x: int, y: int) -> None:
        """A transposed convolution, whose kernel has in TensorFlow the channels that it makes before the others."""
        self.add(f'{source}/weights', f'{target}.weight', (size, size, y, x), (x, y, size, size))
        self.add(f'{source}/biases', f'{target}.bias', (y,))

    def disparities(self) -> None:
        """The network that sees depth."""
        old, new, widths, x = 'depth_net', 'disp_net', (32, 64, 128, 256, 512, 512, 512), 3
        for n, (y, size) in enumerate(zip(widths, (7, 5, 3, 3, 3, 3, 3), strict=True), 1):
            self.conv(f'{old}/cnv{n}', f'{new}.conv{n}.0', size, x, y)
            self.conv(f'{old}/cnv{n}b', f'{new}.conv{n}.2', size, y, y)
            x = y
        for n, y in zip(range(7, 0, -1), (512, 512, 256, 128, 64, 32, 16), strict=True):
            self.upward(f'{old}/upcnv{n}', f'{new}.upconv{n}.0', 3, x, y)
            beside = (widths[n - 2] if n > 1 else 0) + (1 if n < 4 else 0)
            self.conv(f'{old}/icnv{n}', f'{new}.iconv{n}.0', 3, y + beside, y)
            if n <= 4:
                self.conv(f'{old}/disp{n}', f'{new}.predict_disp{n}.0', 3, y, 1)
            x = y

    def poses(self, count: int) -> None:
        """The network that sees motion between an image and a count of others, and what it can explain."""
        old, new, x = 'pose_exp_net', 'pose_exp_net', 3 * (1 + count)
        widths, sizes = (16, 32, 64, 128, 256, 256, 256), (7, 5, 3, 3, 3, 3, 3)
        for n, (y, size) in enumerate(zip(widths, sizes, strict=True), 1):
            scope = old if n <= 5 else f'{old}/pose'
            self.conv(f'{scope}/cnv{n}', f'{new}.conv{n}.0', size, x, y)
            x = y
        self.conv(f'{old}/pose/pred', f'{new}.pose_pred', 1, x, 6 * count)
        for n, y, size in ((5, 256, 3), (4, 128, 3), (3, 64, 3), (2, 32, 5), (1, 16, 7)):
            self.old(f'{old}/exp/upcnv{n}/weights', (size, size, y, x))
            self.old(f'{old}/exp/upcnv{n}/biases', (y,))
            self.new(f'{new}.upconv{n}.0.weight', (x, y, 4, 4))
            self.new(f'{new}.upconv{n}.0.bias', (y,))
            if n <= 4:
                self.old(f'{old}/exp/mask{n}/weights', (size, size, y, 2 * count))
                self.old(f'{old}/exp/mask{n}/biases', (2 * count,))
                self.new(f'{new}.predict_mask{n}.weight', (count, y, 3, 3))
                self.new(f'{new}.predict_mask{n}.bias', (count,))
            x = y


def sfm_learner_state() -> Pair:
    """tinghuiz/SfMLearner with masks as it is trained, and the states of ClementPinard/SfmLearner-Pytorch's networks.

    The files are nets.py and SfMLearner.py, which keeps what is trained and a step, and models/DispNetS.py and
    models/PoseExpNet.py, whose states are here in one, by the names that train.py has for the networks. Both see three
    images at once. What explains has kernels of other extents and half as many masks in the new one, and no answer.
    """
    names = _Depth()
    names.disparities()
    names.poses(2)
    return names.pair({'train_op/global_step': ()})
