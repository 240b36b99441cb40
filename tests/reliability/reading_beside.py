r"""Reads checkpoints beside a process that writes and deletes them, and prints what each command gave.

python tests/reliability/reading_beside.py DIRECTORY SECONDS

TensorFlow is not imported. Prints a JSON object: the number of runs by command and exit code, and what is wrong.
"""

import collections
import contextlib
import io
import itertools
import json
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable

import numpy as np

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.bundle.reader import stored_files
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.cli import main

KEPT = 2
# The named checkpoint may be gone before it is looked for, or while it is read, and its index before its data.
GONE = ('was deleted while it was read', 'No checkpoint ', 'if training has just deleted this')


def train(directory: str, pause: float) -> None:
    """Saves a checkpoint after the other, and deletes all but the last ones, index first, as a saver does."""
    files, kept = LocalFiles(), []
    for step in itertools.count(1):
        writer = BundleWriter(os.path.join(directory, f'model.ckpt-{step}'))
        writer.add_tensor('v', np.full(5000, step, np.float32))
        writer.add_tensor('w', np.full(5000, step, np.float32))
        writer.add_tensor('global_step', np.int64(step))
        kept.append(writer.publish(durable=False))
        surplus, kept = kept[:-KEPT], kept[-KEPT:]
        names = tuple(map(os.path.basename, kept))
        write_state(directory, CheckpointState(names[-1], names), durable=False)
        for prefix in surplus:
            for path in stored_files(prefix):
                files.discard(path)
        time.sleep(pause)


def run_command(*arguments: str) -> tuple[int, str, str]:
    """Runs a command line in this process, and returns its exit code, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main.main(['estimator-ckpt', *arguments])
        except BaseException as error:
            return 99, out.getvalue(), f'Traceback: {error!r}'
    return code, out.getvalue(), err.getvalue()


def _values(path: str) -> tuple[int, str, str]:
    try:
        arrays = estimator_ckpt.load(path)
        steps = {float(np.asarray(arrays[key]).flat[0]) for key in arrays}
    except CheckpointNotFoundError as error:
        return 2, '', f'load: {error}\n'
    except BaseException as error:
        return 99, '', f'Traceback: {error!r}'
    return (0, '', '') if len(steps) == 1 else (98, '', f'values of several steps: {steps}')


def commands(directory: str, other: str, target: str) -> dict[str, Callable[[str], tuple[int, str, str]]]:
    """Returns the functions of a path to be run, by name."""
    convert = ['--style=both', '--overwrite']
    return {
        'verify': lambda path: run_command('verify', path),
        'inspect --values': lambda path: run_command('inspect', path, '--values'),
        'inspect': lambda path: run_command('inspect', path),
        'convert': lambda path: run_command('convert', path, target, *convert),
        'convert --data=copy': lambda path: run_command('convert', path, target, *convert, '--data=copy'),
        'convert npz': lambda path: run_command('convert', path, f'{target}.npz', '--overwrite'),
        'diff': lambda path: run_command('diff', path, other),
        'diff of itself': lambda path: run_command('diff', path, path),
        'diff the other way': lambda path: run_command('diff', other, path),
        'plan': lambda path: run_command('plan', path, other),
        'plan onto': lambda path: run_command('plan', other, path),
        'load': _values,
        'average': lambda path: run_command('average', path, other, target, '--overwrite'),
        'average --last=2': lambda path: run_command('average', directory, target, '--last=2', '--overwrite'),
        'list': lambda path: run_command('list', directory),
    }


def fault(name: str, is_named: bool, code: int, out: str, err: str) -> str:
    """Returns what is wrong with a run; empty for nothing."""
    # A difference between two paths is no fault, as they may mean two checkpoints.
    fine = {0, 1} if name.startswith('diff') else {0}
    if code in fine and not err:
        return ''
    lines = err.splitlines()
    # Retention may be faster than two checkpoints are averaged, however often, or than arrays are read that have been
    # opened: they stay those of the checkpoint that was the latest then.
    may_be_gone = is_named or name in ('average --last=2', 'load')
    if may_be_gone and code == 2 and len(lines) == 1 and any(gone in lines[0] for gone in GONE):
        return ''
    return f'{name} of {"a named checkpoint" if is_named else "the latest"}: {code} {err.strip() or out}'


def run() -> None:
    """Runs the commands in turn for the seconds that the command line asks for."""
    folder, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    directory, other = folder / 'run', BundleWriter(str(folder / 'other' / 'x'))
    directory.mkdir()
    for key in 'vw':
        other.add_tensor(key, np.zeros(5000, np.float32))
    other.add_tensor('global_step', np.int64(0))
    functions = commands(str(directory), other.publish(durable=False), str(folder / 'to' / 'y'))
    child = os.fork()
    if not child:
        train(str(directory), 0.002)
    faults, runs = [], collections.Counter()
    try:
        while read_state(str(directory)) is None:
            time.sleep(0.01)
        ends, is_named = time.monotonic() + seconds, False
        while time.monotonic() < ends:
            for name, function in functions.items():
                path = str(directory)
                if is_named:
                    path = os.path.join(path, read_state(path).all[0])
                code, out, err = function(path)
                wrong = fault(name, is_named, code, out, err)
                if wrong:
                    faults.append(wrong)
                runs[f'{name}{" (named)" if is_named else ""}: {code}'] += 1
            is_named = not is_named
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    step = int(read_state(str(directory)).latest.rpartition('-')[2])
    tensorflow = 'tensorflow' in sys.modules
    print(json.dumps({'faults': faults, 'runs': runs, 'step': step, 'tensorflow': tensorflow}))


if __name__ == '__main__':
    run()
