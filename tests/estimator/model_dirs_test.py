"""A model_dir that was copied, or has lost its state file: nothing of another run is read, written over or deleted."""

import itertools
import os
import shutil

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.bundle.paths import checkpoints_in
from estimator_ckpt.estimator.model_dirs import check_state_file
from tests.testing import small_model
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1
pytestmark = needs_estimator


def _absolute(net, config):
    """A scaffold whose state file holds absolute paths."""
    return tf1.train.Scaffold(saver=tf1.train.Saver(max_to_keep=3))


def _guides(net, config):
    return tf1.train.Scaffold(saver=net.checkpoint())


def _train(model_dir, make_scaffold, steps, **config):
    config = {'save_checkpoints_steps': 1, 'keep_checkpoint_max': 3, **config}
    return small_model.estimator(model_dir, make_scaffold, **config).train(small_model.batches(), steps=steps)


def _contents(directory):
    return {
        path.name: path.read_bytes() for path in directory.iterdir() if path.name.startswith(('model', 'ch'))
    }


class TestACopiedRun:
    @pytest.fixture(params=[_absolute, _guides], ids=['absolute', 'guides'])
    def production(self, request, tmp_path):
        _train(tmp_path / 'production', request.param, 3)
        assert os.path.isabs(read_state(str(tmp_path / 'production')).latest)
        shutil.copytree(tmp_path / 'production', tmp_path / 'experiment')
        return tmp_path / 'production'

    @pytest.mark.parametrize('with_config', [True, False])
    def test_leaves_the_checkpoints_of_the_original_alone(self, production, tmp_path, with_config):
        before = _contents(production)

        def ours(net, config):
            return estimator_ckpt.scaffold('both', net.checkpoint(), config=config if with_config else None)

        _train(tmp_path / 'experiment', ours, 4)
        assert _contents(production) == before
        kept = small_model.saved_names(tmp_path / 'experiment')
        assert kept[-1] == 'model.ckpt-7'
        assert len(kept) == (3 if with_config else 5)

    def test_restores_its_own_files(self, production, tmp_path):
        for path in production.glob('model.ckpt*.data*'):
            path.write_bytes(b'')
        _train(tmp_path / 'experiment', small_model.ours('both', True), 1)
        assert small_model.step_of(tmp_path / 'experiment') == 4

    def test_is_evaluated_by_its_own_files(self, production, tmp_path):
        for path in production.glob('model.ckpt*.data*'):
            path.write_bytes(b'')
        estimator = small_model.estimator(tmp_path / 'experiment', small_model.ours('both', True))
        assert estimator.evaluate(small_model.batches(), steps=1)['global_step'] == 3

    def test_evaluates_a_checkpoint_that_is_named_from_elsewhere(self, production, tmp_path):
        _train(tmp_path / 'experiment', small_model.ours('both', True), 1)
        for path in (tmp_path / 'experiment').glob('model.ckpt-3.data*'):
            path.write_bytes(b'')
        estimator = small_model.estimator(tmp_path / 'experiment', small_model.ours('both', True))
        path = str(production / 'model.ckpt-3')
        assert estimator.evaluate(small_model.batches(), steps=1, checkpoint_path=path)['global_step'] == 3


@pytest.mark.parametrize(
    'state', [None, b'', b'\xef\xbb\xbfmodel_checkpoint_path: "model.ckpt-2"', b'\x00\xff', b'?']
)
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_training_is_refused_where_the_state_file_was_lost(style, state, tmp_path):
    _train(tmp_path, small_model.ours(style), 2)
    path = tmp_path / 'checkpoint'
    path.unlink() if state is None else path.write_bytes(state)
    before = _contents(tmp_path)
    with pytest.raises(estimator_ckpt.CheckpointError) as caught:
        _train(tmp_path, small_model.ours(style), 2)
    for part in (f'{tmp_path}/model.ckpt-2', 'restore the file `checkpoint`', 'an empty model_dir'):
        assert part in str(caught.value)
    assert _contents(tmp_path) == before
    path.write_text('model_checkpoint_path: "model.ckpt-2"\n')
    _train(tmp_path, small_model.ours(style), 1)
    assert small_model.step_of(tmp_path) == 3


def test_monitored_training_is_refused_too(tmp_path):
    _train(tmp_path, small_model.ours('both'), 2)
    (tmp_path / 'checkpoint').unlink()
    with tf.Graph().as_default():
        tf1.train.create_global_step()
        scaffold = estimator_ckpt.scaffold('both')
        with pytest.raises(estimator_ckpt.CheckpointError, match='an empty model_dir'):
            tf1.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), scaffold=scaffold)


def test_a_first_checkpoint_that_was_not_announced_before_a_kill_is_not_lost(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr('estimator_ckpt.saving.retention.write_state', _die)
        for removal in ('remove_tree', 'discard'):
            patch.setattr(LocalFiles, removal, lambda self, path: None)
        with pytest.raises(_Killed):
            _train(tmp_path, small_model.ours('both'), 2)
    assert checkpoints_in(str(tmp_path)) == [f'{tmp_path}/model.ckpt-0']
    _train(tmp_path, small_model.ours('both'), 2)
    assert small_model.saved_names(tmp_path) == ['model.ckpt-0', 'model.ckpt-1', 'model.ckpt-2']
    assert not [name for name in os.listdir(tmp_path) if '.saving-' in name]


class _OtherTraining:
    """Saves its first checkpoint while another process looks at files: one step before each of some of the looks."""

    def __init__(self, directory, index, moments):
        self._directory, self._index, self._moments, self.looks = directory, index, moments, 0
        self._staged = directory / '.model.ckpt-1.saving-0123456789ab.index'
        self._staged.write_bytes(index)

    def look(self, method, path):
        steps = (self._publish, self._announce, self._staged.unlink)
        for moment, step in zip(self._moments, steps, strict=True):
            if moment == self.looks:
                step()
        self.looks += 1
        return method(LocalFiles(), path)

    def _publish(self):
        (self._directory / 'model.ckpt-1.index').write_bytes(self._index)

    def _announce(self):
        write_state(str(self._directory), CheckpointState('model.ckpt-1', ('model.ckpt-1',)))


def test_a_first_checkpoint_that_another_training_saves_meanwhile_is_no_fault(tmp_path, monkeypatch):
    _train(tmp_path / 'other', small_model.ours('both'), 1, save_checkpoints_steps=2)
    index = (tmp_path / 'other' / 'model.ckpt-1.index').read_bytes()
    methods = {name: getattr(LocalFiles, name) for name in ('exists', 'is_dir', 'list_dir', 'read_if_there')}
    most_looks = 0
    for moments in itertools.combinations_with_replacement(range(12), 3):
        directory = tmp_path / '-'.join(map(str, moments))
        directory.mkdir()
        other = _OtherTraining(directory, index, moments)
        with monkeypatch.context() as patch:
            for name, method in methods.items():
                patch.setattr(
                    LocalFiles, name, lambda self, path, other=other, method=method: other.look(method, path)
                )
            check_state_file(str(directory))
        most_looks = max(most_looks, other.looks)
    assert 4 < most_looks < 12


class _Killed(BaseException):
    pass


def _die(*unused):
    raise _Killed


def test_an_interval_of_none_keeps_none_for_good(tmp_path):
    _train(tmp_path, small_model.ours('both'), 6, keep_checkpoint_every_n_hours=None)
    assert len(small_model.saved_names(tmp_path)) == 3
