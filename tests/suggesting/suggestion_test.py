"""Tests what the rules that are proposed between two checkpoints promise."""

import json
import os
import random
import re
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.bundle.helpers import properties, temporary_prefix
from tests.suggesting import known_pairs
from tests.suggesting.known_pairs import suggest
from tests.testing.small_model import needs_estimator, needs_keras_2

DENSE = (('kernel', (3, 4)), ('bias', (4,)))


def proposed(suggestion):
    """The source of each target that gets one."""
    pairs = [*suggestion.by_name, *(pair for rule in suggestion.rules for pair in rule.pairs)]
    assert len({target for _, target in pairs}) == len({source for source, _ in pairs}) == len(pairs)
    return {target: source for source, target in pairs}


def layers(*names, roles=DENSE):
    return {f'{name}/{role}': shape for name in names for role, shape in roles}


@needs_estimator
@needs_keras_2
def test_a_real_canned_estimator_becomes_a_keras_model_of_the_same_outputs(tmp_path):
    column = tf.feature_column.numeric_column('x', shape=[4])
    classifier = tf.estimator.DNNClassifier([8, 8], [column], tmp_path / 'run', n_classes=3)
    features = np.random.RandomState(0).randn(6, 4).astype(np.float32)

    def input_fn():
        return tf.data.Dataset.from_tensors(({'x': features}, [0, 1, 2, 0, 1, 2])).repeat()

    classifier.train(input_fn, steps=2)
    latest = classifier.latest_checkpoint()
    expected = [p['logits'] for _, p in zip(range(6), classifier.predict(input_fn), strict=False)]
    layers = [
        tf.keras.layers.Dense(units, activation)
        for units, activation in ((8, 'relu'), (8, 'relu'), (3, None))
    ]
    model = tf.keras.Sequential([tf.keras.Input([4]), *layers])
    checkpoint = tf.train.Checkpoint(model=model)
    suggestion = estimator_ckpt.suggest_rules(latest, checkpoint)
    assert suggestion.complete and len(suggestion.rules) == 2
    (tmp_path / 'rules').write_text(str(suggestion))
    estimator_ckpt.convert(latest, tmp_path / 'new', 'tf2', rules=str(tmp_path / 'rules'), drop='slots')
    checkpoint.read(str(tmp_path / 'new')).assert_existing_objects_matched().expect_partial()
    np.testing.assert_allclose(model(features), expected, rtol=1e-5, atol=1e-6)


