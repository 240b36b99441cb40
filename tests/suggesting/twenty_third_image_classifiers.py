"""Pairs of networks that classify images, for the twenty-third blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted

_layers = tf.keras.layers


def vgg_19() -> Pair:
    """tensorflow/models' slim's VGG-19 as it is published, and flyyufelix/cnn_finetune's vgg19_model for 10 classes.

    The files are research/slim's nets/vgg.py and vgg19.py; both are an eighth of the width. The old dense layers are
    convolutions. The new model drops its 1000 classes for as many as it is given, so the last layer has no answer. The
    new one has its channels first, which shapes do not show; here they are last, for a CPU does not run them so. The
    step and the mean of the images, which the old one alone has, are those of VGG-16's checkpoint, which others list.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.Sequential(), Rows()
    model.add(_layers.InputLayer(input_shape=(224, 224, 3)))
    for block, (count, width) in enumerate(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 1):
        for n in range(1, count + 1):
            model.add(_layers.ZeroPadding2D((1, 1)))
            conv = _layers.Conv2D(width // 8, (3, 3), activation='relu')
            model.add(conv)
            rows.layer(conv, f'vgg_19/conv{block}/conv{block}_{n}', **WEIGHTS)
        model.add(_layers.MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(_layers.Flatten())
    for name, shape in (('fc6', (7, 7, 64, 512)), ('fc7', (1, 1, 512, 512))):
        dense = _layers.Dense(512, activation='relu')
        model.add(dense)
        rows.add(dense.kernel, f'vgg_19/{name}/weights', shape)
        rows.add(dense.bias, f'vgg_19/{name}/biases')
        model.add(_layers.Dropout(0.5))
    model.add(_layers.Dense(10, activation='softmax'))
    others = {'vgg_19/fc8/weights': (1, 1, 512, 1000), 'vgg_19/fc8/biases': (1000,)}
    others |= {'global_step': (), 'vgg_19/mean_rgb': (3,)}
    return rows.pair(others, model=model)


class AllConvolutional(tf.keras.Model):
    """The `CNN` of cleverhans' tutorial of TF2, which keeps all of its layers in a list."""

    def __init__(self, width: int = 64):
        super().__init__()
        options = {'activation': tf.nn.leaky_relu, 'kernel_size': 3, 'padding': 'same'}
        self.layers_obj = []
        for scale in range(3):
            self.layers_obj.append(_layers.Conv2D(width << scale, **options))
            self.layers_obj.append(_layers.Conv2D(width << (scale + 1), **options))
            self.layers_obj.append(_layers.AveragePooling2D(pool_size=(2, 2), strides=(2, 2)))
        self.layers_obj.append(_layers.Conv2D(10, **options))

    def call(self, x):
        for layer in self.layers_obj:
            x = layer(x)
        return tf.reduce_mean(x, [1, 2])


def all_convolutional() -> Pair:
    """cleverhans-lab/cleverhans' ModelAllConvolutional of TF1 for CIFAR-10, and the CNN of its tutorial of TF2.

    The files are cleverhans/model_zoo/all_convolutional.py and tutorials/tf2/cifar10_tutorial.py. The scope of the
    old one is that of its tutorial, read in copies; that Adam trains it and a Saver saves all is assumed.
    """
    tf.keras.backend.clear_session()
    rows, model, counts = Rows(), AllConvolutional(), {}
    model(tf.zeros([1, 32, 32, 3]))
    for layer in model.layers_obj:
        if isinstance(layer, _layers.Conv2D):
            rows.layer(layer, f'model1/{counted(counts, "conv2d")}')
    powers = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=powers)


def deep_digits() -> Pair:
    """hunkim/DeepLearningZeroToAll's lab-10-5-mnist_nn_dropout of TF1, and its tf2-10-5-mnist_nn_dropout.

    Only the old matrices have names. The lab saves none of them itself; all are here, with what Adam keeps.
    """
    tf.keras.backend.clear_session()
    model, rows, counts = tf.keras.Sequential(), Rows(), {}
    for n, width in enumerate((512, 512, 512, 512, 10), 1):
        shape = {'input_dim': 784} if n == 1 else {}
        dense = _layers.Dense(units=width, activation='relu' if n < 5 else 'softmax', **shape)
        model.add(dense)
        rows.add(dense.kernel, f'W{n}')
        rows.add(dense.bias, counted(counts, 'Variable'))
        if n < 5:
            model.add(_layers.Dropout(0.3))
    powers = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=powers)
