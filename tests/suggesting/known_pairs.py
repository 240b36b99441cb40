"""Pairs of a TF1 checkpoint's names and a Keras model whose variables are known to be the same, written by hand.

Only the index of each checkpoint is written, for no tensor is read to find out what belongs together.
"""

import dataclasses
import math
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.messages import BundleEntry, BundleHeader
from estimator_ckpt.bundle.table import build_table
from estimator_ckpt.mapping.rules import Rules
from estimator_ckpt.program.read_target import read_target
from estimator_ckpt.suggesting.families import Variable
from estimator_ckpt.suggesting.suggestion import Suggestion

FLOAT, INT64 = 1, 9
STATISTICS = ('gamma', 'beta', 'moving_mean', 'moving_variance')
_EXAMPLES = str(pathlib.Path(__file__).parents[2] / 'examples')

Shapes = Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Pair:
    """What is to be aligned, and the answer.

    Attributes:
      shapes: The shape of each variable of the source by its name.
      target: The model, in a `tf.train.Checkpoint`; its checkpoint; or the shapes of another checkpoint's variables.
      sources: For the object path, or name, of each variable of the target that has one its source.
    """

    shapes: Shapes
    target: tf.train.Checkpoint | Shapes | str
    sources: Mapping[str, str]

    def write(self, directory: Any) -> tuple[str, Any]:
        """Writes the checkpoints of the pair. Returns the source, and the target as `suggest_rules` takes it."""
        source = write_index(pathlib.Path(directory, 'old'), self.shapes)
        if isinstance(self.target, tf.train.Checkpoint | str):
            return source, self.target
        return source, write_index(pathlib.Path(directory, 'new'), self.target)


def program(answer: Mapping[str, Any], others: Shapes | None = None, **objects: Any) -> Pair:
    """Returns the pair of a checkpoint and the objects of a program.

    Args:
      answer: The variable of each source, with the shape of the source if it is another one.
      others: The shapes of sources that have no variable.
      **objects: The objects, by the names of the attributes of the target.
    """
    target = tf.train.Checkpoint(**objects)
    paths = {id(w.variable): '/'.join(w.tensor.path) for w in read_target(target).wanted}
    rows = {old: new if isinstance(new, tuple) else (new, tuple(new.shape)) for old, new in answer.items()}
    shapes = {old: shape for old, (_, shape) in rows.items()} | dict(others or {})
    return Pair(shapes, target, {paths[id(variable)]: old for old, (variable, _) in rows.items()})


def files(
    answer: Mapping[str, tuple[str, tuple[int, ...], tuple[int, ...] | None]],
    old: Shapes | None = None,
    new: Shapes | None = None,
) -> Pair:
    """Returns the pair of two checkpoints.

    Args:
      answer: The name of each source's target, its shape, and that of the target if it is another one.
      old: The shapes of sources that have no target.
      new: The shapes of targets that have no source.
    """
    shapes = {name: shape for name, (_, shape, _) in answer.items()} | dict(old or {})
    targets = {name: other or shape for name, shape, other in answer.values()} | dict(new or {})
    return Pair(shapes, targets, {name: old for old, (name, _, _) in answer.items()})


def write_index(prefix: Any, shapes: Shapes, dtype: int = FLOAT) -> str:
    """Writes the index of a checkpoint without data; `global_step` and all else that ends in `step` are int64."""
    entries, offset = {b'': BundleHeader(num_shards=1).SerializeToString()}, 0
    for name, shape in sorted(shapes.items()):
        number = INT64 if name.endswith('step') else dtype
        entry = BundleEntry(dtype=number, offset=offset, size=math.prod(shape) * dtypes.size(number))
        entry.shape.SetInParent()
        for extent in shape:
            entry.shape.dim.add(size=extent)
        entries[name.encode()] = entry.SerializeToString()
        offset += entry.size
    pathlib.Path(f'{prefix}.index').write_bytes(build_table(sorted(entries.items())))
    return str(prefix)


