"""Tests that a disk that fails in training costs no checkpoint, and is said in a sentence."""

import contextlib
import errno
import os
import pickle
import re
import resource
import shutil
import subprocess
import threading

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.files import LocalFiles
from tests.testing.sessions import saving_session

tf1 = tf.compat.v1
KINDS = ('eager', 'session', 'background')


@contextlib.contextmanager
def limited(kind, number):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def large_files(directory):
    return limited(resource.RLIMIT_FSIZE, 200_000)


def open_files(directory):
    # The next free descriptor is the lowest one.
    descriptor = os.open('/dev/null', os.O_RDONLY)
    os.close(descriptor)
    return limited(resource.RLIMIT_NOFILE, descriptor)


@contextlib.contextmanager
def failing(name, number, holder=LocalFiles):
    function = getattr(holder, name)

    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number), str(arguments[-1]))

    setattr(holder, name, fail)
    try:
        yield
    finally:
        setattr(holder, name, function)


def no_writes(directory):
    return failing('rename', errno.EROFS)


def no_permission(directory):
    return failing('make_dirs', errno.EACCES)


def no_sync(directory):
    return failing('sync', errno.EIO)


@contextlib.contextmanager
def a_file_in_its_place(directory):
    os.rename(directory, f'{directory}.moved')
    directory.write_text('')
    try:
        yield
    finally:
        directory.unlink()
        os.rename(f'{directory}.moved', directory)


@contextlib.contextmanager
def full_disk(directory):
    """Moves the directory to a file system of its own, which has no room."""
    shutil.move(directory, f'{directory}.moved')
    directory.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        directory.rmdir()
        shutil.move(f'{directory}.moved', directory)
        pytest.skip('mounting needs the rights of root')
    try:
        shutil.copytree(f'{directory}.moved', directory, dirs_exist_ok=True)
        with contextlib.suppress(OSError), open(directory / 'other', 'wb', buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        os.truncate(directory / 'other', os.path.getsize(directory / 'other') - 100_000)
        yield
    finally:
        shutil.rmtree(f'{directory}.moved')
        shutil.copytree(directory, f'{directory}.moved')
        subprocess.run(['umount', str(directory)], check=True)
        directory.rmdir()
        os.rename(f'{directory}.moved', directory)


FAULTS = {
    large_files: (errno.EFBIG, OSError, 'and it needs at least 400 kB; .*ulimit -f'),
    open_files: (errno.EMFILE, tf.errors.ResourceExhaustedError, 'ulimit -n'),
    no_writes: (errno.EROFS, tf.errors.PermissionDeniedError, 'check how the file system is mounted'),
    no_permission: (errno.EACCES, PermissionError, 'check the permissions'),
    no_sync: (errno.EIO, OSError, 'check the disk'),
    a_file_in_its_place: (errno.ENOTDIR, OSError, 'check the path'),
    full_disk: (
        errno.ENOSPC,
        tf.errors.ResourceExhaustedError,
        'at least 400 kB, while .* are free; .*make room',
    ),
}


class FaultAt(tf1.train.SessionRunHook):
    """Lets the disk fail after a step."""

    def __init__(self, stack, fault, directory, step):
        self.stack, self.fault, self.directory, self.step, self.count = stack, fault, directory, step, 0

    def after_run(self, run_context, run_values):
        self.count += 1
        if self.count == self.step:
            # What is written in the background is written before.
            while not os.path.exists(self.directory / f'model.ckpt-{self.step}.meta'):
                pass
            for thread in threading.enumerate():
                if thread.name == f'checkpoint of step {self.step}':
                    thread.join()  # It reports its save after that file.
            self.stack.enter_context(self.fault(self.directory))


def train(kind, directory, fault, stack, hooks=()):
    """Saves each step, until the disk fails after step 3."""
    if kind == 'eager':
        value = tf.Variable(tf.zeros(100_000), name='v')
        saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(v=value))
        for step in range(1, 6):
            saver.save(None, str(directory / 'model.ckpt'), global_step=step)
            if step == 3:
                stack.enter_context(fault(directory))
        return
    with tf.Graph().as_default():
        value = tf1.get_variable('v', initializer=np.zeros(100_000, np.float32))
        step = tf1.train.get_or_create_global_step()
        train_op = step.assign_add(1)
        scaffold = estimator_ckpt.scaffold('both', tf.train.Checkpoint(v=value, step=step))
        hooks = [FaultAt(stack, fault, directory, 3), tf1.train.StopAtStepHook(num_steps=9), *hooks]
        if kind == 'background':
            hooks.insert(0, estimator_ckpt.AsyncCheckpointSaverHook(str(directory), save_steps=1))
        with saving_session(directory, scaffold, hooks, 1 if kind == 'session' else None) as session:
            while not session.should_stop():
                session.run(train_op)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_a_disk_that_fails_costs_no_checkpoint_and_is_said_in_a_sentence(tmp_path, fault, kind, caplog):
    number, type_of_error, remedy = FAULTS[fault]
    directory = tmp_path / 'run'
    with contextlib.ExitStack() as stack, pytest.raises(estimator_ckpt.CheckpointError) as caught:
        train(kind, directory, fault, stack)
    error = caught.value
    assert isinstance(error, OSError) and isinstance(error, tf.errors.OpError) and error.errno == number
    assert isinstance(error, type_of_error) and not isinstance(error, tf.errors.OutOfRangeError)
    text = str(error)
    saved = f'{directory}/model.ckpt-4'
    assert text.startswith(f'{saved} could not be saved: {os.strerror(number)}') and text.endswith('.')
    last = 'no checkpoint was saved before'
    if fault is not a_file_in_its_place:
        last = f'the last checkpoint, {directory}/model.ckpt-3, is intact'
    assert '\n' not in text and '.tmp-' not in text and '.saving-' not in text and last in text
    assert re.search(remedy, text)
    assert error.__cause__ is not None
    # Before the traceback, in which it is last.
    assert [record.message for record in caplog.records if record.levelname == 'ERROR'] == [text]
    assert read_state(str(directory)).latest == 'model.ckpt-3'
    assert estimator_ckpt.verify(directory).ok
    assert not os.path.exists(f'{saved}.index')
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.errno, type(copy)) == (text, number, type(error))


@pytest.mark.parametrize('kind', KINDS)
def test_a_directory_that_is_deleted_is_made_again(tmp_path, kind):
    directory = tmp_path / 'run'

    @contextlib.contextmanager
    def deleted(directory):
        shutil.rmtree(directory)
        yield

    with contextlib.ExitStack() as stack:
        train(kind, directory, deleted, stack)
    last = 5 if kind == 'eager' else 9
    assert read_state(str(directory)).latest == f'model.ckpt-{last}'
    assert estimator_ckpt.verify(directory).ok


def test_the_mirror_says_why_in_a_line_and_training_goes_on(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    mirror = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', data='copy')
    directory = tmp_path / 'run'
    with contextlib.ExitStack() as stack:
        train('session', directory, lambda _: failing('copy', errno.ENOSPC), stack, [mirror])
    told = [record.getMessage() for record in caplog.records if 'was not mirrored' in record.getMessage()]
    assert told[0] == (
        f'{directory}/model.ckpt-4 was not mirrored to {tmp_path}/mirror: No space left on device. Training goes on.'
    )
    assert estimator_ckpt.verify(directory).checkpoint == f'{directory}/model.ckpt-9'
    assert estimator_ckpt.verify(tmp_path / 'mirror').checkpoint == f'{tmp_path}/mirror/model.ckpt-3'
