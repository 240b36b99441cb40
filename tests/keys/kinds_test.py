"""What keys stand for: optimizers are told by exact endings, and what old files hold is told apart."""

import numpy as np
import pytest
import tensorflow as tf

from estimator_ckpt.keys.contents import Contents, list_entries
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder
from estimator_ckpt.keys.kinds import (
    Kind,
    Meaning,
    meanings_of_keras_slots,
    meanings_of_listed_slots,
    meanings_of_names,
    meanings_of_objects,
)
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from estimator_ckpt.keys.slots import object_slot_name, tf1_ending
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1

CASES = {
    'net/kernel': Meaning(Kind.VARIABLE),
    'net/kernel/Adam': Meaning(Kind.SLOT, 'net/kernel', 'Adam'),
    'net/kernel/Adam_3': Meaning(Kind.SLOT, 'net/kernel', 'Adam_3'),
    'net/kernel/Momentum': Meaning(Kind.SLOT, 'net/kernel', 'Momentum'),
    'net/kernel/adam_m': Meaning(Kind.SLOT, 'net/kernel', 'adam_m'),
    'net/kernel/t_0/Adagrad': Meaning(Kind.SLOT, 'net/kernel', 'Adagrad'),
    'net/kernel/part_0/Ftrl_1': Meaning(Kind.SLOT, 'net/kernel', 'Ftrl_1'),
    'worker_0/net/kernel/Adam': Meaning(Kind.SLOT, 'net/kernel', 'Adam'),
    'oldpi/oldpi/v/Adam_1': Meaning(Kind.SLOT, 'oldpi/v', 'Adam_1'),
    'oldpi/v': Meaning(Kind.VARIABLE),
    'layer1/bias:0': Meaning(Kind.VARIABLE),
    'layer1/bias/Adam:0': Meaning(Kind.SLOT, 'layer1/bias:0', 'Adam'),
    'Variable': Meaning(Kind.VARIABLE),
    'Variable/Adam_2': Meaning(Kind.SLOT, 'Variable', 'Adam_2'),
    'beta1_power_3': Meaning(Kind.OPTIMIZER),
    'discriminator/beta1_power': Meaning(Kind.OPTIMIZER),
    'Adam/beta_1': Meaning(Kind.OPTIMIZER),
    # A slot of a Keras optimizer in a TF1 graph, whose variable nothing tells.
    'training_1/Adam/Variable_8': Meaning(Kind.OTHER),
    'Adam_encoder/kernel': Meaning(Kind.VARIABLE),
    'Adam_encoder/kernel/Adam': Meaning(Kind.SLOT, 'Adam_encoder/kernel', 'Adam'),
    'encoder/Adam': Meaning(Kind.VARIABLE),
    'w/ExponentialMovingAverage': Meaning(Kind.VARIABLE),
    'net/kernel/ExponentialMovingAverage': Meaning(Kind.AVERAGE, 'net/kernel'),
    'net/mean': Meaning(Kind.VARIABLE),
    'net/mean/biased': Meaning(Kind.AVERAGE),
    'net/mean/local_step': Meaning(Kind.AVERAGE),
    'net/lone/biased': Meaning(Kind.VARIABLE),
    'global_step': Meaning(Kind.STEP),
    'scope/global_step': Meaning(Kind.STEP),
    'table-keys': Meaning(Kind.TABLE),
    'table-values': Meaning(Kind.TABLE),
    'monkey-keys': Meaning(Kind.VARIABLE),
    '_CHECKPOINTABLE_OBJECT_GRAPH': Meaning(Kind.OBJECT_GRAPH),
}


@pytest.mark.parametrize('name', CASES)
def test_a_name_is_read_as_tensorflow_writes_it(name):
    assert meanings_of_names(CASES)[name] == CASES[name]


@pytest.mark.parametrize(
    ('make', 'expected'),
    [
        (lambda: tf1.train.MomentumOptimizer(0.1, 0.9), {'Momentum': 'momentum'}),
        (lambda: tf1.train.AdagradOptimizer(0.1), {'Adagrad': 'accumulator'}),
        (lambda: tf1.train.AdadeltaOptimizer(0.1), {'Adadelta': 'accum', 'Adadelta_1': 'accum_update'}),
        (lambda: tf1.train.AdamOptimizer(0.1), {'Adam': 'm', 'Adam_1': 'v'}),
        (lambda: tf1.train.FtrlOptimizer(0.1), {'Ftrl': 'accum', 'Ftrl_1': 'linear'}),
        (lambda: tf1.train.RMSPropOptimizer(0.1), {'RMSProp': 'rms', 'RMSProp_1': 'momentum'}),
        (
            lambda: tf1.train.RMSPropOptimizer(0.1, centered=True),
            {'RMSProp': 'rms', 'RMSProp_1': 'mg', 'RMSProp_2': 'momentum'},
        ),
    ],
)
def test_slots_are_called_what_tensorflows_optimizers_call_them(make, expected):
    with tf.Graph().as_default():
        v = tf1.get_variable('v', [2])
        optimizer = make()
        optimizer.minimize(tf.reduce_sum(v * v))
        found = {
            optimizer.get_slot(v, name).op.name.removeprefix('v/'): name
            for name in optimizer.get_slot_names()
        }
    assert found == expected
    assert {ending: object_slot_name(ending, expected) for ending in expected} == expected
    assert {ending: tf1_ending(name, expected.values()) for ending, name in expected.items()} == {
        ending: ending for ending in expected
    }


