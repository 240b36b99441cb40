r"""Fine-tunes a small BERT to restore punctuation marks, with and without a warm start.

  python examples/fine_tune_text.py --model_dir=punctuation

First it pre-trains BERT's TF1 code to guess masked words of the Python reference, which leaves a checkpoint in BERT's
names (bert/encoder/layer_0/...). Then it trains a classifier, BERT in Keras, on 300 passages that lack a mark: once
from random values, and once from that checkpoint, by the rules of bert_rules.txt, which rename and reshape. It prints
the accuracy of each on passages that no training has seen. Trainings that are complete are not repeated.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import bert_tf1  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from bert_encoder import BertEncoder  # noqa: E402
from bert_rules import rules  # noqa: E402
from punctuation_data import LENGTH, MARKS, MASKED, VOCABULARY, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

tf1 = tf.compat.v1
_MODEL_DIR = flags.DEFINE_string(
    'model_dir', None, 'Directory for those of the three trainings.', required=True
)
_STYLE = flags.DEFINE_enum_class(
    'checkpoint_style',
    estimator_ckpt.CheckpointStyle.BOTH,
    estimator_ckpt.CheckpointStyle,
    'Style of the checkpoints of the classifier.',
)
_PRETRAIN_STEPS = flags.DEFINE_integer('pretrain_steps', 1000, 'Step at which pre-training ends.', 1)
_TRAIN_STEPS = flags.DEFINE_integer('train_steps', 100, 'Step at which the training of a classifier ends.', 1)
_SEED = flags.DEFINE_integer('seed', 1, 'Seed of the initial values and of the order of the data.')
_BATCH_SIZE, _NUM_MASKED = 32, 5

CONFIG = {
    'vocab_size': VOCABULARY,
    'hidden_size': 64,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'intermediate_size': 128,
    'max_position_embeddings': LENGTH,
    'type_vocab_size': 2,
}


def pretraining_fn(features, labels, mode, params, config):
    """BERT's model_fn of pre-training: it guesses masked words. TensorFlow's own saver saves it by names."""
    del labels, params, config
    positions = tf.math.top_k(tf.random.uniform(tf.shape(features)), _NUM_MASKED).indices
    is_masked = tf.reduce_max(tf.one_hot(positions, LENGTH), axis=1) > 0
    ids = tf.where(is_masked, MASKED, features)
    sequence, _ = bert_tf1.encode(CONFIG, ids, tf.ones_like(ids), tf.zeros_like(ids))
    logits = bert_tf1.word_logits(CONFIG, tf.gather(sequence, positions, batch_dims=1))
    loss = tf1.losses.sparse_softmax_cross_entropy(tf.gather(features, positions, batch_dims=1), logits)
    train_op = tf1.train.AdamOptimizer(2e-3).minimize(loss, tf1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def classifier_fn(features, labels, mode, params, config):
    """The classifier. A warm start goes into its scaffold."""
    encoder = BertEncoder(CONFIG)
    classifier = tf.keras.layers.Dense(len(MARKS))
    sequence, _ = encoder((features, tf.ones_like(features), tf.zeros_like(features)))
    logits = classifier(tf.boolean_mask(sequence, tf.equal(features, MASKED)))
    loss = tf1.losses.sparse_softmax_cross_entropy(labels, logits)
    step, optimizer = tf1.train.get_global_step(), tf1.train.AdamOptimizer(5e-4)
    train_op = None
    if mode == tf.estimator.ModeKeys.TRAIN:
        train_op = optimizer.minimize(loss, step)
    checkpoint = tf.train.Checkpoint(encoder=encoder, classifier=classifier, optimizer=optimizer, step=step)
    return tf.estimator.EstimatorSpec(
        mode,
        loss=loss,
        train_op=train_op,
        eval_metric_ops={'accuracy': tf1.metrics.accuracy(labels, tf.argmax(logits, axis=1))},
        scaffold=estimator_ckpt.scaffold(_STYLE.value, checkpoint, config=config, **params),
    )


def input_fn(split: str) -> tf.data.Dataset:
    """The batches of a split: without end and shuffled for training, once through for the test."""
    dataset = tf.data.Dataset.from_tensor_slices(load_data()[split])
    if split != 'test':
        dataset = dataset.shuffle(5000, seed=_SEED.value).repeat()
    return dataset.batch(_BATCH_SIZE)


def build_estimator(model_fn, name: str, **params) -> tf.estimator.Estimator:
    """An Estimator whose checkpoints are in the folder `name` of --model_dir."""
    config = tf.estimator.RunConfig(os.path.join(_MODEL_DIR.value, name), _SEED.value)
    return tf.estimator.Estimator(model_fn, config=config, params=params)


def train_classifier(name: str, **params) -> None:
    """Trains a classifier, and prints how accurate it then is."""
    estimator = build_estimator(classifier_fn, name, **params)
    estimator.train(lambda: input_fn('train'), max_steps=_TRAIN_STEPS.value)
    result = estimator.evaluate(lambda: input_fn('test'))
    print(f'test accuracy of {name}: {result["accuracy"]:.4f}', flush=True)
    print(f'checkpoint of {name}: {estimator.latest_checkpoint()}')


def main(_):
    tf.get_logger().setLevel('ERROR')  # Estimators warn that they are deprecated.
    bert = build_estimator(pretraining_fn, 'pretrained')
    bert.train(lambda: input_fn('text'), max_steps=_PRETRAIN_STEPS.value)
    print(f'pre-trained checkpoint: {bert.latest_checkpoint()}')
    _, labels = load_data()['test']
    print(f'share of the most frequent mark: {np.bincount(labels).max() / len(labels):.4f}')
    train_classifier('cold_start')
    # The head that guesses words has no place in the classifier, nor has the new layer a source.
    warm_start = estimator_ckpt.WarmStart(bert.latest_checkpoint(), rules(CONFIG), include='encoder/.*')
    train_classifier('warm_start', warm_start=warm_start)


if __name__ == '__main__':
    app.run(main)
