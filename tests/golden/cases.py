"""The programs that the golden checkpoints are of. Each writes one with fixed values, and restores it again."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import cramjam
import numpy as np
import tensorflow as tf

import estimator_ckpt
from tests.bundle.helpers import first_block, index_of, save, strings, table_of_block, write_file

tf1 = tf.compat.v1
FOLDER = pathlib.Path(__file__).parent
_LEARNING_RATE = 0.125


@dataclasses.dataclass(frozen=True)
class Case:
    """A golden checkpoint.

    Attributes:
      name: Its folder.
      style: Its style.
      write: Writes it under a prefix.
      resave: Lets plain TensorFlow restore it from a prefix, into the program that wrote it, and save it under another;
        None for one that no program wrote.
      base: The base name of its prefix.
      of_keras_2: Whether the program needs Keras 2.
    """

    name: str
    style: str
    write: Callable[[str], object]
    resave: Callable[[str, str], object] | None = None
    base: str = 'model.ckpt'
    of_keras_2: bool = False

    def prefix(self, folder: pathlib.Path = FOLDER) -> str:
        return f'{folder / self.name}/{self.base}'

    def listing(self, folder: pathlib.Path = FOLDER) -> pathlib.Path:
        """The file that says what the checkpoint holds."""
        return folder / self.name / 'listing.json'


def fixed(number: int, shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """The value of the variable of this number: eighths, which any type of float holds exactly."""
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape) / 8 + number + 1
    return values.astype(dtype)


def _of_graph(name: str, build: Callable[[], object], sharded: bool = False) -> Case:
    """A case of the graph that `build` adds, as TF1's saver saves it."""

    def run(use: Callable[[tf1.train.Saver, tf1.Session], object]) -> None:
        with tf.Graph().as_default():
            build()
            saver = tf1.train.Saver(sharded=sharded)
            with tf1.Session(config=tf1.ConfigProto(device_count={'CPU': 2})) as session:
                use(saver, session)

    def write(prefix: str) -> None:
        def use(saver, session):
            _fill_session(session)
            _save(saver, session, prefix)

        run(use)

    def resave(source: str, target: str) -> None:
        def use(saver, session):
            saver.restore(session, source)
            _save(saver, session, target)

        run(use)

    return Case(name, 'tf1', write, resave)


def _save(saver: tf1.train.Saver, session: tf1.Session, prefix: str) -> None:
    saver.save(session, prefix, write_meta_graph=False, write_state=False)


def _fill_session(session: tf1.Session) -> None:
    for number, variable in enumerate(tf1.global_variables()):
        variable.load(fixed(number, variable.shape, variable.dtype.base_dtype.as_numpy_dtype), session)
    session.run(tf1.get_collection('fill'))


def _of_objects(
    name: str, build: Callable[[], tuple[tf.train.Checkpoint, list[tf.Variable]]], of_keras_2: bool = False
) -> Case:
    """A case of the objects that `build` gives with their variables, as `tf.train.Checkpoint` saves them."""

    def write(prefix: str) -> None:
        checkpoint, variables = build()
        for number, variable in enumerate(variables):
            variable.assign(fixed(number, variable.shape, variable.dtype.as_numpy_dtype))
        checkpoint.save_counter.assign(1)
        checkpoint.write(prefix)

    return Case(name, 'tf2', write, _resave_objects(build), of_keras_2=of_keras_2)


def _resave_objects(build: Callable[[], tuple[tf.train.Checkpoint, list[tf.Variable]]]):
    def resave(source: str, target: str) -> None:
        checkpoint, variables = build()
        for variable in variables:
            variable.assign(tf.zeros_like(variable))
        checkpoint.restore(source).assert_consumed()
        checkpoint.write(target)

    return resave


def _of_tensors(name: str, *names: str, base: str = 'model.ckpt') -> Case:
    """A case without a program: tensors of these names."""
    tensors = {n: fixed(number, [2, 2]) for number, n in enumerate(names) if n != 'global_step'}
    tensors['global_step'] = np.array(7, np.int64)
    return Case(name, 'tf1', lambda prefix: save(prefix, tensors), base=base)


