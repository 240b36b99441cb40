"""Collects pairs of an Xception and of a U-Net, by their names, for a ninth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import keras_shapes

_SEPARABLE = {
    2: (64, 128, 128),
    3: (128, 256, 256),
    4: (256, 728, 728),
    **dict.fromkeys(range(5, 13), (728, 728, 728, 728)),
    13: (728, 728, 1024),
    14: (1024, 1536, 2048),
}
_SHORTCUTS = ((1, 64, 128), (2, 128, 256), (3, 256, 728), (12, 728, 1024))


def xception() -> Pair:
    """kwotsin/TensorFlow-Xception as it is trained for five flowers, and Keras Applications' Xception.

    The old convolutions have biases, and the old norms do not scale. It has a convolution more before its logits. Its
    shortcuts are named after the block before.
    """
    tf.keras.backend.clear_session()
    new = keras_shapes(tf.keras.applications.Xception(weights=None))
    names = Names('Xception/')

    def norm(source: str, target: str, width: int) -> None:
        for role in ('beta', 'moving_mean', 'moving_variance'):
            names.add(f'{source}/{role}', f'{target}/{role}', (width,))

    for number, shape in ((1, (3, 3, 3, 32)), (2, (3, 3, 32, 64))):
        names.add(f'block1_conv{number}/weights', f'block1_conv{number}/kernel', shape)
        names.old(f'block1_conv{number}/biases', (shape[-1],))
        norm(f'block1_bn{number}', f'block1_conv{number}_bn', shape[-1])
    for number, (block, x, width) in enumerate(_SHORTCUTS):
        end = f'_{number}' if number else ''
        names.add(f'block{block}_res_conv/weights', f'conv2d{end}/kernel', (1, 1, x, width))
        names.old(f'block{block}_res_conv/biases', (width,))
        norm(f'block{block}_res_bn', f'batch_normalization{end}', width)
    for block, widths in _SEPARABLE.items():
        for number, (x, width) in enumerate(zip(widths, widths[1:], strict=False), 1):
            at, target = f'block{block}_dws_conv{number}', f'block{block}_sepconv{number}'
            names.add(f'{at}/depthwise_weights', f'{target}/depthwise_kernel', (3, 3, x, 1))
            names.add(f'{at}/pointwise_weights', f'{target}/pointwise_kernel', (1, 1, x, width))
            names.old(f'{at}/biases', (width,))
            norm(f'block{block}_bn{number}', f'{target}_bn', width)
    for number, width in ((1, 2048), (2, 5)):
        names.old(f'block15_conv{number}/weights', (1, 1, 2048, width))
        names.old(f'block15_conv{number}/biases', (width,))
    others = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    pair = with_slots(names.pair(), 'Adam', 'Adam_1', others=others)
    return Pair(pair.shapes, new, pair.sources)


def medical_u_net() -> Pair:
    """NVIDIA/DeepLearningExamples' UNet_Medical of TensorFlow as it is trained, and that of its TensorFlow2.

    The new names are the paths of its objects.
    """
    names, counts = Names(), {'conv2d': 0, 'conv2d_transpose': 0}

    def add(kind: str, target: str, shape: tuple[int, ...]) -> None:
        end = f'_{counts[kind]}' if counts[kind] else ''
        counts[kind] += 1
        names.layer(f'{kind}{end}', target, shape, shape[2 if kind == 'conv2d_transpose' else 3])

    def block(target: str, x: int, width: int, transposed: bool = False) -> None:
        add('conv2d', f'{target}/conv1', (3, 3, x, width))
        add('conv2d', f'{target}/conv2', (3, 3, width, width))
        if transposed:
            add('conv2d_transpose', f'{target}/conv_transpose', (3, 3, width // 2, width))

    block('input_block', 1, 64)
    for number, width in enumerate((128, 256, 512)):
        block(f'down_blocks/{number}', width // 2, width)
    block('bottleneck', 512, 1024, transposed=True)
    for number, width in enumerate((512, 256, 128)):
        block(f'up_blocks/{number}', 2 * width, width, transposed=True)
    block('output_block', 128, 64)
    add('conv2d', 'output_block/conv3', (1, 1, 64, 2))
    return with_slots(names.pair(), 'Momentum', others={'global_step': ()})
