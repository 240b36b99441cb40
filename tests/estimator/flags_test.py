"""The flags of training binaries."""

import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf
from absl import flags as absl_flags

import estimator_ckpt
from estimator_ckpt import flags
from estimator_ckpt.keys.contents import Contents
from tests.testing import small_model

tf1 = tf.compat.v1


def _parse(*args):
    values = absl_flags.FlagValues()
    flags.define_checkpoint_flags(values)
    values(['binary', *map(str, args)])
    return values


def _refused(*args):
    with pytest.raises(absl_flags.Error) as error:
        _parse(*args)
    return str(error.value)


def test_importing_and_parsing_them_imports_no_tensorflow():
    code = (
        'import sys, estimator_ckpt; estimator_ckpt.flags.define_checkpoint_flags();'
        "from absl import flags; flags.FLAGS(['x', '--checkpoint_style=tf2', '--mirror_dir=/m']);"
        "print(flags.FLAGS.checkpoint_style.value, 'tensorflow' in sys.modules)"
    )
    run = [sys.executable, '-c', code]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
    output = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
    assert output == 'tf2 False\n'


def test_help_of_the_binary_lists_them_in_sentences(tmp_path):
    binary = tmp_path / 'binary.py'
    binary.write_text(
        'from absl import app\nimport estimator_ckpt\nestimator_ckpt.flags.define_checkpoint_flags()\n'
        'app.run(lambda _: None)\n'
    )
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
    run = [sys.executable, str(binary), '--help']
    output = subprocess.run(run, capture_output=True, text=True, check=False, env=environment).stdout
    for name in (
        'checkpoint_style',
        'warm_start_from',
        'warm_start_rules',
        'mirror_dir',
        'mirror_style',
        'keep_checkpoint_max',
        'save_checkpoints_steps',
        'async_checkpoints',
    ):
        text = re.search(rf'--(?:\[no\])?{name}:(.*?)(?=\n  --|\n\n|\Z)', output, re.DOTALL).group(1)
        assert re.search(r'[A-Z][^.]+\.', text), text
    assert '<tf1|tf2|both>' in output


class TestWrongValues:
    """Are refused when the flags are parsed."""

    @pytest.mark.parametrize('flag', ['checkpoint_style', 'mirror_style'])
    def test_a_style_with_the_allowed_ones(self, flag):
        assert re.search('tf1.*tf2.*both', _refused(f'--{flag}=tf3'))

    def test_a_style_in_a_flag_file(self, tmp_path):
        (tmp_path / 'flags').write_text('--checkpoint_style=tf3\n')
        assert re.search('tf1.*tf2.*both', _refused(f'--flagfile={tmp_path / "flags"}'))

    @pytest.mark.parametrize('wrong', ['--keep_checkpoint_max=-1', '--save_checkpoints_steps=0'])
    def test_numbers(self, wrong):
        assert wrong.removeprefix('--').partition('=')[0] in _refused(wrong)

    def test_a_rules_file_that_is_not_there(self, tmp_path):
        path = tmp_path / 'rules.txt'
        assert str(path) in _refused('--warm_start_from=x', f'--warm_start_rules={path}')

    def test_rules_that_cannot_be_understood(self, tmp_path):
        path = tmp_path / 'rules.txt'
        path.write_text('a/(.* -> b\n')
        assert 'a/(.* -> b' in _refused('--warm_start_from=x', f'--warm_start_rules={path}')

    def test_rules_without_a_checkpoint(self, tmp_path):
        path = tmp_path / 'rules.txt'
        path.write_text('a -> b\n')
        assert '--warm_start_from' in _refused(f'--warm_start_rules={path}')

    def test_an_empty_mirror(self):
        assert 'mirror_dir' in _refused('--mirror_dir=')


def _train(model_dir, values, steps=2):
    def make_scaffold(net, config):
        return flags.scaffold_from_flags(net.checkpoint(), config, flag_values=values)

    config = {'keep_checkpoint_max': values.keep_checkpoint_max}
    config['save_checkpoints_steps'] = values.save_checkpoints_steps
    estimator = small_model.estimator(model_dir, make_scaffold, **config)
    return estimator.train(
        small_model.batches(), hooks=flags.hooks_from_flags(flag_values=values), steps=steps
    )


