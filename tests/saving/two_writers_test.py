"""Two that save into one directory."""

import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.leftovers import remove_leftovers
from estimator_ckpt.saving.eager_ops import EagerOps
from tests.testing import small_model

tf1 = tf.compat.v1
_OTHER = """
    import sys
    import tensorflow as tf
    import estimator_ckpt

    saver = estimator_ckpt.Saver('tf1', tf.train.Checkpoint(v=tf.Variable(2.0, name='v')))
    saver.save(None, sys.argv[1], global_step=7)
"""


def _saver(value=1.0, **kwargs):
    return estimator_ckpt.Saver('both', tf.train.Checkpoint(v=tf.Variable(value, name='v')), **kwargs)


def _save_in_another_process(prefix):
    command = [sys.executable, '-c', textwrap.dedent(_OTHER), str(prefix)]
    subprocess.run(command, env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}, check=True)


def test_another_process_is_detected_before_anything_is_written_or_deleted(tmp_path):
    saver = _saver(max_to_keep=1)
    saver.save(None, str(tmp_path / 'model.ckpt'), global_step=5)
    _save_in_another_process(tmp_path / 'model.ckpt')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(estimator_ckpt.CheckpointError) as error:
        saver.save(None, str(tmp_path / 'model.ckpt'), global_step=10)
    assert f'Another process writes checkpoints to {tmp_path}' in str(error.value)
    assert 'model.ckpt-7' in str(error.value)
    assert 'model.ckpt-5' in str(error.value)
    assert 'directory of its own' in str(error.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    # Who goes on from what the other one has saved is no second writer.
    successor = _saver()
    successor.restore(None, str(tmp_path))
    successor.save(None, str(tmp_path / 'model.ckpt'), global_step=10)
    assert estimator_ckpt.verify(tmp_path).checkpoint == str(tmp_path / 'model.ckpt-10')


def test_another_name_or_state_file_is_no_second_writer(tmp_path):
    saver = _saver()
    saver.save(None, str(tmp_path / 'best'), global_step=5)
    _save_in_another_process(tmp_path / 'model.ckpt')
    saver.save(None, str(tmp_path / 'best'), global_step=6)
    saver.save(None, str(tmp_path / 'model.ckpt'), global_step=5, latest_filename='own')
    _save_in_another_process(tmp_path / 'model.ckpt')
    saver.save(None, str(tmp_path / 'model.ckpt'), global_step=6, latest_filename='own')
    assert tf.train.latest_checkpoint(str(tmp_path), 'own') == str(tmp_path / 'model.ckpt-6')


def test_savers_of_one_process_may_take_turns(tmp_path):
    first, second = _saver(1.0), _saver(2.0)
    for step in range(4):
        (first, second)[step % 2].save(None, str(tmp_path / 'model.ckpt'), global_step=step)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'model.ckpt-3')


def test_a_state_file_that_is_gone_or_damaged_is_replaced(tmp_path):
    saver = _saver()
    for step, content in enumerate([None, b'\xff{', b'']):
        saver.save(None, str(tmp_path / 'model.ckpt'), global_step=step)
        os.remove(tmp_path / 'checkpoint')
        if content is not None:
            (tmp_path / 'checkpoint').write_bytes(content)
    saver.save(None, str(tmp_path / 'model.ckpt'), global_step=9)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'model.ckpt-9')


def _while_saving(monkeypatch, action):
    save = EagerOps.save

    def save_and_act(*arguments):
        save(*arguments)
        action()

    monkeypatch.setattr(EagerOps, 'save', save_and_act)


def test_what_another_process_does_during_a_save_is_said_in_a_sentence(tmp_path, monkeypatch):
    saver, prefix = _saver(), str(tmp_path / 'model.ckpt')
    saver.save(None, prefix, global_step=1)
    before = (tmp_path / 'checkpoint').read_bytes()
    with monkeypatch.context() as patch:
        # As the restart of another process does.
        _while_saving(patch, lambda: remove_leftovers(str(tmp_path), 'model.ckpt'))
        with pytest.raises(estimator_ckpt.CheckpointError) as error:
            saver.save(None, prefix, global_step=2)
    assert str(error.value) == (
        f'{prefix}-2 could not be saved, as its files vanished meanwhile: another process writes to {tmp_path} or '
        'removes files there, or the task whose device saves does not share it; give each training a directory of its '
        'own.'
    )
    assert (tmp_path / 'checkpoint').read_bytes() == before and estimator_ckpt.verify(tmp_path).ok
    assert not (tmp_path / 'model.ckpt-2.index').exists()


def test_a_checkpoint_that_is_deleted_while_it_is_restored_is_said_to_be(tmp_path, monkeypatch):
    saver = _saver()
    saver.save(None, str(tmp_path / 'model.ckpt'), global_step=1)
    restore = EagerOps.restore

    def delete_and_restore(*arguments):
        for path in tmp_path.glob('model.ckpt-1.*'):
            path.unlink()
        return restore(*arguments)

    monkeypatch.setattr(EagerOps, 'restore', delete_and_restore)
    with pytest.raises(
        estimator_ckpt.CheckpointNotFoundError, match='was deleted while it was read'
    ) as error:
        saver.restore(None, str(tmp_path / 'model.ckpt-1'))
    assert isinstance(error.value, tf.errors.NotFoundError) and '\n' not in str(error.value)


@small_model.needs_estimator
def test_training_stops_where_another_process_saves(tmp_path):
    class Other(tf1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            if run_context.session.run(tf1.train.get_global_step()) == 3:
                _save_in_another_process(tmp_path / 'model.ckpt')

    estimator = small_model.estimator(tmp_path, small_model.ours('both'), save_checkpoints_steps=5)
    with pytest.raises(estimator_ckpt.CheckpointError, match='Another process writes checkpoints'):
        estimator.train(small_model.batches(), hooks=[Other()], steps=20)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'model.ckpt-7')
    assert estimator_ckpt.verify(tmp_path / 'model.ckpt-0').faults == []
