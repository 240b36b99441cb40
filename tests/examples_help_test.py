"""Tests that each example explains itself, in its help and in the README of the examples."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

from tests.testing import helps
from tests.testing.examples import EXAMPLES

_README = (EXAMPLES / 'README.md').read_text()
# Bazel adds an __init__.py.
_FILES = sorted(p for p in EXAMPLES.iterdir() if p.is_file() and p.name not in ('README.md', '__init__.py'))
# Those with flags of their own; the others are modules that these import.
_BINARIES = [path for path in _FILES if path.suffix == '.py' and 'app.run(' in path.read_text()]
# What an example imports that not every environment has.
_NEEDS = {'to_pytorch.py': ('torch', 'safetensors')}
_ESTIMATOR = hasattr(tf, 'estimator')


def _can_run(path):
    needs_estimator = re.search(r'tf\.estimator\.|with_canned', path.read_text())
    modules = _NEEDS.get(path.name, ())
    return (_ESTIMATOR or not needs_estimator) and all(importlib.util.find_spec(name) for name in modules)


@pytest.fixture(scope='module')
def printed():
    """The exit code and the help of each example that this environment can run."""
    paths = [str(path) for path in _BINARIES if _can_run(path)]
    environment = os.environ | {'PYTHONPATH': str(EXAMPLES.parent)}
    result = subprocess.run(
        [sys.executable, helps.__file__, *paths],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize('path', _BINARIES, ids=lambda path: path.name)
def test_help_tells_what_it_does_and_its_flags(path, printed):
    if not _can_run(path):
        pytest.skip('this environment lacks what the example imports')
    code, text = printed[path.name]
    # absl's exit code after it has printed the help.
    assert code == 1, text
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree).splitlines()[0] in text
    own = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith('flags.DEFINE_')
    ]
    if 'define_checkpoint_flags()' in path.read_text() or 'adopt_module_key_flags' in path.read_text():
        own += ['model_dir', 'checkpoint_style', 'mirror_dir']
    assert own
    for flag in own:
        assert re.search(rf'--(\[no\])?{flag}:', text), flag


def test_the_help_of_the_cluster_is_that_of_its_tasks(printed):
    if not _ESTIMATOR:
        pytest.skip('needs tf.estimator')
    result = subprocess.run(
        [EXAMPLES / 'train_cluster.sh', '--help'],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {'PYTHONPATH': str(EXAMPLES.parent), 'PYTHON': sys.executable},
        timeout=60,
    )
    assert result.returncode == 0
    assert 'Trains the digits on a cluster' in result.stdout
    for flag in ('--model_dir', '--checkpoint_style', '--train_steps'):
        assert result.stdout.count(f'{flag}:') == 1


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.name)
def test_the_readme_names_it_and_how_to_run_it(path):
    rows = [row for row in _README.splitlines() if row.startswith('|') and f'`{path.name}`' in row]
    assert len(rows) == 1
    if path in _BINARIES or path.suffix == '.sh':
        assert f'examples/{path.name} --' in rows[0]


def test_the_readme_names_no_file_or_flag_that_is_not_there():
    names = {path.name for path in _FILES}
    assert set(re.findall(r'`([a-z0-9_]+\.(?:py|sh|txt))`', _README)) == names
    for command in re.findall(r'`(?:python )?examples/([^`]*)`', _README):
        name, *flags = command.split()
        defined = (EXAMPLES / name.replace('train_cluster.sh', 'train_digits.py')).read_text()
        inherited = {
            'warm_start_digits.py',
            'migrate_wide_deep.py',
            'with_keras_model.py',
            'with_tpu_estimator.py',
        }
        for flag in flags:
            flag = flag.removeprefix('--').split('=')[0]
            assert f"'{flag}'" in defined or name in inherited, command
