r"""Converting and inspecting V1 files, against `cp` and TensorFlow's own way: a saver that restores and saves.

python -m tests.benchmarks.v1_files --megabytes=400 --variables=100 --inspected_megabytes=100
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import interleaved, print_table, ratio

_MEGABYTES = flags.DEFINE_integer('megabytes', 400, 'Size of the file that is converted, in megabytes.')
_INSPECTED = flags.DEFINE_integer('inspected_megabytes', 100, 'Size of the inspected file, in megabytes.')
_VARIABLES = flags.DEFINE_integer('variables', 100, 'Number of variables of each file.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds to measure.')


def _names() -> list[str]:
    return [f'layer_{number}/kernel' for number in range(_VARIABLES.value)]


def _save_v1(path: str, megabytes: int) -> str:
    names = _names()
    values = [tf.random.normal([megabytes * 250_000 // len(names)]) for _ in names]
    tf.raw_ops.SaveSlices(filename=path, tensor_names=names, shapes_and_slices=[''] * len(names), data=values)
    return path


def _with_tensorflow(source: str, prefix: str, size: int) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.get_variable(name, [size], use_resource=True) for name in _names()]
        saver = tf.compat.v1.train.Saver(variables)
        saver.restore(session, source)
        saver.save(session, prefix, write_meta_graph=False, write_state=False)


def _conversions(directory: str) -> list[list[object]]:
    source = _save_v1(os.path.join(directory, 'v1.ckpt'), _MEGABYTES.value)
    folder = os.path.join(directory, 'output')
    prefix = os.path.join(folder, 'x')

    def clear_away() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        os.sync()

    contenders = {
        'cp': lambda: subprocess.run(['cp', source, prefix], check=True),
        'convert': lambda: estimator_ckpt.convert(source, prefix, 'tf2'),
        'Saver': lambda: _with_tensorflow(source, prefix, _MEGABYTES.value * 250_000 // _VARIABLES.value),
    }
    seconds = interleaved(contenders, _ROUNDS.value, clear_away)
    rows = []
    for name in contenders:
        median = statistics.median(seconds[name])
        ratios = [ratio(seconds, name, baseline) for baseline in ('cp', 'Saver')]
        rows.append([name, median, _MEGABYTES.value / median, *ratios])
    return rows


def _inspections(directory: str) -> list[list[object]]:
    sources = {
        'inspect': _save_v1(os.path.join(directory, 'inspected.ckpt'), _INSPECTED.value),
        'inspect 1 MB': _save_v1(os.path.join(directory, 'small.ckpt'), 1),
    }
    commands = {
        name: [sys.executable, '-m', 'estimator_ckpt', 'inspect', path] for name, path in sources.items()
    }
    commands['cat'] = ['cat', sources['inspect']]
    commands['inspect_checkpoint'] = [
        *(sys.executable, '-m', 'tensorflow.python.tools.inspect_checkpoint'),
        f'--file_name={sources["inspect"]}',
    ]
    contenders = {
        name: lambda command=command: subprocess.run(command, check=True, capture_output=True)
        for name, command in commands.items()
    }
    seconds = interleaved(contenders, _ROUNDS.value)
    return [
        [name, statistics.median(seconds[name]), ratio(seconds, name, 'inspect 1 MB')] for name in contenders
    ]


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        header = ['how', 'seconds', 'MB/s', 'time / cp', 'time / Saver']
        print_table(f'{_MEGABYTES.value} MB of V1 -> tf2', header, _conversions(directory))
        header = ['process', 'seconds', 'time / inspect 1 MB']
        print_table(f'Processes that read {_INSPECTED.value} MB of V1', header, _inspections(directory))


if __name__ == '__main__':
    app.run(main)
