"""Pairs of models of texts, for an eighth blind test; see `blind_pairs`."""

import dataclasses
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixth_language_models import (
    FeedForward,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
)


def _encoder_layer(names: StateDict, source: str, target: str, width: int, inner: int) -> None:
    """Notes a layer of BERT, which CANINE has in each of its three encoders."""
    for part in ('query', 'key', 'value'):
        names.weights(f'{source}/attention/self/{part}', f'{target}.attention.self.{part}', (width, width))
    for part, x in (('attention/output', width), ('output', inner)):
        at = f'{target}.{part.replace("/", ".")}'
        names.weights(f'{source}/{part}/dense', f'{at}.dense', (x, width))
        names.norm(f'{source}/{part}/LayerNorm', f'{at}.LayerNorm', width)
    names.weights(f'{source}/intermediate/dense', f'{target}.intermediate.dense', (width, inner))


def canine() -> Pair:
    """google-research/language's CANINE as tuned for TyDi QA, and huggingface/transformers' CanineForQuestionAnswering.

    The answer is that of the latter's load_tf_weights_in_canine, but for the head, whose logits both split into starts
    and ends; that of the types of answers is not in the new model.
    """
    width, inner, buckets, hashes = 768, 3072, 16384, 8
    names = StateDict()
    old, new = 'char_embeddings', 'canine.char_embeddings'
    for n in range(hashes):
        part = f'HashBucketCodepointEmbedder_{n}'
        names.add(f'{old}/embeddings/{part}', f'{new}.{part}.weight', (buckets, width // hashes))
    names.add(f'{old}/segment_embeddings', f'{new}.token_type_embeddings.weight', (16, width))
    part = 'char_position_embeddings'
    names.add(f'{old}/{part}', f'{new}.{part}.weight', (buckets, width))
    names.norm(f'{old}/LayerNorm', f'{new}.LayerNorm', width)
    scopes = {'initial_char_encoder': 'initial_char_encoder', 'bert': 'encoder'}
    for scope, name in {**scopes, 'final_char_encoder': 'final_char_encoder'}.items():
        for n in range(12 if scope == 'bert' else 1):
            _encoder_layer(names, f'{scope}/layer_{n}', f'canine.{name}.layer.{n}', width, inner)
    old, new = 'initial_char_encoder/initial_char_encoder/chars_to_molecules', 'canine.chars_to_molecules'
    names.weights(f'{old}/conv', f'{new}.conv', (4, width, width))
    names.norm(f'{old}/LayerNorm', f'{new}.LayerNorm', width)
    names.weights('final_char_encoder/conv', 'canine.projection.conv', (4, 2 * width, width))
    names.norm('final_char_encoder/LayerNorm', 'canine.projection.LayerNorm', width)
    names.weights('pooler/dense', 'canine.pooler.dense', (width, width))
    names.add('cls/tydi/output_weights', 'qa_outputs.weight', (2, width))
    names.add('cls/tydi/output_bias', 'qa_outputs.bias', (2,))
    names.old('answer_type_output_weights', (5, width))
    names.old('answer_type_output_bias', (5,))
    return with_slots(names.pair(), 'adam_m', 'adam_v', others={'global_step': ()})


class _Embedding(tf.keras.layers.Embedding):
    """The embedding of bert4keras, which is also the last layer."""

    def call(self, inputs, mode='embedding'):
        if mode == 'embedding':
            return super().call(inputs)
        return tf.matmul(inputs, self.embeddings, transpose_b=True)


def gpt2_ml() -> Pair:
    """imcaspar/gpt2-ml, a Grover, narrow and as it is trained, and bojone/bert4keras' GPT2_ML.

    The answer is that of the latter's variable_mapping. The optimizer keeps one vector for each side of a matrix.
    """
    tf.keras.backend.clear_session()
    layers, rows, norm = tf.keras.layers, Rows(), ('beta', 'gamma')
    width, inner, words, positions = 96, 384, 800, 64

    def add(layer: Any, x: Any, source: str, roles: tuple[str, ...]) -> Any:
        y = layer(x)
        rows.layer(layer, source, roles)
        return y

    inputs = layers.Input([None], name='Input-Token')
    token, position = (
        _Embedding(words, width, name='Embedding-Token'),
        PositionEmbedding(positions, 'Embedding-Position'),
    )
    x, at = position(token(inputs)), 'newslm/embeddings'
    rows.add(token.embeddings, f'{at}/word_embed')
    rows.add(position.embeddings, f'{at}/pos_embed')
    x = add(LayerNormalization(name='Embedding-Norm'), x, f'{at}/LayerNorm_embed_norm', norm)
    for n in range(6):
        at, name = f'newslm/layer{n:02d}', f'Transformer-{n}-MultiHeadSelfAttention'
        attention = MultiHeadAttention(name=name)
        y = layers.Dropout(0.1, name=f'{name}-Dropout')(attention(x))
        x = layers.Add(name=f'{name}-Add')([x, y])
        for short, part in (('q', 'query'), ('k', 'key'), ('v', 'value'), ('o', 'context_projection')):
            rows.layer(getattr(attention, f'{short}_dense'), f'{at}/{part}_layer')
        name = f'Transformer-{n}-FeedForward'
        network = FeedForward(inner, name)
        y = network(add(LayerNormalization(name=f'{name}-Norm-0'), x, f'{at}/LayerNorm_mlp_ln0', norm))
        x = layers.Add(name=f'{name}-Add')([x, layers.Dropout(0.1, name=f'{name}-Dropout')(y)])
        rows.layer(network.i0_dense, f'{at}/intermediate')
        rows.layer(network.o_dense, f'{at}/output')
        x = add(LayerNormalization(name=f'{name}-Norm-1'), x, f'{at}/LayerNorm_mlp_ln1', norm)
    outputs = layers.Activation('softmax', name='LM-Activation')(token(x, mode='dense'))
    pair = rows.pair(model=tf.keras.Model(inputs, outputs))
    slots: dict[str, tuple[int, ...]] = {'global_step': ()}
    for name, shape in pair.shapes.items():
        if len(shape) == 1:
            slots[f'{name}/adafactor_v'] = shape
        else:
            slots |= {f'{name}/adafactor_vr': shape[:1], f'{name}/adafactor_vc': shape[1:]}
    return dataclasses.replace(pair, shapes={**pair.shapes, **slots})
