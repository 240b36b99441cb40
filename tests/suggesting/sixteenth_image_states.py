"""Pairs of image networks and states of PyTorch, by their names, for a sixteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import with_averages
from tests.suggesting.tenth_image_state_dicts import Shifts


def inception_resnet_v2() -> Pair:
    """tensorflow/models' slim's Inception-ResNet V2 as it is trained, and timm's inception_resnet_v2.

    The latter is of huggingface/pytorch-image-models, whose weights are slim's. The old norms do not scale; the old
    network has auxiliary logits, and a class more. That slim's script trained the old one is not verified.
    """
    root = 'InceptionResnetV2'
    names = Shifts()
    stem = ('1a_3x3', 3, 32), ('2a_3x3', 32, 32), ('2b_3x3', 32, 64), ('3b_1x1', 64, 80), ('4a_3x3', 80, 192)
    for name, x, width in (*stem, ('7b_1x1', 2080, 1536)):
        size = int(name[-1])
        names.basic(f'{root}/Conv2d_{name}', f'conv2d_{name[:2]}', (size, size, x, width))

    def block(scope: str, target: str, x: int, *rows: str) -> None:
        total = names.branches(f'{root}/{scope}', target, x, *rows)
        names.layer(f'{root}/{scope}/Conv2d_1x1', f'{target}.conv2d', (1, 1, total, x))

    rows = '1x1:96', '0a_1x1:48 0b_5x5:64', '0a_1x1:64 0b_3x3:96 0c_3x3:96'
    names.branches(f'{root}/Mixed_5b', 'mixed_5b', 192, *rows)
    names.basic(f'{root}/Mixed_5b/Branch_3/Conv2d_0b_1x1', 'mixed_5b.branch3.1', (1, 1, 192, 64))
    rows = '1x1:32', '0a_1x1:32 0b_3x3:32', '0a_1x1:32 0b_3x3:48 0c_3x3:64'
    for n in range(10):
        block(f'Repeat/block35_{n + 1}', f'repeat.{n}', 320, *rows)
    names.branches(f'{root}/Mixed_6a', 'mixed_6a', 320, '1a_3x3:384', '0a_1x1:256 0b_3x3:256 1a_3x3:384')
    for n in range(20):
        row = '0a_1x1:128 0b_1x7:160 0c_7x1:192'
        block(f'Repeat_1/block17_{n + 1}', f'repeat_1.{n}', 1088, '1x1:192', row)
    rows = '0a_1x1:256 1a_3x3:384', '0a_1x1:256 1a_3x3:288', '0a_1x1:256 0b_3x3:288 1a_3x3:320'
    names.branches(f'{root}/Mixed_7a', 'mixed_7a', 1088, *rows)
    rows = '1x1:192', '0a_1x1:192 0b_1x3:224 0c_3x1:256'
    for n in range(9):
        block(f'Repeat_2/block8_{n + 1}', f'repeat_2.{n}', 2080, *rows)
    block('Block8', 'block8', 2080, *rows)
    for name, shape in (('Conv2d_1b_1x1', (1, 1, 1088, 128)), ('Conv2d_2a_5x5', (5, 5, 128, 768))):
        names.old(f'{root}/AuxLogits/{name}/weights', shape)
        for role in STATISTICS[1:]:
            names.old(f'{root}/AuxLogits/{name}/BatchNorm/{role}', shape[-1:])
    for name, width in (('AuxLogits', 768), ('Logits', 1536)):
        names.old(f'{root}/{name}/Logits/weights', (width, 1001))
        names.old(f'{root}/{name}/Logits/biases', (1001,))
    names.new('classif.weight', (1000, 1536))
    names.new('classif.bias', (1000,))
    return with_slots(names.pair(), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def mobilenet_v1() -> Pair:
    """tensorflow/models' slim's MobileNet V1 as it is published, and huggingface/transformers' that classifies.

    The answer is that of the latter's `_build_tf_to_pytorch_map`, which has slim's 1001 classes. The published slots
    are those that its loader forgets; whether each statistic has an average is not verified.
    """
    names, root, new = Shifts(), 'MobilenetV1', 'mobilenet_v1'

    def unit(source: str, target: str, shape: tuple[int, ...]) -> None:
        names.unit(f'{root}/{source}', f'{target}.convolution', f'{target}.normalization', shape)

    unit('Conv2d_0', f'{new}.conv_stem', (3, 3, 3, 32))
    x = 32
    for n, width in enumerate((64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)):
        source, target = f'Conv2d_{n + 1}_depthwise', f'{new}.layer.{2 * n}'
        kernel = f'{root}/{source}/depthwise_weights'
        names.add(kernel, f'{target}.convolution.weight', (3, 3, x, 1), (x, 1, 3, 3))
        names.norm(f'{root}/{source}/BatchNorm', f'{target}.normalization', x, statistics=True)
        unit(f'Conv2d_{n + 1}_pointwise', f'{new}.layer.{2 * n + 1}', (1, 1, x, width))
        x = width
    at = f'{root}/Logits/Conv2d_1c_1x1'
    names.add(f'{at}/weights', 'classifier.weight', (1, 1, 1024, 1001), (1001, 1024))
    names.add(f'{at}/biases', 'classifier.bias', (1001,))
    return with_averages(names.pair(), 'RMSProp', 'RMSProp_1')