def variables(shapes: Shapes) -> list[Variable]:
    """Returns variables of these names and shapes, numbered in their order."""
    return [Variable(number, (name,), shape, FLOAT) for number, (name, shape) in enumerate(shapes.items())]


def suggest(
    folder: pathlib.Path, old: Shapes, new: Shapes | tf.train.Checkpoint, rules: Rules = None
) -> Suggestion:
    """Returns what is proposed between the indexes of two checkpoints, or one and a program; written into `folder`."""
    target = new if isinstance(new, tf.train.Checkpoint) else write_index(folder / 'new', new)
    return estimator_ckpt.suggest_rules(write_index(folder / 'old', old), target, rules)


def found(suggestion: Suggestion) -> dict[str, str]:
    """Returns the source of each target that a rule gives one."""
    return {target: source for rule in suggestion.rules for source, target in rule.pairs}


class _Answer:
    """Collects what belongs together, layer by layer; the shapes of a source are those of its target or given."""

    def __init__(self, target: tf.train.Checkpoint):
        wanted = read_target(target).wanted
        self._paths = {w.tensor.name: '/'.join(w.tensor.path) for w in wanted}
        self._shapes = {'/'.join(w.tensor.path): w.shape for w in wanted}
        self._target = target
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._sources: dict[str, str] = {}

    def add(self, source: str, target: str, shape: tuple[int, ...] | None = None) -> None:
        """One variable; the target by its path, or by its name."""
        path = target if target in self._shapes else self._paths[target]
        self.shapes[source], self._sources[path] = shape or self._shapes[path], source

    def layer(self, source: str, target: str, *roles: tuple[str, str] | str, kernel: Any = None) -> None:
        """Variables of a layer, by the ends of both names."""
        for role in roles:
            old, new = (role, role) if isinstance(role, str) else role
            self.add(f'{source}/{old}', f'{target}/{new}', kernel if new == 'kernel' else None)

    def pair(self, **others: tuple[int, ...]) -> Pair:
        """The pair, with sources that have no target, their slashes written as two underscores."""
        extra = {name.replace('__', '/'): shape for name, shape in others.items()}
        return Pair(self.shapes | extra, self._target, self._sources)


_SLIM = (('weights', 'kernel'), ('biases', 'bias'))


def bert() -> Pair:
    """Google's BERT, its pretraining heads included, and examples/bert_encoder.py."""
    sys.path.insert(0, _EXAMPLES)
    try:
        from bert_encoder import BertEncoder
    finally:
        sys.path.remove(_EXAMPLES)
    config = {
        'vocab_size': 30,
        'hidden_size': 24,
        'num_hidden_layers': 3,
        'num_attention_heads': 3,
        'intermediate_size': 40,
        'max_position_embeddings': 16,
        'type_vocab_size': 2,
    }
    encoder = BertEncoder(config)
    ids = np.zeros([1, 4], np.int64)
    encoder((ids, ids, ids))
    answer = _Answer(tf.train.Checkpoint(encoder=encoder))
    dense, norm = ('kernel', 'bias'), ('gamma', 'beta')
    for kind in ('word', 'position', 'token_type'):
        answer.add(f'bert/embeddings/{kind}_embeddings', f'encoder/{kind}/embeddings')
    answer.layer('bert/embeddings/LayerNorm', 'encoder/norm', *norm)
    for number in range(config['num_hidden_layers']):
        old, new = f'bert/encoder/layer_{number}', f'encoder/blocks/{number}'
        for name in ('query', 'key', 'value'):
            source, target = f'{old}/attention/self/{name}', f'{new}/attention/_{name}_dense'
            answer.add(f'{source}/kernel', f'{target}/kernel', (24, 24))
            answer.add(f'{source}/bias', f'{target}/bias', (24,))
        answer.layer(
            f'{old}/attention/output/dense', f'{new}/attention/_output_dense', *dense, kernel=(24, 24)
        )
        answer.layer(f'{old}/attention/output/LayerNorm', f'{new}/attention_norm', *norm)
        answer.layer(f'{old}/intermediate/dense', f'{new}/intermediate', *dense)
        answer.layer(f'{old}/output/dense', f'{new}/output_dense', *dense)
        answer.layer(f'{old}/output/LayerNorm', f'{new}/output_norm', *norm)
    answer.layer('bert/pooler/dense', 'encoder/pooler', *dense)
    return answer.pair(
        cls__predictions__output_bias=(30,),
        cls__predictions__transform__LayerNorm__beta=(24,),
        cls__predictions__transform__LayerNorm__gamma=(24,),
        cls__predictions__transform__dense__bias=(24,),
        cls__predictions__transform__dense__kernel=(24, 24),
        cls__seq_relationship__output_bias=(2,),
        cls__seq_relationship__output_weights=(2, 24),
    )


