"""Collects pairs of image networks and states of PyTorch, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair

_ROLES = dict(zip(STATISTICS, ('weight', 'bias', 'running_mean', 'running_var'), strict=True))


class _State(Names):
    """Notes the names of a state dict, whose kernels have the channels that they make first."""

    def kernel(self, source: str, target: str, shape: tuple[int, ...], depthwise: bool = False) -> None:
        """Notes the kernel of a convolution; a depthwise one has the channels that it takes first."""
        *size, x, y = shape
        self.add(source, f'{target}.weight', shape, (x, y, *size) if depthwise else (y, x, *size))

    def state(self, source: str, target: str, width: int, **names: str) -> None:
        """Notes the state of a norm of batches; `names` are the source's for some of Keras's."""
        for role, new in _ROLES.items():
            self.add(f'{source}/{names.get(role, role)}', f'{target}.{new}', (width,))
        self.new(f'{target}.num_batches_tracked', ())


# The size of the kernels, the factor of expansion, the width and the count of the blocks of each stage.
EFFICIENT = (
    (3, 1, 16, 1),
    (3, 6, 24, 2),
    (5, 6, 40, 2),
    (3, 6, 80, 3),
    (5, 6, 112, 3),
    (5, 6, 192, 4),
    (3, 6, 320, 1),
)


def efficientnet() -> Pair:
    """tensorflow/tpu's EfficientNet-B0 as it is trained, with averages, and lukemelas/EfficientNet-PyTorch's.

    The answer is that of the latter's load_tf_weights_tf1.py, without the averages, which its driver restores.
    """
    names, norm = _State('efficientnet-b0/'), 'tpu_batch_normalization'
    names.kernel('stem/conv2d/kernel', '_conv_stem', (3, 3, 3, 32))
    names.state(f'stem/{norm}', '_bn0', 32)
    number, x = 0, 32
    for size, factor, width, count in EFFICIENT:
        for _ in range(count):
            at, new, wide = f'blocks_{number}', f'_blocks.{number}', factor * x
            convs, norms = (
                [f'{at}/conv2d', f'{at}/conv2d_1'],
                [f'{at}/{norm}{end}' for end in ('', '_1', '_2')],
            )
            if factor > 1:
                names.kernel(f'{convs.pop(0)}/kernel', f'{new}._expand_conv', (1, 1, x, wide))
                names.state(norms.pop(0), f'{new}._bn0', wide)
            kernel = f'{at}/depthwise_conv2d/depthwise_kernel'
            names.kernel(kernel, f'{new}._depthwise_conv', (size, size, wide, 1), depthwise=True)
            names.state(norms.pop(0), f'{new}._bn1', wide)
            for conv, part, shape in (
                ('conv2d', 'reduce', (1, 1, wide, x // 4)),
                ('conv2d_1', 'expand', (1, 1, x // 4, wide)),
            ):
                names.kernel(f'{at}/se/{conv}/kernel', f'{new}._se_{part}', shape)
                names.add(f'{at}/se/{conv}/bias', f'{new}._se_{part}.bias', (shape[-1],))
            names.kernel(f'{convs.pop(0)}/kernel', f'{new}._project_conv', (1, 1, wide, width))
            names.state(norms.pop(0), f'{new}._bn2', width)
            number, x = number + 1, width
    names.kernel('head/conv2d/kernel', '_conv_head', (1, 1, 320, 1280))
    names.state(f'head/{norm}', '_bn1', 1280)
    names.add('head/dense/kernel', '_fc.weight', (1280, 1000), (1000, 1280))
    names.add('head/dense/bias', '_fc.bias', (1000,))
    pair = names.pair()
    slots = with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='^$')
    return Pair({**slots.shapes, **averages.shapes}, pair.target, pair.sources)


def mobile_deeplab() -> Pair:
    """tensorflow/models' DeepLab with MobileNet V2 for VOC, and huggingface/transformers' MobileNetV2 that segments.

    The answer is that of the latter's `_build_tf_to_pytorch_map`. The new one has the last convolution of MobileNet V2,
    too, which the old one does not make.
    """
    names = _State()

    def unit(source: str, target: str, x: int, width: int, size: int = 1) -> None:
        names.kernel(f'{source}/weights', f'{target}.convolution', (size, size, x, width))
        names.state(f'{source}/BatchNorm', f'{target}.normalization', width)

    def depthwise(source: str, target: str, width: int) -> None:
        kernel = f'{source}/depthwise_weights'
        names.kernel(kernel, f'{target}.convolution', (3, 3, width, 1), depthwise=True)
        names.state(f'{source}/BatchNorm', f'{target}.normalization', width)

    stem, at = 'mobilenet_v2.conv_stem', 'MobilenetV2/expanded_conv'
    unit('MobilenetV2/Conv', f'{stem}.first_conv', 3, 32, 3)
    depthwise(f'{at}/depthwise', f'{stem}.conv_3x3', 32)
    unit(f'{at}/project', f'{stem}.reduce_1x1', 32, 16)
    x, widths = 16, (24,) * 2 + (32,) * 3 + (64,) * 4 + (96,) * 3 + (160,) * 3 + (320,)
    for number, width in enumerate(widths):
        new = f'mobilenet_v2.layer.{number}'
        unit(f'{at}_{number + 1}/expand', f'{new}.expand_1x1', x, 6 * x)
        depthwise(f'{at}_{number + 1}/depthwise', f'{new}.conv_3x3', 6 * x)
        unit(f'{at}_{number + 1}/project', f'{new}.reduce_1x1', 6 * x, width)
        x = width
    names.new('mobilenet_v2.conv_1x1.convolution.weight', (1280, 320, 1, 1))
    for role in _ROLES.values():
        names.new(f'mobilenet_v2.conv_1x1.normalization.{role}', (1280,))
    names.new('mobilenet_v2.conv_1x1.normalization.num_batches_tracked', ())
    unit('image_pooling', 'segmentation_head.conv_pool', 320, 256)
    unit('aspp0', 'segmentation_head.conv_aspp', 320, 256)
    unit('concat_projection', 'segmentation_head.conv_projection', 512, 256)
    classifier = 'segmentation_head.classifier.convolution'
    names.kernel('logits/semantic/weights', classifier, (1, 1, 256, 21))
    names.add('logits/semantic/biases', f'{classifier}.bias', (21,))
    return with_slots(names.pair(), 'Momentum', others={'global_step': ()})


def dcgan() -> Pair:
    """tensorpack/tensorpack's DCGAN as it is trained, and pytorch/examples' dcgan.

    Both of the new networks are in one state here, while the example saves each in its own. They have no biases, and
    convolutions in the place of the old one's dense layers, whose outputs, or inputs, have the channels last.
    """
    names, averages = _State(), {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}
    names.add('gen/fc0/W', 'netG.main.0.weight', (100, 8192), (100, 512, 4, 4))
    names.old('gen/fc0/b', (8192,))
    names.state('gen/bn', 'netG.main.1', 512, **averages)
    for number, (x, y) in enumerate(((512, 256), (256, 128), (128, 64), (64, 3)), 1):
        at, index = f'gen/deconv{number}', 3 * number
        names.kernel(f'{at}/W', f'netG.main.{index}', (4, 4, y, x))
        names.old(f'{at}/b', (y,))
        if number < 4:
            names.state(f'{at}/bn', f'netG.main.{index + 1}', y, **averages)
    for number, (x, y) in enumerate(((3, 64), (64, 128), (128, 256), (256, 512))):
        index = 3 * number - 1 if number else 0
        names.kernel(f'discrim/conv{number}/W', f'netD.main.{index}', (4, 4, x, y))
        names.old(f'discrim/conv{number}/b', (y,))
        if number:
            names.state(f'discrim/bn{number}', f'netD.main.{index + 1}', y, **averages)
    names.add('discrim/fct/W', 'netD.main.11.weight', (8192, 1), (1, 512, 4, 4))
    names.old('discrim/fct/b', (1,))
    others = {name: () for name in ('global_step', 'learning_rate', 'beta1_power', 'beta2_power')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=others)
