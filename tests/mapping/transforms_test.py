"""Operations on values during conversion, checked against NumPy, and what of them moves no bytes."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.tensors import read_tensors
from tests.testing.small_model import keys_of

tf1 = tf.compat.v1
convert = estimator_ckpt.convert
KERNEL = np.arange(24, dtype=np.float32).reshape(4, 6)


def _save(directory, tensors, partitioned=()):
    """A name-based checkpoint of these arrays; those in `partitioned` are stored in two slices of rows."""
    names, specs, values = [], [], []
    for name, value in tensors.items():
        if name in partitioned:
            half = value.shape[0] // 2
            for start in (0, half):
                names.append(name)
                columns = ''.join(f':0,{extent}' for extent in value.shape[1:])
                specs.append(f'{" ".join(map(str, value.shape))} {start},{half}{columns}')
                values.append(value[start : start + half])
        else:
            names.append(name)
            specs.append('')
            values.append(value)
    path = str(directory / 'source')
    tf.raw_ops.SaveV2(prefix=path, tensor_names=names, shape_and_slices=specs, tensors=values)
    return path


def _read(path, key):
    return tf.train.load_checkpoint(str(path)).get_tensor(key)


@pytest.mark.parametrize(
    ('operation', 'expected'),
    [
        ('reshape=2,12', KERNEL.reshape(2, 12)),
        ('reshape=2,-1,3', KERNEL.reshape(2, 4, 3)),
        ('transpose=1,0', KERNEL.T),
        ('cast=float16', KERNEL.astype(np.float16)),
        (
            'reshape=4,2,3 transpose=2,0,1 cast=float64',
            KERNEL.reshape(4, 2, 3).transpose(2, 0, 1).astype(float),
        ),
        ('slice=0,1,3', KERNEL[1:3]),
        ('slice=-1,2', KERNEL[:, 2:]),
        ('slice=1,-4,-1', KERNEL[:, 2:5]),
        ('blocks=1,2,0,1', KERNEL[:, [4, 5, 0, 1, 2, 3]]),
        ('blocks=-2,1,0', KERNEL[[2, 3, 0, 1]]),
        ('add=1.5', KERNEL + 1.5),
        ('add=-1,1,1,3', KERNEL - np.float32([0, 0, 1, 1, 0, 0])),
        ('scale=0.5', KERNEL / 2),
        ('scale=2,0,1,2', KERNEL * np.float32([[1], [1], [2], [2]])),
        ('pad=0,1,2', np.pad(KERNEL, [(1, 2), (0, 0)])),
        ('pad=-1,0,1', np.pad(KERNEL, [(0, 0), (0, 1)])),
        ('tile=1,3', np.tile(KERNEL, (1, 3))),
        ('expand=0', KERNEL[None]),
        ('expand=-1 expand=1', KERNEL[:, None, :, None]),
        ('expand=1 squeeze=1 slice=0,0,2 add=2 cast=int32', (KERNEL[:2] + 2).astype(np.int32)),
    ],
)
@pytest.mark.parametrize('style', ['tf1', 'both'])
def test_the_values_are_those_that_numpy_makes(operation, expected, style, tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL, 'bias': KERNEL[0]})
    convert(source, tmp_path / 'x', style, rules=[('kernel', 'new', operation)])

    name = 'new' if style == 'tf1' else 'new/.ATTRIBUTES/VARIABLE_VALUE'
    actual = _read(tmp_path / 'x', name)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'bias'), KERNEL[0])


def test_a_reshape_moves_no_bytes(tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL})
    convert(source, tmp_path / 'x', 'tf1', rules=[('kernel', 'new', 'reshape=24')])
    assert os.path.samefile(BundleReader(source).data_path(0), BundleReader(str(tmp_path / 'x')).data_path(0))
    assert BundleReader(str(tmp_path / 'x')).num_shards == 1


def test_adding_axes_moves_no_bytes(tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL})
    convert(
        source, tmp_path / 'x', 'tf1', rules=[('kernel', 'new', 'expand=0 expand=-1 squeeze=0 squeeze=-1')]
    )
    assert os.path.samefile(BundleReader(source).data_path(0), BundleReader(str(tmp_path / 'x')).data_path(0))


def test_parts_may_have_different_extents(tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL})
    convert(source, tmp_path / 'x', 'tf1', rules=[('kernel', 'a, b, c', 'split=1,1,0,5')])
    for name, columns in (('a', slice(0, 1)), ('b', slice(1, 1)), ('c', slice(1, 6))):
        np.testing.assert_array_equal(_read(tmp_path / 'x', name), KERNEL[:, columns])


def test_layers_are_stacked_in_natural_order_and_taken_apart_again(tmp_path):
    layers = {f'layer_{n}/kernel': KERNEL + n for n in range(12)}
    source = _save(tmp_path, {**layers, **{f'{name}/Adam': value + 100 for name, value in layers.items()}})
    convert(source, tmp_path / 'scan', 'tf1', rules=[(r'layer_\d+/kernel', 'layers/kernel', 'stack=0')])
    stacked = np.stack(list(layers.values()))
    np.testing.assert_array_equal(_read(tmp_path / 'scan', 'layers/kernel'), stacked)
    np.testing.assert_array_equal(_read(tmp_path / 'scan', 'layers/kernel/Adam'), stacked + 100)
    rules = [('layers/kernel', 'layer_{}/kernel', 'unstack=0,12')]
    convert(tmp_path / 'scan', tmp_path / 'back', 'tf1', rules=rules)
    assert not estimator_ckpt.diff(source, tmp_path / 'back')
    names = ', '.join(layers)
    convert(tmp_path / 'scan', tmp_path / 'listed', 'tf1', rules=[('layers/kernel', names, 'unstack=0')])
    assert not estimator_ckpt.diff(source, tmp_path / 'listed')


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_a_tensor_is_given_to_several_targets(style, tmp_path):
    """A table that one variable held for the words and for the output, which a new program has twice."""
    values = {'table': KERNEL, 'table/Adam': KERNEL + 1, 'table/ExponentialMovingAverage': KERNEL + 2}
    source = _save(tmp_path, values | {'bias': KERNEL[0]})
    convert(source, tmp_path / 'x', style, rules=[('table', 'words, output', 'copy')])
    contents = Contents(tmp_path / 'x')
    by_name = {tensor.name: tensor.key for tensor in read_tensors(contents)}
    for old, value in values.items():
        for new in ('words', 'output'):
            np.testing.assert_array_equal(contents.reader.tensor(by_name[old.replace('table', new)]), value)


@pytest.mark.parametrize('style', ['tf2', 'both'])
@pytest.mark.parametrize('optimizer', [None, 'optimizer'])
def test_the_slots_of_a_divided_variable_follow_its_parts_to_objects(style, optimizer, tmp_path):
    slots = {'kernel/Adam': KERNEL + 1, 'kernel/Adam_1': KERNEL + 2}
    source = _save(tmp_path, {'kernel': KERNEL, **slots, 'bias': KERNEL[0]})
    rules = [('kernel', 'left, right', 'split=1')]
    convert(source, tmp_path / 'x', style, rules=rules, optimizer=optimizer)
    graph = Contents(tmp_path / 'x').graph
    for part, name in enumerate(('left', 'right')):
        for slot, (ending, value) in zip('mv', slots.items(), strict=True):
            path = f'{name}/.OPTIMIZER_SLOT/optimizer/{slot}'
            if optimizer is None:
                path = f'vars/{ending.replace("kernel/", name + ".S")}'
            expected = np.split(value, 2, 1)[part]
            np.testing.assert_array_equal(
                _read(tmp_path / 'x', f'{path}/.ATTRIBUTES/VARIABLE_VALUE'), expected
            )
            if style == 'both':
                np.testing.assert_array_equal(_read(tmp_path / 'x', ending.replace('kernel', name)), expected)
    assert graph is not None and estimator_ckpt.verify(tmp_path / 'x')


def test_the_slots_of_a_renamed_variable_have_its_name_without_an_optimizer_too(tmp_path):
    source = _save(
        tmp_path, {'a/w': KERNEL, 'a/w/Adam': KERNEL + 1, 'a/w/ExponentialMovingAverage': KERNEL + 2}
    )
    convert(source, tmp_path / 'x', 'tf2', rules=[('a/w', 'b/kernel')])
    for ending, value in (('Adam', KERNEL + 1), ('ExponentialMovingAverage', KERNEL + 2)):
        key = f'vars/b.Skernel.S{ending}/.ATTRIBUTES/VARIABLE_VALUE'
        np.testing.assert_array_equal(_read(tmp_path / 'x', key), value)


def test_copies_may_be_changed_before_and_joined_after(tmp_path):
    source = _save(tmp_path, {'a': KERNEL, 'b': KERNEL[:, :2], 'c': KERNEL[:1]})
    rules = [
        ('a', 'x, y', 'transpose=1,0 copy concat=0'),
        ('b', 'x', 'transpose=1,0 concat=0'),
        ('c', 'v, w', 'copy scale=2'),
    ]
    convert(source, tmp_path / 'x', 'tf1', rules=rules)
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'x'), np.concatenate([KERNEL.T, KERNEL[:, :2].T]))
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'y'), KERNEL.T)
    for name in 'vw':
        np.testing.assert_array_equal(_read(tmp_path / 'x', name), 2 * KERNEL[:1])


def test_a_warm_start_gives_a_tensor_to_several_variables(tmp_path):
    source = _save(tmp_path, {'table': KERNEL})
    words, output = (tf.Variable(tf.zeros(KERNEL.shape), name=name) for name in ('words', 'output'))
    checkpoint = tf.train.Checkpoint(words=words, output=output)
    rules = [('table', 'words, output', 'copy')]
    report = estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source, rules=rules), checkpoint)
    assert sorted(row.target for row in report.matched) == ['output', 'words']
    np.testing.assert_array_equal(words.numpy(), KERNEL)
    np.testing.assert_array_equal(output.numpy(), KERNEL)


def test_each_tensor_is_prepared_before_it_is_joined(tmp_path):
    """Operations before the one that joins are each rule's own; those after it are common."""
    source = _save(tmp_path, {'a': KERNEL, 'b': KERNEL[0], 'c': KERNEL[:, :3]})
    rules = [
        ('a', 'x, y', 'split=1,2,4 concat=0 scale=2'),
        ('b', 'x', 'expand=0 slice=1,0,2 concat=0 scale=2'),
        ('c', 'y', 'slice=0,0,1 pad=1,0,1 concat=0 scale=2'),
    ]
    convert(source, tmp_path / 'x', 'tf1', rules=rules)
    np.testing.assert_array_equal(
        _read(tmp_path / 'x', 'x'), 2 * np.concatenate([KERNEL[:, :2], KERNEL[None, 0, :2]])
    )
    np.testing.assert_array_equal(
        _read(tmp_path / 'x', 'y'),
        2 * np.concatenate([KERNEL[:, 2:], np.pad(KERNEL[:1, :3], [(0, 0), (0, 1)])]),
    )


