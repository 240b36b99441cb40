r"""The whole process of `estimator_ckpt inspect` against `import numpy` and TensorFlow's own `inspect_checkpoint`.

python -m tests.benchmarks.startup --variables=1000
"""

import os
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

from tests.benchmarks.harness import interleaved, print_table, ratio

_VARIABLES = flags.DEFINE_integer('variables', 1000, 'Number of variables of the checkpoint.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds to measure.')


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        prefix = os.path.join(directory, 'model.ckpt')
        names = [f'layer_{number}/kernel' for number in range(_VARIABLES.value)]
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[''] * len(names),
            tensors=[tf.zeros([1000])] * len(names),
        )
        commands = {
            'python': ['-c', 'pass'],
            'import numpy': ['-c', 'import numpy'],
            'import': ['-c', 'import estimator_ckpt'],
            'inspect': ['-m', 'estimator_ckpt', 'inspect', prefix],
            'inspect_checkpoint': [
                *('-m', 'tensorflow.python.tools.inspect_checkpoint'),
                f'--file_name={prefix}',
            ],
        }

        # With compiled modules, as TensorFlow has them, also where Python may not write them beside this package.
        compiling = {**os.environ, 'PYTHONPYCACHEPREFIX': os.path.join(directory, 'compiled')}
        compiling.pop('PYTHONDONTWRITEBYTECODE', None)

        def contender(arguments):
            command = [sys.executable, *arguments]
            environment = None if 'tensorflow' in arguments[1] else compiling
            return lambda: subprocess.run(command, check=True, capture_output=True, env=environment)

        contenders = {name: contender(arguments) for name, arguments in commands.items()}
        for compile_modules in contenders.values():
            compile_modules()
        seconds = interleaved(contenders, _ROUNDS.value)
    print_table(
        f'Processes that inspect {_VARIABLES.value} variables',
        ['process', 'seconds', 'it / import numpy', 'inspect_checkpoint / it'],
        [
            [
                name,
                statistics.median(seconds[name]),
                ratio(seconds, name, 'import numpy'),
                ratio(seconds, 'inspect_checkpoint', name),
            ]
            for name in commands
        ],
    )


if __name__ == '__main__':
    app.run(main)
