"""Tests what is published: metadata that no environment changes, and a source distribution that can be tested."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

pytest.importorskip('setuptools', reason='setuptools builds the package; Python 3.12 no longer brings it')


@pytest.fixture
def checkout(tmp_path):
    """Returns a copy of what git has of the project, as far as building needs it."""
    copy = tmp_path / 'checkout'
    for tree in ('estimator_ckpt', 'examples', 'tests', '.ci'):
        if (ROOT / tree).exists():
            shutil.copytree(ROOT / tree, copy / tree, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'setup.cfg', 'README.md', 'CHANGELOG.md', 'LICENSE', 'BUILD'):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy / name)
    return copy


def _setup(checkout, *args, python=(sys.executable,), path=''):
    result = subprocess.run(
        [*python, 'setup.py', '-q', *args],
        cwd=checkout,
        env=os.environ | {'PYTHONPATH': str(path), 'PYTHONDONTWRITEBYTECODE': '1'},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr


def test_metadata_is_the_same_beside_tensorflow_and_without_it(checkout, tmp_path):
    alone = tmp_path / 'site'
    alone.mkdir()
    installed = pathlib.Path(importlib.util.find_spec('setuptools').origin).parents[1]
    # With its own entry points, by which it knows the options in setup.cfg.
    for pattern in ('setuptools', 'setuptools-*', 'pkg_resources', '_distutils_hack'):
        for path in installed.glob(pattern):
            (alone / path.name).symlink_to(path)
    found = {}
    for kind, python, path in (('beside', (sys.executable,), ''), ('without', (sys.executable, '-S'), alone)):
        seen = subprocess.run(
            [*python, '-c', 'import importlib.util as u; print(u.find_spec("tensorflow") is not None)'],
            env=os.environ | {'PYTHONPATH': str(path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (tmp_path / kind).mkdir()
        _setup(checkout, 'egg_info', f'--egg-base={tmp_path / kind}', python=python, path=path)
        (made,) = (tmp_path / kind).iterdir()
        found[kind] = (seen.strip(), (made / 'PKG-INFO').read_bytes(), (made / 'requires.txt').read_bytes())
    assert found['without'][0] == 'False'
    assert found['beside'][1:] == found['without'][1:]
    required = found['without'][2].decode()
    sections = {part.split(']')[0]: part.split(']\n', 1)[-1].split() for part in required.split('\n[')}
    assert sections['estimator'] == ['tensorflow-estimator<2.16,>=2.12']
    assert 'tensorflow' not in ' '.join(required.split('\n\n')[0].split())


def test_a_source_distribution_has_tests_examples_and_changelog(checkout):
    _setup(checkout, 'sdist', '--dist-dir=out')
    (archive,) = (checkout / 'out').iterdir()
    with tarfile.open(archive) as opened:
        names = {name.split('/', 1)[-1] for name in opened.getnames()}
    expected = {'CHANGELOG.md', 'LICENSE', 'README.md', 'setup.cfg', 'setup.py', 'estimator_ckpt/py.typed'}
    expected |= {f'examples/guides/{guide.name}' for guide in (ROOT / 'examples' / 'guides').glob('*.md')}
    expected |= {'examples/train_digits.py', 'tests/packaging_test.py', 'tests/conftest.py'}
    assert names >= expected
    assert not [name for name in names if name.endswith('.pyc')]
