r"""Verifying checkpoints, against `cat` of their files: one large tensor, many, and a file of the V1 format.

python -m tests.benchmarks.verification --megabytes=1000 --variables=400

The files are in the cache of the system, so that the disk is not what is measured.
"""

import glob
import os
import statistics
import subprocess
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from estimator_ckpt.bundle.writer import BundleWriter
from tests.benchmarks.harness import interleaved, print_table, ratio

_MEGABYTES = flags.DEFINE_integer('megabytes', 1000, 'Size of each checkpoint in MB.')
_VARIABLES = flags.DEFINE_integer('variables', 400, 'Number of tensors, where there are many.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Rounds to measure.')


def _values(count: int) -> dict[str, np.ndarray]:
    """Returns kernels and a small bias for each."""
    size = _MEGABYTES.value * 250_000 // count
    random = np.random.default_rng(0)
    values = {f'layer_{number}/kernel': random.random(size, np.float32) for number in range(count)}
    return values | {f'layer_{number}/bias': np.ones(10, np.float32) for number in range(count)}


def _save_bundle(path: str, count: int) -> str:
    writer = BundleWriter(path)
    for name, value in _values(count).items():
        writer.add_tensor(name, value)
    return writer.publish()


def _save_v1(path: str, count: int) -> str:
    values = _values(count)
    tf.raw_ops.SaveSlices(
        filename=path,
        tensor_names=list(values),
        shapes_and_slices=[''] * len(values),
        data=list(values.values()),
    )
    return path


def _compare(checkpoint: str) -> list[object]:
    files = glob.glob(f'{checkpoint}*')
    size = sum(map(os.path.getsize, files)) / 1e9

    def verify() -> None:
        report = estimator_ckpt.verify(checkpoint)
        if not report:
            raise AssertionError(str(report))

    contenders = {
        'verify': verify,
        'cat': lambda: subprocess.run(['cat', *files], stdout=subprocess.DEVNULL, check=True),
    }
    seconds = interleaved(contenders, _ROUNDS.value)
    rates = [size / statistics.median(seconds[name]) for name in contenders]
    return [*rates, ratio(seconds, 'cat', 'verify')]


def main(_):
    many = _VARIABLES.value
    with tempfile.TemporaryDirectory() as directory:
        rows = [
            ['one tensor', *_compare(_save_bundle(os.path.join(directory, 'one'), 1))],
            [f'{many} tensors', *_compare(_save_bundle(os.path.join(directory, 'many'), many))],
            [f'{many} tensors, V1', *_compare(_save_v1(os.path.join(directory, 'v1'), many))],
        ]
    header = ['checkpoint', 'verify: GB/s', 'cat: GB/s', 'rate / cat']
    print_table(f'Verifying {_MEGABYTES.value} MB', header, rows)


if __name__ == '__main__':
    app.run(main)
