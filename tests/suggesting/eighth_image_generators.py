"""Pairs of networks that make images, and PyTorch's names, for an eighth blind test; see `blind_pairs`."""

from collections.abc import Iterator

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.known_pairs import Pair, files

Shape = tuple[int, ...]
Row = tuple[str, Shape, Shape | None]

# Whether each block of BigGAN-deep doubles the resolution is in no shape; its channels, in units of the width, are.
_BLOCKS = ((16, 16), (16, 16), (16, 16), (16, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1))
_ATTENTION, _WIDTH, _CONDITION, _STATISTICS = 8, 128, 256, 51


class _BigGan:
    """Collects what belongs together, as Hugging Face's convert_tf_to_pytorch.py has it."""

    def __init__(self):
        self.answer: dict[str, Row] = {}
        self.new: dict[str, Shape] = {}

    def bias(self, old: str, new: str, width: int) -> None:
        self.answer[f'{old}/ema_0.9999'] = new, (width,), None

    def normalized(self, old: str, new: str, x: int, y: int, size: int = 0) -> None:
        """A convolution, or a linear layer, with spectral normalization, which PyTorch has two vectors for."""
        shapes = ((size, size, x, y), (y, x, size, size)) if size else ((x, y), (y, x))
        self.answer[f'{old}/w/ema_0.9999'] = f'{new}.weight_orig', *shapes
        self.answer[f'{old}/u0'] = f'{new}.weight_u', (1, y), (y,)
        self.new[f'{new}.weight_v'] = (x * max(size, 1) ** 2,)

    def statistics(self, new: str, width: int) -> None:
        for role in ('running_means', 'running_vars'):
            self.new[f'{new}.{role}'] = (_STATISTICS, width)

    def block(self, old: str, new: str, x: int, y: int) -> None:
        """Four convolutions, and a norm before each, whose scale and offset depend on the class."""
        middle = x // 4
        convs = ((x, middle, 1), (middle, middle, 3), (middle, middle, 3), (middle, y, 1))
        for number, (channels, width, size) in enumerate(convs):
            norm, at = f'{old}/BatchNorm' + f'_{number}' * (number > 0), f'{new}.bn_{number}'
            for role in ('scale', 'offset'):
                self.normalized(f'{norm}/{role}', f'{at}.{role}', _CONDITION, channels)
            self.statistics(at, channels)
            conv = f'{new}.conv_{number}'
            self.normalized(f'{old}/conv{number}', conv, channels, width, size)
            self.bias(f'{old}/conv{number}/b', f'{conv}.bias', width)


