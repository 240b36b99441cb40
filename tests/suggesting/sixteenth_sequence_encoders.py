"""A pair of encoders of texts, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_language_models import albert_heads
from tests.suggesting.sixth_language_models import (
    FeedForward,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    apply,
)

_NORM = ('beta', 'gamma')
_layers = tf.keras.layers


def embed(rows: Rows, words: int, width: int) -> tuple[list[Any], Any]:
    """Makes the inputs and the tables of bert4keras, and notes Google's names. Returns inputs and output."""
    inputs = [_layers.Input([None], name=f'Input-{name}') for name in ('Token', 'Segment')]
    token = _layers.Embedding(words, width, name='Embedding-Token')
    segment = _layers.Embedding(2, width, name='Embedding-Segment')
    x = _layers.Add(name='Embedding-Token-Segment')([token(inputs[0]), segment(inputs[1])])
    position, at = PositionEmbedding(512, 'Embedding-Position'), 'bert/embeddings'
    x = position(x)
    for layer, kind in ((token, 'word'), (segment, 'token_type'), (position, 'position')):
        rows.add(layer.embeddings, f'{at}/{kind}_embeddings')
    x = apply(rows, LayerNormalization(name='Embedding-Norm'), x, f'{at}/LayerNorm', _NORM)
    return inputs, _layers.Dropout(0.1, name='Embedding-Dropout')(x)


def similar_sentences() -> Pair:
    """google-research/albert's base as it is pretrained, narrow, and bojone/bert4keras' task_sentence_similarity_lcqmc.

    The new one is made with model='albert' and with_pool, and calls its one block again. The answer is that of its
    variable_mapping. Only the old one has heads of pretraining, only the new one a layer for two classes.
    """
    tf.keras.backend.clear_session()
    rows, words, narrow, width = Rows(), 1000, 48, 96
    inputs, x = embed(rows, words, narrow)
    mapping = _layers.Dense(width, name='Embedding-Mapping')
    x = apply(rows, mapping, x, 'bert/encoder/embedding_hidden_mapping_in')
    first, second = 'Transformer-MultiHeadSelfAttention', 'Transformer-FeedForward'
    attention, network = MultiHeadAttention(name=first), FeedForward(4 * width, second)
    norms = [LayerNormalization(name=f'{name}-Norm') for name in (first, second)]
    drops = [_layers.Dropout(0.1, name=f'{name}-Dropout') for name in (first, second)]
    adds = [_layers.Add(name=f'{name}-Add') for name in (first, second)]
    for _ in range(12):
        for layer, drop, add, norm in zip((attention, network), drops, adds, norms, strict=True):
            x = norm(add([x, drop(layer(x))]))
    at = 'bert/encoder/transformer/group_0/inner_group_0'
    for short, part in (('q', 'query'), ('k', 'key'), ('v', 'value')):
        rows.layer(getattr(attention, f'{short}_dense'), f'{at}/attention_1/self/{part}')
    rows.layer(attention.o_dense, f'{at}/attention_1/output/dense')
    rows.layer(norms[0], f'{at}/LayerNorm', _NORM)
    rows.layer(network.i0_dense, f'{at}/ffn_1/intermediate/dense')
    rows.layer(network.o_dense, f'{at}/ffn_1/intermediate/output/dense')
    rows.layer(norms[1], f'{at}/LayerNorm_1', _NORM)
    x = _layers.Lambda(lambda x: x[:, 0], name='Pooler')(x)
    x = apply(rows, _layers.Dense(width, 'tanh', name='Pooler-Dense'), x, 'bert/pooler/dense')
    output = _layers.Dense(2, 'softmax')
    model = tf.keras.Model(inputs, output(_layers.Dropout(0.1)(x)))
    return with_slots(
        rows.pair(albert_heads(words, narrow, width), model=model),
        'adam_m',
        'adam_v',
        others={'global_step': ()},
    )
