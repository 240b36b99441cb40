"""Pairs of an agent, an autoencoder and a canned Estimator, for a fourth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, dense, with_slots
from tests.suggesting.known_pairs import Pair


def _nature_cnn(rows: Rows, scope: str) -> tf.keras.Model:
    """The network of baselines' tf2 branch, whose convolutions only seem to have names."""
    layers = tf.keras.layers
    x = inputs = layers.Input([84, 84, 4])
    for n, (width, size, stride) in enumerate(((32, 8, 4), (64, 4, 2), (64, 3, 1)), 1):
        conv = layers.Conv2D(width, size, stride, activation='relu')
        x = conv(x)
        rows.add(conv.kernel, f'{scope}/c{n}/w')
        rows.add(conv.bias, f'{scope}/c{n}/b', (1, width, 1, 1))
    hidden = layers.Dense(512, 'relu', name='fc1')
    x = hidden(layers.Flatten()(x))
    rows.layer(hidden, f'{scope}/fc1', kernel='w', bias='b')
    return tf.keras.Model(inputs, x)


def ppo_2() -> Pair:
    """openai/baselines' PPO2 with a network each for policy and value, and the objects of its tf2 branch.

    The biases of the old convolutions have four axes. The old program is taken to be saved by a Saver.
    """
    tf.keras.backend.clear_session()
    rows, old = Rows(), 'ppo2_model'
    networks = {
        f'{name}_network': _nature_cnn(rows, f'{old}/{short}')
        for name, short in (('policy', 'pi'), ('value', 'vf'))
    }
    heads = {}
    for short, units in (('pi', 6), ('vf', 1)):
        with tf.name_scope(short):
            layer = tf.keras.layers.Dense(units)
            layer.build([None, 512])
        heads[short] = rows.layer(layer, f'{old}/{short}', kernel='w', bias='b')
    policy = Part(**networks, pdtype=Part(matching_fc=heads['pi']), value_fc=heads['vf'])
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=Part(train_model=policy)), 'Adam', 'Adam_1', others=steps)


class _Quantized:
    """Makes the modules of Sonnet 2's VQ-VAE, and notes the names of Sonnet 1."""

    def __init__(self, width: int, narrow: int):
        self.rows, self._width, self._narrow = Rows(), width, narrow

    def conv(self, scope: str, name: str, size: int, a: int, b: int, channels: int | None = None) -> Part:
        """A convolution of both Sonnets, the axes of whose kernel are the same; `channels` if they are not the last."""
        at = f'{scope}residual_stack/{name}' if name.startswith('res') else f'{scope}{name}'
        w = tf.Variable(tf.zeros([size, size, a, b]), name=f'{at}/w')
        layer = Part(w=w, b=tf.Variable(tf.zeros([channels or b]), name=f'{at}/b'))
        return self.rows.layer(layer, f'{scope}{name}', ['w', 'b'])

    def residuals(self, scope: str) -> Part:
        pairs: list[Any] = []
        for n in range(2):
            first = self.conv(f'{scope}/', f'res3x3_{n}', 3, self._width, self._narrow)
            pairs.append((first, self.conv(f'{scope}/', f'res1x1_{n}', 1, self._narrow, self._width)))
        return Part(_layers=pairs)


def vq_vae() -> Pair:
    """The VQ-VAE of google-deepmind/sonnet's examples in Sonnet 1 with Adam, and that of its examples in Sonnet 2."""
    width, narrow, depth = 128, 32, 64
    net, half = _Quantized(width, narrow), width // 2
    encoder = Part(
        _enc_1=net.conv('encoder/', 'enc_1', 4, 3, half),
        _enc_2=net.conv('encoder/', 'enc_2', 4, half, width),
        _enc_3=net.conv('encoder/', 'enc_3', 3, width, width),
        _residual_stack=net.residuals('encoder'),
    )
    decoder = Part(
        _dec_1=net.conv('decoder/', 'dec_1', 3, depth, width),
        _residual_stack=net.residuals('decoder'),
        _dec_2=net.conv('decoder/', 'dec_2', 4, half, width, half),
        _dec_3=net.conv('decoder/', 'dec_3', 4, 3, half, 3),
    )
    table = tf.Variable(tf.zeros([depth, 512]), name='vector_quantizer/embeddings')
    net.rows.add(table, 'vq_layer/embedding')
    to_codes = net.conv('', 'to_vq', 1, width, depth)
    codes = Part(embeddings=table)
    model = Part(_encoder=encoder, _decoder=decoder, _vqvae=codes, _pre_vq_conv1=to_codes)
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(net.rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


def wide_deep_model() -> Pair:
    """What tf.estimator.DNNLinearCombinedClassifier saves, and tf.keras.experimental.WideDeepModel.

    The new linear part numbers the features by their names; the names of the old variables are those of a training.
    """
    tf.keras.backend.clear_session()
    rows, layers, features = Rows(), tf.keras.layers, {'education': 16, 'occupation': 100, 'relationship': 6}
    linear, kernels = 'linear/linear_model', []
    for name, count in features.items():
        layer = dense(count, 1, False, name)
        kernels.append(rows.layer(layer, f'{linear}/{name}', kernel='weights', roles=['kernel']))
    bias = tf.Variable(tf.zeros([1]), name='bias')
    rows.add(bias, f'{linear}/bias_weights')
    # The canned Estimator joins its columns in the order of their names; that of the embedding is the last but one.
    first, words, last = (layers.Input([extent]) for extent in (1 + 16 + 1, 1, 6))
    table = layers.Embedding(100, 8)
    x = layers.Concatenate()([first, layers.Flatten()(table(words)), last])
    rows.add(
        table.embeddings, 'dnn/input_from_feature_columns/input_layer/occupation_embedding/embedding_weights'
    )
    for n, units in enumerate((64, 32, 16, 1)):
        layer = layers.Dense(units)
        x = layer(x)
        rows.layer(layer, f'dnn/hiddenlayer_{n}' if n < 3 else 'dnn/logits')
    model = Part(
        linear_model=Part(dense_layers=kernels, bias=bias),
        dnn_model=tf.keras.Model([first, words, last], x),
    )
    pair = with_slots(rows.pair(model=model), 'Ftrl', 'Ftrl_1', but='^dnn/')
    return with_slots(pair, 'Adagrad', but='^linear/', others={'global_step': ()})