def resnet() -> Pair:
    """slim's ResNet-50 v1, whose convolutions have no biases, and Keras Applications', whose have."""
    model = tf.keras.applications.ResNet50(weights=None)
    answer = _Answer(tf.train.Checkpoint(model=model))

    def unit(source: str, target: str) -> None:
        answer.layer(f'resnet_v1_50/{source}', f'{target}_conv', _SLIM[0])
        answer.layer(f'resnet_v1_50/{source}/BatchNorm', f'{target}_bn', *STATISTICS)

    unit('conv1', 'conv1')
    for block, units in enumerate((3, 4, 6, 3), 1):
        for number in range(1, units + 1):
            scope = f'block{block}/unit_{number}/bottleneck_v1'
            for conv in (1, 2, 3):
                unit(f'{scope}/conv{conv}', f'conv{block + 1}_block{number}_{conv}')
        unit(f'block{block}/unit_1/bottleneck_v1/shortcut', f'conv{block + 1}_block1_0')
    answer.layer('resnet_v1_50/logits', 'predictions', *_SLIM, kernel=(1, 1, 2048, 1000))
    return answer.pair(global_step=(), resnet_v1_50__mean_rgb=(3,))


def canned_dnn() -> Pair:
    """What `tf.estimator.DNNClassifier(hidden_units=[16, 16, 8])` saves for 4 features and 3 classes, and Keras."""
    layers = [tf.keras.layers.Dense(units) for units in (16, 16, 8, 3)]
    model = tf.keras.Sequential([tf.keras.Input([4]), *layers])
    answer = _Answer(tf.train.Checkpoint(model=model))
    for number in range(4):
        name = f'hiddenlayer_{number}' if number < 3 else 'logits'
        for role in ('kernel', 'bias'):
            answer.add(f'dnn/{name}/{role}', f'model/layer_with_weights-{number}/{role}')
            shape = answer.shapes[f'dnn/{name}/{role}']
            answer.shapes[f'dnn/{name}/{role}/t_0/Adagrad'] = shape
    return answer.pair(global_step=())


def digits(names: str = 'layers') -> Pair:
    """The classifier of examples/digits.py, as `tf.compat.v1.layers` or as Keras itself (`'keras'`) names it."""
    sys.path.insert(0, _EXAMPLES)
    try:
        from digits import build_model
    finally:
        sys.path.remove(_EXAMPLES)
    answer = _Answer(tf.train.Checkpoint(model=build_model()))
    scopes = ['conv2d', 'batch_normalization', 'dense', 'dense_1']
    scopes = scopes if names == 'layers' else ['conv', 'norm', 'hidden', 'logits']
    for number, scope in enumerate(scopes):
        roles = STATISTICS if number == 1 else ('kernel', 'bias')
        answer.layer(scope, f'model/layer_with_weights-{number}', *roles)
    return answer.pair(global_step=())


