"""Prints the help of every example named in the arguments, each in a fork of a process that has TensorFlow already.

The answer is a JSON object from the file's name to its exit code and what it has printed.
"""

import contextlib
import io
import json
import os
import pathlib
import runpy
import sys
import traceback

import sklearn.datasets  # noqa: F401
import tensorflow as tf

tf.keras.layers.Dense  # noqa: B018  TensorFlow loads Keras when it is first asked for.


def help_of(example: str) -> tuple[int, str]:
    """Returns the exit code of `example --help` and what it has printed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        code, printed = _run(example)
        with os.fdopen(writing, 'w') as file:
            file.write(printed)
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        printed = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed


def _run(example: str) -> tuple[int, str]:
    sys.argv = [example, '--help']
    sys.path.insert(0, os.path.dirname(example))
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            runpy.run_path(example, run_name='__main__')
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else bool(end.code)
        except Exception:
            traceback.print_exc()
            code = 2
    return code, printed.getvalue()


if __name__ == '__main__':
    print(json.dumps({pathlib.Path(example).name: help_of(example) for example in sys.argv[1:]}))
