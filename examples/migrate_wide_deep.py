r"""Migrates the canned wide-and-deep Estimator of with_canned.py, with partitioned variables, to a Keras model.

  python examples/migrate_wide_deep.py --model_dir=wide_deep --output=wide_deep_keras

Its flags are those of with_canned.py and the one below. It trains the Estimator, unless --model_dir holds a checkpoint
already; gives a Keras model its values by the rules below; prints what went where; compares the two models'
probabilities; and saves the Keras model as an object-based checkpoint. The exit code is 1 if a probability differs.
What the Estimator saves, name-based checkpoints unless you say otherwise, is up to the flags about checkpoints.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import with_canned  # noqa: E402
from with_canned import BUCKETS, CROSSES, EMBEDDING, HIDDEN  # noqa: E402

import estimator_ckpt  # noqa: E402

flags.adopt_module_key_flags(with_canned)
flags.FLAGS.set_default('checkpoint_style', 'tf1')
_OUTPUT = flags.DEFINE_string('output', None, "Prefix of the Keras model's checkpoint.", required=True)

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

_TOLERANCE = 1e-6


class WideDeep(tf.keras.Model):
    """The same model in TF2: from the features to the probability of label 1, of shape [batch, 1]."""

    def __init__(self, boundaries: dict[str, list[float]]):
        super().__init__()
        self._boundaries = boundaries
        sizes = {'radius': BUCKETS, 'texture': BUCKETS, 'crossed': CROSSES}
        self.wide = {name: tf.Variable(tf.zeros([size]), name=name) for name, size in sizes.items()}
        self.wide_bias = tf.Variable([0.0], name='wide_bias')
        self.embedding = tf.keras.layers.Embedding(BUCKETS, EMBEDDING)
        self.hidden = [tf.keras.layers.Dense(units, activation='relu') for units in HIDDEN]
        self.logits = tf.keras.layers.Dense(1)

    def call(self, features: dict[str, tf.Tensor]) -> tf.Tensor:
        ids = {
            name: tf.searchsorted(boundaries, features[name][:, 0], side='right', out_type=tf.int64)
            for name, boundaries in self._boundaries.items()
        }
        # The hash by which a crossed_column finds its rows.
        pairs = [ids['radius'][:, tf.newaxis], ids['texture'][:, tf.newaxis]]
        ids['crossed'] = tf.sparse.cross_hashed(pairs, CROSSES).values
        wide = self.wide_bias + sum(tf.gather(table, ids[name]) for name, table in self.wide.items())
        # An input_layer puts its columns in the order of their names.
        deep = tf.concat([self.embedding(ids['area']), features['measurements']], axis=1)
        for layer in self.hidden:
            deep = layer(deep)
        return tf.sigmoid(self.logits(deep) + wide[:, tf.newaxis])


def main(_):
    estimator = with_canned.build_estimator()
    if estimator.latest_checkpoint() is None:
        with_canned.train(estimator)
    features, labels, boundaries = with_canned.load_data()
    rows = tf.compat.v1.estimator.inputs.numpy_input_fn(features, shuffle=False)
    expected = np.array([row['logistic'] for row in estimator.predict(rows)])

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
