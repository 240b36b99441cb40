"""Pairs of networks that classify images, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_WEIGHTS = {'kernel': 'weights', 'bias': 'biases'}


def slim_dense_net() -> Pair:
    """pudae/tensorflow-densenet's DenseNet-121 as it is trained, and Keras Applications' DenseNet121.

    Slim names what follows a scope that has no name of its own. The old logits are a convolution.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.applications.DenseNet121(weights=None), Rows()

    def unit(norm: str, conv: str, source: str) -> None:
        """A norm and the convolution after it."""
        rows.layer(model.get_layer(norm), f'densenet121/{source}/BatchNorm', STATISTICS)
        rows.layer(model.get_layer(conv), f'densenet121/{source}/Conv', ['kernel'], **_WEIGHTS)

    rows.layer(model.get_layer('conv1/conv'), 'densenet121/conv1', ['kernel'], **_WEIGHTS)
    rows.layer(model.get_layer('conv1/bn'), 'densenet121/BatchNorm', STATISTICS)
    for block, count in enumerate((6, 12, 24, 16), 1):
        for number in range(1, count + 1):
            at, new = f'dense_block{block}/conv_block{number}', f'conv{block + 1}_block{number}'
            unit(f'{new}_0_bn', f'{new}_1_conv', f'{at}/x1')
            unit(f'{new}_1_bn', f'{new}_2_conv', f'{at}/x2')
        if block < 4:
            unit(f'pool{block + 1}_bn', f'pool{block + 1}_conv', f'transition_block{block}/blk')
    rows.layer(model.get_layer('bn'), 'densenet121/final_block/BatchNorm', STATISTICS)
    rows.add(model.get_layer('predictions').kernel, 'densenet121/logits/weights', (1, 1, 1024, 1000))
    rows.add(model.get_layer('predictions').bias, 'densenet121/logits/biases')
    return with_slots(rows.pair(model=model), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def caffe_res_net() -> Pair:
    """ry/tensorflow-resnet's ResNet-L50.ckpt, which is Caffe's ResNet-50, and Keras Applications' ResNet50.

    The convolutions of the new one have biases. The old checkpoint has what the network is made of alone.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.applications.ResNet50(weights=None), Rows()

    def unit(name: str, source: str) -> None:
        rows.layer(model.get_layer(f'{name}_conv'), source, ['kernel'], **_WEIGHTS)
        rows.layer(model.get_layer(f'{name}_bn'), source, STATISTICS)

    unit('conv1', 'scale1')
    for scale, count in enumerate((3, 4, 6, 3), 2):
        for block in range(1, count + 1):
            for part, letter in enumerate(('shortcut', 'a', 'b', 'c')):
                if part or block == 1:
                    unit(f'conv{scale}_block{block}_{part}', f'scale{scale}/block{block}/{letter}')
    rows.layer(model.get_layer('predictions'), 'fc', **_WEIGHTS)
    return rows.pair(model=model)
