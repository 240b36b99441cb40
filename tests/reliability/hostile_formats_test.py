"""Tests that damaged files of other kinds than V2 checkpoints are read, or end in a checkpoint error."""

import pytest

from tests.reliability.hostile_formats import WRITERS, faults


@pytest.mark.parametrize('name', WRITERS)
def test_files_with_changed_bytes_end_in_results_or_checkpoint_errors(tmp_path, name):
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for use, done, error in faults(name, str(folder), seed):
            raise AssertionError(f'seed {seed}, {use}, after: {done}') from error
