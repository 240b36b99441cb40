"""Tests which kind of file a path is said to be, on files that the libraries themselves write."""

import gzip
import io
import pickle
import re
import struct
import tarfile
import zipfile

import h5py
import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.table import MAGIC, build_table
from estimator_ckpt.formats.detect import FileKind, advice, detect
from tests.bundle.helpers import properties, save, temporary_prefix, write_file
from tests.formats.helpers import save_v1

TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def v2_index(path):
    save(path, {'x': np.ones(1)})
    return f'{path}.index'


def v2_data(path):
    save(path, {'x': np.arange(100.0)})
    return f'{path}.data-00000-of-00001'


def state_file(path):
    v = tf.Variable(1.0)
    tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(path), 1).save()
    return path / 'checkpoint'


def hdf5(path):
    with h5py.File(path, 'w') as file:
        file['w'] = np.ones(3)
    return path


def keras_archive(path):
    tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))]).save(f'{path}.keras')
    return f'{path}.keras'


def zip_of(path, **members):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in members.items():
            archive.writestr(name.replace('__', '/'), data)
    return path


def pytorch(path):
    # As torch.save writes it since PyTorch 1.6.
    return zip_of(path, archive__data=b'', **{'archive__data.pkl': b'\x80\x02}.', 'archive__version': b'3'})


def pytorch_legacy(path):
    write_file(path, pickle.dumps(TORCH_MAGIC, protocol=2) + pickle.dumps(1001, protocol=2))
    return path


def safetensors(path):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
    write_file(path, struct.pack('<Q', len(header)) + header + bytes(4))
    return path


def safetensors_index(path):
    write_file(path, b'{\n  "metadata": {"total_size": 4},\n  "weight_map": {"w": "model.safetensors"}\n}\n')
    return path


def npz(path):
    np.savez(path, a=np.ones(3), b=np.zeros(2))
    return f'{path}.npz'


def npy(path):
    np.save(path, np.ones(3))
    return f'{path}.npy'


def pickled(path):
    write_file(path, pickle.dumps({'w': np.ones(3)}))
    return path


def saved_model(path):
    tf.saved_model.save(tf.train.Checkpoint(v=tf.Variable(1.0)), str(path))
    return path / 'saved_model.pb'


def graph():
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [2], 'scope/input')
        tf.identity(x + 1.0, 'output')
    return graph


def meta_graph(path):
    with graph().as_default():
        tf.compat.v1.train.export_meta_graph(str(path))
    return path


def bare_meta_graph(path):
    with graph().as_default():
        tf.compat.v1.train.export_meta_graph(str(path), strip_default_attrs=True, clear_devices=True)
    return path


def frozen_graph(path):
    write_file(path, graph().as_graph_def().SerializeToString())
    return path


def tflite(path):
    inputs = [tf.TensorSpec([2])]
    function = tf.function(lambda x: x + 1.0, inputs).get_concrete_function()
    write_file(path, tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    return path


def records(path):
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b'record')
    return path


def events(path):
    writer = tf.summary.create_file_writer(str(path))
    with writer.as_default():
        tf.summary.write('loss', 1.0, step=1)  # Needs no TensorBoard, unlike `scalar`.
    writer.close()
    return next(path.iterdir())


def tar(path):
    with tarfile.open(path, 'w') as archive:
        archive.addfile(tarfile.TarInfo('model.ckpt.index'), io.BytesIO())
    return path


def written(data):
    def write(path):
        write_file(path, data)
        return path

    return write


