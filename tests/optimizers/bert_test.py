"""Training of BERT's optimizer goes on in Keras's AdamW, and in Adam where weights do not decay.

BERT does not correct the bias of Adam's averages. After many steps the correction is 1, and the two are the same: with
betas of 0.8 and 0.95 it is 1 + 1e-9 after 400 steps. The averages are those of a run that begins at that step, so the
first losses are far from what the correction would have made them in a run that begins at 0.
"""

import logging
import math

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.optimizers import measures
from tests.optimizers.bert import BETAS, CROSSING, LATE, WITHOUT_DECAY
from tests.optimizers.measures import BEFORE, BOUND
from tests.optimizers.training import RATE, RULES, STEPS, Net, train_tf1
from tests.testing.small_model import needs_keras_2


def test_it_goes_on_in_a_live_adamw(tmp_path):
    assert measures.live_to_keras(CROSSING, 'new', tmp_path, LATE) <= BOUND


def test_it_goes_on_in_the_layout_of_adamw(tmp_path):
    assert measures.files_to_layout(CROSSING, tmp_path, LATE) <= BOUND


@needs_keras_2
@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_it_goes_on_in_a_file_for_legacy_adam(style, tmp_path):
    assert measures.files_to_keras(WITHOUT_DECAY, tmp_path, style, LATE) <= BOUND


@needs_keras_2
def test_early_steps_differ(tmp_path):
    assert measures.live_to_keras(WITHOUT_DECAY, 'legacy', tmp_path) > 1e-3


def _factor(step: int) -> float:
    return math.sqrt(1 - 0.95**step) / (1 - 0.8**step)


def test_the_report_and_the_log_say_by_how_much_the_next_step_differs(tmp_path, caplog):
    train_tf1(CROSSING, BEFORE, tmp_path / 'x')
    net = Net()
    target = tf.train.Checkpoint(model=net, optimizer=CROSSING.make('new'))
    warm_start = WarmStart(tmp_path / 'x', RULES, slots=True, step='keep')
    with caplog.at_level(logging.WARNING, 'tensorflow'):
        report = estimator_ckpt.warm_start(warm_start, target)
    expected = f'step {STEPS + 1} is {_factor(STEPS + 1):.4g} times as long'
    assert [note for note in report.warnings if expected in note]
    assert expected in caplog.text


@needs_keras_2
def test_a_conversion_says_so_too(tmp_path):
    train_tf1(WITHOUT_DECAY, BEFORE, tmp_path / 'x')
    hyperparameters = {'learning_rate': RATE, **BETAS}
    report = estimator_ckpt.convert(
        tmp_path / 'x', tmp_path / 'y', 'tf2', keras_optimizer='Adam', hyperparameters=hyperparameters
    )
    assert [note for note in report.warnings if f'{_factor(STEPS + 1):.4g} times as long' in note]


def test_a_conversion_for_the_layout_of_adamw_says_so_too(tmp_path):
    train_tf1(CROSSING, BEFORE, tmp_path / 'x')
    net, optimizer = Net(), CROSSING.make('new')
    optimizer.build([net.kernel, net.bias])
    like = tf.train.Checkpoint(model=net, optimizer=optimizer)
    betas = {'beta_1': 0.8, 'beta_2': 0.95}
    report = estimator_ckpt.convert(
        tmp_path / 'x', tmp_path / 'y', 'tf2', rules=RULES, like=like, hyperparameters=betas
    )
    assert [note for note in report.warnings if f'{_factor(STEPS + 1):.4g} times as long' in note]