def test_tensors_are_added_up(tmp_path):
    source = _save(tmp_path, {'input/bias': KERNEL[0], 'recurrent/bias': KERNEL[1]})
    convert(source, tmp_path / 'x', 'tf1', rules=[('(input|recurrent)/bias', 'bias', 'sum')])
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'bias'), KERNEL[0] + KERNEL[1])


def test_rules_that_join_by_different_operations_are_refused(tmp_path):
    source = _save(tmp_path, {'a': KERNEL, 'b': KERNEL})
    with pytest.raises(estimator_ckpt.RuleError, match="join tensors in 'x' by different operations"):
        convert(source, tmp_path / 'x', 'tf1', rules=[('a', 'x', 'concat=0'), ('b', 'x', 'concat=1')])
    with pytest.raises(
        estimator_ckpt.CheckpointError, match=r'sum does not fit .*the shapes \[6\] and \[4, 6\]'
    ):
        source = _save(tmp_path, {'a': KERNEL, 'b': KERNEL[0]})
        convert(source, tmp_path / 'x', 'tf1', rules=[('a|b', 'x', 'sum')])


def test_nothing_is_added_to_slots_and_averages_get_what_variables_get(tmp_path):
    values = {'b': KERNEL[0], 'b/Adam': KERNEL[1], 'b/ExponentialMovingAverage': KERNEL[2]}
    source = _save(tmp_path, values)
    convert(source, tmp_path / 'x', 'tf1', rules=[('b', 'c', 'blocks=0,1,0 add=1,0,0,2')])
    turned = {name: value[[3, 4, 5, 0, 1, 2]] for name, value in values.items()}
    one = np.float32([1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'c'), turned['b'] + one)
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'c/Adam'), turned['b/Adam'])
    np.testing.assert_array_equal(
        _read(tmp_path / 'x', 'c/ExponentialMovingAverage'), turned['b/ExponentialMovingAverage'] + one
    )


