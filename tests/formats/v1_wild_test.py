"""Tests V1 checkpoints that strangers wrote, against TensorFlow.

They are beside the folder that the environment variable ESTIMATOR_CKPT_WILD names, in `wild_v1`, one folder each.
"""

import os
import pathlib

import pytest

from estimator_ckpt.formats import detect
from estimator_ckpt.formats.v1 import V1Reader
from tests.bundle.helpers import assert_same, tf_tensors
from tests.formats.helpers import faults, our_v1_tensors

WILD = os.environ.get('ESTIMATOR_CKPT_WILD', '')
FILES = sorted(pathlib.Path(WILD).absolute().parent.glob('wild_v1/*/*')) if WILD else []
CHECKPOINTS = [path for path in FILES if detect.detect(path) is detect.FileKind.V1_CHECKPOINT]

pytestmark = pytest.mark.skipif(not CHECKPOINTS, reason='there are no wild checkpoints of the V1 format')
every_checkpoint = pytest.mark.parametrize('path', CHECKPOINTS, ids=lambda path: path.parent.name)


def test_there_are_wild_checkpoints_of_several_blocks_and_with_shards():
    assert any(path.stat().st_size > 500_000 for path in CHECKPOINTS)
    assert any(path.name.endswith('-of-00001') for path in CHECKPOINTS)


@every_checkpoint
def test_a_wild_checkpoint_is_read_whole_as_tensorflow_reads_it(path):
    reader = V1Reader(path)
    reader.check_data_files()
    assert_same(our_v1_tensors(path), tf_tensors(reader.prefix))
    assert faults(path) == []


@every_checkpoint
def test_files_beside_a_wild_checkpoint_are_told_from_it(path):
    for other in set(path.parent.iterdir()) - {path}:
        assert detect.detect(other) in (detect.FileKind.META_GRAPH, detect.FileKind.STATE_FILE)
