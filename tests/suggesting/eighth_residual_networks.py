"""Pairs of networks of residual and dense blocks, and Keras models, for an eighth blind test; see `blind_pairs`."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


class SeResNet:
    """Builds qubvel's SE-ResNet-50, whose layers have no names, and notes HiKapok's names."""

    # The names of the convolutions of a block, of which the last one is the shortcut.
    parts = '_1x1_reduce', '_3x3', '_1x1_increase', '_1x1_proj'

    def __init__(self):
        self.rows = Rows()

    def note_unit(self, conv: Any, norm: Any, source: str) -> None:
        self.rows.layer(conv, source, ['kernel'])
        self.rows.layer(norm, f'{source}/bn', STATISTICS)

    def note_excitation(self, down: Any, up: Any, source: str) -> None:
        self.rows.layer(down, f'{source}_1x1_down')
        self.rows.layer(up, f'{source}_1x1_up')

    def unit(self, x: Any, source: str, width: int, size: int, stride: int = 1, padding: int = 0) -> Any:
        """A convolution without biases, and its norm."""
        layers = tf.keras.layers
        if padding:
            x = layers.ZeroPadding2D(padding)(x)
        conv = layers.Conv2D(width, size, strides=stride, use_bias=False)
        norm = layers.BatchNormalization(axis=3, epsilon=9.999999747378752e-06)
        x = norm(conv(x))
        self.note_unit(conv, norm, source)
        return x

    def excite(self, x: Any, source: str, reduction: int = 16) -> Any:
        """Scales the channels by what two convolutions make of their means."""
        layers, channels = tf.keras.layers, x.shape[-1]
        y = layers.Lambda(lambda z: tf.reduce_mean(z, axis=[1, 2], keepdims=True))(x)
        down, up = layers.Conv2D(channels // reduction, 1), layers.Conv2D(channels, 1)
        y = layers.Activation('sigmoid')(up(layers.Activation('relu')(down(y))))
        self.note_excitation(down, up, source)
        return layers.Multiply()([x, y])

    def block(self, x: Any, source: str, width: int, stride: int) -> Any:
        layers, other = tf.keras.layers, x
        first, second, third, shortcut = (f'{source}{part}' for part in self.parts)
        x = layers.Activation('relu')(self.unit(x, first, width // 4, 1, stride))
        x = layers.Activation('relu')(self.unit(x, second, width // 4, 3, padding=1))
        x = self.unit(x, third, width, 1)
        if stride != 1 or other.shape[-1] != width:
            other = self.unit(other, shortcut, width, 1, stride)
        return layers.Activation('relu')(layers.Add()([self.excite(x, source), other]))

    def model(self, stem: str, blocks: Iterable[Iterable[str]], logits: Any, width: int) -> tf.keras.Model:
        """Builds the network.

        Args:
          stem: The old name of the first convolution.
          blocks: The old names of the blocks of each stage.
          logits: The layer that classifies.
          width: The width of the stem.
        """
        layers = tf.keras.layers
        image = layers.Input([224, 224, 3], name='input')
        x = layers.Activation('relu')(self.unit(image, stem, width, 7, 2, padding=3))
        x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
        for stage, sources in enumerate(blocks):
            for number, source in enumerate(sources):
                x = self.block(x, source, 4 * width << stage, 2 if stage and not number else 1)
        x = logits(layers.GlobalAveragePooling2D()(x))
        return tf.keras.Model(image, layers.Activation('softmax', name='output')(x))


def squeeze_and_excite_resnet() -> Pair:
    """HiKapok/TF-SENet's SE-ResNet-50, and qubvel/classification_models' seresnet50, both a quarter of the width.

    The old one's code restores all of its variables without an optimizer; so there are neither slots nor a step.
    """
    tf.keras.backend.clear_session()
    net, logits = SeResNet(), tf.keras.layers.Dense(1000)
    blocks = [[f'conv{stage}_{n + 1}' for n in range(count)] for stage, count in enumerate((3, 4, 6, 3), 2)]
    model = net.model('conv1/7x7_s2', blocks, logits, 16)
    net.rows.layer(logits, 'dense')
    return net.rows.pair(model=model)


class _ResidualDense:
    """Builds idealo's RDN, and notes hengchuan's names, whose biases have none of their own."""

    def __init__(self):
        self.rows, self._biases = Rows(), 0

    def conv(self, x: Any, source: str, name: str, width: int, size: int = 3) -> Any:
        """A convolution; they are built in the order in which the old one makes its variables."""
        conv = tf.keras.layers.Conv2D(width, size, padding='same', name=name)
        x = conv(x)
        self.rows.add(conv.kernel, source)
        self.rows.add(conv.bias, f'Variable_{self._biases}' if self._biases else 'Variable')
        self._biases += 1
        return x

    def block(self, x: Any, number: int, count: int, width: int) -> Any:
        layers, y = tf.keras.layers, x
        for c in range(1, count + 1):
            z = self.conv(y, f'w_R_{number}_{c}', f'F_{number}_{c}', width)
            z = layers.Activation('relu', name=f'F_{number}_{c}_Relu')(z)
            y = layers.concatenate([y, z], axis=3, name=f'RDB_Concat_{number}_{c}')
        y = self.conv(y, f'w_R_{number}_{count + 1}', f'LFF_{number}', width, 1)
        return layers.Add(name=f'LRL_{number}')([y, x])


def residual_dense_network() -> Pair:
    """hengchuan/RDN-TensorFlow, and idealo/image-super-resolution's RDN that shuffles pixels, both of C3, D5 and G64.

    The old one gives the names of its biases to their initial values; and its saver is older than its optimizer.
    Both shuffle the channels of UPN3 in orders of their own.
    """
    tf.keras.backend.clear_session()
    net, layers, width, scale, blocks = _ResidualDense(), tf.keras.layers, 64, 3, []
    image = layers.Input([None, None, 3], name='LR')
    first = net.conv(image, 'w_S_1', 'F_m1', width)
    x = net.conv(first, 'w_S_2', 'F_0', width)
    for number in range(1, 6):
        x = net.block(x, number, 3, width)
        blocks.append(x)
    x = layers.concatenate(blocks, axis=3, name='LRLs_Concat')
    x = net.conv(net.conv(x, 'w_D_1', 'GFF_1', width, 1), 'w_D_2', 'GFF_2', width)
    x = layers.Add(name='FDF')([x, first])
    x = layers.Activation('relu', name='UPN1_Relu')(net.conv(x, 'w_U_1', 'UPN1', 64, 5))
    x = layers.Activation('relu', name='UPN2_Relu')(net.conv(x, 'w_U_2', 'UPN2', 32))
    x = net.conv(x, 'w_U_3', 'UPN3', 3 * scale**2)
    x = layers.Lambda(lambda z: tf.nn.depth_to_space(z, scale), name='PixelShuffle')(x)
    x = net.conv(x, 'w_f', 'SR', 3)
    return net.rows.pair(model=tf.keras.Model(image, x))


class _Tiramisu:
    """Builds smdYe's FC-DenseNet, whose layers have no names, and notes the names that slim counts."""

    scope = 'FC-DenseNet56'

    def __init__(self):
        self.rows = Rows()
        self._counts: dict[str, int] = {}

    def note(
        self, layer: Any, name: str, roles: Iterable[str] = ('kernel', 'bias'), count: bool = True
    ) -> None:
        """Notes the variables of a layer, in the next scope of a name if it is to be counted."""
        number = self._counts.get(name, 0)
        self._counts[name] = number + 1
        at = f'{self.scope}/{name}' + f'_{number}' * (count and number > 0)
        self.rows.layer(layer, at, roles, kernel='weights', bias='biases')

    def conv(self, x: Any, width: int, size: int = 3) -> Any:
        """A norm, and a convolution of what is activated; the old norms do not scale."""
        layers = tf.keras.layers
        norm, conv = layers.BatchNormalization(), layers.Conv2D(width, size, padding='same')
        x = conv(layers.Activation('relu')(norm(x)))
        self.note(norm, 'BatchNorm', STATISTICS[1:])
        self.note(conv, 'Conv')
        return layers.Dropout(0.2)(x)

    def block(self, x: Any, count: int, growth: int) -> tuple[Any, Any]:
        """Returns all of the features, and the new ones only."""
        layers, features = tf.keras.layers, []
        for _ in range(count):
            features.append(self.conv(x, growth))
            x = layers.concatenate([x, features[-1]])
        return x, layers.concatenate(features)


