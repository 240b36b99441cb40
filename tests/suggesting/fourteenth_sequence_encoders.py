"""A pair of encoders of texts, for a fourteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import add_attention
from tests.suggesting.known_pairs import Pair, Shapes
from tests.suggesting.model_garden_layers import OnDeviceEmbedding, PositionEmbedding, TransformerEncoderBlock

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class BertEncoderV2(tf.keras.Model):
    """The functional model, which keeps its layers under attributes besides."""

    def __init__(self, words: int, narrow: int, width: int, count: int, heads: int):
        names = 'input_word_ids', 'input_mask', 'input_type_ids'
        ids, mask, types = (_layers.Input([None], dtype=tf.int32, name=name) for name in names)
        word = OnDeviceEmbedding(words, narrow, name='word_embeddings')
        x = word(ids)
        position = PositionEmbedding(512, name='position_embedding')
        places = position(x)
        kind = OnDeviceEmbedding(2, narrow, name='type_embeddings')
        x = _layers.Add()([x, places, kind(types)])
        norm = _layers.LayerNormalization(name='embeddings/layer_norm', axis=-1, epsilon=1e-12)
        x = _layers.Dropout(0.1)(norm(x))
        projection = _layers.EinsumDense('...x,xy->...y', width, bias_axes='y', name='embedding_projection')
        x, blocks, outputs = projection(x), [], []
        for n in range(count):
            block = TransformerEncoderBlock(heads, 4 * width, name=f'transformer/layer_{n}')
            blocks.append(block)
            x = block(x)
            outputs.append(x)
        pooler = _layers.Dense(width, activation='tanh', name='pooler_transform')
        made = {'sequence_output': x, 'pooled_output': pooler(x[:, 0, :]), 'encoder_outputs': outputs}
        super().__init__(inputs=[ids, mask, types], outputs=made)
        self._pooler_layer = pooler
        self._transformer_layers = blocks
        self._embedding_norm_layer = norm
        self._embedding_layer = word
        self._position_embedding_layer = position
        self._type_embedding_layer = kind
        self._embedding_projection = projection


def _generator(words: int, narrow: int, width: int, inner: int, count: int) -> Shapes:
    """Returns the shapes of the old generator, which shares the tables of the embeddings and their norm."""
    shapes: dict[str, tuple[int, ...]] = {}

    def dense(scope: str, x: int, y: int) -> None:
        shapes.update({f'{scope}/kernel': (x, y), f'{scope}/bias': (y,)})

    def norm(scope: str, extent: int) -> None:
        shapes.update({f'{scope}/LayerNorm/{role}': (extent,) for role in _NORM})

    dense('generator/embeddings_project', narrow, width)
    for n in range(count):
        at = f'generator/encoder/layer_{n}'
        for part in ('self/query', 'self/key', 'self/value', 'output/dense'):
            dense(f'{at}/attention/{part}', width, width)
        norm(f'{at}/attention/output', width)
        dense(f'{at}/intermediate/dense', width, inner)
        dense(f'{at}/output/dense', inner, width)
        norm(f'{at}/output', width)
    dense('generator_predictions/dense', width, narrow)
    norm('generator_predictions', narrow)
    shapes['generator_predictions/output_bias'] = (words,)
    return shapes


def model_garden_electra() -> Pair:
    """google-research/electra's small one as it is pretrained, and tensorflow/models' BertEncoderV2 for its encoder.

    The answer is that of the discriminator, of which the new one has the encoder, as ElectraPretrainer gives it on. The
    heads are an axis of the new kernels; masks, which have no variables, are left out. The old one has no pooler.
    """
    tf.keras.backend.clear_session()
    rows, words, narrow, width, heads, count = Rows(), 3000, 128, 256, 4, 12
    model, at = BertEncoderV2(words, narrow, width, count, heads), 'electra/embeddings'
    rows.add(model._embedding_layer.embeddings, f'{at}/word_embeddings')
    rows.add(model._type_embedding_layer.embeddings, f'{at}/token_type_embeddings')
    rows.add(model._position_embedding_layer._position_embeddings, f'{at}/position_embeddings')
    rows.layer(model._embedding_norm_layer, f'{at}/LayerNorm', _NORM)
    rows.layer(model._embedding_projection, 'electra/embeddings_project')
    for n, block in enumerate(model._transformer_layers):
        at = f'electra/encoder/layer_{n}'
        add_attention(rows, block._attention_layer, f'{at}/attention')
        rows.layer(block._attention_layer_norm, f'{at}/attention/output/LayerNorm', _NORM)
        rows.layer(block._intermediate_dense, f'{at}/intermediate/dense')
        rows.layer(block._output_dense, f'{at}/output/dense')
        rows.layer(block._output_layer_norm, f'{at}/output/LayerNorm', _NORM)
    others = dict(_generator(words, narrow, width // 4, width, count))
    for head, y in (('dense', width), ('dense_1', 1)):
        others[f'discriminator_predictions/{head}/kernel'] = (width, y)
        others[f'discriminator_predictions/{head}/bias'] = (y,)
    pair = rows.pair(others, encoder=model)
    return with_slots(pair, 'adam_m', 'adam_v', others={'global_step': ()})
