"""Tests that the command works where TensorFlow is not installed, on golden checkpoints and those of strangers."""

import json
import os
import pathlib
import pydoc
import re
import sys

import pytest

import estimator_ckpt
from tests.cli.helpers import ROOT, in_process

WILD = os.environ.get('ESTIMATOR_CKPT_WILD')
FOLDERS = [ROOT / 'tests' / 'golden', *([pathlib.Path(WILD)] if WILD else [])]
PREFIXES = [
    str(file).removesuffix('.index') for folder in FOLDERS for file in sorted(folder.glob('*/*.index'))
]
every_checkpoint = pytest.mark.parametrize(
    'prefix', PREFIXES, ids=lambda prefix: os.path.basename(os.path.dirname(prefix))
)


@pytest.fixture(autouse=True)
def _no_tensorflow(monkeypatch):
    """Makes `import tensorflow` fail, installed or not."""
    for name in ('tensorflow', 'tensorflow_estimator', 'keras'):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    'name', ['Saver', 'scaffold', 'warm_start', 'CheckpointMirrorHook', 'with_checkpoint_style']
)
def test_a_name_that_needs_tensorflow_says_what_to_install(monkeypatch, name):
    for module in [module for module in sys.modules if module.startswith('estimator_ckpt.')]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(vars(estimator_ckpt), name, raising=False)
    with pytest.raises(
        ImportError, match=rf"estimator_ckpt.{name} needs .*\[tensorflow\]', or .*\[estimator-cpu\]'.*3.11"
    ):
        getattr(estimator_ckpt, name)
    with pytest.raises(ImportError, match='pip install'):
        exec('from estimator_ckpt import *', {})


def test_help_shows_what_there_is_and_what_to_install():
    for name in list(vars(estimator_ckpt)):
        if name in estimator_ckpt._EXPORTS:
            delattr(estimator_ckpt, name)
    shown = pydoc.plain(pydoc.render_doc(estimator_ckpt))
    assert "pip install 'estimator_ckpt[tensorflow]'" in shown and re.search(r'convert\(\s*source', shown)


@every_checkpoint
def test_a_checkpoint_is_inspected_and_verified(capsys, prefix):
    listing = pathlib.Path(prefix).with_name('listing.json')
    shown = in_process(capsys, 'inspect', prefix, '--json', '--tree')
    assert (shown.code, shown.err) == (0, '')
    if listing.exists():
        assert {entry['key'] for entry in shown.json['entries']} == set(json.loads(listing.read_text()))
    assert in_process(capsys, 'inspect', prefix, '--values').code == 0
    assert in_process(capsys, 'verify', prefix).code == 0


@every_checkpoint
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_a_checkpoint_is_converted_and_has_the_same_values(capsys, tmp_path, prefix, style):
    converted = tmp_path / 'converted' / 'model.ckpt'
    result = in_process(capsys, 'convert', prefix, converted, f'--style={style}')
    assert (result.code, result.err) == (0, '')
    assert in_process(capsys, 'verify', converted).code == 0
    differences = in_process(capsys, 'diff', prefix, converted, '--json').json
    assert not differences['value'] and differences['equal_tensors']