class TestAmbiguity:
    def test_equal_shapes_and_names_that_say_nothing_are_listed_and_not_guessed(self, tmp_path):
        suggestion = suggest(tmp_path, {'a': (3,), 'b': (3,)}, {'x': (3,), 'y': (3,)})
        assert not suggestion.rules and not suggestion.complete
        assert {u.target: u.candidates for u in suggestion.ambiguous} == {'x': ['a', 'b'], 'y': ['a', 'b']}
        assert '#   x float32 [3]: a, b' in suggestion.lines()
        assert any('a --rule for one of them may tell the others (2)' in line for line in suggestion.lines())

    def test_of_two_layers_of_one_shape_the_one_whose_name_tells_is_found(self, tmp_path):
        old = layers('net/query', 'net/foo')
        suggestion = suggest(tmp_path, old, layers('attention/query_dense', 'attention/bar'))
        assert proposed(suggestion)['attention/query_dense/kernel'] == 'net/query/kernel'

    def test_numbers_on_both_sides_are_an_order(self, tmp_path):
        suggestion = suggest(tmp_path, layers('foo_0', 'foo_1', 'foo_2'), layers('bar1', 'bar2', 'bar3'))
        assert proposed(suggestion)['bar2/kernel'] == 'foo_1/kernel'

    def test_names_that_tensorflow_numbers_are_an_order(self, tmp_path):
        suggestion = suggest(tmp_path, layers('dense', 'dense_1', 'dense_2'), layers('fc/0', 'fc/1', 'fc/2'))
        assert proposed(suggestion) == {
            f'fc/{number}/{role}': f'dense{"_" * bool(number)}{number or ""}/{role}'
            for number in range(3)
            for role, _ in DENSE
        }

    def test_numbers_on_one_side_only_are_none(self, tmp_path):
        suggestion = suggest(tmp_path, layers('foo_0', 'foo_1'), layers('lower', 'upper'))
        assert not suggestion.rules and len(suggestion.ambiguous) == 4

    def test_which_of_more_layers_are_wanted_is_not_guessed(self, tmp_path):
        old = layers(*(f'enc/layer_{n}' for n in range(12)))
        suggestion = suggest(tmp_path, old, layers(*(f'student/block_{n}' for n in range(6))))
        assert not suggestion.rules and len(suggestion.ambiguous) == 12

    def test_a_shift_of_the_same_names_is_not_taken_for_the_same_layers(self, tmp_path):
        suggestion = suggest(tmp_path, layers('dense', 'dense_1'), layers('dense_1', 'dense_2'))
        assert not suggestion.by_name and len(suggestion.ambiguous) + len(proposed(suggestion)) == 4
        assert proposed(suggestion).get('dense_1/kernel') != 'dense_1/kernel'

    def test_what_only_its_name_makes_the_same_is_left_out_by_rules_too(self, tmp_path):
        old, new = layers('dense', 'dense_1'), layers('dense_1', 'dense_2', 'dense_3')
        suggestion = suggest(tmp_path, old, new)
        assert suggestion.left_out == [(f'dense_1/{role}', f'dense_1/{role}') for role in ('bias', 'kernel')]
        (tmp_path / 'rules').write_text(str(suggestion))
        for rules in (suggestion.as_rules(), str(tmp_path / 'rules')):
            report = estimator_ckpt.plan(
                str(tmp_path / 'old'), str(tmp_path / 'new'), rules, missing='ignore'
            )
            assert not report.matched and not report.idle_rules and len(report.missing) == 6
        assert json.loads(suggestion.to_json())['left_out'][0] == ['dense_1/bias', 'dense_1/bias']

    def test_scalars_are_told_by_names_only(self, tmp_path):
        suggestion = suggest(
            tmp_path, {'foo': (), 'net/temperature': ()}, {'bar': (), 'model/temperature': ()}
        )
        assert proposed(suggestion) == {'model/temperature': 'net/temperature'}

    def test_of_many_candidates_the_rest_is_counted(self, tmp_path):
        old = {f'{chr(97 + n)}{chr(98 + n)}x': (3,) for n in range(24)}
        suggestion = suggest(tmp_path, old, {'foo': (3,)})
        [undecided] = suggestion.ambiguous
        assert (len(undecided.candidates), undecided.more) == (20, 4)
        assert 'and 16 more' in str(suggestion)


