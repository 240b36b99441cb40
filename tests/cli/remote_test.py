"""Tests the shell on paths of TensorFlow's file systems."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.bundle.helpers import save
from tests.cli.helpers import in_process


@pytest.fixture
def remote(tmp_path):
    """A checkpoint on TensorFlow's file system in memory."""
    path = save(f'ram://{tmp_path.name}/model', {'w': np.arange(4, dtype=np.float32), 'n': np.int64(1)})
    yield path
    tf.io.gfile.rmtree(f'ram://{tmp_path.name}')


def test_a_remote_checkpoint_is_inspected(capsys, remote):
    fields = in_process(capsys, 'inspect', remote, '--json', '--values').json
    assert {entry['key']: entry['value'] for entry in fields['entries']} == {
        'n': 1,
        'w': [0.0, 1.0, 2.0, 3.0],
    }
    assert in_process(capsys, 'inspect', remote.rpartition('/')[0]).code == 0


def test_a_remote_checkpoint_is_verified_and_its_faults_are_found(capsys, remote):
    assert in_process(capsys, 'verify', remote).code == 0
    path = f'{remote}.data-00000-of-00001'
    with tf.io.gfile.GFile(path, 'rb') as file:
        data = file.read()
    tf.io.gfile.remove(path)  # This file system appends to what is there.
    with tf.io.gfile.GFile(path, 'wb') as file:
        file.write(data[:-1] + b'\xff')
    assert in_process(capsys, 'verify', remote).code == 1
    tf.io.gfile.remove(path)
    result = in_process(capsys, 'verify', remote)
    assert result.code == 1 and 'the data file is missing' in result.out


def test_a_remote_checkpoint_is_compared_with_a_local_one_of_another_style(capsys, remote, tmp_path):
    estimator_ckpt.convert(remote, tmp_path / 'local', 'tf2')
    assert in_process(capsys, 'diff', remote, tmp_path / 'local').code == 0
    other = save(tmp_path / 'other', {'w': np.zeros(4, np.float32), 'n': np.int64(1)})
    assert in_process(capsys, 'diff', remote, other).code == 1


def test_a_remote_path_without_a_checkpoint_is_an_error(capsys, remote):
    result = in_process(capsys, 'inspect', remote + 'gone')
    assert (result.code, result.out) == (2, '')
    assert len(result.err.splitlines()) == 1


def test_a_file_system_that_there_is_none_of_is_an_error(capsys):
    result = in_process(capsys, 'inspect', 'nosuch://bucket/model')
    assert (result.code, result.out) == (2, '')
    assert len(result.err.splitlines()) == 1
