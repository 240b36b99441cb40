"""Pairs of networks of images and points that `plan --suggest` was never made with; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def cifar_10() -> Pair:
    """The network of tensorflow/models' tutorials/image/cifar10, with moving averages, and Keras's own numbers."""
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    convolutions = [layers.Conv2D(64, 5, padding='same') for _ in range(2)]
    denses = [layers.Dense(units) for units in (384, 192, 10)]
    first, second = ([layer, layers.MaxPool2D(3, 2, 'same')] for layer in convolutions)
    model = tf.keras.Sequential([layers.Input([24, 24, 3]), *first, *second, layers.Flatten(), *denses])
    scopes = 'conv1', 'conv2', 'local3', 'local4', 'softmax_linear'
    for scope, layer in zip(scopes, [*convolutions, *denses], strict=True):
        rows.layer(layer, scope, kernel='weights', bias='biases')
    losses = *(f'{scope}/weight_loss' for scope in scopes), 'cross_entropy', 'total_loss'
    others = {f'{loss}/avg': () for loss in losses}
    return with_slots(
        rows.pair(model=model), 'ExponentialMovingAverage', others={**others, 'global_step': ()}
    )


class _Nasnet:
    """Notes slim's names of the cells of Keras's NASNet."""

    def __init__(self, model: tf.keras.Model):
        self.rows = Rows()
        self._layer = model.get_layer
        self._names = {layer.name for layer in model.layers}

    def unit(self, scope: str, conv: str, norm_scope: str, norm: str) -> None:
        """A convolution and its normalization, each in a scope of its own."""
        self.rows.layer(self._layer(conv), scope, ['kernel'], kernel='weights')
        self.norm(norm_scope, norm)

    def norm(self, scope: str, name: str) -> None:
        self.rows.layer(self._layer(name), scope, STATISTICS)

    def cell(self, scope: str, block: str, kind: str, separables: dict[str, tuple[str, int]]) -> None:
        """A cell; `separables` has the place and the size of the kernels for each of Keras's names."""
        if f'adjust_conv_1_{block}' in self._names:
            for n in (1, 2):
                layer = self._layer(f'adjust_conv_{n}_{block}')
                self.rows.layer(layer, f'{scope}/path{n}_conv', ['kernel'], kernel='weights')
            self.norm(f'{scope}/final_path_bn', f'adjust_bn_{block}')
        elif f'adjust_conv_projection_{block}' in self._names:
            projection = f'adjust_conv_projection_{block}'
            self.unit(f'{scope}/prev_1x1', projection, f'{scope}/prev_bn', f'adjust_bn_{block}')
        norm = f'{kind}_bn_1_{block}'
        self.unit(f'{scope}/1x1', f'{kind}_conv_1_{block}', f'{scope}/beginning_bn', norm)
        for name, (place, size) in separables.items():
            for n in (1, 2):
                at, of = f'{scope}/comb_iter_{place}', f'{kind}_{name}_{block}'
                names = {f'{part}_kernel': f'{part}_weights' for part in ('depthwise', 'pointwise')}
                layer = self._layer(f'separable_conv_{n}_{of}')
                self.rows.layer(layer, f'{at}/separable_{size}x{size}_{n}', names, **names)
                self.norm(f'{at}/bn_sep_{size}x{size}_{n}', f'separable_conv_{n}_bn_{of}')


_REDUCTION = {
    'left1': ('0/left', 5),
    'right1': ('0/right', 7),
    'right2': ('1/right', 7),
    'right3': ('2/right', 5),
    'left4': ('4/left', 3),
}
_NORMAL = {
    'left1': ('0/left', 5),
    'right1': ('0/right', 3),
    'left2': ('1/left', 5),
    'right2': ('1/right', 3),
    'left5': ('4/left', 3),
}


def nasnet() -> Pair:
    """The NASNet-A mobile of tensorflow/models' slim with its auxiliary head, and Keras Applications'."""
    tf.keras.backend.clear_session()
    model = tf.keras.applications.NASNetMobile(weights=None)
    net = _Nasnet(model)
    net.unit('conv0', 'stem_conv1', 'conv0_bn', 'stem_bn1')
    for n in (0, 1):
        net.cell(f'cell_stem_{n}', f'stem_{n + 1}', 'reduction', _REDUCTION)
    for n in range(12):
        # Keras counts each reduction as a cell.
        if n in (4, 8):
            net.cell(f'reduction_cell_{n // 4 - 1}', f'reduce_{n}', 'reduction', _REDUCTION)
        net.cell(f'cell_{n}', f'{n + (n >= 4)}', 'normal', _NORMAL)
    others = {
        'final_layer/FC/weights': (1056, 1001),
        'final_layer/FC/biases': (1001,),
        'aux_7/aux_logits/proj/weights': (1, 1, 528, 128),
        'aux_7/aux_logits/Conv/weights': (4, 4, 128, 768),
        'aux_7/aux_logits/FC/weights': (768, 1001),
        'aux_7/aux_logits/FC/biases': (1001,),
    }
    for scope, width in (('aux_bn0', 128), ('aux_bn1', 768)):
        others |= {f'aux_7/aux_logits/{scope}/{role}': (width,) for role in STATISTICS}
    pair = net.rows.pair(others, model=model)
    return with_slots(pair, 'ExponentialMovingAverage', but='(?!)', others={'global_step': ()})