def vgg() -> Pair:
    """slim's VGG-16, whose dense layers are convolutions, and Keras Applications', both for small images."""
    model = tf.keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=100)
    answer = _Answer(tf.train.Checkpoint(model=model))
    for block, convs in enumerate((2, 2, 3, 3, 3), 1):
        for conv in range(1, convs + 1):
            answer.layer(f'vgg_16/conv{block}/conv{block}_{conv}', f'block{block}_conv{conv}', *_SLIM)
    answer.layer('vgg_16/fc6', 'fc1', *_SLIM, kernel=(2, 2, 512, 4096))
    answer.layer('vgg_16/fc7', 'fc2', *_SLIM, kernel=(1, 1, 4096, 4096))
    answer.layer('vgg_16/fc8', 'predictions', *_SLIM, kernel=(1, 1, 4096, 100))
    return answer.pair(global_step=())


def mobilenet() -> Pair:
    """slim's MobileNet v1 and Keras Applications'."""
    answer = _Answer(tf.train.Checkpoint(model=tf.keras.applications.MobileNet(weights=None)))
    scope = 'MobilenetV1/MobilenetV1'
    answer.layer(f'{scope}/Conv2d_0', 'conv1', _SLIM[0])
    answer.layer(f'{scope}/Conv2d_0/BatchNorm', 'conv1_bn', *STATISTICS)
    for number in range(1, 14):
        depthwise, pointwise = (f'{scope}/Conv2d_{number}_{kind}' for kind in ('depthwise', 'pointwise'))
        answer.layer(depthwise, f'conv_dw_{number}', ('depthwise_weights', 'depthwise_kernel'))
        answer.layer(f'{depthwise}/BatchNorm', f'conv_dw_{number}_bn', *STATISTICS)
        answer.layer(pointwise, f'conv_pw_{number}', _SLIM[0])
        answer.layer(f'{pointwise}/BatchNorm', f'conv_pw_{number}_bn', *STATISTICS)
    answer.layer('MobilenetV1/Logits/Conv2d_1c_1x1', 'conv_preds', *_SLIM)
    return answer.pair(global_step=())


