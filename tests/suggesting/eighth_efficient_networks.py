"""A pair of networks whose first blocks are fused, for an eighth blind test; see `blind_pairs`."""

import re

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = 'tpu_batch_normalization'
_FIRST = {'project_conv': 'conv2d', 'project_bn': _NORM}
_FUSED = {'expand_conv': 'conv2d', 'expand_bn': _NORM, 'project_conv': 'conv2d_1', 'project_bn': f'{_NORM}_1'}
_OTHER = {
    'expand_conv': 'conv2d',
    'expand_bn': _NORM,
    'dwconv2': 'depthwise_conv2d',
    'bn': f'{_NORM}_1',
    'se_reduce': 'se/conv2d',
    'se_expand': 'se/conv2d_1',
    'project_conv': 'conv2d_1',
    'project_bn': f'{_NORM}_2',
}
_ENDS = {
    'stem_conv': 'stem/conv2d',
    'stem_bn': f'stem/{_NORM}',
    'top_conv': 'head/conv2d',
    'top_bn': f'head/{_NORM}',
    'predictions': 'head/dense',
}


def efficientnet_v2() -> Pair:
    """google/automl's efficientnetv2-b0 as main.py trains it, with averages, and Keras Applications' EfficientNetV2B0.

    The answer is that of sebastian-sz/efficientnet-v2-keras' convert_weights.py, whose model has the same names. The
    optimizer is that of hparams.py; whether the published checkpoint keeps its slots is not verified.
    """
    tf.keras.backend.clear_session()
    rows, model = Rows(), tf.keras.applications.EfficientNetV2B0(weights=None)
    blocks: list[str] = []
    for layer in model.layers:
        if not layer.weights:
            continue
        source = _ENDS.get(layer.name)
        if source is None:
            block, stage, part = re.fullmatch(r'(block(\d)[a-z])_(\w+)', layer.name).groups()
            if block not in blocks:
                blocks.append(block)
            names = _FIRST if stage == '1' else _FUSED if stage < '4' else _OTHER
            source = f'blocks_{blocks.index(block)}/{names[part]}'
        at = f'efficientnetv2-b0/{source}'
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            rows.layer(layer, at, STATISTICS)
        elif isinstance(layer, tf.keras.layers.DepthwiseConv2D):
            rows.layer(layer, at, ['depthwise_kernel'])
        else:
            rows.layer(layer, at, ['kernel', 'bias'] if layer.use_bias else ['kernel'])
    pair = rows.pair(model=model)
    slots = with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='^$')
    return Pair({**slots.shapes, **averages.shapes}, pair.target, pair.sources)