def _dense() -> list[tf.Variable]:
    return [
        tf.Variable(tf.zeros([3, 2]), name='dense/kernel'),
        tf.Variable(tf.zeros([2]), name='dense/bias'),
    ]


def _gradients(variables: Sequence[tf.Variable]) -> list[tuple[tf.Tensor, tf.Variable]]:
    return [(tf.zeros(variable.shape), variable) for variable in variables]


def _trained_by(*optimizers: Callable[[], tf1.train.Optimizer]) -> Callable[[], None]:
    """A dense layer with the slots of these optimizers."""

    def build() -> None:
        step = tf1.train.get_or_create_global_step()
        variables = _dense()
        for make in optimizers:
            make().apply_gradients(_gradients(variables), step)

    return build


def _partitioned() -> None:
    tf1.train.get_or_create_global_step()
    variables = tf1.get_variable('embedding', [5, 2], partitioner=tf1.fixed_size_partitioner(2))
    tf1.train.AdamOptimizer(_LEARNING_RATE).apply_gradients(_gradients(list(variables)))


def _moving_averages() -> None:
    step = tf1.train.get_or_create_global_step()
    tf1.train.ExponentialMovingAverage(0.5, step).apply(_dense())
    loss = tf.constant(1.0, name='loss')
    tf1.train.ExponentialMovingAverage(0.5, zero_debias=True, name='debiased').apply([loss])
    tf1.train.ExponentialMovingAverage(0.5, zero_debias=True).apply([loss])


def _lookup_table() -> None:
    _dense()
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, 'vocabulary/table')
    tf1.add_to_collection(
        'fill', table.insert(strings(b'the', b'a\0b', b''), tf.constant([1, 2, 3], tf.int64))
    )


def _two_devices() -> None:
    for number in range(4):
        with tf.device(f'/cpu:{number % 2}'):
            tf1.get_variable(f'layer_{number}/kernel', [number + 1, 2])


def _legacy_adam() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
    kernel, bias = _dense()
    optimizer = tf.keras.optimizers.legacy.Adam(_LEARNING_RATE)
    optimizer.apply_gradients(_gradients([kernel, bias]))
    checkpoint = tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, optimizer=optimizer)
    return checkpoint, [kernel, bias, *optimizer.variables()]


def _keras_adam(build_alone: bool) -> Callable[[], tuple[tf.train.Checkpoint, list[tf.Variable]]]:
    """Keras 2.11's Adam; where it is built alone, its slots' names lack its own (`m/dense/kernel`)."""

    def build() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
        kernel, bias = _dense()
        optimizer = tf.keras.optimizers.Adam(_LEARNING_RATE)
        if build_alone:
            optimizer.build([kernel, bias])
        else:
            optimizer.apply_gradients(_gradients([kernel, bias]))
        checkpoint = tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, optimizer=optimizer)
        return checkpoint, [kernel, bias, *optimizer.variables]

    return build


def _module() -> tf.Module:
    module = tf.Module()
    module.kernel, module.bias = _dense()
    module.layers = [tf.Variable(tf.zeros([2]), name='scale') for _ in range(2)]
    names = ['a/b', 'a.b', '.S', 'a.Sb']
    module.named = {name: tf.Variable(0.0, name='named') for name in names}
    module.nested = {'list': [{'inner': tf.Variable(tf.zeros([1, 2], tf.int32), name='inner')}]}
    return module


def _containers() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
    module, step = _module(), tf.Variable(0, name='global_step', dtype=tf.int64)
    return tf.train.Checkpoint(model=module, step=step), [*module.variables, step]


def _positional_root() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
    module = _module()
    return tf.train.Checkpoint(module), list(module.variables)


def _guides_layout(root: str) -> Callable[[], tuple[tf.train.Checkpoint, list[tf.Variable]]]:
    def build() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
        variables = {name: tf.Variable([0.0], name=name) for name in ('a', 'b', 'scoped/c', 'scoped/d.e')}
        return tf.train.Checkpoint(**{root: variables}), list(variables.values())

    return build


