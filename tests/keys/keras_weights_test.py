"""Tests what datasets of Keras weights mean, on files made by hand, so that Keras 3 is not needed."""

import itertools
import json
import zipfile

import h5py
import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.keras_weights import snake_case
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.source import Source

DENSE, NARROW, BIAS = (4, 4), (4, 2), (4,)


def write(path, layers, optimizer=None, slots=(), names=True):
    """Writes a file as Keras does: the shapes of the variables of each layer, by the layer's path."""
    random = np.random.RandomState(0)
    with h5py.File(path, 'w') as file:
        file.create_group('vars')
        for group, shapes in layers.items():
            variables = file.create_group(f'{group}/vars')
            if names:
                last = group.rpartition('/')[2]
                variables.attrs['name'] = 'lstm_cell_3' if last == 'cell' else f'{last}_x'
            for number, shape in enumerate(shapes):
                variables[str(number)] = random.randn(*shape).astype(np.float32)
        if optimizer:
            variables = file.create_group('optimizer/vars')
            variables.attrs['name'] = optimizer
            variables['0'], variables['1'] = np.int64(5), np.float32(0.1)
            for number, shape in enumerate(slots, 2):
                variables[str(number)] = random.randn(*shape).astype(np.float32)
    return str(path)


def names_of(path):
    return Contents(path).weights.names


def owners(path):
    """The variable and the slot of each numbered variable of the optimizer."""
    contents = Contents(path)
    slots = {key: m for key, m in contents.meanings().items() if m.kind is Kind.SLOT}
    return {
        int(key.rpartition('/')[2]): (contents.weights.names[m.variable], m.slot_name)
        for key, m in slots.items()
    }


def test_variables_have_the_names_of_keras(tmp_path):
    path = write(
        tmp_path / 'a.weights.h5',
        {
            'layers/dense': [DENSE, BIAS],
            'layers/dense_1': [NARROW],
            'layers/conv2d': [(3, 3, 1, 4), BIAS],
            'layers/batch_normalization': [BIAS] * 4,
            'layers/layer_normalization': [BIAS] * 2,
            'layers/embedding': [(9, 4)],
            'layers/sequential': [],
            'layers/sequential/layers/dense': [DENSE, BIAS],
            'layers/bidirectional': [],
            'layers/bidirectional/forward_layer': [],
            'layers/bidirectional/forward_layer/cell': [(4, 16), (4, 16), (16,)],
            'block/query': [(4, 2, 2), (2, 2)],
            'block/scale': [BIAS],
        },
    )
    names = names_of(path)
    assert names['layers/dense/vars/0'] == 'dense_x/kernel'
    assert names['layers/dense_1/vars/0'] == 'dense_1_x/kernel'
    assert names['layers/conv2d/vars/1'] == 'conv2d_x/bias'
    assert names['layers/embedding/vars/0'] == 'embedding_x/embeddings'
    statistics = [names[f'layers/batch_normalization/vars/{n}'] for n in range(4)]
    assert statistics == [
        f'batch_normalization_x/{name}' for name in ('gamma', 'beta', 'moving_mean', 'moving_variance')
    ]
    assert names['layers/layer_normalization/vars/1'] == 'layer_normalization_x/beta'
    assert names['layers/sequential/layers/dense/vars/0'] == 'sequential_x/dense_x/kernel'
    recurrent = names['layers/bidirectional/forward_layer/cell/vars/1']
    assert recurrent == 'bidirectional_x/forward_layer_x/lstm_cell_3/recurrent_kernel'
    assert names['block/query/vars/1'] == 'query_x/bias'
    assert names['block/scale/vars/0'] == 'scale_x/0'


def test_names_of_several_tensors_are_replaced_by_their_keys(tmp_path):
    path = write(tmp_path / 'a.weights.h5', {'a/dense': [DENSE], 'b/dense': [NARROW]})
    assert names_of(path) == {key: key for key in ('a/dense/vars/0', 'b/dense/vars/0')}


