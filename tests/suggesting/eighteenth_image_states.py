"""Pairs of image networks and states of PyTorch, by their names, for an eighteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.tenth_image_state_dicts import Shifts


class _Gan(StateDict):
    """Notes the layers of hwalsuklee's ops.py."""

    def noted(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A kernel of two axes or four; that of a transposed convolution has in PyTorch the channels it takes first."""
        *size, x, y = shape
        kernel, bias = ('w', 'biases') if size else ('Matrix', 'bias')
        self.add(f'{source}/{kernel}', f'{target}.weight', shape, (y, x, *size))
        self.add(f'{source}/{bias}', f'{target}.bias', (x if '_dc' in source else y,))


def gan() -> Pair:
    """hwalsuklee/tensorflow-generative-model-collections' GAN as it is trained, and the states of znxlwm's in PyTorch.

    The latter is pytorch-generative-model-collections, which saves two states, whose names are joined here. Both are
    for images of 28x28. Where features become images or the other way round, the channels of PyTorch come first.
    """
    names = _Gan()
    for at, target, shape in (
        ('generator/g_fc1', 'G.fc.0', (62, 1024)),
        ('generator/g_fc2', 'G.fc.3', (1024, 6272)),
        ('generator/g_dc3', 'G.deconv.0', (4, 4, 64, 128)),
        ('generator/g_dc4', 'G.deconv.3', (4, 4, 1, 64)),
        ('discriminator/d_conv1', 'D.conv.0', (4, 4, 1, 64)),
        ('discriminator/d_conv2', 'D.conv.2', (4, 4, 64, 128)),
        ('discriminator/d_fc3', 'D.fc.0', (6272, 1024)),
        ('discriminator/d_fc4', 'D.fc.3', (1024, 1)),
    ):
        names.noted(at, target, shape)
    for at, target, width in (
        ('generator/g_bn1', 'G.fc.1', 1024),
        ('generator/g_bn2', 'G.fc.4', 6272),
        ('generator/g_bn3', 'G.deconv.1', 64),
        ('discriminator/d_bn2', 'D.conv.3', 128),
        ('discriminator/d_bn3', 'D.fc.1', 1024),
    ):
        names.norm(at, target, width, statistics=True)
    others = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=others)


class _SsdLite(Shifts):
    """Notes the convolutions of MobileNet V2 and of what predicts boxes."""

    def depthwise(self, source: str, conv: str, norm: str, width: int) -> None:
        self.add(f'{source}/depthwise_weights', f'{conv}.weight', (3, 3, width, 1), (width, 1, 3, 3))
        self.norm(f'{source}/BatchNorm', norm, width, statistics=True)

    def residual(self, sources: tuple[str, str, str], target: str, x: int, wide: int, width: int) -> None:
        """An inverted residual, which expands unless it is as wide inside."""
        expand, depthwise, project = sources
        place = 0
        if wide != x:
            self.unit(expand, f'{target}.0', f'{target}.1', (1, 1, x, wide))
            place = 3
        self.depthwise(depthwise, f'{target}.{place}', f'{target}.{place + 1}', wide)
        self.unit(project, f'{target}.{place + 3}', f'{target}.{place + 4}', (1, 1, wide, width))

    def head(self, number: int, width: int, anchors: int) -> None:
        """What predicts boxes and classes; the new one has six of each, and other classes."""
        for old, new, count in (('BoxEncoding', 'regression', 4), ('Class', 'classification', 91)):
            at, target = f'BoxPredictor_{number}/{old}Predictor', f'{new}_headers.{number}'
            self.depthwise(f'{at}_depthwise', f'{target}.0', f'{target}.1', width)
            self.new(f'{target}.0.bias', (width,))
            if old == 'BoxEncoding' and anchors == 6:
                self.layer(at, f'{target}.3', (1, 1, width, 24))
                continue
            self.old(f'{at}/weights', (1, 1, width, anchors * count))
            self.old(f'{at}/biases', (anchors * count,))
            made = 6 * (4 if old == 'BoxEncoding' else 21)
            self.new(f'{target}.3.weight', (made, width, 1, 1))
            self.new(f'{target}.3.bias', (made,))

    def last(self) -> None:
        """The last features, which are narrower in the new one, and their heads, of which it has simple ones."""
        at, target = 'FeatureExtractor/MobilenetV2/layer_19', 'extras.3.conv'
        self.unit(f'{at}_1_Conv2d_5_1x1_64', f'{target}.0', f'{target}.1', (1, 1, 256, 64))
        self.depthwise(f'{at}_2_Conv2d_5_3x3_s2_128_depthwise', f'{target}.3', f'{target}.4', 64)
        self.new(f'{target}.6.weight', (64, 64, 1, 1))
        for role in ('weight', 'bias', 'running_mean', 'running_var'):
            self.new(f'{target}.7.{role}', (64,))
        self.new(f'{target}.7.num_batches_tracked', ())
        olds = {f'{at}_2_Conv2d_5_3x3_s2_128': (1, 1, 64, 128)}
        for kind, new, old, made in (
            ('BoxEncoding', 'regression', 24, 24),
            ('Class', 'classification', 546, 126),
        ):
            scope = f'BoxPredictor_5/{kind}Predictor'
            self.old(f'{scope}/biases', (old,))
            olds |= {f'{scope}_depthwise': (3, 3, 128, 1), scope: (1, 1, 128, old)}
            self.new(f'{new}_headers.5.weight', (made, 64, 1, 1))
            self.new(f'{new}_headers.5.bias', (made,))
        for scope, shape in olds.items():
            self.old(f'{scope}/{"depthwise_weights" if shape[0] == 3 else "weights"}', shape)
            if not scope.endswith('Predictor'):
                for role in ('gamma', 'beta', 'moving_mean', 'moving_variance'):
                    self.old(f'{scope}/BatchNorm/{role}', (128,))


def ssd_lite() -> Pair:
    """tensorflow/models' object detection API's SSDLite with MobileNet V2 for COCO, and the state of qfgaohao's.

    The latter is pytorch-ssd's mb2-ssd-lite for VOC's 21 classes, whose depthwise convolutions of heads have biases.
    Its last features are 64 wide, not 128; its first head has six boxes, not three; so these, and the last heads, which
    have another form, have no answer. Which averages and slots the old one keeps is not verified.
    """
    names, scope = _SsdLite(), 'FeatureExtractor/MobilenetV2'
    names.unit(f'{scope}/Conv', 'base_net.0.0', 'base_net.0.1', (3, 3, 3, 32))
    x = 32
    for n, width in enumerate((16, 24, 24, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320)):
        at = f'{scope}/expanded_conv_{n}' if n else f'{scope}/expanded_conv'
        parts = tuple(f'{at}/{part}' for part in ('expand', 'depthwise', 'project'))
        names.residual(parts, f'base_net.{n + 1}.conv', x, 6 * x if n else x, width)
        x = width
    names.unit(f'{scope}/Conv_1', 'base_net.18.0', 'base_net.18.1', (1, 1, 320, 1280))
    x = 1280
    for n, (wide, width) in enumerate(((256, 512), (128, 256), (128, 256))):
        at = f'{scope}/layer_19_2_Conv2d_{n + 2}_3x3_s2_{width}'
        parts = f'{scope}/layer_19_1_Conv2d_{n + 2}_1x1_{wide}', f'{at}_depthwise', at
        names.residual(parts, f'extras.{n}.conv', x, wide, width)
        x = width
    names.last()
    for number, width in enumerate((576, 1280, 512, 256, 256)):
        names.head(number, width, 6 if number else 3)
    pair = with_slots(names.pair(), 'RMSProp', 'RMSProp_1', 'ExponentialMovingAverage')
    return Pair({**pair.shapes, 'global_step': ()}, pair.target, pair.sources)
