r"""Saves per second of a small model, which is saved after each step, against plain TensorFlow.

python -m tests.benchmarks.small_saves --saves=100
"""

import os
import statistics
import tempfile
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import print_table, ratio

tf1 = tf.compat.v1
_SAVES = flags.DEFINE_integer('saves', 100, 'Number of saves in a round.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Rounds to measure.')
_STYLES = ('tf1', 'tf2', 'both')


class _Program:
    """Twenty small variables and a step, with the savers that are compared."""

    def __init__(self, directory: str):
        self._directory, self._session = directory, tf1.Session()
        variables = [tf1.get_variable(f'v{number}', [100]) for number in range(20)]
        step = tf1.train.get_or_create_global_step()
        checkpoint = tf.train.Checkpoint(v=variables, step=step)
        self._savers = {'plain TensorFlow': tf1.train.Saver()}
        for style in _STYLES:
            self._savers[style] = estimator_ckpt.Saver(style, checkpoint, durable=False)
        self._session.run(tf1.global_variables_initializer())
        self._saved = 0

    def seconds(self, name: str, with_graph: bool) -> float:
        """Returns the seconds of a round of saves."""
        started = time.perf_counter()
        for _ in range(_SAVES.value):
            self._saved += 1
            prefix = os.path.join(self._directory, f'{name}-{with_graph}', 'model.ckpt')
            self._savers[name].save(self._session, prefix, self._saved, write_meta_graph=with_graph)
        return time.perf_counter() - started

    @property
    def names(self) -> list[str]:
        """The names of the savers."""
        return list(self._savers)


def main(_):
    tf.get_logger().setLevel('ERROR')
    with tempfile.TemporaryDirectory() as directory, tf.Graph().as_default():
        program = _Program(directory)
        for name in program.names:
            for with_graph in (False, True):
                os.makedirs(os.path.join(directory, f'{name}-{with_graph}'))
        for with_graph in (True, False):
            seconds = {name: [] for name in program.names}
            for number in range(_ROUNDS.value + 1):
                for name in program.names:
                    taken = program.seconds(name, with_graph)
                    seconds[name] += [taken] if number else []
            _print('with the .meta file, as hooks save' if with_graph else 'without it', seconds)


def _print(what: str, seconds: dict[str, list[float]]) -> None:
    print_table(
        f'Saves per second, durable=False, {what}',
        ['saver', 'per second', 'rate / plain TensorFlow'],
        [
            [name, _SAVES.value / statistics.median(taken), ratio(seconds, 'plain TensorFlow', name)]
            for name, taken in seconds.items()
        ],
    )


if __name__ == '__main__':
    app.run(main)