@small_model.needs_estimator
def test_style_retention_and_mirror_are_those_of_the_flags(tmp_path):
    mirror = tmp_path / 'mirror'
    values = _parse(
        '--checkpoint_style=tf2',
        '--keep_checkpoint_max=2',
        '--save_checkpoints_steps=1',
        f'--mirror_dir={mirror}',
    )
    _train(tmp_path / 'run', values, steps=3)
    for directory, style in ((tmp_path / 'run', 'tf2'), (mirror, 'tf1')):
        assert Contents(str(directory)).style.value == style
        indexes = sorted(name for name in os.listdir(directory) if name.endswith('.index'))
        assert indexes == ['model.ckpt-2.index', 'model.ckpt-3.index']


@small_model.needs_estimator
def test_warm_start_is_that_of_the_flags(tmp_path):
    _train(tmp_path / 'old', _parse('--checkpoint_style=tf1', '--save_checkpoints_steps=100'))
    renamed = str(tmp_path / 'renamed/model.ckpt')
    estimator_ckpt.convert(str(tmp_path / 'old'), renamed, 'tf1', rules=[('dense/(.*)', r'scope/\1')])
    rules = tmp_path / 'rules.txt'
    rules.write_text('scope/(.*) -> dense/\\1\n')
    values = _parse(
        f'--warm_start_from={renamed}', f'--warm_start_rules={rules}', '--save_checkpoints_steps=100'
    )
    _train(tmp_path / 'new', values, steps=1)
    old, first = small_model.values(tmp_path / 'old'), small_model.values(tmp_path / 'new/model.ckpt-0')
    assert first['dense/kernel'].tobytes() == old['dense/kernel'].tobytes()
    assert first['global_step'] == 0


@small_model.needs_estimator
def test_canned_estimators_have_style_and_warm_start_of_the_flags(tmp_path):
    def input_fn():
        return tf.data.Dataset.from_tensors(({'x': [[1.0]]}, [[2.0]])).repeat()

    columns = [tf.feature_column.numeric_column('x')]
    old = tf.estimator.LinearRegressor(columns, str(tmp_path / 'old'))
    old.train(input_fn, steps=3)
    values = _parse('--checkpoint_style=tf2', f'--warm_start_from={tmp_path / "old"}')
    new = flags.estimator_from_flags(
        tf.estimator.LinearRegressor(columns, str(tmp_path / 'new')), flag_values=values
    )
    new.train(input_fn, steps=1)
    assert Contents(str(tmp_path / 'new')).style.value == 'tf2'
    weights = {entry.full_name: entry.key for entry in estimator_ckpt.list_entries(tmp_path / 'new')}
    start = tf.train.load_variable(
        str(tmp_path / 'new' / 'model.ckpt-0'), weights['linear/linear_model/x/weights']
    )
    assert start == old.get_variable_value('linear/linear_model/x/weights')
    assert start != 0


def test_without_a_config_the_flags_decide_what_is_kept(tmp_path):
    values = _parse('--keep_checkpoint_max=1', '--checkpoint_style=both')
    with tf.Graph().as_default():
        net = small_model.build_net(tf.zeros([1, small_model.FEATURES]), tf.zeros([1]))
        scaffold = flags.scaffold_from_flags(net.checkpoint(), flag_values=values)
        with tf1.train.MonitoredTrainingSession(
            checkpoint_dir=str(tmp_path),
            scaffold=scaffold,
            save_checkpoint_steps=1,
            save_checkpoint_secs=None,
        ) as session:
            for _ in range(3):
                session.run(net.train_op)
    assert [n for n in os.listdir(tmp_path) if n.endswith('.index')] == ['model.ckpt-3.index']
    assert Contents(str(tmp_path)).style.value == 'both'


@small_model.needs_estimator
def test_checkpoints_are_written_in_the_background_where_asked(tmp_path):
    values = absl_flags.FlagValues()
    flags.define_checkpoint_flags(values)
    absl_flags.DEFINE_string('model_dir', None, 'Directory.', flag_values=values)
    args = ['--async_checkpoints', '--save_checkpoints_steps=2', f'--mirror_dir={tmp_path / "mirror"}']
    values(['binary', *args])
    with pytest.raises(ValueError, match='--model_dir'):
        flags.hooks_from_flags(flag_values=values)
    values.model_dir = str(tmp_path / 'run')
    assert isinstance(flags.hooks_from_flags(flag_values=values)[0], estimator_ckpt.AsyncCheckpointSaverHook)
    _train(tmp_path / 'run', values, steps=3)
    for directory in ('run', 'mirror'):
        indexes = sorted(n for n in os.listdir(tmp_path / directory) if n.endswith('.index'))
        assert indexes == [f'model.ckpt-{step}.index' for step in (0, 2, 3)]


def test_no_mirror_is_no_hook():
    assert flags.hooks_from_flags(flag_values=_parse()) == []
