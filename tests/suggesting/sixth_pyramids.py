"""A pair of networks that detect objects by pyramids of features, for a sixth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_LEVELS = range(3, 8)
_WIDTH = 64
_BLOCKS = [
    f'{stage}{"abcd"[n]}' for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1), 1) for n in range(count)
]


class _Head(tf.keras.Model):
    """The subclassed heads of xuannianz, which have norms of their own for each level."""

    def __init__(self, kind: str, outputs: int, depth: int = 3):
        super().__init__(name=f'{kind}_net')
        layers, at = tf.keras.layers, f'{self.name}/{kind}'
        self.convs = [layers.SeparableConv2D(_WIDTH, 3, 1, 'same', name=f'{at}-{n}') for n in range(depth)]
        self.head = layers.SeparableConv2D(outputs, 3, 1, 'same', name=f'{at}-predict')
        self.bns = [
            [layers.BatchNormalization(name=f'{at}-{n}-bn-{level}') for level in _LEVELS]
            for n in range(depth)
        ]

    def call(self, features):
        outputs = []
        for number, x in enumerate(features):
            for conv, norms in zip(self.convs, self.bns, strict=True):
                x = tf.nn.swish(norms[number](conv(x)))
            outputs.append(self.head(x))
        return outputs


class _EfficientDet:
    """Builds xuannianz's D0 without weights between features, and notes the names of google/automl."""

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def separable(self, layer: Any, source: str) -> None:
        self.rows.layer(layer, source, ('depthwise_kernel', 'pointwise_kernel', 'bias'))

    def backbone(self, model: tf.keras.Model) -> None:
        """Notes the names of EfficientNet-B0, in whose blocks tf.layers counts."""
        scope, norm = 'efficientnet-b0', 'tpu_batch_normalization'

        def add(name: str, source: str, *roles: str, **names: str) -> None:
            self.rows.layer(model.get_layer(name), f'{scope}/{source}', roles, **names)

        add('stem_conv', 'stem/conv2d', 'kernel')
        add('stem_bn', f'stem/{norm}', *STATISTICS)
        for number, block in enumerate(_BLOCKS):
            old, new, second = f'blocks_{number}', f'block{block}', '_1' * bool(number)
            if number:
                add(f'{new}_expand_conv', f'{old}/conv2d', 'kernel')
                add(f'{new}_expand_bn', f'{old}/{norm}', *STATISTICS)
            add(f'{new}_dwconv', f'{old}/depthwise_conv2d', 'depthwise_kernel')
            add(f'{new}_bn', f'{old}/{norm}{second}', *STATISTICS)
            add(f'{new}_se_reduce', f'{old}/se/conv2d', 'kernel', 'bias')
            add(f'{new}_se_expand', f'{old}/se/conv2d_1', 'kernel', 'bias')
            add(f'{new}_project_conv', f'{old}/conv2d{second}', 'kernel')
            add(f'{new}_project_bn', f'{old}/{norm}_{2 if number else 1}', *STATISTICS)

    def resample(self, x: Any, scope: str) -> Any:
        conv = tf.keras.layers.Conv2D(_WIDTH, 1, padding='same', name=f'{scope}/conv2d')
        norm = tf.keras.layers.BatchNormalization(name=f'{scope}/bn')
        x = norm(conv(x))
        self.rows.layer(conv, f'{scope}/conv2d')
        self.rows.layer(norm, f'{scope}/bn', STATISTICS)
        return x

    def node(self, cell: int, number: int, features: list[Any]) -> Any:
        """A node of the pyramid; each of its inputs has a weight in the old one alone."""
        layers, at = tf.keras.layers, f'fpn_cells/cell_{cell}/fnode{number}'
        for n in range(len(features)):
            self.others[f'{at}/WSM{f"_{n}" if n else ""}'] = ()
        x = tf.nn.swish(layers.Add(name=f'{at}/add')(features))
        scope = f'{at}/op_after_combine{number + 5}'
        conv = layers.SeparableConv2D(_WIDTH, 3, 1, 'same', name=f'{scope}/conv')
        norm = layers.BatchNormalization(name=f'{scope}/bn')
        x = norm(conv(x))
        self.separable(conv, f'{scope}/conv')
        self.rows.layer(norm, f'{scope}/bn', STATISTICS)
        return x

    def cell(self, cell: int, inputs: list[Any]) -> list[Any]:
        """Two paths through the five levels; the first cell maps the features of the backbone for each path."""
        layers, first = tf.keras.layers, not cell
        top, down = inputs[4], []
        for number, level in enumerate((3, 2, 1, 0)):
            x = inputs[level]
            if first and level < 3:
                x = self.resample(x, f'fpn_cells/cell_0/fnode{number}/resample_0_{level}_{number + 5}')
            top = self.node(cell, number, [x, layers.UpSampling2D()(top)])
            down.insert(0, top)
        outputs = [down[0]]
        for number, level in enumerate((1, 2, 3, 4), 4):
            x = inputs[level]
            if first and level < 3:
                x = self.resample(x, f'fpn_cells/cell_0/fnode{number}/resample_0_{level}_{number + 5}')
            below = layers.MaxPooling2D(3, 2, 'same')(outputs[-1])
            parts = [x, down[level], below] if level < 4 else [x, below]
            outputs.append(self.node(cell, number, parts))
        # xuannianz gives the features of the way down to the next cell, but for the last ones.
        return [*down, outputs[-1]]

    def head(self, kind: str, outputs: int, features: list[Any]) -> Any:
        model, at = _Head(kind, outputs), f'{kind}_net/{kind}'
        y = model(features)
        for n, (conv, norms) in enumerate(zip(model.convs, model.bns, strict=True)):
            self.separable(conv, f'{at}-{n}')
            for level, norm in zip(_LEVELS, norms, strict=True):
                self.rows.layer(norm, f'{at}-{n}-bn-{level}', STATISTICS)
        self.separable(model.head, f'{at}-predict')
        return y


def efficient_det() -> Pair:
    """google/automl's EfficientDet-D0 for COCO under TF1 as it is trained, and xuannianz/EfficientDet's in tf.keras.

    The new one does not weigh the features that it adds. Its backbone has the names of Keras Applications', of which
    it is made here.
    """
    tf.keras.backend.clear_session()
    net, layers = _EfficientDet(), tf.keras.layers
    application = tf.keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(512, 512, 3)
    )
    net.backbone(application)
    ends = ('block3b_add', 'block5c_add', 'block7a_project_bn')
    features = [application.get_layer(name).output for name in ends]
    x = layers.MaxPooling2D(3, 2, 'same', name='resample_p6/maxpool')(
        net.resample(features[2], 'resample_p6')
    )
    features += [x, layers.MaxPooling2D(3, 2, 'same', name='resample_p7/maxpool')(x)]
    for cell in range(3):
        features = net.cell(cell, features)
    outputs = [net.head('class', 9 * 90, features), net.head('box', 9 * 4, features)]
    model = tf.keras.Model(application.get_layer('stem_conv_pad').input, outputs, name='efficientdet')
    pair = net.rows.pair(net.others, model=model)
    trained = with_slots(pair, 'Momentum', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='(?!)')
    return Pair({**averages.shapes, **trained.shapes}, pair.target, pair.sources)
