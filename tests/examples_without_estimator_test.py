"""The example binaries that need no Estimator, each in a process of its own, on real data."""

import importlib.util
import os
import re

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing import digits_in_tf1
from tests.testing.examples import process, run

tf1 = tf.compat.v1
pytest.importorskip('sklearn')


def _has(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


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


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """The prefix of a checkpoint with the keys of train_digits.py, and its test accuracy."""
    prefix = str(tmp_path_factory.mktemp('digits') / 'model.ckpt')
    return prefix, f'{digits_in_tf1.train(prefix, 200):.4f}'


_BACKENDS = [
    pytest.param(
        backend,
        marks=pytest.mark.skipif(
            not hasattr(tf.keras, 'ops') or not _has('keras', backend), reason=f'needs Keras 3 and {backend}'
        ),
    )
    for backend in ('tensorflow', 'jax', 'torch')
]


def test_tf2_restores_the_digits_and_is_as_accurate(digits):
    prefix, accuracy = digits
    result = run('restore_digits_tf2.py', f'--model_dir={os.path.dirname(prefix)}')
    expected = {'step': '200', 'test accuracy': accuracy, 'restored checkpoint': prefix}
    assert result == expected


def test_tf2_refuses_a_checkpoint_without_the_slots_of_a_variable(digits, tmp_path):
    prefix, _ = digits
    slots = 'norm/gamma/Adam.*'
    estimator_ckpt.convert(prefix, f'{tmp_path}/model.ckpt', 'tf2', drop=slots, write_state_file=True)
    result = process('restore_digits_tf2.py', f'--model_dir={tmp_path}')
    assert result.returncode != 0 and 'gamma/Adam' in result.stderr and 'accuracy' not in result.stdout


@pytest.mark.parametrize('backend', _BACKENDS)
def test_keras_3_goes_on_with_the_digits(backend, digits, tmp_path):
    prefix, accuracy = digits
    output = tmp_path / 'digits.weights.h5'
    result = run('to_keras3.py', f'--checkpoint={prefix}', f'--output={output}', KERAS_BACKEND=backend)
    assert (result['backend'], result['step'], result['test accuracy']) == (backend, '200', accuracy)
    assert result['step after training'] == '223'  # 1,437 images in batches of 64.
    assert float(result['loss of the first epoch']) < 0.1
    assert float(result['test accuracy after training']) > 0.95


@pytest.mark.skipif(not _has('torch', 'safetensors'), reason='needs PyTorch and safetensors')
def test_pytorch_is_as_accurate(digits, tmp_path):
    prefix, accuracy = digits
    output = tmp_path / 'digits.safetensors'
    result = run('to_pytorch.py', f'--checkpoint={prefix}', f'--output={output}')
    assert (result['step'], result['test accuracy']) == ('200', accuracy)


@pytest.mark.parametrize('example', ['to_keras3.py', 'to_pytorch.py'])
def test_what_is_missing_is_told(example, tmp_path):
    needed = {'to_keras3.py': hasattr(tf.keras, 'ops'), 'to_pytorch.py': _has('torch', 'safetensors')}
    if not needed[example]:
        pytest.skip('what the example converts to is not installed')
    ending = {'to_keras3.py': '.weights.h5', 'to_pytorch.py': '.safetensors'}[example]
    output = tmp_path / f'digits{ending}'
    result = process(example, f'--checkpoint={tmp_path / "gone"}', f'--output={output}')
    assert result.returncode != 0 and str(tmp_path / 'gone') in result.stderr
    assert not output.exists()
