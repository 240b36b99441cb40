"""Pairs of networks that find points and motion in images, for an eighth blind test; see `blind_pairs`."""

from collections.abc import Iterator

from tests.suggesting.blind_objects import UNTRAINED, with_slots
from tests.suggesting.known_pairs import Pair, files

Shape = tuple[int, ...]
Row = tuple[str, Shape, Shape | None]

_STATISTICS = {
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
}


def super_point() -> Pair:
    """rpautrat/SuperPoint as it is trained, and its superpoint_pytorch.py, whose norms follow the activations, too.

    The answer is that of its convert_to_pytorch.ipynb. All of the old names are in the scope of the model, where the
    optimizer makes its slots; so they have it twice.
    """
    answer: dict[str, Row] = {}
    new: dict[str, Shape] = {}

    def block(old: str, name: str, x: int, y: int, size: int = 3) -> int:
        at = f'superpoint/{old}'
        answer[f'{at}/conv/kernel'] = f'{name}.conv.weight', (size, size, x, y), (y, x, size, size)
        answer[f'{at}/conv/bias'] = f'{name}.conv.bias', (y,), None
        for role, end in _STATISTICS.items():
            answer[f'{at}/bn/{role}'] = f'{name}.bn.{end}', (y,), None
        new[f'{name}.bn.num_batches_tracked'] = ()
        return y

    channels = 1
    for stage, width in enumerate((64, 64, 128, 128)):
        for number in range(2):
            old = f'vgg/conv{stage + 1}_{number + 1}'
            channels = block(old, f'backbone.{stage}.{number}', channels, width)
    for head, width in (('detector', 65), ('descriptor', 256)):
        block(f'{head}/conv1', f'{head}.0', channels, 256)
        block(f'{head}/conv2', f'{head}.1', 256, width, 1)
    steps: dict[str, Shape] = {}
    for name in ('global_step', 'beta1_power', 'beta2_power'):
        steps[f'superpoint/{name}'] = ()
    return with_slots(files(answer, new=new), 'Adam', 'Adam_1', prefix='superpoint/', others=steps)


_ENCODER = (
    ('conv3_1', 256, 256, 3),
    ('conv4', 256, 512, 3),
    ('conv4_1', 512, 512, 3),
    ('conv5', 512, 512, 3),
    ('conv5_1', 512, 512, 3),
    ('conv6', 512, 1024, 3),
    ('conv6_1', 1024, 1024, 3),
)
_DECODER = {6: (1024, 512), 5: (1026, 256), 4: (770, 128), 3: (386, 64), 2: (194, 0)}


def _convs(channels: int, correlated: bool) -> Iterator[tuple[str, int, int, int]]:
    """The name, the inputs, the outputs and the size of the convolutions before the flow is refined."""
    yield 'conv1', channels, 64, 7
    yield 'conv2', 64, 128, 5
    yield 'conv3', 128, 256, 5
    if correlated:
        yield 'conv_redir', 256, 32, 1
        yield 'conv3_1', 32 + 21**2, 256, 3
        yield from _ENCODER[1:]
    else:
        yield from _ENCODER


def flow_net_2() -> Pair:
    """sampepose/flownet2-tf's FlowNetCS as it is trained, and NVIDIA/flownet2-pytorch's FlowNet2CS.

    The first of the two networks is frozen; so it has no slots. The old one's transposed convolutions have no biases,
    while the new one's have, but for those that upsample the flow of the second network. The new one's submodules.py
    was read as NVlabs/imaginaire has it.
    """
    answer: dict[str, Row] = {}
    new: dict[str, Shape] = {}

    def conv(old: str, name: str, x: int, y: int, size: int) -> None:
        answer[f'{old}/weights'] = f'{name}.weight', (size, size, x, y), (y, x, size, size)
        answer[f'{old}/biases'] = f'{name}.bias', (y,), None

    def transposed(old: str, name: str, x: int, y: int, bias: bool) -> None:
        answer[f'{old}/weights'] = f'{name}.weight', (4, 4, y, x), (x, y, 4, 4)
        if bias:
            new[f'{name}.bias'] = (y,)

    def network(old: str, name: str, channels: int, correlated: bool) -> None:
        for layer, x, y, size in _convs(channels, correlated):
            conv(f'{old}/{layer}', f'{name}.{layer}.0', x, y, size)
        for level, (x, y) in _DECODER.items():
            conv(f'{old}/predict_flow{level}', f'{name}.predict_flow{level}', x, 2, 3)
            if y:
                below = level - 1
                transposed(f'{old}/deconv{below}', f'{name}.deconv{below}.0', x, y, True)
                source = f'{old}/upsample_flow{level}to{below}'
                transposed(source, f'{name}.upsampled_flow{level}_to_{below}', 2, 2, correlated)

    network('FlowNetCS/FlowNetC', 'flownetc', 3, True)
    network('FlowNetCS/FlowNetS', 'flownets_1', 12, False)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    pair = files(answer, new=new)
    return with_slots(pair, 'Adam', 'Adam_1', but=rf'/FlowNetC/|{UNTRAINED}', others=steps)
