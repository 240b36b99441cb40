"""Tests that SIGTERM ends a process after its background save, whatever lock the main thread holds."""

import json
import os
import pathlib
import signal
import subprocess
import sys


def test_the_save_is_finished_and_the_process_dies_by_the_signal(tmp_path):
    script = pathlib.Path(__file__).with_name('terminated_saves.py')
    process = subprocess.run(
        [sys.executable, script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {'PYTHONPATH': str(script.parents[2])},
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    results = json.loads(process.stdout.splitlines()[-1])
    assert len(results) == 5
    assert results == dict.fromkeys(results, [signal.SIGTERM, True])