def test_slots_of_a_scaled_variable_are_refused(tmp_path):
    source = _save(tmp_path, {'b': KERNEL, 'b/Adam': KERNEL})
    with pytest.raises(estimator_ckpt.RuleError, match="'b/Adam': the slots of a variable that is scaled"):
        convert(source, tmp_path / 'x', 'tf1', rules=[('b', 'c', 'scale=2')])
    convert(source, tmp_path / 'x', 'tf1', rules=[('b', 'c', 'scale=2')], drop='slots')
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'c'), KERNEL * 2)


def test_one_tensor_is_split_and_comes_together_again(tmp_path):
    source = _save(tmp_path, {'qkv/kernel': KERNEL})
    convert(source, tmp_path / 'split', 'tf1', rules=[(r'qkv/(\w+)', r'q/\1, k/\1, v/\1', 'split=1')])
    for number, name in enumerate('qkv'):
        expected = np.split(KERNEL, 3, axis=1)[number]
        np.testing.assert_array_equal(_read(tmp_path / 'split', f'{name}/kernel'), expected)

    rules = [('(q|k|v)/kernel', 'kernel', 'concat=1')]
    convert(tmp_path / 'split', tmp_path / 'joined', 'tf2', rules=rules)
    np.testing.assert_array_equal(
        _read(tmp_path / 'joined', 'kernel/.ATTRIBUTES/VARIABLE_VALUE'),
        np.concatenate(
            [np.split(KERNEL, 3, axis=1)[i] for i in (1, 0, 2)], axis=1
        ),  # In the order of names: k, q, v.
    )


