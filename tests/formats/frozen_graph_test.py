"""Tests of frozen graphs, which TensorFlow's own tools write."""

import tracemalloc

import hypothesis
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.tools.optimize_for_inference_lib import optimize_for_inference

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.formats import wire
from estimator_ckpt.formats.frozen_graph import FrozenGraph
from estimator_ckpt.formats.opening import open_source
from tests.bundle.helpers import as_array, properties, read_file, strings, temporary_prefix, write_file
from tests.formats.helpers import (
    assert_same_array,
    bytes_read,
    encoded,
    message,
    packed,
    values_or_errors,
)
from tests.formats.helpers import tensors as any_tensors

tf1 = tf.compat.v1
SHAPES = {
    'dense/kernel': [3, 2],
    'dense/bias': [2],
    'embeddings': [7, 2],
    'norm/gamma': [2],
    'norm/beta': [2],
}


def frozen_tf1(use_resource, optimize):
    """A graph frozen by the tool of TensorFlow 1, and the values of its variables."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 3], 'x')
        variables = {
            name: tf1.get_variable(
                name, shape, use_resource=use_resource, initializer=tf1.random_normal_initializer()
            )
            for name, shape in SHAPES.items()
        }
        y = tf.nn.relu(tf.matmul(x, variables['dense/kernel']) + variables['dense/bias'])
        y += tf.gather(variables['embeddings'], [1, 2])
        y = y * variables['norm/gamma'] / tf.sqrt(1e-3 + y) + variables['norm/beta']
        tf.identity(tf.reshape(y, [-1, 2]), 'output')
        session.run(tf1.global_variables_initializer())
        graph = tf1.graph_util.convert_variables_to_constants(session, session.graph_def, ['output'])
        values = session.run(variables)
    if optimize:
        graph = optimize_for_inference(graph, ['x'], ['output'], tf.float32.as_datatype_enum)
    return graph, values


def write_graph(path, graph):
    write_file(path, graph.SerializeToString())
    return str(path)


def graph_of(constants):
    """A graph of constants alone, by name, as TensorFlow makes them."""
    with tf.Graph().as_default() as graph:
        for name, value in constants.items():
            tf1.constant(value, tf.string if np.asarray(value).dtype == object else None, name=name)
    return graph.as_graph_def()


def const(name, tensor, op=b'Const'):
    """A node by hand, with a serialized tensor."""
    attribute = message(1, b'value') + message(2, message(8, tensor))
    return message(1, message(1, name) + message(2, op) + message(5, attribute))


def tensor(dtype, shape, values=b''):
    """A serialized tensor."""
    dimensions = b''.join(message(2, encoded(1, wire.VARINT, extent)) for extent in shape)
    return encoded(1, wire.VARINT, dtype) + message(2, dimensions) + values


class Net(tf.Module):
    """A program of TensorFlow 2, with variables that are read in the ways that layers read theirs."""

    def __init__(self):
        super().__init__()
        random = np.random.RandomState(0)
        for name, shape in SHAPES.items():
            setattr(self, name.replace('/', '_'), tf.Variable(random.randn(*shape).astype(np.float32)))

    def __call__(self, ids):
        with tf.name_scope('model/embedding'):
            y = tf.nn.embedding_lookup(self.embeddings, ids)
        with tf.name_scope('model/dense'):
            y = tf.nn.bias_add(tf.matmul(tf.pad(y, [[0, 0], [0, 1]]), self.dense_kernel), self.dense_bias)
        with tf.name_scope('model/norm'):
            return y * self.norm_gamma.value() / tf.sqrt(y + 1e-3) + self.norm_beta.value()


@pytest.fixture(scope='module')
def net():
    """A program, and the function that the tool of TensorFlow 2 makes of it."""
    with tf.init_scope():
        net = Net()
        function = tf.function(lambda ids: net(ids)).get_concrete_function(tf.TensorSpec([4], tf.int32))
        return net, convert_variables_to_constants_v2(function)


@pytest.mark.parametrize('use_resource', [False, True])
@pytest.mark.parametrize('optimize', [False, True])
def test_variables_frozen_by_tensorflow_1_have_their_names_and_values(tmp_path, use_resource, optimize):
    graph, values = frozen_tf1(use_resource, optimize)
    reader = open_source(write_graph(tmp_path / 'frozen.pb', graph))
    assert isinstance(reader, FrozenGraph) and reader.keys() == sorted(SHAPES)
    reader.check_data_files()
    for name, value in values.items():
        assert reader.entry(name).shape == value.shape and reader.entry(name).size == value.nbytes
        assert_same_array(reader.tensor(name), value)
        assert reader.tensor(name).flags.writeable
        assert_same_array(reader.rows(name, 1, 2), value[1:2])


def test_variables_frozen_by_tensorflow_2_have_the_names_of_the_ops_that_use_them(tmp_path, net):
    net, frozen = net
    reader = open_source(write_graph(tmp_path / 'frozen.pb', frozen.graph.as_graph_def()))
    variables = {
        'model/dense/BiasAdd': net.dense_bias,
        'model/dense/MatMul': net.dense_kernel,
        'model/embedding/embedding_lookup': net.embeddings,
        # These two would have the same name.
        'model/norm/ReadVariableOp/resource': net.norm_gamma,
        'model/norm/ReadVariableOp_1/resource': net.norm_beta,
    }
    assert reader.keys() == list(variables)
    for key, variable in variables.items():
        assert_same_array(reader.tensor(key), variable.numpy())


def test_constants_in_the_functions_of_a_saved_model_are_read(tmp_path, net):
    net, frozen = net
    module = tf.Module()
    module.call = tf.function(lambda ids: frozen(ids)[0], input_signature=[tf.TensorSpec([4], tf.int32)])
    tf.saved_model.save(module, str(tmp_path / 'model'))
    tf.io.gfile.rmtree(str(tmp_path / 'model' / 'variables'))
    for path in (tmp_path / 'model', tmp_path / 'model' / 'saved_model.pb'):
        reader = open_source(path)
        assert isinstance(reader, FrozenGraph) and len(reader.keys()) == len(SHAPES)
        assert_same_array(reader.tensor('model/dense/MatMul'), net.dense_kernel.numpy())


def test_equal_names_in_several_functions_are_told_apart(tmp_path):
    def node(name):
        return message(3, const(name, tensor(1, [1], message(5, bytes(4))))[2:])

    functions = b''.join(
        message(1, message(1, message(1, name)) + node(b'w') + (node(b'v') if name == b'f' else b''))
        for name in (b'f', b'g')
    )
    write_file(tmp_path / 'graph', message(1, message(1, b'x') + message(2, b'NoOp')) + message(2, functions))
    assert open_source(tmp_path / 'graph').keys() == ['f/w', 'g/w', 'v']


@pytest.mark.parametrize(
    'name', ['w/read', 'w/ReadVariableOp', 'w/Read/ReadVariableOp', 'w/read/_7__cf__7', 'w/resource']
)
def test_a_constant_that_replaced_a_read_has_the_name_of_the_variable(tmp_path, name):
    graph = graph_of({name: np.ones(2), 'other': np.ones(2), 'scale': 1.5})
    assert open_source(write_graph(tmp_path / 'graph', graph)).keys() == ['w']


def test_two_constants_of_one_variable_keep_their_names(tmp_path):
    graph = graph_of({'w/read': np.ones(2), 'w/ReadVariableOp': np.ones(2), 'v/read': np.float32(1)})
    assert open_source(write_graph(tmp_path / 'graph', graph)).keys() == ['v', 'w/ReadVariableOp', 'w/read']


def test_scalars_and_integers_are_noise_in_a_graph_without_reads(tmp_path):
    constants = {
        'w': np.ones([2, 2]),
        'epsilon': 1e-3,
        'axis': 1,
        'shape': [2, 2],
        'half': np.ones(1, np.float16),
    }
    assert open_source(write_graph(tmp_path / 'graph', graph_of(constants))).keys() == ['half', 'w']


@pytest.mark.parametrize('kind', ['not frozen', 'scalars', 'empty'])
def test_a_graph_without_values_asks_for_the_checkpoint(tmp_path, kind):
    with tf.Graph().as_default() as graph:
        if kind == 'not frozen':
            tf1.get_variable('w', initializer=np.ones([2, 2], np.float32))
            tf1.get_variable('v', [2, 2], initializer=tf1.zeros_initializer())
        elif kind == 'scalars':
            tf.constant(1.5)
        else:
            tf1.placeholder(tf.float32)
    path = write_graph(tmp_path / 'graph.pb', graph.as_graph_def())
    with pytest.raises(
        CheckpointNotFoundError, match=r'graph.pb is a graph without the values .*; name the checkpoint'
    ):
        open_source(path)


@properties(150)
@hypothesis.given(any_tensors())
def test_values_of_every_type_are_those_that_tensorflow_stores(value):
    with temporary_prefix('graph') as path:
        write_graph(path, graph_of({'w/read': value}))
        reader = FrozenGraph(path)
        assert_same_array(reader.tensor('w'), value)
        if value.ndim and len(value):
            assert_same_array(reader.rows('w', 0, 1), value[:1])


@pytest.mark.parametrize(
    ('dtype', 'values', 'expected'),
    [
        (1, message(5, np.array([1, 2], '<f4').tobytes()), np.array([[1, 2], [2, 2], [2, 2]], np.float32)),
        (1, b'', np.zeros([3, 2], np.float32)),
        (2, encoded(6, wire.FIXED64, np.float64(1.5).tobytes()), np.full([3, 2], 1.5)),
        (3, packed(7, -1), np.full([3, 2], -1, np.int32)),
        (7, message(8, b'a') + message(8, b''), strings(b'a', *[b''] * 5).reshape(3, 2)),
        (7, b'', strings(*[b''] * 6).reshape(3, 2)),
        (10, packed(11, 1), np.ones([3, 2], bool)),
        (14, packed(13, 0x3F80), np.ones([3, 2], ml_dtypes.bfloat16)),
        (19, packed(13, *[0x3C00] * 6), np.ones([3, 2], np.float16)),
    ],
)
def test_the_last_value_that_is_stored_is_repeated_as_tensorflow_does(tmp_path, dtype, values, expected):
    raw = tensor(dtype, [3, 2], values)
    write_file(tmp_path / 'graph', const(b'w/read', raw))
    reader = open_source(tmp_path / 'graph')
    assert_same_array(as_array(tf.io.parse_tensor(raw, tf.as_dtype(dtype)).numpy()), expected)
    assert_same_array(reader.tensor('w'), expected)
    for start in range(4):
        for stop in range(start, 4):
            assert_same_array(reader.rows('w', start, stop), expected[start:stop])


def test_only_what_is_asked_for_is_read(tmp_path, monkeypatch):
    big = np.arange(4_000_000, dtype=np.float32).reshape(-1, 1000)
    path = write_graph(tmp_path / 'graph', graph_of({'big/read': big, 'small/read': np.arange(3.0)}))
    count = bytes_read(monkeypatch)
    tracemalloc.start()
    reader = FrozenGraph(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count() < 300_000 and peak < 1 << 20
    assert_same_array(reader.rows('big', 7, 9), big[7:9])
    assert count() == 8000
    assert_same_array(reader.tensor('small'), np.arange(3.0))
    assert count() < 100


def test_a_graph_on_another_file_system_is_read(tmp_path):
    graph, values = frozen_tf1(True, False)
    tf.io.gfile.makedirs('ram://frozen_graph_test')
    tf.io.gfile.copy(write_graph(tmp_path / 'g', graph), 'ram://frozen_graph_test/graph.pb', overwrite=True)
    reader = open_source('ram://frozen_graph_test/graph.pb')
    for name, value in values.items():
        assert_same_array(reader.tensor(name), value)


def test_a_file_that_vanishes_is_not_found(tmp_path):
    reader = FrozenGraph(write_graph(tmp_path / 'graph', graph_of({'w/read': np.ones(9)})))
    (tmp_path / 'graph').unlink()
    with pytest.raises(CheckpointNotFoundError, match="graph, which holds 'w', is missing"):
        reader.tensor('w')
    with pytest.raises(CheckpointNotFoundError, match='There is no file .*graph; check'):
        FrozenGraph(tmp_path / 'graph')


class TestDamage:
    def test_a_graph_cut_off_at_any_length_is_an_error_or_has_the_values_before(self, tmp_path):
        graph, values = frozen_tf1(False, False)
        path = write_graph(tmp_path / 'graph', graph)
        raw, whole = read_file(path), 0
        for length in range(len(raw)):
            write_file(path, raw[:length])
            try:
                reader = FrozenGraph(path)
            except CheckpointError as error:
                assert str(error).endswith('.')
                continue
            # Protocol buffers have no end mark: a cut between two nodes cannot be seen.
            whole += 1
            for key in reader.keys():  # noqa: SIM118
                assert_same_array(reader.tensor(key), values[key])
        assert whole < len(raw) // 20

    def test_any_changed_byte_is_an_error_or_read(self, tmp_path):
        path = write_graph(tmp_path / 'graph', frozen_tf1(True, False)[0])
        raw = read_file(path)
        for position in range(len(raw)):
            write_file(path, raw[:position] + bytes([raw[position] ^ 0x41]) + raw[position + 1 :])
            try:
                reader = FrozenGraph(path)
                for key in reader.keys():  # noqa: SIM118
                    if reader.entry(key).size < 1 << 20:
                        reader.tensor(key)
            except CheckpointError as error:
                assert str(error).endswith('.')

    @properties(300)
    @hypothesis.given(
        st.binary(max_size=80), st.sampled_from([b'', b'\x0a\x10', b'\x08\x01\x12\x20\x12\x10', b'\x12\x30'])
    )
    def test_garbage_is_an_error(self, data, start):
        with temporary_prefix('graph') as path:
            write_file(path, start + data)
            assert values_or_errors(lambda: FrozenGraph(path), {})

    @pytest.mark.parametrize(
        ('raw', 'what'),
        [
            (tensor(1, [1 << 40], message(4, bytes(8))), 'it has 8 bytes, and its shape takes'),
            (tensor(1, [1 << 40], message(5, bytes(4))), 'it repeats a value 1,099,511,627,775 times'),
            (tensor(7, [1 << 40], message(8, b'')), 'it repeats a value'),
            (tensor(1, [1], message(5, bytes(8))), 'it has 2 values, and its shape takes 1'),
            (tensor(1, [1] * 100, message(4, bytes(4))), 'damaged'),
            (tensor(7, [1], message(4, b'abc')), 'not stored one by one'),
            (tensor(10, [1], message(4, b'\x02')), 'not a boolean'),
            (tensor(1, [2], encoded(5, wire.VARINT, 7)), 'cannot be parsed'),
        ],
    )
    def test_hostile_values_are_damage_and_take_no_memory(self, tmp_path, no_big_memory, raw, what):
        write_file(tmp_path / 'graph', const(b'w/read', raw))
        with pytest.raises(
            CorruptCheckpointError, match=f"graph: the tensor 'w' is damaged: .*{what}|{what}"
        ):
            FrozenGraph(tmp_path / 'graph').tensor('w')

    @pytest.mark.parametrize(
        ('raw', 'what'),
        [
            (tensor(1, [1 << 62, 1 << 62]), 'impossible shape'),
            (tensor(1, [-1]), 'impossible shape'),
            (tensor(1, [1] * 300), 'impossible shape'),
            (b'\x0b', 'unknown wire type'),
            (b'\x12\x7f', 'beyond the end'),
        ],
    )
    def test_a_hostile_tensor_is_corrupt(self, tmp_path, no_big_memory, raw, what):
        write_file(tmp_path / 'graph', const(b'w/read', raw))
        with pytest.raises(
            CorruptCheckpointError, match=f'graph is damaged: .*{what}.*; restore the file from a copy'
        ):
            FrozenGraph(tmp_path / 'graph')

    def test_a_node_that_is_there_twice_and_a_huge_name_are_corrupt(self, tmp_path):
        value = tensor(1, [1], message(5, bytes(4)))
        for nodes, what in (
            (2 * const(b'w', value), "'w' is in it twice"),
            (const(b'w' * 70_000, value), '70000 bytes'),
        ):
            write_file(tmp_path / 'graph', nodes)
            with pytest.raises(CorruptCheckpointError, match=what):
                FrozenGraph(tmp_path / 'graph')

    def test_a_type_that_numpy_lacks_is_said_and_the_others_are_read(self, tmp_path):
        write_file(
            tmp_path / 'graph',
            const(b'odd/read', tensor(21, [1])) + const(b'w/read', tensor(3, [1], packed(7, 5))),
        )
        reader = FrozenGraph(tmp_path / 'graph')
        assert reader.tensor('w').tolist() == [5]
        with pytest.raises(
            dtypes.UnsupportedDtypeError, match="graph: the tensor 'odd' .*variant.*; drop it"
        ):
            reader.tensor('odd')


def test_a_saved_model_whose_variables_are_constants_is_read_as_its_graph(tmp_path):
    """TensorFlow 2 writes a folder of variables for every SavedModel, which has none of a frozen function."""
    module, value = tf.Module(), np.arange(6, dtype=np.float32).reshape(3, 2)
    module.kernel = tf.Variable(value, name='kernel')
    apply = tf.function(lambda x: x @ module.kernel).get_concrete_function(tf.TensorSpec([None, 3]))
    frozen, kept = tf.Module(), str(tmp_path / 'kept')
    frozen.apply = convert_variables_to_constants_v2(apply)
    tf.saved_model.save(frozen, str(tmp_path / 'frozen'), signatures=frozen.apply)
    tf.saved_model.save(module, kept)
    for path in (tmp_path / 'frozen', tmp_path / 'frozen' / 'saved_model.pb'):
        reader = open_source(path)
        [key] = reader.keys()
        np.testing.assert_array_equal(reader.tensor(key), value)
    for path in (kept, f'{kept}/saved_model.pb'):
        assert 'kernel/.ATTRIBUTES/VARIABLE_VALUE' in open_source(path)
