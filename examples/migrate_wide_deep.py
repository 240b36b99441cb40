r"""Migrates a canned wide-and-deep Estimator of TF1, with partitioned variables, to a Keras model of the same answers.

  python examples/migrate_wide_deep.py --model_dir=wide_deep --output=wide_deep_keras

It trains `DNNLinearCombinedClassifier` on scikit-learn's 569 measurements of breast tumours, unless --model_dir holds a
checkpoint already; gives a Keras model its values by the rules below; prints what went where; compares the two models'
probabilities; and saves the Keras model as an object-based checkpoint. The exit code is 1 if a probability differs.
What the Estimator saves, name-based checkpoints unless you say otherwise, is up to the flags about checkpoints.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.datasets import load_breast_cancer  # noqa: E402

import estimator_ckpt  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the Estimator.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, "Prefix of the Keras model's checkpoint.", required=True)
_TRAIN_STEPS = flags.DEFINE_integer('train_steps', 300, 'Number of steps to train the Estimator.', 1)
estimator_ckpt.flags.define_checkpoint_flags()
flags.FLAGS.set_default('checkpoint_style', 'tf1')

# From the Estimator's names to the paths in the Keras model. Slices are put together, and weights of shape [n, 1] are
# vectors here, since there is but one logit.
RULES = [
    (r'linear/linear_model/(radius|texture)_bucketized/weights', r'model/wide/\1', 'reshape=-1'),
    (
        r'linear/linear_model/radius_bucketized_X_texture_bucketized/weights',
        'model/wide/crossed',
        'reshape=-1',
    ),
    (r'linear/linear_model/bias_weights', 'model/wide_bias'),
    (
        r'dnn/input_from_feature_columns/input_layer/area_bucketized_embedding/embedding_weights',
        'model/embedding/embeddings',
    ),
    (r'dnn/hiddenlayer_(\d+)/(kernel|bias)', r'model/hidden/\1/\2'),
    (r'dnn/logits/(kernel|bias)', r'model/logits/\1'),
]

_BUCKETS, _CROSSES, _EMBEDDING, _HIDDEN = 10, 50, 4, [32, 16]
_BUCKETIZED = ('radius', 'texture', 'area')
_TOLERANCE = 1e-6


def load_data() -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, list[float]]]:
    """The features, each float32 of shape [569, width]; the labels, 1 for benign; the boundaries of the buckets."""
    data = load_breast_cancer()
    scaled = ((data.data - data.data.mean(0)) / data.data.std(0)).astype(np.float32)
    columns = [list(data.feature_names).index(f'mean {name}') for name in _BUCKETIZED]
    features = {name: scaled[:, [column]] for name, column in zip(_BUCKETIZED, columns, strict=True)}
    quantiles = np.arange(1, _BUCKETS) / _BUCKETS
    boundaries = {name: np.quantile(values, quantiles).tolist() for name, values in features.items()}
    return features | {'measurements': scaled}, data.target, boundaries


def build_estimator(boundaries: dict[str, list[float]], width: int) -> tf.estimator.Estimator:
    """The canned Estimator; each table and embedding of it is in two pieces, as on two parameter servers."""
    bucketized = {
        name: tf.feature_column.bucketized_column(tf.feature_column.numeric_column(name), boundaries[name])
        for name in _BUCKETIZED
    }
    wide = [bucketized['radius'], bucketized['texture']]
    canned = tf.compat.v1.estimator.DNNLinearCombinedClassifier(
        model_dir=_MODEL_DIR.value,
        linear_feature_columns=[*wide, tf.feature_column.crossed_column(wide, _CROSSES)],
        dnn_feature_columns=[
            tf.feature_column.numeric_column('measurements', [width]),
            tf.feature_column.embedding_column(bucketized['area'], _EMBEDDING),
        ],
        dnn_hidden_units=_HIDDEN,
        input_layer_partitioner=tf.compat.v1.fixed_size_partitioner(2),
        config=tf.estimator.RunConfig(
            tf_random_seed=1,
            save_checkpoints_steps=flags.FLAGS.save_checkpoints_steps or _TRAIN_STEPS.value,
            keep_checkpoint_max=flags.FLAGS.keep_checkpoint_max,
        ),
    )
    return estimator_ckpt.flags.estimator_from_flags(canned)


class WideDeep(tf.keras.Model):
    """The same model in TF2: from the features to the probability of label 1, of shape [batch, 1]."""

    def __init__(self, boundaries: dict[str, list[float]]):
        super().__init__()
        self._boundaries = boundaries
        sizes = {'radius': _BUCKETS, 'texture': _BUCKETS, 'crossed': _CROSSES}
        self.wide = {name: tf.Variable(tf.zeros([size]), name=name) for name, size in sizes.items()}
        self.wide_bias = tf.Variable([0.0], name='wide_bias')
        self.embedding = tf.keras.layers.Embedding(_BUCKETS, _EMBEDDING)
        self.hidden = [tf.keras.layers.Dense(units, activation='relu') for units in _HIDDEN]
        self.logits = tf.keras.layers.Dense(1)

    def call(self, features: dict[str, tf.Tensor]) -> tf.Tensor:
        ids = {
            name: tf.searchsorted(boundaries, features[name][:, 0], side='right', out_type=tf.int64)
            for name, boundaries in self._boundaries.items()
        }
        # The hash by which a crossed_column finds its rows.
        pairs = [ids['radius'][:, tf.newaxis], ids['texture'][:, tf.newaxis]]
        ids['crossed'] = tf.sparse.cross_hashed(pairs, _CROSSES).values
        wide = self.wide_bias + sum(tf.gather(table, ids[name]) for name, table in self.wide.items())
        # An input_layer puts its columns in the order of their names.
        deep = tf.concat([self.embedding(ids['area']), features['measurements']], axis=1)
        for layer in self.hidden:
            deep = layer(deep)
        return tf.sigmoid(self.logits(deep) + wide[:, tf.newaxis])


def main(_):
    tf.get_logger().setLevel('ERROR')  # Feature columns and Estimators warn that they are deprecated.
    features, labels, boundaries = load_data()

    def input_fn(epochs=None):
        return tf.data.Dataset.from_tensor_slices((features, labels)).repeat(epochs).batch(64)

    estimator = build_estimator(boundaries, features['measurements'].shape[1])
    if estimator.latest_checkpoint() is None:
        estimator.train(input_fn, hooks=estimator_ckpt.flags.hooks_from_flags(), steps=_TRAIN_STEPS.value)
    expected = np.array([row['logistic'] for row in estimator.predict(lambda: input_fn(1))])

    model = WideDeep(boundaries)
    model(features)  # Creates the layers' variables.
    checkpoint = tf.train.Checkpoint(model=model)
    warm_start = estimator_ckpt.WarmStart(estimator.latest_checkpoint(), RULES)
    report = estimator_ckpt.warm_start(warm_start, checkpoint)
    # What is unused are the optimizers' slots.
    print('\n'.join(report.lines(hidden=['unused'], width=140)))
    probabilities = model(features).numpy()

    difference = np.max(np.abs(probabilities - expected))
    accuracy = np.mean((probabilities[:, 0] > 0.5) == labels)
    print(f'migrated checkpoint: {warm_start.checkpoint}')
    print(f'accuracy: {accuracy:.4f}')
    print(f'largest difference of {len(labels)} probabilities: {difference:.2g}')
    print(f'Keras checkpoint: {checkpoint.write(_OUTPUT.value)}')
    return 0 if difference <= _TOLERANCE else 1


if __name__ == '__main__':
    app.run(main)
