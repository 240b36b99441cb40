"""Training goes on exactly, whichever style the checkpoint has and whichever is saved from then on."""

import pytest
import tensorflow as tf

from tests.testing import small_model

pytestmark = small_model.needs_estimator
STEPS = 4
STYLES = ('tf1', 'tf2', 'both')
SOURCES = {
    **{f'{style}_by_default': small_model.ours(style) for style in STYLES},
    **{f'{style}_by_checkpoint': small_model.ours(style, with_checkpoint=True) for style in STYLES},
    'plain_estimator': small_model.plain,
    'guides_scaffold': small_model.guides,
}


def _train(model_dir, make_scaffold, first, steps):
    small_model.estimator(model_dir, make_scaffold).train(small_model.batches(first), steps=steps)
    return tf.train.latest_checkpoint(str(model_dir))


@pytest.fixture(scope='module')
def unswitched(tmp_path_factory):
    """The variables after twice the steps without a switch."""
    return small_model.values(_train(tmp_path_factory.mktemp('unswitched'), small_model.plain, 0, 2 * STEPS))


@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', SOURCES.values(), ids=SOURCES.keys())
def test_training_resumes_exactly_after_a_switch(source, target, tmp_path, unswitched):
    _train(tmp_path, source, 0, STEPS)
    path = _train(tmp_path, small_model.ours(target, with_checkpoint=True), STEPS, STEPS)

    resumed = small_model.values(path)
    assert resumed['global_step'] == 2 * STEPS
    small_model.assert_same_bits(resumed, unswitched)


@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', [*STYLES, 'plain'])
def test_the_default_object_resumes_too(source, target, tmp_path, unswitched):
    _train(tmp_path, small_model.plain if source == 'plain' else small_model.ours(source), 0, STEPS)
    path = _train(tmp_path, small_model.ours(target), STEPS, STEPS)

    small_model.assert_same_bits(small_model.values(path), unswitched)


def test_a_plain_estimator_resumes_from_both(tmp_path, unswitched):
    _train(tmp_path, small_model.ours('both', with_checkpoint=True), 0, STEPS)
    path = _train(tmp_path, small_model.plain, STEPS, STEPS)

    small_model.assert_same_bits(small_model.values(path), unswitched)


def test_a_style_can_be_switched_at_every_restart(tmp_path, unswitched):
    for number, style in enumerate(['tf1', 'both', 'tf2', 'tf1', 'tf2', 'both', 'tf1', 'tf2']):
        path = _train(tmp_path, small_model.ours(style, with_checkpoint=True), number, 1)

    small_model.assert_same_bits(small_model.values(path), unswitched)
