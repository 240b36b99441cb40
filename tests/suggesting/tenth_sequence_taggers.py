"""Pairs of a tagger and of a classifier of texts, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


class _ChainCrf(tf.keras.layers.Layer):
    """The layer of UKPLab's for conditional random fields, whose energies at both ends are its own."""

    def build(self, shape):
        classes = shape[-1]
        self.U = self.add_weight(name='U', shape=(classes, classes), initializer='glorot_uniform')
        self.b_start = self.add_weight(name='b_start', shape=(classes,), initializer='zeros')
        self.b_end = self.add_weight(name='b_end', shape=(classes,), initializer='zeros')

    def call(self, x):
        return x


def named_entities() -> Pair:
    """guillaumegenthial/sequence_tagging as it is trained, and UKPLab/emnlp2017-bilstm-cnn-crf with LSTMs of letters.

    The new one has the widths of the old, a task named conll2003_ner, and of its features only the words and letters.
    The old program does not train the vectors of words, and keeps its slots in a scope of their own.
    """
    tf.keras.backend.clear_session()
    layers, rows, tags, width, units = tf.keras.layers, Rows(), 9, 100, 300
    words = layers.Input([None], dtype='int32', name='words_input')
    word = layers.Embedding(22949, 300, trainable=False, name='word_embeddings')
    x = word(words)
    letters = layers.Input([None, 25], dtype='int32', name='char_input')
    letter = layers.TimeDistributed(layers.Embedding(88, width, mask_zero=True), name='char_emd')
    inner = layers.TimeDistributed(layers.Bidirectional(layers.LSTM(width)), name='char_lstm')
    x = layers.concatenate([x, inner(letter(letters))])
    lstm = layers.LSTM(units, return_sequences=True, dropout=0.5, recurrent_dropout=0.5)
    outer = layers.Bidirectional(lstm, name='shared_varLSTM_1')
    task = 'conll2003_ner'
    linear = layers.TimeDistributed(layers.Dense(tags), name=f'{task}_hidden_lin_layer')
    crf = _ChainCrf(name=f'{task}_crf')
    model = tf.keras.Model([words, letters], crf(linear(outer(x))))
    rows.add(letter.layer.embeddings, 'chars/_char_embeddings')
    for scope, both in (('chars', inner.layer), ('bi-lstm', outer)):
        for short, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
            rows.lstm(layer.cell, f'{scope}/bidirectional_rnn/{short}/lstm_cell')
    rows.layer(linear.layer, 'proj', kernel='W', bias='b')
    rows.add(crf.U, 'transitions')
    rows.add(word.embeddings, 'words/_word_embeddings')
    scope = 'train_step'
    steps = {f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    pair = rows.pair(model=model)
    return with_slots(pair, 'Adam', 'Adam_1', prefix=f'{scope}/', but='^words/', others=steps)


def text_cnn() -> Pair:
    """dennybritz/cnn-text-classification-tf as it is trained, and TextCNN of ShawnyXiao/TextClassification-Keras.

    The new convolutions have one axis of places, and are for as many classes. The last matrix of the old has lost its
    scope.
    """
    tf.keras.backend.clear_session()
    layers, rows, width, count = tf.keras.layers, Rows(), 128, 128
    inputs = layers.Input([56])
    embedding, pooled = layers.Embedding(18758, width, input_length=56), []
    embedded = embedding(inputs)
    rows.add(embedding.embeddings, 'embedding/W')
    for size in (3, 4, 5):
        conv = layers.Conv1D(count, size, activation='relu')
        pooled.append(layers.GlobalMaxPooling1D()(conv(embedded)))
        rows.add(conv.kernel, f'conv-maxpool-{size}/W', (size, width, 1, count))
        rows.add(conv.bias, f'conv-maxpool-{size}/b')
    output = layers.Dense(2, activation='softmax')
    model = tf.keras.Model(inputs, output(layers.Dropout(0.5)(layers.Concatenate()(pooled))))
    rows.add(output.kernel, 'W')
    rows.add(output.bias, 'output/b')
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
