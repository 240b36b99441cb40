"""Pairs of networks that make images and find people, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_POWERS = {'beta1_power': (), 'beta2_power': ()}
_TENSORPACK = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}


class _Pix2Pix:
    """Builds the models of TensorFlow's tutorial, whose layers have no names, and notes tensorpack's names."""

    def __init__(self):
        self.rows, self.old = Rows(), {}

    def unit(
        self, kind: type, width: int, source: str, norm: str | None, *others: Any
    ) -> tf.keras.Sequential:
        """A convolution without biases, its norm and what follows; the old one has biases too."""
        conv = kind(width, 4, strides=2, padding='same', use_bias=False)
        norms = [tf.keras.layers.BatchNormalization()] if norm else []
        part = tf.keras.Sequential([conv, *norms, *others])
        self._units.append((conv, norms, source, norm))
        return part

    def generator(self) -> tf.keras.Model:
        layers, self._units = tf.keras.layers, []
        down, up = [], []
        for number, width in enumerate((64, 128, 256, 512, 512, 512, 512, 512), 1):
            at = f'gen/conv{number}'
            part = self.unit(layers.Conv2D, width, at, f'{at}/bn' if number > 1 else None, layers.LeakyReLU())
            down.append(part)
        for number, width in enumerate((512, 512, 512, 512, 256, 128, 64), 1):
            at, drops = f'gen/deconv{number}', [layers.Dropout(0.5)] if number < 4 else []
            up.append(self.unit(layers.Conv2DTranspose, width, at, f'{at}/bn', *drops, layers.ReLU()))
        last = layers.Conv2DTranspose(3, 4, strides=2, padding='same', activation='tanh')
        x = inputs = layers.Input([256, 256, 3])
        skips = []
        for part in down:
            x = part(x)
            skips.append(x)
        for part, skip in zip(up, reversed(skips[:-1]), strict=True):
            x = layers.Concatenate()([part(x), skip])
        model = tf.keras.Model(inputs=inputs, outputs=last(x))
        self.rows.layer(last, 'gen/deconv8', kernel='W', bias='b')
        self._note()
        return model

    def discriminator(self) -> tf.keras.Model:
        layers, self._units = tf.keras.layers, []
        inputs = layers.Input([256, 256, 3], name='input_image')
        target = layers.Input([256, 256, 3], name='target_image')
        x = layers.concatenate([inputs, target])
        for number, width in enumerate((64, 128, 256)):
            norm = f'discrim/bn{number}' if number else None
            x = self.unit(layers.Conv2D, width, f'discrim/conv{number}', norm, layers.LeakyReLU())(x)
        conv, norm = layers.Conv2D(512, 4, strides=1, use_bias=False), layers.BatchNormalization()
        x = layers.LeakyReLU()(norm(conv(layers.ZeroPadding2D()(x))))
        self._units.append((conv, [norm], 'discrim/conv3', 'discrim/bn3'))
        last = layers.Conv2D(1, 4, strides=1)
        model = tf.keras.Model(inputs=[inputs, target], outputs=last(layers.ZeroPadding2D()(x)))
        self.rows.layer(last, 'discrim/convlast', kernel='W', bias='b')
        self._note()
        return model

    def _note(self) -> None:
        for conv, norms, source, norm in self._units:
            self.rows.layer(conv, source, ['kernel'], kernel='W')
            self.old[f'{source}/b'] = (conv.filters,)
            for layer in norms:
                self.rows.layer(layer, norm, STATISTICS, **_TENSORPACK)


def pix2pix() -> Pair:
    """tensorpack/tensorpack's Image2Image.py as it is trained, and the models of tensorflow/docs' pix2pix.ipynb.

    The old convolutions have biases. What the old one's summaries average is left out.
    """
    tf.keras.backend.clear_session()
    gan = _Pix2Pix()
    models = {'generator': gan.generator(), 'discriminator': gan.discriminator()}
    others = {'global_step': (), 'learning_rate': (), **_POWERS}
    return with_slots(gan.rows.pair(gan.old, **models), 'Adam', 'Adam_1', others=others)


def open_pose() -> Pair:
    """ildoonet/tf-pose-estimation's CmuNetwork as it is trained, and michalfaber's get_testing_model.

    The latter is that of keras_Realtime_Multi-Person_Pose_Estimation; both are Caffe's OpenPose. The old code was read
    in a copy; what its training keeps was not verified.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()

    def conv(x: Any, width: int, size: int, name: str, source: str = '', activates: bool = True) -> Any:
        layer = layers.Conv2D(width, size, padding='same', name=name)
        x = layer(x)
        rows.layer(layer, source or name, kernel='weights', bias='biases')
        return layers.Activation('relu')(x) if activates else x

    def first(x: Any, maps: int, branch: int) -> Any:
        for number in range(1, 6):
            width, size = {4: (512, 1), 5: (maps, 1)}.get(number, (128, 3))
            name, source = f'Mconv{number}_stage1_L{branch}', f'conv5_{number}_CPM_L{branch}'
            x = conv(x, width, size, name, source, number < 5)
        return x

    def later(x: Any, maps: int, stage: int, branch: int) -> Any:
        for number in range(1, 8):
            width, size = {6: (128, 1), 7: (maps, 1)}.get(number, (128, 7))
            x = conv(x, width, size, f'Mconv{number}_stage{stage}_L{branch}', activates=number < 7)
        return x

    inputs = layers.Input([None, None, 3])
    x = layers.Lambda(lambda y: y / 256 - 0.5)(inputs)
    for block, (count, width) in enumerate(((2, 64), (2, 128), (4, 256), (2, 512)), 1):
        for number in range(1, count + 1):
            x = conv(x, width, 3, f'conv{block}_{number}')
        if block < 4:
            x = layers.MaxPooling2D(2, 2, name=f'pool{block}_1')(x)
    x = features = conv(conv(x, 256, 3, 'conv4_3_CPM'), 128, 3, 'conv4_4_CPM')
    outputs = [first(x, 38, 1), first(x, 19, 2)]
    for stage in range(2, 7):
        x = layers.Concatenate()([*outputs, features])
        outputs = [later(x, 38, stage, 1), later(x, 19, stage, 2)]
    pair = rows.pair(model=tf.keras.Model(inputs=[inputs], outputs=outputs))
    return with_slots(pair, 'Adam', 'Adam_1', others={'Variable': (), **_POWERS})


