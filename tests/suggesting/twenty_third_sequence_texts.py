"""Pairs of a tagger and of a classifier of texts, for the twenty-third blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.twelfth_sequence_taggers import CRF

_layers = tf.keras.layers


def labeler() -> Pair:
    """marekrei/sequence-labeler's labeler.py, and the NERCRF of IntelLabs/nlp-architect's models/ner_crf.py.

    The old one has the sizes of conf/fcepublic.conf, but a CRF and no hidden layer for letters; it predicts the words
    on both sides, too, for its lmcost_lstm_gamma is not 0. It saves all global variables in a pickle, here by the names
    that its Saver has. The new one has the sizes of the old one, and is that of 2018 with keras-contrib's CRF, whose
    lines for letters stand in the version that was read as a comment, and here as code: from memory, the first
    releases had them. The old last layer, output_ff, belongs to its CRF, only whose boundaries have no sources. Both
    matrices of an LSTM are one in the old one. Only the old hidden layer has a tanh.
    """
    tf.keras.backend.clear_session()
    rows, tags, words, letters, width, narrow, units = Rows(), 9, 5000, 90, 300, 100, 300
    word_ids = _layers.Input([30], name='words_input')
    table = _layers.Embedding(words, width, input_length=30)
    embedded = _layers.Dropout(0.2)(table(word_ids))
    char_ids = _layers.Input([30, 12], name='word_chars_input')
    char_table = _layers.Embedding(letters, narrow, input_length=12)
    inner = _layers.Bidirectional(_layers.LSTM(narrow))
    chars = _layers.TimeDistributed(inner)(_layers.TimeDistributed(char_table)(char_ids))
    features = _layers.concatenate([embedded, _layers.Dropout(0.2)(chars)], axis=-1)
    outer = _layers.Bidirectional(_layers.LSTM(units, return_sequences=True))
    hidden, crf = _layers.Dense(50), CRF(tags)
    outputs = crf(hidden(_layers.Dropout(0.2)(outer(features))))
    model = tf.keras.Model([word_ids, char_ids], outputs)
    model([tf.zeros([1, 30]), tf.zeros([1, 30, 12])])
    rows.add(table.embeddings, 'word_embeddings')
    rows.add(char_table.embeddings, 'chars/char_embeddings')
    for scope, both in (('chars/', inner), ('', outer)):
        for way, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
            rows.lstm(layer.cell, f'{scope}bidirectional_rnn/{way}/lstm_cell')
    rows.layer(hidden, 'dense')
    rows.layer(crf, 'output_ff')
    rows.add(crf.chain_kernel, 'output_crf_transitions')
    others: dict[str, tuple[int, ...]] = {}
    for way in ('fw', 'bw'):
        scope = f'lmcost_lstm_separate/lmcost_lstm_separate_{way}'
        for end, x, y in (('', units, 50), ('_1', 50, words)):
            others |= {f'{scope}/dense{end}/kernel': (x, y), f'{scope}/dense{end}/bias': (y,)}
    return with_slots(rows.pair(others, model=model), 'Adadelta', 'Adadelta_1')


def movie_reviews() -> Pair:
    """roomylee/rnn-text-classification-tf with LSTMs, and the model of keras-team/keras' examples/imdb_lstm.py.

    The old one is that of rnn.py with cell_type=lstm as train.py saves it; its last matrix is made by get_variable, so
    that it has no scope. The new one has as many words, and as wide vectors, as the old one, but one output for two
    classes, so that its last layer has no source. Its kernels are two, which are one in the old.
    """
    tf.keras.backend.clear_session()
    rows, words, width, units, classes = Rows(), 18758, 300, 128, 2
    table = _layers.Embedding(words, width)
    lstm = _layers.LSTM(units, dropout=0.2, recurrent_dropout=0.2)
    model = tf.keras.Sequential([table, lstm, _layers.Dense(1), _layers.Activation('sigmoid')])
    model(tf.zeros([1, 8], tf.int32))
    rows.add(table.embeddings, 'text-embedding/W_text')
    rows.lstm(lstm.cell, 'rnn/basic_lstm_cell')
    pair = rows.pair({'W': (units, classes), 'output/b': (classes,)}, model=model)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
