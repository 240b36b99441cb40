"""Rules without a replacement, which leave tensors out, everywhere that rules are taken."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.warm_start import sources

VARIABLES = {'a/w': sources.value([2]), 'b/w': sources.value([2], 10)}
SLOTS = {f'{name}/{slot}': value + 1 for name, value in VARIABLES.items() for slot in ('Adam', 'Adam_1')}
AVERAGES = {f'{name}/ExponentialMovingAverage': value + 2 for name, value in VARIABLES.items()}
OLD = VARIABLES | SLOTS | AVERAGES
OF_A, OF_B = ({name for name in OLD if name.startswith(scope)} for scope in ('a/', 'b/'))
FORMS = {
    'an expression': [(r'a/w', '')],
    'an expression of a scope': [(r'a/.*', '')],
    'a name': {'a/w': ''},
    'before a wider rule': [(r'a/w', ''), (r'(.*)/w', r'\1/w')],
}


@pytest.fixture(params=sources.STYLES)
def source(request, tmp_path) -> str:
    return sources.write(tmp_path / 'source', OLD, request.param)


def left_out(report):
    """The names of the tensors that a report lists as left out."""
    keys = [row.source for row in report.unused if row.note == 'left out as asked']
    return {key.partition('/.ATTRIBUTES')[0].removeprefix('var_list/').replace('.S', '/') for key in keys}


@pytest.mark.parametrize('form', FORMS)
def test_a_plan_takes_nothing_that_is_left_out_and_lists_it(form, source, tmp_path):
    target = sources.write(tmp_path / 'target', OLD, 'tf1')
    report = estimator_ckpt.plan(source, target, FORMS[form], missing='ignore')
    assert {row.target for row in report.matched} == OF_B
    assert {row.target for row in report.missing} == OF_A
    assert left_out(report) == OF_A and not report.idle_rules


@pytest.mark.parametrize('form', FORMS)
def test_a_conversion_has_nothing_that_is_left_out_and_lists_it(form, source, tmp_path):
    report = estimator_ckpt.convert(source, tmp_path / 'new', 'tf1', rules=FORMS[form])
    reader = BundleReader(str(tmp_path / 'new'))
    assert set(reader.keys()) >= OF_B and OF_A.isdisjoint(reader.keys())
    assert left_out(report) == OF_A
    for name in OF_B:
        np.testing.assert_array_equal(reader.tensor(name), OLD[name])


def test_a_file_of_arrays_has_nothing_that_is_left_out(source, tmp_path):
    rules = tmp_path / 'rules'
    rules.write_text('a/w ->  # Belongs to a head that is gone.\n')
    report = estimator_ckpt.convert(source, tmp_path / 'new.npz', rules=str(rules))
    with np.load(tmp_path / 'new.npz') as arrays:
        assert OF_A.isdisjoint(arrays.files) and set(arrays.files) >= OF_B
    assert left_out(report) == OF_A


def test_a_warm_start_leaves_such_a_variable_as_it_is(source):
    a, b = tf.Variable([5.0, 5.0], name='a/w'), tf.Variable([5.0, 5.0], name='b/w')
    estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source, {'a/w': ''}, missing='ignore'), [a, b])
    np.testing.assert_array_equal(a, [5.0, 5.0])
    np.testing.assert_array_equal(b, VARIABLES['b/w'])


def test_a_variable_that_must_have_a_value_is_missed(source):
    with pytest.raises(estimator_ckpt.CheckpointError, match='a/w'):
        estimator_ckpt.warm_start(
            estimator_ckpt.WarmStart(source, {'a/w': ''}), [tf.Variable([5.0, 5.0], name='a/w')]
        )


def test_a_slot_with_a_rule_of_its_own_goes_on(source, tmp_path):
    rules = [('a/w', ''), ('a/w/Adam', 'momentum')]
    estimator_ckpt.convert(source, tmp_path / 'new', 'tf1', rules=rules)
    reader = BundleReader(str(tmp_path / 'new'))
    np.testing.assert_array_equal(reader.tensor('momentum'), OLD['a/w/Adam'])
    assert (OF_A - {'a/w/Adam'}).isdisjoint(reader.keys())


def test_a_comparison_has_no_counterpart_of_what_is_left_out(source):
    difference = estimator_ckpt.diff(source, source, rules=[('a/.*', '')])
    assert len(difference.only_in_a) == len(difference.only_in_b) == len(OF_A)


@pytest.mark.parametrize('rules', [[('a/w', '', 'transpose=1,0')], [('a/w', '', 'scale=2')]])
def test_operations_on_what_is_left_out_are_refused(rules, source):
    with pytest.raises(estimator_ckpt.RuleError, match='leaves tensors out, which operations have no effect'):
        estimator_ckpt.plan(source, source, rules)


def test_a_rule_that_takes_the_whole_name_away_is_no_such_rule(source):
    with pytest.raises(estimator_ckpt.RuleError, match=r"gives 'a/w' an empty name"):
        estimator_ckpt.plan(source, source, [(r'a/w(.*)', r'\1')])


def test_a_rule_that_leaves_nothing_out_is_told(source, tmp_path):
    with pytest.raises(estimator_ckpt.RuleError, match='No tensor takes the rules'):
        estimator_ckpt.convert(source, tmp_path / 'new', 'tf1', rules={'nothing': ''})
    assert estimator_ckpt.plan(source, source, {'nothing': ''}).idle_rules
