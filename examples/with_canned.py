r"""Trains a canned wide-and-deep Estimator, DNNLinearCombinedClassifier, saving the style of checkpoint you choose.

  python examples/with_canned.py --model_dir=wide_deep --checkpoint_style=both

A canned Estimator has a model_fn of its own, and so the flags wrap the Estimator: estimator_from_flags is the one line
about checkpoints. It learns from scikit-learn's 569 measurements of breast tumors, in bucketized, crossed and embedding
columns. A second run goes on where the first one stopped, also with another style. examples/migrate_wide_deep.py gives
the result to a Keras model.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.datasets import load_breast_cancer  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

import estimator_ckpt  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the Estimator.', required=True)
_TRAIN_STEPS = flags.DEFINE_integer('train_steps', 300, 'Number of steps to train in this run.', 1)
estimator_ckpt.flags.define_checkpoint_flags()
flags.FLAGS.set_default('save_checkpoints_steps', 200)

BUCKETS, CROSSES, EMBEDDING, HIDDEN = 10, 50, 4, [32, 16]
_BUCKETIZED = ('radius', 'texture', 'area')
_BATCH_SIZE = 64


def load_data() -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, list[float]]]:
    """The features, each float32 of shape [569, width]; the labels, 1 for benign; the boundaries of the buckets."""
    data = load_breast_cancer()
    scaled = ((data.data - data.data.mean(0)) / data.data.std(0)).astype(np.float32)
    columns = [list(data.feature_names).index(f'mean {name}') for name in _BUCKETIZED]
    features = {name: scaled[:, [column]] for name, column in zip(_BUCKETIZED, columns, strict=True)}
    quantiles = np.arange(1, BUCKETS) / BUCKETS
    boundaries = {name: np.quantile(values, quantiles).tolist() for name, values in features.items()}
    return features | {'measurements': scaled}, data.target, boundaries


def input_fn(split: str) -> tf.data.Dataset:
    """The batches of a split: without end for `'train'`, once through for `'test'`, a fifth of the data."""
    features, labels, _ = load_data()
    rows = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    rows = rows[('train', 'test').index(split)]
    values = {name: value[rows] for name, value in features.items()}
    dataset = tf.data.Dataset.from_tensor_slices((values, labels[rows]))
    return dataset.repeat(None if split == 'train' else 1).batch(_BATCH_SIZE)


def build_estimator() -> tf.estimator.Estimator:
    """The canned Estimator; each table and embedding of it is in two pieces, as on two parameter servers."""
    tf.get_logger().setLevel('ERROR')  # Feature columns and Estimators warn that they are deprecated.
    features, _, boundaries = load_data()
    bucketized = {
        name: tf.feature_column.bucketized_column(tf.feature_column.numeric_column(name), boundaries[name])
        for name in _BUCKETIZED
    }
    wide = [bucketized['radius'], bucketized['texture']]
    canned = tf.compat.v1.estimator.DNNLinearCombinedClassifier(
        model_dir=_MODEL_DIR.value,
        linear_feature_columns=[*wide, tf.feature_column.crossed_column(wide, CROSSES)],
        dnn_feature_columns=[
            tf.feature_column.numeric_column('measurements', [features['measurements'].shape[1]]),
            tf.feature_column.embedding_column(bucketized['area'], EMBEDDING),
        ],
        dnn_hidden_units=HIDDEN,
        input_layer_partitioner=tf.compat.v1.fixed_size_partitioner(2),
        config=tf.estimator.RunConfig(
            tf_random_seed=1,
            save_checkpoints_steps=flags.FLAGS.save_checkpoints_steps,
            keep_checkpoint_max=flags.FLAGS.keep_checkpoint_max,
        ),
    )
    return estimator_ckpt.flags.estimator_from_flags(canned)


def train(estimator: tf.estimator.Estimator) -> None:
    """Trains the Estimator, and prints how accurate it then is."""
    hooks = estimator_ckpt.flags.hooks_from_flags()
    estimator.train(lambda: input_fn('train'), hooks, _TRAIN_STEPS.value)
    result = estimator.evaluate(lambda: input_fn('test'))
    print(f'step: {result["global_step"]}')
    print(f'test accuracy: {result["accuracy"]:.4f}')
    print(f'latest checkpoint: {estimator.latest_checkpoint()}')


def main(_):
    train(build_estimator())


if __name__ == '__main__':
    app.run(main)
