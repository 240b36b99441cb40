"""Conversion of what is damaged, or where there is no room: one sentence, nothing half-written, a source untouched."""

import os
import resource

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import CheckpointError, convert
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from tests.bundle.helpers import save

STYLES = ('tf1', 'tf2', 'both')


@pytest.fixture
def source(tmp_path):
    (tmp_path / 'from').mkdir()
    variables = {'w': tf.Variable(tf.random.normal([100, 100])), 'b': tf.Variable([1.0])}
    return tf.train.Checkpoint(var_list=variables).write(str(tmp_path / 'from' / 'x'))


def _snapshot(directory):
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in directory.iterdir()}


def _assert_refused(path, style, tmp_path, error=estimator_ckpt.CheckpointError):
    before = _snapshot(tmp_path / 'from')
    with pytest.raises(error) as raised:
        estimator_ckpt.convert(path, tmp_path / 'to' / 'x', style)
    assert '\n' not in str(raised.value)
    assert not (tmp_path / 'to').exists() or not list((tmp_path / 'to').iterdir())
    assert _snapshot(tmp_path / 'from') == before
    return str(raised.value)


@pytest.mark.parametrize('style', STYLES)
def test_what_is_no_checkpoint_is_refused(style, source, tmp_path):
    (tmp_path / 'from' / 'text.index').write_text('not a checkpoint')
    assert 'text.index' in _assert_refused(tmp_path / 'from' / 'text', style, tmp_path)
    assert 'did you mean x' in _assert_refused(tmp_path / 'from' / 'xx', style, tmp_path)
    for name in ('x.index', 'x.data-00000-of-00001'):  # Files of the checkpoint mean it.
        estimator_ckpt.convert(tmp_path / 'from' / name, tmp_path / f'{name}-{style}', style)


def test_a_missing_shard_is_named(source, tmp_path):
    os.remove(BundleReader(source).data_path(0))
    message = _assert_refused(source, 'tf1', tmp_path, estimator_ckpt.CheckpointNotFoundError)
    assert '.data-00000-of-00001' in message


@pytest.mark.parametrize('style', STYLES)
def test_a_damaged_index_is_refused_wherever_a_bit_flips(style, source, tmp_path):
    index = tmp_path / 'from' / 'x.index'
    good = index.read_bytes()
    for position in range(0, len(good), max(1, len(good) // 40)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << (position % 8)
        index.write_bytes(damaged)
        try:
            estimator_ckpt.convert(source, tmp_path / 'to' / 'x', style, overwrite=True)
        except estimator_ckpt.CheckpointError as error:
            assert str(tmp_path / 'from' / 'x') in str(error)
        else:  # A bit that means nothing, such as one of the padding.
            assert (
                BundleReader(str(tmp_path / 'to' / 'x'))
                .tensor('w' if style != 'tf2' else _key('w'), True)
                .size
            )


def _key(name):
    return f'var_list/{name}/.ATTRIBUTES/VARIABLE_VALUE'


def _with_graph(source, destination, graph_bytes):
    writer = BundleWriter(str(destination))
    writer.include(BundleReader(source), 'link')
    writer.remove(object_keys.OBJECT_GRAPH)
    writer.add_tensor(object_keys.OBJECT_GRAPH, np.array(graph_bytes, dtype=object))
    return writer.publish()


def test_an_object_graph_that_does_not_parse_is_refused(source, tmp_path):
    path = _with_graph(source, tmp_path / 'from' / 'garbage', b'\xff\xff\xff')
    assert 'object graph' in _assert_refused(path, 'tf1', tmp_path, estimator_ckpt.CorruptCheckpointError)


def test_an_object_graph_with_nodes_that_are_not_there_is_refused(source, tmp_path):
    graph = ObjectGraph()
    graph.nodes[0].children['x'] = 7
    path = _with_graph(source, tmp_path / 'from' / 'nodes', graph.serialize())
    assert 'a node that it does not have' in _assert_refused(path, 'tf1', tmp_path)


def test_keys_that_only_the_object_graph_has_are_left_out(source, tmp_path):
    graph = ObjectGraph()
    graph.add(0, 'there', [Attribute(object_keys.VARIABLE_VALUE, 'w', _key('w'))])
    graph.add(0, 'gone', [Attribute(object_keys.VARIABLE_VALUE, 'gone', 'gone/.ATTRIBUTES/VARIABLE_VALUE')])
    path = _with_graph(source, tmp_path / 'from' / 'gone', graph.serialize())
    estimator_ckpt.convert(path, tmp_path / 'to', 'both')
    converted = BundleReader(str(tmp_path / 'to'))
    assert _key('w') in converted and 'gone/.ATTRIBUTES/VARIABLE_VALUE' not in converted


def test_names_cannot_lead_out_of_the_destination(tmp_path):
    names = ['../../evil', '/etc/evil', 'a/../../b']
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / 'x'), tensor_names=names, shape_and_slices=[''] * 3, tensors=[tf.zeros([2])] * 3
    )
    before = set(os.listdir(tmp_path.parent))
    estimator_ckpt.convert(tmp_path / 'x', tmp_path / 'to' / 'y', 'both', data='copy', compact=True)
    assert set(os.listdir(tmp_path.parent)) == before
    assert sorted(os.listdir(tmp_path / 'to'))[-1] == 'y.index'
    assert all(name.startswith('y.') for name in os.listdir(tmp_path / 'to'))


