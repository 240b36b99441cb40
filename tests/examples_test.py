"""The example binaries, each in a process of its own, on real data."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.examples import EXAMPLES as _EXAMPLES
from tests.testing.examples import process as _process
from tests.testing.examples import run as _run
from tests.testing.small_model import needs_estimator

pytestmark = needs_estimator


@pytest.fixture(scope='module')
def model_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp('digits'))


@pytest.fixture(scope='module')
def trained(model_dir):
    return _run('train_digits.py', f'--model_dir={model_dir}')


def test_digits_are_learnt_at_the_defaults(trained, model_dir):
    assert float(trained['test accuracy']) > 0.95
    assert trained['latest checkpoint'] == os.path.join(model_dir, 'model.ckpt-600')
    assert trained['step'] == '600'


def test_tf2_restores_them_without_estimator_and_is_as_accurate(trained, model_dir):
    restored = _run('restore_digits_tf2.py', f'--model_dir={model_dir}')
    assert restored['restored checkpoint'] == trained['latest checkpoint']
    assert (restored['test accuracy'], restored['step']) == (trained['test accuracy'], trained['step'])


@pytest.mark.slow
def test_further_runs_go_on_in_other_styles(trained, model_dir, tmp_path):
    model_dir, steps = shutil.copytree(model_dir, tmp_path / 'further'), 600
    for style, keep in (('tf1', 2), ('tf2', 2), ('both', 3)):
        result = _run(
            'train_digits.py',
            f'--model_dir={model_dir}',
            f'--checkpoint_style={style}',
            '--train_steps=20',
            '--save_checkpoints_steps=10',
            f'--keep_checkpoint_max={keep}',
        )
        steps += 20
        assert result['step'] == str(steps)
        assert float(result['test accuracy']) > 0.95
        indexes = [name for name in os.listdir(model_dir) if name.endswith('.index')]
        assert len(indexes) == keep
    restored = _run('restore_digits_tf2.py', f'--model_dir={model_dir}')
    assert (restored['step'], restored['test accuracy']) == (str(steps), result['test accuracy'])


def _lines_of(output, task):
    """What a task of the cluster has printed."""
    lines = [line.removeprefix(f'{task}: ') for line in output.splitlines() if line.startswith(f'{task}: ')]
    return dict(line.split(': ', 1) for line in lines if ': ' in line)


@pytest.mark.slow
def test_a_cluster_trains_and_tf2_restores_what_it_has_saved(tmp_path):
    model_dir = str(tmp_path / 'digits')
    environment = os.environ | {'PYTHONPATH': str(_EXAMPLES.parent), 'PYTHON': sys.executable}
    command = [str(_EXAMPLES / 'train_cluster.sh'), f'--model_dir={model_dir}', '--async_checkpoints']
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert (result.returncode, result.stderr) == (0, ''), result.stdout
    printed = _lines_of(result.stdout, 'evaluator 0')
    assert float(printed['test accuracy']) > 0.95
    assert int(printed['step']) >= 600
    restored = _run('restore_digits_tf2.py', f'--model_dir={model_dir}')
    assert restored['restored checkpoint'] == printed['latest checkpoint']
    assert (restored['test accuracy'], restored['step']) == (printed['test accuracy'], printed['step'])


def test_a_cluster_of_wrong_flags_ends_with_what_is_wrong(tmp_path):
    environment = os.environ | {'PYTHONPATH': str(_EXAMPLES.parent), 'PYTHON': sys.executable}
    command = [str(_EXAMPLES / 'train_cluster.sh'), f'--model_dir={tmp_path}', '--checkpoint_style=tf3']
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert result.returncode != 0
    # Whichever task says so first; the others are then stopped.
    assert re.search(
        r'^\w+ \d: FATAL Flags parsing error: .*tf3.*tf1\|tf2\|both', result.stdout, re.MULTILINE
    )


def test_a_wrong_style_is_refused_with_the_right_ones(tmp_path):
    result = _process('train_digits.py', f'--model_dir={tmp_path}', '--checkpoint_style=tf3')
    assert result.returncode != 0
    assert re.search('tf1.*tf2.*both', result.stderr)


_RENAMED = [(r'conv/(.*)', r'cnn/first/\1'), (r'(norm|hidden|logits)/(.*)', r'cnn/\1/\2')]
_RULES = r"""
cnn/first/(.*) -> conv/\1
cnn/(.*) -> \1    # The others, statistics too.
"""
_VARIABLES = [f'{layer}/{name}' for layer in ('conv', 'hidden', 'logits') for name in ('kernel', 'bias')]
_VARIABLES += [f'norm/{name}' for name in ('gamma', 'beta', 'moving_mean', 'moving_variance')]


@pytest.fixture
def renamed(trained, tmp_path):
    """A name-based checkpoint of the trained digits with other names."""
    prefix = str(tmp_path / 'renamed/model.ckpt')
    estimator_ckpt.convert(trained['latest checkpoint'], prefix, 'tf1', rules=_RENAMED, drop='slots')
    return prefix


def _warm_start_digits(source, model_dir, *flags):
    return ['warm_start_digits.py', f'--warm_start_from={source}', f'--model_dir={model_dir}', *flags]


@pytest.mark.slow
def test_digits_start_with_renamed_values_and_are_better_than_from_a_cold_start(trained, renamed, tmp_path):
    rules = tmp_path / 'rules.txt'
    rules.write_text(_RULES)
    few = '--train_steps=3'
    warm = _run(*_warm_start_digits(renamed, tmp_path / 'warm', f'--warm_start_rules={rules}', few))
    cold = _run('train_digits.py', f'--model_dir={tmp_path / "cold"}', few)
    assert warm['test accuracy at the start'] == trained['test accuracy']
    assert (warm['step'], cold['step']) == ('3', '3')
    assert float(warm['test accuracy']) > float(cold['test accuracy']) + 0.2

    old = tf.train.load_checkpoint(trained['latest checkpoint'])
    first = tf.train.load_checkpoint(str(tmp_path / 'warm/model.ckpt-0'))
    for name in _VARIABLES:
        np.testing.assert_array_equal(first.get_tensor(name), old.get_tensor(name), name)
    assert first.get_tensor('global_step') == 0 and not first.get_tensor('conv/kernel/Adam').any()


@pytest.mark.slow
def test_digits_start_from_an_object_based_checkpoint_without_rules(trained, tmp_path):
    source = str(tmp_path / 'objects/model.ckpt')
    estimator_ckpt.convert(trained['latest checkpoint'], source, 'tf2')
    flags = ['--train_steps=1', '--checkpoint_style=tf1']
    warm = _run(*_warm_start_digits(source, tmp_path / 'warm', *flags))
    assert warm['test accuracy at the start'] == trained['test accuracy']

    again = _run(*_warm_start_digits(tmp_path / 'gone', tmp_path / 'warm', *flags))
    assert again['step'] == '2' and 'test accuracy at the start' not in again


@pytest.mark.parametrize('wrong', ['cnn/frist/kernel -> conv/kernel', 'cnn/(.* -> conv'])
def test_wrong_rules_are_told_in_a_line_and_nothing_is_trained(wrong, renamed, tmp_path):
    rules = tmp_path / 'rules.txt'
    rules.write_text(f'{wrong}\n{_RULES}')
    result = _process(*_warm_start_digits(renamed, tmp_path / 'warm', f'--warm_start_rules={rules}'))
    assert result.returncode == 2
    assert wrong in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob('warm/*.index'))


@pytest.mark.slow
class TestMigrateWideDeep:
    @pytest.fixture(scope='class')
    def folder(self, tmp_path_factory):
        return tmp_path_factory.mktemp('wide_deep')

    @pytest.fixture(scope='class')
    def migrated(self, folder):
        flags = [f'--model_dir={folder}', f'--output={folder / "keras"}']
        return _run('migrate_wide_deep.py', *flags)

    def test_keras_gives_the_probabilities_of_the_estimator(self, migrated):
        assert float(migrated['largest difference of 569 probabilities']) <= 1e-6
        # 63 % of the tumours are benign.
        assert float(migrated['accuracy']) > 0.9

    def test_tables_in_slices_become_the_keras_models(self, migrated, folder):
        linear = 'linear/linear_model/radius_bucketized_X_texture_bucketized/weights'
        deep = 'dnn/input_from_feature_columns/input_layer/area_bucketized_embedding/embedding_weights'
        slices = {e.key: e.num_slices for e in estimator_ckpt.list_entries(migrated['migrated checkpoint'])}
        assert (slices[linear], slices[deep]) == (2, 2)

        old = tf.train.load_checkpoint(migrated['migrated checkpoint'])
        keras = tf.train.load_checkpoint(migrated['Keras checkpoint'])
        for name, path in ((linear, 'wide/crossed'), (deep, 'embedding/embeddings')):
            value = keras.get_tensor(f'model/{path}/.ATTRIBUTES/VARIABLE_VALUE')
            assert value.any()
            np.testing.assert_array_equal(value, old.get_tensor(name).reshape(value.shape))

    def test_an_estimator_that_is_trained_already_is_migrated_as_it_is(self, migrated, folder):
        before = sorted(path.name for path in folder.iterdir())
        again = _run('migrate_wide_deep.py', f'--model_dir={folder}', f'--output={folder / "keras"}')
        training = {'step', 'test accuracy', 'latest checkpoint'}
        assert again == {what: value for what, value in migrated.items() if what not in training}
        assert sorted(path.name for path in folder.iterdir()) == before
