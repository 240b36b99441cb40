"""The optimizers of canned estimators, by their slots' names, go to the objects of TF2."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.testing.small_model import needs_estimator, needs_keras_2

tf1 = tf.compat.v1
pytestmark = [needs_estimator, needs_keras_2]
_STEPS = 4
_TWO = {'Adagrad': 'Adagrad', 'Ftrl': 'Ftrl'}
_PATHS = {'Adagrad': 'dnn_optimizer', 'Ftrl': 'linear_optimizer'}


def _input():
    random = np.random.RandomState(0)
    features, labels = random.randn(16, 2).astype(np.float32), random.randint(0, 2, (16, 1))
    return tf.data.Dataset.from_tensor_slices(({'x': features}, labels)).repeat().batch(8)


def _columns():
    return [tf.feature_column.numeric_column('x', [2])]


def _train(estimator) -> str:
    estimator.train(_input, steps=_STEPS)
    return estimator.latest_checkpoint()


def _combined(module, folder, **options):
    columns = {'linear_feature_columns': _columns(), 'dnn_feature_columns': _columns()}
    config = tf.estimator.RunConfig(tf_random_seed=1)
    return module.DNNLinearCombinedClassifier(
        **columns, dnn_hidden_units=[4], model_dir=str(folder), config=config, **options
    )


class _Objects:
    """Variables by their names in an Estimator, with legacy optimizers that have slots for them."""

    def __init__(self, path: str, optimizers: dict):
        shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
        plain = [name for name in shapes if name.startswith(('dnn/', 'linear/'))]
        plain = [
            name for name in plain if name.rpartition('/')[2] in ('kernel', 'bias', 'weights', 'bias_weights')
        ]
        self.variables = {name: tf.Variable(tf.zeros(shapes[name]), name=name) for name in plain}
        self.optimizers = optimizers
        for scope, optimizer in optimizers.items():
            own = [v for name, v in self.variables.items() if name.startswith(scope)]
            optimizer.iterations  # noqa: B018  It is made when it is first asked for.
            optimizer._create_all_weights(own)

    def checkpoint(self) -> tf.train.Checkpoint:
        named = {f'{scope}_optimizer': optimizer for scope, optimizer in self.optimizers.items()}
        return tf.train.Checkpoint(model=self.variables, **named)

    def slot(self, name: str, slot: str) -> np.ndarray:
        scope = name.partition('/')[0]
        return self.optimizers[scope].get_slot(self.variables[name], slot).numpy()


def _legacy_pair() -> dict:
    legacy = tf.keras.optimizers.legacy
    return {'dnn': legacy.Adagrad(0.5), 'linear': legacy.Ftrl(0.5)}


def _convert_and_restore(source, folder, objects, **options):
    report = estimator_ckpt.convert(source, folder / 'converted', 'tf2', root='model', **options)
    objects.checkpoint().restore(str(folder / 'converted')).assert_consumed()
    return report


def test_a_combined_one_goes_to_two_optimizers(tmp_path):
    source = _train(_combined(tf1.estimator, tmp_path / 'x'))
    objects = _Objects(source, _legacy_pair())
    report = _convert_and_restore(source, tmp_path, objects, keras_optimizer=_TWO, optimizer=_PATHS)
    reader = tf.train.load_checkpoint(source)
    for name in objects.variables:
        np.testing.assert_array_equal(objects.variables[name], reader.get_tensor(name))
        pairs = (
            {'accumulator': 'Adagrad'}
            if name.startswith('dnn')
            else {'accumulator': 'Ftrl', 'linear': 'Ftrl_1'}
        )
        for slot, ending in pairs.items():
            np.testing.assert_array_equal(objects.slot(name, slot), reader.get_tensor(f'{name}/{ending}'))
    for optimizer in objects.optimizers.values():
        assert int(optimizer.iterations) == _STEPS
    # TF1's defaults, as the graph has them, and not Keras's.
    assert float(objects.optimizers['dnn'].learning_rate) == pytest.approx(0.001)
    assert float(objects.optimizers['linear'].learning_rate) == pytest.approx(0.005)
    assert [
        note for note in report.notes if note.startswith('From the graph: ') and 'linear_optimizer' in note
    ]


@pytest.mark.parametrize(
    ('make', 'keras', 'slots'),
    [
        (lambda: tf1.train.AdamOptimizer(0.02), 'Adam', {'m': 'Adam', 'v': 'Adam_1'}),
        (lambda: tf1.train.MomentumOptimizer(0.02, 0.9), 'SGD', {'momentum': 'Momentum'}),
        (lambda: tf1.train.RMSPropOptimizer(0.02, momentum=0.5), 'RMSprop', {'rms': 'RMSProp'}),
        (lambda: tf1.train.AdagradOptimizer(0.02), 'Adagrad', {'accumulator': 'Adagrad'}),
    ],
    ids=['Adam', 'Momentum', 'RMSProp', 'Adagrad'],
)
def test_names_with_t_0_go_to_their_variables(make, keras, slots, tmp_path):
    estimator = tf1.estimator.DNNClassifier([4], _columns(), str(tmp_path / 'x'), optimizer=make)
    source = _train(estimator)
    reader = tf.train.load_checkpoint(source)
    assert any('/t_0/' in name for name in reader.get_variable_to_shape_map())
    options = {'momentum': 0.5} if keras in ('RMSprop', 'SGD') else {}
    optimizer = getattr(tf.keras.optimizers.legacy, keras)(0.02, **options)
    objects = _Objects(source, {'dnn': optimizer})
    _convert_and_restore(source, tmp_path, objects, keras_optimizer=keras, optimizer='dnn_optimizer')
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    for name in objects.variables:
        for slot, ending in slots.items():
            value = reader.get_tensor(f'{name}/t_0/{ending}') * (-0.02 if keras == 'SGD' else 1)
            np.testing.assert_allclose(objects.slot(name, slot), value, rtol=1e-6)


def test_names_with_part_0_go_to_their_variables(tmp_path):
    source = _train(tf1.estimator.LinearClassifier(_columns(), str(tmp_path / 'x')))
    reader = tf.train.load_checkpoint(source)
    objects = _Objects(source, {'linear': tf.keras.optimizers.legacy.Ftrl(0.5)})
    _convert_and_restore(source, tmp_path, objects, keras_optimizer='Ftrl', optimizer='linear_optimizer')
    for name in objects.variables:
        for slot, ending in {'accumulator': 'Ftrl', 'linear': 'Ftrl_1'}.items():
            value = reader.get_tensor(f'{name}/part_0/{ending}')
            np.testing.assert_array_equal(objects.slot(name, slot), value)


def test_one_with_keras_optimizers_goes_to_objects(tmp_path):
    options = {
        'dnn_optimizer': tf.keras.optimizers.legacy.SGD(0.03, momentum=0.9),
        'linear_optimizer': 'Ftrl',
    }
    source = _train(_combined(tf.estimator, tmp_path / 'x', **options))
    reader = tf.train.load_checkpoint(source)
    pair = {'dnn': tf.keras.optimizers.legacy.SGD(0.5, momentum=0.5), 'linear': _legacy_pair()['linear']}
    objects = _Objects(source, pair)
    paths = {'SGD': 'dnn_optimizer', 'Ftrl': 'linear_optimizer'}
    keras = {'SGD': 'SGD', 'Ftrl': 'Ftrl'}
    report = _convert_and_restore(source, tmp_path, objects, keras_optimizer=keras, optimizer=paths)
    for name in objects.variables:
        scope, slots = (
            ('SGD', ['momentum']) if name.startswith('dnn') else ('Ftrl', ['accumulator', 'linear'])
        )
        for slot in slots:  # Keras's values stay, momentum too.
            value = reader.get_tensor(f'training/{scope}/{name}/{slot}')
            np.testing.assert_array_equal(objects.slot(name, slot), value)
    assert float(pair['dnn'].learning_rate) == pytest.approx(0.03)
    assert float(pair['dnn'].momentum) == pytest.approx(0.9)
    assert [note for note in report.notes if note.startswith('From the checkpoint: learning_rate=0.03')]


@pytest.mark.parametrize('generation', ['legacy', 'new'])
def test_one_with_keras_optimizers_goes_to_live_ones(generation, tmp_path):
    momentum = tf.keras.optimizers.legacy.SGD(0.03, momentum=0.9)
    estimator = tf.estimator.DNNClassifier([4], _columns(), str(tmp_path / 'x'), optimizer=momentum)
    source = _train(estimator)
    reader = tf.train.load_checkpoint(source)
    variables = _Objects(source, {}).variables
    legacy = generation == 'legacy'
    optimizer = (tf.keras.optimizers.legacy if legacy else tf.keras.optimizers).SGD(0.5, momentum=0.9)
    target = tf.train.Checkpoint(model=variables, optimizer=optimizer)
    estimator_ckpt.warm_start(WarmStart(source, slots=True, step='keep'), target)
    assert int(optimizer.iterations) == _STEPS
    for number, (name, variable) in enumerate(variables.items()):
        slot = optimizer.get_slot(variable, 'momentum') if legacy else optimizer.momentums[number]
        np.testing.assert_array_equal(slot, reader.get_tensor(f'training/SGD/{name}/momentum'))


def test_a_new_one_takes_over_from_an_old_one(tmp_path):
    """What `checkpoint_converter.py` of tensorflow_estimator is for, without a `graph.pbtxt`."""
    source = _train(_combined(tf1.estimator, tmp_path / 'x'))
    fresh = _combined(tf.estimator, tmp_path / 'fresh')
    like = _train(fresh)
    estimator_ckpt.convert(source, tmp_path / 'y' / 'model.ckpt-4', 'tf1', like=like, write_state_file=True)
    old, new = (tf.train.load_checkpoint(str(path)) for path in (source, tmp_path / 'y'))
    shapes = tf.train.load_checkpoint(like).get_variable_to_shape_map()
    assert new.get_variable_to_shape_map() == shapes
    for key in shapes:
        if key.endswith(('/accumulator', '/linear')):
            variable, _, slot = key.split('/', 2)[2].rpartition('/')
            ending = 'Adagrad' if 'Adagrad' in key else {'accumulator': 'Ftrl', 'linear': 'Ftrl_1'}[slot]
            np.testing.assert_array_equal(new.get_tensor(key), old.get_tensor(f'{variable}/{ending}'))
    assert new.get_tensor('training/Ftrl/iter') == new.get_tensor('global_step') == _STEPS
    _combined(tf.estimator, tmp_path / 'y').train(_input, steps=1)  # It resumes.
    assert tf.train.load_variable(str(tmp_path / 'y'), 'global_step') == _STEPS + 1


def _two_of_one_class(path) -> None:
    """Two variables in a layer called like an optimizer, each with an Adam of its own."""
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        names = ('generator/kernel', 'Adam_encoder/kernel')
        variables = [tf1.get_variable(name, initializer=tf.ones([2])) for name in names]
        losses = [tf.reduce_sum(variable**2) for variable in variables]
        trains = [
            tf1.train.AdamOptimizer(rate).minimize(loss, step if n == 0 else None, [variable])
            for n, (rate, loss, variable) in enumerate(zip((0.1, 0.2), losses, variables, strict=True))
        ]
        session.run(tf1.global_variables_initializer())
        for _ in range(_STEPS):
            session.run(trains)
        tf1.train.Saver().save(session, str(path))


def test_two_of_one_class_are_told_apart_by_their_variables(tmp_path):
    _two_of_one_class(tmp_path / 'x')
    patterns = ['generator/.*', 'Adam_encoder/.*']
    paths = dict(zip(patterns, ['generator_optimizer', 'encoder_optimizer'], strict=True))
    rates = {pattern: {'learning_rate': rate} for pattern, rate in zip(patterns, (0.1, 0.2), strict=True)}
    optimizers = dict.fromkeys(patterns, 'Adam')
    report = estimator_ckpt.convert(
        tmp_path / 'x',
        tmp_path / 'y',
        'tf2',
        root='model',
        keras_optimizer=optimizers,
        optimizer=paths,
        hyperparameters=rates,
    )
    assert not [note for note in report.warnings if 'power' in note]
    reader = tf.train.load_checkpoint(str(tmp_path / 'x'))
    names = ('generator/kernel', 'Adam_encoder/kernel')
    variables = {name: tf.Variable(tf.zeros(2)) for name in names}
    pair = [tf.keras.optimizers.legacy.Adam(0.5) for _ in names]
    for optimizer, variable in zip(pair, variables.values(), strict=True):
        optimizer.iterations  # noqa: B018  It is made when it is first asked for.
        optimizer._create_all_weights([variable])
    named = dict(zip(paths.values(), pair, strict=True))
    tf.train.Checkpoint(model=variables, **named).restore(str(tmp_path / 'y')).assert_consumed()
    for optimizer, rate, (name, variable) in zip(pair, (0.1, 0.2), variables.items(), strict=True):
        np.testing.assert_array_equal(variable, reader.get_tensor(name))
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        for slot, ending in {'m': 'Adam', 'v': 'Adam_1'}.items():
            np.testing.assert_array_equal(
                optimizer.get_slot(variable, slot), reader.get_tensor(f'{name}/{ending}')
            )
