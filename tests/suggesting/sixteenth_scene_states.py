"""Collects pairs of networks of depths and codes of images, for a sixteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair

_POWERS = {name: () for name in ('beta1_power', 'beta2_power')}


class _Depth(StateDict):
    """Notes the convolutions that slim counts in a scope, and the new ones, most of which are normalized."""

    def __init__(self, source: str, target: str = ''):
        super().__init__(source, target)
        self._count = 0

    def conv(self, target: str, size: int, x: int, y: int) -> None:
        scope = f'Conv_{self._count}' if self._count else 'Conv'
        self._count += 1
        self.add(f'{scope}/weights', f'{target}.weight', (size, size, x, y), (y, x, size, size))
        self.add(f'{scope}/biases', f'{target}.bias', (y,))

    def normalized(self, target: str, size: int, x: int, y: int) -> None:
        self.conv(f'{target}.conv_base', size, x, y)
        self.only_new_norm(f'{target}.normalize', y)

    def only_new_norm(self, target: str, width: int) -> None:
        for role in ('weight', 'bias', 'running_mean', 'running_var'):
            self.new(f'{target}.{role}', (width,))
        self.new(f'{target}.num_batches_tracked', ())


def mono_depth() -> Pair:
    """mrharicot/monodepth with ResNet-50 as it is trained, and the state of OniroAI/MonoDepth-PyTorch's resnet50_md.

    The old one has no norms. Each block of both projects what it adds; the strides of both lie in other blocks. The
    answer is that of the layers' order.
    """
    encoder, decoder = _Depth('model/encoder/'), _Depth('model/decoder/')
    encoder.normalized('conv1', 7, 3, 64)
    x = 64
    for stage, count in enumerate((3, 4, 6, 3), 2):
        width = 16 * 2**stage
        for number in range(count):
            block = f'conv{stage}.{number}'
            encoder.normalized(f'{block}.conv1', 1, x, width)
            encoder.normalized(f'{block}.conv2', 3, width, width)
            encoder.conv(f'{block}.conv3', 1, width, 4 * width)
            encoder.conv(f'{block}.conv4', 1, x, 4 * width)
            encoder.only_new_norm(f'{block}.normalize', 4 * width)
            x = 4 * width
    for number, width, skipped in (
        (6, 512, 1024),
        (5, 256, 512),
        (4, 128, 256),
        (3, 64, 66),
        (2, 32, 66),
        (1, 16, 2),
    ):
        decoder.normalized(f'upconv{number}.conv1', 3, x, width)
        decoder.normalized(f'iconv{number}', 3, width + skipped, width)
        if number < 5:
            decoder.conv(f'disp{number}_layer.conv1', 3, width, 2)
            decoder.only_new_norm(f'disp{number}_layer.normalize', 2)
        x = width
    first, second = encoder.pair(), decoder.pair()
    shapes, targets = {**first.shapes, **second.shapes}, {**first.target, **second.target}
    pair = Pair(shapes, targets, {**first.sources, **second.sources})
    return with_slots(pair, 'Adam', 'Adam_1', others={'Variable': (), **_POWERS})


class _Codes(Names):
    """Notes the convolutions of Sonnet 1 and of Haiku, both of which have a `w` and a `b`."""

    def conv(self, source: str, target: str, size: int, x: int, y: int, transposed: bool = False) -> None:
        self.add(f'{source}/w', f'{target}/w', (size, size, *((y, x) if transposed else (x, y))))
        self.add(f'{source}/b', f'{target}/b', (y,))

    def residual_stack(self, source: str, width: int, less: int, count: int) -> None:
        for number in range(count):
            at = f'{source}/~/residual_stack/~'
            self.conv(f'{source}/res3x3_{number}', f'{at}/res3x3_{number}', 3, width, less)
            self.conv(f'{source}/res1x1_{number}', f'{at}/res1x1_{number}', 1, less, width)


def vq_vae() -> Pair:
    """deepmind/sonnet's vqvae_example.ipynb of version 1, and the parameters of deepmind/dm-haiku's notebook of it.

    Both learn their codes by gradients, `vq_use_ema` being false, which is not the new one's default. The names of the
    new one's modules are joined to those of their parameters by a slash. The old notebook saves nothing itself.
    """
    names = _Codes()
    for number, (size, x, y) in enumerate(((4, 3, 64), (4, 64, 128), (3, 128, 128)), 1):
        names.conv(f'encoder/enc_{number}', f'encoder/~/enc_{number}', size, x, y)
    names.residual_stack('encoder', 128, 32, 2)
    names.conv('to_vq', 'to_vq', 1, 128, 64)
    names.add('vq_layer/embedding', 'vector_quantizer/embeddings', (64, 512))
    names.conv('decoder/dec_1', 'decoder/~/dec_1', 3, 64, 128)
    names.residual_stack('decoder', 128, 32, 2)
    names.conv('decoder/dec_2', 'decoder/~/dec_2', 4, 128, 64, transposed=True)
    names.conv('decoder/dec_3', 'decoder/~/dec_3', 4, 64, 3, transposed=True)
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=_POWERS)
