"""BERT's encoder in TF1, with the names and the arithmetic of Google's modeling.py."""

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
_EPSILON = 1e-12


def encode(
    config: dict[str, int], ids: tf.Tensor, mask: tf.Tensor, token_types: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The sequence and the pooled output of a batch.

    Args:
      config: What Google's `bert_config.json` holds.
      ids: The ids of the tokens, int of shape [batch, length].
      mask: 1 for tokens and 0 for padding, of the same shape.
      token_types: The types of the tokens, of the same shape.

    Returns:
      Tensors of shape [batch, length, hidden] and [batch, hidden].
    """
    hidden, length = config['hidden_size'], ids.shape[1]
    with tf1.variable_scope('bert'):
        with tf1.variable_scope('embeddings'):
            x = tf.gather(_weights('word_embeddings', [config['vocab_size'], hidden]), ids)
            x += tf.gather(
                _weights('token_type_embeddings', [config['type_vocab_size'], hidden]), token_types
            )
            x += _weights('position_embeddings', [config['max_position_embeddings'], hidden])[:length]
            x = norm(x)
        for layer in range(config['num_hidden_layers']):
            with tf1.variable_scope(f'encoder/layer_{layer}'):
                with tf1.variable_scope('attention'):
                    context = _attend(x, mask, config['num_attention_heads'])
                    with tf1.variable_scope('output'):
                        x = norm(x + dense(context, hidden))
                with tf1.variable_scope('intermediate'):
                    y = gelu(dense(x, config['intermediate_size']))
                with tf1.variable_scope('output'):
                    x = norm(x + dense(y, hidden))
        with tf1.variable_scope('pooler'):
            return x, tf.tanh(dense(x[:, 0], hidden))


def word_logits(config: dict[str, int], sequence: tf.Tensor) -> tf.Tensor:
    """The logits of masked words, of shape [batch, n, vocabulary], from the sequence output at n positions."""
    with tf1.variable_scope('bert/embeddings', reuse=True):
        table = tf1.get_variable('word_embeddings')
    with tf1.variable_scope('cls/predictions'):
        with tf1.variable_scope('transform'):
            x = norm(gelu(dense(sequence, config['hidden_size'])))
        bias = tf1.get_variable('output_bias', [config['vocab_size']], initializer=tf1.zeros_initializer())
        return tf.tensordot(x, table, [[2], [1]]) + bias


def dense(x: tf.Tensor, units: int, name: str = 'dense') -> tf.Tensor:
    """A dense layer over the last dimension."""
    with tf1.variable_scope(name):
        bias = tf1.get_variable('bias', [units], initializer=tf1.zeros_initializer())
        return tf.tensordot(x, _weights('kernel', [x.shape[-1], units]), 1) + bias


def norm(x: tf.Tensor) -> tf.Tensor:
    """Layer normalization."""
    with tf1.variable_scope('LayerNorm'):
        gamma = tf1.get_variable('gamma', [x.shape[-1]], initializer=tf1.ones_initializer())
        beta = tf1.get_variable('beta', [x.shape[-1]], initializer=tf1.zeros_initializer())
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + _EPSILON) * gamma + beta


def gelu(x: tf.Tensor) -> tf.Tensor:
    """The approximation that BERT uses."""
    return x * 0.5 * (1.0 + tf.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _attend(x: tf.Tensor, mask: tf.Tensor, heads: int) -> tf.Tensor:
    length, hidden = x.shape[1:]

    def split(y):
        return tf.transpose(tf.reshape(y, [-1, length, heads, hidden // heads]), [0, 2, 1, 3])

    with tf1.variable_scope('self'):
        query, key, value = (split(dense(x, hidden, name)) for name in ('query', 'key', 'value'))
    scores = tf.matmul(query, key, transpose_b=True) / np.sqrt(hidden // heads).astype(np.float32)
    scores += (1.0 - tf.cast(mask, tf.float32)[:, tf.newaxis, tf.newaxis, :]) * -1e9
    context = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), [0, 2, 1, 3])
    return tf.reshape(context, [-1, length, hidden])


def _weights(name: str, shape: list[int]) -> tf.Variable:
    return tf1.get_variable(name, shape, initializer=tf1.truncated_normal_initializer(stddev=0.02))
