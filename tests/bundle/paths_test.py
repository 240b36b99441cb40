"""Tests which checkpoint a path means, and what is said where it means none."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from estimator_ckpt.bundle import paths
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import assert_same, our_tensors, save, tf_tensors

AWKWARD_NAMES = [
    'model.ckpt-1000',
    'weights.data',
    'model.ckpt',
    'net_L7_F32to8_G1.20_Sc4.ckpt',
    'model.index',
    'model.data-1',
    'run.data-00000-of-00001.ckpt',
    'with space',
    'naïve-日本',
    'checkpoint',
    '-1',
]
DATA = 'model.data-00000-of-00001'


def touch(*files):
    for file in files:
        pathlib.Path(file).touch()


@pytest.mark.parametrize('name', AWKWARD_NAMES)
def test_a_prefix_its_index_and_its_data_file_mean_the_checkpoint(tmp_path, name):
    prefix = save(tmp_path / name, {'x': np.ones(1)})
    for path in (prefix, f'{prefix}.index', f'{prefix}.data-00000-of-00001', tmp_path / name):
        assert paths.resolve(path) == prefix
        assert_same(our_tensors(path), tf_tensors(prefix))
    assert paths.checkpoint_exists(prefix)


@pytest.mark.parametrize('name', [*AWKWARD_NAMES, '[a-z]*'])
def test_data_files_are_those_of_the_prefix_alone(tmp_path, name):
    own = [f'{tmp_path}/{name}.data-0000{n}-of-00002' for n in range(2)]
    touch(
        *own,
        *(tmp_path / f'{other}.data-00000-of-00001' for other in (f'{name}1', f'x{name}', f'{name}.data')),
    )
    touch(tmp_path / f'{name}.index', tmp_path / f'{name}.data-00000-of-00001.tmp')
    assert paths.data_files(f'{tmp_path}/{name}') == own


def test_names_of_files_are_those_that_tensorflow_gives(tmp_path):
    prefix = save(tmp_path / 'model', {'x': np.ones(1)})
    expected = {paths.index_path(prefix), paths.data_path(prefix, 0, 1)}
    assert {str(path) for path in tmp_path.iterdir()} == expected


def test_data_files_in_a_folder_that_does_not_exist_are_none(tmp_path):
    assert paths.data_files(f'{tmp_path}/no/model') == []


def test_a_relative_prefix_and_a_folder_mean_checkpoints_of_the_working_directory(tmp_path, monkeypatch):
    save(tmp_path / 'model', {'x': np.ones(1)})
    monkeypatch.chdir(tmp_path)
    assert paths.resolve('model') == 'model'
    assert paths.resolve('.') == './model'
    assert paths.data_files('model') == ['model.data-00000-of-00001']
    assert BundleReader('model').tensor('x').tolist() == [1]
    with pytest.raises(CheckpointNotFoundError, match='No checkpoint modle: .*did you mean model'):
        paths.resolve('modle')


def test_a_model_dir_means_the_latest_checkpoint_as_for_tensorflow(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    for _ in range(3):
        checkpoint.save(str(tmp_path / 'ckpt'))
    assert paths.resolve(tmp_path) == tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / 'ckpt-3')


def test_a_model_dir_whose_state_file_holds_absolute_paths_means_that_checkpoint(tmp_path):
    prefix = save(tmp_path / 'elsewhere' / 'model', {'x': np.ones(1)})
    write_state(str(tmp_path), CheckpointState(prefix))
    assert paths.resolve(tmp_path) == prefix


def test_a_model_dir_that_was_moved_means_the_checkpoint_beside_the_state_file(tmp_path):
    (tmp_path / 'old').mkdir()
    prefix = save(tmp_path / 'old' / 'model-1', {'x': np.ones(1)})
    write_state(str(tmp_path / 'old'), CheckpointState(prefix))
    (tmp_path / 'old').rename(tmp_path / 'new')
    assert paths.resolve(tmp_path / 'new') == str(tmp_path / 'new' / 'model-1')
    assert paths.resolve_state_entry(str(tmp_path / 'new'), prefix) == str(tmp_path / 'new' / 'model-1')


def test_a_state_entry_in_a_folder_below_is_found_as_tensorflow_finds_it(tmp_path):
    prefix = save(tmp_path / 'sub' / 'model', {'x': np.ones(1)})
    write_state(str(tmp_path), CheckpointState('sub/model', ('sub/model',)))
    assert paths.resolve(tmp_path) == tf.train.latest_checkpoint(str(tmp_path)) == prefix


@pytest.mark.parametrize('gone', ['model-30', '/on/another/machine/model-30'])
def test_a_state_file_that_names_a_checkpoint_that_is_gone_leads_to_the_newest_which_is_said(
    tmp_path, gone, caplog
):
    save(tmp_path / 'model-9', {'x': np.ones(1)})
    save(tmp_path / 'model-18', {'x': np.ones(1)})
    write_state(str(tmp_path), CheckpointState(gone))
    assert paths.resolve(tmp_path) == f'{tmp_path}/model-18'
    assert f'{tmp_path} names {gone}, which' in caplog.text and f'{tmp_path}/model-18.' in caplog.text
    with pytest.raises(CheckpointNotFoundError, match='there: model-9, model-18. Pass one of them'):
        paths.resolve_state_entry(str(tmp_path), gone)


@pytest.mark.parametrize(
    'entry', ['/{dir}/../production/m-5', '/gone/m-5', r'C:\runs\m-5', r'\\host\runs\m-5']
)
def test_what_lies_beside_a_state_file_wins_over_the_path_in_it(tmp_path, entry):
    for run in ('production', 'experiment'):
        save(tmp_path / run / 'm-5', {'x': np.ones(1)})
    entry = entry.replace('/{dir}', str(tmp_path / 'experiment'))
    write_state(str(tmp_path / 'experiment'), CheckpointState(entry))
    assert paths.resolve(tmp_path / 'experiment') == f'{tmp_path}/experiment/m-5'


def test_an_entry_of_one_dot_means_the_empty_name(tmp_path):
    save(f'{tmp_path}/', {'x': np.ones(1)})
    write_state(str(tmp_path), CheckpointState('.'))
    assert paths.resolve(tmp_path) == f'{tmp_path}/'


@pytest.mark.parametrize(
    'content', [b'', b'\xef\xbb\xbfmodel_checkpoint_path: "model-1"\n', b'\x00\xff\xfe', b'not: a state']
)
def test_an_unreadable_state_file_leads_to_the_newest_checkpoint_which_is_said(tmp_path, content, caplog):
    for step in (2, 10):
        save(tmp_path / f'model-{step}', {'x': np.ones(1)})
    (tmp_path / 'checkpoint').write_bytes(content)
    assert paths.resolve(tmp_path) == f'{tmp_path}/model-10'
    assert f'using the newest checkpoint in the directory, {tmp_path}/model-10.' in caplog.text


def test_the_folder_of_a_saved_model_means_its_variables(tmp_path):
    module = tf.Module()
    module.v = tf.Variable([1.0, 2.0])
    tf.saved_model.save(module, str(tmp_path / 'model'))
    assert paths.resolve(tmp_path / 'model') == f'{tmp_path}/model/variables/variables'
    assert paths.resolve(tmp_path / 'model' / 'variables') == f'{tmp_path}/model/variables/variables'
    assert_same(our_tensors(tmp_path / 'model'), tf_tensors(f'{tmp_path}/model/variables/variables'))


def test_an_empty_basename_is_found_by_its_folder_and_by_its_files(tmp_path):
    prefix = save(f'{tmp_path}/', {'x': np.ones(1)})
    assert sorted(os.listdir(tmp_path)) == ['.data-00000-of-00001', '.index']
    for path in (prefix, str(tmp_path), f'{tmp_path}/.index', f'{tmp_path}/.data-00000-of-00001'):
        assert paths.resolve(path) == prefix
        assert_same(our_tensors(path), tf_tensors(prefix))
    assert paths.data_files(prefix) == [f'{tmp_path}/.data-00000-of-00001']


def test_an_empty_basename_in_the_state_file_of_a_moved_folder_is_found(tmp_path):
    prefix = save(f'{tmp_path}/', {'x': np.ones(1)})
    (tmp_path / 'checkpoint').write_text('model_checkpoint_path: "/elsewhere/run/"')
    assert paths.resolve(tmp_path) == prefix


def test_a_folder_of_one_checkpoint_and_no_state_file_means_that_one(tmp_path):
    prefix = save(tmp_path / 'model-7', {'x': np.ones(1)})
    assert paths.resolve(tmp_path) == paths.resolve(f'{tmp_path}/') == prefix


def test_a_folder_of_several_checkpoints_and_no_state_file_means_the_newest_which_is_said(tmp_path, caplog):
    for step in (9, 10):
        save(tmp_path / f'model-{step}', {'x': np.ones(1)})
    assert paths.resolve(tmp_path) == f'{tmp_path}/model-10'
    assert f'{tmp_path} has no checkpoint state file; using the newest' in caplog.text
    for name, seconds in (('best', 20), ('model-9', 10), ('model-10', 0)):
        save(tmp_path / name, {'x': np.ones(1)})
        os.utime(tmp_path / f'{name}.index', (seconds, seconds))
    assert paths.resolve(tmp_path) == f'{tmp_path}/best'  # Names do not tell.


def test_a_prefix_goes_before_a_folder_of_the_same_name(tmp_path):
    save(tmp_path / 'model' / 'other', {'x': np.ones(1)})
    prefix = save(tmp_path / 'model', {'x': np.ones(1)})
    assert paths.resolve(prefix) == prefix


@pytest.mark.parametrize(
    ('files', 'name', 'message'),
    [
        ([], 'model', "No checkpoint {path}: {path}.index does not exist; no checkpoint in {dir} has a similar name"),
        ([], 'no/model', 'No checkpoint {path}: the directory {dir}/no does not exist; check the path'),
        ([], 'no/model/', 'No checkpoint {path}: the directory {dir}/no/model does not exist; check the path'),
        ([], '', 'No checkpoint in {dir}: no file there ends in .index; pass another directory'),
        (['model-100.index'], 'model-10', 'No checkpoint {path}: .*; did you mean model-100?'),
        ([DATA], 'model', '{path} has data files but no index: {path}.index does not exist; copy it'),
        ([DATA], DATA, '{path} has no index: {dir}/model.index does not exist; copy it'),
        (['model.ckpt'], 'model.ckpt', '{path} is a file, not a checkpoint prefix.*; pass the prefix'),
        (['model.ckpt.meta'], 'model.ckpt.meta', '{path} is a file, not a checkpoint prefix.*; pass the prefix'),
        ([], 'model.index', 'No checkpoint {path}'),
        ([], DATA, '{path} has no index: {dir}/model.index does not exist; copy it'),
    ],
)  # fmt: skip
def test_a_path_that_means_no_checkpoint_is_named_with_the_cure(tmp_path, files, name, message):
    touch(*(tmp_path / file for file in files))
    path = f'{tmp_path}/{name}' if name else str(tmp_path)
    with pytest.raises(CheckpointNotFoundError, match=message.format(path=path, dir=tmp_path)) as caught:
        paths.resolve(path)
    assert isinstance(caught.value, CheckpointError)
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(CheckpointNotFoundError):
        BundleReader(path)


def test_the_nearest_names_are_proposed_first(tmp_path):
    touch(*(tmp_path / f'{name}.index' for name in ('model.ckpt-1000', 'model.ckpt-2000', 'unrelated')))
    with pytest.raises(CheckpointNotFoundError, match=r'did you mean model\.ckpt-1000, model\.ckpt-2000\?$'):
        paths.resolve(tmp_path / 'model.ckpt-100')


def test_half_written_indexes_are_not_proposed(tmp_path):
    touch(tmp_path / 'model.index.tmp-0123456789ab')
    with pytest.raises(CheckpointNotFoundError, match='No checkpoint in '):
        paths.resolve(tmp_path)


@pytest.mark.parametrize(
    ('path', 'expected'), [('/a', True), ('a/b', False), ('gs://a', True), ('', False), ('./a', False)]
)
def test_a_path_with_a_scheme_or_a_leading_slash_is_absolute(path, expected):
    assert paths.is_absolute(path) is expected
