"""A pair of networks that spot words in speech, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def tc_resnet_streaming() -> Pair:
    """hyperconnect/TC-ResNet's TCResNet14-1.5 in slim, and tc_resnet.py of google-research's kws_streaming.

    The latter says that it is the former in Keras; its widths are those of its flags by default, and the sounds are
    given to it as features. Only the new convolutions have biases. The old one has a second head, of ranges, which has
    slots too, for all weights are decayed in the loss.
    """
    tf.keras.backend.clear_session()
    layers, rows, scope = tf.keras.layers, Rows(), 'TCResNet14'
    channels, times, features, labels = (24, 36, 36, 48, 48, 72, 72), 98, 40, 12

    def conv(x: Any, source: str, count: int, size: Any, stride: int = 1) -> Any:
        layer = layers.Conv2D(count, size, strides=stride, padding='same', activation='linear')
        norm = layers.BatchNormalization(momentum=0.997)
        x = norm(layer(x))
        rows.add(layer.kernel, f'{scope}/{source}/weights')
        rows.layer(norm, f'{scope}/{source}/BatchNorm', STATISTICS)
        return x

    sound = layers.Input(shape=(times, features), batch_size=100)
    x = tf.keras.backend.expand_dims(sound)
    x = tf.reshape(x, [-1, times, 1, features])
    x = layers.Activation('relu')(conv(x, 'conv0', channels[0], (3, 1)))
    for n, count in enumerate(channels[1:]):
        shortcut, stride = x, 1
        if count != x.shape[-1]:
            stride = 2
            shortcut = layers.Activation('relu')(conv(x, f'block{n}/down', count, 1, stride))
        y = layers.Activation('relu')(conv(x, f'block{n}/conv{n}_0', count, (9, 1), stride))
        y = conv(y, f'block{n}/conv{n}_1', count, (9, 1))
        x = layers.Activation('relu')(layers.Add()([y, shortcut]))
    x = layers.AveragePooling2D(pool_size=x.shape[1:3], strides=1)(x)
    x = layers.Dropout(rate=0.2)(x)
    head = layers.Conv2D(labels, 1, strides=1, padding='same', activation='linear')
    x = head(x)
    model = tf.keras.Model(sound, tf.reshape(x, shape=(-1, x.shape[3])))
    rows.add(head.kernel, f'{scope}/fc/weights')
    pair = rows.pair({f'{scope}/fc2/weights': (1, 1, channels[-1], 2)}, model=model)
    return with_slots(pair, 'Momentum', others={'global_step': ()})
