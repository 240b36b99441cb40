"""Pairs of image networks and states of PyTorch, by their names, for a fourteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks


class _State(CollectedNames):
    """Notes the names of a state dict, whose kernels have first the channels that they make."""

    def weight(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """Notes a kernel or a matrix."""
        *size, x, y = shape
        self.add(source, target, shape, (y, x, *size))

    def layer(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """Notes a layer of tensorpack."""
        self.weight(f'{source}/W', f'{target}.weight', shape)
        self.add(f'{source}/b', f'{target}.bias', shape[-1:])


def faster_rcnn_state() -> Pair:
    """tensorpack/tensorpack's Faster R-CNN with ResNet-50 and FPN, and pytorch/vision's fasterrcnn_resnet50_fpn.

    The old one is as it is trained for COCO with frozen norms; it does not train its first convolution and group. The
    new one has 91 classes, with those that COCO leaves out, the old one 81. The new norms are frozen ones, which count
    no batches.
    """
    names = _State()
    roles = {'gamma': 'weight', 'beta': 'bias', 'mean/EMA': 'running_mean', 'variance/EMA': 'running_var'}

    def unit(source: str, conv: str, norm: str, shape: tuple[int, ...]) -> None:
        names.weight(f'{source}/W', f'backbone.body.{conv}.weight', shape)
        for old, new in roles.items():
            names.add(f'{source}/bn/{old}', f'backbone.body.{norm}.{new}', shape[-1:])

    unit('conv0', 'conv1', 'bn1', (7, 7, 3, 64))
    for stage, block, part, shape in bottlenecks(3, 4, 6, 3):
        at, new = f'group{stage}/block{block}', f'layer{stage + 1}.{block}'
        if part:
            unit(f'{at}/conv{part}', f'{new}.conv{part}', f'{new}.bn{part}', shape)
        else:
            unit(f'{at}/convshortcut', f'{new}.downsample.0', f'{new}.downsample.1', shape)
    for level in range(4):
        at, shape = f'c{level + 2}', (1, 1, 256 * 2**level, 256)
        names.layer(f'fpn/lateral_1x1_{at}', f'backbone.fpn.inner_blocks.{level}.0', shape)
        names.layer(f'fpn/posthoc_3x3_p{level + 2}', f'backbone.fpn.layer_blocks.{level}.0', (3, 3, 256, 256))
    names.layer('rpn/conv0', 'rpn.head.conv.0.0', (3, 3, 256, 256))
    names.layer('rpn/class', 'rpn.head.cls_logits', (1, 1, 256, 3))
    names.layer('rpn/box', 'rpn.head.bbox_pred', (1, 1, 256, 12))
    names.layer('fastrcnn/fc6', 'roi_heads.box_head.fc6', (12544, 1024))
    names.layer('fastrcnn/fc7', 'roi_heads.box_head.fc7', (1024, 1024))
    for old, new, width in (('class', 'cls_score', 1), ('box', 'bbox_pred', 4)):
        names.old(f'fastrcnn/outputs/{old}/W', (1024, 81 * width))
        names.old(f'fastrcnn/outputs/{old}/b', (81 * width,))
        names.new(f'roi_heads.box_predictor.{new}.weight', (91 * width, 1024))
        names.new(f'roi_heads.box_predictor.{new}.bias', (91 * width,))
    others = {'learning_rate': (), 'global_step': ()}
    return with_slots(names.pair(), 'Momentum', but='^conv0|^group0|EMA$', others=others)


class _StyleGan(_State):
    """Notes StyleGAN2's names for a generator or discriminator, and rosinality's."""

    def dense(self, source: str, target: str, x: int, y: int, before: str = '') -> None:
        self.weight(f'{source}/{before}weight', f'{target}.weight', (x, y))
        self.add(f'{source}/{before}bias', f'{target}.bias', (y,))

    def modulated(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        *size, x, y = shape
        self.add(f'{source}/weight', f'{target}.conv.weight', shape, (1, y, x, *size))
        self.dense(source, f'{target}.conv.modulation', 512, x, 'mod_')

    def styled(self, source: str, target: str, x: int, y: int, doubles: bool = False) -> None:
        self.modulated(source, target, (3, 3, x, y))
        self.add(f'{source}/noise_strength', f'{target}.noise.weight', (), (1,))
        self.add(f'{source}/bias', f'{target}.activate.bias', (y,))
        if doubles:
            self.new(f'{target}.conv.blur.kernel', (4, 4))

    def rgb(self, source: str, target: str, x: int) -> None:
        self.modulated(source, target, (1, 1, x, 3))
        self.add(f'{source}/bias', f'{target}.bias', (3,), (1, 3, 1, 1))

    def generator(self, clone: str, new: str, widths: tuple[int, ...]) -> None:
        """A generator, whose levels are of 4x4 and twice the size of that before."""
        scope = f'G_synthesis{clone}'
        for number in range(8):
            self.dense(f'G_mapping{clone}/Dense{number}', f'{new}.style.{number + 1}', 512, 512)
        x = widths[0]
        self.add(f'{scope}/4x4/Const/const', f'{new}.input.input', (1, x, 4, 4))
        self.styled(f'{scope}/4x4/Conv', f'{new}.conv1', x, x)
        self.rgb(f'{scope}/4x4/ToRGB', f'{new}.to_rgb1', x)
        self.add(f'{scope}/noise0', f'{new}.noises.noise_0', (1, 1, 4, 4))
        for level, width in enumerate(widths[1:]):
            extent = 8 * 2**level
            at, number = f'{scope}/{extent}x{extent}', 2 * level
            self.styled(f'{at}/Conv0_up', f'{new}.convs.{number}', x, width, doubles=True)
            self.styled(f'{at}/Conv1', f'{new}.convs.{number + 1}', width, width)
            self.rgb(f'{at}/ToRGB', f'{new}.to_rgbs.{level}', width)
            self.new(f'{new}.to_rgbs.{level}.upsample.kernel', (4, 4))
            for end in (number + 1, number + 2):
                self.add(f'{scope}/noise{end}', f'{new}.noises.noise_{end}', (1, 1, extent, extent))
            x = width

    def conv(self, source: str, target: str, shape: tuple[int, ...], start: int = 0) -> None:
        """A convolution of the discriminator; a blur is before it where it does not start with 0."""
        self.weight(f'{source}/weight', f'{target}.{start}.weight', shape)
        if not source.endswith('Skip'):
            self.add(f'{source}/bias', f'{target}.{start + 1}.bias', shape[-1:])
        if start:
            self.new(f'{target}.0.kernel', (4, 4))

    def discriminator(self, new: str, widths: tuple[int, ...]) -> None:
        """A discriminator of the levels of a generator, the last first."""
        extent, x = 4 * 2 ** (len(widths) - 1), widths[-1]
        self.conv(f'D/{extent}x{extent}/FromRGB', f'{new}.convs.0', (1, 1, 3, x))
        for number, width in enumerate(reversed(widths[:-1]), 1):
            at, block = f'D/{extent}x{extent}', f'{new}.convs.{number}'
            self.conv(f'{at}/Conv0', f'{block}.conv1', (3, 3, x, x))
            self.conv(f'{at}/Conv1_down', f'{block}.conv2', (3, 3, x, width), 1)
            self.conv(f'{at}/Skip', f'{block}.skip', (1, 1, x, width), 1)
            extent, x = extent // 2, width
        self.conv('D/4x4/Conv', f'{new}.final_conv', (3, 3, x + 1, x))
        self.dense('D/4x4/Dense0', f'{new}.final_linear.0', 16 * x, x)
        self.dense('D/Output', f'{new}.final_linear.1', x, 1)


def style_gan2_state() -> Pair:
    """NVlabs/stylegan2 at 256x256 with its averaged clone, and the states that rosinality/stylegan2-pytorch keeps.

    The answer is that of the latter's convert_weight.py, which writes g_ema, g, d and latent_avg of what was pickled;
    the names of the clone's scopes, as a Saver would have them, are those of an earlier pair. No slots are published.
    """
    names, widths = _StyleGan(), (512, 512, 512, 512, 512, 256, 128)
    names.generator('', 'g', widths)
    names.generator('_1', 'g_ema', widths)
    names.discriminator('d', widths)
    names.add('Gs/dlatent_avg', 'latent_avg', (512,))
    return names.pair({'G/dlatent_avg': (512,), 'G/lod': (), 'Gs/lod': ()})
