"""Tests that the shell shows, checks and compares checkpoints that strangers wrote."""

import os
import pathlib

import pytest

from estimator_ckpt.bundle.reader import BundleReader
from tests.cli.helpers import in_process

WILD = os.environ.get('ESTIMATOR_CKPT_WILD', '')
PREFIXES = (
    [str(p).removesuffix('.index') for p in sorted(pathlib.Path(WILD).glob('*/*.index'))] if WILD else []
)
pytestmark = pytest.mark.skipif(not WILD, reason='ESTIMATOR_CKPT_WILD names no folder')
every_checkpoint = pytest.mark.parametrize(
    'prefix', PREFIXES, ids=lambda prefix: os.path.basename(os.path.dirname(prefix))
)


@every_checkpoint
def test_a_wild_checkpoint_is_inspected(capsys, prefix):
    keys = BundleReader(prefix).keys()
    table = in_process(capsys, 'inspect', prefix)
    fields = in_process(capsys, 'inspect', prefix, '--json', '--tree').json
    assert table.code == 0
    assert [line.split()[-1] for line in table.lines[4 : 4 + len(keys)]] == sorted(keys)
    assert [entry['key'] for entry in fields['entries']] == sorted(keys)
    assert sum(total['tensors'] for total in fields['totals'].values()) == len(keys)
    shown = {key for row in fields['tree'] for key in row['entries']}
    assert shown == set(keys) - {'_CHECKPOINTABLE_OBJECT_GRAPH'}
    for flag in ('--tree', '--values'):
        assert in_process(capsys, 'inspect', prefix, flag).code == 0


@every_checkpoint
def test_a_wild_checkpoint_has_no_fault_and_no_difference_from_itself(capsys, prefix):
    assert in_process(capsys, 'verify', prefix).code == 0
    result = in_process(capsys, 'diff', prefix, prefix)
    assert (result.code, result.err) == (0, '')
    assert in_process(capsys, 'plan', prefix, prefix).code == 0
