"""Pairs of image networks and states of PyTorch, by their names, for a tenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks

_ROLES = dict(zip(STATISTICS, ('weight', 'bias', 'running_mean', 'running_var'), strict=True))


class _State(StateDict):
    """Notes what slim's layers and PyTorch's hold."""

    def kernel(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A kernel, of which PyTorch has the channels first, in the other order."""
        *size, x, y = shape
        self.add(f'{source}/weights', f'{target}.weight', shape, (y, x, *size))

    def layer(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A kernel and its bias."""
        self.kernel(source, target, shape)
        self.add(f'{source}/biases', f'{target}.bias', shape[-1:])

    def unit(
        self, source: str, conv: str, norm: str, shape: tuple[int, ...], transposed: bool = False
    ) -> None:
        """A convolution and its norm."""
        self.kernel(source, conv, shape)
        self.norm(f'{source}/BatchNorm', norm, shape[2 if transposed else 3], statistics=True)


class Shifts(_State):
    """Notes slim's norms that do not scale, while PyTorch's do."""

    def shifts(self, source: str, target: str, width: int) -> None:
        for role, new in _ROLES.items():
            if role == 'gamma':
                self.new(f'{target}.{new}', (width,))
            else:
                self.add(f'{source}/{role}', f'{target}.{new}', (width,))
        self.new(f'{target}.num_batches_tracked', ())

    def basic(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A `BasicConv2d`."""
        self.kernel(source, f'{target}.conv', shape)
        self.shifts(f'{source}/BatchNorm', f'{target}.bn', shape[-1])

    def branches(self, scope: str, target: str, x: int, *rows: str) -> int:
        """Notes rows of convolutions, each by its letters, its extents and its width; returns all their widths."""
        total = 0
        for branch, row in enumerate(rows):
            width, parts = x, row.split()
            for number, part in enumerate(parts):
                name, _, end = part.partition(':')
                size = tuple(map(int, name.rpartition('_')[2].split('x')))
                at = f'{target}.branch{branch}' + (f'.{number}' if len(parts) > 1 else '')
                self.basic(f'{scope}/Branch_{branch}/Conv2d_{name}', at, (*size, width, int(end)))
                width = int(end)
            total += width
        return total


def face_net() -> Pair:
    """davidsandberg/facenet's Inception-ResNet V1 as it is published for VGGFace2, and timesler/facenet-pytorch's.

    The answer is that of the latter's tensorflow2pytorch.py. The old norms do not scale. The old one saves what it
    calls trainable alone, to which the statistics belong, so it keeps neither slots nor a step; its Saver was read in
    copies alone.
    """
    names, root = Shifts(), 'InceptionResnetV1'
    stem = ('1a_3x3', 3, 32), ('2a_3x3', 32, 32), ('2b_3x3', 32, 64)
    for name, x, width in (*stem, ('3b_1x1', 64, 80), ('4a_3x3', 80, 192), ('4b_3x3', 192, 256)):
        size = int(name[-1])
        names.basic(f'{root}/Conv2d_{name}', f'conv2d_{name[:2]}', (size, size, x, width))

    def block(scope: str, target: str, x: int, *rows: str) -> None:
        total = names.branches(f'{root}/{scope}', target, x, *rows)
        names.layer(f'{root}/{scope}/Conv2d_1x1', f'{target}.conv2d', (1, 1, total, x))

    threes = '0a_1x1:32 0b_3x3:32'
    for n in range(5):
        block(f'Repeat/block35_{n + 1}', f'repeat_1.{n}', 256, '1x1:32', threes, f'{threes} 0c_3x3:32')
    row = '0a_1x1:192 0b_3x3:192 1a_3x3:256'
    names.branches(f'{root}/Mixed_6a', 'mixed_6a', 256, '1a_3x3:384', row)
    for n in range(10):
        row = '0a_1x1:128 0b_1x7:128 0c_7x1:128'
        block(f'Repeat_1/block17_{n + 1}', f'repeat_2.{n}', 896, '1x1:128', row)
    rows = '0a_1x1:256 1a_3x3:384', '0a_1x1:256 1a_3x3:256', '0a_1x1:256 0b_3x3:256 1a_3x3:256'
    names.branches(f'{root}/Mixed_7a', 'mixed_7a', 896, *rows)
    row = '0a_1x1:192 0b_1x3:192 0c_3x1:192'
    for n in range(5):
        block(f'Repeat_2/block8_{n + 1}', f'repeat_3.{n}', 1792, '1x1:192', row)
    block('Block8', 'block8', 1792, '1x1:192', row)
    names.kernel(f'{root}/Bottleneck', 'last_linear', (1792, 512))
    names.shifts(f'{root}/Bottleneck/BatchNorm', 'last_bn', 512)
    names.layer('Logits', 'logits', (512, 8631))
    return names.pair()


def simple_pose() -> Pair:
    """mks0601/TF-SimpleHumanPose with ResNet-50 for COCO as it is trained, and microsoft/human-pose-estimation.pytorch.

    The new one is its PoseResNet of 50 layers with 17 joints. The answer is that of the layers' order.
    """
    names, root = _State(), 'resnet_v1_50'
    names.unit(f'{root}/conv1', 'conv1', 'bn1', (7, 7, 3, 64))
    for stage, block, part, shape in bottlenecks(3, 4, 6, 3):
        at, new = f'{root}/block{stage + 1}/unit_{block + 1}/bottleneck_v1', f'layer{stage + 1}.{block}'
        if part:
            names.unit(f'{at}/conv{part}', f'{new}.conv{part}', f'{new}.bn{part}', shape)
        else:
            names.unit(f'{at}/shortcut', f'{new}.downsample.0', f'{new}.downsample.1', shape)
    for n, x in enumerate((2048, 256, 256)):
        conv, norm = (f'deconv_layers.{3 * n + m}' for m in (0, 1))
        names.unit(f'up{n + 1}', conv, norm, (4, 4, 256, x), transposed=True)
    names.layer('out', 'final_layer', (1, 1, 256, 17))
    others = {name: () for name in ('Variable', 'beta1_power', 'beta2_power')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=others)
