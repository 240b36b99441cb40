"""Pairs of networks that find, segment, track and describe what images show, for a third blind test."""

import tensorflow as tf

from estimator_ckpt.program.read_target import read_target
from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, with_slots
from tests.suggesting.image_networks import inception_v3
from tests.suggesting.known_pairs import Pair


def face_detector() -> Pair:
    """The O-Net of AITTSMD/MTCNN-Tensorflow, and that of ipazc/mtcnn's factory, without names.

    The new one has a PReLU more; its slopes have axes of the image's height and width.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    x = inputs = layers.Input([48, 48, 3])
    for n, (width, size) in enumerate(((32, 3), (64, 3), (64, 3), (128, 2)), 1):
        conv, prelu = layers.Conv2D(width, size), layers.PReLU(shared_axes=[1, 2])
        x = prelu(conv(x))
        rows.layer(conv, f'conv{n}', kernel='weights', bias='biases')
        rows.add(prelu.alpha, f'conv{n}/alphas', (width,))
        if n < 4:
            extent, padding = ((3, 'same'), (3, 'valid'), (2, 'same'))[n - 1]
            x = layers.MaxPooling2D(extent, 2, padding)(x)
    hidden = layers.Dense(256)
    x = layers.PReLU()(hidden(layers.Flatten()(x)))
    names = {'kernel': 'weights', 'bias': 'biases'}
    rows.layer(hidden, 'fc1', **names)
    classes, box, landmarks = layers.Dense(2), layers.Dense(4), layers.Dense(10)
    first = layers.Softmax(axis=1)(classes(x))
    model = tf.keras.Model(inputs, [box(x), landmarks(x), first])
    for layer, name in ((classes, 'cls_fc'), (box, 'bbox_fc'), (landmarks, 'landmark_fc')):
        rows.layer(layer, name, **names)
    return with_slots(rows.pair(model=model), 'Momentum', others={'Variable': ()})


class _PspNet:
    """Builds Vladkryvoruchko's PSPNet, each of whose layers has hellochick's name."""

    def __init__(self):
        self.rows = Rows()

    def conv(self, x, name: str, width: int, size: int = 1, stride: int = 1, rate: int = 1):
        layers = tf.keras.layers
        if size > 1:
            x = layers.ZeroPadding2D(rate)(x)
        layer = layers.Conv2D(width, size, stride, dilation_rate=rate, use_bias=False, name=name)
        norm = layers.BatchNormalization(momentum=0.95, name=f'{name}_bn')
        x = norm(layer(x))
        names = ('scale', 'offset', 'mean', 'variance')
        self.rows.add(layer.kernel, f'{name}/weights')
        self.rows.layer(norm, f'{name}_bn', STATISTICS, **dict(zip(STATISTICS, names, strict=True)))
        return x

    def activated(self, x, *options):
        return tf.keras.layers.Activation('relu')(self.conv(x, *options))

    def bottleneck(self, x, name: str, width: int, rate: int, stride: int, projects: bool):
        layers = tf.keras.layers
        if not projects:
            x = layers.Activation('relu')(x)
        y = self.activated(x, f'{name}_1x1_reduce', width, 1, stride)
        y = self.activated(y, f'{name}_3x3', width, 3, 1, rate)
        y = self.conv(y, f'{name}_1x1_increase', 4 * width)
        shortcut = self.conv(x, f'{name}_1x1_proj', 4 * width, 1, stride) if projects else x
        return layers.Add()([y, shortcut])


def psp_net() -> Pair:
    """hellochick/PSPNet-tensorflow's PSPNet50, narrow, and that of Vladkryvoruchko/PSPNet-Keras-tensorflow.

    The new one makes the shortcut of a block after the others, and the wide pools before the narrow.
    """
    tf.keras.backend.clear_session()
    net, layers = _PspNet(), tf.keras.layers
    inputs = layers.Input([473, 473, 3])
    x = net.activated(inputs, 'conv1_1_3x3_s2', 16, 3, 2)
    x = net.activated(net.activated(x, 'conv1_2_3x3', 16, 3), 'conv1_3_3x3', 32, 3)
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for group, count, width, rate in ((2, 3, 16, 1), (3, 4, 32, 1), (4, 6, 64, 2), (5, 3, 128, 4)):
        for n in range(1, count + 1):
            stride = 2 if (group, n) == (3, 1) else 1
            x = net.bottleneck(x, f'conv{group}_{n}', width, rate, stride, n == 1)
    x = layers.Activation('relu')(x)
    pools = [x]
    for size, bins in ((60, 1), (30, 2), (20, 3), (10, 6)):
        y = layers.AveragePooling2D(size, size)(x)
        y = net.activated(y, f'conv5_3_pool{bins}_conv', 128)
        pools.append(layers.Lambda(lambda v: tf.image.resize(v, (60, 60)))(y))
    x = net.activated(layers.Concatenate()(pools), 'conv5_4', 128, 3)
    logits = layers.Conv2D(150, 1, name='conv6')
    model = tf.keras.Model(inputs, layers.Activation('softmax')(logits(x)))
    net.rows.layer(logits, 'conv6', kernel='weights', bias='biases')
    return with_slots(net.rows.pair(model=model), 'Momentum', but='_bn/')


class _PwcNet:
    """Makes the objects of hellochick's PWC-Net: layers in wrappers, of which only some have names."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def name(self, kind: str) -> str:
        """Returns the next of the names that Keras counts."""
        number = self._counts[kind] = self._counts.get(kind, -1) + 1
        return f'{kind}_{number}' if number else kind

    def _wrapped(self, attribute: str, name: str, layer, x: int, source: str) -> Part:
        with tf.name_scope(f'pwcdc_net/{name}'):
            built(layer, None, None, x)
        self.rows.layer(layer, f'pwcnet/{source}')
        return Part(**{attribute: layer})

    def conv(self, x: int, y: int, source: str, name: str | None = None) -> Part:
        name = name or self.name('conv2d')
        layer = tf.keras.layers.Conv2D(y, 3, name=self.name('conv2d'))
        return self._wrapped('conv_out', name, layer, x, source)

    def deconv(self, x: int, source: str, name: str | None = None) -> Part:
        inner = name or self.name('conv2d_transpose')
        layer = tf.keras.layers.Conv2DTranspose(2, 4, 2, name=inner)
        return self._wrapped('deconv_out', name or self.name('de_conv2d'), layer, x, source)

    def flow(self, x: int, source: str, name: str | None = None) -> Part:
        layer = tf.keras.layers.Conv2D(2, 3, name=name or self.name('conv2d'))
        return self._wrapped('conv_out', self.name('predict_flow'), layer, x, source)


