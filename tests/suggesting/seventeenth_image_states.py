"""Pairs of image networks and states of PyTorch, by their names, for a seventeenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import UNTRAINED, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


class _State(StateDict):
    """Notes the kernels of two repositories, which PyTorch has with the channels first, in the other order."""

    def kernel(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        *size, x, y = shape
        self.add(source, target, shape, (y, x, *size))

    def without_bias(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A layer that has a bias in the old one alone."""
        self.kernel(f'{source}/kernel', f'{target}.weight', shape)
        self.old(f'{source}/bias', shape[-1:])


class _Generator(_State):
    """Notes a generator of U-GAT-IT, the light one, 64 wide with 4 blocks."""

    def conv(self, scope: str, target: str, size: int, x: int, y: int) -> None:
        self.without_bias(f'{scope}/conv2d', target, (size, size, x, y))

    def instance_norm(self, scope: str, width: int) -> None:
        for role in ('beta', 'gamma'):
            self.old(f'{scope}/{role}', (width,))

    def notes(self, old: str, new: str) -> None:
        self.conv(f'{old}/conv', f'{new}.DownBlock.1', 7, 3, 64)
        self.instance_norm(f'{old}/ins_norm', 64)
        for n, width in enumerate((128, 256)):
            self.conv(f'{old}/conv_{n}', f'{new}.DownBlock.{4 * n + 5}', 3, width // 2, width)
            self.instance_norm(f'{old}/ins_norm_{n}', width)
        for n in range(4):
            for part, place in ((1, 1), (2, 5)):
                at = f'{old}/resblock_{n}/res{part}'
                self.conv(f'{at}/conv_0', f'{new}.DownBlock.{12 + n}.conv_block.{place}', 3, 256, 256)
                self.instance_norm(f'{at}/instance_norm', 256)
        for scope in ('CAM_logit', 'CAM_logit/dense'):
            self.old(f'{old}/{scope}/kernel', (256, 1))
            self.old(f'{old}/{scope}/bias', (1,))
        for name in ('gap_fc', 'gmp_fc'):
            self.new(f'{new}.{name}.weight', (1, 256))
        self.weights(f'{old}/conv_1x1/conv2d', f'{new}.conv1x1', (1, 1, 512, 256))
        for scope, name in (('linear_0', 'FC.0'), ('linear_1', 'FC.2'), ('gamma', 'gamma'), ('beta', 'beta')):
            self.without_bias(f'{old}/MLP/{scope}/dense', f'{new}.{name}', (256, 256))
        for n in range(4):
            for part in (1, 2):
                at, block = f'{old}/adaptive_resblock{n}/res{part}', f'{new}.UpBlock1_{n + 1}'
                self.conv(f'{at}/conv_0', f'{block}.conv{part}', 3, 256, 256)
                self.add(f'{at}/instance_layer_norm/rho', f'{block}.norm{part}.rho', (256,), (1, 256, 1, 1))
        for n, width in enumerate((128, 64)):
            self.conv(f'{old}/up_conv_{n}', f'{new}.UpBlock2.{5 * n + 2}', 3, 2 * width, width)
            for role in ('rho', 'gamma', 'beta'):
                norm = f'{new}.UpBlock2.{5 * n + 3}.{role}'
                self.add(f'{old}/layer_ins_norm_{n}/{role}', norm, (width,), (1, width, 1, 1))
        self.conv(f'{old}/G_logit', f'{new}.UpBlock2.11', 7, 64, 3)


class _Gan(_Generator):
    """Notes the discriminators, too, whose convolutions are normalized by their spectrum."""

    def spectral(self, scope: str, target: str, shape: tuple[int, ...], bias: bool = True) -> None:
        *size, x, y = shape
        self.kernel(f'{scope}/kernel', f'{target}.weight_orig', shape)
        self.add(f'{scope}/u', f'{target}.weight_u', (1, y), (y,))
        self.new(f'{target}.weight_v', (x * size[0] * size[1],))
        if bias:
            self.add(f'{scope}/bias', f'{target}.bias', (y,))
        else:
            self.old(f'{scope}/bias', (y,))

    def judge(self, old: str, new: str, count: int) -> None:
        """A discriminator of so many convolutions before it attends."""
        x, width = 3, 64
        for n in range(count):
            scope = f'conv_{n}' if n < count - 1 else 'conv_last'
            self.spectral(f'{old}/{scope}', f'{new}.model.{3 * n + 1}', (4, 4, x, width))
            x, width = width, 2 * width
        for role, shape in (('kernel', (x, 1)), ('bias', (1,)), ('u', (1, 1))):
            self.old(f'{old}/CAM_logit/{role}', shape)
        for name in ('gap_fc', 'gmp_fc'):
            for role, shape in (('weight_orig', (1, x)), ('weight_u', (1,)), ('weight_v', (x,))):
                self.new(f'{new}.{name}.{role}', shape)
        self.weights(f'{old}/conv_1x1/conv2d', f'{new}.conv1x1', (1, 1, 2 * x, x))
        self.spectral(f'{old}/D_logit', f'{new}.conv', (4, 4, x, 1), bias=False)


def ugatit() -> Pair:
    """taki0112/UGATIT's light networks as they are trained, and the states of znxlwm/UGATIT-pytorch's, light too.

    The latter saves its six states in one file, whose names are joined here. The old generators are named after what
    they make. One layer of the old ones attends to both pools, and that of its generators has variables that are not
    those it weighs by, while the new ones have two without biases; these have no answer.
    """
    names = _Gan()
    for old, new, letter in (('A', 'genB2A', 'A'), ('B', 'genA2B', 'B')):
        names.notes(f'generator_{old}', new)
        for scope, kind, count in (('local', 'L', 4), ('global', 'G', 6)):
            names.judge(f'discriminator_{old}/{scope}', f'dis{kind}{letter}', count)
    others = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', but=rf'{UNTRAINED}|/u$', others=others)


class _DarkNet(_State):
    """Notes YunYang1994's layers in the order of Darknet's configuration, by whose numbers the new ones are named."""

    def __init__(self):
        super().__init__()
        self._number = 0

    def skip(self, count: int) -> None:
        """Numbers shortcuts, routes and what else has no variables."""
        self._number += count

    def unit(self, source: str, x: int, width: int, size: int) -> None:
        at, n = f'module_list.{self._number}', self._number
        self.kernel(f'{source}/weight', f'{at}.conv_{n}.weight', (size, size, x, width))
        self.norm(f'{source}/batch_normalization', f'{at}.batch_norm_{n}', width, statistics=True)
        self.skip(1)

    def boxes(self, source: str, x: int, width: int) -> None:
        at, n = f'module_list.{self._number}', self._number
        self.kernel(f'{source}/weight', f'{at}.conv_{n}.weight', (1, 1, x, width))
        self.add(f'{source}/bias', f'{at}.conv_{n}.bias', (width,))
        self.skip(2)


def yolo_v3() -> Pair:
    """YunYang1994/tensorflow-yolov3 for COCO as it is trained, and the state of eriklindernoren/PyTorch-YOLOv3's.

    The new one has the layers of Darknet's yolov3.cfg. The old one is that of one stage of training, by the names of
    an earlier pair with the same network.
    """
    names, residual, number = _DarkNet(), 0, 1
    names.unit('darknet/conv0', 3, 32, 3)
    for group, count in enumerate((1, 2, 8, 8, 4)):
        width = 64 * 2**group
        names.unit(f'darknet/conv{number}', width // 2, width, 3)
        number += 1 + 2 * count
        for _ in range(count):
            at = f'darknet/residual{residual}'
            names.unit(f'{at}/conv1', width, width // 2, 1)
            names.unit(f'{at}/conv2', width // 2, width, 3)
            names.skip(1)
            residual += 1
    x = 1024
    for letter, width in (('l', 512), ('m', 256), ('s', 128)):
        if letter != 'l':
            names.skip(1)
            names.unit(f'conv{number}', x, width, 1)
            names.skip(2)
            number, x = number + 1, 3 * width
        for n in range(5):
            y, size = (2 * width, 3) if n % 2 else (width, 1)
            names.unit(f'conv{number}', x, y, size)
            number, x = number + 1, y
        names.unit(f'conv_{letter}obj_branch', x, 2 * width, 3)
        names.boxes(f'conv_{letter}bbox', 2 * width, 255)
    steps = {'learn_rate/global_step': ()}
    steps |= {f'define_train_stage/beta{n}_power': () for n in (1, 2)}
    return with_slots(names.pair(), 'Adam', 'Adam_1', 'ExponentialMovingAverage', others=steps)
