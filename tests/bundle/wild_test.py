"""Tests checkpoints that strangers wrote, read and passed on, against TensorFlow.

They are in the folder that the environment variable ESTIMATOR_CKPT_WILD names, one folder each.
"""

import os
import pathlib

import pytest

from estimator_ckpt.bundle import paths, table
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.bundle.helpers import assert_same, index_of, our_tensors, tf_tensors

WILD = os.environ.get('ESTIMATOR_CKPT_WILD', '')
INDEXES = sorted(pathlib.Path(WILD).glob('*/*.index')) if WILD else []
PREFIXES = [str(path).removesuffix('.index') for path in INDEXES]
SNAPPY = {'tf2-serving', 'tf2-sonnet-mean-sharded', 'tf2-sonnet-vqvae'}
# Their state files name a checkpoint that was not published.
STALE = {'mtcnn-pnet', 'ppo-unity', 'tf2-wireless-sharded'}


def folder_of(prefix):
    return os.path.basename(os.path.dirname(prefix))


pytestmark = pytest.mark.skipif(not WILD, reason='ESTIMATOR_CKPT_WILD names no folder')
every_checkpoint = pytest.mark.parametrize('prefix', PREFIXES, ids=folder_of)


def test_there_are_wild_checkpoints_snappy_compressed_sharded_and_with_an_empty_basename():
    assert any(prefix.endswith(os.sep) for prefix in PREFIXES)
    assert any(BundleReader(prefix).num_shards == 2 for prefix in PREFIXES)
    assert {folder_of(prefix) for prefix in PREFIXES} >= SNAPPY | STALE


@every_checkpoint
def test_a_wild_checkpoint_is_read_whole_as_tensorflow_reads_it(prefix):
    BundleReader(prefix).check_data_files()
    assert_same(our_tensors(prefix), tf_tensors(prefix))


@every_checkpoint
def test_a_wild_index_rewritten_unchanged_has_the_same_bytes_or_was_compressed(prefix):
    raw = index_of(prefix)
    rewritten = table.build_table(table.read_table(raw))
    if folder_of(prefix) in SNAPPY:
        assert len(rewritten) > len(raw)
        assert list(table.read_table(rewritten)) == list(table.read_table(raw))
    else:
        assert rewritten == raw


@every_checkpoint
def test_a_wild_checkpoint_passed_on_is_read_alike_by_tensorflow(tmp_path, prefix):
    expected = tf_tensors(prefix)
    writer = BundleWriter(str(tmp_path / 'model'))
    writer.include(BundleReader(prefix), 'copy')
    renamed = {key: f'renamed/{key}' for key in expected}
    for key, new in renamed.items():
        writer.rename(key, new)
    assert_same(tf_tensors(writer.publish()), {renamed[key]: value for key, value in expected.items()})


@every_checkpoint
def test_a_wild_folder_means_its_checkpoint_and_a_stale_state_file_is_said(prefix, caplog):
    folder = os.path.dirname(prefix)
    assert paths.resolve(folder) == prefix
    assert ('using the newest checkpoint' in caplog.text) == (folder_of(prefix) in STALE)
