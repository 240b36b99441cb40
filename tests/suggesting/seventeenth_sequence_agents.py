"""Pairs of an agent and of a recommender, for a seventeenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_layers = tf.keras.layers


def keras_rl_atari() -> Pair:
    """google/dopamine's DQN in slim as it is trained for Breakout, and the model of keras-rl/keras-rl's dqn_atari.

    The old convolutions pad, the new ones do not, so that the kernel of the layer after them has another shape and no
    source. Only the old one keeps its target network. That its optimizer is made in no scope is not verified.
    """
    tf.keras.backend.clear_session()
    rows, model, actions = Rows(), tf.keras.Sequential(), 4
    model.add(_layers.Permute((2, 3, 1), input_shape=(4, 84, 84)))
    sizes: Shapes = {'Conv': (8, 8, 4, 32), 'Conv_1': (4, 4, 32, 64), 'Conv_2': (3, 3, 64, 64)}
    for stride, (name, (size, _, _, width)) in zip((4, 2, 1), sizes.items(), strict=True):
        conv = _layers.Conv2D(width, (size, size), strides=(stride, stride))
        model.add(conv)
        model.add(_layers.Activation('relu'))
        rows.layer(conv, f'Online/{name}', kernel='weights', bias='biases')
    model.add(_layers.Flatten())
    hidden, output = _layers.Dense(512), _layers.Dense(actions)
    for layer, activation in ((hidden, 'relu'), (output, 'linear')):
        model.add(layer)
        model.add(_layers.Activation(activation))
    rows.add(hidden.bias, 'Online/fully_connected/biases')
    rows.layer(output, 'Online/fully_connected_1', kernel='weights', bias='biases')
    others: dict[str, tuple[int, ...]] = {'Online/fully_connected/weights': (11 * 11 * 64, 512)}
    pair = with_slots(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1', 'RMSProp_2')
    target = {
        name.replace('Online', 'Target'): shape
        for name, shape in pair.shapes.items()
        if 'RMSProp' not in name
    }
    return Pair({**pair.shapes, **target}, pair.target, pair.sources)


class MLP(tf.keras.layers.Layer):
    """The layers of tfrs.layers.blocks."""

    def __init__(self, units: list[int], last: str):
        super().__init__()
        self._sublayers = [_layers.Dense(count, activation='relu') for count in units[:-1]]
        self._sublayers.append(_layers.Dense(units[-1], activation=last))

    def call(self, x):
        for layer in self._sublayers:
            x = layer(x)
        return x


class DotInteraction(tf.keras.layers.Layer):
    def call(self, inputs):
        x = tf.stack(inputs, axis=1)
        products = tf.matmul(x, x, transpose_b=True)
        mask = tf.linalg.band_part(tf.ones(products.shape[1:]), -1, 0) - tf.eye(products.shape[1])
        return tf.boolean_mask(products, mask > 0, axis=1)


class PartialTPUEmbedding(tf.keras.layers.Layer):
    def __init__(self, counts: dict[str, int], width: int):
        super().__init__()
        self._keras_embedding_layers = {}
        for name, count in counts.items():
            self._keras_embedding_layers[name] = _layers.Embedding(count, width)
        self._tpu_embedding = None

    def call(self, inputs):
        return {name: self._keras_embedding_layers[name](x) for name, x in inputs.items()}


class Ranking(tf.keras.Model):
    """The model of tfrs.experimental.models, without its task."""

    def __init__(self, table: PartialTPUEmbedding, bottom: MLP, top: MLP):
        super().__init__()
        self._embedding_layer, self._bottom_stack, self._top_stack = table, bottom, top
        self._feature_interaction = DotInteraction()

    def call(self, inputs):
        tables = tf.nest.flatten(self._embedding_layer(inputs['sparse_features']))
        x = self._bottom_stack(inputs['dense_features'])
        x = tf.concat([x, self._feature_interaction([*tables, x])], axis=1)
        return tf.reshape(self._top_stack(x), [-1])


def ranking() -> Pair:
    """DeepRec-AI/DeepRec's modelzoo/dlrm by TF1 as it is trained, and the Ranking of tensorflow/recommenders as DLRM.

    The new one has the widths of the old, and Keras' tables alone. Only the old bottom normalizes, and its second top
    layer sees what its first does, so that its kernel has another shape and no source. What both top layers see is in
    another order. That the old norms lie in the scopes of their layers is not verified.
    """
    tf.keras.backend.clear_session()
    rows, width, count = Rows(), 16, 10000
    bottom, top = [512, 256, 64, width], [512, 256, 1]
    columns = [f'C{n}' for n in range(1, 27)]
    table = PartialTPUEmbedding(dict.fromkeys(columns, count), width)
    model = Ranking(table, MLP(bottom, 'relu'), MLP(top, 'sigmoid'))
    ids = {name: tf.zeros([2], tf.int32) for name in columns}
    model({'dense_features': tf.zeros([2, 13]), 'sparse_features': ids})
    for name, layer in table._keras_embedding_layers.items():
        at = f'input_layer/sparse_input_layer/input_layer/{name}_embedding'
        rows.add(layer.embeddings, f'{at}/embedding_weights')
    others: dict[str, tuple[int, ...]] = {}
    for n, layer in enumerate(model._bottom_stack._sublayers):
        at = f'mlp_bot_layer/mlp_bot_hiddenlayer_{n}'
        rows.layer(layer, at)
        others |= {f'{at}/batch_normalization/{role}': (bottom[n],) for role in STATISTICS}
    first, second, last = model._top_stack._sublayers
    rows.layer(first, 'mlp_top_layer/mlp_top_hiddenlayer_0')
    rows.add(second.bias, 'mlp_top_layer/mlp_top_hiddenlayer_1/bias')
    others['mlp_top_layer/mlp_top_hiddenlayer_1/kernel'] = first.kernel.shape[0], top[1]
    rows.layer(last, 'logits')
    steps = {'global_step': (), 'head/beta1_power': (), 'head/beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
