"""BERT's encoder in Keras, with the attention that Keras ships: `query` is stored as [hidden, heads, size]."""

import tensorflow as tf

_EPSILON = 1e-12


class Block(tf.keras.layers.Layer):
    """One layer of the encoder: self-attention and two dense layers, each with a residual and a layer norm."""

    def __init__(self, hidden_size: int, num_heads: int, intermediate_size: int):
        super().__init__()
        self.attention = tf.keras.layers.MultiHeadAttention(num_heads, hidden_size // num_heads)
        self.attention_norm = tf.keras.layers.LayerNormalization(epsilon=_EPSILON)
        self.intermediate = tf.keras.layers.Dense(intermediate_size, activation=gelu)
        self.output_dense = tf.keras.layers.Dense(hidden_size)
        self.output_norm = tf.keras.layers.LayerNormalization(epsilon=_EPSILON)

    def call(self, x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        x = self.attention_norm(x + self.attention(x, x, attention_mask=mask[:, tf.newaxis, :]))
        return self.output_norm(x + self.output_dense(self.intermediate(x)))


class BertEncoder(tf.keras.Model):
    """Token ids, mask and token types, each int of shape [batch, length], to a sequence and a pooled output."""

    def __init__(self, config: dict[str, int]):
        """Creates the layers.

        Args:
          config: What Google's `bert_config.json` holds.
        """
        super().__init__()
        hidden = config['hidden_size']
        self.word = tf.keras.layers.Embedding(config['vocab_size'], hidden)
        self.position = tf.keras.layers.Embedding(config['max_position_embeddings'], hidden)
        self.token_type = tf.keras.layers.Embedding(config['type_vocab_size'], hidden)
        self.norm = tf.keras.layers.LayerNormalization(epsilon=_EPSILON)
        self.blocks = [
            Block(hidden, config['num_attention_heads'], config['intermediate_size'])
            for _ in range(config['num_hidden_layers'])
        ]
        self.pooler = tf.keras.layers.Dense(hidden, activation='tanh')

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        ids, mask, token_types = inputs
        x = self.word(ids) + self.position(tf.range(tf.shape(ids)[1])) + self.token_type(token_types)
        x = self.norm(x)
        for block in self.blocks:
            x = block(x, mask)
        return x, self.pooler(x[:, 0])


def gelu(x: tf.Tensor) -> tf.Tensor:
    """The approximation that BERT uses."""
    return tf.nn.gelu(x, approximate=True)
