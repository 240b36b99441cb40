"""Collects pairs of networks of bottlenecks, by their names, for a ninth blind test; see `blind_pairs`."""

from collections.abc import Iterator

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair


def bottlenecks(*counts: int) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """Yields the stage, the block, the part and the kernel's shape of each convolution; part 0 is the shortcut."""
    x = 64
    for stage, count in enumerate(counts):
        width = 64 * 2**stage
        for block in range(count):
            if not block:
                yield stage, block, 0, (1, 1, x, 4 * width)
            yield stage, block, 1, (1, 1, x, width)
            yield stage, block, 2, (3, 3, width, width)
            yield stage, block, 3, (1, 1, width, 4 * width)
            x = 4 * width


def keras_shapes(model: tf.keras.Model) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the variables of a model by their names."""
    return {w.name.removesuffix(':0'): tuple(w.shape) for w in model.weights}


def tensorpack_resnet_101() -> Pair:
    """tensorpack/tensorpack's ResNet-101 for ImageNet as it is trained, and Keras Applications' ResNet101.

    The convolutions of the new one have biases. The strides of both lie in other convolutions.
    """
    tf.keras.backend.clear_session()
    new = keras_shapes(tf.keras.applications.ResNet101(weights=None))
    names, averages = Names(), {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}

    def unit(source: str, target: str, shape: tuple[int, ...]) -> None:
        names.add(f'{source}/W', f'{target}_conv/kernel', shape)
        names.norm(f'{source}/bn', f'{target}_bn', shape[-1], **averages)

    unit('conv0', 'conv1', (7, 7, 3, 64))
    for stage, block, part, shape in bottlenecks(3, 4, 23, 3):
        at = f'group{stage}/block{block}/{f"conv{part}" if part else "convshortcut"}'
        unit(at, f'conv{stage + 2}_block{block + 1}_{part}', shape)
    names.add('linear/W', 'predictions/kernel', (2048, 1000))
    names.add('linear/b', 'predictions/bias', (1000,))
    others = {'learning_rate': (), 'global_step': ()}
    pair = with_slots(names.pair(others), 'Momentum', but=r'EMA$|_step|_rate')
    return Pair(pair.shapes, new, pair.sources)


def tpu_resnet_50() -> Pair:
    """tensorflow/tpu's ResNet-50 as it is trained, and huggingface/transformers' TFResNetForImageClassification.

    The old one makes the shortcut of a block first, the new one last.
    """
    names, count = Names(target='tf_res_net_for_image_classification/'), 0

    def unit(target: str, shape: tuple[int, ...]) -> None:
        nonlocal count
        end = f'_{count}' if count else ''
        count += 1
        names.add(f'conv2d{end}/kernel', f'{target}/convolution/kernel', shape)
        names.norm(f'batch_normalization{end}', f'{target}/normalization', shape[-1])

    unit('resnet/embedder/embedder', (7, 7, 3, 64))
    for stage, block, part, shape in bottlenecks(3, 4, 6, 3):
        name = f'layer.{part - 1}' if part else 'shortcut'
        unit(f'resnet/encoder/stages.{stage}/layers.{block}/{name}', shape)
    names.layer('dense', 'classifier.1', (2048, 1000))
    return with_slots(names.pair(), 'Momentum', others={'global_step': ()})


def tpu_retina_net() -> Pair:
    """tensorflow/tpu's RetinaNet with ResNet-50 as it is trained, and fizyr/keras-retinanet's of 80 classes.

    The old one normalizes its pyramid, and its heads level by level; it does not train its first convolution. The new
    P6 is made of what the backbone gives, the old one of P5. The old one orders the edges of a box otherwise. Its last
    version was read as others keep it, for the repository's own was not found.
    """
    names, count = Names(), 0

    def unit(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        nonlocal count
        end = f'_{count}' if count else ''
        count += 1
        names.add(f'resnet50/conv2d{end}/kernel', f'{conv}/kernel', shape)
        names.norm(f'resnet50/batch_normalization{end}', norm, shape[-1])

    def lone_norm(at: str) -> None:
        for role in STATISTICS:
            names.old(f'{at}/{role}', (256,))

    unit('conv1', 'bn_conv1', (7, 7, 3, 64))
    for stage, block, part, shape in bottlenecks(3, 4, 6, 3):
        at = f'{stage + 2}{"abcdef"[block]}_branch{("1", "2a", "2b", "2c")[part]}'
        unit(f'res{at}', f'bn{at}', shape)
    fpn = 'resnet_fpn'
    for level, channels in ((3, 512), (4, 1024), (5, 2048)):
        names.layer(f'{fpn}/l{level}', f'C{level}_reduced', (1, 1, channels, 256))
        names.layer(f'{fpn}/post_hoc_d{level}', f'P{level}', (3, 3, 256, 256))
    names.old(f'{fpn}/p6/kernel', (3, 3, 256, 256))
    names.old(f'{fpn}/p6/bias', (256,))
    names.new('P6/kernel', (3, 3, 2048, 256))
    names.new('P6/bias', (256,))
    names.layer(f'{fpn}/p7', 'P7', (3, 3, 256, 256))
    for level in range(3, 8):
        lone_norm(f'{fpn}/p{level}-bn')
    for old, new in (('class', 'classification'), ('box', 'regression')):
        scope = f'retinanet/{old}_net/{old}'
        for number in range(4):
            names.layer(f'{scope}-{number}', f'pyramid_{new}_{number}', (3, 3, 256, 256))
            for level in range(3, 8):
                lone_norm(f'{scope}-{number}-bn-{level}')
    names.layer('retinanet/box_net/box-predict', 'pyramid_regression', (3, 3, 256, 36))
    names.old('retinanet/class_net/class-predict/kernel', (3, 3, 256, 810))
    names.old('retinanet/class_net/class-predict/bias', (810,))
    names.new('pyramid_classification/kernel', (3, 3, 256, 720))
    names.new('pyramid_classification/bias', (720,))
    untrained = r'resnet50/conv2d/|moving_|_step'
    return with_slots(names.pair(), 'Momentum', but=untrained, others={'global_step': ()})
