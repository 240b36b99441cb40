"""A pair of networks for tables, for an eighth blind test; see `blind_pairs`."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_WEIGHTS = ('gamma', 'beta', 'moving_mean')


class BatchNormInferenceWeighting(tf.keras.layers.Layer):
    """The norm of ostamand, which keeps means of squares instead of variances, in variables without names."""

    def build(self, shape):
        ones, zeros = tf.ones(shape[-1:]), tf.zeros(shape[-1:])
        self.gamma, self.beta = tf.Variable(ones), tf.Variable(zeros)
        self.moving_mean = tf.Variable(zeros, trainable=False)
        self.moving_mean_of_squares = tf.Variable(zeros, trainable=False)

    def call(self, x):
        variance = self.moving_mean_of_squares - self.moving_mean**2
        return self.gamma * (x - self.moving_mean) / tf.sqrt(variance + 1e-7) + self.beta


class GhostBatchNormalization(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = BatchNormInferenceWeighting()

    def call(self, x):
        return self.bn(x)


class FeatureBlock(tf.keras.Model):
    def __init__(self, width: int, gates: bool = True, fc: Any = None):
        super().__init__()
        self._width, self._gates = width, gates
        units = 2 * width if gates else width
        self.fc = fc or tf.keras.layers.Dense(units, use_bias=False)
        self.bn = GhostBatchNormalization()

    def call(self, x):
        x = self.bn(self.fc(x))
        return x[:, : self._width] * tf.sigmoid(x[:, self._width :]) if self._gates else x


class FeatureTransformer(tf.keras.Model):
    """Blocks, of which all but the first transformer share the first dense layers with that."""

    def __init__(self, width: int, fcs: Sequence[Any] = ()):
        super().__init__()
        self.blocks = [FeatureBlock(width, fc=fcs[n] if n < len(fcs) else None) for n in range(4)]

    def call(self, x):
        x = self.blocks[0](x)
        for block in self.blocks[1:]:
            x = x * tf.sqrt(0.5) + block(x)
        return x


class AttentiveTransformer(tf.keras.Model):
    def __init__(self, features: int):
        super().__init__()
        self.block = FeatureBlock(features, gates=False)

    def call(self, x, scales):
        return tf.nn.softmax(self.block(x) * scales)


class TabNet(tf.keras.Model):
    def __init__(self, features: int, width: int, outputs: int, steps: int):
        super().__init__()
        self._outputs = outputs
        self.bn = tf.keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-5)
        self.feature_transforms = [FeatureTransformer(width + outputs)]
        self.attentive_transforms = []
        shared = [block.fc for block in self.feature_transforms[0].blocks[:2]]
        for _ in range(steps):
            self.feature_transforms.append(FeatureTransformer(width + outputs, shared))
            self.attentive_transforms.append(AttentiveTransformer(features))

    def call(self, x):
        x = masked = self.bn(x)
        total, scales = 0.0, tf.ones_like(x)
        for n, transform in enumerate(self.feature_transforms):
            y = transform(masked)
            if n:
                total += tf.nn.relu(y[:, : self._outputs])
            if n < len(self.attentive_transforms):
                mask = self.attentive_transforms[n](y[:, self._outputs :], scales)
                scales *= 1.5 - mask
                masked = mask * x
        return total


class TabNetClassifier(tf.keras.Model):
    def __init__(self, features: int, classes: int):
        super().__init__()
        self.model = TabNet(features, 64, 64, 5)
        self.head = tf.keras.layers.Dense(classes, use_bias=False)

    def call(self, x):
        return self.head(self.model(x))


def _add_norm(rows: Rows, block: FeatureBlock, number: int) -> None:
    """Notes a norm, whose old weights are made for batches in batches."""
    for role in _WEIGHTS:
        variable = getattr(block.bn.bn, role)
        rows.add(variable, f'Encoder/batch_normalization_{number}/{role}', (1, 1, *variable.shape))


def tab_net() -> Pair:
    """google-research/google-research's tabnet for Covertype as it is trained, and ostamand/tensorflow-tabnet.

    The first two dense layers are shared by all steps, their norms are not. The new one has no embeddings of features,
    which it does not sort by name either, and means of squares instead of variances but in the first norm. Which
    versions of its files belong together is not verified.
    """
    tf.keras.backend.clear_session()
    rows, features, classes = Rows(), 54, 7
    model = TabNetClassifier(features, classes)
    model(tf.zeros([1, features]))
    net, others = model.model, {}
    rows.layer(net.bn, 'Encoder/batch_normalization', STATISTICS)
    for n, block in enumerate(net.feature_transforms[0].blocks[:2], 1):
        rows.add(block.fc.kernel, f'Encoder/Transform_f{n}/kernel')
    for step, transform in enumerate(net.feature_transforms):
        blocks, first = list(transform.blocks), 1 + 5 * step
        for n in (3, 4):
            rows.add(blocks[n - 1].fc.kernel, f'Encoder/Transform_f{n}{step}/kernel')
        if step < len(net.attentive_transforms):
            blocks.append(net.attentive_transforms[step].block)
            rows.add(blocks[-1].fc.kernel, f'Encoder/Transform_coef{step}/kernel')
        for n, block in enumerate(blocks, first):
            _add_norm(rows, block, n)
            width = block.bn.bn.gamma.shape[0]
            others[f'Encoder/batch_normalization_{n}/moving_variance'] = (1, 1, width)
    rows.add(model.head.kernel, 'Classify/dense/kernel')
    columns = [
        f'{kind}{n}'
        for kind, count in (('Wilderness_Area', 4), ('Soil_Type', 40))
        for n in range(1, count + 1)
    ]
    for column in columns:
        others[f'Encoder/input_layer/{column}_embedding/embedding_weights'] = (3, 1)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