def test_slots_follow_the_operations_of_their_variables(tmp_path):
    tensors = {'w': KERNEL, 'w/Adam': KERNEL + 1, 'w/Adam_1': KERNEL + 2, 'beta1_power': np.float32(0.9)}
    source = _save(tmp_path, tensors)
    rules = [('w', 'model/w', 'transpose=1,0')]
    convert(source, tmp_path / 'x', 'tf2', rules=rules, optimizer='optimizer')

    w = tf.Variable(tf.zeros([6, 4]))
    optimizer = tf1.train.AdamOptimizer()
    optimizer.apply_gradients([(tf.zeros_like(w), w)])
    checkpoint = tf.train.Checkpoint(model={'w': w}, optimizer=optimizer)
    checkpoint.restore(str(tmp_path / 'x')).expect_partial()
    np.testing.assert_array_equal(w, KERNEL.T)
    np.testing.assert_array_equal(optimizer.get_slot(w, 'm'), KERNEL.T + 1)
    np.testing.assert_array_equal(optimizer.get_slot(w, 'v'), KERNEL.T + 2)


def test_moving_averages_are_promoted_over_their_variables(tmp_path):
    average = 'w/ExponentialMovingAverage'
    source = _save(tmp_path, {'w': KERNEL, average: KERNEL + 1, 'b': KERNEL[0]})
    convert(source, tmp_path / 'x', 'tf1', promote_averages=True)
    assert keys_of(tmp_path / 'x') == {'w', 'b'}
    np.testing.assert_array_equal(_read(tmp_path / 'x', 'w'), KERNEL + 1)
    assert os.path.samefile(BundleReader(source).data_path(0), BundleReader(str(tmp_path / 'x')).data_path(0))

    convert(source, tmp_path / 'y', 'tf1', drop='averages')
    np.testing.assert_array_equal(_read(tmp_path / 'y', 'w'), KERNEL)


def test_slices_are_kept_or_merged(tmp_path):
    source = _save(tmp_path, {'w': KERNEL, 'b': KERNEL[0]}, partitioned=['w'])
    for merge in (False, True):
        path = tmp_path / f'{merge}'
        convert(source, path, 'both', merge_slices=merge)
        entries = {entry.key: entry for entry in estimator_ckpt.list_entries(path)}
        assert entries['w'].num_slices == (0 if merge else 2)
        for key in ('w', 'vars/w/.ATTRIBUTES/VARIABLE_VALUE'):
            np.testing.assert_array_equal(_read(path, key), KERNEL)
    reader = BundleReader(str(tmp_path / 'True'))
    assert reader.entry('w') == reader.entry('vars/w/.ATTRIBUTES/VARIABLE_VALUE')


