"""Pairs of networks that see one image at a time, for a seventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


class _ShuffleNet:
    """Builds opconty's ShuffleNet V2 of half the width, and notes TropComplique's names."""

    def __init__(self):
        self.rows = Rows()

    def conv(self, x: Any, source: str, width: int, prefix: str, name: str, norm: str) -> Any:
        layers = tf.keras.layers
        conv = layers.Conv2D(width, 1, padding='same', name=f'{prefix}/{name}')
        bn = layers.BatchNormalization(name=f'{prefix}/{norm}')
        x = layers.Activation('relu')(bn(conv(x)))
        self.rows.add(conv.kernel, f'{source}/weights')
        self.rows.layer(bn, f'{source}/batch_norm', STATISTICS)
        return x

    def depthwise(self, x: Any, source: str, stride: int, prefix: str, name: str) -> Any:
        layers = tf.keras.layers
        conv = layers.DepthwiseConv2D(3, stride, 'same', name=f'{prefix}/{name}')
        bn = layers.BatchNormalization(name=f'{prefix}/bn_{name}')
        x = bn(conv(x))
        self.rows.add(conv.depthwise_kernel, f'{source}/depthwise_weights')
        self.rows.layer(bn, f'{source}/batch_norm', STATISTICS)
        return x

    def unit(self, x: Any, stage: int, block: int, width: int) -> Any:
        """Half of the channels are left as they are, but for the first block, which has two branches."""
        layers, prefix = tf.keras.layers, f'stage{stage}/block{block}'
        source, stride = f'ShuffleNetV2/Stage{stage}/unit_{block}', 2 if block == 1 else 1
        if block > 1:
            split = layers.Lambda(lambda z: tf.split(z, 2, axis=-1), name=f'{prefix}/spl')
            other, x = split(x)
        y = self.conv(x, f'{source}/conv1x1_before', width, prefix, '1x1conv_1', 'bn_1x1conv_1')
        y = self.depthwise(y, f'{source}/depthwise', stride, prefix, '3x3dwconv')
        y = self.conv(y, f'{source}/conv1x1_after', width, prefix, '1x1conv_2', 'bn_1x1conv_2')
        if block == 1:
            at = f'{source}/second_branch'
            other = self.depthwise(x, f'{at}/depthwise', stride, prefix, '3x3dwconv_2')
            other = self.conv(other, f'{at}/conv1x1_after', width, prefix, '1x1_conv_3', 'bn_1x1conv_3')
        return layers.Concatenate(name=f'{prefix}/concat_{1 + (block == 1)}')([y, other])


def shuffle_net() -> Pair:
    """TropComplique/shufflenet-v2-tensorflow of depth 0.5 with averages, and opconty/keras-shufflenetV2 for 10 classes.

    The new one does not normalize its first and last convolutions; all but the first have biases. The slots of the old
    one are in the scope of the optimizer.
    """
    tf.keras.backend.clear_session()
    net, layers, old = _ShuffleNet(), tf.keras.layers, 'ShuffleNetV2'
    first = layers.Conv2D(24, 3, 2, 'same', use_bias=False, activation='relu', name='conv1')
    inputs = layers.Input([224, 224, 3])
    x = layers.MaxPool2D(3, 2, 'same', name='maxpool1')(first(inputs))
    net.rows.add(first.kernel, f'{old}/Conv1/weights')
    for stage, (count, width) in enumerate(((4, 24), (8, 48), (4, 96)), 2):
        for block in range(1, count + 1):
            x = net.unit(x, stage, block, width)
    last = layers.Conv2D(1024, 1, padding='same', activation='relu', name='1x1conv5_out')
    x = layers.GlobalMaxPooling2D(name='global_max_pool')(last(x))
    net.rows.add(last.kernel, f'{old}/Conv5/weights')
    model = tf.keras.Model(inputs, layers.Dense(10, name='fc')(x), name='ShuffleNetV2_1.0_0.5_373')
    others: dict[str, tuple[int, ...]] = {'classifier/weights': (1024, 1000), 'classifier/biases': (1000,)}
    for name, width in (('Conv1', 24), ('Conv5', 1024)):
        others |= {f'{old}/{name}/batch_norm/{role}': (width,) for role in STATISTICS}
    pair = net.rows.pair(others, model=model)
    momentum = with_slots(pair, 'Momentum', prefix='optimizer/', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage')
    return Pair({**momentum.shapes, **averages.shapes}, pair.target, pair.sources)


class _MobileDeepLab:
    """Builds bonlime's DeepLab with MobileNet V2, and notes the names of research/deeplab."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, layer: Any, x: Any, source: str, relu: bool = True) -> Any:
        """A convolution, and the norm that is named after it."""
        layers = tf.keras.layers
        norm = layers.BatchNormalization(epsilon=1e-3, name=f'{layer.name}_BN')
        x = norm(layer(x))
        if isinstance(layer, layers.DepthwiseConv2D):
            self.rows.add(layer.depthwise_kernel, f'{source}/depthwise_weights')
        else:
            self.rows.add(layer.kernel, f'{source}/weights')
        self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
        return layers.ReLU(6.0)(x) if relu else x

    def conv(self, x: Any, name: str, source: str, width: int, relu: bool = True) -> Any:
        layer = tf.keras.layers.Conv2D(width, 1, padding='same', use_bias=False, name=name)
        return self.unit(layer, x, source, relu)

    def block(self, x: Any, number: int, width: int, stride: int, rate: int) -> Any:
        layers, channels = tf.keras.layers, x.shape[-1]
        prefix = f'expanded_conv_{number}_' if number else 'expanded_conv_'
        at = f'MobilenetV2/{prefix[:-1]}'
        y = x
        if number:
            y = self.conv(y, f'{prefix}expand', f'{at}/expand', 6 * channels)
        depthwise = layers.DepthwiseConv2D(
            3, stride, 'same', dilation_rate=rate, use_bias=False, name=f'{prefix}depthwise'
        )
        y = self.unit(depthwise, y, f'{at}/depthwise')
        y = self.conv(y, f'{prefix}project', f'{at}/project', width, relu=False)
        return layers.Add(name=f'{prefix}add')([x, y]) if number and channels == width else y


