r"""Terminates processes while a background save needs a lock that the main thread holds, and prints how they end.

python tests/reliability/terminated_saves.py DIRECTORY

Processes are forked after TensorFlow was imported. Prints a JSON object: for each lock, the signal by which the process
has ended (0 if it still ran), and whether the checkpoint was written.
"""

import contextlib
import json
import logging
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf

from estimator_ckpt.saving.background_save import BackgroundSave

SECONDS = 5
_HANDLER = tf.get_logger().handlers[0]
_MODULE = 'imported_by_both_threads'


@contextlib.contextmanager
def _held(lock: threading.RLock) -> Iterator[None]:
    with lock:
        yield


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)  # Python calls its handler before this.


def _holding_handler(save: BackgroundSave, needs_lock: threading.Event) -> None:
    with _held(_HANDLER.lock):
        needs_lock.set()
        _signal()


def _holding_all_of_logging(save: BackgroundSave, needs_lock: threading.Event) -> None:
    with _held(logging._lock):
        needs_lock.set()
        _signal()


def _importing(save: BackgroundSave, needs_lock: threading.Event) -> None:
    # The module, which the writer imports too, calls this back.
    sys.signal_now = lambda: (needs_lock.set(), _signal())
    __import__(_MODULE)


def _waiting(save: BackgroundSave, needs_lock: threading.Event) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    threading.Timer(0.6, needs_lock.set).start()
    save.wait()


def _sleeping(save: BackgroundSave, needs_lock: threading.Event) -> None:
    threading.Timer(0.3, needs_lock.set).start()
    _signal()
    time.sleep(60)


def _log() -> None:
    tf.get_logger().error('The writer logs.')


def _get_new_logger() -> None:
    logging.getLogger('a logger that is new')


CASES: dict[str, tuple[Callable[..., None], Callable[[], object]]] = {
    "a log handler's": (_holding_handler, _log),
    "logging's": (_holding_all_of_logging, _get_new_logger),
    "a module's": (_importing, lambda: __import__(_MODULE)),
    'none, waiting': (_waiting, _log),
    'none, sleeping': (_sleeping, _log),
}


def _run(case: str, path: pathlib.Path) -> None:
    hold, needs = CASES[case]
    needs_lock = threading.Event()

    def write(snapshot: object, step: int) -> None:
        needs_lock.wait()
        needs()
        path.write_text(str(step))

    save = BackgroundSave(7, write, None)
    save.start()
    hold(save, needs_lock)
    time.sleep(60)


def main() -> None:
    folder, results = pathlib.Path(sys.argv[1]), {}
    (folder / f'{_MODULE}.py').write_text('import sys\nsys.signal_now()\n')
    sys.path.append(str(folder))
    for number, case in enumerate(CASES):
        path = folder / f'written-{number}'
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _run(case, path)
            os._exit(0)
        ended, started = (0, 0), time.monotonic()
        while not ended[0] and time.monotonic() - started < SECONDS:
            time.sleep(0.02)
            ended = os.waitpid(child, os.WNOHANG)
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        results[case] = (os.WTERMSIG(ended[1]) if ended[0] else 0, path.exists())
    print(json.dumps(results))


if __name__ == '__main__':
    main()
