"""Pairs of image networks and states of PyTorch, by their names, for a fifteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair


class _State(CollectedNames):
    """Notes the names of convolutions and their norms."""

    def conv(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """Notes a kernel, of which PyTorch has first the channels that it makes."""
        *size, x, y = shape
        self.add(source, f'{target}.weight', shape, (y, x, *size))

    def norm(self, source: str, target: str, width: int, scales: bool = True) -> None:
        """Notes a norm, the old one of which may have no scale."""
        roles = ('weight', 'bias', 'running_mean', 'running_var')
        for old, new in zip(STATISTICS, roles, strict=True):
            if scales or old != 'gamma':
                self.add(f'{source}/{old}', f'{target}.{new}', (width,))
            else:
                self.new(f'{target}.{new}', (width,))
        self.new(f'{target}.num_batches_tracked', ())


_INCEPTIONS = {
    '3b 3a': (192, 64, 96, 128, 16, 32, 32),
    '3c 3b': (256, 128, 128, 192, 32, 96, 64),
    '4b 4a': (480, 192, 96, 208, 16, 48, 64),
    '4c 4b': (512, 160, 112, 224, 24, 64, 64),
    '4d 4c': (512, 128, 128, 256, 24, 64, 64),
    '4e 4d': (512, 112, 144, 288, 32, 64, 64),
    '4f 4e': (528, 256, 160, 320, 32, 128, 128),
    '5b 5a': (832, 256, 160, 320, 32, 128, 128),
    '5c 5b': (832, 384, 192, 384, 48, 128, 128),
}


def googlenet() -> Pair:
    """tensorflow/models' slim's Inception V1 as it is trained, and the state of pytorch/vision's googlenet.

    The new one was made of slim's weights; it has scales, two auxiliary classifiers and a class less. In one block slim
    calls a second convolution 0a, too. That slim's script trained the old one is not verified.
    """
    names = _State('InceptionV1/')

    def unit(source: str, target: str, *shape: int) -> None:
        at = f'InceptionV1/{source}'
        names.conv(f'{at}/weights', f'{target}.conv', shape)
        names.norm(f'{at}/BatchNorm', f'{target}.bn', shape[-1], scales=False)

    unit('Conv2d_1a_7x7', 'conv1', 7, 7, 3, 64)
    unit('Conv2d_2b_1x1', 'conv2', 1, 1, 64, 64)
    unit('Conv2d_2c_3x3', 'conv3', 3, 3, 64, 192)
    for blocks, (x, one, less, three, least, five, pool) in _INCEPTIONS.items():
        old, new = blocks.split()
        at, block = f'Mixed_{old}', f'inception{new}'
        unit(f'{at}/Branch_0/Conv2d_0a_1x1', f'{block}.branch1', 1, 1, x, one)
        unit(f'{at}/Branch_1/Conv2d_0a_1x1', f'{block}.branch2.0', 1, 1, x, less)
        unit(f'{at}/Branch_1/Conv2d_0b_3x3', f'{block}.branch2.1', 3, 3, less, three)
        unit(f'{at}/Branch_2/Conv2d_0a_1x1', f'{block}.branch3.0', 1, 1, x, least)
        second = 'Conv2d_0a_3x3' if old == '5b' else 'Conv2d_0b_3x3'
        unit(f'{at}/Branch_2/{second}', f'{block}.branch3.1', 3, 3, least, five)
        unit(f'{at}/Branch_3/Conv2d_0b_1x1', f'{block}.branch4.1', 1, 1, x, pool)
    for head, x in (('aux1', 512), ('aux2', 528)):
        names.new(f'{head}.conv.conv.weight', (128, x, 1, 1))
        for role in ('weight', 'bias', 'running_mean', 'running_var'):
            names.new(f'{head}.conv.bn.{role}', (128,))
        names.new(f'{head}.conv.bn.num_batches_tracked', ())
        for layer, width, inputs in (('fc1', 1024, 2048), ('fc2', 1000, 1024)):
            names.new(f'{head}.{layer}.weight', (width, inputs))
            names.new(f'{head}.{layer}.bias', (width,))
    names.new('fc.weight', (1000, 1024))
    names.new('fc.bias', (1000,))
    names.old('Logits/Conv2d_0c_1x1/weights', (1, 1, 1024, 1001))
    names.old('Logits/Conv2d_0c_1x1/biases', (1001,))
    return with_slots(names.pair(), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def highres3dnet() -> Pair:
    """NifTK/NiftyNet's HighRes3DNet with rectifiers as it is trained, and the state of fepegar/highresnet's.

    The latter has NiftyNet's layer before its dropout; both have 160 classes. Whether NiftyNet keeps averages of its
    weights is not verified; those of its norms are corrected, in variables of their own.
    """
    root = 'HighRes3DNet'
    names, others = _State(f'{root}/', 'block.'), {'global_step': ()}

    def norm(source: str, target: str, width: int) -> None:
        names.norm(source, target, width)
        for role in STATISTICS[2:]:
            at = f'{root}/{source}/{root}/{source}/{role}'
            others.update({f'{at}/biased': (width,), f'{at}/local_step': ()})

    def unit(source: str, number: int, size: int, x: int, y: int) -> None:
        at, first = f'{number}.convolutional_block', int(size > 1)
        names.conv(f'{source}/conv_/w', f'{at}.{first}', (size, size, size, x, y))
        norm(f'{source}/bn_', f'{at}.{first + 1}', y)

    unit('conv_0_bn_relu', 0, 3, 1, 16)
    x = 16
    for stage, width in enumerate((16, 32, 64), 1):
        for block in range(3):
            for layer in range(2):
                at = f'{stage}.dilation_block.{block}.residual_block.{layer}.convolutional_block'
                norm(f'res_{stage}_{block}/bn_{layer}', f'{at}.0', x)
                names.conv(f'res_{stage}_{block}/conv_{layer}/w', f'{at}.3', (3, 3, 3, x, width))
                x = width
    unit('conv_1_bn_relu', 4, 1, 64, 80)
    unit('conv_2_bn', 6, 1, 80, 160)
    others |= dict.fromkeys(('beta1_power', 'beta2_power'), ())
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=others)