class SrGan:
    """Builds krasserm's models of layers without names, and notes TensorLayer's names."""

    def __init__(self):
        self.rows, self.old = Rows(), {}

    def conv(
        self, x: Any, width: int, size: int, source: str, *roles: str, stride: int = 1, **more: Any
    ) -> Any:
        """A convolution, some of whose variables have a source."""
        layer = tf.keras.layers.Conv2D(width, size, strides=stride, padding='same', **more)
        x = layer(x)
        self.rows.layer(layer, source, roles, kernel='W_conv2d', bias='b_conv2d')
        return x

    def norm(self, x: Any, source: str) -> Any:
        layer = tf.keras.layers.BatchNormalization(momentum=0.8)
        x = layer(x)
        self.rows.layer(layer, source, STATISTICS)
        return x

    def generator(self) -> tf.keras.Model:
        layers, at = tf.keras.layers, 'SRGAN_g'
        inputs = layers.Input([None, None, 3])
        x = self.conv(layers.Lambda(lambda y: y / 255.0)(inputs), 64, 9, '')
        x = first = layers.PReLU(shared_axes=[1, 2])(x)
        for number in range(16):
            y = self.conv(x, 64, 3, f'{at}/n64s1/c1/{number}', 'kernel')
            y = layers.PReLU(shared_axes=[1, 2])(self.norm(y, f'{at}/n64s1/b1/{number}'))
            y = self.conv(y, 64, 3, f'{at}/n64s1/c2/{number}', 'kernel')
            x = layers.Add()([x, self.norm(y, f'{at}/n64s1/b2/{number}')])
        x = self.norm(self.conv(x, 64, 3, f'{at}/n64s1/c/m', 'kernel'), f'{at}/n64s1/b/m')
        x = layers.Add()([first, x])
        for number in (1, 2):
            x = self.conv(x, 256, 3, f'{at}/n256s1/{number}', 'kernel', 'bias')
            x = layers.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(x)
            x = layers.PReLU(shared_axes=[1, 2])(x)
        x = self.conv(x, 3, 9, '', activation='tanh')
        for name, shape in (('n64s1/c', (3, 3, 3, 64)), ('out', (1, 1, 64, 3))):
            self.old |= {f'{at}/{name}/W_conv2d': shape, f'{at}/{name}/b_conv2d': shape[-1:]}
        return tf.keras.Model(inputs, layers.Lambda(lambda y: (y + 1) * 127.5)(x))

    def discriminator(self) -> tf.keras.Model:
        layers, at = tf.keras.layers, 'SRGAN_d'
        inputs = layers.Input([96, 96, 3])
        x = layers.Lambda(lambda y: y / 127.5 - 1)(inputs)
        for width in (64, 128, 256, 512):
            for stride in (1, 2):
                source, normalizes = f'{at}/n{width}s{stride}', (width, stride) != (64, 1)
                roles = ['kernel'] if normalizes else ['kernel', 'bias']
                x = self.conv(x, width, 3, f'{source}/c', *roles, stride=stride)
                x = layers.LeakyReLU(alpha=0.2)(self.norm(x, f'{source}/b') if normalizes else x)
        hidden, last = layers.Dense(1024), layers.Dense(1, activation='sigmoid')
        x = last(layers.LeakyReLU(alpha=0.2)(hidden(layers.Flatten()(x))))
        for layer, name in ((hidden, 'd1024'), (last, 'out')):
            self.rows.layer(layer, f'{at}/{name}', kernel='W', bias='b')
        return tf.keras.Model(inputs, x)


def sr_gan() -> Pair:
    """tensorlayer/SRGAN's SRGAN_g and SRGAN_d2 of TensorLayer 1, and krasserm/super-resolution's model/srgan.py.

    Both judge images of 96x96 here. The first and the last convolution of both generators have kernels of other
    extents, the new ones biases before norms, and the old ones no PReLU. The old program keeps its variables in .npz;
    what a Saver would save of both, with two optimizers of the generator and one of the other, is given.
    """
    tf.keras.backend.clear_session()
    gan = SrGan()
    pair = gan.rows.pair(gan.old, generator=gan.generator(), discriminator=gan.discriminator())
    pair = with_slots(pair, 'Adam', 'Adam_1')
    others = {f'{name}{end}': () for name in _POWERS for end in ('', '_1', '_2')}
    others['learning_rate/Variable'] = ()
    return with_slots(pair, 'Adam_2', 'Adam_3', but=f'{UNTRAINED}|^SRGAN_d|Adam', others=others)