def lstm() -> Pair:
    """A classifier of texts of hand-made TF1 code, and the same in Keras."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Embedding(500, 64, input_length=20),
            layers.Bidirectional(layers.LSTM(32, return_sequences=True)),
            layers.LSTM(32),
            layers.Dense(64, activation='relu'),
            layers.Dense(64),
            layers.Dense(2),
        ]
    )
    answer = _Answer(tf.train.Checkpoint(model=model))
    at = 'model/layer_with_weights'
    cell = ('kernel', 'recurrent_kernel', 'bias')
    answer.add('text/word_embedding/W', f'{at}-0/embeddings')
    answer.layer('text/bidirectional_rnn/fw/lstm_cell', f'{at}-1/forward_layer/cell', *cell)
    answer.layer('text/bidirectional_rnn/bw/lstm_cell', f'{at}-1/backward_layer/cell', *cell)
    answer.layer('text/rnn/lstm_cell', f'{at}-2/cell', *cell)
    for number, name in enumerate(('fc_1', 'fc_2', 'softmax'), 3):
        answer.layer(f'text/{name}', f'{at}-{number}', ('w', 'kernel'), ('b', 'bias'))
    return answer.pair(global_step=())


def mobilenet_v2() -> Pair:
    """slim's MobileNet v2 and Keras Applications'."""
    answer = _Answer(tf.train.Checkpoint(model=tf.keras.applications.MobileNetV2(weights=None)))
    depthwise = ('depthwise_weights', 'depthwise_kernel')

    def unit(source: str, target: str, norm: str, role: tuple[str, str] = _SLIM[0]) -> None:
        answer.layer(f'MobilenetV2/{source}', target, role)
        answer.layer(f'MobilenetV2/{source}/BatchNorm', norm, *STATISTICS)

    unit('Conv', 'Conv1', 'bn_Conv1')
    unit('Conv_1', 'Conv_1', 'Conv_1_bn')
    for number in range(17):
        scope = f'expanded_conv_{number}' if number else 'expanded_conv'
        block = f'block_{number}' if number else 'expanded_conv'
        if number:
            unit(f'{scope}/expand', f'{block}_expand', f'{block}_expand_BN')
        unit(f'{scope}/depthwise', f'{block}_depthwise', f'{block}_depthwise_BN', depthwise)
        unit(f'{scope}/project', f'{block}_project', f'{block}_project_BN')
    answer.layer('MobilenetV2/Logits/Conv2d_1c_1x1', 'predictions', *_SLIM, kernel=(1, 1, 1280, 1000))
    return answer.pair(global_step=())


def resnet_v2() -> Pair:
    """slim's ResNet-50 v2 and Keras Applications'."""
    answer = _Answer(tf.train.Checkpoint(model=tf.keras.applications.ResNet50V2(weights=None)))
    answer.layer('resnet_v2_50/conv1', 'conv1_conv', *_SLIM)
    answer.layer('resnet_v2_50/postnorm', 'post_bn', *STATISTICS)
    for block, units in enumerate((3, 4, 6, 3), 1):
        for number in range(1, units + 1):
            scope = f'resnet_v2_50/block{block}/unit_{number}/bottleneck_v2'
            target = f'conv{block + 1}_block{number}'
            answer.layer(f'{scope}/preact', f'{target}_preact_bn', *STATISTICS)
            for conv in (1, 2):
                answer.layer(f'{scope}/conv{conv}', f'{target}_{conv}_conv', _SLIM[0])
                answer.layer(f'{scope}/conv{conv}/BatchNorm', f'{target}_{conv}_bn', *STATISTICS)
            answer.layer(f'{scope}/conv3', f'{target}_3_conv', *_SLIM)
        answer.layer(
            f'resnet_v2_50/block{block}/unit_1/bottleneck_v2/shortcut',
            f'conv{block + 1}_block1_0_conv',
            *_SLIM,
        )
    answer.layer('resnet_v2_50/logits', 'predictions', *_SLIM, kernel=(1, 1, 2048, 1000))
    return answer.pair(global_step=())


def densenet() -> Pair:
    """slim's DenseNet-121 and Keras Applications'."""
    answer = _Answer(tf.train.Checkpoint(model=tf.keras.applications.DenseNet121(weights=None)))
    answer.layer('densenet121/conv1', 'conv1/conv', _SLIM[0])
    answer.layer('densenet121/conv1/BatchNorm', 'conv1/bn', *STATISTICS)
    for block, units in enumerate((6, 12, 24, 16), 1):
        for number in range(1, units + 1):
            for part in (1, 2):
                scope = f'densenet121/dense_block{block}/conv_block{number}/x{part}'
                target = f'conv{block + 1}_block{number}'
                answer.layer(f'{scope}/BatchNorm', f'{target}_{part - 1}_bn', *STATISTICS)
                answer.layer(f'{scope}/Conv', f'{target}_{part}_conv', _SLIM[0])
        if block < 4:
            scope = f'densenet121/transition_block{block}/blk'
            answer.layer(f'{scope}/BatchNorm', f'pool{block + 1}_bn', *STATISTICS)
            answer.layer(f'{scope}/Conv', f'pool{block + 1}_conv', _SLIM[0])
    answer.layer('densenet121/final_block/BatchNorm', 'bn', *STATISTICS)
    answer.layer('densenet121/logits', 'predictions', *_SLIM, kernel=(1, 1, 1024, 1000))
    return answer.pair(global_step=())


# What the search was made with, and what it saw only when it was done.
PAIRS: dict[str, Callable[[], Pair]] = {
    'bert': bert,
    'resnet': resnet,
    'canned_dnn': canned_dnn,
    'digits': digits,
}
HELD_OUT: dict[str, Callable[[], Pair]] = {
    'vgg': vgg,
    'mobilenet': mobilenet,
    'lstm': lstm,
    'mobilenet_v2': mobilenet_v2,
    'resnet_v2': resnet_v2,
    'densenet': densenet,
}