_LEVELS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}


def pwc_net() -> Pair:
    """philferriere/tfoptflow's PWC-Net with dense but no residual connections, and hellochick/PWCNet-tf2's objects.

    At the last level the new program exchanges the names of two convolutions. The slots' names are not verified.
    """
    tf.keras.backend.clear_session()
    net, parts, x = _PwcNet(), {}, 3
    for level, y in _LEVELS.items():
        for new in ('aa', 'a', 'b') if level == 6 else ('a', 'aa', 'b'):
            old = {'aa': 'a', 'a': 'aa'}.get(new, new) if level == 6 else new
            name = f'conv{level}{new}'
            parts[name] = net.conv(x, y, f'featpyr/conv{level}{old}', name)
            x = y
    seen = {}
    for level in range(6, 1, -1):
        x = 81 if level == 6 else 81 + _LEVELS[level] + 4
        for n, y in enumerate((128, 128, 96, 64, 32)):
            name = f'conv{level}_{n}'
            parts[name] = net.conv(x, y, f'predict_flow/{name}', name if level > 4 else None)
            x += y
        seen[level] = x
        if level > 2:
            for name, kind, y in (('deconv', 'flow', 2), ('upfeat', 'feat', x)):
                label = f'{name}_{level}' if level > 4 else None
                parts[f'{name}{level}'] = net.deconv(y, f'upsample/up_{kind}{level}', label)
    x = seen[2]
    for n, y in enumerate((128, 128, 128, 96, 64, 32), 1):
        parts[f'dc_conv{n}'] = net.conv(x, y, f'ctxt/dc_conv2{n}')
        x = y
    for level in range(6, 1, -1):
        name = f'flow{level}'
        parts[f'predict_{name}'] = net.flow(seen[level], f'predict_flow/{name}', f'{name}_out')
    parts['dc_conv7'] = net.flow(32, 'ctxt/dc_conv27')
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(net.rows.pair(model=Part(**parts)), 'Adam', 'Adam_1', others=steps)


def show_and_tell() -> Pair:
    """im2txt of tensorflow/models, and the model of danieljl/keras-image-captioning, which maps images with biases.

    The names of both Inceptions are those of slim and of Keras Applications.
    """
    inception, rows, layers, width, words = inception_v3(), Rows(), tf.keras.layers, 512, 1200
    network = inception.target.model
    variables = {'/'.join(w.tensor.path): w.variable for w in read_target(inception.target).wanted}
    for path, source in inception.sources.items():
        rows.add(variables[path], source)
    image = layers.Dense(width)
    embedded = layers.RepeatVector(1)(image(network.get_layer('avg_pool').output))
    sentence, table = layers.Input([None]), layers.Embedding(words, width)
    rnn = layers.LSTM(width, return_sequences=True)
    output = layers.TimeDistributed(layers.Dense(words))
    x = output(rnn(layers.Concatenate(axis=1)([embedded, table(sentence)])))
    rows.add(image.kernel, 'image_embedding/weights')
    rows.add(table.embeddings, 'seq_embedding/map')
    rows.lstm(rnn.cell, 'lstm/basic_lstm_cell')
    rows.layer(output.layer, 'logits', kernel='weights', bias='biases')
    model = tf.keras.Model([network.input, sentence], x)
    return rows.pair({'global_step': ()}, model=model)
