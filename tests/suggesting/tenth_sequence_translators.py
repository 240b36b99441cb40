"""A pair of translators, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}
_PARTS = {'q': 'q', 'k': 'k', 'v': 'v', 'o': 'output_transform'}


class _Norm(tf.keras.layers.Layer):
    """The layer of keras-layer-normalization."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=shape[-1:], initializer='ones', name='gamma')
        self.beta = self.add_weight(shape=shape[-1:], initializer='zeros', name='beta')

    def call(self, x):
        return self.gamma * x + self.beta


class _Attention(tf.keras.layers.Layer):
    """The layer of keras-multi-head without its heads."""

    def build(self, shape):
        width = (shape[0] if isinstance(shape, list) else shape)[-1]
        for part in _PARTS:
            kernel = self.add_weight(shape=(width, width), name=f'{self.name}_W{part}')
            setattr(self, f'W{part}', kernel)
            bias = self.add_weight(shape=(width,), initializer='zeros', name=f'{self.name}_b{part}')
            setattr(self, f'b{part}', bias)

    def call(self, inputs):
        q, k, v = inputs if isinstance(inputs, list) else (inputs, inputs, inputs)
        scores = tf.matmul(q @ self.Wq + self.bq, k @ self.Wk + self.bk, transpose_b=True)
        return tf.matmul(tf.nn.softmax(scores), v @ self.Wv + self.bv) @ self.Wo + self.bo


class _FeedForward(tf.keras.layers.Layer):
    """The layer of keras-position-wise-feed-forward."""

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self._units = units

    def build(self, shape):
        width, units = shape[-1], self._units
        self.W1 = self.add_weight(shape=(width, units), name=f'{self.name}_W1')
        self.b1 = self.add_weight(shape=(units,), name=f'{self.name}_b1')
        self.W2 = self.add_weight(shape=(units, width), name=f'{self.name}_W2')
        self.b2 = self.add_weight(shape=(width,), name=f'{self.name}_b2')

    def call(self, x):
        return tf.nn.relu(x @ self.W1 + self.b1) @ self.W2 + self.b2


class _EmbeddingRet(tf.keras.layers.Embedding):
    """The layer of keras-embed-sim that also returns its matrix."""

    def call(self, x):
        return [super().call(x), self.embeddings + 0.0]


class _EmbeddingSim(tf.keras.layers.Layer):
    """The layer of keras-embed-sim for outputs, which has only a bias."""

    def build(self, shape):
        self.bias = self.add_weight(shape=shape[1][:1], initializer='zeros', name='bias')

    def call(self, inputs):
        x, table = inputs
        return tf.nn.softmax(tf.matmul(x, table, transpose_b=True) + self.bias)


class _Translator:
    """Makes the model as get_model() does, and notes tensor2tensor's names."""

    def __init__(self, units: int):
        self.rows, self._units = Rows(), units

    def _wrap(self, layer, inputs, scope: str):
        """Applies a layer, and what follows each; the norm of the old is in a scope of what comes after a layer."""
        first = inputs[0] if isinstance(inputs, list) else inputs
        x = tf.keras.layers.Dropout(0.1, name=f'{layer.name}-Dropout')(layer(inputs))
        norm = _Norm(name=f'{layer.name}-Norm')
        y = norm(tf.keras.layers.Add(name=f'{layer.name}-Add')([first, x]))
        self.rows.layer(norm, f'{scope}/layer_postprocess/layer_norm', **_NORM, roles=_NORM)
        return y

    def attend(self, name: str, inputs, scope: str):
        layer = _Attention(name=name)
        x = self._wrap(layer, inputs, scope)
        for part, old in _PARTS.items():
            self.rows.add(getattr(layer, f'W{part}'), f'{scope}/multihead_attention/{old}/kernel')
        return x

    def feed(self, name: str, inputs, scope: str):
        layer = _FeedForward(self._units, f'{name}-FeedForward')
        x = self._wrap(layer, inputs, f'{scope}/ffn')
        for n in (1, 2):
            self.rows.add(getattr(layer, f'W{n}'), f'{scope}/ffn/conv{n}/kernel')
            self.rows.add(getattr(layer, f'b{n}'), f'{scope}/ffn/conv{n}/bias')
        return x

    def model(self, words: int, width: int, count: int) -> tf.keras.Model:
        embed = _EmbeddingRet(words, width, name='Token-Embedding')
        source = tf.keras.layers.Input([None], name='Encoder-Input')
        x = embed(source)[0]
        for n in range(count):
            name, at = f'Encoder-{n + 1}', f'transformer/body/encoder/layer_{n}'
            x = self.attend(f'{name}-MultiHeadSelfAttention', x, f'{at}/self_attention')
            x = self.feed(name, x, at)
        target = tf.keras.layers.Input([None], name='Decoder-Input')
        y, table = embed(target)
        for n in range(count):
            name, at = f'Decoder-{n + 1}', f'transformer/body/decoder/layer_{n}'
            y = self.attend(f'{name}-MultiHeadSelfAttention', y, f'{at}/self_attention')
            y = self.attend(f'{name}-MultiHeadQueryAttention', [y, x, x], f'{at}/encdec_attention')
            y = self.feed(name, y, at)
        output = _EmbeddingSim(name='Decoder-Output')([y, table])
        return tf.keras.Model([source, target], output)


def keras_transformer() -> Pair:
    """tensorflow/tensor2tensor's transformer_base_v1, narrow, as it is trained, and CyberZHG/keras-transformer's model.

    Both normalize after each layer, and use one matrix for all words, which the old one keeps in 16 parts that no rule
    joins. The new attention has biases, and so has its output. What has no variables is left out of the new model. That
    the old program's slots begin with training/ is as of tf.contrib.layers.optimize_loss().
    """
    tf.keras.backend.clear_session()
    words, width = 33708, 96
    translator = _Translator(4 * width)
    model = translator.model(words, width, 6)
    at, sizes = f'transformer/symbol_modality_{words}_{width}/shared/weights', divmod(words, 16)
    parts = {f'{at}_{n}': (sizes[0] + (n < sizes[1]), width) for n in range(16)}
    pair = translator.rows.pair(parts, model=model)
    scope = 'training'
    steps = {
        'global_step': (),
        'losses_avg/problem_0/total_loss': (),
        f'{scope}/beta1_power': (),
        f'{scope}/beta2_power': (),
    }
    return with_slots(pair, 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)
