"""Tests how a checkpoint is published: data files linked, copied or moved, the index last, no trace of a failure."""

import os
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.bundle.helpers import (
    assert_same,
    index_of,
    our_tensors,
    save,
    save_sharded,
    tf_tensors,
    write_file,
)

OLD = {'old': np.arange(4.0), 'x': np.ones(2)}
NEW = {'new': np.arange(1000.0), 'x': np.zeros(2)}
OWN_FILES = ('model.index', 'model.data-')


class Interrupted(Exception):
    pass


def interrupt(_):
    raise Interrupted


def names(directory):
    return sorted(os.listdir(directory))


def contents(directory):
    return {
        name: (directory / name).read_bytes() for name in names(directory) if (directory / name).is_file()
    }


def inode(prefix, shard=0, num_shards=1):
    return os.stat(f'{prefix}.data-{shard:05d}-of-{num_shards:05d}').st_ino


def including(prefix, source, transfer):
    writer = BundleWriter(str(prefix))
    writer.include(BundleReader(source), transfer)
    return writer


@pytest.fixture
def source(tmp_path):
    (tmp_path / 'from').mkdir()
    return save(tmp_path / 'from' / 'model', NEW)


@pytest.fixture
def folder(tmp_path):
    """A folder with a checkpoint `model` that is to be replaced."""
    folder = tmp_path / 'to'
    folder.mkdir()
    save(folder / 'model', OLD)
    return folder


def test_linked_data_files_are_the_same_file(tmp_path, source):
    prefix = including(tmp_path / 'to' / 'model', source, 'link').publish()
    assert inode(prefix) == inode(source)
    assert_same(tf_tensors(prefix), NEW)


def test_data_files_behind_a_symbolic_link_are_linked_themselves(tmp_path, source):
    data = 'model.data-00000-of-00001'
    (tmp_path / 'links').mkdir()
    os.symlink(f'{source}.index', tmp_path / 'links' / 'model.index')
    os.symlink(f'../from/{data}', tmp_path / 'links' / data)
    prefix = including(tmp_path / 'to' / 'model', tmp_path / 'links' / 'model', 'link').publish()
    assert not os.path.islink(tmp_path / 'to' / data)
    assert inode(prefix) == inode(source)


def test_copied_data_files_are_files_of_their_own_and_the_progress_adds_up_to_their_bytes(tmp_path):
    source = tmp_path / 'model.ckpt'
    values = save_sharded(source, devices=2)
    before = contents(tmp_path)
    seen = []
    prefix = including(tmp_path / 'copy' / 'model', source, 'copy').publish(seen.append)
    assert sum(seen) == sum(os.path.getsize(path) for path in BundleReader(source).data_paths())
    assert {inode(prefix, n, 2) for n in range(2)}.isdisjoint(inode(source, n, 2) for n in range(2))
    assert_same(tf_tensors(prefix), values)
    assert contents(tmp_path) == before


def test_moved_data_files_are_the_same_file_and_gone_where_they_were(tmp_path, source):
    moved = inode(source)
    prefix = including(tmp_path / 'to' / 'model', source, 'move').publish()
    assert inode(prefix) == moved
    assert names(tmp_path / 'from') == ['model.index']
    assert_same(tf_tensors(prefix), NEW)


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
def test_an_index_rewritten_at_its_own_prefix_leaves_the_data_file_where_it_is(folder, transfer):
    before = inode(folder / 'model')
    writer = including(folder / 'model', folder / 'model', transfer)
    writer.rename('old', 'renamed')
    prefix = writer.publish()
    assert inode(prefix) == before
    assert names(folder) == ['model.data-00000-of-00001', 'model.index']
    assert_same(tf_tensors(prefix), {'renamed': OLD['old'], 'x': OLD['x']})


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
def test_a_tensor_added_at_the_own_prefix_renumbers_the_shards(folder, transfer):
    writer = including(folder / 'model', folder / 'model', transfer)
    writer.add_tensor('step', np.int64(7))
    prefix = writer.publish()
    assert names(folder) == ['model.data-00000-of-00002', 'model.data-00001-of-00002', 'model.index']
    assert_same(tf_tensors(prefix), {**OLD, 'step': np.int64(7)})


