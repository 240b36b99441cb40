"""Pairs of image networks and states of PyTorch, by their names, for the twentieth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import with_averages
from tests.suggesting.tenth_image_state_dicts import Shifts

_STAGES = (16,), (24,) * 2, (32,) * 3, (64,) * 4, (96,) * 3, (160,) * 3, (320,)


def mobilenet_v2() -> Pair:
    """tensorflow/models' slim's MobileNet V2 with averages, and huggingface/pytorch-image-models' mobilenetv2_100.

    The new blocks were read in an early version; how the network names its stem and its head was not read. The old one
    has a class more. Which averages the published one has is not verified.
    """
    names, number, x = Shifts(), 0, 32
    names.unit('MobilenetV2/Conv', 'conv_stem', 'bn1', (3, 3, 3, 32))
    for stage, widths in enumerate(_STAGES):
        for block, width in enumerate(widths):
            at = f'MobilenetV2/expanded_conv_{number}' if number else 'MobilenetV2/expanded_conv'
            target, wide, norm = f'blocks.{stage}.{block}', 6 * x if number else x, 1
            if number:
                names.unit(f'{at}/expand', f'{target}.conv_pw', f'{target}.bn1', (1, 1, x, wide))
                norm = 2
            shapes = (3, 3, wide, 1), (wide, 1, 3, 3)
            names.add(f'{at}/depthwise/depthwise_weights', f'{target}.conv_dw.weight', *shapes)
            names.norm(f'{at}/depthwise/BatchNorm', f'{target}.bn{norm}', wide, statistics=True)
            conv = f'{target}.conv_pwl' if number else f'{target}.conv_pw'
            names.unit(f'{at}/project', conv, f'{target}.bn{norm + 1}', (1, 1, wide, width))
            number, x = number + 1, width
    names.unit('MobilenetV2/Conv_1', 'conv_head', 'bn2', (1, 1, 320, 1280))
    names.old('MobilenetV2/Logits/Conv2d_1c_1x1/weights', (1, 1, 1280, 1001))
    names.old('MobilenetV2/Logits/Conv2d_1c_1x1/biases', (1001,))
    names.new('classifier.weight', (1000, 1280))
    names.new('classifier.bias', (1000,))
    return with_averages(names.pair(), 'RMSProp', 'RMSProp_1')


class _Wasserstein(StateDict):
    """Notes igul222's layers, whose names are scopes too but for norms, and jalola's modules."""

    def layer(self, source: str, target: str, shape: tuple[int, ...], bias: bool = True) -> None:
        """A kernel of two axes or four, and its bias."""
        *size, x, y = shape
        kernel, end = ('Filters', 'Biases') if size else ('W', 'b')
        self.add(f'{source}/{source}.{kernel}', f'{target}.weight', shape, (y, x, *size))
        if bias:
            self.add(f'{source}/{source}.{end}', f'{target}.bias', (y,))

    def scale(self, source: str, target: str, width: int, statistics: bool) -> None:
        """A norm of batches, with statistics, or of each layer, which the new one calls otherwise."""
        roles = {'offset': 'beta', 'scale': 'gamma'}
        if statistics:
            roles = {'offset': 'bias', 'scale': 'weight'}
            roles |= {'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
            self.new(f'{target}.num_batches_tracked', ())
        for old, new in roles.items():
            self.add(f'{source}.{old}', f'{target}.{new}', (width,))

    def block(self, source: str, target: str, x: int, width: int, up: bool) -> None:
        """A residual block; what changes the extents lies in the new one a module deeper."""
        inner = width if up else x
        ends = ('.conv.conv', '.conv') if up else ('.conv', '.conv.conv')
        self.layer(f'{source}.Shortcut', f'{target}.conv_shortcut.conv.conv', (1, 1, x, width))
        self.scale(f'{source}.BN1', f'{target}.bn1', x, statistics=up)
        self.layer(f'{source}.Conv1', f'{target}.conv_1{ends[0]}', (3, 3, x, inner), bias=False)
        self.scale(f'{source}.BN2', f'{target}.bn2', inner, statistics=up)
        self.layer(f'{source}.Conv2', f'{target}.conv_2{ends[1]}', (3, 3, inner, width))


def wasserstein_gan() -> Pair:
    """igul222/improved_wgan_training's gan_64x64 as it is trained, and the states of jalola/improved-wgan-pytorch's.

    Both are GoodGenerator and GoodDiscriminator. The old script saves nothing itself; all of its variables are here.
    The latter saves two networks, whose names are joined here.
    """
    names, widths = _Wasserstein(), (512, 512, 256, 128, 64)
    names.layer('Generator.Input', 'generator.ln1', (128, 8192))
    for n, (x, width) in enumerate(zip(widths, widths[1:], strict=False), 1):
        names.block(f'Generator.Res{n}', f'generator.rb{n}', x, width, up=True)
    names.scale('Generator.OutputN', 'generator.bn', 64, statistics=True)
    names.layer('Generator.Output', 'generator.conv1.conv', (3, 3, 64, 3))
    names.layer('Discriminator.Input', 'discriminator.conv1.conv', (3, 3, 3, 64))
    for n, (x, width) in enumerate(((64, 128), (128, 256), (256, 512), (512, 512)), 1):
        names.block(f'Discriminator.Res{n}', f'discriminator.rb{n}', x, width, up=False)
    names.layer('Discriminator.Output', 'discriminator.ln1', (8192, 1))
    powers = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', but='moving_', others=powers)
