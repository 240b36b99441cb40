"""Pairs of models of texts, for a seventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import Encoder, Positions, add_attention
from tests.suggesting.known_pairs import Pair, Shapes

_NORM = ('gamma', 'beta')


def flax_bert() -> Pair:
    """google-research/bert as it is pretrained, and the names of FlaxBertForPreTraining of huggingface/transformers.

    The new names are those of modeling_flax_bert.py; the matrix of the next sentence is transposed.
    """
    width, inner, words, old, new, sources = 768, 3072, 3000, {}, {}, {}

    def add(source: str, target: str, shape: tuple[int, ...], other: tuple[int, ...] | None = None) -> None:
        old[source], new[target], sources[target] = shape, other or shape, source

    def dense(source: str, target: str, x: int, y: int) -> None:
        add(f'{source}/kernel', f'{target}/kernel', (x, y))
        add(f'{source}/bias', f'{target}/bias', (y,))

    def norm(source: str, target: str) -> None:
        for role, name in (('gamma', 'scale'), ('beta', 'bias')):
            add(f'{source}/{role}', f'{target}/{name}', (width,))

    at = 'bert/embeddings'
    for name, count in (('word', words), ('position', 512), ('token_type', 2)):
        add(f'{at}/{name}_embeddings', f'{at}/{name}_embeddings/embedding', (count, width))
    norm(f'{at}/LayerNorm', f'{at}/LayerNorm')
    for n in range(12):
        source, target = f'bert/encoder/layer_{n}', f'bert/encoder/layer/{n}'
        for part in ('query', 'key', 'value'):
            dense(*[f'{at}/attention/self/{part}' for at in (source, target)], width, width)
        for part, x, y in (('attention/output', width, width), ('output', inner, width)):
            dense(*[f'{at}/{part}/dense' for at in (source, target)], x, y)
            norm(*[f'{at}/{part}/LayerNorm' for at in (source, target)])
        dense(*[f'{at}/intermediate/dense' for at in (source, target)], width, inner)
    dense('bert/pooler/dense', 'bert/pooler/dense', width, width)
    at = 'cls/predictions'
    dense(f'{at}/transform/dense', f'{at}/transform/dense', width, width)
    norm(f'{at}/transform/LayerNorm', f'{at}/transform/LayerNorm')
    add(f'{at}/output_bias', f'{at}/bias', (words,))
    at = 'cls/seq_relationship'
    add(f'{at}/output_weights', f'{at}/kernel', (2, width), (width, 2))
    add(f'{at}/output_bias', f'{at}/bias', (2,))
    return with_slots(Pair(old, new, sources), 'adam_m', 'adam_v', others={'global_step': ()})


def albert_heads(words: int, narrow: int, width: int) -> Shapes:
    """Returns the shapes of the heads with which google-research/albert is pretrained."""
    at = 'cls/predictions'
    return {
        f'{at}/transform/dense/kernel': (width, narrow),
        f'{at}/transform/dense/bias': (narrow,),
        f'{at}/transform/LayerNorm/gamma': (narrow,),
        f'{at}/transform/LayerNorm/beta': (narrow,),
        f'{at}/output_bias': (words,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }


def keras_nlp_albert() -> Pair:
    """google-research/albert as it is pretrained, and AlbertBackbone of keras-team/keras-nlp, whose heads are an axis.

    The answer is that of convert_albert_checkpoints.py, by way of Hugging Face's names; the new names, paths and
    shapes are those of keras-nlp 0.5.2 when it is run. The new model has no heads, and uses its one layer again.
    """
    tf.keras.backend.clear_session()
    layers, rows, narrow, width, heads, inner, words = tf.keras.layers, Rows(), 128, 768, 12, 3072, 3000
    ids, segments = layers.Input([None], name='token_ids'), layers.Input([None], name='segment_ids')
    token, kind = (
        layers.Embedding(count, narrow, name=f'{name}_embedding')
        for name, count in (('token', words), ('segment', 2))
    )
    position, first = (
        Positions(512, 'position_embedding'),
        layers.LayerNormalization(name='embeddings_layer_norm'),
    )
    embedded = token(ids)
    x = first(layers.Add()([embedded, position(embedded), kind(segments)]))
    wide = layers.Dense(width, name='embedding_projection')
    x = wide(layers.Dropout(0.1, name='embeddings_dropout')(x))
    block = Encoder(heads, inner, 'group_0_inner_layer_0', builds_attention=True)
    for _ in range(2):
        x = block(x)
    pooled = layers.Dense(width, activation='tanh', name='pooled_dense')
    outputs = {'sequence_output': x, 'pooled_output': pooled(x[:, 0, :])}
    model = tf.keras.Model({'token_ids': ids, 'segment_ids': segments}, outputs, name='albert_backbone')
    at = 'bert/embeddings'
    rows.add(token.embeddings, f'{at}/word_embeddings')
    rows.add(position.position_embeddings, f'{at}/position_embeddings')
    rows.add(kind.embeddings, f'{at}/token_type_embeddings')
    rows.layer(first, f'{at}/LayerNorm', _NORM)
    rows.layer(wide, 'bert/encoder/embedding_hidden_mapping_in')
    at = 'bert/encoder/transformer/group_0/inner_group_0'
    add_attention(rows, block._self_attention_layer, f'{at}/attention_1')
    rows.layer(block._self_attention_layernorm, f'{at}/LayerNorm', _NORM)
    rows.layer(block._feedforward_intermediate_dense, f'{at}/ffn_1/intermediate/dense')
    rows.layer(block._feedforward_output_dense, f'{at}/ffn_1/intermediate/output/dense')
    rows.layer(block._feedforward_layernorm, f'{at}/LayerNorm_1', _NORM)
    rows.layer(pooled, 'bert/pooler/dense')
    return with_slots(
        rows.pair(albert_heads(words, narrow, width), model=model),
        'adam_m',
        'adam_v',
        others={'global_step': ()},
    )
