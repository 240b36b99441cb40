"""What does not fit is listed all at once, and nothing is loaded."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import MappingError, RuleError, WarmStart
from tests.warm_start import sources


@pytest.fixture
def source(tmp_path) -> str:
    values = {'old/a': sources.value([2, 3]), 'old/b': sources.value([4]), 'c': np.float32(30)}
    return sources.write(tmp_path / 'source', values)


@pytest.fixture
def variables() -> list[tf.Variable]:
    shapes = {'new/a': [2, 3], 'new/b': [4], 'c': []}
    return [tf.Variable(tf.zeros(shape), name=name) for name, shape in shapes.items()]


def refused(error, source, variables, *args, **options) -> str:
    """The message of the error that a warm start ends in."""
    with pytest.raises(error) as caught:
        estimator_ckpt.warm_start(WarmStart(source, *args, **options), variables)
    assert all((variable.numpy() == 0).all() for variable in variables)
    return str(caught.value)


def test_all_missing_sources_are_listed_with_the_nearest_names(source, variables):
    message = refused(MappingError, source, variables)
    assert "'new/a' is not in it (nearest: " in message and 'old/a' in message
    assert "'new/b' is not in it (nearest: " in message and source in message


def test_wrong_shapes_and_types_are_listed_with_what_would_fit(source):
    wrong = [
        tf.Variable(tf.zeros([3, 2]), name='old/a'),
        tf.Variable(tf.zeros([5]), name='old/b'),
        tf.Variable(0, name='c'),
    ]
    message = refused(MappingError, source, wrong)
    assert "'old/a' (key 'old/a'): the source is float32 [2, 3] (transpose=1,0 or reshape=3,2" in message
    assert "'old/b' (key 'old/b'): the source is float32 [4]" in message
    assert "'c' (key 'c'): the source is float32 []" in message


def test_two_sources_for_one_target_are_listed(source, variables):
    message = refused(MappingError, source, variables, [(r'old/a', 'new/a'), (r'old/b', 'new/a')])
    assert "'new/a' could come from 'old/a'" in message and "'new/a' could come from 'old/b'" in message


def test_rules_that_match_nothing_are_listed_with_the_nearest_names(source, variables):
    rules = [{'old/': 'new/', 'old/aa': 'new/a'}, (r'none/(\d+)', r'x/\1')]
    message = refused(MappingError, source, variables, rules)
    assert "'old/aa': 'new/a'" in message and 'nearest: old/a' in message and 'none/' in message


def test_a_rule_to_what_is_not_there_is_told(source, variables):
    message = refused(MappingError, source, variables, {'old/': 'new/', 'c': 'new/d'}, missing='ignore')
    assert "there is no 'new/d'" in message


def test_a_scope_without_its_slash_is_told(source, variables):
    assert "there is a scope 'old/'" in refused(MappingError, source, variables, {'old': 'new'})
    with pytest.raises(RuleError, match='scope, which ends in a slash, on one side only'):
        WarmStart(source, {'old/': 'new'})


def test_all_wrong_expressions_are_listed_before_anything_is_read():
    rules = [(r'a(', 'b'), (r'a(.)', r'\2'), (r'(?P<x>a)', r'\g<y>')]
    with pytest.raises(RuleError) as caught:
        WarmStart('nowhere', rules)
    assert all(repr(f'{pattern} -> {new}') in str(caught.value) for pattern, new in rules)


def test_objects_that_cannot_be_targets_are_told(source, variables):
    with pytest.raises(RuleError, match='of a scope to a variable'):
        WarmStart(source, {'old/': variables[0]})
    with pytest.raises(RuleError, match='not among the variables'):
        estimator_ckpt.warm_start(WarmStart(source, {'old/a': tf.Variable(1.0)}), variables)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'missing': 'maybe'}, "missing must be 'error' or 'ignore', not 'maybe'"),
        ({'mismatch': 'ignore'}, "mismatch must be 'error' or 'skip', not 'ignore'"),
        ({'step': 'no'}, "step must be 'reset', 'keep' or a number, not 'no'"),
        ({'average': True}, 'average must be'),
        ({'include': '('}, 'not a regular expression'),
    ],
)
def test_options_that_do_not_exist_are_told_with_those_that_do(options, message):
    with pytest.raises(ValueError, match=message.replace('(', r'\(')):
        WarmStart('nowhere', **options)


def test_include_that_names_nothing_is_told(source, variables):
    for include in ('nothing', ['nothing'], [tf.Variable(1.0)]):
        with pytest.raises(RuleError, match='include='):
            estimator_ckpt.warm_start(WarmStart(source, include=include), variables)


def test_a_missing_checkpoint_a_wrong_target_and_a_lack_of_one_are_told(source, variables, tmp_path):
    with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match='nowhere'):
        estimator_ckpt.warm_start(WarmStart(tmp_path / 'nowhere'), variables)
    with pytest.raises(TypeError, match='target'):
        estimator_ckpt.warm_start(WarmStart(source))
    with pytest.raises(TypeError, match='must be a tf.train.Checkpoint, a model'):
        estimator_ckpt.warm_start(WarmStart(source), 3)


def test_a_damaged_tensor_is_told_and_nothing_is_loaded(source, variables):
    path = source + '.data-00000-of-00001'
    with open(path, 'r+b') as file:
        file.seek(-2, 2)
        file.write(b'\x11')
    rules = {'old/': 'new/'}
    assert 'checksum' in refused(estimator_ckpt.CorruptCheckpointError, source, variables, rules)


def test_a_vocabulary_that_is_too_short_is_told(source, tmp_path):
    (tmp_path / 'words').write_text('a\nb\n')
    words = str(tmp_path / 'words')
    info = tf.compat.v1.train.VocabInfo(words, 3, 0, words)
    table = tf.Variable(tf.zeros([3, 3]), name='old/a')
    message = refused(estimator_ckpt.CheckpointError, source, [table], var_name_to_vocab_info={'old/a': info})
    assert f'{words} has 2 words, not 3' in message


def test_default_names_that_graphs_number_and_eager_mode_does_not_are_no_match(tmp_path):
    source = sources.write(tmp_path / 'x', {'Variable': np.float32(1), 'Variable_1': np.float32(2)})
    target = tf.train.Checkpoint(x=tf.Variable(0.0), y=tf.Variable(0.0))
    with pytest.raises(MappingError, match="'x' is not in it.*'y' is not in it"):
        estimator_ckpt.warm_start(WarmStart(source), target)
    estimator_ckpt.warm_start(WarmStart(source, {'Variable': 'x', 'Variable_1': 'y'}), target)
    assert (target.x.numpy(), target.y.numpy()) == (1, 2)
