"""Pairs of recommenders that `plan --suggest` was never made with; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, conv1d, dense, embedding, with_slots
from tests.suggesting.known_pairs import Pair


class _Scale(tf.Module):
    """A normalization of recommenders', which has its own gamma and beta for each place of a sequence."""

    def __init__(self, length: int, width: int):
        super().__init__()
        self.gamma = tf.Variable(tf.ones([length, width]))
        self.beta = tf.Variable(tf.zeros([length, width]))


def sas_rec() -> Pair:
    """kang205/SASRec, whose norms are bare variables, and the objects of recommenders-team/recommenders' SASREC.

    The new norms are one per block and of other shapes, so that they have no source.
    """
    tf.keras.backend.clear_session()
    rows, length, width, count = Rows(), 50, 50, 2
    items = embedding(301, width, 'item_embeddings')
    places = embedding(length, width, 'positional_embeddings')
    rows.layer(items, 'SASRec/input_embeddings', ['embeddings'], embeddings='lookup_table')
    rows.layer(places, 'SASRec/dec_pos', ['embeddings'], embeddings='lookup_table')
    blocks, others = [], {f'SASRec/ln/Variable{end}': (width,) for end in ('', '_1')}
    for n in range(count):
        at = f'SASRec/num_blocks_{n}'
        others |= {f'{at}/ln{k}/Variable{end}': (width,) for k in ('', '_1') for end in ('', '_1')}
        heads = {
            name: rows.layer(dense(width, width), f'{at}/self_attention/dense{end}')
            for name, end in zip('QKV', ('', '_1', '_2'), strict=True)
        }
        convolutions = {
            f'conv_layer{k + 1}': rows.layer(
                conv1d(1, width, width), f'{at}/multihead_attention/conv1d{"_1" * k}'
            )
            for k in range(2)
        }
        blocks.append(
            Part(
                mha=Part(**heads),
                ffn=Part(**convolutions),
                layer_normalization=_Scale(length, width),
            )
        )
    model = Part(
        item_embedding_layer=items,
        positional_embedding_layer=places,
        encoder=Part(enc_layers=blocks),
        layer_normalization=_Scale(length, width),
    )
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


def deep_interest() -> Pair:
    """zhougr1993/DeepInterestNetwork and the objects of ZiyaoGeng/RecLearn's DIN, which lacks users and their norm."""
    tf.keras.backend.clear_session()
    rows, width = Rows(), 128
    embeddings = []
    for name, count in (('item_emb_w', 600), ('cate_emb_w', 40)):
        embeddings.append(embedding(count, width // 2))
        rows.add(embeddings[-1].embeddings, name)

    def tower(x: int, end: str) -> list:
        shapes = (x, 80), (80, 40), (40, 1)
        return [rows.layer(dense(*shape), f'f{n}{end}') for n, shape in enumerate(shapes, 1)]

    attention, top = tower(4 * width, '_att'), tower(2 * width, '')
    for layer in top[:2]:
        layer.activation = built(tf.keras.layers.PReLU(), layer.units)
    norm = rows.layer(built(tf.keras.layers.BatchNormalization(), 2 * width), 'b1', STATISTICS)
    model = Part(
        embed_sparse_layers=[],
        embed_seq_layers=embeddings,
        attention_layer=Part(att_dense=attention[:2], att_final_dense=attention[2]),
        bn=norm,
        ffn=top[:2],
        dense_final=top[2],
    )
    others = {
        'user_emb_w': (800, width),
        'item_b': (600,),
        'hist_fcn/kernel': (width, width),
        'hist_fcn/bias': (width,),
        'global_step': (),
        'global_epoch_step': (),
    }
    for scope in ('batch_normalization', 'hist_bn'):
        others |= {f'{scope}/{role}': (width,) for role in STATISTICS}
    return rows.pair(others, model=model)