@pytest.mark.parametrize(
    ('optimizer', 'together', 'after'),
    [
        ('sgd', ['momentum'], []),
        ('adagrad', ['accumulator'], []),
        ('adadelta', ['accumulated_grad', 'accumulated_delta_var'], []),
        ('rmsprop', ['velocity'], []),
        ('rm_sprop', ['velocity'], ['momentum', 'average_gradient']),
        ('adam', ['momentum', 'velocity'], []),
        ('adamw', ['momentum', 'velocity'], ['velocity_hat']),
        ('ftrl', ['accumulator', 'linear'], []),
    ],
)
def test_slots_are_found_in_their_order(tmp_path, optimizer, together, after):
    """The first layer of the model is a convolution, which the alphabet puts before the dense one only by chance."""
    layers = {
        'layers/dense': [(8, 4), BIAS],
        'layers/conv2d': [(3, 3, 1, 8), (8,)],
        'layers/batch_normalization': [(8,)] * 4,
        'layers/dense_1': [NARROW],
    }
    order = [
        ('conv2d_x/kernel', (3, 3, 1, 8)),
        ('conv2d_x/bias', (8,)),
        ('batch_normalization_x/gamma', (8,)),
        ('batch_normalization_x/beta', (8,)),
        ('dense_x/kernel', (8, 4)),
        ('dense_x/bias', BIAS),
        ('dense_1_x/kernel', NARROW),
    ]
    slots = [(name, slot, shape) for name, shape in order for slot in together]
    slots += [(name, slot, shape) for slot in after for name, shape in order]
    path = write(tmp_path / 'a.weights.h5', layers, optimizer, [shape for *_, shape in slots])
    assert owners(path) == {number: slot[:2] for number, slot in enumerate(slots, 2)}
    assert Source.read(Contents(path)).step == 5


def test_an_order_that_is_not_the_only_one_is_not_taken(tmp_path):
    """Two layers of other classes and one shape could be in either order."""
    layers = {'first': [DENSE, BIAS], 'second': [DENSE, BIAS]}
    path = write(tmp_path / 'a.weights.h5', layers, 'sgd', [DENSE, BIAS] * 2)
    assert owners(path) == {}
    assert 'do not tell' in Contents(path).slots_problem
    kinds = {
        entry.kind for entry in estimator_ckpt.list_entries(path) if entry.key.startswith('optimizer/vars/2')
    }
    assert kinds == {Kind.OTHER}


def test_layers_of_one_list_are_in_order_also_if_their_shapes_are_the_same(tmp_path):
    layers = {f'layers/dense{end}': [DENSE, BIAS] for end in ('', *(f'_{n}' for n in range(1, 12)))}
    path = write(tmp_path / 'a.weights.h5', layers, 'sgd', [DENSE, BIAS] * 12)
    numbers = [owners(path)[2 + 2 * n][0] for n in range(12)]
    assert numbers == ['dense_x/kernel', *(f'dense_{n}_x/kernel' for n in range(1, 12))]


def test_many_layers_take_no_time(tmp_path):
    """500 layers in ten attributes each: shapes exclude all orders but one."""
    layers = {
        f'blocks/block{f"_{n}" if n else ""}/part{p}': [(p + 1, n % 7 + 1)]
        for n in range(50)
        for p in range(10)
    }
    slots = [(p + 1, n % 7 + 1) for n in range(50) for p in range(10)]
    path = write(tmp_path / 'a.weights.h5', layers, 'sgd', slots, names=False)
    assert len(owners(path)) == 500


@pytest.mark.parametrize('momentum', [0.0, 0.9])
@pytest.mark.parametrize('centered', [False, True])
def test_the_configuration_tells_the_slots_and_the_order(tmp_path, momentum, centered):
    shapes = [DENSE, DENSE]
    after = ['momentum'] * bool(momentum) + ['average_gradient'] * centered
    write(
        tmp_path / 'a.h5',
        {'layers/a': [DENSE], 'layers/b': [DENSE]},
        'mine',
        shapes * (1 + len(after)),
        names=False,
    )
    config = {
        'class_name': 'Sequential',
        'config': {
            'layers': [
                {'class_name': 'B', 'config': {'name': 'second'}},
                {'class_name': 'A', 'config': {'name': 'first'}},
            ]
        },
        'compile_config': {
            'optimizer': {'class_name': 'RMSprop', 'config': {'momentum': momentum, 'centered': centered}}
        },
    }
    archive = archive_of(tmp_path / 'a.keras', config, tmp_path / 'a.h5')
    expected = ['velocity', *after]
    assert owners(archive) == {
        2 + number: (name, slot)
        for number, (slot, name) in enumerate(itertools.product(expected, ['b/0', 'a/0']))
    }


def archive_of(path, config, weights):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('metadata.json', '{}')
        archive.writestr('config.json', config if isinstance(config, str) else json.dumps(config))
        archive.write(weights, 'model.weights.h5')
    return str(path)


def test_a_layer_that_is_not_trained_has_no_slots(tmp_path):
    write(tmp_path / 'a.h5', {'layers/a': [DENSE], 'layers/b': [DENSE]}, 'sgd', [DENSE], names=False)
    layers = [
        {'class_name': 'A', 'config': {'name': 'a', 'trainable': False}},
        {'class_name': 'B', 'config': {'name': 'b'}},
    ]
    config = {'class_name': 'Functional', 'config': {'layers': layers}}
    assert owners(archive_of(tmp_path / 'a.keras', config, tmp_path / 'a.h5')) == {2: ('b/0', 'momentum')}