def _adam_objects() -> tuple[tf.train.Checkpoint, list[tf.Variable]]:
    kernel, bias = _dense()
    step = tf.Variable(0, name='global_step', dtype=tf.int64)
    optimizer = tf1.train.AdamOptimizer(_LEARNING_RATE)
    optimizer.apply_gradients(_gradients([kernel, bias]))
    checkpoint = tf.train.Checkpoint(model={'kernel': kernel, 'bias': bias}, optimizer=optimizer, step=step)
    return checkpoint, [kernel, bias, step, *optimizer.variables()]


def _write_both(prefix: str) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        checkpoint, _ = _adam_objects()
        saver = estimator_ckpt.Saver('both', checkpoint)
        _fill_session(session)
        _save(saver, session, prefix)


def _compress_index(case: Case) -> Case:
    """The same checkpoint, its index compressed with snappy, as some builds of TensorFlow write it."""

    def write(prefix: str) -> None:
        case.write(prefix)
        block = first_block(index_of(prefix))
        write_file(f'{prefix}.index', table_of_block(bytes(cramjam.snappy.compress_raw(block)), 1))

    return dataclasses.replace(case, name=f'{case.name}_snappy', write=write)


_ADAM = _of_graph('tf1_adam', _trained_by(lambda: tf1.train.AdamOptimizer(_LEARNING_RATE)))
CASES = [
    _ADAM,
    _compress_index(_ADAM),
    _of_graph('tf1_momentum', _trained_by(lambda: tf1.train.MomentumOptimizer(_LEARNING_RATE, 0.5))),
    _of_graph(
        'tf1_rmsprop_centered',
        _trained_by(lambda: tf1.train.RMSPropOptimizer(_LEARNING_RATE, centered=True)),
    ),
    _of_graph(
        'tf1_ftrl_adagrad',
        _trained_by(
            lambda: tf1.train.FtrlOptimizer(_LEARNING_RATE),
            lambda: tf1.train.AdagradOptimizer(_LEARNING_RATE),
        ),
    ),
    # As the canned wide and deep estimators of TensorFlow 1 named them.
    _of_tensors(
        'tf1_wide_and_deep',
        'dnn/hiddenlayer_0/bias',
        'dnn/hiddenlayer_0/bias/t_0/Adagrad',
        'dnn/hiddenlayer_0/kernel',
        'dnn/hiddenlayer_0/kernel/t_0/Adagrad',
        'global_step',
        'linear/linear_model/price/weights',
        'linear/linear_model/price/weights/part_0/Ftrl',
        'linear/linear_model/price/weights/part_0/Ftrl_1',
    ),
    _of_graph('tf1_partitioned', _partitioned),
    _of_graph('tf1_moving_averages', _moving_averages),
    _of_graph('tf1_lookup_table', _lookup_table),
    _of_tensors(
        'tf1_tensor_names',
        'beta1_power:0',
        'layer1/bias/Adam:0',
        'layer1/bias/Adam_1:0',
        'layer1/bias:0',
    ),
    _of_graph('tf1_sharded', _two_devices, sharded=True),
    _of_tensors('tf1_empty_basename', 'dense/bias', 'dense/kernel', base=''),
    _of_objects('tf2_keras_legacy_adam', _legacy_adam, of_keras_2=True),
    _of_objects('tf2_keras_adam', _keras_adam(build_alone=False), of_keras_2=True),
    _of_objects('tf2_keras_adam_built', _keras_adam(build_alone=True), of_keras_2=True),
    _of_objects('tf2_containers', _containers),
    _of_objects('tf2_positional_root', _positional_root),
    _of_objects('tf2_guide_vars', _guides_layout('vars')),
    _of_objects('tf2_guide_var_list', _guides_layout('var_list')),
    Case('both_saver', 'both', _write_both, _resave_objects(_adam_objects)),
]
