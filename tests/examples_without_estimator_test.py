"""The example binaries that need no Estimator, each in a process of its own, on real data."""

import re

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.examples import process, run

tf1 = tf.compat.v1
pytest.importorskip('sklearn')


class TestMonitoredSession:
    @pytest.fixture(scope='class')
    def model_dir(self, tmp_path_factory):
        return str(tmp_path_factory.mktemp('session'))

    @pytest.fixture(scope='class')
    def trained(self, model_dir):
        return run('monitored_session.py', f'--model_dir={model_dir}')

    def test_it_learns_the_digits_and_tests_each_checkpoint(self, trained, model_dir):
        assert trained['step'] == '400' and trained['latest checkpoint'] == f'{model_dir}/model.ckpt-400'
        assert float(trained['test accuracy']) > 0.95
        assert trained['accuracy of checkpoint 400'] == trained['test accuracy']
        assert float(trained['accuracy of checkpoint 0']) < 0.3
        assert float(trained['mean loss of 100 steps']) < 0.3

    def test_programs_of_both_kinds_restore_what_it_saves(self, trained):
        path = trained['latest checkpoint']
        with tf.Graph().as_default(), tf1.Session() as session:
            kernel = tf1.get_variable('logits/kernel', [64, 10])
            tf1.train.Saver().restore(session, path)
            expected = session.run(kernel)
        restored = tf.Variable(tf.zeros([64, 10]))
        status = tf.train.Checkpoint(var_list={'logits/kernel': restored}).restore(path)
        status.assert_existing_objects_matched().expect_partial()
        assert expected.any() and (restored.numpy() == expected).all()

    def test_a_second_run_goes_on_in_another_style(self, trained, model_dir):
        flags = [f'--model_dir={model_dir}', '--checkpoint_style=tf1', '--train_steps=20']
        again = run('monitored_session.py', *flags)
        assert again['step'] == '420' and float(again['test accuracy']) > 0.95
        assert again['accuracy of checkpoint 400'] == trained['test accuracy']
        assert estimator_ckpt.inspect(again['latest checkpoint']).style == 'tf1'

    def test_help_names_the_styles_and_what_it_does(self):
        result = process('monitored_session.py', '--help')
        assert re.search(
            'MonitoredTrainingSession.*--checkpoint_style.*tf1.*tf2.*both', result.stdout, re.DOTALL
        )