def test_the_hdf5_files_of_keras_2_have_names(tmp_path):
    with h5py.File(tmp_path / 'model.h5', 'w') as file:
        weights = file.create_group('model_weights/dense')
        weights.attrs['weight_names'] = [b'dense/kernel:0', b'dense/bias:0']
        weights['dense/kernel:0'], weights['dense/bias:0'] = np.ones((2, 3)), np.zeros(3)
        slots = file.create_group('optimizer_weights')
        slots.attrs['weight_names'] = [b'Adam/iter:0', b'Adam/dense/kernel/m:0']
        slots['Adam/iter:0'], slots['Adam/dense/kernel/m:0'] = np.int64(3), np.ones((2, 3))
    estimator_ckpt.convert(tmp_path / 'model.h5', tmp_path / 'new', 'tf1')
    kinds = {entry.key: str(entry.kind) for entry in estimator_ckpt.list_entries(tmp_path / 'new')}
    assert kinds == {
        'Adam/dense/kernel/m': 'slot',
        'Adam/iter': 'optimizer',
        'dense/bias': 'variable',
        'dense/kernel': 'variable',
    }


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('Dense', 'dense'), ('Conv2D', 'conv2d'), ('LSTMCell', 'lstm_cell'), ('PReLU', 'p_re_lu')],
)
def test_snake_case_is_that_of_keras(name, expected):
    assert snake_case(name) == expected


class TestDamage:
    def test_every_cut_is_an_error_or_loses_nothing(self, tmp_path):
        path = write(tmp_path / 'a.weights.h5', {'layers/dense': [DENSE, BIAS]}, 'sgd', [DENSE, BIAS])
        data = (tmp_path / 'a.weights.h5').read_bytes()
        expected = {key: open_source(path).tensor(key) for key in open_source(path).keys()}  # noqa: SIM118
        for size in range(8, len(data), 97):
            cut = tmp_path / 'cut.weights.h5'
            cut.write_bytes(data[:size])
            try:
                reader = open_source(cut)
                values = {key: reader.tensor(key) for key in expected}
            except CheckpointError as error:
                assert 'cut.weights.h5' in str(error)
                continue
            for key, value in values.items():
                np.testing.assert_array_equal(value, expected[key])

    def test_a_dataset_that_claims_more_than_the_file_has(self, tmp_path):
        with h5py.File(tmp_path / 'bomb.weights.h5', 'w') as file:
            file.create_dataset('layers/dense/vars/0', (1 << 20, 1 << 20), np.float32)
        with pytest.raises(CorruptCheckpointError, match='vars/0.*it claims 4398046511104 bytes'):
            open_source(tmp_path / 'bomb.weights.h5').tensor('layers/dense/vars/0')

    def test_values_in_another_file_are_not_read(self, tmp_path):
        (tmp_path / 'secret').write_bytes(bytes(16))
        with h5py.File(tmp_path / 'a.weights.h5', 'w') as file:
            file.create_dataset('a/vars/0', (4,), np.float32, external=[(str(tmp_path / 'secret'), 0, 16)])
            file['b'] = h5py.ExternalLink(str(tmp_path / 'other.h5'), '/x')
        reader = open_source(tmp_path / 'a.weights.h5')
        assert reader.keys() == ['a/vars/0']
        with pytest.raises(CorruptCheckpointError, match='in another file'):
            reader.tensor('a/vars/0')

    @pytest.mark.parametrize('config', ['{', '[]', '{"class_name": "Sequential", "config": {"layers": [1]}}'])
    def test_a_damaged_configuration(self, tmp_path, config):
        write(tmp_path / 'a.h5', {'layers/dense': [DENSE]})
        path = archive_of(tmp_path / 'a.keras', config, tmp_path / 'a.h5')
        if config == '[]':
            assert names_of(path) == {'layers/dense/vars/0': 'dense_x/kernel'}
        else:
            with pytest.raises(CorruptCheckpointError, match='configuration|config.json'):
                Contents(path)


def test_rows_are_read_without_the_rest(tmp_path):
    path = write(tmp_path / 'a.weights.h5', {'layers/dense': [DENSE, BIAS]})
    reader = open_source(path)
    np.testing.assert_array_equal(
        reader.rows('layers/dense/vars/0', 1, 3), reader.tensor('layers/dense/vars/0')[1:3]
    )