class TestWhatIsLookedAt:
    def test_a_reshape_that_keeps_the_meaning_is_an_operation(self, tmp_path):
        suggestion = suggest(tmp_path, {'net/out/w': (1, 1, 8, 5)}, {'model/out/kernel': (8, 5)})
        assert suggestion.as_rules() == [('net/out/w', 'model/out/kernel', 'reshape=8,5')]

    def test_shapes_of_as_many_numbers_that_make_no_sense_of_each_other_are_not_aligned(self, tmp_path):
        suggestion = suggest(tmp_path, {'net/out/w': (2, 6)}, {'net/out/kernel': (3, 4)})
        assert not suggestion.rules and len(suggestion.missing) == len(suggestion.unused) == 1

    def test_roles_that_differ_are_never_aligned(self, tmp_path):
        suggestion = suggest(tmp_path, {'norm/gamma': (5,)}, {'norm/bias': (5,)})
        assert not suggestion.rules and len(suggestion.missing) == 1

    def test_floats_of_another_width_are_cast_and_integers_are_not(self, tmp_path):
        old = known_pairs.write_index(tmp_path / 'old', {'a/w': (3, 2)})
        new = known_pairs.write_index(tmp_path / 'new', {'a/kernel': (3, 2)}, dtype=19)
        assert estimator_ckpt.suggest_rules(old, new).as_rules() == [('a/w', 'a/kernel', 'cast=float16')]
        new = known_pairs.write_index(tmp_path / 'new', {'a/kernel': (3, 2)}, dtype=3)
        assert not estimator_ckpt.suggest_rules(old, new).rules

    def test_the_only_step_becomes_the_only_step(self, tmp_path):
        suggestion = suggest(tmp_path, {'global_step': ()}, {'training/step': ()})
        assert suggestion.as_rules() == [('global_step', 'training/step')]
        assert 0.5 < suggestion.rules[0].confidence < 1

    def test_slots_and_averages_need_no_rules_and_are_no_candidates(self, tmp_path):
        old = {
            f'{name}{slot}': (3, 4)
            for name in ('a/w',)
            for slot in ('', '/Adam', '/ExponentialMovingAverage')
        }
        suggestion = suggest(tmp_path, old, {'a/kernel': (3, 4), 'b/kernel': (3, 4)})
        assert suggestion.as_rules() == [('a/w', 'a/kernel')]
        assert [row.target for row in suggestion.missing] == ['b/kernel'] and not suggestion.unused
        assert any('average (1)' in note for note in suggestion.notes)

    def test_a_replaced_head_is_left_out(self, tmp_path):
        old = layers('net/fc_0', 'net/fc_1') | {'net/fc_2/kernel': (4, 10), 'net/fc_2/bias': (10,)}
        new = layers('model/fc/0', 'model/fc/1') | {'model/fc/2/kernel': (4, 3), 'model/fc/2/bias': (3,)}
        suggestion = suggest(tmp_path, old, new)
        assert sorted(proposed(suggestion)) == sorted(layers('model/fc/0', 'model/fc/1'))
        assert [row.target for row in suggestion.missing] == ['model/fc/2/bias', 'model/fc/2/kernel']

    def test_names_that_rules_cannot_say_are_told(self, tmp_path):
        suggestion = suggest(tmp_path, {'net/out/w': (2, 3)}, {'net -> out/kernel': (2, 3)})
        assert not suggestion.rules and "No rule can be written for 'net -> out/kernel'." in suggestion.notes


class TestText:
    def test_the_text_is_a_file_of_rules_that_plan_and_convert_take(self, tmp_path):
        writers = {name: BundleWriter(str(tmp_path / name)) for name in ('old', 'new')}
        for number in range(3):
            shape = (2, 3 + number)
            writers['old'].add_tensor(f'net/layer_{number}/w', np.full(shape, number, np.float32))
            writers['old'].add_tensor(f'net/layer_{number}/w/Momentum', np.zeros(shape, np.float32))
            writers['new'].add_tensor(f'model/{number}/kernel', np.zeros(shape, np.float32))
            writers['new'].add_tensor(f'model/{number}/kernel/Momentum', np.ones(shape, np.float32))
        old, new = (writer.publish() for writer in writers.values())
        (tmp_path / 'rules').write_text(str(estimator_ckpt.suggest_rules(old, new)))
        report = estimator_ckpt.plan(old, new, str(tmp_path / 'rules'))
        assert len(report.matched) == 6 and not report.missing and not report.unused
        estimator_ckpt.convert(old, tmp_path / 'made', 'tf1', rules=str(tmp_path / 'rules'), like=new)
        assert BundleReader(tmp_path / 'made').tensor('model/2/kernel').tolist() == [[2] * 5] * 2

    def test_each_rule_has_its_confidence_above_it(self, tmp_path):
        suggestion = suggest(tmp_path, layers('net/foo', 'net/bar'), layers('model/foo', 'model/bar'))
        lines = str(suggestion).splitlines()
        for rule in suggestion.rules:
            above = lines[lines.index(str(rule)) - 1]
            assert above.startswith(f'# confidence {rule.confidence:.2f} for {len(rule.pairs)} variable')
            assert 0.5 < rule.confidence <= 1

    def test_json_has_all_of_it(self, tmp_path):
        suggestion = suggest(tmp_path, {'a/w': (3, 2), 'b': (), 'c': ()}, {'a/kernel': (3, 2), 'x': ()})
        fields = json.loads(suggestion.to_json())
        assert fields['rules'][0]['pairs'] == [['a/w', 'a/kernel']]
        assert fields['rules'][0]['confidence'] == round(suggestion.rules[0].confidence, 4)
        assert fields['ambiguous'][0]['candidates'] == ['b', 'c'] and fields['complete'] is False
        assert [row['source'] for row in fields['unused']] == ['b', 'c']

    def test_files_need_no_tensorflow(self, tmp_path):
        for name, shapes in (('old', {'a/w': (3, 2)}), ('new', {'a/kernel': (3, 2)})):
            known_pairs.write_index(tmp_path / name, shapes)
        program = (
            'import sys, estimator_ckpt\n'
            f'print(estimator_ckpt.suggest_rules({str(tmp_path / "old")!r}, {str(tmp_path / "new")!r}))\n'
            "assert 'tensorflow' not in sys.modules"
        )
        result = subprocess.run(
            [sys.executable, '-c', program], capture_output=True, text=True, env=os.environ
        )
        assert result.returncode == 0 and 'a/w -> a/kernel' in result.stdout, result.stderr


