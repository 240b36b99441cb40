"""The examples of the kinds of Estimator, and of fine-tuning, each in a process of its own, on real data."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.examples import EXAMPLES, run
from tests.testing.small_model import needs_estimator

pytestmark = [needs_estimator, pytest.mark.slow]


def _style_of(path):
    return estimator_ckpt.inspect(path).style


class TestCanned:
    @pytest.fixture(scope='class')
    def model_dir(self, tmp_path_factory):
        return str(tmp_path_factory.mktemp('wide_deep'))

    @pytest.fixture(scope='class')
    def trained(self, model_dir):
        return run('with_canned.py', f'--model_dir={model_dir}', f'--mirror_dir={model_dir}/mirror')

    def test_it_learns_and_saves_both_styles(self, trained, model_dir):
        assert trained['step'] == '300' and float(trained['test accuracy']) > 0.85
        assert trained['latest checkpoint'] == f'{model_dir}/model.ckpt-300'
        assert _style_of(trained['latest checkpoint']) == 'both'
        assert _style_of(f'{model_dir}/mirror') == 'tf1'

    def test_a_second_run_goes_on_in_another_style(self, trained, model_dir):
        flags = [f'--model_dir={model_dir}', '--checkpoint_style=tf2', '--train_steps=10']
        again = run('with_canned.py', *flags)
        assert again['step'] == '310' and _style_of(again['latest checkpoint']) == 'tf2'
        assert abs(float(again['test accuracy']) - float(trained['test accuracy'])) < 0.05


class TestKerasModel:
    @pytest.fixture(scope='class')
    def model_dir(self, tmp_path_factory):
        return str(tmp_path_factory.mktemp('keras'))

    @pytest.fixture(scope='class')
    def trained(self, model_dir):
        return run('with_keras_model.py', f'--model_dir={model_dir}', '--checkpoint_style=tf2')

    def test_keras_is_as_accurate_as_the_estimator(self, trained):
        assert float(trained['test accuracy']) > 0.95
        assert trained['test accuracy in Keras'] == trained['test accuracy']

    def test_plain_keras_restores_what_is_saved(self, trained, monkeypatch):
        monkeypatch.syspath_prepend(str(EXAMPLES))
        from digits import build_model
        from digits_data import load_data

        model = build_model()
        path = trained['latest checkpoint']
        assert _style_of(path) == 'tf2'
        model.load_weights(path).assert_existing_objects_matched().expect_partial()
        images, labels = load_data()['test']
        accuracy = np.mean(model.predict(images, verbose=0).argmax(1) == labels)
        assert f'{accuracy:.4f}' == trained['test accuracy']

    def test_a_second_run_goes_on_in_another_style(self, trained, model_dir):
        flags = [f'--model_dir={model_dir}', '--checkpoint_style=tf1', '--train_steps=5']
        again = run('with_keras_model.py', *flags)
        assert again['step'] == '605' and float(again['test accuracy']) > 0.95
        assert _style_of(again['latest checkpoint']) == 'tf1' and 'test accuracy in Keras' not in again


def test_tpu_estimator_learns_and_tf2_restores_what_it_saves(tmp_path):
    trained = run('with_tpu_estimator.py', f'--model_dir={tmp_path}', '--checkpoint_style=tf2')
    assert trained['step'] == '600' and float(trained['test accuracy']) > 0.95
    restored = run('restore_digits_tf2.py', f'--model_dir={tmp_path}')
    assert restored['restored checkpoint'] == trained['latest checkpoint'] == f'{tmp_path}/model.ckpt-600'
    assert (restored['test accuracy'], restored['step']) == (trained['test accuracy'], trained['step'])

    again = run('with_tpu_estimator.py', f'--model_dir={tmp_path}', '--train_steps=5')
    assert again['step'] == '605' and _style_of(again['latest checkpoint']) == 'both'


class TestFineTuneText:
    @pytest.fixture(scope='class')
    def model_dir(self, tmp_path_factory):
        return tmp_path_factory.mktemp('text')

    @pytest.fixture(scope='class')
    def trained(self, model_dir):
        return run('fine_tune_text.py', f'--model_dir={model_dir}')

    def test_a_warm_start_is_better_on_text_that_no_training_has_seen(self, trained):
        cold, warm = (float(trained[f'test accuracy of {kind}_start']) for kind in ('cold', 'warm'))
        assert warm > cold + 0.03
        assert warm > float(trained['share of the most frequent mark']) + 0.05

    def test_the_first_checkpoint_has_the_values_in_berts_names(self, trained, model_dir):
        old = tf.train.load_checkpoint(trained['pre-trained checkpoint'])
        new = tf.train.load_checkpoint(str(model_dir / 'warm_start/model.ckpt-0'))
        paths = {
            'bert/embeddings/word_embeddings': 'word/embeddings',
            'bert/embeddings/LayerNorm/beta': 'norm/beta',
            'bert/encoder/layer_0/attention/self/query/kernel': 'blocks/0/attention/_query_dense/kernel',
            'bert/encoder/layer_1/attention/output/dense/kernel': 'blocks/1/attention/_output_dense/kernel',
            'bert/encoder/layer_1/output/dense/bias': 'blocks/1/output_dense/bias',
        }
        for name, path in paths.items():
            value = new.get_tensor(f'encoder/{path}/.ATTRIBUTES/VARIABLE_VALUE')
            assert value.any()
            np.testing.assert_array_equal(value.ravel(), old.get_tensor(name).ravel(), name)
        assert 'cls/predictions/output_bias' in old.get_variable_to_shape_map()
        assert not [key for key in new.get_variable_to_shape_map() if 'predictions' in key]

    def test_complete_trainings_are_not_repeated(self, trained, model_dir):
        def indexes():
            return {path: path.stat().st_mtime_ns for path in pathlib.Path(model_dir).rglob('*.index')}

        before = indexes()
        assert run('fine_tune_text.py', f'--model_dir={model_dir}') == trained
        assert indexes() == before


def test_no_passage_of_the_text_is_in_two_splits(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from punctuation_data import LENGTH, MARKS, MASKED, NUM_LABELED, load_data

    data = load_data()
    text, test = data['text'][0], data['test'][0]
    assert data['train'][0].shape == (NUM_LABELED, LENGTH) and len(text) > 2000 and len(test) > 600
    assert set(data['test'][1]) == set(range(len(MARKS)))
    for split in ('train', 'test'):
        assert ((data[split][0] == MASKED).sum(1) == 1).all()
    # Both but for the missing mark.
    same = (text[:, np.newaxis] == test[np.newaxis]) | (test == MASKED)[np.newaxis]
    assert not same.all(2).any()
