"""BERT as a worked case: a small TF1 BERT of the real names becomes a Keras encoder with the same outputs."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1
pytestmark = needs_keras_2
_EXAMPLES = pathlib.Path(__file__).parents[1] / 'examples'
CONFIG = {
    'vocab_size': 30,
    'hidden_size': 24,
    'num_hidden_layers': 2,
    'num_attention_heads': 3,
    'intermediate_size': 40,
    'max_position_embeddings': 16,
    'type_vocab_size': 2,
}
IDS = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 0]])
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
TYPES = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 1, 0]])


def _variable(name, shape):
    return tf1.get_variable(name, shape, initializer=tf1.random_normal_initializer(stddev=0.2))


def _dense(x, units, name, activation=lambda x: x):
    with tf1.variable_scope(name):
        kernel = _variable('kernel', [x.shape[-1], units])
        return activation(tf.tensordot(x, kernel, 1) + _variable('bias', [units]))


def _norm(x, scope=''):
    with tf1.variable_scope(scope + 'LayerNorm'):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        gamma, beta = _variable('gamma', [x.shape[-1]]), _variable('beta', [x.shape[-1]])
        return (x - mean) * tf.math.rsqrt(variance + 1e-12) * gamma + beta


def _tf1_bert():
    """The sequence and the pooled output, by the names and the arithmetic of Google's modeling.py."""
    hidden, heads = CONFIG['hidden_size'], CONFIG['num_attention_heads']
    size = hidden // heads

    def split(x):
        return tf.transpose(tf.reshape(x, [*x.shape[:2], heads, size]), [0, 2, 1, 3])

    def gelu(x):
        return x * 0.5 * (1.0 + tf.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    with tf1.variable_scope('bert'):
        with tf1.variable_scope('embeddings'):
            x = tf.gather(_variable('word_embeddings', [CONFIG['vocab_size'], hidden]), IDS)
            x += tf.gather(_variable('token_type_embeddings', [CONFIG['type_vocab_size'], hidden]), TYPES)
            positions = _variable('position_embeddings', [CONFIG['max_position_embeddings'], hidden])
            x = _norm(x + positions[: IDS.shape[1]])
        for layer in range(CONFIG['num_hidden_layers']):
            with tf1.variable_scope(f'encoder/layer_{layer}'):
                with tf1.variable_scope('attention/self'):
                    q, k, v = (split(_dense(x, hidden, name)) for name in ('query', 'key', 'value'))
                    scores = tf.matmul(q, k, transpose_b=True) / np.sqrt(size).astype(np.float32)
                    scores += (1.0 - MASK[:, None, None, :].astype(np.float32)) * -1e9
                    context = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])
                    context = tf.reshape(context, x.shape)
                with tf1.variable_scope('attention/output'):
                    x = _norm(x + _dense(context, hidden, 'dense'))
                with tf1.variable_scope('intermediate'):
                    y = _dense(x, CONFIG['intermediate_size'], 'dense', gelu)
                with tf1.variable_scope('output'):
                    x = _norm(x + _dense(y, hidden, 'dense'))
        with tf1.variable_scope('pooler'):
            return x, _dense(x[:, 0], hidden, 'dense', tf.tanh)


@pytest.fixture(scope='module')
def bert(tmp_path_factory):
    """The checkpoint with BERT's optimizer's slots, and the outputs."""
    path = str(tmp_path_factory.mktemp('bert') / 'bert_model.ckpt')
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        outputs = _tf1_bert()
        tf1.train.get_or_create_global_step()
        for number, variable in enumerate(tf1.trainable_variables()):
            for slot in ('adam_m', 'adam_v'):
                tf1.get_variable(
                    f'{variable.op.name}/{slot}', initializer=tf.random.normal(variable.shape, seed=number)
                )
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, path)
        return path, session.run(outputs)


def _convert(bert, output, *flags):
    config = pathlib.Path(output).with_suffix('.json')
    config.write_text(json.dumps(CONFIG))
    command = [sys.executable, str(_EXAMPLES / 'convert_bert.py')]
    command += [f'--checkpoint={bert}', f'--config={config}', f'--output={output}', *flags]
    environment = os.environ | {'PYTHONPATH': str(_EXAMPLES.parent)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def encoder(monkeypatch):
    monkeypatch.syspath_prepend(str(_EXAMPLES))
    from bert_encoder import BertEncoder

    encoder = BertEncoder(CONFIG)
    encoder((IDS, MASK, TYPES))
    return encoder


def test_the_keras_encoder_gives_the_same_outputs(bert, encoder, tmp_path):
    path, expected = bert
    _convert(path, tmp_path / 'tf2')
    tf.train.Checkpoint(encoder=encoder).restore(str(tmp_path / 'tf2')).assert_consumed()
    assert encoder.blocks[0].attention._query_dense.kernel.shape == (24, 3, 8)

    for actual, output in zip(encoder((IDS, MASK, TYPES)), expected, strict=True):
        np.testing.assert_allclose(actual, output, atol=1e-6, rtol=1e-5)


def test_slots_are_reshaped_alike(bert, encoder, tmp_path):
    path, _ = bert
    _convert(path, tmp_path / 'tf2', '--optimizer=optimizer')
    optimizer = tf1.train.AdamOptimizer()
    kernel = encoder.blocks[1].attention._query_dense.kernel
    optimizer.apply_gradients([(tf.zeros_like(v), v) for v in encoder.trainable_variables])
    checkpoint = tf.train.Checkpoint(encoder=encoder, optimizer=optimizer)
    checkpoint.restore(str(tmp_path / 'tf2')).expect_partial()

    source = tf.train.load_checkpoint(path).get_tensor(
        'bert/encoder/layer_1/attention/self/query/kernel/adam_m'
    )
    np.testing.assert_array_equal(optimizer.get_slot(kernel, 'm'), source.reshape(24, 3, 8))