@pytest.mark.parametrize(
    ('write', 'kind'),
    [
        (v2_index, FileKind.V2_INDEX),
        (v2_data, FileKind.V2_DATA),
        (lambda path: save_v1(path, {'x': np.ones(1)}), FileKind.V1_CHECKPOINT),
        (lambda path: save_v1(path, {'x': np.ones(1_000_000)}), FileKind.V1_CHECKPOINT),
        (written(build_table([(b'a', b'b')])), FileKind.OTHER_TABLE),
        (state_file, FileKind.STATE_FILE),
        (hdf5, FileKind.HDF5),
        (keras_archive, FileKind.KERAS_ARCHIVE),
        (pytorch, FileKind.PYTORCH),
        (pytorch_legacy, FileKind.PYTORCH),
        (safetensors, FileKind.SAFETENSORS),
        (safetensors_index, FileKind.SAFETENSORS_INDEX),
        (written(b'{"weight_map": []}'), FileKind.UNKNOWN),
        (written(b'{"config": 1}'), FileKind.UNKNOWN),
        (written(b'{"weight_map": ' * 100_000), FileKind.UNKNOWN),
        (npz, FileKind.NPZ),
        (npy, FileKind.NPY),
        (pickled, FileKind.PICKLE),
        (saved_model, FileKind.SAVED_MODEL),
        (meta_graph, FileKind.META_GRAPH),
        (bare_meta_graph, FileKind.META_GRAPH),
        (frozen_graph, FileKind.FROZEN_GRAPH),
        (tflite, FileKind.TFLITE),
        (records, FileKind.RECORDS),
        (events, FileKind.RECORDS),
        (tar, FileKind.ARCHIVE),
        (written(gzip.compress(b'data')), FileKind.ARCHIVE),
        (lambda path: zip_of(path, model__index=b'data'), FileKind.ARCHIVE),
        (written(b'PK\x03\x04 cut off'), FileKind.ARCHIVE),
        (written(b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), FileKind.LFS_POINTER),
        (written(b'\n<!DOCTYPE html><html>'), FileKind.WEB_PAGE),
        (written(b''), FileKind.EMPTY),
        (lambda path: path.parent, FileKind.DIRECTORY),
        (written(b'text'), FileKind.UNKNOWN),
        (written(bytes(100)), FileKind.UNKNOWN),
    ],
)
def test_a_file_is_told_from_its_bytes(tmp_path, write, kind):
    path = write(tmp_path / 'model')
    assert detect(path) is kind
    assert advice(path, kind).startswith(f'{path} is ')


@pytest.mark.parametrize('kind', FileKind)
def test_the_advice_is_one_sentence(kind):
    sentence = advice('model', kind)
    assert re.fullmatch(r'model is [^;]+; [^;]+\.', sentence)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointNotFoundError, match='There is no file .*model; check the path'):
        detect(tmp_path / 'model')


def test_a_damaged_table_is_what_its_name_says(tmp_path):
    for name, kind in (('model.index', FileKind.V2_INDEX), ('model', FileKind.V1_CHECKPOINT)):
        write_file(tmp_path / name, bytes(100) + MAGIC.to_bytes(8, 'little'))
        assert detect(tmp_path / name) is kind


def test_a_file_on_another_file_system_is_told(tmp_path):
    tf.io.gfile.makedirs('ram://detect_test')
    for write, kind in ((npz, FileKind.NPZ), (meta_graph, FileKind.META_GRAPH), (hdf5, FileKind.HDF5)):
        remote = f'ram://detect_test/{kind.name}'
        tf.io.gfile.copy(str(write(tmp_path / kind.name)), remote, overwrite=True)
        assert detect(remote) is kind


@properties(500)
@hypothesis.given(
    st.sampled_from(
        [b'', b'PK\x03\x04', b'\x0a', b'\x08\x01\x12', b'\x80\x04', b'\x50' + bytes(7) + b'{', b'\x0a\x02']
    ),
    st.binary(max_size=100),
    st.sampled_from([b'', b'.', MAGIC.to_bytes(8, 'little'), b'PK\x05\x06' + bytes(18)]),
)
def test_any_bytes_are_some_kind_of_file(start, middle, end):
    with temporary_prefix() as path:
        write_file(path, start + middle + end)
        assert isinstance(detect(path), FileKind)