def test_the_own_prefix_spelled_otherwise_is_rewritten_whole(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for transfer in ('link', 'copy', 'move'):
        including('./model', folder / 'model', transfer).publish()
        assert_same(tf_tensors(folder / 'model'), OLD)


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
def test_a_replaced_checkpoint_leaves_only_the_files_of_the_new_one(folder, source, transfer):
    prefix = including(folder / 'model', source, transfer).publish()
    assert_same(tf_tensors(prefix), NEW)
    assert names(folder) == [os.path.basename(path) for path in BundleReader(prefix).data_paths()] + [
        'model.index'
    ]


def test_a_checkpoint_can_be_replaced_again_and_again(folder, source):
    for values in (NEW, OLD, NEW, OLD):
        source = save(folder.parent / 'source', values)
        prefix = including(folder / 'model', source, 'copy').publish()
        assert_same(tf_tensors(prefix), values)
    assert len(names(folder)) < 5


def test_other_checkpoints_in_the_folder_stay(folder, source):
    for name in ('model2', 'model.x', 'mode', 'model.data'):
        save(folder / name, OLD)
    others = {name: data for name, data in contents(folder).items() if not name.startswith(OWN_FILES)}
    including(folder / 'model', source, 'link').publish()
    assert {name: data for name, data in contents(folder).items() if not name.startswith(OWN_FILES)} == others
    assert len(others) == 8


def test_the_old_checkpoint_is_readable_while_the_new_one_is_written(folder, source):
    def look(_):
        seen.append(tf_tensors(folder / 'model'))

    seen = []
    prefix = including(folder / 'model', source, 'copy').publish(look)
    assert seen
    for tensors in seen:
        assert_same(tensors, OLD)
    assert_same(tf_tensors(prefix), NEW)


def test_the_index_appears_when_all_data_files_are_there(tmp_path):
    values = save_sharded(tmp_path / 'model.ckpt', devices=3)
    target = tmp_path / 'to'
    seen = []
    prefix = including(target / 'model', tmp_path / 'model.ckpt', 'copy').publish(
        lambda _: seen.append(names(target))
    )
    assert [len(files) for files in seen] == [1, 2, 3]
    assert not any(name.endswith('.index') for files in seen for name in files)
    assert_same(tf_tensors(prefix), values)


def test_data_files_that_an_unfinished_write_left_behind_are_replaced(tmp_path, source):
    (tmp_path / 'to').mkdir()
    write_file(tmp_path / 'to' / 'model.data-00000-of-00001', b'torn')
    assert_same(tf_tensors(including(tmp_path / 'to' / 'model', source, 'link').publish()), NEW)


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
@pytest.mark.parametrize('blocked', ['model.data-00001-of-00003', 'model.index'])
def test_a_write_that_fails_leaves_nothing_behind_and_its_sources_as_they_were(tmp_path, transfer, blocked):
    save_sharded(tmp_path / 'model.ckpt', devices=3)
    before = contents(tmp_path)
    # Root may write anywhere, but nobody may replace a folder by a file.
    (tmp_path / 'to' / blocked / 'sub').mkdir(parents=True)
    with pytest.raises(OSError, match=blocked):
        including(tmp_path / 'to' / 'model', tmp_path / 'model.ckpt', transfer).publish()
    assert names(tmp_path / 'to') == [blocked]
    assert contents(tmp_path) == before


@pytest.mark.parametrize('transfer', ['link', 'copy', 'move'])
@pytest.mark.parametrize('own', [False, True])
def test_a_write_that_fails_leaves_the_checkpoint_that_was_there(folder, source, transfer, own):
    broken = save(folder.parent / 'broken', {'y': np.ones(1)})
    os.remove(f'{broken}.data-00000-of-00001')
    before = contents(folder), contents(folder.parent / 'from')
    writer = including(folder / 'model', folder / 'model' if own else source, transfer)
    writer.include(BundleReader(broken), transfer)
    with pytest.raises(FileNotFoundError, match='broken.data-00000-of-00001'):
        writer.publish()
    assert (contents(folder), contents(folder.parent / 'from')) == before
    assert_same(tf_tensors(folder / 'model'), OLD)


def test_data_files_of_the_own_prefix_stay_until_the_index_names_the_new_ones(folder, source):
    def look(_):
        seen.append(tf_tensors(folder / 'model'))

    seen = []
    writer = including(folder / 'model', folder / 'model', 'move')
    for key in OLD:
        writer.rename(key, f'{key}/kept')
    writer.include(BundleReader(source), 'copy')
    writer.publish(look)
    assert seen
    for tensors in seen:
        assert_same(tensors, OLD)


@pytest.mark.parametrize('replacing', [True, False])
def test_an_interrupted_copy_leaves_nothing_behind(folder, source, replacing):
    before = contents(folder)
    with pytest.raises(Interrupted):
        including(folder / ('model' if replacing else 'other'), source, 'copy').publish(interrupt)
    assert contents(folder) == before


def test_an_index_that_does_not_fit_on_the_disk_leaves_the_checkpoint_that_was_there(folder, tmp_path):
    many = save(tmp_path / 'many', {f'layer_{number}': np.int8(1) for number in range(500)})
    before = contents(folder)
    assert len(index_of(many)) > 4096
    script = """
        import resource, sys
        from estimator_ckpt.bundle.reader import BundleReader
        from estimator_ckpt.bundle.writer import BundleWriter

        writer = BundleWriter(sys.argv[1])
        writer.include(BundleReader(sys.argv[2]), 'link')
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        writer.publish()
    """
    repository = pathlib.Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(script), str(folder / 'model'), many],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert 'OSError: [Errno 27] File too large' in result.stderr
    assert contents(folder) == before
    assert_same(tf_tensors(folder / 'model'), OLD)


def test_parts_in_a_folder_of_their_own_are_merged_by_moving_as_tensorflow_does(tmp_path):
    upper = save(tmp_path / 'tmp' / 'part0', {'v': np.ones(2), 'a': np.ones(1)}, {'v': '4 0,2'})
    lower = save(tmp_path / 'tmp' / 'part1', {'v': np.zeros(2)}, {'v': '4 2,2'})
    writer = BundleWriter(str(tmp_path / 'ours'))
    for part in (upper, lower):
        writer.include(BundleReader(part), 'move')
    assert_same(our_tensors(writer.publish()), {'v': np.array([1.0, 1, 0, 0]), 'a': np.ones(1)})
    assert names(tmp_path / 'tmp') == ['part0.index', 'part1.index']
    with pytest.raises(CheckpointError):
        our_tensors(upper)
