r"""Warm start against `init_from_checkpoint`, a `Saver`'s restore, and in eager mode loading one by one.

Each contender gets a new graph with a saver, as a scaffold has one. What it adds to the graph, and what initialization
and loading take, is told apart; `init_from_checkpoint` replaces the initial values, the others load after them.

python -m tests.benchmarks.warm_start --variables=1000,5000
"""

import os
import statistics
import tempfile
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.benchmarks.harness import interleaved, print_table, ratio

tf1 = tf.compat.v1
_VARIABLES = flags.DEFINE_list('variables', ['1000', '5000'], 'Numbers of variables.')
_FLOATS = flags.DEFINE_integer('floats', 100, 'Numbers in each variable.')
_MEGABYTES = flags.DEFINE_integer('megabytes', 500, 'Size of the large variables together.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure.')


def _write(path: str, count: int) -> str:
    with tf.Graph().as_default(), tf1.Session() as session:
        for number in range(count):
            tf1.get_variable(f'old/v{number}', [_FLOATS.value])
        session.run(tf1.global_variables_initializer())
        return tf1.train.Saver().save(session, path, write_meta_graph=False)


class _InGraph:
    """Runs a contender in a new graph and notes what each part took."""

    def __init__(self, source: str, count: int):
        self._source, self._count = source, count
        self.parts: dict[str, list[tuple[float, float, float, int]]] = {}

    def __call__(self, name, build, load):
        """Times `build()`, initialization, and `load(session, what build gave)`."""
        with tf.Graph().as_default() as graph, tf1.Session() as session:
            for number in range(self._count):
                tf1.get_variable(f'new/v{number}', [_FLOATS.value])
            estimator_ckpt.Saver()
            before, times = len(graph.get_operations()), [time.perf_counter()]
            built = build()
            times.append(time.perf_counter())
            added = len(graph.get_operations()) - before
            initialize = tf1.global_variables_initializer()
            times.append(time.perf_counter())
            session.run(initialize)
            times.append(time.perf_counter())
            load(session, built)
            times.append(time.perf_counter())
        parts = (times[1] - times[0], times[3] - times[2], times[4] - times[3], added)
        self.parts.setdefault(name, []).append(parts)

    def row(self, name: str) -> list[object]:
        *times, added = (statistics.median(part) for part in zip(*self.parts[name], strict=True))
        return [self._count, name, *times, added / self._count]

    def cost(self, name: str, number: int) -> float:
        """What loading takes in a round: initialization is part of it where that is what loads."""
        built, initialized, loaded, _ = self.parts[name][number]
        return built + (initialized if name == 'init_from_checkpoint' else loaded)


def _graph_rows(source: str, count: int) -> list[list[object]]:
    in_graph, rules = _InGraph(source, count), {'old/': 'new/'}
    warm_start = WarmStart(source, rules)

    def saver():
        return tf1.train.Saver({v.op.name.replace('new/', 'old/'): v for v in tf1.global_variables()})

    contenders = {
        'warm start': (
            lambda: None,
            lambda session, _: estimator_ckpt.warm_start(warm_start, session=session),
        ),
        'init_from_checkpoint': (
            lambda: tf1.train.init_from_checkpoint(source, rules),
            lambda session, _: None,
        ),
        'Saver': (saver, lambda session, built: built.restore(session, source)),
    }
    for number in range(_ROUNDS.value + 1):
        for name, (build, load) in contenders.items():
            in_graph(name, build, load)
        if not number:
            in_graph.parts.clear()
    rounds = range(_ROUNDS.value)
    return [
        [
            *in_graph.row(name),
            statistics.median(in_graph.cost(name, n) / in_graph.cost('warm start', n) for n in rounds),
        ]
        for name in contenders
    ]


def _eager_rows(source: str, count: int) -> list[list[object]]:
    variables = [tf.Variable(tf.zeros([_FLOATS.value]), name=f'new/v{n}') for n in range(count)]

    def one_by_one():
        for number, variable in enumerate(variables):
            variable.assign(tf.train.load_variable(source, f'old/v{number}'))

    seconds = interleaved(
        {
            'warm start': lambda: estimator_ckpt.warm_start(WarmStart(source, {'old/': 'new/'}), variables),
            'load_variable': one_by_one,
        },
        _ROUNDS.value,
    )
    return [
        [count, name, statistics.median(times), ratio(seconds, name, 'warm start')]
        for name, times in seconds.items()
    ]


def _large_rows(directory: str) -> list[list[object]]:
    """Of many bytes in few variables, in a session that has loaded before."""
    count, size = 50, _MEGABYTES.value * 5_000
    with tf.Graph().as_default(), tf1.Session() as session:
        for number in range(count):
            tf1.get_variable(f'v{number}', [size], initializer=tf1.random_normal_initializer())
        saver = estimator_ckpt.Saver()
        session.run(tf1.global_variables_initializer())
        source = saver.save(session, os.path.join(directory, 'large'), write_meta_graph=False)
        seconds = interleaved(
            {
                'warm start': lambda: estimator_ckpt.warm_start(WarmStart(source), session=session),
                'Saver': lambda: saver.restore(session, source),
            },
            _ROUNDS.value,
        )
    return [
        [name, statistics.median(times), ratio(seconds, name, 'Saver')] for name, times in seconds.items()
    ]


def main(_):
    tf.get_logger().setLevel('ERROR')
    graph_rows, eager_rows = [], []
    with tempfile.TemporaryDirectory() as directory:
        for count in map(int, _VARIABLES.value):
            source = _write(os.path.join(directory, str(count)), count)
            graph_rows += _graph_rows(source, count)
            eager_rows += _eager_rows(source, count)
        large_rows = _large_rows(directory)
    print_table(
        'In a session: seconds to build, to initialize and to load, and further ops per variable',
        ['variables', 'contender', 'build', 'initialize', 'load', 'ops', 'time / ours'],
        graph_rows,
    )
    print_table('In eager mode', ['variables', 'contender', 'seconds', 'time / ours'], eager_rows)
    print_table(
        f'{_MEGABYTES.value} MB in 50 variables', ['contender', 'seconds', 'time / Saver'], large_rows
    )


if __name__ == '__main__':
    app.run(main)