def big_gan() -> Pair:
    """deepmind/biggan-deep-128 of TensorFlow Hub, and huggingface/pytorch-pretrained-BigGAN's BigGAN of its weights.

    The answer is that of the latter's convert_tf_to_pytorch.py. The statistics of the norms are constants of the old
    graph. Where the module has further variables is not verified.
    """
    net, scope, channels = _BigGan(), 'Generator', _BLOCKS[_ATTENTION][0] * _WIDTH
    net.answer['linear/w/ema_0.9999'] = 'embeddings.weight', (1000, 128), (128, 1000)
    net.normalized(f'{scope}/GenZ/G_linear', 'generator.gen_z', _CONDITION, 16 * 16 * _WIDTH)
    net.bias(f'{scope}/GenZ/G_linear/b', 'generator.gen_z.bias', 16 * 16 * _WIDTH)
    for number, (x, y) in enumerate(_BLOCKS):
        old = f'{scope}/GBlock' + f'_{number}' * (number > 0)
        place = number + (number >= _ATTENTION)
        net.block(old, f'generator.layers.{place}', x * _WIDTH, y * _WIDTH)
    old, new = f'{scope}/attention', f'generator.layers.{_ATTENTION}'
    net.bias(f'{old}/gamma', f'{new}.gamma', 1)
    for name, x, y in (('theta', 1, 8), ('phi', 1, 8), ('g', 1, 2), ('o_conv', 2, 1)):
        net.normalized(f'{old}/{name}', f'{new}.snconv1x1_{name}', channels // x, channels // y, 1)
    for old, role in (('scale', 'weight'), ('offset', 'bias')):
        net.bias(f'{scope}/BatchNorm/{old}', f'generator.bn.{role}', _WIDTH)
    net.statistics('generator.bn', _WIDTH)
    net.normalized(f'{scope}/conv_to_rgb', 'generator.conv_to_rgb', _WIDTH, _WIDTH, 3)
    net.bias(f'{scope}/conv_to_rgb/b', 'generator.conv_to_rgb.bias', _WIDTH)
    return files(net.answer, new=net.new)


def _coarse() -> Iterator[tuple[str, str, int]]:
    """The old name of each convolution of the first stage, the new one, and its outputs in units of the width."""
    yield 'conv1', 'conv1', 1
    yield 'conv2_downsample', 'down_block1.conv1_downsample', 2
    yield 'conv3', 'down_block1.conv2', 2
    yield 'conv4_downsample', 'down_block2.conv1_downsample', 4
    yield 'conv5', 'down_block2.conv2', 4
    for number, end in enumerate(('', *['_atrous'] * 4, '', ''), 6):
        yield f'conv{number}{end}', f'conv_bn{number - 5}', 4
    yield from _upsampled('')


def _upsampled(old: str) -> Iterator[tuple[str, str, int]]:
    """The end of both stages; half of the width is given as none of it, and the image as less than none."""
    yield f'{old}conv13_upsample/{old}conv13_upsample_conv', 'up_block1.conv1_upsample.conv', 2
    yield f'{old}conv14', 'up_block1.conv2', 2
    yield f'{old}conv15_upsample/{old}conv15_upsample_conv', 'up_block2.conv1_upsample.conv', 1
    yield f'{old}conv16', 'up_block2.conv2', 0
    yield f'{old}conv17', 'conv_to_rgb', -1


def _branch(old: str, new: str, fourth: int) -> Iterator[tuple[str, str, int]]:
    yield f'{old}conv1', f'{new}_conv1', 1
    yield f'{old}conv2_downsample', f'{new}_down_block1.conv1_downsample', 1
    yield f'{old}conv3', f'{new}_down_block1.conv2', 2
    yield f'{old}conv4_downsample', f'{new}_down_block2.conv1_downsample', fourth
    yield f'{old}conv5', f'{new}_down_block2.conv2', 4
    yield f'{old}conv6', f'{new}_conv_bn1', 4


def _fine() -> Iterator[list[tuple[str, str, int]]]:
    """The branches of the second stage, and what follows their concatenation."""
    atrous = [(f'xconv{number}_atrous', f'conv_conv_bn{number - 5}', 4) for number in range(7, 11)]
    yield [*_branch('x', 'conv', 2), *atrous]
    yield [*_branch('pm', 'ca', 4), ('pmconv9', 'ca_conv_bn4', 4), ('pmconv10', 'ca_conv_bn5', 4)]
    both = [('allconv11', 'conv_bn6', 4), ('allconv12', 'conv_bn7', 4)]
    yield [*both, *_upsampled('all')]


def gated_inpainting() -> Pair:
    """JiahuiYu/generative_inpainting as it is trained, and nipponjo/deepfillv2-pytorch's Generator, both 48 wide.

    Half of what a convolution gives gates the other half. The discriminator's names are neuralgym's; where the
    optimizer keeps its slots is as `tf.train.AdamOptimizer` does it outside any scope, which is not verified.
    """
    answer: dict[str, Row] = {}
    width = 48

    def convs(rows: list[tuple[str, str, int]], stage: str, channels: int) -> None:
        for old, new, units in rows:
            size = 5 if old in ('conv1', 'xconv1', 'pmconv1') else 3
            y = 3 if units < 0 else units * width or width // 2
            at, place = f'inpaint_net/{old}', f'{stage}.{new}.conv'
            answer[f'{at}/kernel'] = f'{place}.weight', (size, size, channels, y), (y, channels, size, size)
            answer[f'{at}/bias'] = f'{place}.bias', (y,), None
            channels = y // 2

    convs(list(_coarse()), 'stage1', 5)
    for rows, channels in zip(_fine(), (3, 3, 4 * width), strict=True):
        convs(rows, 'stage2', channels)
    old: dict[str, Shape] = {'lr': (), 'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    channels = 4
    for number, y in enumerate((64, 128, *[256] * 4), 1):
        at = f'discriminator/sn_patch_gan/conv{number}'
        old |= {f'{at}/kernel': (5, 5, channels, y), f'{at}/bias': (y,), f'{at}/kernel_sn/u': (1, y)}
        channels = y
    new = {'stage2.contextual_attention.fuse_weight': (1, 1, 3, 3)}
    return with_slots(files(answer, old, new), 'Adam', 'Adam_1', but=r'(/u|^lr|_step|_power)$')
