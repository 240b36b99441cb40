r"""Restore time of another style's checkpoint against the saver's own.

python -m tests.benchmarks.restore_styles --megabytes=1000 --variables=100
"""

import os
import statistics
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import interleaved, print_table, ratio

tf1 = tf.compat.v1
_MEGABYTES = flags.DEFINE_integer('megabytes', 1000, 'Size of all variables together.')
_VARIABLES = flags.DEFINE_integer('variables', 100, 'Number of variables.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds to measure.')
_STYLES = ('tf1', 'tf2', 'both')


def main(_):
    tf.get_logger().setLevel('ERROR')
    rows = []
    with tempfile.TemporaryDirectory() as directory, tf.Graph().as_default(), tf1.Session() as session:
        size = _MEGABYTES.value * 250_000 // _VARIABLES.value
        for number in range(_VARIABLES.value):
            tf1.get_variable(f'v{number}', [size], initializer=tf1.random_normal_initializer())
        checkpoint = tf.train.Checkpoint(v=tf1.global_variables())
        savers = {style: estimator_ckpt.Saver(style, checkpoint) for style in _STYLES}
        plain = tf1.train.Saver()
        session.run(tf1.global_variables_initializer())
        paths = {
            style: saver.save(session, os.path.join(directory, style), write_meta_graph=False)
            for style, saver in savers.items()
        }
        for target, saver in savers.items():
            contenders = {
                source: lambda path=path, saver=saver: saver.restore(session, path)
                for source, path in paths.items()
            }
            contenders['plain Saver'] = lambda: plain.restore(session, paths['tf1'])
            seconds = interleaved(contenders, _ROUNDS.value)
            for source in contenders:
                rows.append(
                    [source, target, statistics.median(seconds[source]), ratio(seconds, source, target)]
                )
    print_table(
        f'Restoring {_MEGABYTES.value} MB in {_VARIABLES.value} variables',
        ['checkpoint', 'saver', 'seconds', 'time / own style'],
        rows,
    )


if __name__ == '__main__':
    app.run(main)
