r"""The memory that conversions of one large tensor take, beyond that of the same run with a tiny tensor.

python -m tests.benchmarks.memory --megabytes=400

Each runs in a process of its own, whose greatest resident memory Linux tells (`VmHWM`). A row is also given in sizes of
the tensor: less than 2 means that the tensor is in memory once, with a piece of what is written.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

from estimator_ckpt.bundle.writer import BundleWriter
from tests.benchmarks.harness import print_table

_MEGABYTES = flags.DEFINE_integer('megabytes', 400, 'Size of the tensor in MB.')
_COLUMNS = 1000
_CONVERT = 'estimator_ckpt.convert(a, new, "tf1", rules=[("w", "w", {!r})])'
_RUNS = {
    'transpose': _CONVERT.format('transpose=1,0'),
    'cast': _CONVERT.format('cast=float16'),
    'average': 'estimator_ckpt.average([a, a], new)',
}
_PROGRAM = """
import sys, estimator_ckpt
a, new = sys.argv[1:]
{run}
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""


def _measure(run: str, checkpoint: str, new: str) -> tuple[float, float]:
    """Returns the greatest resident memory of a run in MB, and its seconds."""
    start = time.perf_counter()
    command = [sys.executable, '-c', _PROGRAM.format(run=run), checkpoint, new]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(result.stdout) * 1024 / 1e6, time.perf_counter() - start


def _write(prefix: str, rows: int) -> str:
    writer = BundleWriter(prefix)
    writer.add_tensor('w', np.ones([rows, _COLUMNS], np.float32))
    return writer.publish()


def main(_):
    size = _MEGABYTES.value
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        large = _write(os.path.join(directory, 'large'), size * 1_000_000 // 4 // _COLUMNS)
        tiny = _write(os.path.join(directory, 'tiny'), 1)
        for name, run in _RUNS.items():
            least, _ = _measure(run, tiny, os.path.join(directory, f'{name} tiny'))
            most, seconds = _measure(run, large, os.path.join(directory, name))
            rows.append([name, most - least, (most - least) / size, seconds])
    print_table(f'Memory for a tensor of {size} MB', ['conversion', 'MB', 'tensors', 'seconds'], rows)


if __name__ == '__main__':
    app.run(main)
