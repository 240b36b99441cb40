"""Pairs of recommenders, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def neural_filtering() -> Pair:
    """recommenders-team/recommenders' NCF of TF1, and NeuMF of hexiangnan/neural_collaborative_filtering in tf.keras.

    Both are of 8 factors and layers of 64, 32, 16 and 8 for MovieLens 1M. The last layer of the old has no bias. The
    old program makes its optimizer in a scope of its own.
    """
    tf.keras.backend.clear_session()
    layers, rows, sizes, factors = tf.keras.layers, Rows(), (64, 32, 16, 8), 8
    counts = {'user': 6040, 'item': 3706}
    inputs = {kind: layers.Input([1], dtype='int32', name=f'{kind}_input') for kind in counts}
    latent = {}
    for part, old, width in (('mf', 'gmf', factors), ('mlp', 'mlp', sizes[0] // 2)):
        for kind, short in (('user', 'P'), ('item', 'Q')):
            name = f'{part}_embedding_{kind}'
            table = layers.Embedding(counts[kind], width, name=name, input_length=1)
            latent[part, kind] = layers.Flatten()(table(inputs[kind]))
            rows.add(table.embeddings, f'embedding/embedding_{old}_{short}')
    product = layers.multiply([latent['mf', 'user'], latent['mf', 'item']])
    x = layers.concatenate([latent['mlp', 'user'], latent['mlp', 'item']])
    for n, size in enumerate(sizes[1:]):
        layer = layers.Dense(size, activation='relu', name=f'layer{n + 1}')
        x = layer(x)
        scope = f'fully_connected_{n}' if n else 'fully_connected'
        rows.layer(layer, f'mlp/{scope}', kernel='weights', bias='biases')
    output = layers.Dense(1, activation='sigmoid', name='prediction')
    y = output(layers.concatenate([product, x]))
    rows.add(output.kernel, 'ncf/fully_connected/weights')
    model = tf.keras.Model(list(inputs.values()), y)
    scope = 'optimizer'
    steps = {f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


def deep_fm_state() -> Pair:
    """ChenglongChen/tensorflow-DeepFM with norms of batches as it is trained, and rixwew/pytorch-fm's DeepFM.

    Both have 39 fields with as many features, and two layers of 32 units by their arguments. Most variables of the old
    have no names. Its last layer also sees the parts of first and second order, which the new one adds as they are.
    """
    features, fields, factors, units = 254, 39, 8, 32
    state = StateDict()
    state.add('feature_embeddings', 'embedding.embedding.weight', (features, factors))
    state.add('feature_bias', 'linear.fc.weight', (features, 1))
    state.add('Variable_5', 'linear.bias', (), (1,))
    for n, x in enumerate((fields * factors, units)):
        kernel = f'Variable_{2 * n}' if n else 'Variable'
        state.add(kernel, f'mlp.mlp.{4 * n}.weight', (x, units), (units, x))
        state.add(f'Variable_{2 * n + 1}', f'mlp.mlp.{4 * n}.bias', (1, units), (units,))
        state.norm(f'bn_{n}', f'mlp.mlp.{4 * n + 1}', units, statistics=True)
    state.old('Variable_4', (fields + factors + units, 1))
    state.new('mlp.mlp.8.weight', (1, units))
    state.new('mlp.mlp.8.bias', (1,))
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', others=steps)
