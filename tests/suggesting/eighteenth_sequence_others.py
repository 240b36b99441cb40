"""Pairs of a network of speech and of one of tables, for an eighteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def keras_deep_speech() -> Pair:
    """mozilla/DeepSpeech of before 0.2 as it is trained, narrow, and robmsmt/KerasDeepSpeech's ds1_dropout.

    The new LSTM adds both directions and gives them to the output, so that neither the old fifth layer nor the matrix
    of the old output has a target. Both see 26 features of 19 frames, and the layer before the LSTM is twice as wide as
    that. The limit of the activations is left out. The names within the old LSTMs are those since TensorFlow 1.2.
    """
    tf.keras.backend.clear_session()
    rows, features, width, units, letters = Rows(), 494, 512, 256, 29
    x = inputs = _layers.Input([None, features], name='the_input')
    for n in (1, 2, 3):
        dense = _layers.Dense(width, name=f'fc{n}', activation='relu')
        x = _layers.TimeDistributed(_layers.Dropout(0.1))(_layers.TimeDistributed(dense)(x))
        rows.add(dense.kernel, f'h{n}')
        rows.add(dense.bias, f'b{n}')
    lstm = _layers.LSTM(units, return_sequences=True, activation='relu', dropout=0.1, name='birnn')
    both = _layers.Bidirectional(lstm, merge_mode='sum')
    x = _layers.TimeDistributed(_layers.Dropout(0.1))(both(x))
    for short, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        rows.lstm(layer.cell, f'bidirectional_rnn/{short}/basic_lstm_cell')
    output = _layers.Dense(letters, name='y_pred', activation='softmax')
    y = _layers.TimeDistributed(output, name='out')(x)
    rows.add(output.bias, 'b6')
    labels = _layers.Input([None], name='the_labels', dtype='int32')
    lengths = [_layers.Input([1], name=f'{part}_length', dtype='int32') for part in ('input', 'label')]
    loss = _layers.Lambda(lambda parts: tf.keras.backend.ctc_batch_cost(*parts), name='ctc')
    model = tf.keras.Model([inputs, labels, *lengths], loss([labels, y, *lengths]))
    others = {'h5': (2 * units, width), 'b5': (width,), 'h6': (width, letters)}
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


def baby_weight() -> Pair:
    """GoogleCloudPlatform/training-data-analyst's DNNLinearCombinedRegressor of babyweight, and its model in Keras.

    Both are those of the course's trainers, with the same columns and three layers. The new one gives all wide columns
    to a layer of ten units, which it joins with the deep ones before one output, so that neither the old weights of
    columns nor the old output have targets. Where the new trainer lies in the repository is not verified.
    """
    tf.keras.backend.clear_session()
    rows, column = Rows(), tf.feature_column
    kinds = {
        'is_male': ['True', 'False', 'Unknown'],
        'plurality': [
            'Single(1)',
            'Twins(2)',
            'Triplets(3)',
            'Quadruplets(4)',
            'Quintuplets(5)',
            'Multiple(2+)',
        ],
    }
    numbers = {'mother_age': range(15, 45), 'gestation_weeks': range(17, 47)}
    inputs = {name: _layers.Input(name=name, shape=(), dtype='string') for name in kinds}
    inputs |= {name: _layers.Input(name=name, shape=(), dtype='float32') for name in numbers}
    deep_columns = {name: column.numeric_column(name) for name in numbers}
    parts = [column.categorical_column_with_vocabulary_list(name, words) for name, words in kinds.items()]
    for name, bounds in numbers.items():
        parts.append(column.bucketized_column(deep_columns[name], boundaries=list(bounds)))
    wide_columns = [column.indicator_column(part) for part in parts]
    crossed = column.crossed_column(parts, hash_bucket_size=20000)
    deep_columns['crossed_embeds'] = column.embedding_column(crossed, 3)
    wide = _layers.DenseFeatures(wide_columns, name='wide_inputs')(inputs)
    features = _layers.DenseFeatures(deep_columns.values(), name='deep_inputs')
    deep = features(inputs)
    for n, units in enumerate((64, 16, 4)):
        layer = _layers.Dense(units, activation='relu', name=f'dnn_{n + 1}')
        deep = layer(deep)
        rows.layer(layer, f'dnn/hiddenlayer_{n}')
    wide = _layers.Dense(10, activation='relu', name='linear')(wide)
    both = _layers.concatenate([deep, wide], name='both')
    output = _layers.Dense(1, activation='linear', name='weight')
    model = tf.keras.Model(inputs, output(both))
    scope = 'gestation_weeks_bucketized_X_is_male_X_mother_age_bucketized_X_plurality_embedding'
    at = f'dnn/input_from_feature_columns/input_layer/{scope}/embedding_weights'
    rows.add(features.weights[0], at)
    linear = 'linear/linear_model'
    others = {'dnn/logits/kernel': (4, 1), 'dnn/logits/bias': (1,), f'{linear}/bias_weights': (1,)}
    extents = {'is_male': 3, 'plurality': 6} | {f'{name}_bucketized': 31 for name in numbers}
    others |= {f'{linear}/{name}/weights': (extent, 1) for name, extent in extents.items()}
    pair = with_slots(rows.pair(others, model=model), 'Ftrl', 'Ftrl_1', but='^dnn/')
    # The canned Estimator keeps the slots of each part with the part's own optimizer, and one step.
    return with_slots(pair, 'Adagrad', but='^linear/', others={'global_step': ()})