class _Product(tf.keras.layers.Layer):
    """The last matrix of a transformation, whose biases the program loses when it adds an identity to them."""

    def __init__(self, extent: int):
        super().__init__()
        self.w = tf.Variable(tf.zeros([256, extent**2]), name=f'weights_{extent}')

    def call(self, x):
        return tf.matmul(x, self.w)


def point_net() -> Pair:
    """charlesq34/pointnet, whose statistics are averages of tensors, and luis-gonzales/pointnet_own, without names."""
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()

    def norm(x, scope: str):
        layer = layers.BatchNormalization()
        x = layer(x)
        at = f'{scope}/bn'
        rows.layer(layer, at, STATISTICS[:2])
        for role, name in (('moving_mean', 'Squeeze'), ('moving_variance', 'Squeeze_1')):
            rows.add(getattr(layer, role), f'{at}/{at}/moments/{name}/ExponentialMovingAverage')
        return layers.ReLU()(x)

    def convolutions(x, *scopes: tuple[str, int], first: int | None = None):
        x = layers.Lambda(lambda v: tf.expand_dims(v, 2))(x)
        for n, (scope, width) in enumerate(scopes):
            layer = layers.Conv2D(width, (1, 1))
            x = layer(x)
            # The old one sees the coordinates as an axis of the image.
            shape = (1, first, 1, width) if first and not n else None
            rows.add(layer.kernel, f'{scope}/weights', shape)
            rows.add(layer.bias, f'{scope}/biases')
            x = norm(x, scope)
        return layers.Lambda(lambda v: tf.squeeze(v, 2))(x)

    def connected(x, scope: str, units: int):
        layer = layers.Dense(units)
        x = layer(x)
        rows.layer(layer, scope, kernel='weights', bias='biases')
        return x

    def transform(x, scope: str, last: str, first: int | None = None):
        extent = x.shape[-1]
        scopes = [(f'{scope}/tconv{n}', width) for n, width in enumerate((64, 128, 1024), 1)]
        y = layers.GlobalMaxPool1D()(convolutions(x, *scopes, first=first))
        for n, units in enumerate((512, 256), 1):
            y = norm(connected(y, f'{scope}/tfc{n}', units), f'{scope}/tfc{n}')
        layer = _Product(extent)
        y = layers.Reshape([extent, extent])(layer(y))
        rows.add(layer.w, f'{scope}/{last}/weights')
        return layers.Lambda(lambda v: tf.matmul(v[0], v[1]))([x, y])

    inputs = layers.Input([128, 3])
    x = transform(inputs, 'transform_net1', 'transform_XYZ', 3)
    x = convolutions(x, ('conv1', 64), ('conv2', 64), first=3)
    x = transform(x, 'transform_net2', 'transform_feat')
    x = convolutions(x, ('conv3', 64), ('conv4', 128), ('conv5', 1024))
    x = layers.GlobalMaxPool1D()(x)
    for n, units in enumerate((512, 256), 1):
        x = layers.Dropout(0.3)(norm(connected(x, f'fc{n}', units), f'fc{n}'))
    model = tf.keras.Model(inputs, connected(x, 'fc3', 40))
    others = {'transform_net1/transform_XYZ/biases': (9,), 'transform_net2/transform_feat/biases': (4096,)}
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


def fcn_8() -> Pair:
    """MarvinTeichmann/tensorflow-fcn's FCN-8 for KITTI's two classes, narrow, and divamgupta's fcn_8_vgg in Keras."""
    tf.keras.backend.clear_session()
    layers, rows, classes, wide = tf.keras.layers, Rows(), 2, 128

    def convolution(x, scope: str, layer, kernel: str = 'weights'):
        x = layer(x)
        rows.layer(
            layer, scope, ['kernel', 'bias'] if layer.use_bias else ['kernel'], kernel=kernel, bias='biases'
        )
        return x

    def upscaled(x, scope: str, size: int, stride: int):
        layer = layers.Conv2DTranspose(classes, size, stride, use_bias=False)
        return convolution(x, scope, layer, 'up_filter')

    def added(x, skip):
        edge = x.shape[1] - skip.shape[1]
        return layers.Add()([layers.Cropping2D(((0, edge), (0, edge)))(x), skip])

    x = inputs = layers.Input([64, 64, 3])
    levels = []
    for block, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for n in range(1, count + 1):
            layer = layers.Conv2D(width, 3, padding='same', name=f'block{block}_conv{n}')
            x = convolution(x, f'conv{block}_{n}', layer, 'filter')
        x = layers.MaxPool2D(name=f'block{block}_pool')(x)
        levels.append(x)
    x = convolution(x, 'fc6', layers.Conv2D(wide, 7, padding='same'))
    x = convolution(layers.Dropout(0.5)(x), 'fc7', layers.Conv2D(wide, 1, padding='same'))
    x = convolution(layers.Dropout(0.5)(x), 'score_fr', layers.Conv2D(classes, 1))
    for scope, level in (('upscore2', 4), ('upscore4', 3)):
        x = upscaled(x, scope, 4, 2)
        x = added(x, convolution(levels[level - 1], f'score_pool{level}', layers.Conv2D(classes, 1)))
    x = upscaled(x, 'upscore32', 16, 8)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=tf.keras.Model(inputs, x)), 'Adam', 'Adam_1', others=steps)