@pytest.mark.parametrize(
    'options', [{'data': 'copy'}, {'compact': True}, {'rules': [(r'w', 'x', 'transpose=1,0')]}]
)
def test_where_there_is_no_room_nothing_is_left_behind(options, source, tmp_path):
    before = _snapshot(tmp_path / 'from')
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, unlimited[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            estimator_ckpt.convert(source, tmp_path / 'to' / 'x', 'tf1', **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not list((tmp_path / 'to').iterdir())
    assert _snapshot(tmp_path / 'from') == before


def test_a_conversion_needs_no_tensorflow():
    import subprocess
    import sys

    program = (
        'import sys, estimator_ckpt as e; e.convert, e.plan, e.list_entries, e.convert_directory; '
        "print('tensorflow' in sys.modules)"
    )
    result = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert result.stdout == 'False\n'


class TestASourceIsNeverModified:
    @pytest.fixture
    def real(self, tmp_path):
        save(tmp_path / 'real' / 'm', {'x': np.float32(1)})
        os.symlink(tmp_path / 'real', tmp_path / 'link')
        return tmp_path / 'real'

    def test_through_a_linked_directory(self, real, tmp_path):
        before = {path.name: path.read_bytes() for path in real.iterdir()}
        for source, destination in (
            (real / 'm', tmp_path / 'link' / 'm'),
            (tmp_path / 'link' / 'm', real / 'm'),
        ):
            with pytest.raises(CheckpointError, match='is the source itself'):
                convert(source, destination, 'tf2', overwrite=True)
        assert {path.name: path.read_bytes() for path in real.iterdir()} == before

    def test_through_linked_files(self, real, tmp_path):
        for path in real.iterdir():
            os.symlink(path, tmp_path / path.name.replace('m.', 'n.'))
        before = {path.name: path.read_bytes() for path in real.iterdir()}
        with pytest.raises(CheckpointError, match='is the source itself'):
            convert(real / 'm', tmp_path / 'n', 'tf2', overwrite=True)
        assert {path.name: path.read_bytes() for path in real.iterdir()} == before

    @pytest.mark.parametrize('destination', ['new/', 'new', 'other/deep/'])
    def test_a_directory_as_destination_gets_the_name_of_the_source(self, real, tmp_path, destination):
        (tmp_path / 'new').mkdir()
        convert(real / 'm', f'{tmp_path}/{destination}', 'tf2')
        folder = tmp_path / destination
        assert sorted(path.name for path in folder.iterdir() if path.suffix == '.index') == ['m.index']
        assert not (tmp_path / 'new.index').exists()
