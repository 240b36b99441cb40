"""Tests that SIGTERM ends a process after its background save, whatever lock the main thread holds."""

import signal

from tests.reliability.scripts import run


def test_the_save_is_finished_and_the_process_dies_by_the_signal(tmp_path):
    results = run('terminated_saves.py', tmp_path, timeout=120)
    assert len(results) == 5
    assert results == dict.fromkeys(results, [signal.SIGTERM, True])
