"""What all tests share: a quiet TensorFlow, temporary files that pytest removes, and the wild checkpoints."""

import gc
import logging
import os
import pathlib
import shutil
import sys
import tempfile
import tracemalloc
import uuid

import hypothesis.configuration
import pytest

# Read when TensorFlow is loaded, here or in a process that a test starts.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# No deadline, no database, and the same examples in every run.
hypothesis.settings.load_profile('ci')


def pytest_configure(config: pytest.Config) -> None:
    """Gives hypothesis a folder of this run, before it notes there what it finds when the tests are collected."""
    folder = tempfile.mkdtemp(prefix='hypothesis-')
    config.add_cleanup(lambda: shutil.rmtree(folder))
    hypothesis.configuration.set_hypothesis_home_dir(folder)


def pytest_collection_finish() -> None:
    """Keeps what is imported by now, TensorFlow above all, out of the garbage collections of all tests.

    They would take an eighth of the time of tests that build graphs.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def _temporary_files(tmp_path_factory):
    """Puts under pytest's folder what a test, a process it starts or a library would leave in another."""
    folder = str(tmp_path_factory.mktemp('other'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TMPDIR', folder)
        patch.setattr(tempfile, 'tempdir', folder)
        yield


@pytest.fixture(scope='module', autouse=True)
def _new_graph():
    """Starts each file with TensorFlow's global state as a new process has it, whichever ran before it."""
    if 'tensorflow' in sys.modules:
        tf = sys.modules['tensorflow']
        tf.compat.v1.reset_default_graph()
        if 'keras' in sys.modules:
            tf.keras.backend.clear_session()


@pytest.fixture(autouse=True)
def _quiet_tensorflow():
    # What `tf.get_logger()` gives, without importing TensorFlow. Warnings stay: tests look for them.
    logging.getLogger('tensorflow').setLevel(logging.WARNING)


@pytest.fixture(scope='session')
def wild() -> pathlib.Path:
    """The folder of checkpoints that strangers wrote."""
    folder = os.environ.get('ESTIMATOR_CKPT_WILD')
    if not folder:
        pytest.skip('ESTIMATOR_CKPT_WILD names no folder of wild checkpoints')
    path = pathlib.Path(folder).absolute()
    if not path.is_dir():
        pytest.fail(f'ESTIMATOR_CKPT_WILD names {path}, which is no folder.')
    return path


@pytest.fixture
def no_big_memory():
    """Fails a test in which Python takes 32 MiB at once, as sizes that a damaged file claims would."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


@pytest.fixture
def ram():
    """A folder of its own in TensorFlow's file system in memory, which stands for a remote one."""
    import tensorflow as tf

    folder = f'ram://{uuid.uuid4().hex}'
    tf.io.gfile.makedirs(folder)
    yield folder
    tf.io.gfile.rmtree(folder)


@pytest.fixture(params=['local', 'ram'])
def folder(request, tmp_path):
    """A local folder, and one of TensorFlow's file systems."""
    return str(tmp_path) if request.param == 'local' else request.getfixturevalue('ram')