@needs_keras_2
def test_objects_say_what_their_keys_stand_for(tmp_path):
    v = tf.Variable([1.0, 2.0], name='v')
    optimizer = tf.keras.optimizers.legacy.Adam(0.1)
    optimizer.apply_gradients([(tf.ones_like(v), v)])
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    path = tf.train.Checkpoint(v=v, optimizer=optimizer, table=table).save(str(tmp_path / 'x'))

    kinds = {entry.key.partition('/.ATTRIBUTES')[0]: entry for entry in list_entries(path)}
    assert kinds['v'].kind is Kind.VARIABLE and kinds['v'].full_name == 'v'
    assert kinds['v/.OPTIMIZER_SLOT/optimizer/m'].kind is Kind.SLOT
    assert kinds['v/.OPTIMIZER_SLOT/optimizer/m'].slot_name == 'm'
    assert kinds['v/.OPTIMIZER_SLOT/optimizer/m'].variable == 'v/.ATTRIBUTES/VARIABLE_VALUE'
    assert kinds['optimizer/learning_rate'].kind is kinds['optimizer/beta_1'].kind is Kind.OPTIMIZER
    assert kinds['save_counter'].kind is Kind.COUNTER
    assert kinds['table'].kind is Kind.TABLE


@pytest.mark.parametrize(
    'name, variable, slot_name',
    [
        ('Adam/m/net/kernel', 'net/kernel', 'm'),
        ('m/net/kernel', 'net/kernel', 'm'),
        ('outer/Adam/vhat/net/kernel', 'net/kernel', 'vhat'),
        ('own_name/m/m/kernel', 'm/kernel', 'm'),
        ('Adam/velocity/gone/kernel', '', 'velocity'),
        ('velocity/gone/kernel', '', 'velocity'),
    ],
)
def test_a_keras_slot_is_told_by_its_variable_whatever_scope_it_was_built_in(name, variable, slot_name):
    graph = ObjectGraph()
    optimizer = graph.add(0, 'optimizer')
    graph.add(optimizer, '_iterations')
    listed = graph.add(optimizer, '_variables')
    for number, listed_name in enumerate(['iteration', name]):
        graph.add(listed, str(number), [Attribute('VARIABLE_VALUE', listed_name, f'key {number}')])
    found = meanings_of_keras_slots(graph, ['net/kernel', 'm/kernel', 'iteration', name])
    assert found == {name: Meaning(Kind.SLOT, variable, slot_name)}


def test_each_tensor_of_both_is_counted_once(tmp_path):
    import estimator_ckpt

    a, b = tf.Variable(np.ones(3), name='a'), tf.Variable(np.zeros(0), name='empty')
    path = estimator_ckpt.Saver('both', var_list=[a, b]).save(None, str(tmp_path / 'x'))
    contents = Contents(path)
    assert str(contents.style) == 'both'
    groups = dict(contents.tensors())
    assert groups['a'] == ['a', 'var_list/a/.ATTRIBUTES/VARIABLE_VALUE']
    assert groups['empty'] == ['empty', 'var_list/empty/.ATTRIBUTES/VARIABLE_VALUE']


