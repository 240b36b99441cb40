r"""Trains in a process that is killed at random moments, again and again, and checks what each kill has left.

python tests/reliability/killed_runs.py KIND DIRECTORY KILLS SEED

Processes are forked after TensorFlow was imported and before it has started a thread, which saves the import. Prints a
JSON object: the faults that were found, the steps that the latest checkpoint had, and what was left over at the end.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from tests.testing.sessions import saving_session

tf1 = tf.compat.v1
KINDS = ('tf1', 'tf2', 'both', 'mirror', 'background')
_LAST_STEP = 1_000_000


def train(directory: str, kind: str, steps: int = _LAST_STEP) -> None:
    """Trains, and saves each step."""
    tf.get_logger().setLevel('ERROR')
    with tf.Graph().as_default():
        value = tf1.get_variable('v', initializer=np.arange(20_000, dtype=np.float32))
        step = tf1.train.get_or_create_global_step()
        train_op = tf.group(value.assign_add(tf.ones(20_000)), step.assign_add(1))
        style = kind if kind in ('tf1', 'tf2', 'both') else 'tf1'
        checkpoint = tf.train.Checkpoint(v=value, step=step)
        config = tf.estimator.RunConfig(model_dir=directory, keep_checkpoint_max=3)
        hooks: list[tf1.train.SessionRunHook] = [tf1.train.StopAtStepHook(num_steps=steps)]
        if kind == 'mirror':
            hooks.append(
                estimator_ckpt.CheckpointMirrorHook(f'{directory}/mirror', 'tf2', keep_checkpoint_max=3)
            )
        if kind == 'background':
            hooks.append(estimator_ckpt.AsyncCheckpointSaverHook(directory, save_steps=1))
        scaffold = estimator_ckpt.scaffold(style, checkpoint, config=config)
        save_steps = None if kind == 'background' else 1
        with saving_session(directory, scaffold, hooks, save_steps) as session:
            while not session.should_stop():
                session.run(train_op)


def in_a_process(directory: str, kind: str, kill_after: float | None, steps: int = _LAST_STEP) -> int:
    """Trains in a process that is killed after some seconds, or ends by itself, and returns its status."""
    child = os.fork()
    if not child:
        try:
            train(directory, kind, steps)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        # The clock starts when the first checkpoint of this process is announced, or about to be.
        started, before = time.monotonic(), _announced(directory)
        while _announced(directory) == before and time.monotonic() - started < 30:
            time.sleep(0.002)
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _announced(directory: str) -> float:
    path = os.path.join(directory, 'checkpoint')
    return os.path.getmtime(path) if os.path.exists(path) else 0.0


def faults(directory: str) -> tuple[list[str], int]:
    """Returns what is broken of what the state file names, and the latest step."""
    state = read_state(directory)
    if state is None:
        return [], 0
    found = []
    for name in {state.latest, *state.all}:
        report = estimator_ckpt.verify(os.path.join(directory, name))
        found += [str(fault) for fault in report.faults]
    return found, int(state.latest.rpartition('-')[2])


def main() -> None:
    kind, directory, kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    moments, steps, broken = random.Random(seed), [], []
    pathlib.Path(directory).mkdir(parents=True)
    for _ in range(kills):
        in_a_process(directory, kind, moments.uniform(0, 0.3))
        folders = [directory, f'{directory}/mirror'] if kind == 'mirror' else [directory]
        for folder in folders:
            if os.path.isdir(folder):
                found, step = faults(folder)
                broken += found
                steps += [step] if folder == directory else []
    if status := in_a_process(directory, kind, None, steps[-1] + 2):
        broken.append(f'the last run ended with status {status}')
    left = [
        leftover.path for folder in folders for leftover in estimator_ckpt.list_directory(folder).leftovers
    ]
    unlisted = [
        checkpoint.prefix
        for folder in folders
        for checkpoint in estimator_ckpt.list_directory(folder).checkpoints
        if not checkpoint.is_listed
    ]
    print(json.dumps({'broken': broken, 'steps': steps, 'left': left, 'unlisted': unlisted}))


if __name__ == '__main__':
    main()
