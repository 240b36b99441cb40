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


@pytest.fixture(scope='module')
def bert(tmp_path_factory):
    """The checkpoint with BERT's optimizer's slots, and the outputs. No two variables are alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_EXAMPLES))
        from bert_tf1 import encode
    path = str(tmp_path_factory.mktemp('bert') / 'bert_model.ckpt')
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        outputs = encode(CONFIG, tf.constant(IDS), tf.constant(MASK), tf.constant(TYPES))
        variables = tf1.trainable_variables()
        tf1.train.get_or_create_global_step()
        for number, variable in enumerate(variables):
            for slot in ('adam_m', 'adam_v'):
                tf1.get_variable(
                    f'{variable.op.name}/{slot}', initializer=tf.random.normal(variable.shape, seed=number)
                )
        session.run(tf1.global_variables_initializer())
        session.run([v.assign(tf.random.normal(v.shape, stddev=0.2)) for v in variables])
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
