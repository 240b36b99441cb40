"""Pairs of a network of speech and of one of tables, for the twentieth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


class BatchNorm(tf.keras.layers.Layer):
    """The norm of PIMLibrary, there batch_norm."""

    def __init__(self):
        super().__init__()
        self.bn = _layers.BatchNormalization(momentum=0.997, epsilon=1e-5, fused=False)

    def call(self, x):
        return self.bn(x)


class ConvBnLayer(tf.keras.layers.Layer):
    """The convolution of PIMLibrary, there conv_bn_layer."""

    def __init__(self, padding: tuple[int, int], size: tuple[int, int], strides: tuple[int, int], n: int):
        super().__init__()
        self.paddings = [[0, 0], *([extent, extent] for extent in padding), [0, 0]]
        self.conv2d = _layers.Conv2D(
            32, size, strides, use_bias=False, activation=tf.nn.relu6, name=f'cnn_{n}'
        )
        self.bn = BatchNorm()

    def call(self, x):
        return self.bn(self.conv2d(tf.pad(x, self.paddings)))


class RnnLayer(tf.keras.layers.Layer):
    """The recurrent layer of PIMLibrary, there rnn_layer; the norm that it makes at each call is not kept."""

    def __init__(self, units: int):
        super().__init__()
        self.lstm_layer = _layers.Bidirectional(_layers.LSTM(units, return_sequences=True, trainable=False))

    def call(self, x):
        return self.lstm_layer(x)


class DeepSpeech2(tf.keras.Model):
    def __init__(self, count: int, units: int, letters: int):
        super().__init__()
        self.lstm = []
        self.input_layer = _layers.Input([237, 171, 1], batch_size=1)
        self.conv_layer_one = ConvBnLayer((0, 0), (41, 11), (2, 2), 1)
        self.conv_layer_two = ConvBnLayer((10, 5), (21, 11), (2, 1), 2)
        self.rshape = _layers.Reshape((-1, 81 * 32))
        for _ in range(count):
            self.lstm.append(RnnLayer(units))
        self.bnorm = BatchNorm()
        self.dense = _layers.Dense(letters, use_bias=False)

    def call(self, x):
        x = self.rshape(self.conv_layer_two(self.conv_layer_one(x)))
        for layer in self.lstm:
            x = layer(x)
        return self.dense(self.bnorm(x))


def pim_deep_speech_2() -> Pair:
    """tensorflow/models' research/deep_speech with LSTMs as it is trained, narrow, and SAITPublic/PIMLibrary's.

    The new one is the DeepSpeech2 of its examples/tf_custom_op/deep_speech2_latency_test.py, which says that it is the
    former, here in whole precision and without its measuring. It keeps no norms before recurrent layers, and has no
    bias of its outputs. The old one has them, and its last norm is the seventh.
    """
    tf.keras.backend.clear_session()
    rows, count, units, letters = Rows(), 5, 96, 29
    model = DeepSpeech2(count, units, letters)
    model(tf.zeros([1, 237, 171, 1]))
    norms = [f'batch_normalization_{n}'.removesuffix('_0') for n in range(count + 2)]
    for n, layer in enumerate((model.conv_layer_one, model.conv_layer_two)):
        rows.layer(layer.conv2d, f'cnn_{n + 1}', ['kernel'])
        rows.layer(layer.bn.bn, norms[n], STATISTICS)
    for n, layer in enumerate(model.lstm, 1):
        both = layer.lstm_layer
        for way, part in (('fw', both.forward_layer), ('bw', both.backward_layer)):
            rows.lstm(part.cell, f'bidirectional_rnn/{way}/rnn_{way}_{n}')
    rows.layer(model.bnorm.bn, norms[-1], STATISTICS)
    rows.layer(model.dense, 'dense', ['kernel'])
    others = {f'{norm}/{role}': (2 * units,) for norm in norms[2:-1] for role in STATISTICS}
    others['dense/bias'] = (letters,)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


# What both have of Outbrain's columns: a hundredth of the buckets, and the width of the table.
_BOTH = {
    'doc_event_id': (3000, 128),
    'ad_id': (2500, 128),
    'doc_id': (1000, 128),
    'doc_ad_source_id': (40, 64),
    'doc_event_source_id': (40, 64),
    'event_geo_location': (25, 64),
    'ad_advertiser': (25, 64),
    'event_country_state': (20, 64),
    'doc_ad_publisher_id': (10, 64),
    'doc_event_publisher_id': (10, 64),
    'event_country': (3, 64),
}
_OLD = {
    f'doc_{side}_{kind}_id': count
    for side in ('ad', 'event')
    for kind, count in (('entity', 100), ('topic', 3), ('category', 1))
}
_BARE = {
    'event_hour': 6,
    'event_platform': 3,
    'traffic_source': 3,
    'event_weekend': 2,
    'user_has_already_viewed_doc': 2,
}
_POPULAR = ('document_id', 'publisher_id', 'source_id', 'entity_id', 'topic_id', 'category_id', 'ad_id')
_SIMILAR = ('categories', 'topics', 'entities')
_LOGS = (
    *(f'pop_{name}' for name in (*_POPULAR, 'advertiser_id', 'campain_id', 'campain_id_conf_multipl')),
    *(f'{start}_sim_{kind}' for start in ('user_doc_ad', 'doc_event_doc_ad') for kind in _SIMILAR),
    *('user_views', 'doc_views', 'ad_views'),
    *('doc_event_days_since_published', 'doc_ad_days_since_published', 'doc_event_hour'),
)
_OLD_NUMBERS = (
    *(f'pop_{name}_conf' for name in (*_POPULAR, 'advertiser_id')),
    *(f'user_doc_ad_sim_{kind}_conf' for kind in _SIMILAR[:2]),
    *(f'{name}_log_01scaled' for name in _LOGS),
)
_NEW_NUMBERS = (
    *(f'doc_{side}_days_since_published_log_01scaled' for side in ('event', 'ad')),
    *(f'doc_event_doc_ad_sim_{kind}' for kind in _SIMILAR),
    *(
        f'pop_{name}'
        for name in ('document_id', 'publisher_id', 'source_id', 'ad_id', 'advertiser_id', 'campain_id')
    ),
    *('doc_views_log_01scaled', 'ad_views_log_01scaled'),
)


class DenseFeatures(tf.keras.layers.Layer):
    """The tables of NVIDIA's, in the order of the names."""

    def __init__(self, sizes: dict[str, tuple[int, int]], **options: str):
        super().__init__(**options)
        self._sizes = sorted(sizes.items())

    def build(self, shapes):
        self.embedding_tables = {}
        for name, shape in self._sizes:
            self.embedding_tables[name] = self.add_weight(f'{name}/embedding_weights', shape=shape)
        super().build(shapes)

    def call(self, inputs):
        parts = [tf.gather(self.embedding_tables[name], inputs[name][:, 0]) for name, _ in self._sizes]
        return tf.concat([*parts, *(inputs[name] for name in sorted(_NEW_NUMBERS))], axis=1)


