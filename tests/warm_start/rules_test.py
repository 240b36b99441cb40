"""What the rules of a warm start can say, in sessions and in eager mode, for sources of every style."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.warm_start import sources

tf1 = tf.compat.v1
OLD = {'old/a': sources.value([2, 3]), 'old/in/b': sources.value([4], 10), 'c': np.float32(30)}


@pytest.fixture(params=sources.STYLES)
def source(request, tmp_path) -> str:
    return sources.write(tmp_path / 'source', OLD, request.param)


def start_session(source, build, rules, **options):
    """The values of the variables that `build` makes, warm started in a session whose graph is finalized."""
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        rules = rules(build()) if callable(rules) else (build(), rules)[1]
        session.run(tf1.global_variables_initializer())
        graph.finalize()
        estimator_ckpt.warm_start(WarmStart(source, rules, **options), session=session)
        return {v.op.name: session.run(v) for v in graph.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES)}


def build_new():
    """Variables of the source's shapes under other names."""
    a = tf1.get_variable('new/a', [2, 3])
    b = tf1.get_variable('new/in/b', [4])
    c = tf1.get_variable('c', [])
    return a, b, c


FORMS = {
    'a scope to a scope': {'old/': 'new/'},
    'names to names': {'old/a': 'new/a', 'old/in/b': 'new/in/b'},
    'names with their output': {'old/a': 'new/a:0', 'old/in/b': 'new/in/b:0'},
    'names to variables': lambda variables: {'old/a': variables[0], 'old/in/b': variables[1]},
    'expressions': [(r'old/(.*)', r'new/\1')],
    'named groups': [(r'old/(?P<rest>.*)', r'new/\g<rest>')],
    'both mixed': [{'old/a': 'new/a'}, (r'.*/b', 'new/in/b')],
    'the first that matches wins': [(r'old/a', 'new/a'), (r'old/(.*)', r'new/\1')],
}


@pytest.mark.parametrize('form', FORMS)
def test_every_form_of_rules_fills_variables_in_a_session(form, source):
    values = start_session(source, build_new, FORMS[form])
    np.testing.assert_array_equal(values['new/a'], OLD['old/a'])
    np.testing.assert_array_equal(values['new/in/b'], OLD['old/in/b'])
    assert values['c'] == 30


@pytest.mark.parametrize('form', FORMS)
def test_every_form_of_rules_fills_variables_in_eager_mode(form, source):
    variables = [
        tf.Variable(tf.zeros([2, 3]), name='new/a'),
        tf.Variable(tf.zeros([4]), name='new/in/b'),
        tf.Variable(0.0, name='c'),
    ]
    rules = FORMS[form](variables) if callable(FORMS[form]) else FORMS[form]
    report = estimator_ckpt.warm_start(WarmStart(source, rules), variables)
    for variable, value in zip(variables, OLD.values(), strict=True):
        np.testing.assert_array_equal(variable, value)
    assert len(report.matched) == 3 and not report.faults()


@pytest.mark.parametrize('rules', [{'/': 'new/'}, [('(.*)', r'new/\1')]], ids=['assignment', 'expression'])
def test_the_root_goes_to_a_scope(rules, source):
    def build():
        for name, value in OLD.items():
            tf1.get_variable(f'new/{name}', value.shape)

    values = start_session(source, build, rules)
    for name, value in OLD.items():
        np.testing.assert_array_equal(values[f'new/{name}'], value)


def test_a_scope_goes_to_the_root(source):
    def build():
        tf1.get_variable('a', [2, 3])
        tf1.get_variable('in/b', [4])

    values = start_session(source, build, {'old/': '/'})
    np.testing.assert_array_equal(values['in/b'], OLD['old/in/b'])


@pytest.mark.parametrize('to_objects', [False, True], ids=['by name', 'by object path'])
def test_rules_name_targets_by_object_path(to_objects, source):
    module = tf.Module()
    module.first, module.rest = tf.Variable(tf.zeros([2, 3])), [tf.Variable(tf.zeros([4])), tf.Variable(0.0)]
    target = tf.train.Checkpoint(model=module) if to_objects else module
    prefix = 'model/' if to_objects else ''
    rules = {'old/a': prefix + 'first', 'old/in/b': prefix + 'rest/0', 'c': prefix + 'rest/1'}
    estimator_ckpt.warm_start(WarmStart(source, rules), target)
    np.testing.assert_array_equal(module.first, OLD['old/a'])
    np.testing.assert_array_equal(module.rest[0], OLD['old/in/b'])
    assert module.rest[1].numpy() == 30


def test_every_path_to_an_object_names_it(source):
    variable = tf.Variable(tf.zeros([2, 3]))
    target = tf.train.Checkpoint(short=variable, long={'path': [variable]})
    for path in ('short', 'long/path/0'):
        variable.assign(tf.zeros([2, 3]))
        estimator_ckpt.warm_start(WarmStart(source, {'old/a': path}), target)
        np.testing.assert_array_equal(variable, OLD['old/a'])


def test_a_scope_goes_to_an_object_whose_variables_are_called_by_paths(source):
    module = tf.Module()
    module.a, inner = tf.Variable(tf.zeros([2, 3])), tf.Module()
    inner.b = tf.Variable(tf.zeros([4]))
    setattr(module, 'in', inner)
    other = tf.Variable(0.0, name='c')
    target = tf.train.Checkpoint(model=module, other=other)
    estimator_ckpt.warm_start(WarmStart(source, {'old/': module}), target)
    np.testing.assert_array_equal(module.a, OLD['old/a'])
    np.testing.assert_array_equal(inner.b, OLD['old/in/b'])


