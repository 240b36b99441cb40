"""Pairs of networks that segment images, for an eighteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS

_layers = tf.keras.layers


class _Xception:
    """Builds luyanger1799's DeepLabV3+ with Xception, and notes the names of research/deeplab's Xception 65."""

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def unit(self, x: Any, width: int, size: int, stride: int, name: str | None, source: str) -> Any:
        """A convolution without biases and its norm; those beside the blocks have no names."""
        layer = _layers.Conv2D(
            width, size, strides=stride, use_bias=False, padding='same', **_named(name, '')
        )
        norm = _layers.BatchNormalization(axis=-1, **_named(name, '_bn'))
        x = norm(layer(x))
        self.rows.layer(layer, f'xception_65/{source}', ['kernel'], **WEIGHTS)
        self.rows.layer(norm, f'xception_65/{source}/BatchNorm', STATISTICS)
        return x

    def separable(self, x: Any, width: int, stride: int, name: str, source: str) -> Any:
        """A separable convolution, between the parts of which the old one has a norm."""
        at, channels = f'xception_65/{source}', x.shape[-1]
        layer = _layers.SeparableConv2D(
            width, (3, 3), strides=stride, padding='same', use_bias=False, name=name
        )
        norm = _layers.BatchNormalization(axis=-1, name=f'{name}_bn')
        x = norm(layer(x))
        self.rows.add(layer.depthwise_kernel, f'{at}_depthwise/depthwise_weights')
        self.others |= {f'{at}_depthwise/BatchNorm/{role}': (channels,) for role in STATISTICS}
        self.rows.add(layer.pointwise_kernel, f'{at}_pointwise/weights')
        self.rows.layer(norm, f'{at}_pointwise/BatchNorm', STATISTICS)
        return x

    def block(self, inputs: Any, name: str, at: str, *widths: int, stride: int = 2) -> Any:
        """Three separable convolutions, and a shortcut if the width changes."""
        x, shortcut, scope = inputs, inputs, f'{at}/xception_module'
        if inputs.shape[-1] != widths[-1]:
            shortcut = self.unit(inputs, widths[-1], 1, stride, None, f'{scope}/shortcut')
        for number, width in enumerate(widths, 1):
            end = f'sepconv{number}'
            x = _layers.Activation('relu', name=f'{name}_{end}_act')(x)
            step = stride if number == 3 else 1
            x = self.separable(x, width, step, f'{name}_{end}', f'{scope}/separable_conv{number}')
        return _layers.add([x, shortcut])

    def second(self, x: Any) -> Any:
        """The first block with a shortcut, whose third separable convolution is in the old one alone."""
        scope, name = 'entry_flow/block1/unit_1/xception_module', 'block2_sepconv'
        shortcut = self.unit(x, 128, 1, 2, None, f'{scope}/shortcut')
        x = self.separable(x, 128, 1, f'{name}1', f'{scope}/separable_conv1')
        x = _layers.Activation('relu', name=f'{name}2_act')(x)
        x = self.separable(x, 128, 1, f'{name}2', f'{scope}/separable_conv2')
        for part, role, shape in (
            ('depthwise', 'depthwise_weights', (3, 3, 128, 1)),
            ('pointwise', 'weights', (1, 1, 128, 128)),
        ):
            at = f'xception_65/{scope}/separable_conv3_{part}'
            self.others |= {f'{at}/{role}': shape, **{f'{at}/BatchNorm/{end}': (128,) for end in STATISTICS}}
        x = _layers.MaxPooling2D((3, 3), strides=(2, 2), padding='same', name='block2_pool')(x)
        return _layers.add([x, shortcut])

    def backbone(self, inputs: Any) -> tuple[Any, Any]:
        """Returns what the second block makes, and what the last."""
        x = self.unit(inputs, 32, 3, 2, 'block1_conv1', 'entry_flow/conv1_1')
        x = _layers.Activation('relu', name='block1_conv1_act')(x)
        x = self.unit(x, 64, 3, 1, 'block1_conv2', 'entry_flow/conv1_2')
        x = low = self.second(_layers.Activation('relu', name='block1_conv2_act')(x))
        x = self.block(x, 'block3', 'entry_flow/block2/unit_1', 256, 256, 256)
        x = self.block(x, 'block4', 'entry_flow/block3/unit_1', 728, 728, 728)
        for number in range(1, 17):
            at = f'middle_flow/block1/unit_{number}'
            x = self.block(x, f'block{number + 4}', at, 728, 728, 728, stride=1)
        x = self.block(x, 'block21', 'exit_flow/block1/unit_1', 728, 1024, 1024, stride=1)
        for number, (name, width) in enumerate((('1', 1536), ('1_1', 1536), ('2', 2048)), 1):
            name, at = (
                f'block22_sepconv{name}',
                f'exit_flow/block2/unit_1/xception_module/separable_conv{number}',
            )
            x = _layers.Activation('relu', name=f'{name}_act')(self.separable(x, width, 1, name, at))
        return low, x


def _named(name: str | None, end: str) -> dict[str, str]:
    return {'name': f'{name}{end}'} if name else {}


def _relu(x: Any, width: int, size: int) -> Any:
    """A convolution of the decoder and its norm."""
    x = _layers.Conv2D(width, size, strides=1, padding='same')(x)
    return _layers.ReLU()(_layers.BatchNormalization()(x))


def deeplab_xception() -> Pair:
    """tensorflow/models' research/deeplab's Xception 65 for ImageNet, and luyanger1799's DeepLabV3Plus with Xception.

    The latter is Amazing-Semantic-Segmentation's, for 21 classes; its head is of it alone. The new separable
    convolutions have no norm between their parts, and one of the old ones has none: a pool takes its place. That the
    published checkpoint has the slots of Momentum is not verified.
    """
    tf.keras.backend.clear_session()
    net = _Xception()
    inputs = _layers.Input([256, 256, 3])
    low, x = net.backbone(inputs)
    parts, size = [_layers.Conv2D(256, 1, strides=1)(x)], x.shape[1:3]
    parts += [_layers.Conv2D(256, 3, padding='same', dilation_rate=6 * n)(x) for n in (1, 2, 3)]
    pooled = _layers.Conv2D(256, 1, 1)(_layers.GlobalAveragePooling2D(keepdims=True)(x))
    parts.append(_layers.UpSampling2D(size=size, interpolation='bilinear')(pooled))
    x = _layers.Conv2D(256, 1, strides=1)(_layers.Concatenate()(parts))
    x = _layers.Dropout(rate=0.5)(_layers.BatchNormalization()(x))
    x = _relu(_layers.UpSampling2D(size=(4, 4), interpolation='bilinear')(x), 48, 1)
    x = _layers.Dropout(rate=0.5)(_relu(_layers.Concatenate()([x, low]), 256, 3))
    x = _layers.Dropout(rate=0.1)(_relu(x, 256, 3))
    x = _layers.UpSampling2D(size=(4, 4), interpolation='bilinear')(_layers.Conv2D(21, 1, strides=1)(x))
    logits = {'xception_65/logits/weights': (1, 1, 2048, 1001), 'xception_65/logits/biases': (1001,)}
    pair = net.rows.pair(net.others | logits, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'Momentum', others={'global_step': ()})


class _UNet:
    """Builds keras-unet-collection's U-Net of transposed convolutions, and notes TensorLayer's names."""

    def __init__(self):
        self.rows = Rows()

    def stack(self, x: Any, width: int, name: str, source: str | None, count: int = 2) -> Any:
        """Convolutions and what follows them; those without a source are of the new one alone."""
        for number in range(count):
            at = f'{name}_{number}'
            layer = _layers.Conv2D(width, 3, padding='same', use_bias=True, dilation_rate=1, name=at)
            x = _layers.ReLU(name=f'{at}_activation')(layer(x))
            if source:
                self.noted(layer, f'{source}_{number + 1}', 'conv2d')
        return x

    def noted(self, layer: Any, source: str, kind: str) -> None:
        self.rows.layer(layer, f'u_net/{source}', kernel=f'W_{kind}', bias=f'b_{kind}')

    def up(self, x: Any, skip: Any, width: int, name: str, level: int) -> Any:
        layer = _layers.Conv2DTranspose(width, 3, strides=(2, 2), padding='same', name=f'{name}_trans_conv')
        x = layer(x)
        self.noted(layer, f'deconv{level}', 'deconv2d')
        x = self.stack(x, width, f'{name}_conv_before_concat', None, count=1)
        x = _layers.concatenate([x, skip], axis=3, name=f'{name}_concat')
        return self.stack(x, width, f'{name}_conv_after_concat', f'uconv{level}')


def brain_u_net() -> Pair:
    """zsdonghao/u-net-brain-tumor's u_net as it is trained, and yingkaisha/keras-unet-collection's unet_2d.

    Both are for images of four channels and a mask. The new one convolves once more before it concatenates. The names
    of the old one are those of TensorLayer's Conv2dLayer and DeConv2dLayer; that its functions of the time make no
    other layers is not verified. The old program keeps its variables in .npz; what a Saver would save is given.
    """
    tf.keras.backend.clear_session()
    net, widths, skips = _UNet(), (64, 128, 256, 512, 1024), []
    x = inputs = _layers.Input((240, 240, 4))
    for number, width in enumerate(widths):
        at = f'unet_down{number}'
        if number:
            skips.append(x)
            x = _layers.MaxPooling2D(pool_size=(2, 2), name=f'{at}_pool')(x)
        x = net.stack(x, width, at, f'conv{number + 1}')
    for number, width in enumerate(reversed(widths[:-1]), 1):
        x = net.up(x, skips.pop(), width, f'unet_up{number}', 5 - number)
    last = _layers.Conv2D(1, 1, padding='same', use_bias=True, name='unet_output')
    x = _layers.Activation('sigmoid', name='unet_output_activation')(last(x))
    net.noted(last, 'uconv1', 'conv2d')
    pair = net.rows.pair(model=tf.keras.Model(inputs=[inputs], outputs=[x], name='unet_model'))
    others = dict.fromkeys(('beta1_power', 'beta2_power', 'learning_rate/Variable'), ())
    return with_slots(pair, 'Adam', 'Adam_1', others=others)