class TestCompact:
    """Only the bytes that are kept."""

    def test_without_its_slots_an_adam_checkpoint_has_a_third_of_the_size(self, tmp_path):
        big = np.random.RandomState(0).randn(1000, 30).astype(np.float32)
        source = _save(tmp_path, {'w': big, 'w/Adam': big + 1, 'w/Adam_1': big + 2, 'b': KERNEL[0]})
        copied = []
        convert(source, tmp_path / 'x', 'tf1', drop='slots', compact=True, progress=copied.append)

        sizes = [os.path.getsize(BundleReader(str(path)).data_path(0)) for path in (source, tmp_path / 'x')]
        assert sizes[1] == big.nbytes + KERNEL[0].nbytes == sum(copied)
        assert sizes[1] < 0.34 * sizes[0]
        np.testing.assert_array_equal(_read(tmp_path / 'x', 'w'), big)
        np.testing.assert_array_equal(BundleReader(str(tmp_path / 'x')).tensor('b', verify=True), KERNEL[0])

    def test_shards_slices_aliases_and_computed_tensors_come_through(self, tmp_path):
        source = _save(
            tmp_path, {'w': KERNEL, 'b': KERNEL[0], 's': np.array([b'x', b'yz'])}, partitioned=['w']
        )
        convert(source, tmp_path / 'both', 'both')
        rules = [('vars/b', 'other', 'cast=float64')]
        convert(tmp_path / 'both', tmp_path / 'x', 'both', compact=True, rules=rules)
        path = tmp_path / 'x'
        np.testing.assert_array_equal(_read(path, 'w'), KERNEL)
        np.testing.assert_array_equal(_read(path, 'vars/w/.ATTRIBUTES/VARIABLE_VALUE'), KERNEL)
        np.testing.assert_array_equal(
            _read(path, 'other/.ATTRIBUTES/VARIABLE_VALUE'), KERNEL[0].astype(float)
        )
        assert _read(path, 's').tolist() == [b'x', b'yz']
        assert len(Contents(path).all_keys) == len(Contents(tmp_path / 'both').all_keys)


@pytest.mark.parametrize(
    ('operation', 'message'),
    [
        ('reshape=5,5 copy', '24 elements cannot have the shape'),
        ('reshape=-1,-1 copy', 'cannot have the shape'),
        ('transpose=0,0 copy', 'is not a permutation of 2 axes'),
        ('split=0', 'an extent of 4 cannot be split into 3 equal parts'),
        ('split=7', 'split does not fit'),
        ('split=0,1,2,3', r'an extent of 4 cannot be split into 3 parts of \[1, 2, 3\]'),
        ('split=0,1,3', 'an extent of 4 cannot be split into 3 parts'),
        ('unstack=0', 'an extent of 4 is not that of 3 targets'),
        ('slice=0,3,5 split=1', '3 to 5 is no range of an axis of 4'),
        ('slice=0,2,2 split=1', '2 to 2 is no range'),
        ('blocks=1,3,2,1,0 split=1', 'an extent of 6 cannot be divided into 4 equal blocks'),
        ('add=1,0,0,3 split=1', 'an extent of 4 cannot be divided into 3 equal blocks'),
        ('squeeze=0 split=1', 'axis 0 has the extent 4, not 1'),
        ('expand=5 split=1', 'there is no such axis'),
        ('tile=2,2 split=1', 'there is no such axis'),
    ],
)
def test_an_operation_that_does_not_fit_is_named_with_the_key_and_the_shape(operation, message, tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL})
    with pytest.raises(estimator_ckpt.CheckpointError, match=message) as raised:
        convert(source, tmp_path / 'x', 'tf1', rules=[('kernel', 'a, b, c', operation)])
    assert "'kernel' of shape [4, 6]" in str(raised.value)
    assert not list(tmp_path.glob('x*'))


@pytest.mark.parametrize(
    ('operation', 'message'),
    [
        ('rotate=1', "unknown operation 'rotate=1'; expected one of reshape=..., squeeze"),
        ('reshape=a', 'must have integers'),
        ('cast=float99', "unknown numeric type 'float99'"),
        ('concat=1,2', 'must have a single axis'),
        ('concat=0 stack=0', 'can have one of concat, stack and sum'),
        ('split=0 unstack=0', 'and one of split, unstack and copy'),
        ('copy=2', "unknown operation 'copy=2'; expected one of .*scale=..., copy, sum"),
        ('slice=1', 'must have 2 or 3 numbers'),
        ('blocks=1,0,2', 'the numbers of all blocks from 0 on'),
        ('add=x', 'must begin with a number'),
        ('add=1,0', 'a number, an axis, a block and how many'),
        ('add=1,0,4,4', 'a number, an axis, a block and how many'),
        ('pad=0,-1,1', 'must not have a negative number'),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(operation, message, tmp_path):
    source = _save(tmp_path, {'kernel': KERNEL})
    with pytest.raises(estimator_ckpt.RuleError, match=message):
        convert(source, tmp_path / 'x', 'tf1', rules=[('kernel', 'x', operation)])
