"""Pairs of networks that classify images, for a sixth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

TFLEARN = (
    'Global_Step',
    'Training_step',
    'is_training',
    'val_loss',
    'val_acc',
    'Crossentropy/Mean/moving_avg',
)


def tflearn_vgg() -> Pair:
    """tflearn/tflearn's example of fine-tuning VGG-16, for images of 64x64, and Keras Applications' for 10 classes.

    tflearn keeps its steps and what it shows of the loss beside the weights.
    """
    tf.keras.backend.clear_session()
    model = tf.keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=10)
    rows, names = Rows(), {'kernel': 'W', 'bias': 'b'}
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for n in range(1, count + 1):
            rows.layer(model.get_layer(f'block{block}_conv{n}'), f'conv{block}_{n}', **names)
    for name, source in (('fc1', 'fc6'), ('fc2', 'fc7'), ('predictions', 'fc8')):
        rows.layer(model.get_layer(name), source, **names)
    others = dict.fromkeys((*TFLEARN, 'beta1_power', 'beta2_power'), ())
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=others)


class CapsuleLayer(tf.keras.layers.Layer):
    """The layer of XifengGuo's; its routing is left out."""

    def __init__(self, count: int, width: int, name: str):
        super().__init__(name=name)
        self._count, self._width = count, width

    def build(self, shape):
        self.W = self.add_weight(name='W', shape=[self._count, shape[1], self._width, shape[2]])

    def call(self, x):
        return tf.einsum('bnj,mnij->bmi', x, self.W)


def caps_net() -> Pair:
    """naturomics/CapsNet-Tensorflow for MNIST as it is trained, and the training model of XifengGuo/CapsNet-Keras.

    The matrices of the new capsules are ordered otherwise, and capsules have biases in the old one alone.
    """
    tf.keras.backend.clear_session()
    layers, rows, names = tf.keras.layers, Rows(), {'kernel': 'weights', 'bias': 'biases'}
    first = layers.Conv2D(256, 9, activation='relu', name='conv1')
    second = layers.Conv2D(8 * 32, 9, 2, name='primarycap_conv2d')
    image, label = layers.Input([28, 28, 1]), layers.Input([10])
    x = layers.Reshape([-1, 8], name='primarycap_reshape')(second(first(image)))
    x = CapsuleLayer(10, 16, 'digitcaps')(x)
    masked = layers.Flatten()(layers.Multiply()([x, layers.Reshape([10, 1])(label)]))
    decoder = tf.keras.Sequential(name='decoder')
    decoder.add(layers.Dense(512, activation='relu', input_dim=160))
    decoder.add(layers.Dense(1024, activation='relu'))
    decoder.add(layers.Dense(784, activation='sigmoid'))
    decoder.add(layers.Reshape([28, 28, 1], name='out_recon'))
    model = tf.keras.Model([image, label], [tf.norm(x, axis=-1), decoder(masked)])
    rows.layer(first, 'Conv1_layer/Conv', **names)
    rows.layer(second, 'PrimaryCaps_layer/Conv', **names)
    for n, layer in enumerate(decoder.layers[:3]):
        rows.layer(layer, f'Decoder/fully_connected{f"_{n}" if n else ""}', **names)
    routing = 'DigitCaps_layer/routing'
    others = {f'{routing}/Weight': (1, 1152, 160, 8, 1), f'{routing}/bias': (1, 1, 10, 16, 1)}
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
