"""What optimizers were set to is read from the graph beside a checkpoint, where the caller does not say it."""

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.optimizers.meta_graph import read_optimizers
from tests.optimizers import measures
from tests.optimizers.training import CROSSINGS, RATE, RULES, STEPS, Crossing, train_tf1
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1
_VALUE = '/.ATTRIBUTES/VARIABLE_VALUE'


@pytest.mark.parametrize('name', CROSSINGS)
def test_all_that_keras_keeps_is_read(name, tmp_path):
    train_tf1(CROSSINGS[name], range(1), tmp_path / 'x')
    (optimizer,) = read_optimizers(str(tmp_path / 'x'))
    expected = CROSSINGS[name].hyperparameters
    if name == 'Adagrad':
        del expected['epsilon']
    assert {key: optimizer.hyperparameters[key] for key in expected} == pytest.approx(expected, rel=1e-6)


@needs_keras_2
@pytest.mark.parametrize('name', CROSSINGS)
def test_training_goes_on_with_what_was_read(name, tmp_path):
    assert measures.files_to_keras(CROSSINGS[name], tmp_path, hyperparameters=None) <= measures.BOUND


def _notes(folder, **options) -> str:
    report = estimator_ckpt.convert(folder / 'x', folder / 'y', 'tf2', rules=RULES, **options)
    return '\n'.join(report.notes)


def _read(folder, name) -> float:
    return tf.train.load_checkpoint(str(folder / 'y')).get_tensor(f'optimizer/{name}{_VALUE}')


def test_what_was_read_and_what_was_defaulted_is_listed(tmp_path):
    train_tf1(CROSSINGS['Adam'], range(STEPS), tmp_path / 'x')
    notes = _notes(tmp_path, keras_optimizer='Adam')
    assert (
        'From the graph: learning_rate=0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-07, for optimizer.' in notes
    )
    assert "Keras's defaults are taken for decay=0 of optimizer." in notes


def test_the_caller_goes_first(tmp_path):
    train_tf1(CROSSINGS['Momentum'], range(STEPS), tmp_path / 'x')
    notes = _notes(tmp_path, keras_optimizer='SGD', hyperparameters={'learning_rate': 0.5})
    assert 'From the graph: momentum=0.9, for optimizer.' in notes
    assert _read(tmp_path, 'learning_rate') == 0.5


def test_a_learning_rate_with_a_schedule_is_not_known(tmp_path):
    def make():
        step = tf1.train.get_or_create_global_step()
        return tf1.train.MomentumOptimizer(tf1.train.exponential_decay(RATE, step, 10, 0.5), 0.9)

    train_tf1(Crossing(make, 'SGD'), range(STEPS), tmp_path / 'x')
    (optimizer,) = read_optimizers(str(tmp_path / 'x'))
    assert 'learning_rate' not in optimizer.hyperparameters
    with pytest.raises(estimator_ckpt.CheckpointError, match='learning_rate'):
        _notes(tmp_path, keras_optimizer='SGD')


@pytest.mark.parametrize('content', [None, b'', b'\xff\xff not a graph'])
def test_without_a_graph_defaults_are_taken(content, tmp_path):
    train_tf1(CROSSINGS['Adam'], range(STEPS), tmp_path / 'x')
    meta = tmp_path / 'x.meta'
    meta.unlink()
    if content is not None:
        meta.write_bytes(content)
    notes = _notes(tmp_path, keras_optimizer='Adam')
    assert 'From the graph' not in notes
    assert "Keras's defaults are taken for learning_rate=0.001, decay=0, beta_1=0.9, beta_2=0.999" in notes


def test_optimizers_of_one_class_that_differ_say_nothing(tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        for name, rate in (('a', 0.1), ('b', 0.2)):
            variable = tf1.get_variable(name, initializer=tf.ones([2]))
            tf1.train.AdagradOptimizer(rate).minimize(tf.reduce_sum(variable), step, [variable])
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(tmp_path / 'x'))
    report = estimator_ckpt.convert(tmp_path / 'x', tmp_path / 'y', 'tf2', keras_optimizer='Adagrad')
    assert not [note for note in report.notes if 'graph' in note]
    assert [note for note in report.notes if 'learning_rate=0.001' in note]
