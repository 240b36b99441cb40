r"""Warm start against `init_from_checkpoint`, a `Saver`'s restore, and in eager mode loading one by one.

Each contender gets a new graph; building it (what the warm start adds to it), running it, and its further ops are told
apart. The initial values are run beforehand by all but `init_from_checkpoint`, which replaces them: that run is in its time
and, for the others, added to theirs.

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
        self.parts: dict[str, list[tuple[float, float, int]]] = {}

    def __call__(self, name, build, run):
        """Times `build(source)`, initialization and `run(session)`."""
        with tf.Graph().as_default() as graph:
            for number in range(self._count):
                tf1.get_variable(f'new/v{number}', [_FLOATS.value])
            before = len(graph.get_operations())
            start = time.perf_counter()
            built = build(self._source)
            built_after = time.perf_counter() - start
            added = len(graph.get_operations()) - before
            initialize = tf1.global_variables_initializer()
            with tf1.Session() as session:
                start = time.perf_counter()
                session.run(initialize)
                run(session, built)
                ran_after = time.perf_counter() - start
        self.parts.setdefault(name, []).append((built_after, ran_after, added))

    def row(self, name: str, count: int) -> list[object]:
        built, ran, added = zip(*self.parts[name], strict=True)
        both = statistics.median(b + r for b, r in zip(built, ran, strict=True))
        return [count, name, statistics.median(built), statistics.median(ran), both, added[0] / count]


def _graph_rows(source: str, count: int) -> list[list[object]]:
    in_graph = _InGraph(source, count)
    rules = {'old/': 'new/'}

    def ours(session, _):
        estimator_ckpt.warm_start(WarmStart(source, rules), session=session)

    def saver(source):
        return tf1.train.Saver({v.op.name.replace('new/', 'old/'): v for v in tf1.global_variables()})

    contenders = {
        'warm start': (lambda source: None, ours),
        'init_from_checkpoint': (
            lambda source: tf1.train.init_from_checkpoint(source, rules),
            lambda session, _: None,
        ),
        'Saver': (saver, lambda session, built: built.restore(session, source)),
    }
    for number in range(_ROUNDS.value + 1):
        for name, (build, run) in contenders.items():
            in_graph(name, build, run)
        if not number:
            in_graph.parts.clear()
    rows = [in_graph.row(name, count) for name in contenders]
    return [[*row, row[4] / rows[0][4]] for row in rows]


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


def main(_):
    tf.get_logger().setLevel('ERROR')
    graph_rows, eager_rows = [], []
    with tempfile.TemporaryDirectory() as directory:
        for count in map(int, _VARIABLES.value):
            source = _write(os.path.join(directory, str(count)), count)
            graph_rows += _graph_rows(source, count)
            eager_rows += _eager_rows(source, count)
    print_table(
        'In a session: seconds to build, to initialize and load, and further ops per variable',
        ['variables', 'contender', 'build', 'run', 'both', 'ops', 'time / ours'],
        graph_rows,
    )
    print_table('In eager mode', ['variables', 'contender', 'seconds', 'time / ours'], eager_rows)


if __name__ == '__main__':
    app.run(main)
