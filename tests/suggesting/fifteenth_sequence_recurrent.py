"""Pairs of networks of texts with LSTMs, for a fifteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def _add_both(rows: Rows, layer: tf.keras.layers.Bidirectional, source: str, cell: str) -> None:
    """Notes the cells of both directions."""
    rows.lstm(layer.forward_layer.cell, f'{source}/fw/{cell}')
    rows.lstm(layer.backward_layer.cell, f'{source}/bw/{cell}')


def characters() -> Pair:
    """hzy46/Char-RNN-TensorFlow of three layers without an embedding, and ekzhang/char-rnn-keras' model.

    Both are for 83 letters, and of 256 units by the old one's arguments. What the old one makes of its output are
    variables without names in two scopes of names.
    """
    tf.keras.backend.clear_session()
    rows, letters, width = Rows(), 83, 256
    model = tf.keras.Sequential()
    options: dict[str, Any] = {'batch_input_shape': (16, 64, letters)}
    for n in range(3):
        layer = _layers.LSTM(width, return_sequences=True, stateful=True, **options)
        model.add(layer)
        model.add(_layers.Dropout(0.5))
        rows.lstm(layer.cell, f'rnn/multi_rnn_cell/cell_{n}/basic_lstm_cell')
        options = {}
    output = _layers.TimeDistributed(_layers.Dense(letters))
    model.add(output)
    model.add(_layers.Activation('softmax'))
    rows.add(output.layer.kernel, 'lstm/softmax/Variable')
    rows.add(output.layer.bias, 'lstm/softmax/Variable_1')
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})


def words_in_images() -> Pair:
    """MaybeShewill-CV/CRNN_Tensorflow as train_shadownet.py trains it, and FLming/CRNN.tf2's, both of 37 classes.

    The old one normalizes after each convolution, the new one after the third, the fifth and the seventh alone, and has
    biases at the others, of which the old one has those of the first two. The old logits have no bias.
    """
    tf.keras.backend.clear_session()
    rows, others, classes = Rows(), {}, 37
    at = 'shadow_net/feature_extraction_module'

    def conv(x: Any, n: int, width: int, size: int = 3, padding: str = 'same') -> Any:
        biased = n in (1, 2, 4, 6)
        layer = _layers.Conv2D(
            width,
            size,
            padding=padding,
            use_bias=biased,
            activation='relu' if biased else None,
            name=f'conv{n}',
        )
        x, inner = layer(x), n < 3
        rows.add(layer.kernel, f'{at}/conv{n}/conv/W' if inner else f'{at}/conv{n}/W')
        if inner:
            rows.add(layer.bias, f'{at}/conv{n}/conv/b')
        old = f'{at}/conv{n}/bn' if inner else f'{at}/bn{n}'
        if biased:
            others.update({f'{old}/{role}': (width,) for role in STATISTICS})
            return x
        norm = _layers.BatchNormalization(name=f'bn{n}')
        x = norm(x)
        rows.layer(norm, old, STATISTICS)
        return _layers.Activation('relu', name=f'relu{n}')(x)

    def pool(x: Any, n: int, strides: Any) -> Any:
        return _layers.MaxPool2D(2, strides=strides, padding='same', name=f'pool{n}')(x)

    x = inputs = tf.keras.Input([32, None, 3])
    x = pool(conv(x, 1, 64), 1, None)
    x = pool(conv(x, 2, 128), 2, None)
    x = pool(conv(conv(x, 3, 256), 4, 256), 4, (2, 1))
    x = pool(conv(conv(x, 5, 512), 6, 512), 6, (2, 1))
    x = conv(x, 7, 512, 2, 'valid')
    x = _layers.Reshape((-1, 512), name='reshape7')(x)
    at = 'shadow_net/sequence_rnn_module'
    for n in range(2):
        both = _layers.Bidirectional(_layers.LSTM(256, return_sequences=True), name=f'bi_lstm{n + 1}')
        x = both(x)
        _add_both(rows, both, f'{at}/stack_bidirectional_rnn/cell_{n}/bidirectional_rnn', 'lstm_cell')
    logits = _layers.Dense(classes, name='logits')
    model = tf.keras.Model(inputs, logits(x), name='crnn')
    rows.add(logits.kernel, f'{at}/w')
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'Momentum', others={'global_step': ()})


def reviews() -> Pair:
    """WordRNN of dongjun-Lee/text-classification-models-tf, and keras-io's examples/nlp/bidirectional_lstm_imdb.

    Both are 256 wide, as the old one is. The old one sees all outputs, for one of 14 classes, and the new one the last
    of each direction, so that the dense layer has no source. The old step has no name.
    """
    tf.keras.backend.clear_session()
    rows, words, width = Rows(), 5000, 256
    table = _layers.Embedding(words, width)
    both = [_layers.Bidirectional(_layers.LSTM(width, return_sequences=n == 0)) for n in range(2)]
    x = table(inputs := tf.keras.Input([None], dtype='int32'))
    rows.add(table.embeddings, 'embeddings')
    for n, layer in enumerate(both):
        x = layer(x)
        _add_both(rows, layer, f'stack_bidirectional_rnn/cell_{n}/bidirectional_rnn', 'basic_lstm_cell')
    model = tf.keras.Model(inputs, _layers.Dense(1, activation='sigmoid')(x))
    others = {'dense/kernel': (100 * 2 * width, 14), 'dense/bias': (14,)}
    steps = {'Variable': (), 'loss/beta1_power': (), 'loss/beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
