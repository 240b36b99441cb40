"""Tests that reading other formats needs neither TensorFlow nor the rest of this package."""

import ast
import json
import pathlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from estimator_ckpt import formats
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.formats.v1 import V1Reader
from tests.bundle.helpers import save
from tests.formats.helpers import save_v1

FOLDER = pathlib.Path(formats.__file__).parent
MODULES = sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))


def test_a_local_v1_checkpoint_is_read_without_importing_tensorflow(tmp_path):
    path = save_v1(tmp_path / 'model', {'x': np.arange(3)})
    script = """
import json, sys
from estimator_ckpt.formats import detect, source, v1
assert detect.detect(sys.argv[1]) is detect.FileKind.V1_CHECKPOINT
reader: source.TensorSource = v1.V1Reader(sys.argv[1])
assert reader.tensor('x').tolist() == [0, 1, 2]
print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras')]))
"""
    command = [sys.executable, '-c', script, path]
    result = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize('module', MODULES)
def test_a_module_of_a_format_names_nothing_of_this_package_but_the_formats_and_the_bundle(module):
    for node in ast.walk(ast.parse((FOLDER / f'{module}.py').read_text())):
        if isinstance(node, ast.ImportFrom):
            ours = node.module.split('.')
            assert ours[0] != 'estimator_ckpt' or ours[1] in ('bundle', 'formats')


def test_readers_have_what_a_source_of_tensors_has(tmp_path):
    members = {name for name in vars(TensorSource) if not name.startswith('_')} | {'prefix', 'num_shards'}
    assert members >= {'keys', 'entry', 'tensor', 'places', 'check_data_files'}
    v1 = V1Reader(save_v1(tmp_path / 'v1', {'x': np.ones(1)}))
    assert members | {'big_endian', 'holds_v2_data'} <= set(dir(v1))
    assert members <= set(dir(BundleReader(save(tmp_path / 'v2', {'x': np.ones(1)}))))