def test_rules_name_the_tensors_of_an_object_based_source_by_path_and_by_full_name(tmp_path):
    saved = tf.train.Checkpoint(model={'w': tf.Variable([1.0, 2.0], name='dense/kernel')})
    source = saved.save(str(tmp_path / 'source'))
    for old in ('model/w', 'dense/kernel'):
        new = tf.Variable([0.0, 0.0], name='other')
        estimator_ckpt.warm_start(WarmStart(source, {old: 'other'}), [new])
        np.testing.assert_array_equal(new, [1, 2])


def test_variables_of_one_name_get_one_value(source):
    twins = [tf.Variable(0.0, name='c'), tf.Variable(0.0, name='c')]
    estimator_ckpt.warm_start(WarmStart(source), twins)
    assert [twin.numpy() for twin in twins] == [30, 30]


def test_operations_change_the_values(source):
    new = tf.Variable(tf.zeros([3, 2]), name='new')
    estimator_ckpt.warm_start(WarmStart(source, [('old/a', 'new', 'transpose=1,0')]), [new])
    np.testing.assert_array_equal(new, OLD['old/a'].T)


@pytest.mark.parametrize('old_pieces, new_pieces', [(None, 3), (2, None), (2, 3), (3, 2)])
@pytest.mark.parametrize('style', sources.STYLES)
def test_partitioned_variables_are_merged_and_split(style, old_pieces, new_pieces, tmp_path):
    value = sources.value([7, 2])
    pieces = {'table': old_pieces} if old_pieces else None
    source = sources.write(tmp_path / 'source', {'table': value}, style, pieces)

    def build():
        partitioner = tf1.fixed_size_partitioner(new_pieces) if new_pieces else None
        return tf1.get_variable('new', [7, 2], partitioner=partitioner)

    forms = [lambda v: {'table': v}, {'table': 'new'}]
    if new_pieces:
        forms.append(lambda v: {'table': list(v)})
    for form in forms:
        values = start_session(source, build, form)
        np.testing.assert_array_equal(np.concatenate([values[name] for name in sorted(values)]), value)


def test_pieces_that_objects_held_as_a_list_are_merged(tmp_path):
    value = sources.value([7, 2])
    with tf.Graph().as_default(), tf1.Session() as session:
        table = tf1.get_variable(
            'table',
            [7, 2],
            initializer=sources.part_of(value),
            partitioner=tf1.fixed_size_partitioner(3),
        )
        session.run(tf1.global_variables_initializer())
        saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(model={'table': list(table)}))
        source = saver.save(session, str(tmp_path / 'source'))
    whole = tf.Variable(tf.zeros([7, 2]), name='table')
    estimator_ckpt.warm_start(WarmStart(source), [whole])
    np.testing.assert_array_equal(whole, value)
    model = tf.train.Checkpoint(model={'table': tf.Variable(tf.zeros([7, 2]), name='other')})
    estimator_ckpt.warm_start(WarmStart(source), model)
    np.testing.assert_array_equal(model.model['table'], value)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_an_average_follows_its_variable_by_the_same_operations(tmp_path, style):
    values = {
        'old/w': sources.value([2, 3]),
        'old/w/ExponentialMovingAverage': sources.value([2, 3], 10),
        'old/part_a': sources.value([2], 20),
        'old/part_b': sources.value([3], 30),
        'old/part_a/ExponentialMovingAverage': sources.value([2], 40),
        'old/part_b/ExponentialMovingAverage': sources.value([3], 50),
    }
    source = sources.write(tmp_path / 'source', values, style)
    rules = [('old/w', 'new/w', 'transpose=1,0 add=1.0'), ('old/part_.', 'new/b', 'concat=0')]

    def build():
        averages = tf.train.ExponentialMovingAverage(0.9)
        averages.apply([tf1.get_variable('new/w', [3, 2]), tf1.get_variable('new/b', [5])])

    found = start_session(source, build, rules, include='all')
    average = 'ExponentialMovingAverage'
    np.testing.assert_array_equal(found['new/w'], values['old/w'].T + 1)
    np.testing.assert_array_equal(found[f'new/w/{average}'], values[f'old/w/{average}'].T + 1)
    parts = [values[f'old/part_{part}/{average}'] for part in 'ab']
    np.testing.assert_array_equal(found[f'new/b/{average}'], np.concatenate(parts))


def test_plan_and_diff_agree_with_a_conversion_about_averages(tmp_path):
    values = {'old/w': sources.value([2, 3]), 'old/w/ExponentialMovingAverage': sources.value([2, 3], 10)}
    source = sources.write(tmp_path / 'source', values, 'tf1')
    rules = [('old/w', 'new/w', 'transpose=1,0')]
    for style in ('tf1', 'tf2', 'both'):
        estimator_ckpt.convert(source, tmp_path / style, style, rules=rules)
        report = estimator_ckpt.plan(source, tmp_path / style, rules)
        assert not report.faults() and report.unused == []
        assert estimator_ckpt.diff(source, tmp_path / style, rules=rules).equal


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_slots_of_variables_that_are_joined_are_joined_in_every_style(tmp_path, style):
    values = {f'old/part_{part}': sources.value([2], n) for n, part in enumerate('ab')}
    values |= {f'{name}/Momentum': value + 7 for name, value in values.items()}
    source = sources.write(tmp_path / 'source', values, style)

    def build():
        b = tf1.get_variable('new/b', [4])
        tf1.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(b))

    found = start_session(source, build, [('old/part_.', 'new/b', 'concat=0')], slots=True)
    expected = np.concatenate([values['old/part_a'], values['old/part_b']])
    np.testing.assert_array_equal(found['new/b'], expected)
    np.testing.assert_array_equal(found['new/b/Momentum'], expected + 7)
