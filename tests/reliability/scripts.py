"""Runs the scripts of this folder in processes of their own."""

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

_FOLDER = pathlib.Path(__file__).parent


def run(script: str, *arguments: Any, timeout: float = 150) -> Any:
    """Runs a script to its end, and returns the JSON that its last line is.

    Args:
      script: The name of the file.
      *arguments: Its arguments.
      timeout: The number of seconds that it may take.
    """
    process = subprocess.run(
        [sys.executable, _FOLDER / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {'PYTHONPATH': str(_FOLDER.parents[1])},
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout.splitlines()[-1])
