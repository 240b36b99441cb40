r"""How long training stands still for a save in the background against a synchronous one, and the memory each takes.

Each hook trains in a process of its own, so that its peak memory can be told. A step adds to all variables and keeps
all cores busy, so the writer in the background takes its share from training: `lost in all` is by how much all steps
together took longer, from the beginning of a save until the checkpoint was there.

python -m tests.benchmarks.async_saves --megabytes=1000 --variables=64 --style=both
"""

import collections
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import print_table, ratio

tf1 = tf.compat.v1
_MEGABYTES = flags.DEFINE_integer('megabytes', 1000, 'Size of all variables together.')
_VARIABLES = flags.DEFINE_integer('variables', 64, 'Number of variables.')
_STYLE = flags.DEFINE_enum('style', 'both', ['tf1', 'tf2', 'both'], 'Style of the checkpoints.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure, each with a process for each hook.')
_SAVES = flags.DEFINE_integer('saves', 3, 'Saves to measure in each process.')
_STEPS = flags.DEFINE_integer('steps', 20, 'Steps to measure before each save.')
_WARM = flags.DEFINE_boolean(
    'warm',
    True,
    'Whether another process takes and gives back the memory of four copies before each save. Without, what a virtual '
    'machine has given back to its host is measured too: it takes seconds to get it again.',
)
_HOOK = flags.DEFINE_string('hook', None, 'Only trains with this hook and prints what was measured, as JSON.')

_HOOKS = {
    'no saves': None,
    'synchronous': tf1.train.CheckpointSaverHook,
    'in the background': estimator_ckpt.AsyncCheckpointSaverHook,
}


class _Saver(estimator_ckpt.Saver):
    """Notes when a checkpoint is there."""

    saves = 0
    saved_at = 0.0

    def save(self, *args, **kwargs):
        return self._noted(super().save(*args, **kwargs))

    def save_snapshot(self, *args, **kwargs):
        return self._noted(super().save_snapshot(*args, **kwargs))

    def _noted(self, path: str) -> str:
        self.saved_at = time.perf_counter()
        self.saves += 1
        return path


@dataclasses.dataclass
class _Save:
    """One save, in seconds.

    Attributes:
      step: What a step takes while nothing is saved or written.
      stall: By how much the step that saves takes longer.
      there: From the beginning of that step until the checkpoint is there.
      beside: What a step takes while the checkpoint is being written; None where no step is that short.
      lost: By how much all steps until then take longer together.
    """

    step: float
    stall: float
    there: float
    beside: float | None
    lost: float


class _Training:
    """A session that trains; the global step is counted only where a checkpoint is to be saved."""

    def __init__(self, session, train_op, count, saver: _Saver):
        self._session, self._train_op, self._saver = session, train_op, saver
        self._with_save = [train_op, count]

    def _step(self, fetches) -> tuple[float, float]:
        start = time.perf_counter()
        self._session.run(fetches)
        return start, time.perf_counter()

    def quiet_step(self) -> float:
        """The median of steps beside which nothing is written."""
        os.sync()
        times = [self._step(self._train_op) for _ in range(_STEPS.value)]
        return statistics.median(end - start for start, end in times)

    def save(self) -> _Save:
        """Trains a step with a save, and on until the checkpoint is there."""
        quiet, before = self.quiet_step(), self._saver.saves
        if _WARM.value:
            subprocess.run([sys.executable, '-c', f'b"." * {_MEGABYTES.value * 4_000_000}'], check=True)
        times = [self._step(self._with_save)]
        while self._saver.saves == before:
            times.append(self._step(self._train_op))
        lengths = [end - start for start, end in times]
        beside = lengths[1:-1]  # The last step may end after the write has.
        return _Save(
            step=quiet,
            stall=lengths[0] - quiet,
            there=self._saver.saved_at - times[0][0],
            beside=statistics.median(beside) if beside else None,
            lost=sum(lengths) - quiet * len(lengths),
        )


def _train(hook: str, directory: str) -> dict[str, object]:
    """What is measured in the process of one hook."""
    with tf.Graph().as_default():
        size = _MEGABYTES.value * 250_000 // _VARIABLES.value
        for number in range(_VARIABLES.value):
            tf1.get_variable(f'v{number}', [size], initializer=tf1.random_normal_initializer())
        gradient = tf.ones([size])
        train_op = tf.group([variable.assign_add(gradient) for variable in tf1.global_variables()])
        count = tf1.train.get_or_create_global_step().assign_add(1)
        saver = _Saver(_STYLE.value, max_to_keep=1)
        make = _HOOKS[hook]
        hooks = [make(directory, save_steps=1, saver=saver)] if make else []
        scaffold = tf1.train.Scaffold(saver=saver)
        with tf1.train.MonitoredSession(tf1.train.ChiefSessionCreator(scaffold), hooks) as session:
            training = _Training(session, train_op, count, saver)
            while make and not saver.saves:  # The one that every hook saves at the beginning.
                session.run(train_op)
            saves = [dataclasses.asdict(training.save()) for _ in range(_SAVES.value if make else 0)]
            step = training.quiet_step()
    return {'saves': saves, 'step': step, 'peak': _peak_memory()}


def _peak_memory() -> float:
    """VmHWM in MB; getrusage's ru_maxrss starts at that of the process that started this one."""
    with open('/proc/self/status') as status:
        return int(re.search(r'VmHWM:\s*(\d+) kB', status.read())[1]) / 1000


def _in_a_process(hook: str) -> dict[str, object]:
    command = [sys.executable, '-m', 'tests.benchmarks.async_saves', *sys.argv[1:], f'--hook={hook}']
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def _measure() -> dict[str, dict[str, list[float]]]:
    """For each of the measures what each hook has, round by round."""
    measures: dict[str, dict[str, list[float]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    names = list(_HOOKS)
    for number in range(_ROUNDS.value):
        for hook in names[number % len(names) :] + names[: number % len(names)]:
            measured = _in_a_process(hook)
            measures['peak'][hook].append(measured['peak'])
            measures['step'][hook].append(measured['step'])
            for name in ('stall', 'there', 'lost') if measured['saves'] else ():
                measures[name][hook].append(statistics.median(save[name] for save in measured['saves']))
            slower = [save['beside'] / save['step'] for save in measured['saves'] if save['beside']]
            if slower:
                measures['slower'][hook].append(statistics.median(slower))
    return measures


def _row(hook: str, measures: dict[str, dict[str, list[float]]]) -> list[object]:
    def cells(name: str, against: str | None = None) -> list[object]:
        if not measures[name][hook]:
            return ['-'] * (2 if against else 1)
        median = statistics.median(measures[name][hook])
        return [median, ratio(measures[name], hook, against)] if against else [median]

    return [
        hook,
        *cells('stall', 'synchronous'),
        *cells('lost', 'synchronous'),
        *cells('there'),
        *cells('step'),
        *cells('slower'),
        *cells('peak', 'synchronous'),
    ]


def main(_):
    tf.get_logger().setLevel('ERROR')
    if _HOOK.value:
        with tempfile.TemporaryDirectory() as directory:
            print(json.dumps(_train(_HOOK.value, directory)))
        return
    measures = _measure()
    print_table(
        f'Saving {_MEGABYTES.value} MB in {_VARIABLES.value} variables while training',
        ['hook', 'stall, s', '/ synchronous', 'lost in all, s', '/ synchronous', 'there after, s']
        + ['step, s', 'beside the write / step', 'peak memory, MB', '/ synchronous'],
        [_row(hook, measures) for hook in _HOOKS],
    )


if __name__ == '__main__':
    app.run(main)
