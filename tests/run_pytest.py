"""Runs pytest on the file it is given: the `main` of every py_test in BUILD."""

import os
import sys

import pytest


class _SkippedFiles:
    """Whether a file says itself that it cannot run here, as with `importorskip`."""

    any = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.any = self.any or report.skipped


def main() -> int:
    """Returns pytest's exit code; a file that is skipped as a whole has passed, as it has in a run of all files."""
    skipped = _SkippedFiles()
    temporary = os.path.join(os.environ['TEST_TMPDIR'], 'pytest')
    code = pytest.main([f'--basetemp={temporary}', *sys.argv[1:]], plugins=[skipped])
    return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED and skipped.any else code


if __name__ == '__main__':
    sys.exit(main())