class TestStructure:
    """Slots of optimizers that a program calls as it likes, told by shapes and repetition."""

    def _meanings(self, shapes):
        return meanings_of_names(shapes, shapes.get)

    @pytest.mark.parametrize(
        'endings',
        [['generator_adam', 'generator_adam_1'], ['AMSGrad', 'AMSGrad_1', 'AMSGrad_2'], ['my_momentum']],
    )
    def test_a_repeated_ending_of_the_variables_shape_is_a_slot(self, endings):
        shapes = {'g/k': (3, 4), 'g/b': (4,)}
        shapes |= {f'{name}/{ending}': shape for name, shape in shapes.items() for ending in endings}
        meanings = self._meanings(shapes)
        for name in ('g/k', 'g/b'):
            assert meanings[name].kind is Kind.VARIABLE
            for ending in endings:
                assert meanings[f'{name}/{ending}'] == Meaning(Kind.SLOT, name, ending)

    def test_one_variable_with_numbered_endings_is_enough(self):
        meanings = self._meanings({'w': (2,), 'w/opt': (2,), 'w/opt_1': (2,)})
        assert meanings['w/opt'] == Meaning(Kind.SLOT, 'w', 'opt')

    def test_what_may_be_a_copy_is_neither_slot_nor_variable(self):
        shapes = {'a': (2,), 'b': (3,), 'a/shadow': (2,), 'b/shadow': (3,)}
        assert {self._meanings(shapes)[name].kind for name in ('a/shadow', 'b/shadow')} == {Kind.OTHER}

    def test_another_shape_or_no_repetition_is_a_variable(self):
        shapes = {'a': (2,), 'b': (3,), 'a/kernel': (2, 2), 'b/kernel': (3, 3), 'a/once': (2,)}
        assert {meaning.kind for meaning in self._meanings(shapes).values()} == {Kind.VARIABLE}

    @pytest.mark.parametrize('ending', ['slot_v', 'slot_vr', 'slot_vc'])
    def test_the_slots_of_t5(self, ending):
        names = ['encoder/kernel', f'encoder/kernel_{ending}']
        assert meanings_of_names(names)[names[1]] == Meaning(Kind.SLOT, names[0], ending)

    @pytest.mark.parametrize(
        'rest',
        [
            's/part_0/Adagrad',
            'hts/part_12/Adagrad',
            'sc/dnn/h_0/weights/part_0/Adagrad',
            '_0/Adagrad',
            '0/Adagrad',
        ],
    )
    def test_the_slot_of_a_piece_whose_name_was_cut(self, rest):
        names = ['dnn/h_0/weights', 'dnn/h_0', f'dnn/h_0/weights/{rest}']
        assert meanings_of_names(names)[names[2]] == Meaning(Kind.SLOT, names[0], 'Adagrad')

    def test_another_tail_is_no_cut_name(self):
        names = ['dnn/weights', 'dnn/weights/other/part_0/Adagrad']
        assert meanings_of_names(names)[names[1]].kind is Kind.VARIABLE

    @pytest.mark.parametrize(
        ('name', 'kind'),
        [
            ('Adam/iterations', Kind.OPTIMIZER),
            ('training/Adam/lr', Kind.OPTIMIZER),
            ('training/Adam/Variable_3', Kind.OTHER),
            ('Variable_3', Kind.VARIABLE),
            ('net/lr', Kind.VARIABLE),
        ],
    )
    def test_what_keras_wrote_in_graphs(self, name, kind):
        assert meanings_of_names([name])[name].kind is kind

    def test_what_keras_3_optimizers_call_their_variables(self):
        names = ['net/dense/kernel', 'adam/net_dense_kernel_velocity', 'adam/learning_rate', 'adam/iteration']
        meanings = meanings_of_names(names)
        assert [meanings[name].kind for name in names] == [
            Kind.VARIABLE,
            Kind.SLOT,
            Kind.OPTIMIZER,
            Kind.STEP,
        ]
        assert meanings[names[1]] == Meaning(Kind.SLOT, 'net/dense/kernel', 'velocity')
        assert meanings_of_names([*names, 'global_step'])['adam/iteration'].kind is Kind.OPTIMIZER
        assert meanings_of_names(names[1:])[names[1]].kind is Kind.VARIABLE


class TestObjects:
    @pytest.mark.parametrize(
        ('path', 'kind'),
        [
            (('optimizer', 'loss_scale', 'current_loss_scale'), Kind.OPTIMIZER),
            (('optimizer', 'loss_scale', 'good_steps'), Kind.OPTIMIZER),
            (('optimizer', '_current_learning_rate'), Kind.OPTIMIZER),
            (('optimizer', 'global_step'), Kind.STEP),
            (('keras_api', 'metrics', '0', 'total'), Kind.OTHER),
            (('model', 'kernel'), Kind.VARIABLE),
        ],
    )
    def test_a_path_tells_the_kind(self, path, kind):
        builder = ObjectGraphBuilder()
        key = builder.place(path, path[-1])
        assert meanings_of_objects(builder.graph)[key].kind is kind

    def test_a_keras_3_optimizer_lists_the_variables_of_its_slots_in_their_order(self):
        builder = ObjectGraphBuilder()
        first = builder.place(('optimizer', '_trainable_variables', '0'), 's/kernel')
        second = builder.place(('optimizer', '_trainable_variables', '1'), 's/kernel')
        expected = {}
        for number, (key, name) in enumerate([(first, 's_dense_kernel'), (second, 's_dense_1_kernel')]):
            for offset, slot in enumerate(['momentum', 'velocity']):
                path = ('optimizer', '_variables', str(9 + 2 * number + offset))  # 9 comes before 10.
                expected[builder.place(path, f'adam/{name}_{slot}')] = Meaning(Kind.SLOT, key, slot)
        builder.place(('optimizer', '_variables', '0'), 'adam/iteration')
        assert meanings_of_listed_slots(builder.graph) == expected
        builder.place(('optimizer', '_trainable_variables', '2'), 's/kernel')
        assert meanings_of_listed_slots(builder.graph) == {}
