"""How far training that crosses from one side to the other is from training that does not."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.optimizers.training import RULES, STEPS, Crossing, Net, train_keras, train_tf1

tf1 = tf.compat.v1
BEFORE, AFTER = range(STEPS), range(STEPS, 2 * STEPS)
# Where both sides have the same rule: float32 rounding.
BOUND = 1e-5


def difference(losses: list[float], expected: list[float]) -> float:
    """The largest relative difference."""
    return float(np.max(np.abs(np.array(losses) / expected - 1)))


def live_to_keras(
    crossing: Crossing, generation: str, folder: pathlib.Path, first_step: int = 0, step: Any = 'keep'
) -> float:
    """From TF1 to an optimizer object of Keras, legacy or new, by a warm start."""
    expected = train_tf1(crossing, range(2 * STEPS), first_step=first_step)
    train_tf1(crossing, BEFORE, folder / 'live', first_step=first_step)
    net, optimizer = Net(), crossing.make(generation)
    target = tf.train.Checkpoint(model=net, optimizer=optimizer)
    estimator_ckpt.warm_start(WarmStart(folder / 'live', RULES, slots=True, step=step), target)
    return difference(train_keras(net, optimizer, AFTER), expected[STEPS:])


def files_to_keras(
    crossing: Crossing, folder: pathlib.Path, style: str = 'tf2', first_step: int = 0, **options: Any
) -> float:
    """From TF1 to a file that Keras legacy restores without this package."""
    expected = train_tf1(crossing, range(2 * STEPS), first_step=first_step)
    train_tf1(crossing, BEFORE, folder / 'old', first_step=first_step)
    arguments = {
        'rules': RULES,
        'keras_optimizer': crossing.keras,
        'hyperparameters': crossing.hyperparameters,
    }
    estimator_ckpt.convert(folder / 'old', folder / 'new', style, **{**arguments, **options})
    return difference(go_on_in_keras(folder / 'new', crossing, 'legacy'), expected[STEPS:])


def files_to_layout(
    crossing: Crossing, folder: pathlib.Path, first_step: int = 0, of_objects: bool = False
) -> float:
    """From TF1 to a file with the layout of a new optimizer, which restores it without this package."""
    expected = train_tf1(crossing, range(2 * STEPS), first_step=first_step)
    train_tf1(crossing, BEFORE, folder / 'old', first_step=first_step)
    net, optimizer = Net(), crossing.make('new')
    optimizer.build([net.kernel, net.bias])
    like = tf.train.Checkpoint(model=net, optimizer=optimizer)
    if not of_objects:
        like = like.save(str(folder / 'fresh'))
    estimator_ckpt.convert(folder / 'old', folder / 'new', 'tf2', rules=RULES, like=like)
    return difference(go_on_in_keras(folder / 'new', crossing, 'new'), expected[STEPS:])


def go_on_in_keras(path: pathlib.Path, crossing: Crossing, generation: str) -> list[float]:
    """The losses after TensorFlow alone restored a file, of which all must be used."""
    net, optimizer = Net(), crossing.make(generation)
    status = tf.train.Checkpoint(model=net, optimizer=optimizer).restore(str(path))
    if generation == 'new':
        optimizer.build([net.kernel, net.bias])
    losses = train_keras(net, optimizer, AFTER)
    status.assert_consumed()
    return losses


def live_to_tf1(crossing: Crossing, folder: pathlib.Path, style: str = 'tf1') -> float:
    """From Keras legacy to a session of TF1, by a warm start."""
    source, expected = _trained_in_keras(crossing, folder)
    warm_start = WarmStart(source, [(r'model/(.*)', r'dense/\1')], slots=True, step='keep')

    def start(session):
        assert not estimator_ckpt.warm_start(warm_start, session=session).faults()

    return difference(train_tf1(crossing, AFTER, start=start, style=style), expected)


def files_to_tf1(crossing: Crossing, folder: pathlib.Path) -> float:
    """From Keras legacy to a file that a plain Saver of TF1 restores."""
    source, expected = _trained_in_keras(crossing, folder)
    path = str(folder / 'tf1')
    rules = [(r'model/([a-z]+)', r'dense/\1')]
    estimator_ckpt.convert(source, path, 'tf1', rules=rules, keras_optimizer=crossing.keras)

    def restore(session):
        tf1.train.Saver().restore(session, path)

    return difference(train_tf1(crossing, AFTER, start=restore), expected)


def _trained_in_keras(crossing: Crossing, folder: pathlib.Path) -> tuple[str, list[float]]:
    net, optimizer = Net(), crossing.make('legacy')
    train_keras(net, optimizer, BEFORE)
    source = tf.train.Checkpoint(model=net, optimizer=optimizer).save(str(folder / 'keras'))
    return source, train_keras(net, optimizer, AFTER)
