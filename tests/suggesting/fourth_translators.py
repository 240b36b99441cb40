"""Pairs of networks that translate, for a fourth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, built, dense, embedding, lstm_cell, with_slots
from tests.suggesting.known_pairs import Pair


class _Transformer:
    """Makes the objects of the official Transformer under TF2, and notes TF1's names."""

    old, new = 'model/Transformer', 'transformer_v2/Transformer'

    def __init__(self, width: int, heads: int, inner: int):
        self.rows, self._width, self._heads, self._inner = Rows(), width, heads, inner
        self._counts: dict[str, int] = {}

    def name(self, kind: str) -> str:
        """Returns the next of the names that Keras counts."""
        number = self._counts[kind] = self._counts.get(kind, -1) + 1
        return f'{kind}_{number}' if number else kind

    def norm(self, scope: str, name: str) -> Any:
        layer = built(tf.keras.layers.LayerNormalization(name=name), None, self._width)
        names = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}
        return self.rows.layer(layer, f'{self.old}/{scope}/layer_normalization', names, **names)

    def attention(self, scope: str, inner: str) -> Part:
        width, split = self._width, (None, self._heads, self._width // self._heads)
        parts = {}
        for name, old in (('query', 'q'), ('key', 'k'), ('value', 'v'), ('output', 'output_transform')):
            if name == 'output':
                layer = tf.keras.layers.EinsumDense('BTNH,NHE->BTE', (None, width), name=old)
                layer = built(layer, *split)
            else:
                layer = built(tf.keras.layers.EinsumDense('BTE,ENH->BTNH', split, name=name), None, width)
            self.rows.add(layer.kernel, f'{self.old}/{scope}/{inner}/{old}/kernel', (width, width))
            parts[f'{name}_dense_layer'] = layer
        return Part(**parts)

    def feed_forward(self, scope: str, inner: str) -> Part:
        parts = {}
        for name, x, y in (('filter', self._width, self._inner), ('output', self._inner, self._width)):
            layer = dense(x, y, name=f'{name}_layer')
            at = f'{self.old}/{scope}/{inner}/{name}_layer'
            parts[f'{name}_dense_layer'] = self.rows.layer(layer, at)
        return Part(**parts)

    def wrapped(self, scope: str, inner: str, kind: str) -> Part:
        """A layer and the norm before it, in the scopes of ops that both programs share."""
        make = self.feed_forward if kind == 'feed_forward_network' else self.attention
        with tf.name_scope(f'{scope.partition("/")[2]}/{self.name("pre_post_processing_wrapper")}'):
            with tf.name_scope(self.name(kind)):
                layer = make(scope, inner)
            return Part(layer=layer, layer_norm=self.norm(scope, self.name('layer_normalization')))

    def stack(self, side: str, scope: str, count: int) -> Part:
        name, kinds = f'{side}_stack', [('self_attention', 'self_attention', 'self_attention')]
        if side == 'decoder':
            kinds.append(('encdec_attention', 'attention', 'attention'))
        kinds.append(('ffn', 'feed_foward_network', 'feed_forward_network'))
        with tf.name_scope(f'{self.new}/{scope}/{name}'):
            # Keras counts the last norm first, for it is made when the stack is built.
            last = self.norm(name, self.name('layer_normalization'))
            blocks = [
                [self.wrapped(f'{name}/layer_{n}/{part}', inner, kind) for part, inner, kind in kinds]
                for n in range(count)
            ]
        return Part(layers=blocks, output_normalization=last)


def official_transformer_v2() -> Pair:
    """tensorflow/models' official Transformer of r1.x as it is trained, narrow, and its objects in official/legacy.

    The heads are an axis of the new matrices. The old program keeps its slots in a scope of their own.
    """
    tf.keras.backend.clear_session()
    made, shared = _Transformer(96, 8, 384), 'embedding_shared_weights/embedding_and_softmax'
    table = tf.Variable(tf.zeros([300, 96]), name=f'{made.new}/encode/{shared}/weights')
    made.rows.add(table, f'{made.old}/{shared}/weights')
    model = Part(
        embedding_softmax_layer=Part(shared_weights=table),
        encoder_stack=made.stack('encoder', 'encode', 6),
        decoder_stack=made.stack('decoder', 'decode', 6),
    )
    scope = 'model/get_train_op'
    steps = {'global_step': (), f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(made.rows.pair(model=model), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


def attention_wrapper() -> Pair:
    """tensorflow/nmt of one layer with Luong's attention, and the objects of tensorflow/addons' tutorial of the same.

    The new output has a bias.
    """
    tf.keras.backend.clear_session()
    rows, width, at = Rows(), 64, 'dynamic_seq2seq'
    tables = {}
    for side, count in (('encoder', 500), ('decoder', 400)):
        tables[side] = layer = embedding(count, width)
        rows.add(layer.embeddings, f'embeddings/{side}/embedding_{side}')
    encoder_rnn = built(tf.keras.layers.LSTM(width, return_sequences=True), None, width)
    rows.lstm(encoder_rnn.cell, f'{at}/encoder/rnn/basic_lstm_cell')
    cell = lstm_cell(2 * width, width)
    rows.lstm(cell, f'{at}/decoder/attention/basic_lstm_cell')
    memory = dense(width, width, False, 'memory_layer')
    rows.layer(memory, f'{at}/decoder/memory_layer', ['kernel'])
    mixed = dense(2 * width, width, False, 'attention_layer')
    rows.layer(mixed, f'{at}/decoder/attention/attention_layer', ['kernel'])
    output = dense(width, 400)
    rows.layer(output, f'{at}/decoder/output_projection', ['kernel'])
    mechanism = Part(memory_layer=memory)
    wrapper = Part(_cell=cell, _attention_mechanisms=(mechanism,), _attention_layers=(mixed,))
    decoder = Part(
        decoder_embedding=tables['decoder'],
        dense_layer=output,
        decoder_rnncell=cell,
        attention_mechanism=mechanism,
        rnn_cell=wrapper,
        decoder=Part(cell=wrapper, output_layer=output),
    )
    encoder = Part(encoder_embedding=tables['encoder'], encoder_rnnlayer=encoder_rnn)
    # nmt gives its step no name.
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    pair = rows.pair(encoder=encoder, decoder=decoder)
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
