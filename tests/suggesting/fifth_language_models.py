"""Pairs of models of texts, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, built, dense, embedding, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')


class _BertForTf2:
    """Makes the objects of kpe's ALBERT, and notes Google's names."""

    def __init__(self, width: int, inner: int, adapter: int):
        self.rows, self._width, self._inner, self._adapter = Rows(), width, inner, adapter
        self._at = 'bert/encoder/transformer/group_0/inner_group_0'

    def norm(self, source: str, width: int) -> Any:
        layer = built(tf.keras.layers.LayerNormalization(name='LayerNorm'), None, width)
        return self.rows.layer(layer, source, _NORM)

    def project(self, scope: str, inputs: int, source: str, norm: str) -> Part:
        """A layer, the norm after it, and the adapter between them, which is new."""
        with tf.name_scope(scope):
            layer = dense(inputs, self._width, name='dense')
            down = dense(self._width, self._adapter, name='adapter-down')
            up = dense(self._adapter, self._width, name='adapter-up')
            normed = self.norm(f'{self._at}/{norm}', self._width)
        self.rows.layer(layer, f'{self._at}/{source}/dense')
        return Part(dense=layer, layer_norm=normed, adapter_down=down, adapter_up=up)

    def embeddings(self, narrow: int) -> Part:
        old, parts = 'bert/embeddings', {}
        with tf.name_scope(old):
            for name, count in (('word', 300), ('token_type', 2)):
                layer = embedding(count, narrow, f'{name}_embeddings')
                self.rows.add(layer.embeddings, f'{old}/{name}_embeddings')
                parts[f'{name}_embeddings_layer'] = layer
            table = tf.Variable(tf.zeros([64, narrow]), name='position_embeddings/embeddings')
            with tf.name_scope('word_embeddings_projector'):
                kernel = tf.Variable(tf.zeros([narrow, self._width]), name='projector')
                bias = tf.Variable(tf.zeros([self._width]), name='bias')
            norm = self.norm(f'{old}/LayerNorm', narrow)
        self.rows.add(table, f'{old}/position_embeddings')
        self.rows.add(kernel, 'bert/encoder/embedding_hidden_mapping_in/kernel')
        self.rows.add(bias, 'bert/encoder/embedding_hidden_mapping_in/bias')
        return Part(
            **parts,
            position_embeddings_layer=Part(embedding_table=table),
            word_embeddings_projector_layer=Part(projector_layer=kernel, projector_bias_layer=bias),
            layer_norm_layer=norm,
        )

    def encoder(self) -> Part:
        parts, width, scope = {}, self._width, 'bert/encoder/layer_shared'
        with tf.name_scope(f'{scope}/attention/self'):
            for name in ('query', 'key', 'value'):
                layer = dense(width, width, name=name)
                parts[f'{name}_layer'] = self.rows.layer(layer, f'{self._at}/attention_1/self/{name}')
        projector = self.project(f'{scope}/attention/output', width, 'attention_1/output', 'LayerNorm')
        with tf.name_scope(scope):
            intermediate = dense(width, self._inner, name='intermediate')
        self.rows.layer(intermediate, f'{self._at}/ffn_1/intermediate/dense')
        shared = Part(
            self_attention_layer=Part(attention_layer=Part(**parts), attention_projector=projector),
            intermediate_layer=intermediate,
            output_projector=self.project(
                f'{scope}/output', self._inner, 'ffn_1/intermediate/output', 'LayerNorm_1'
            ),
        )
        return Part(shared_layer=shared)


def bert_for_tf2() -> Pair:
    """google-research/albert as it is pretrained, narrow, and the objects of kpe/bert-for-tf2 with adapters.

    The answer is that of the latter's loader_albert.py; its objects lack the pooler and the heads.
    """
    tf.keras.backend.clear_session()
    width, narrow, net = 96, 32, _BertForTf2(96, 384, 16)
    layer = Part(embeddings_layer=net.embeddings(narrow), encoders_layer=net.encoder())
    at = 'cls/predictions'
    others = {
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        f'{at}/transform/dense/kernel': (width, narrow),
        f'{at}/transform/dense/bias': (narrow,),
        f'{at}/transform/LayerNorm/gamma': (narrow,),
        f'{at}/transform/LayerNorm/beta': (narrow,),
        f'{at}/output_bias': (300,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
        'global_step': (),
    }
    return net.rows.pair(others, bert=layer)


def keras_hub_gpt_2() -> Pair:
    """openai/gpt-2's smallest, narrow, and the names of GPT2Backbone of keras-team/keras-hub, whose heads are an axis.

    The three matrices of the new attention are parts of one of the old.
    """
    width, heads, words, old, new, sources = 64, 4, 300, {}, {}, {}

    def add(source: str, target: str, shape: tuple[int, ...], other: tuple[int, ...] | None = None) -> None:
        old[source], new[target], sources[target] = shape, other or shape, source

    def norm(source: str, target: str) -> None:
        for short, role in (('g', 'gamma'), ('b', 'beta')):
            add(f'{source}/{short}', f'{target}/{role}', (width,))

    add('model/wte', 'token_embedding/embeddings', (words, width))
    add('model/wpe', 'position_embedding/embeddings', (128, width))
    split = (heads, width // heads)
    for n in range(12):
        at, block = f'model/h{n}', f'transformer_layer_{n}'
        norm(f'{at}/ln_1', f'{block}/self_attention_layer_norm')
        for part in ('query', 'key', 'value'):
            target = f'{block}/self_attention/{part}'
            add(f'{at}/attn/c_attn/w', f'{target}/kernel', (1, width, 3 * width), (width, *split))
            add(f'{at}/attn/c_attn/b', f'{target}/bias', (3 * width,), split)
        target = f'{block}/self_attention/attention_output'
        add(f'{at}/attn/c_proj/w', f'{target}/kernel', (1, width, width), (*split, width))
        add(f'{at}/attn/c_proj/b', f'{target}/bias', (width,))
        norm(f'{at}/ln_2', f'{block}/feedforward_layer_norm')
        for source, name, x, y in (('c_fc', 'intermediate', 1, 4), ('c_proj', 'output', 4, 1)):
            target, shape = f'{block}/feedforward_{name}_dense', (x * width, y * width)
            add(f'{at}/mlp/{source}/w', f'{target}/kernel', (1, *shape), shape)
            add(f'{at}/mlp/{source}/b', f'{target}/bias', shape[1:])
    norm('model/ln_f', 'layer_norm')
    return Pair(old, new, sources)


class _Tagger(tf.keras.Model):
    """The model of stanleylsx's, whose transitions have no name."""

    def __init__(self, words: int, width: int, units: int, tags: int):
        super().__init__(name='bi_lstm_crf_model')
        layers = tf.keras.layers
        self.embedding = layers.Embedding(words, width, mask_zero=True)
        self.dropout = layers.Dropout(0.5)
        self.bilstm = layers.Bidirectional(layers.LSTM(units, return_sequences=True))
        self.dense = layers.Dense(tags)
        self.transition_params = tf.Variable(tf.random.uniform([tags, tags]))

    def call(self, x):
        return self.dense(self.bilstm(self.dropout(self.embedding(x))))


def bilstm_crf() -> Pair:
    """Determined22/zh-NER-TF, narrow, and the model of stanleylsx/entity_extractor_by_ner, of the same widths.

    The old program keeps its step and its slots in a scope of their own.
    """
    tf.keras.backend.clear_session()
    rows, units, tags = Rows(), 48, 7
    model = _Tagger(400, 40, units, tags)
    model(tf.zeros([1, 4], tf.int32))
    rows.add(model.embedding.embeddings, 'words/_word_embeddings')
    for short, layer in (('fw', model.bilstm.forward_layer), ('bw', model.bilstm.backward_layer)):
        rows.lstm(layer.cell, f'bi-lstm/bidirectional_rnn/{short}/lstm_cell')
    rows.layer(model.dense, 'proj', kernel='W', bias='b')
    rows.add(model.transition_params, 'transitions')
    scope = 'train_step'
    steps = {f'{scope}/{name}': () for name in ('global_step', 'beta1_power', 'beta2_power')}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)
