"""Training goes on exactly, whichever style the checkpoint has and whichever is saved from then on."""

import pytest
import tensorflow as tf

from tests import toy

pytestmark = toy.needs_estimator
STEPS = 4
STYLES = ('tf1', 'tf2', 'both')
SOURCES = {
    **{f'{style}_by_default': toy.ours(style) for style in STYLES},
    **{f'{style}_by_checkpoint': toy.ours(style, with_checkpoint=True) for style in STYLES},
    'plain_estimator': toy.plain,
    'guides_scaffold': toy.guides,
}


def _train(model_dir, make_scaffold, first, steps):
    toy.estimator(model_dir, make_scaffold).train(toy.batches(first), steps=steps)
    return tf.train.latest_checkpoint(str(model_dir))


@pytest.fixture(scope='module')
def unswitched(tmp_path_factory):
    """The variables after twice the steps without a switch."""
    return toy.values(_train(tmp_path_factory.mktemp('unswitched'), toy.plain, 0, 2 * STEPS))


@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', SOURCES.values(), ids=SOURCES.keys())
def test_training_resumes_exactly_after_a_switch(source, target, tmp_path, unswitched):
    _train(tmp_path, source, 0, STEPS)
    path = _train(tmp_path, toy.ours(target, with_checkpoint=True), STEPS, STEPS)

    resumed = toy.values(path)
    assert resumed['global_step'] == 2 * STEPS
    toy.assert_same_bits(resumed, unswitched)


@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', [*STYLES, 'plain'])
def test_the_default_object_resumes_too(source, target, tmp_path, unswitched):
    _train(tmp_path, toy.plain if source == 'plain' else toy.ours(source), 0, STEPS)
    path = _train(tmp_path, toy.ours(target), STEPS, STEPS)

    toy.assert_same_bits(toy.values(path), unswitched)


def test_a_plain_estimator_resumes_from_both(tmp_path, unswitched):
    _train(tmp_path, toy.ours('both', with_checkpoint=True), 0, STEPS)
    path = _train(tmp_path, toy.plain, STEPS, STEPS)

    toy.assert_same_bits(toy.values(path), unswitched)


def test_a_style_can_be_switched_at_every_restart(tmp_path, unswitched):
    for number, style in enumerate(['tf1', 'both', 'tf2', 'tf1', 'tf2', 'both', 'tf1', 'tf2']):
        path = _train(tmp_path, toy.ours(style, with_checkpoint=True), number, 1)

    toy.assert_same_bits(toy.values(path), unswitched)
