r"""Trains in one directory in two processes at once, again and again, and prints how they end.

python tests/reliability/two_trainings.py KIND DIRECTORY ROUNDS

Processes are forked after TensorFlow was imported. In every other round the second one starts when the first has saved
some checkpoints. Prints a JSON object: what the processes that stopped have said, and what is wrong.
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from tests.reliability.killed_runs import train

SECONDS = 15


def start(directory: str, kind: str, result: pathlib.Path) -> int:
    """Starts a process that trains until it is killed or stops by an error, and returns its id."""
    child = os.fork()
    if child:
        return child
    try:
        train(directory, kind)
    except BaseException as error:
        is_expected = isinstance(error, estimator_ckpt.CheckpointError)
        text = str(error) if is_expected else ''.join(traceback.format_exception(error))
        result.write_text(json.dumps({'is_expected': is_expected, 'text': text}))
    os._exit(0)


def wait_for_step(directory: str, step: int) -> None:
    """Waits until the state file names a checkpoint of at least a step."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        state = read_state(directory) if os.path.isdir(directory) else None
        if state is not None and int(state.latest.rpartition('-')[2]) >= step:
            return
        time.sleep(0.002)


def run_round(directory: str, kind: str, is_staggered: bool) -> tuple[list[str], list[str]]:
    """Trains in two processes until one stops, and returns what those that stopped have said, and what is wrong."""
    results = [pathlib.Path(f'{directory}-result-{number}') for number in range(2)]
    children = []
    for result in results:
        result.unlink(missing_ok=True)
        children.append(start(directory, kind, result))
        if is_staggered and len(children) == 1:
            wait_for_step(directory, 5)
    ended: set[int] = set()
    ends = time.monotonic() + SECONDS
    while not ended and time.monotonic() < ends:
        ended = {child for child in children if os.waitpid(child, os.WNOHANG)[0]}
        time.sleep(0.005)
    said, wrong = [], []
    if len(ended) < 2:  # The other one goes on.
        step = int(read_state(directory).latest.rpartition('-')[2])
        wait_for_step(directory, step + 2)
    for child in set(children) - ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for result in results:
        if result.exists():
            outcome = json.loads(result.read_text())
            (said if outcome['is_expected'] else wrong).append(outcome['text'])
    if not said:
        wrong.append('no process has noticed the other one')
    report = estimator_ckpt.verify(directory)
    return said, wrong + [str(fault) for fault in report.faults]


def main() -> None:
    kind, folder, rounds = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    said, wrong = [], []
    for number in range(rounds):
        directory = str(folder / f'run-{number}')
        said_now, wrong_now = run_round(directory, kind, number % 2 == 1)
        said += said_now
        wrong += [f'round {number}: {text}' for text in wrong_now]
        shutil.rmtree(directory)
    print(json.dumps({'said': said, 'wrong': wrong}))


if __name__ == '__main__':
    main()
