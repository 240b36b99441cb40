"""Tests the file operations on this machine's file systems and on TensorFlow's, here its `ram://`."""

import errno
import os
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from estimator_ckpt.bundle import files, paths
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.bundle.helpers import assert_same, merge, our_tensors, save, tf_tensors

VALUES = {'a': np.arange(1000.0), 'b/c': np.int64(7)}


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system than `tmp_path` is."""
    shared_memory = '/dev/shm'
    if not os.path.isdir(shared_memory) or os.stat(shared_memory).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip('there is no second file system')
    with tempfile.TemporaryDirectory(dir=shared_memory) as directory:
        yield directory


def overwrite(path, data):
    tf.io.gfile.remove(path)  # Opening a file of `ram://` does not cut it off.
    with tf.io.gfile.GFile(path, 'wb') as file:
        file.write(data)


def passed_on(prefix, source, transfer, progress=None):
    writer = BundleWriter(prefix)
    writer.include(BundleReader(source), transfer)
    return writer.publish(progress)


def test_files_are_written_read_listed_renamed_and_removed_alike_everywhere(folder):
    ops = files.files_for(folder)
    ops.make_dirs(f'{folder}/sub/sub')
    ops.make_dirs(f'{folder}/sub/sub')
    path, other = f'{folder}/sub/b', f'{folder}/sub/a'
    ops.write(path, b'0123456789')
    ops.write(other, b'')
    assert ops.exists(path) and not ops.is_dir(path)
    assert ops.is_dir(f'{folder}/sub') and ops.exists(f'{folder}/sub')
    assert not ops.exists(f'{folder}/nothing') and not ops.is_dir(f'{folder}/nothing')
    assert (ops.size(path), ops.size(other)) == (10, 0)
    assert ops.list_dir(f'{folder}/sub') == ['a', 'b', 'sub']
    assert (ops.read(path), ops.read(path, 3), ops.read(path, 3, 4)) == (b'0123456789', b'3456789', b'3456')
    assert ops.mtime(path) >= 0
    ops.rename(path, other)
    assert ops.read(other) == b'0123456789'
    assert not ops.exists(path)
    ops.remove(other)
    ops.discard(other)
    ops.write(f'{folder}/sub/sub/c', b'')
    ops.remove_tree(f'{folder}/sub/sub')
    ops.remove_tree(f'{folder}/sub/sub')
    assert ops.list_dir(f'{folder}/sub') == []


def test_the_time_of_a_file_is_when_it_was_written(tmp_path):
    (tmp_path / 'a').touch()
    os.utime(tmp_path / 'a', (1e9, 1e9))
    assert files.files_for(str(tmp_path)).mtime(str(tmp_path / 'a')) == 1e9


def test_a_linked_file_outlives_the_first_name_everywhere(folder):
    ops = files.files_for(folder)
    ops.write(f'{folder}/a', b'data')
    ops.link(f'{folder}/a', f'{folder}/b')
    ops.remove(f'{folder}/a')
    assert ops.read(f'{folder}/b') == b'data'


def test_a_copy_is_a_file_of_its_own_and_its_progress_adds_up(folder):
    ops = files.files_for(folder)
    # More than a piece.
    data = bytes(40 << 20)
    ops.write(f'{folder}/a', data)
    ops.write(f'{folder}/b', b'')
    seen = []
    ops.copy(f'{folder}/a', f'{folder}/b', seen.append)
    ops.write(f'{folder}/a', b'changed')
    assert ops.read(f'{folder}/b') == data
    assert sum(seen) == len(data)


def test_a_range_is_read_in_pieces_and_ends_with_the_file(folder):
    ops = files.files_for(folder)
    data = os.urandom(1 << 20) * 33
    ops.write(f'{folder}/a', data)
    pieces = list(files.chunks(ops, f'{folder}/a', 5, len(data) - 10))
    assert len(pieces) == 3
    assert b''.join(pieces) == data[5:-5]
    assert b''.join(files.chunks(ops, f'{folder}/a', len(data) - 5, 7)) == data[-5:]


def test_a_link_to_another_file_system_is_a_copy(tmp_path, elsewhere):
    source = save(tmp_path / 'model', VALUES)
    prefix = passed_on(f'{elsewhere}/model', source, 'link')
    assert os.stat(f'{prefix}.data-00000-of-00001').st_dev != os.stat(source + '.index').st_dev
    assert_same(tf_tensors(prefix), VALUES)
    assert_same(tf_tensors(source), VALUES)


def test_a_link_does_not_replace_a_file(tmp_path):
    (tmp_path / 'a').write_bytes(b'a')
    (tmp_path / 'b').write_bytes(b'b')
    with pytest.raises(FileExistsError):
        files.files_for(str(tmp_path)).link(str(tmp_path / 'a'), str(tmp_path / 'b'))
    assert (tmp_path / 'b').read_bytes() == b'b'


def test_a_remote_checkpoint_is_read(ram):
    assert_same(our_tensors(save(f'{ram}/model', VALUES)), VALUES)


def test_a_remote_checkpoint_that_is_not_there_or_damaged_is_a_checkpoint_error(ram):
    with pytest.raises(CheckpointNotFoundError, match=f'{ram}/nothing.index does not exist'):
        BundleReader(f'{ram}/nothing')
    with pytest.raises(CheckpointNotFoundError, match=f'{ram}/no/folder'):
        BundleReader(f'{ram}/no/folder/model')
    prefix = save(f'{ram}/model', VALUES)
    overwrite(f'{prefix}.index', b'torn')
    with pytest.raises(CorruptCheckpointError, match=f'{ram}/model.index'):
        BundleReader(prefix)


def test_a_remote_data_file_that_is_missing_or_short_is_named(ram):
    prefix = save(f'{ram}/model', VALUES)
    data = f'{prefix}.data-00000-of-00001'
    overwrite(data, b'short')
    with pytest.raises(CorruptCheckpointError, match=data):
        BundleReader(prefix).check_data_files()
    tf.io.gfile.remove(data)
    with pytest.raises(CheckpointNotFoundError, match=data):
        BundleReader(prefix).tensor('a')


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
def test_a_remote_checkpoint_is_rewritten_elsewhere_on_its_file_system(ram, transfer):
    source = save(f'{ram}/model', VALUES)
    seen = []
    prefix = passed_on(f'{ram}/sub/folder/model', source, transfer, seen.append)
    assert_same(tf_tensors(prefix), VALUES)
    assert tf.io.gfile.exists(f'{source}.data-00000-of-00001') == (transfer != 'move')
    assert sum(seen) == (8008 if transfer == 'copy' else 0)


def test_a_remote_checkpoint_is_rewritten_in_place_and_takes_tensors(ram):
    prefix = save(f'{ram}/model', VALUES)
    writer = BundleWriter(prefix)
    writer.include(BundleReader(prefix), 'move')
    writer.rename('a', 'renamed')
    writer.add_tensor('step', np.int64(1))
    writer.publish()
    assert_same(tf_tensors(prefix), {'renamed': VALUES['a'], 'b/c': VALUES['b/c'], 'step': np.int64(1)})
    assert len(tf.io.gfile.listdir(ram)) == 3


def test_a_remote_checkpoint_is_replaced_by_another(ram):
    prefix, source = save(f'{ram}/model', {'old': np.ones(3)}), save(f'{ram}/other/model', VALUES)
    passed_on(prefix, source, 'link')
    assert_same(tf_tensors(prefix), VALUES)
    assert paths.data_files(prefix) == BundleReader(prefix).data_paths()


def test_remote_parts_are_merged(ram):
    parts = [save(f'{ram}/{n}', {'v': np.ones(2) * n}, {'v': f'4 {2 * n},2'}) for n in range(2)]
    writer = BundleWriter(f'{ram}/model')
    for part in parts:
        writer.include(BundleReader(part), 'copy')
    assert_same(tf_tensors(writer.publish()), tf_tensors(merge(f'{ram}/theirs', *parts)))


@pytest.mark.parametrize('transfer', ['link', 'copy'])
def test_a_local_checkpoint_is_written_to_a_remote_place_and_back(tmp_path, ram, transfer):
    source = save(tmp_path / 'model', VALUES)
    there = passed_on(f'{ram}/model', source, transfer)
    assert_same(tf_tensors(there), VALUES)
    back = passed_on(str(tmp_path / 'back' / 'model'), there, transfer)
    assert_same(tf_tensors(back), VALUES)
    assert_same(tf_tensors(source), VALUES)


def test_a_remote_write_that_fails_leaves_nothing_behind(ram):
    source = save(f'{ram}/model', VALUES)
    broken = save(f'{ram}/broken', {'x': np.ones(1)})
    tf.io.gfile.remove(f'{broken}.data-00000-of-00001')
    writer = BundleWriter(f'{ram}/new')
    for prefix in (source, broken):
        writer.include(BundleReader(prefix), 'copy')
    with pytest.raises(tf.errors.NotFoundError):
        writer.publish()
    assert not [name for name in tf.io.gfile.listdir(ram) if name.startswith('new')]


def test_a_remote_state_file_is_replaced_and_read_by_tensorflow(ram):
    for step in (1, 2):
        save(f'{ram}/model-{step}', VALUES)
        write_state(ram, CheckpointState(f'model-{step}', (f'model-{step}',)))
    assert tf.train.latest_checkpoint(ram) == f'{ram}/model-2'
    assert read_state(ram).latest == 'model-2'
    assert paths.resolve(ram) == f'{ram}/model-2'
    assert 'checkpoint' in tf.io.gfile.listdir(ram)
    assert not [name for name in tf.io.gfile.listdir(ram) if 'tmp' in name]


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no device without room')
@pytest.mark.parametrize('method', ['write', 'copy', 'copy with progress'])
def test_a_file_that_finds_no_room_is_named_with_what_it_needs(method, tmp_path):
    ops = files.files_for('/dev/full')
    (tmp_path / 'source').write_bytes(b'0' * 1234567)
    with pytest.raises(OSError) as error:
        if method == 'write':
            ops.write_pieces('/dev/full', [b'0' * 1234000, b'0' * 567])
        else:
            ops.copy(str(tmp_path / 'source'), '/dev/full', [].append if 'progress' in method else None)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, '/dev/full')
    assert 'at least 1,234,' in str(error.value)


def test_a_file_system_that_nothing_provides_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorflow_io', None)
    with pytest.raises(CheckpointError, match='no file system for nowhere://; install .*tensorflow-io'):
        files.files_for('nowhere://bucket/x')
