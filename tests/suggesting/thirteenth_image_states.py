"""Pairs of residual networks and states of PyTorch, by their names, for a thirteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks


class _Counted(StateDict):
    """Notes the names that tf.layers counts, in the order in which the old network makes its layers."""

    def __init__(self, scope: str):
        super().__init__()
        self._scope, self._counts = scope, {'conv2d': 0, 'batch_normalization': 0}

    def conv(self, target: str, shape: tuple[int, ...], bias: bool = False) -> None:
        """A convolution, which has no bias in the new network."""
        *size, x, y = shape
        source = self._next('conv2d')
        self.add(f'{source}/kernel', f'{target}.weight', shape, (y, x, *size))
        if bias:
            self.old(f'{source}/bias', (y,))

    def bn(self, target: str, width: int) -> None:
        """A norm of batches."""
        self.norm(self._next('batch_normalization'), target, width, statistics=True)

    def _next(self, kind: str) -> str:
        number, self._counts[kind] = self._counts[kind], self._counts[kind] + 1
        return f'{self._scope}/{kind}_{number}' if number else f'{self._scope}/{kind}'


def sim_clr_state() -> Pair:
    """google-research/simclr's ResNet-50 with both heads under TF1, and the state of tonylins/simclr-converter's.

    The answer is that of the latter's convert.py; its resnet_wider.py, which has torchvision's names, was read in a
    copy. What is published has no slots. How many layers its contrastive head has was not verified; it is three here.
    """
    names = _Counted('base_model')
    names.conv('conv1', (7, 7, 3, 64))
    names.bn('bn1', 64)
    for stage, block, part, shape in bottlenecks(3, 4, 6, 3):
        at = f'layer{stage + 1}.{block}'
        names.conv(f'{at}.conv{part}' if part else f'{at}.downsample.0', shape)
        names.bn(f'{at}.bn{part}' if part else f'{at}.downsample.1', shape[-1])
    names.weights('head_supervised/linear_layer/dense', 'fc', (2048, 1000))
    for number, width in enumerate((2048, 2048, 128)):
        at = f'head_contrastive/nl_{number}'
        names.old(f'{at}/dense/kernel', (2048, width))
        roles = ('gamma', 'moving_mean', 'moving_variance', *(['beta'] if number < 2 else []))
        for role in roles:
            names.old(f'{at}/batch_normalization/{role}', (width,))
    return names.pair({'global_step': ()})


def fix_match_state() -> Pair:
    """google-research/fixmatch's ResNet for CIFAR-10 as it is trained, and the state of kekmodel/FixMatch-pytorch's.

    Both are WRN-28-2. The old convolutions have biases. Both have the shortcut of a block after its convolutions.
    """
    names = _Counted('classify')
    names.conv('conv1', (3, 3, 3, 16), bias=True)
    x = 16
    for stage, width in enumerate((32, 64, 128), 1):
        for block in range(4):
            at = f'block{stage}.layer.{block}'
            names.bn(f'{at}.bn1', x)
            names.conv(f'{at}.conv1', (3, 3, x, width), bias=True)
            names.bn(f'{at}.bn2', width)
            names.conv(f'{at}.conv2', (3, 3, width, width), bias=True)
            if x != width:
                names.conv(f'{at}.convShortcut', (1, 1, x, width), bias=True)
            x = width
    names.bn('bn1', 128)
    names.weights('classify/dense', 'fc', (128, 10))
    ends = 'ExponentialMovingAverage', 'Momentum'
    return with_slots(names.pair(), *ends, others={'global_step': ()})
