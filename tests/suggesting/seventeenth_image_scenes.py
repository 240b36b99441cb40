"""Pairs of networks that segment and enlarge images, for a seventeenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes
from tests.suggesting.thirteenth_image_scenes import SrGan

_layers = tf.keras.layers
_SLIM = {'kernel': 'weights', 'bias': 'biases'}
_POWERS = ('beta1_power', 'beta2_power')


def u_net() -> Pair:
    """jakeret/tf_unet of five layers, 64 wide, for gray images and two classes, and zhixuhao/unet's model.

    The new one enlarges by copies and convolutions where the old one has transposed convolutions, and has a
    convolution more before its last, which tells one class; these have no answer.
    """
    tf.keras.backend.clear_session()
    rows, others, root, down = Rows(), {}, 64, []

    def conv(x: Any, width: int, size: int = 3, source: str = '', number: int = 0) -> Any:
        layer = _layers.Conv2D(width, size, activation='relu', padding='same')
        x = layer(x)
        if source:
            rows.add(layer.kernel, f'{source}/w{number}')
            rows.add(layer.bias, f'{source}/b{number}')
        return x

    def convs(x: Any, width: int, source: str) -> Any:
        return conv(conv(x, width, 3, source, 1), width, 3, source, 2)

    x = inputs = _layers.Input((256, 256, 1))
    for level in range(5):
        x = convs(x, root * 2**level, f'down_conv_{level}')
        if level > 2:
            x = _layers.Dropout(0.5)(x)
        down.append(x)
        if level < 4:
            x = _layers.MaxPooling2D(pool_size=(2, 2))(x)
    for level in reversed(range(4)):
        width, scope = root * 2**level, f'up_conv_{level}'
        x = conv(_layers.UpSampling2D(size=(2, 2))(x), width, 2)
        x = convs(_layers.concatenate([down[level], x], axis=3), width, scope)
        others |= {f'{scope}/wd': (2, 2, width, 2 * width), f'{scope}/bd': (width,)}
    x = _layers.Conv2D(1, 1, activation='sigmoid')(conv(x, 2))
    others |= {'output_map/weight': (1, 1, root, 2), 'output_map/bias': (2,)}
    pair = rows.pair(others, model=tf.keras.Model(inputs=inputs, outputs=x))
    return with_slots(pair, 'Momentum', others={'global_step': (), 'norm_gradients': (36,)})


class _ENet:
    """Builds enet-keras' network with unpooling, of layers without names, and notes kwotsin's names."""

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def conv(
        self, x: Any, width: int, size: Any, source: str, bias: bool, old: Shapes, **options: Any
    ) -> Any:
        """A convolution; `old` has the shape of the source's kernel if it is another one, by its name."""
        layer = _layers.Conv2D(width, size, use_bias=bias, **options)
        x = layer(x)
        scope, kernel = f'ENet/{source}', old.get(source, tuple(layer.kernel.shape))
        if kernel == tuple(layer.kernel.shape):
            self.rows.layer(layer, scope, ('kernel', 'bias') if bias else ('kernel',), **_SLIM)
        else:
            self.others[f'{scope}/weights'] = kernel
        if not bias or kernel != tuple(layer.kernel.shape):
            self.others[f'{scope}/biases'] = kernel[-1:]
        return x

    def norm(self, x: Any, source: str, width: int | None = None) -> Any:
        """A norm, of which the source does not scale; `width` is the source's if it is another one."""
        layer, scope = _layers.BatchNormalization(), f'ENet/{source}'
        x = layer(x)
        if width in {None, x.shape[-1]}:
            self.rows.layer(layer, scope, STATISTICS[1:])
        else:
            self.others |= {f'{scope}/{role}': (width,) for role in STATISTICS[1:]}
        return x

    def prelu(self, x: Any, source: str = '', width: int | None = None) -> Any:
        layer = _layers.PReLU(shared_axes=[1, 2])
        x = layer(x)
        if source and width in {None, x.shape[-1]}:
            self.rows.add(layer.alpha, f'ENet/{source}alpha', (x.shape[-1],))
        elif source:
            self.others[f'ENet/{source}alpha'] = (width,)
        return x

    def block(self, inputs: Any, width: int, at: str, kind: str = '') -> Any:
        """A bottleneck of the encoder; the old one that halves the extents is narrower inside."""
        x, before, halves = inputs, inputs.shape[-1], kind == 'halves'
        size, old = (2, before // 4) if halves else (1, width // 4)
        first = {f'{at}_conv1': (size, size, before, old)}
        x = self.conv(x, width // 4, size, f'{at}_conv1', False, first, strides=size)
        x = self.prelu(self.norm(x, f'{at}_batch_norm1', old), f'{at}_prelu1', old)
        if kind == 'asymmetric':
            # The source has the two in the other order.
            for size, bias, end in (((1, 5), False, 'a'), ((5, 1), True, 'b')):
                x = _layers.Conv2D(width // 4, size, padding='same', use_bias=bias)(x)
                scope = f'ENet/{at}_asymmetric_conv2{end}'
                self.others |= {f'{scope}/weights': (*size[::-1], old, old), f'{scope}/biases': (old,)}
        else:
            source = f'{at}_dilated_conv2' if kind.isdigit() else f'{at}_conv2'
            options = {'padding': 'same', 'dilation_rate': int(kind) if kind.isdigit() else 1}
            x = self.conv(x, width // 4, 3, source, True, {source: (3, 3, old, old)}, **options)
        x = self.prelu(self.norm(x, f'{at}_batch_norm2', old), f'{at}_prelu2', old)
        x = self.conv(x, width, 1, f'{at}_conv3', False, {f'{at}_conv3': (1, 1, old, width)})
        x = _layers.SpatialDropout2D(0.1)(self.norm(x, f'{at}_batch_norm3'))
        for name in ('prelu3',) if halves else ('prelu3', 'prelu4'):
            self.others[f'ENet/{at}_{name}alpha'] = (width,)
        if halves:
            inputs = _layers.Permute((1, 3, 2))(_layers.MaxPooling2D()(inputs))
            inputs = _layers.ZeroPadding2D(padding=((0, 0), (0, width - before)))(inputs)
            inputs = _layers.Permute((1, 3, 2))(inputs)
        return self.prelu(_layers.add([x, inputs]), f'{at}_last_prelu')

    def up(self, inputs: Any, width: int, at: str) -> Any:
        """A bottleneck of the decoder that doubles the extents; the old one is wider inside."""
        before, old = inputs.shape[-1], inputs.shape[-1] // 4
        x = self.conv(inputs, width // 4, 1, f'{at}_conv1', False, {f'{at}_conv1': (1, 1, before, old)})
        x = self.prelu(self.norm(x, f'{at}_batch_norm2', old))
        x = _layers.Conv2DTranspose(filters=width // 4, kernel_size=(3, 3), strides=(2, 2), padding='same')(x)
        self.others[f'ENet/{at}_transposed_conv2_filters'] = (3, 3, old, old)
        x = self.prelu(self.norm(x, f'{at}_batch_norm3', old))
        x = self.conv(x, width, 1, f'{at}_conv3', False, {f'{at}_conv3': (1, 1, old, width)})
        other = self.conv(inputs, width, 1, f'{at}_main_conv1', False, {})
        other = _layers.UpSampling2D()(self.norm(other, f'{at}batch_norm1'))
        return self.prelu(_layers.add([self.norm(x, f'{at}_batch_norm4'), other]))

    def regular(self, inputs: Any, width: int, at: str) -> Any:
        """A bottleneck of the decoder."""
        x = self.conv(inputs, width // 4, 1, f'{at}_conv1', False, {})
        x = self.prelu(self.norm(x, f'{at}_batch_norm1'))
        x = self.conv(x, width // 4, 3, f'{at}_conv2', True, {}, padding='same')
        x = self.prelu(self.norm(x, f'{at}_batch_norm2'))
        x = self.norm(self.conv(x, width, 1, f'{at}_conv3', False, {}), f'{at}_batch_norm3')
        return self.prelu(_layers.add([x, inputs]))


def e_net() -> Pair:
    """kwotsin/TensorFlow-ENet for CamVid as it is trained, and PavlosMelissinos/enet-keras' enet_unpooling.

    Both tell 12 classes. The old convolutions have biases, and its norms do not scale. Its blocks that change the
    extents have other widths inside, its decoder no PReLU, and its asymmetric convolutions are in the other order;
    these have no answer. What pools and unpools by indices has no variables and is built of layers of Keras.
    """
    tf.keras.backend.clear_session()
    net = _ENet()
    inputs = _layers.Input(shape=(360, 480, 3))
    x = net.conv(inputs, 13, 3, 'initial_block_1_conv', True, {}, padding='same', strides=2)
    at = 'ENet/initial_block_1'
    net.others |= {f'{at}_batchnorm/{role}': (13,) for role in STATISTICS[1:]}
    net.others[f'{at}_prelualpha'] = (13,)
    x = _layers.concatenate([x, _layers.MaxPooling2D()(inputs)], axis=3)
    for number in range(5):
        x = net.block(x, 64, f'bottleneck1_{number}', '' if number else 'halves')
    x = net.block(x, 128, 'bottleneck2_0', 'halves')
    for stage in (2, 3):
        for number, kind in enumerate(('', '2', 'asymmetric', '4', '', '8', 'asymmetric', '16'), 1):
            x = net.block(x, 128, f'bottleneck{stage}_{number}', kind)
    for stage, width, count in ((4, 64, 2), (5, 16, 1)):
        x = net.up(x, width, f'bottleneck{stage}_0')
        for number in range(1, count + 1):
            x = net.regular(x, width, f'bottleneck{stage}_{number}')
    last = _layers.Conv2DTranspose(filters=12, kernel_size=(2, 2), strides=(2, 2), padding='same')
    x = _layers.Activation('softmax')(_layers.Reshape((-1, 12))(last(x)))
    net.rows.layer(last, 'ENet/fullconv', **_SLIM)
    pair = net.rows.pair(net.others, model=tf.keras.Model(inputs=inputs, outputs=x))
    return with_slots(pair, 'Adam', 'Adam_1', others={'global_step': (), **dict.fromkeys(_POWERS, ())})


class _SlimGan:
    """Notes brade31919's names of the layers of krasserm's models, in their order."""

    def __init__(self, model: tf.keras.Model, rows: Rows, scope: str):
        kinds = _layers.Conv2D, _layers.BatchNormalization, _layers.PReLU, _layers.Dense
        self._layers = {kind: iter([at for at in model.layers if isinstance(at, kind)]) for kind in kinds}
        self._rows, self._scope = rows, scope

    def conv(self, source: str, *roles: str) -> None:
        self._rows.layer(
            next(self._layers[_layers.Conv2D]), f'{self._scope}/{source}/Conv', ['kernel', *roles], **_SLIM
        )

    def norm(self, source: str) -> None:
        layer = next(self._layers[_layers.BatchNormalization])
        self._rows.layer(layer, f'{self._scope}/{source}', STATISTICS[1:])

    def prelu(self, source: str) -> None:
        alpha = next(self._layers[_layers.PReLU]).alpha
        self._rows.add(alpha, f'{self._scope}/{source}/Prelu/alpha', (alpha.shape[-1],))

    def dense(self, source: str) -> None:
        self._rows.layer(next(self._layers[_layers.Dense]), f'{self._scope}/{source}/dense')


def _vgg_19() -> Shapes:
    """Returns the shapes of slim's VGG-19 without its last layers."""
    shapes, x = {}, 3
    for block, (count, width) in enumerate(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 1):
        for number in range(1, count + 1):
            at, x, before = f'vgg_19/conv{block}/conv{block}_{number}', width, x
            shapes |= {f'{at}/weights': (3, 3, before, width), f'{at}/biases': (width,)}
    return shapes


def sr_gan() -> Pair:
    """brade31919/SRGAN-tensorflow of 16 blocks as it is trained with VGG-19, and krasserm/super-resolution's srgan.

    Both judge images of 96x96. The old norms do not scale, and the new convolutions before norms have biases. Where
    pixels are shuffled, the channels are ordered otherwise. The averages of the old one's losses are left out.
    """
    tf.keras.backend.clear_session()
    gan, rows = SrGan(), Rows()
    models = {'generator': gan.generator(), 'discriminator': gan.discriminator()}
    net = _SlimGan(models['generator'], rows, 'generator/generator_unit')
    net.conv('input_stage/conv', 'bias')
    net.prelu('input_stage')
    for number in range(1, 17):
        at = f'resblock_{number}'
        net.conv(f'{at}/conv_1')
        net.norm(f'{at}/BatchNorm')
        net.prelu(at)
        net.conv(f'{at}/conv_2')
        net.norm(f'{at}/BatchNorm_1')
    net.conv('resblock_output/conv')
    net.norm('resblock_output/BatchNorm')
    for number in (1, 2):
        net.conv(f'subpixelconv_stage{number}/conv', 'bias')
        net.prelu(f'subpixelconv_stage{number}')
    net.conv('output_stage/conv', 'bias')
    net = _SlimGan(models['discriminator'], rows, 'discriminator/discriminator_unit')
    net.conv('input_stage/conv', 'bias')
    for number in range(1, 8):
        net.conv(f'disblock_{number}/conv1')
        net.norm(f'disblock_{number}/BatchNorm')
    for number in (1, 2):
        net.dense(f'dense_layer_{number}')
    pair = rows.pair({**_vgg_19(), 'get_learning_rate_and_global_step/global_step': ()}, **models)
    # The misspelled scope is the program's.
    for scope, others in (('generator', 'discriminator'), ('dicriminator', 'generator')):
        but = f'{UNTRAINED}|^{others}|^vgg|Adam|_power$'
        powers = {f'{scope}_train/{name}': () for name in _POWERS}
        pair = with_slots(pair, 'Adam', 'Adam_1', prefix=f'{scope}_train/', but=but, others=powers)
    return pair
