"""Runs pytest on the file it is given: the `main` of every py_test in BUILD."""

import os
import sys

import pytest

if __name__ == '__main__':
    temporary = os.path.join(os.environ['TEST_TMPDIR'], 'pytest')
    sys.exit(pytest.main([f'--basetemp={temporary}', *sys.argv[1:]]))