def tiramisu() -> Pair:
    """GeorgeSeif/Semantic-Segmentation-Suite's FC-DenseNet56 as it is trained, and smdYe/FC-DenseNet-Keras for a mask.

    The new one's code was read as a repository copies it, with the parameters of FC-DenseNet56. Its norms scale.
    """
    tf.keras.backend.clear_session()
    net, layers, skipped, growth, count, pools = _Tiramisu(), tf.keras.layers, [], 12, 4, 5
    image = layers.Input([None, None, 3])
    first = layers.Conv2D(48, 3, padding='same')
    x = first(image)
    net.note(first, 'first_conv', count=False)
    for _ in range(pools):
        x, _ = net.block(x, count, growth)
        skipped.append(x)
        x = layers.MaxPooling2D(2)(net.conv(x, x.shape[-1], 1))
    _, new = net.block(x, count, growth)
    for feature in reversed(skipped):
        layer = layers.Conv2DTranspose(growth * count, 3, strides=2, padding='same')
        x = layers.concatenate([layer(new), feature], axis=-1)
        net.note(layer, 'Conv2d_transpose')
        x, new = net.block(x, count, growth)
    outputs = layers.Activation('sigmoid')(layers.Conv2D(1, 1, padding='same')(x))
    at = f'{net.scope}/logits'
    others = {f'{at}/weights': (1, 1, x.shape[-1], 32), f'{at}/biases': (32,)}
    return with_slots(net.rows.pair(others, model=tf.keras.Model(image, outputs)), 'RMSProp', 'RMSProp_1')
