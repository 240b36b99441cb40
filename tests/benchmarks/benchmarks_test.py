"""Tests that each benchmark runs, at a tiny size, and prints its tables with a row per case."""

import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
FOLDER = pathlib.Path(__file__).parent
STYLES = ['tf1', 'tf2', 'both']

# For each benchmark its flags, and how the rows of each of its tables begin.
BENCHMARKS = {
    'async_saves': (
        ['--megabytes=1', '--variables=2', '--rounds=1', '--saves=1', '--steps=2'],
        [['no saves', 'synchronous', 'in the background']],
    ),
    'convert': (
        ['--cases=1x2,1x3', '--skip_guide_above=2', '--sizes=1,2', '--variables=2', '--rounds=1']
        + ['--fast_rounds=1'],
        [['1 2', '1 3'], ['1', '2'], [''], ['cp', 'shutil.copyfile', 'copy']],
    ),
    'durable_saves': (
        ['--megabytes=1,2', '--variables=2', '--rounds=1'],
        [[f'{size} {how}' for size in (1, 2) for how in ('plain TensorFlow', 'durable=False', 'durable')]],
    ),
    'exports': (
        ['--megabytes=1', '--variables=2', '--rounds=1'],
        [
            ['cp', '.weights.h5', '.safetensors', '.npz'],
            ['load_variable', 'load', 'load, one row', 'load, the shape'],
        ],
    ),
    'memory': (
        ['--megabytes=1'],
        [['transpose', 'cast', 'average']],
    ),
    'restore_styles': (
        ['--megabytes=1', '--variables=2', '--rounds=1'],
        [[f'{source} {target}' for target in STYLES for source in [*STYLES, 'plain Saver']]],
    ),
    'save_styles': (
        ['--megabytes=1', '--variables=2', '--rounds=1'],
        [['plain tf1', 'tf1', 'tf2', 'both', 'two savers']],
    ),
    'scale': (
        ['--tensors=3,4', '--shards=1,2', '--floats=5,6', '--rounds=1'],
        [['3 1', '3 2', '4 1', '4 2']] * 2 + [['4 1', '4 2'], ['6e-05 2', '7.2e-05 2']],
    ),
    'second_keys': (
        ['--variables=10000,10001', '--floats=1', '--rounds=1'],
        [['10000', '10001']],
    ),
    'suggest': (
        ['--pairs=canned_dnn,digits,lstm', '--many=100'],
        [
            ['canned_dnn', 'digits'],
            ['lstm'],
            ['layers', 'transformer', 'convolutions'],
            ['canned_dnn as digits', 'digits as lstm', 'lstm as canned_dnn'],
        ],
    ),
    'verification': (
        ['--megabytes=1', '--variables=2', '--rounds=1'],
        [['one tensor', '2 tensors', '2 tensors, V1']],
    ),
    'warm_start': (
        ['--variables=3,4', '--rounds=1', '--megabytes=1'],
        [
            [f'{n} {name}' for n in (3, 4) for name in ('warm start', 'init_from_checkpoint', 'Saver')],
            [f'{n} {name}' for n in (3, 4) for name in ('warm start', 'load_variable')],
            ['warm start', 'Saver'],
        ],
    ),
    'small_saves': (
        ['--saves=2', '--rounds=1'],
        [['plain TensorFlow', *STYLES]] * 2,
    ),
    'startup': (
        ['--variables=2', '--rounds=1'],
        [['python', 'import numpy', 'import', 'inspect', 'inspect_checkpoint']],
    ),
    'v1_files': (
        ['--megabytes=1', '--inspected_megabytes=2', '--variables=2', '--rounds=1'],
        [['cp', 'convert', 'Saver'], ['inspect', 'inspect 1 MB', 'cat', 'inspect_checkpoint']],
    ),
}


def _tables(output):
    """The rows of each table: the indented lines after a title, without the header."""
    tables = []
    for paragraph in output.split('\n\n'):
        rows = [' '.join(line.split()) for line in paragraph.splitlines() if line.startswith('  ')]
        tables.append(rows[1:])
    return tables


def test_every_benchmark_is_tested():
    modules = {path.stem for path in FOLDER.glob('*.py')} - {'harness', pathlib.Path(__file__).stem}
    assert modules == BENCHMARKS.keys()


@pytest.mark.parametrize('name', sorted(BENCHMARKS))
def test_a_benchmark_prints_a_row_for_each_case(name):
    arguments, expected = BENCHMARKS[name]
    result = subprocess.run(
        [sys.executable, '-m', f'tests.benchmarks.{name}', *arguments],
        cwd=FOLDER.parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    tables = _tables(result.stdout)
    assert list(map(len, tables)) == list(map(len, expected)), result.stdout
    for rows, beginnings in zip(tables, expected, strict=True):
        for row, beginning in zip(rows, beginnings, strict=True):
            assert row.startswith(f'{beginning} ' if beginning else ''), row
            assert any(cell.replace('.', '').isdigit() for cell in row.split()), row