class LinearFeatures(DenseFeatures):
    """The wide part of NVIDIA's, with one table for all numbers."""

    def build(self, shapes):
        super().build(shapes)
        name, shape = 'numeric/embedding_weights', [len(_NEW_NUMBERS), 1]
        self.embedding_tables['numeric'] = self.add_weight(name, shape=shape)
        self.bias = self.add_weight('bias', shape=[1])

    def call(self, inputs):
        x = self.bias
        for name, _ in self._sizes:
            x = x + tf.gather(self.embedding_tables[name], inputs[name][:, 0])
        numbers = tf.concat([inputs[name] for name in sorted(_NEW_NUMBERS)], axis=1)
        return x + tf.matmul(numbers, self.embedding_tables['numeric'])


def outbrain() -> Pair:
    """NVIDIA/DeepLearningExamples' WideAndDeep of TensorFlow as a canned Estimator, and its WideAndDeep of TensorFlow2.

    The new one is that of 2021, with layers of its own for columns, and a WideDeepModel of Keras. Both are for
    Outbrain's clicks, here with a hundredth of the buckets and layers of 128. The new one keeps the weights of all
    numbers in one tensor, has a wider table of platforms and other columns, so that these, and the first deep kernel,
    have no sources.
    """
    tf.keras.backend.clear_session()
    rows, hidden, count = Rows(), 128, 5
    tables = {**_BOTH, 'event_platform': (4, 16), 'campaign_id': (50, 128)}
    features = {name: _layers.Input([1], name=name, dtype='float32') for name in _NEW_NUMBERS}
    features |= {name: _layers.Input([1], name=name, dtype='int32') for name in tables}
    wide = LinearFeatures({name: (size, 1) for name, (size, _) in tables.items()}, name='wide_linear')
    deep = DenseFeatures(tables, name='deep_embedded')
    outputs, x = wide(features), deep(features)
    dense = [_layers.Dense(hidden, activation='relu') for _ in range(count)]
    for layer in dense:
        x = _layers.Dropout(0.1)(layer(x))
    logits = _layers.Dense(1)
    deep_model = tf.keras.Model(features, logits(x))
    wide_model = tf.keras.Model(features, outputs)
    model = tf.keras.experimental.WideDeepModel(wide_model, deep_model, activation='sigmoid')
    model({name: tf.zeros([1, 1], tensor.dtype) for name, tensor in features.items()})
    linear, columns = 'linear/linear_model', 'dnn/input_from_feature_columns/input_layer'
    for name in _BOTH:
        rows.add(wide.embedding_tables[name], f'{linear}/{name}/weights')
        rows.add(deep.embedding_tables[name], f'{columns}/{name}_embedding/embedding_weights')
    rows.add(wide.bias, f'{linear}/bias_weights')
    for n, layer in enumerate(dense):
        rows.layer(layer, f'dnn/hiddenlayer_{n}', ['kernel', 'bias'] if n else ['bias'])
    rows.layer(logits, 'dnn/logits')
    widths = [width for _, width in _BOTH.values()] + [64] * len(_OLD) + list(_BARE.values())
    others = {'dnn/hiddenlayer_0/kernel': (sum(widths) + len(_OLD_NUMBERS), hidden)}
    others |= {f'{columns}/{name}_embedding/embedding_weights': (size, 64) for name, size in _OLD.items()}
    others |= {f'{linear}/{name}/weights': (size, 1) for name, size in {**_OLD, **_BARE}.items()}
    others |= {f'{linear}/{name}/weights': (1, 1) for name in _OLD_NUMBERS}
    pair = with_slots(rows.pair(others, model=model), 'Ftrl', 'Ftrl_1', but='^dnn/')
    # The canned Estimator keeps the slots of each part with the part's own optimizer, and one step.
    return with_slots(pair, 'ProximalAdagrad', but='^linear/', others={'global_step': ()})
