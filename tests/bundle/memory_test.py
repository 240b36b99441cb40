"""Tests that a tensor that does not fit into the memory is named in a sentence, with the bytes that it needs."""

import resource
import subprocess
import sys

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle import tensors
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import entry, save, write_by_hand
from tests.cli.helpers import ROOT
from tests.formats.helpers import save_v1

SIZE = 8 << 30


@pytest.fixture
def huge(tmp_path):
    """A checkpoint with one tensor of 8 GiB, whose data file takes no space."""
    prefix = write_by_hand(tmp_path / 'huge', {b'kernel': entry(1, (2, SIZE // 8), size=SIZE)})
    with open(f'{prefix}.data-00000-of-00001', 'r+b') as file:
        file.truncate(SIZE)
    return prefix


def fails(*_, **__):
    raise MemoryError


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


@pytest.mark.parametrize('style', ['tf1', 'tf2'])
def test_a_tensor_too_large_to_transpose_is_one_sentence(tmp_path, huge, style):
    rules = tmp_path / 'rules'
    rules.write_text('(.*) -> \\1/new | transpose=1,0\n')
    command = [
        sys.executable,
        '-m',
        'estimator_ckpt',
        'convert',
        f'--style={style}',
        f'--rules={rules}',
        huge,
    ]
    result = subprocess.run(
        [*command, tmp_path / 'new'], cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert huge in line and "'kernel' needs 8,589,934,592 bytes, more than there is free memory" in line
    assert sorted(path.name for path in tmp_path.iterdir() if 'new' in path.name) == []


@pytest.mark.parametrize('shape', [(2,), (200, 200)])
@pytest.mark.parametrize('spec', ['', 'whole'])
def test_a_tensor_too_large_to_read_is_a_checkpoint_error(tmp_path, monkeypatch, shape, spec):
    specs = {'w': f'{" ".join(map(str, shape))} {":".join("-" * len(shape))}'} if spec else {}
    reader = BundleReader(save(tmp_path / 'model', {'w': np.ones(shape, np.float32)}, specs))
    monkeypatch.setattr(tensors, 'empty', fails)
    monkeypatch.setattr(tensors, 'decode', fails)
    with pytest.raises(
        CheckpointError, match=rf"model: the tensor 'w' needs {4 * np.prod(shape):,} bytes"
    ) as error:
        reader.tensor('w')
    assert isinstance(error.value, MemoryError)
    if not spec:
        with pytest.raises(CheckpointError, match=r"model: the tensor 'w' needs .* bytes"):
            reader.rows('w', 0, 1)


@pytest.mark.parametrize('ending', ['v1', 'npz', 'safetensors'])
def test_a_tensor_of_another_format_that_is_too_large_is_a_checkpoint_error(tmp_path, monkeypatch, ending):
    path = tmp_path / f'model.{ending}'
    if ending == 'v1':
        save_v1(path, {'w': np.ones((200, 200), np.float32)})
    else:
        estimator_ckpt.convert(save(tmp_path / 'model', {'w': np.ones((200, 200), np.float32)}), path)
    array = estimator_ckpt.load(path)['w']
    monkeypatch.setattr(tensors, 'empty', fails)
    with pytest.raises(
        CheckpointError, match=rf"model.{ending}.*: the tensor 'w' needs 160,000 bytes, more than"
    ):
        np.asarray(array)


@pytest.mark.parametrize('operations', ['sum', 'concat=0', 'stack=0'])
def test_tensors_too_large_to_join_are_a_checkpoint_error(tmp_path, monkeypatch, operations):
    values = {'a/w': np.ones((2, 3), np.float32), 'b/w': np.ones((2, 3), np.float32)}
    prefix = save(tmp_path / 'model', values)
    monkeypatch.setattr('estimator_ckpt.mapping.recipes.join', fails)
    with pytest.raises(
        CheckpointError, match=r"model: 'a/w', 'b/w' cannot be converted: this needs \d+ bytes"
    ):
        estimator_ckpt.convert(prefix, tmp_path / 'new', 'tf1', rules=[('(a|b)/w', 'w', operations)])
