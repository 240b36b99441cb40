r"""Writing a checkpoint as a file of another kind, against `cp`; and reading single tensors.

Each export runs in a process of its own, whose peak memory is measured.

python -m tests.benchmarks.exports --megabytes=1000 --variables=64
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import h5py
import numpy as np
import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from estimator_ckpt.bundle.writer import BundleWriter
from tests.benchmarks.harness import interleaved, print_table, ratio

_MEGABYTES = flags.DEFINE_integer('megabytes', 1000, 'Size of the checkpoint, in megabytes.')
_VARIABLES = flags.DEFINE_integer('variables', 64, 'Number of variables.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure.')

_EXPORT = """
import re, sys
import estimator_ckpt
estimator_ckpt.convert(sys.argv[1], sys.argv[2], like=sys.argv[3] or None)
assert 'tensorflow' not in sys.modules
# Unlike getrusage's, this peak is not that of the parent before it started the process.
print(re.search(r'VmHWM:\s*(\d+) kB', open('/proc/self/status').read())[1])
"""


def _save(directory: str) -> str:
    prefix = os.path.join(directory, 'model.ckpt')
    writer, size = BundleWriter(prefix), _MEGABYTES.value * 250_000 // _VARIABLES.value
    for number in range(_VARIABLES.value):
        writer.add_tensor(
            f'dense_{number}/kernel', np.random.default_rng(number).random((2, size // 2), np.float32)
        )
    writer.publish()
    return prefix


def _fresh_weights(directory: str) -> str:
    """Writes the weights of a fresh model with the same variables, as Keras does."""
    path, size = os.path.join(directory, 'fresh.weights.h5'), _MEGABYTES.value * 250_000 // _VARIABLES.value
    with h5py.File(path, 'w') as file:
        for number in range(_VARIABLES.value):
            variables = file.create_group(f'layers/dense_{number}/vars')
            variables.attrs['name'] = f'dense_{number}'
            variables['0'] = np.zeros((2, size // 2), np.float32)
    return path


def _exports(directory: str, prefix: str) -> list[list[object]]:
    output, like = os.path.join(directory, 'output'), _fresh_weights(directory)
    peaks: dict[str, int] = {}

    def clear_away() -> None:
        shutil.rmtree(output, ignore_errors=True)
        os.mkdir(output)
        os.sync()

    def export(ending: str) -> None:
        of_ending = like if ending == '.weights.h5' else ''
        command = [sys.executable, '-c', _EXPORT, prefix, os.path.join(output, f'new{ending}'), of_ending]
        process = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[ending] = int(process.stdout)

    contenders = {'cp': lambda: subprocess.run(['cp', f'{prefix}.data-00000-of-00001', output], check=True)}
    for ending in ('.weights.h5', '.safetensors', '.npz'):
        contenders[ending] = lambda ending=ending: export(ending)
    seconds = interleaved(contenders, _ROUNDS.value, clear_away)
    largest = _MEGABYTES.value / _VARIABLES.value
    return [
        [
            name,
            statistics.median(seconds[name]),
            ratio(seconds, name, 'cp'),
            peaks[name] / 1000 if name in peaks else '',
            peaks[name] / 1000 / largest if name in peaks else '',
        ]
        for name in contenders
    ]


def _reads(prefix: str) -> list[list[object]]:
    names = [f'dense_{number}/kernel' for number in range(_VARIABLES.value)]

    def with_load() -> None:
        arrays = estimator_ckpt.load(prefix)
        for name in names:
            np.asarray(arrays[name])

    contenders = {
        'load_variable': lambda: [tf.train.load_variable(prefix, name) for name in names],
        'load': with_load,
        'load, one row': lambda: [estimator_ckpt.load(prefix)[name][0] for name in names],
        'load, the shape': lambda: [estimator_ckpt.load(prefix)[name].shape for name in names],
    }
    seconds = interleaved(contenders, _ROUNDS.value)
    return [[n, statistics.median(seconds[n]), ratio(seconds, n, 'load_variable')] for n in contenders]


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        prefix = _save(directory)
        header = ['written', 'seconds', 'time / cp', 'peak MB', 'peak / largest tensor']
        print_table(f'{_MEGABYTES.value} MB', header, _exports(directory, prefix))
        print_table('Tensors one by one', ['how', 'seconds', 'time / load_variable'], _reads(prefix))


if __name__ == '__main__':
    app.run(main)
