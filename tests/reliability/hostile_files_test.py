"""Tests that damaged files with valid checksums are used, or end in a checkpoint error, whatever is done with them."""

import pytest

from tests.reliability import hostile_files
from tests.reliability.fuzz_files import golden


@pytest.mark.parametrize('first', range(0, 600, 60))
def test_files_of_any_contents_end_in_results_or_checkpoint_errors(tmp_path, first):
    originals = golden()
    for seed in range(first, first + 60):
        original, other = originals[seed % len(originals)], originals[seed // 7 % len(originals)]
        for use, damage, error in hostile_files.faults(original, other, str(tmp_path), seed):
            raise AssertionError(f'seed {seed}, {original}, {use}, after: {damage}') from error