def mobile_deeplab() -> Pair:
    """tensorflow/models' research/deeplab with MobileNet V2 for VOC, and bonlime/keras-deeplab-v3-plus for 3 classes.

    The new names are the old ones with underscores, which the latter's extract_weights.py makes of Xception's.
    """
    tf.keras.backend.clear_session()
    net, layers = _MobileDeepLab(), tf.keras.layers
    inputs = layers.Input([512, 512, 3])
    first = layers.Conv2D(32, 3, 2, 'same', use_bias=False, name='Conv')
    x = net.unit(first, inputs, 'MobilenetV2/Conv')
    widths = [16, 24, 24, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
    for number, width in enumerate(widths):
        rate = 1 if number < 7 else 2 if number < 14 else 4
        x = net.block(x, number, width, 2 if number in (1, 3) else 1, rate)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    pooled = net.conv(pooled, 'image_pooling', 'image_pooling', 256)
    pooled = layers.UpSampling2D(x.shape[1:3], interpolation='bilinear')(pooled)
    y = net.conv(x, 'aspp0', 'aspp0', 256)
    y = net.conv(layers.Concatenate()([pooled, y]), 'concat_projection', 'concat_projection', 256)
    y = layers.Conv2D(3, 1, padding='same', name='custom_logits_semantic')(layers.Dropout(0.1)(y))
    others = {'logits/semantic/weights': (1, 1, 256, 21), 'logits/semantic/biases': (21,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, y, name='deeplabv3plus'))
    return with_slots(pair, 'Momentum', others={'global_step': ()})


_INCEPTION = {
    1: ((96, 128), (16, 32), 32, 64),
    2: ((128, 192), (32, 96), 64, 128),
    3: ((96, 208), (16, 48), 64, 192),
    4: ((112, 224), (24, 64), 64, 160),
    5: ((128, 256), (24, 64), 64, 128),
    6: ((144, 288), (32, 64), 64, 112),
    7: ((160, 320), (32, 128), 128, 256),
    8: ((160, 320), (32, 128), 128, 256),
    9: ((192, 384), (48, 128), 128, 384),
}


class _PoseNet:
    """Builds kentsommer's PoseNet in Keras, whose names are those of the old one; so the layers are of both."""

    def __init__(self):
        self.rows = Rows()

    def layer(self, layer: Any, x: Any) -> Any:
        x = layer(x)
        self.rows.layer(layer, layer.name, kernel='weights', bias='biases')
        return x

    def conv(self, x: Any, name: str, width: int, size: int = 1, stride: int = 1) -> Any:
        conv = tf.keras.layers.Conv2D(width, size, stride, 'same', activation='relu', name=name)
        return self.layer(conv, x)

    def inception(self, x: Any, number: int) -> Any:
        layers, at = tf.keras.layers, f'icp{number}'
        (a, b), (c, d), e, f = _INCEPTION[number]
        first = self.conv(self.conv(x, f'{at}_reduction1', a), f'{at}_out1', b, 3)
        second = self.conv(self.conv(x, f'{at}_reduction2', c), f'{at}_out2', d, 5)
        third = layers.MaxPooling2D(3, 1, 'same', name=f'{at}_pool')(x)
        third = self.conv(third, f'{at}_out3', e)
        return layers.Concatenate()([self.conv(x, f'{at}_out0', f), first, second, third])

    def pose(self, x: Any, at: str, name: str, width: int) -> list[Any]:
        """The layers that tell where the camera is, and how it is turned."""
        layers = tf.keras.layers
        x = self.layer(layers.Dense(width, activation='relu', name=f'{at}_{name}'), layers.Flatten()(x))
        return [
            self.layer(layers.Dense(units, name=f'{at}_fc_pose_{end}'), x)
            for end, units in (('xyz', 3), ('wpqr', 4))
        ]


def pose_net() -> Pair:
    """kentsommer/tensorflow-posenet as it is trained, and kentsommer/keras-posenet, which normalizes batches.

    The answer is that of the latter's `create_posenet`, which sets weights by the names of layers.
    """
    tf.keras.backend.clear_session()
    net, layers, outputs = _PoseNet(), tf.keras.layers, []
    inputs = layers.Input([224, 224, 3])
    x = net.conv(inputs, 'conv1', 64, 7, 2)
    x = layers.MaxPooling2D(3, 2, 'same', name='pool1')(x)
    x = net.conv(layers.BatchNormalization(name='norm1')(x), 'reduction2', 64)
    x = layers.BatchNormalization(name='norm2')(net.conv(x, 'conv2', 192, 3))
    x = layers.MaxPooling2D(3, 2, name='pool2')(x)
    for number in _INCEPTION:
        x = net.inception(x, number)
        if number in (2, 7):
            x = layers.MaxPooling2D(3, 2, 'same', name=f'icp{number + 1}_in')(x)
        if number in (3, 6):
            at, name = (('cls1', 'fc1_pose'), ('cls2', 'fc1'))[number == 6]
            y = layers.AveragePooling2D(5, 3, name=f'{at}_pool')(x)
            outputs += net.pose(net.conv(y, f'{at}_reduction_pose', 128), at, name, 1024)
    x = layers.AveragePooling2D(7, 1, name='cls3_pool')(x)
    outputs += net.pose(x, 'cls3', 'fc1_pose', 2048)
    pair = net.rows.pair(model=tf.keras.Model(inputs, outputs))
    return with_slots(pair, 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})
