r"""Save time and bytes of `both` against `tf1`, and against two savers.

python -m tests.benchmarks.save_styles --megabytes=1000 --variables=100
"""

import os
import shutil
import statistics
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import bytes_on_disk, interleaved, print_table, ratio

tf1 = tf.compat.v1
_MEGABYTES = flags.DEFINE_integer('megabytes', 1000, 'Size of all variables together.')
_VARIABLES = flags.DEFINE_integer('variables', 100, 'Number of variables.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds to measure.')


def main(_):
    tf.get_logger().setLevel('ERROR')
    with tempfile.TemporaryDirectory() as directory, tf.Graph().as_default(), tf1.Session() as session:
        size = _MEGABYTES.value * 250_000 // _VARIABLES.value
        for number in range(_VARIABLES.value):
            tf1.get_variable(f'v{number}', [size], initializer=tf1.random_normal_initializer())
        checkpoint = tf.train.Checkpoint(v=tf1.global_variables())
        savers = {
            'plain tf1': [tf1.train.Saver()],
            'tf1': [estimator_ckpt.Saver('tf1')],
            'tf2': [estimator_ckpt.Saver('tf2', checkpoint)],
            'both': [estimator_ckpt.Saver('both', checkpoint)],
        }
        savers['two savers'] = savers['tf1'] + savers['tf2']
        session.run(tf1.global_variables_initializer())

        def contender(name):
            def save():
                for number, saver in enumerate(savers[name]):
                    path = os.path.join(directory, name.replace(' ', '_'), f'x{number}')
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    saver.save(session, path, write_meta_graph=False)

            return save

        sizes = {}

        def clear_away():
            """Old files and unwritten pages would be charged to whoever comes next."""
            for name in savers:
                folder = os.path.join(directory, name.replace(' ', '_'))
                if os.path.isdir(folder) and os.listdir(folder):
                    sizes[name] = bytes_on_disk(folder)
                    shutil.rmtree(folder)
            os.sync()

        seconds = interleaved({name: contender(name) for name in savers}, _ROUNDS.value, clear_away)
        clear_away()

    print_table(
        f'Saving {_MEGABYTES.value} MB in {_VARIABLES.value} variables',
        ['saver', 'seconds', 'time / tf1', 'MB', 'bytes / tf1'],
        [
            [
                name,
                statistics.median(seconds[name]),
                ratio(seconds, name, 'tf1'),
                sizes[name] / 1e6,
                f'{sizes[name] / sizes["tf1"]:.6f}',
            ]
            for name in savers
        ],
    )
    print(f'both / two savers: {ratio(seconds, "both", "two savers"):.3f} of the time')


if __name__ == '__main__':
    app.run(main)
