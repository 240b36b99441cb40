"""Pairs of networks of tables, for the twenty-second blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


class AFM(tf.keras.Model):
    def __init__(self, counts: list[int], width: int, units: int):
        super().__init__()
        self.embed_layers = {
            f'embed_{n}': _layers.Embedding(input_dim=count, input_length=1, output_dim=width)
            for n, count in enumerate(counts)
        }
        self.attention_dense = _layers.Dense(units=units, activation='relu')
        self.attention_dense2 = _layers.Dense(units=1, activation=None)
        self.dense = _layers.Dense(units=1, activation=None)
        self.concat = _layers.Concatenate(axis=-1)

    def call(self, inputs):
        dense_inputs, ids = inputs
        embedded = [self.embed_layers[f'embed_{n}'](ids[:, n]) for n in range(ids.shape[1])]
        products = [x * y for n, x in enumerate(embedded) for y in embedded[n + 1 :]]
        x = self.concat([dense_inputs, self.attention(tf.stack(products, 1))])
        return tf.nn.sigmoid(self.dense(x))

    def attention(self, keys):
        scores = tf.nn.softmax(self.attention_dense2(self.attention_dense(keys)))
        return tf.reshape(tf.matmul(tf.transpose(scores, [0, 2, 1]), keys), [-1, keys.shape[2]])


def attentional_factorization() -> Pair:
    """hexiangnan/attentional_factorization_machine's AFM for ml-tag as it is trained, and ZiyaoGeng/RecLearn's AFM.

    The old one is code/AFM.py with the optimal sizes of its README, the new one AFM/model.py in its mode "att", with
    these sizes and no dense columns. Each new table has the rows of one of the three fields of the old one's table,
    where they are in the order in which they were read, not one field after the other. Only the old one has a bias for
    each feature, only the new one a bias after the vector of its attention. How many of the 90445 features are of each
    field is from memory.
    """
    tf.keras.backend.clear_session()
    rows, counts, width, units = Rows(), [17045, 23743, 49657], 256, 8
    model = AFM(counts, width, units)
    model((tf.zeros([2, 0]), tf.zeros([2, 3], tf.int32)))
    for layer in model.embed_layers.values():
        rows.add(layer.embeddings, 'feature_embeddings', (sum(counts), width))
    rows.add(model.attention_dense.kernel, 'attention_W')
    rows.add(model.attention_dense.bias, 'attention_b', (1, units))
    rows.add(model.attention_dense2.kernel, 'attention_p', (units,))
    rows.add(model.dense.kernel, 'Variable')
    rows.add(model.dense.bias, 'bias', ())
    pair = rows.pair({'feature_bias': (sum(counts), 1)}, model=model)
    return with_slots(pair, 'Adagrad')
