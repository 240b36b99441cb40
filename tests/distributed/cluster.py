"""Clusters of real processes on this machine, each a task of `TF_CONFIG`, that tests can kill and start again."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.testing import small_model

_POLL_SECONDS = 0.1


class Cluster:
    """The tasks of one cluster. On leaving it as a context manager, what still runs is killed."""

    def __init__(self, command: Sequence[str], logs: pathlib.Path, evaluator: bool = False, **tasks: int):
        """Describes a cluster, none of whose tasks runs yet.

        Args:
          command: What each task runs, after the interpreter's name.
          logs: A folder for what the tasks print.
          evaluator: Whether there is an evaluator, which is a task of `TF_CONFIG` but not of the cluster.
          **tasks: The number of tasks of each job, such as `chief=1, worker=2, ps=2`.
        """
        self._command, self._logs = list(command), logs
        self._addresses = small_model.cluster(**tasks).as_dict()
        self.tasks = [f'{job}{index}' for job, number in tasks.items() for index in range(number)]
        if evaluator:
            self.tasks.append('evaluator0')
        self.processes: dict[str, subprocess.Popen] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> 'Cluster':
        return self

    def __exit__(self, *unused_error: object) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def start(self, *tasks: str, flags: Sequence[str] = ()) -> None:
        """Starts tasks, all without names; with a log that goes on where the task was started before."""
        for task in tasks or self.tasks:
            job, index = task.rstrip('0123456789'), int(task.lstrip('abcdefghijklmnopqrstuvwxyz'))
            config = {'cluster': self._addresses, 'task': {'type': job, 'index': index}}
            environment = os.environ | {
                'TF_CONFIG': json.dumps(config),
                'PYTHONPATH': os.pathsep.join(sys.path),
                'CUDA_VISIBLE_DEVICES': '',
            }
            with open(self._log_file(task), 'ab') as log:
                self.processes[task] = subprocess.Popen(
                    [sys.executable, *self._command, *flags],
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def kill(self, task: str) -> None:
        """Kills a task as a machine that fails does: it gets no word of it."""
        self.processes[task].send_signal(signal.SIGKILL)
        self.processes[task].wait()

    def kill_while_saving(self, task: str, directory: str) -> None:
        """Kills a task at an instant at which a checkpoint is being saved into a directory, and not finished."""
        process = self.processes[task]
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self._is_saving(directory):
                process.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
                if self._is_saving(directory):
                    self.kill(task)
                    return
                process.send_signal(signal.SIGCONT)
        raise AssertionError(f'{task} saved nothing.\n{self._all_logs()}')

    def _is_saving(self, directory: str) -> bool:
        return any('.saving-' in name for name in os.listdir(directory))

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Waits for a condition while the tasks that were started run, or are dead because they were killed.

        Raises:
          AssertionError: If a task ends by itself with an error, or the time is over; with what the tasks printed.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            allowed = (None, 0, -signal.SIGKILL)
            failed = [task for task, process in self.processes.items() if process.poll() not in allowed]
            if failed or time.monotonic() > deadline:
                reason = f'{", ".join(failed)} failed' if failed else f'{seconds} s were over'
                raise AssertionError(f'{reason} before {what}.\n{self._all_logs()}')
            time.sleep(_POLL_SECONDS)

    def wait_for_end(self, *tasks: str, seconds: float = 120) -> None:
        """Waits until tasks have ended without an error."""
        self.wait_until(
            lambda: all(self.processes[task].poll() == 0 for task in tasks),
            f'{", ".join(tasks)} ended',
            seconds,
        )

    def log(self, task: str) -> str:
        """What a task has printed, in all its lives."""
        return self._log_file(task).read_text(encoding='utf-8', errors='replace')

    def _log_file(self, task: str) -> pathlib.Path:
        return self._logs / f'{task}.log'

    def _all_logs(self) -> str:
        return '\n'.join(f'--- {task}\n{self.log(task)[-4000:]}' for task in self.processes)