# Names of layers that cannot be taken for one another.
WORDS = ['encoder', 'decoder', 'mixer', 'gate', 'query', 'value', 'router', 'stem', 'pyramid', 'fusion']


@st.composite
def models(draw):
    """A model of numbered and single layers, and the same by other names."""
    old, answer = {}, {}
    for word in draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True)):
        count = draw(st.sampled_from([1, 1, 2, 3, 12]))
        rows, columns = draw(st.sampled_from([4, 6])), draw(st.sampled_from([4, 6]))
        first = draw(st.integers(0, 2))
        for number in range(count):
            for role, new_role, shape in (
                ('weights', 'kernel', (rows, columns)),
                ('biases', 'bias', (columns,)),
            ):
                source = f'net/{word}_{number}/{role}' if count > 1 else f'net/{word}/{role}'
                target = (
                    f'model/{word}/{number + first}/{new_role}' if count > 1 else f'model/{word}/{new_role}'
                )
                old[source], answer[target] = shape, source
    return old, answer


@properties(40)
@hypothesis.given(models(), st.randoms(use_true_random=False))
def test_a_renaming_is_recovered_whatever_the_order_of_the_keys(model, shuffle):
    old, answer = model
    with temporary_prefix() as prefix:
        results = []
        for order in (sorted(old), shuffle.sample(sorted(old), len(old))):
            known_pairs.write_index(f'{prefix}-old', {name: old[name] for name in order})
            known_pairs.write_index(f'{prefix}-new', {t: old[s] for t, s in answer.items()})
            suggestion = estimator_ckpt.suggest_rules(f'{prefix}-old', f'{prefix}-new')
            results.append(str(suggestion))
        assert results[0] == results[1]
        assert proposed(suggestion) == answer
        # What the rules say they do is what they do.
        for rule in suggestion.rules:
            matching = {name for name in old if re.fullmatch(rule.pattern, name)}
            assert matching == {source for source, _ in rule.pairs}
            for source, target in rule.pairs:
                assert re.fullmatch(rule.pattern, source).expand(rule.replacement) == target


@pytest.mark.parametrize('seed', range(5))
def test_layers_that_are_gone_and_new_ones_are_not_mixed_up(tmp_path, seed):
    shuffle = random.Random(seed)
    shared, gone, new = (shuffle.sample(WORDS, 10)[a:b] for a, b in ((0, 5), (5, 8), (8, 10)))
    suggestion = suggest(
        tmp_path,
        layers(*(f'net/{word}_{n}' for word in shared for n in range(3)), *(f'net/{word}' for word in gone)),
        layers(
            *(f'model/{word}/{n}' for word in shared for n in range(3)), *(f'model/{word}' for word in new)
        ),
    )
    wrong = {t: s for t, s in proposed(suggestion).items() if t.split('/')[1] not in s}
    assert not wrong


def test_a_wild_checkpoint_is_recognised_under_other_names(wild, tmp_path):
    checkpoints = 0
    for index in sorted(wild.glob('*/*.index')):
        entries = estimator_ckpt.list_entries(str(index).removesuffix('.index'))
        old = {e.key: e.shape for e in entries if e.kind == 'variable' and e.dtype == 'float32' and e.shape}
        new = {
            'model/' + re.sub('(?<=/)(weights|W)$', 'kernel', key.replace('g_weights', 'gs')): shape
            for key, shape in old.items()
        }
        answer = dict(zip(new, old, strict=True))
        found = proposed(suggest(tmp_path, old, new))
        assert all(answer[target] == source for target, source in found.items())
        assert len(found) >= 0.9 * len(answer), index
        checkpoints += bool(answer)
    assert checkpoints > 5
