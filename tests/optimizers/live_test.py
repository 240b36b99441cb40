"""Training goes on in Keras where it stopped in TF1, and the other way round, with the optimizer's state."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.optimizers.training import CROSSINGS, RULES, STEPS, Net, train_keras, train_tf1
from tests.toy import needs_keras_2

GENERATIONS = [pytest.param('legacy', marks=needs_keras_2), 'new']
BEFORE, AFTER = range(STEPS), range(STEPS, 2 * STEPS)


@pytest.mark.parametrize('generation', GENERATIONS)
@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_keras(name, generation, tmp_path):
    crossing = CROSSINGS[name]
    expected = train_tf1(crossing, range(2 * STEPS))
    train_tf1(crossing, BEFORE, tmp_path / 'x')
    net, optimizer = Net(), crossing.make(generation)
    target = tf.train.Checkpoint(model=net, optimizer=optimizer)
    warm_start = WarmStart(tmp_path / 'x', RULES, slots=True, step='keep')
    report = estimator_ckpt.warm_start(warm_start, target)
    assert int(optimizer.iterations) == STEPS
    losses = train_keras(net, optimizer, AFTER)
    print(name, generation, max(abs(np.array(losses) / expected[STEPS:] - 1)), report.notes)
    np.testing.assert_allclose(losses, expected[STEPS:], rtol=1e-5)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('name', CROSSINGS)
@needs_keras_2
def test_keras_legacy_goes_on_in_tf1(name, style, tmp_path):
    crossing = CROSSINGS[name]
    net, optimizer = Net(), crossing.make('legacy')
    train_keras(net, optimizer, BEFORE)
    target = tf.train.Checkpoint(model=net, optimizer=optimizer)
    source = target.save(str(tmp_path / 'x'))
    expected = train_keras(net, optimizer, AFTER)
    rules = [(r'model/(.*)', r'dense/\1')]
    warm_start = WarmStart(source, rules, slots=True, step='keep')

    def start(session):
        report = estimator_ckpt.warm_start(warm_start, session=session)
        assert not report.faults()

    losses = train_tf1(crossing, AFTER, start=start, style=style)
    print(name, max(abs(np.array(losses) / expected - 1)))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
