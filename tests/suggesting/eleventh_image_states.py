"""Pairs of image networks and states of PyTorch and Flax, for an eleventh blind test; see `blind_pairs`."""

from collections.abc import Iterator

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks
from tests.suggesting.tenth_image_state_dicts import Shifts


class _InceptionV4(Shifts):
    """Notes what slim's convolutions and timm's `ConvNormAct` hold; the norms of the former do not scale."""

    def conv(self, source: str, target: str, x: int, width: int) -> None:
        """A convolution, whose extents are the end of slim's name, and its norm."""
        size = tuple(map(int, source.rpartition('_')[2].split('x')))
        self.basic(source, target, (*size, x, width))

    def block(self, scope: str, index: int, x: int, *rows: str, pooled: int = 0) -> None:
        """Notes the branches of a block, after which one may pool."""
        target, last = f'features.{index}', len(rows)
        self.branches(scope, target, x, *rows)
        if pooled:
            self.conv(f'{scope}/Branch_{last}/Conv2d_0b_1x1', f'{target}.branch{last}.1', x, pooled)

    def forked(self, scope: str, index: int) -> None:
        """Notes a block of the last stage, two of whose branches end in two convolutions each."""
        target, x = f'features.{index}', 1536
        self.conv(f'{scope}/Branch_0/Conv2d_0a_1x1', f'{target}.branch0', x, 256)
        for branch, name, place, before, width in (
            (1, '0a_1x1', '0', x, 384),
            (1, '0b_1x3', '1a', 384, 256),
            (1, '0c_3x1', '1b', 384, 256),
            (2, '0a_1x1', '0', x, 384),
            (2, '0b_3x1', '1', 384, 448),
            (2, '0c_1x3', '2', 448, 512),
            (2, '0d_1x3', '3a', 512, 256),
            (2, '0e_3x1', '3b', 512, 256),
        ):
            source = f'{scope}/Branch_{branch}/Conv2d_{name}'
            self.conv(source, f'{target}.branch{branch}_{place}', before, width)
        self.conv(f'{scope}/Branch_3/Conv2d_0b_1x1', f'{target}.branch3.1', x, 256)


def inception_v4() -> Pair:
    """tensorflow/models' slim's Inception V4 as it is trained, and huggingface/pytorch-image-models' inception_v4.

    The old one has auxiliary logits, and a class more. Its norms do not scale.
    """
    names = _InceptionV4('InceptionV4/')
    for n, (name, x, width) in enumerate((('1a_3x3', 3, 32), ('2a_3x3', 32, 32), ('2b_3x3', 32, 64))):
        names.conv(f'Conv2d_{name}', f'features.{n}', x, width)
    names.conv('Mixed_3a/Branch_1/Conv2d_0a_3x3', 'features.3.conv', 64, 96)
    names.block('Mixed_4a', 4, 160, '0a_1x1:64 1a_3x3:96', '0a_1x1:64 0b_1x7:64 0c_7x1:64 1a_3x3:96')
    names.conv('Mixed_5a/Branch_0/Conv2d_1a_3x3', 'features.5.conv', 192, 192)
    for n, letter in enumerate('bcde', 6):
        row = '0a_1x1:64 0b_3x3:96'
        names.block(f'Mixed_5{letter}', n, 384, '0a_1x1:96', row, f'{row} 0c_3x3:96', pooled=96)
    names.block('Mixed_6a', 10, 384, '1a_3x3:384', '0a_1x1:192 0b_3x3:224 1a_3x3:256')
    for n, letter in enumerate('bcdefgh', 11):
        rows = '0a_1x1:384', '0a_1x1:192 0b_1x7:224 0c_7x1:256'
        last = '0a_1x1:192 0b_7x1:192 0c_1x7:224 0d_7x1:224 0e_1x7:256'
        names.block(f'Mixed_6{letter}', n, 1024, *rows, last, pooled=128)
    row = '0a_1x1:256 0b_1x7:256 0c_7x1:320 1a_3x3:320'
    names.block('Mixed_7a', 18, 1024, '0a_1x1:192 1a_3x3:192', row)
    for n, letter in enumerate('bcd', 19):
        names.forked(f'Mixed_7{letter}', n)
    for name, shape in (('Conv2d_1b_1x1', (1, 1, 1024, 128)), ('Conv2d_2a', (5, 5, 128, 768))):
        names.old(f'AuxLogits/{name}/weights', shape)
        for role in STATISTICS[1:]:
            names.old(f'AuxLogits/{name}/BatchNorm/{role}', shape[-1:])
    for name, width in (('AuxLogits/Aux_logits', 768), ('Logits/Logits', 1536)):
        names.old(f'{name}/weights', (width, 1001))
        names.old(f'{name}/biases', (1001,))
    names.new('last_linear.weight', (1000, 1536))
    names.new('last_linear.bias', (1000,))
    return with_slots(names.pair(), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def _units() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yields Flax's names of each convolution and of its norm, and the kernel's shape, in the order of the old one."""
    yield 'conv_init', 'bn_init', (7, 7, 3, 64)
    counts = 3, 4, 6, 3
    for stage, block, part, shape in bottlenecks(*counts):
        at = f'BottleneckResNetBlock_{sum(counts[:stage]) + block}'
        names = (f'Conv_{part - 1}', f'BatchNorm_{part - 1}') if part else ('conv_proj', 'norm_proj')
        yield f'{at}/{names[0]}', f'{at}/{names[1]}', shape


def flax_res_net() -> Pair:
    """tensorflow/models' official/r1/resnet of 50 layers as it is trained, and google/flax' examples/imagenet.

    tf.layers counts the layers of the old one, which begins its blocks with the shortcut, and has a class more. What
    the new one's optimizer keeps is left out.
    """
    names = CollectedNames('resnet_model/')
    for number, (conv, norm, shape) in enumerate(_units()):
        end = f'_{number}' if number else ''
        names.add(f'conv2d{end}/kernel', f'params/{conv}/kernel', shape)
        for role, new in zip(STATISTICS, ('scale', 'bias', 'mean', 'var'), strict=True):
            tree = 'batch_stats' if role.startswith('moving') else 'params'
            names.add(f'batch_normalization{end}/{role}', f'{tree}/{norm}/{new}', shape[-1:])
    names.old('dense/kernel', (2048, 1001))
    names.old('dense/bias', (1001,))
    names.new('params/Dense_0/kernel', (2048, 1000))
    names.new('params/Dense_0/bias', (1000,))
    return with_slots(names.pair(), 'Momentum', others={'global_step': ()})
