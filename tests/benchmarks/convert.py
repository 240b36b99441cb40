r"""Converting a name-based checkpoint to an object-based one, against the function of TensorFlow's guide and `cp`.

python -m tests.benchmarks.convert --cases=2000x200,400x10000,400x100000 --skip_guide_above=10000
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

_CASES = flags.DEFINE_list(
    'cases', ['2000x200', '400x10000', '400x100000'], 'Megabytes and number of variables of each checkpoint.'
)
_SIZES = flags.DEFINE_list('sizes', ['20', '2000'], 'Megabytes of the two checkpoints of equal tensor count.')
_VARIABLES = flags.DEFINE_integer('variables', 200, 'Number of variables of these two.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure; one for more than 1000 variables.')
_FAST_ROUNDS = flags.DEFINE_integer('fast_rounds', 20, 'Rounds to measure of what takes milliseconds.')
_SKIP_GUIDE_ABOVE = flags.DEFINE_integer(
    'skip_guide_above',
    1_000_000,
    "Number of variables above which the guide's function, of minutes, is not run.",
)

# In a process of its own: the peak of this one is TensorFlow's. It is read as VmHWM, for getrusage's ru_maxrss
# starts at that of the process that started this one.
_PEAK_MEMORY = r"""
import re, sys
import estimator_ckpt

def peak():
    with open('/proc/self/status') as status:
        return int(re.search(r'VmHWM:\s*(\d+) kB', status.read())[1]) / 1000

run = estimator_ckpt.convert_tf1_to_tf2
before = peak()
run(*sys.argv[1:])
print(before, peak())
"""


def _guides_function(checkpoint_path: str, output_prefix: str) -> str:
    """`convert_tf1_to_tf2` of the guide "Migrating model checkpoints"."""
    variables = {}
    reader = tf.train.load_checkpoint(checkpoint_path)
    for key in reader.get_variable_to_dtype_map():
        variables[key] = tf.Variable(reader.get_tensor(key))
    return tf.train.Checkpoint(vars=variables).save(output_prefix)


def _make(prefix: str, megabytes: int, count: int) -> str:
    names = [f'layer_{number}/kernel' for number in range(count)]
    tensors = [tf.random.normal([megabytes * 250_000 // count])] * count
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[''] * count, tensors=tensors)
    return prefix


class _Output:
    """A folder to convert into, emptied before each timing."""

    def __init__(self, directory: str):
        self._folder = os.path.join(directory, 'output')
        self.prefix = os.path.join(self._folder, 'x')

    def clear_away(self) -> None:
        """Old files and unwritten pages would be charged to whoever comes next."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.mkdir(self._folder)
        os.sync()


def _against_the_guide(source: str, output: _Output, count: int) -> list[object]:
    functions = {'ours': estimator_ckpt.convert_tf1_to_tf2}
    if count <= _SKIP_GUIDE_ABOVE.value:
        functions['guide'] = _guides_function
    rounds = _ROUNDS.value if count <= 1000 else 1
    contenders = {name: lambda run=run: run(source, output.prefix) for name, run in functions.items()}
    seconds = interleaved(contenders, rounds, output.clear_away)
    ours = statistics.median(seconds['ours'])
    if 'guide' not in seconds:
        return [ours, '-', '-']
    return [ours, statistics.median(seconds['guide']), ratio(seconds, 'guide', 'ours')]


def _by_size(sources: dict[str, str], output: _Output) -> list[list[object]]:
    contenders = {
        size: lambda source=source: estimator_ckpt.convert_tf1_to_tf2(source, output.prefix)
        for size, source in sources.items()
    }
    seconds = interleaved(contenders, _FAST_ROUNDS.value, output.clear_away)
    first = next(iter(sources))
    return [[size, statistics.median(seconds[size]), ratio(seconds, size, first)] for size in sources]


def _peak_memory(source: str, output: _Output) -> list[float]:
    output.clear_away()
    command = [sys.executable, '-c', _PEAK_MEMORY, source, output.prefix]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(float, result.stdout.split())
    return [before, after, after - before]


def _copies(source: str, output: _Output) -> list[list[object]]:
    data = f'{source}.data-00000-of-00001'
    contenders = {
        'cp': lambda: subprocess.run(['cp', data, output.prefix], check=True),
        'shutil.copyfile': lambda: shutil.copyfile(data, output.prefix),
        'copy': lambda: estimator_ckpt.convert(source, output.prefix, 'tf2', data='copy'),
    }
    seconds = interleaved(contenders, _ROUNDS.value, output.clear_away)
    rows = []
    for name in contenders:
        ratios = [ratio(seconds, name, baseline) for baseline in ('cp', 'shutil.copyfile')]
        rows.append([name, statistics.median(seconds[name]), *ratios])
    return rows


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        output = _Output(directory)
        rows = []
        for case in _CASES.value:
            megabytes, count = map(int, case.split('x'))
            source = _make(os.path.join(directory, 'case'), megabytes, count)
            rows.append([megabytes, count, *_against_the_guide(source, output, count)])
        print_table('tf1 -> tf2', ['MB', 'variables', 'ours, s', "guide's, s", "guide's / ours"], rows)
        count = _VARIABLES.value
        sources = {size: _make(os.path.join(directory, size), int(size), count) for size in _SIZES.value}
        header = ['MB', 'seconds', f'time / {_SIZES.value[0]} MB']
        print_table(f'{count} variables', header, _by_size(sources, output))
        largest = _SIZES.value[-1]
        header = ['imported, MB', 'converted, MB', 'difference, MB']
        print_table(
            f'Peak memory of converting {largest} MB', header, [_peak_memory(sources[largest], output)]
        )
        header = ['how', 'seconds', 'time / cp', 'time / copyfile']
        print_table(f"Copying {largest} MB: `data='copy'`", header, _copies(sources[largest], output))


if __name__ == '__main__':
    app.run(main)
