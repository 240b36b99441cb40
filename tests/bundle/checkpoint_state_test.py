"""Tests the `checkpoint` state file against TensorFlow's."""

import os
import pathlib
import subprocess
import sys
import textwrap

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CorruptCheckpointError
from tests.bundle.helpers import properties, temporary_prefix

AWKWARD = [
    'model.ckpt-1',
    'with "quotes"',
    "with 'quote'",
    'back\\slash',
    'new\nline',
    'tab\t',
    'naïve-日本-🙂',
    ' ',
]

states = st.builds(
    lambda paths, timestamps, preserved: CheckpointState(
        paths[-1], paths, timestamps[: len(paths)], preserved
    ),
    st.lists(st.text(min_size=1) | st.sampled_from(AWKWARD), min_size=1, max_size=4, unique=True).map(tuple),
    st.lists(st.floats(0, 2e9), min_size=4, max_size=4).map(tuple),
    st.floats(0, 2e9),
)


@properties(100)
@hypothesis.given(states)
def test_any_state_is_read_back_equal(state):
    with temporary_prefix() as prefix:
        write_state(os.path.dirname(prefix), state)
        assert read_state(os.path.dirname(prefix)) == state


@properties(100)
@hypothesis.given(states)
def test_any_state_we_write_is_read_by_tensorflow(state):
    with temporary_prefix() as prefix:
        directory = os.path.dirname(prefix)
        write_state(directory, state)
        theirs = tf.train.get_checkpoint_state(directory)
    assert theirs.model_checkpoint_path == os.path.join(directory, state.latest)
    assert list(theirs.all_model_checkpoint_paths) == [os.path.join(directory, path) for path in state.all]
    assert tuple(theirs.all_model_checkpoint_timestamps) == state.timestamps
    assert theirs.last_preserved_timestamp == state.last_preserved


@properties(100)
@hypothesis.given(states)
def test_any_state_that_tensorflow_writes_is_read(state):
    with temporary_prefix() as prefix:
        directory = os.path.dirname(prefix)
        tf.compat.v1.train.update_checkpoint_state(
            directory,
            state.latest,
            list(state.all),
            all_model_checkpoint_timestamps=state.timestamps,
            last_preserved_timestamp=state.last_preserved or None,
        )
        assert read_state(directory) == state


def test_absolute_paths_stay_as_tensorflow_writes_them(tmp_path):
    latest = str(tmp_path / 'model.ckpt-2')
    tf.compat.v1.train.update_checkpoint_state(str(tmp_path), latest)
    assert read_state(str(tmp_path)) == CheckpointState(latest, (latest,))


def test_the_file_has_the_bytes_that_tensorflow_writes(tmp_path):
    tf.compat.v1.train.update_checkpoint_state(
        str(tmp_path), 'naïve-2', ['m-1', 'naïve-2'], 'theirs', [1.5, 1e9 / 3], 0.25
    )
    write_state(str(tmp_path), CheckpointState('naïve-2', ('m-1', 'naïve-2'), (1.5, 1e9 / 3), 0.25), 'ours')
    assert (tmp_path / 'ours').read_bytes() == (tmp_path / 'theirs').read_bytes()


def test_a_state_file_of_another_name_is_read_and_written(tmp_path):
    write_state(str(tmp_path), CheckpointState('a', ('a',)), 'best')
    assert read_state(str(tmp_path)) is None
    assert read_state(str(tmp_path), 'best').latest == 'a'
    assert tf.train.latest_checkpoint(str(tmp_path), 'best') is None
    assert tf.train.get_checkpoint_state(str(tmp_path), 'best').model_checkpoint_path == str(tmp_path / 'a')


@pytest.mark.parametrize('contents', [None, b'', b'# nothing\n', b'all_model_checkpoint_paths: "a"'])
def test_a_folder_whose_state_file_is_missing_or_names_no_latest_has_no_state(tmp_path, contents):
    if contents is not None:
        (tmp_path / 'checkpoint').write_bytes(contents)
    assert read_state(str(tmp_path)) is None


def test_a_folder_named_checkpoint_is_no_state_file(tmp_path):
    (tmp_path / 'checkpoint').mkdir()
    assert read_state(str(tmp_path)) is None


def test_fields_of_a_newer_format_are_passed_over(tmp_path):
    (tmp_path / 'checkpoint').write_text('model_checkpoint_path: "a"\nnew_field: 3\nother { x: "y" }\n')
    assert read_state(str(tmp_path)).latest == 'a'


@pytest.mark.parametrize(
    'garbage',
    [
        b'model_checkpoint_path: unquoted',
        b'model_checkpoint_path',
        b'\x80\x81',
        b'\0',
        b'model_checkpoint_path: "\xff"',
        b'model_checkpoint_path: "\\377"',
        b'version https://git-lfs.github.com/spec/v1\n',
        b'a{' * 10_000,
        b'a:[' * 10_000,
    ],
)
def test_a_state_file_that_is_garbage_is_named_with_the_cure(tmp_path, garbage):
    (tmp_path / 'checkpoint').write_bytes(garbage)
    with pytest.raises(CorruptCheckpointError, match=f'{tmp_path}/checkpoint is not.*remove it, or pass a'):
        read_state(str(tmp_path))


@properties(300)
@hypothesis.given(
    st.binary(max_size=60) | st.text(alphabet='model_checkpoint_path: "\\x1{}<>\n').map(str.encode)
)
def test_any_bytes_in_place_of_a_state_file_are_read_or_corrupt(garbage):
    with temporary_prefix('checkpoint') as path:
        pathlib.Path(path).write_bytes(garbage)
        try:
            state = read_state(os.path.dirname(path))
        except CorruptCheckpointError:
            return
    assert state is None or state.latest


def test_a_replaced_state_file_leaves_no_other_file(tmp_path):
    for latest in 'ab':
        write_state(str(tmp_path), CheckpointState(latest, (latest,)))
    assert os.listdir(tmp_path) == ['checkpoint']
    assert read_state(str(tmp_path)).latest == 'b'


def test_a_reader_that_has_the_old_file_open_reads_it_whole(tmp_path):
    write_state(str(tmp_path), CheckpointState('old', ('old',)))
    with open(tmp_path / 'checkpoint') as file:
        write_state(str(tmp_path), CheckpointState('new', ('new',)))
        assert file.read() == 'model_checkpoint_path: "old"\nall_model_checkpoint_paths: "old"\n'


def test_a_state_file_that_does_not_fit_on_the_disk_leaves_the_one_that_was_there(tmp_path):
    write_state(str(tmp_path), CheckpointState('old', ('old',)))
    script = """
        import resource, sys
        from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        write_state(sys.argv[1], CheckpointState('x' * 200))
    """
    result = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(script), str(tmp_path)],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'OSError: [Errno 27] File too large' in result.stderr
    assert os.listdir(tmp_path) == ['checkpoint']
    assert read_state(str(tmp_path)).latest == 'old'


def test_a_state_file_that_cannot_be_replaced_leaves_no_other_file(tmp_path):
    (tmp_path / 'checkpoint').mkdir()
    with pytest.raises(IsADirectoryError, match='checkpoint'):
        write_state(str(tmp_path), CheckpointState('a', ('a',)))
    assert os.listdir(tmp_path) == ['checkpoint']
