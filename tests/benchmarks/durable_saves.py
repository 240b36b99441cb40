r"""What it costs that a checkpoint survives a power cut: saves with and without, beside plain TensorFlow's.

python -m tests.benchmarks.durable_saves --megabytes=10,1000 --variables=50
"""

import os
import shutil
import statistics
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import interleaved, print_table, ratio

_MEGABYTES = flags.DEFINE_list('megabytes', ['10', '1000'], 'Sizes of the checkpoint, in megabytes.')
_VARIABLES = flags.DEFINE_integer('variables', 50, 'Number of variables.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure.')

tf1 = tf.compat.v1


def _row(megabytes: int, directory: str) -> list[list[object]]:
    with tf.Graph().as_default(), tf1.Session() as session:
        shape = [megabytes * 250_000 // _VARIABLES.value]
        for number in range(_VARIABLES.value):
            tf1.get_variable(f'v{number}', shape, initializer=tf1.random_normal_initializer())
        savers = {
            'plain TensorFlow': tf1.train.Saver(),
            'durable=False': estimator_ckpt.Saver('both', durable=False),
            'durable': estimator_ckpt.Saver('both'),
        }
        session.run(tf1.global_variables_initializer())

        def clear_away() -> None:
            shutil.rmtree(directory, ignore_errors=True)
            os.mkdir(directory)
            os.sync()

        contenders = {
            name: lambda saver=saver: saver.save(session, f'{directory}/x', 1, write_meta_graph=False)
            for name, saver in savers.items()
        }
        seconds = interleaved(contenders, _ROUNDS.value, clear_away)
    return [
        [megabytes, name, statistics.median(seconds[name]), ratio(seconds, name, 'plain TensorFlow')]
        for name in contenders
    ]


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        rows = [row for size in _MEGABYTES.value for row in _row(int(size), f'{directory}/saves')]
        print_table('Saves', ['MB', 'how', 'seconds', 'time / plain TensorFlow'], rows)


if __name__ == '__main__':
    app.run(main)
