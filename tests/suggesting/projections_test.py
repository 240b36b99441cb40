"""Tests the rules that are proposed for projections that one side has apart and the other side as one."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.suggesting import known_pairs

WIDTH, HEADS = 24, 4


def fused(n):
    """A layer as GPT-2 has it."""
    scope = f'model/h{n}'
    return {
        f'{scope}/attn/c_attn/w': (1, WIDTH, 3 * WIDTH),
        f'{scope}/attn/c_attn/b': (3 * WIDTH,),
        f'{scope}/attn/c_proj/w': (1, WIDTH, WIDTH),
        f'{scope}/attn/c_proj/b': (WIDTH,),
        f'{scope}/mlp/c_fc/w': (1, WIDTH, 4 * WIDTH),
        f'{scope}/mlp/c_fc/b': (4 * WIDTH,),
    }


def apart(n, words, shape=(WIDTH, HEADS, WIDTH // HEADS)):
    """The same layer as KerasNLP has it."""
    scope = f'decoder/transformer_layer_{n}'
    projections = {f'{scope}/self_attention/{word}/kernel': shape for word in words}
    projections |= {f'{scope}/self_attention/{word}/bias': shape[1:] for word in words}
    return projections | {
        f'{scope}/self_attention/attention_output/kernel': (*shape[1:], WIDTH),
        f'{scope}/self_attention/attention_output/bias': (WIDTH,),
        f'{scope}/feedforward_intermediate_dense/kernel': (WIDTH, 4 * WIDTH),
        f'{scope}/feedforward_intermediate_dense/bias': (4 * WIDTH,),
    }


def network(layer, *options):
    return dict(itertools.chain.from_iterable(layer(n, *options).items() for n in range(11)))


def write(prefix, shapes, **slots):
    """Writes random values, and slots of each variable. Returns the path and the values by name."""
    random, values = np.random.RandomState(0), {}
    for name, shape in shapes.items():
        values[name] = random.rand(*shape).astype(np.float32)
        values |= {f'{name}/{slot}': values[name] * factor for slot, factor in slots.items()}
    writer = BundleWriter(str(prefix))
    for name, value in values.items():
        writer.add_tensor(name, value)
    return writer.publish(), values


def suggested(tmp_path, old, new):
    paths = [
        known_pairs.write_index(tmp_path / name, shapes) for name, shapes in (('old', old), ('new', new))
    ]
    return estimator_ckpt.suggest_rules(*paths)


@pytest.mark.parametrize('words', [('query', 'key', 'value'), ('wq', 'wk', 'wv'), ('Q', 'K', 'V')])
@pytest.mark.parametrize('shape', [(WIDTH, HEADS, WIDTH // HEADS), (WIDTH, WIDTH)])
def test_what_is_split_and_put_together_again_is_the_same_with_its_slots(tmp_path, words, shape):
    old, values = write(tmp_path / 'old', network(fused), Adam=0.5, Adam_1=0.25)
    new = known_pairs.write_index(tmp_path / 'new', network(apart, words, shape))
    suggestion = estimator_ckpt.suggest_rules(old, new)
    assert suggestion.complete and not suggestion.unused
    (tmp_path / 'rules').write_text(str(suggestion))
    estimator_ckpt.convert(old, tmp_path / 'apart', 'tf1', rules=str(tmp_path / 'rules'))
    reader = BundleReader(str(tmp_path / 'apart'))
    parts = np.split(values['model/h10/attn/c_attn/w'][0], 3, axis=1)
    for word, part in zip(words, parts, strict=True):
        name = f'decoder/transformer_layer_10/self_attention/{word}/kernel'
        np.testing.assert_array_equal(reader.tensor(name), part.reshape(shape))
        np.testing.assert_array_equal(reader.tensor(f'{name}/Adam_1'), part.reshape(shape) * np.float32(0.25))

    back = estimator_ckpt.suggest_rules(
        tmp_path / 'apart', known_pairs.write_index(tmp_path / 'o', network(fused))
    )
    assert back.complete and not back.unused
    estimator_ckpt.convert(tmp_path / 'apart', tmp_path / 'back', 'tf1', rules=back.as_rules())
    reader = BundleReader(str(tmp_path / 'back'))
    assert set(reader.keys()) == set(values)
    for name, value in values.items():
        np.testing.assert_array_equal(reader.tensor(name), value)


def test_the_objects_of_a_program_get_their_parts(tmp_path):
    old, values = write(tmp_path / 'old', network(fused))
    layers = [tf.Module() for _ in range(11)]
    for n, layer in enumerate(layers):
        for name, shape in apart(n, ('query', 'key', 'value')).items():
            *path, last = name.split('/')[2:]
            module = layer
            for component in path:
                if not hasattr(module, component):
                    setattr(module, component, tf.Module())
                module = getattr(module, component)
            setattr(module, last, tf.Variable(tf.zeros(shape)))
    checkpoint = tf.train.Checkpoint(layers=layers)
    suggestion = estimator_ckpt.suggest_rules(old, checkpoint)
    assert suggestion.complete and suggestion.gives_paths
    estimator_ckpt.warm_start(estimator_ckpt.WarmStart(old, rules=suggestion.as_rules()), checkpoint)
    expected = values['model/h3/attn/c_attn/b'][2 * WIDTH :].reshape(HEADS, -1)
    np.testing.assert_array_equal(layers[3].self_attention.value.bias, expected)


def test_keys_and_values_of_a_memory_are_split_where_queries_are_apart(tmp_path):
    old, new = {}, {}
    for n in range(3):
        for scope, kernels in (('masked_multi_head', (3, 1)), ('multi_head', (1, 2, 1))):
            names = (f'decoder/layer_{n}/{scope}/conv1d{f"_{k}" if k else ""}' for k in range(3))
            old |= {f'{name}/kernel': (1, WIDTH, k * WIDTH) for name, k in zip(names, kernels, strict=False)}
        for scope in ('self_attention', 'attention'):
            for word in ('queries', 'keys', 'values', 'output'):
                new[f'decoder/layers/{n}/{scope}/linear_{word}/kernel'] = (WIDTH, WIDTH)
    pairs = [pair for rule in suggested(tmp_path, old, new).rules for pair in rule.pairs]
    itself = [
        f'decoder/layers/2/self_attention/linear_{word}/kernel' for word in ('keys', 'queries', 'values')
    ]
    assert [t for s, t in pairs if s == 'decoder/layer_2/masked_multi_head/conv1d/kernel'] == itself
    memory = [f'decoder/layers/2/attention/linear_{word}/kernel' for word in ('keys', 'values')]
    assert [t for s, t in pairs if s == 'decoder/layer_2/multi_head/conv1d_1/kernel'] == memory


def test_projections_that_both_sides_have_apart_stay_apart(tmp_path):
    """The old feed-forward network, which the new one lacks, looks like three projections."""
    old = {
        name.replace('decoder', 'old'): shape
        for name, shape in network(apart, ('q', 'k', 'v'), (WIDTH, WIDTH)).items()
    }
    old |= {f'old/transformer_layer_{n}/wide/kernel': (WIDTH, 3 * WIDTH) for n in range(11)}
    suggestion = suggested(tmp_path, old, network(apart, ('query', 'key', 'value')))
    assert suggestion.complete and not any('split' in rule.operations for rule in suggestion.rules)
    assert {row.source for row in suggestion.unused} == {name for name in old if 'wide' in name}


def test_a_feed_forward_network_is_not_split(tmp_path):
    old = {
        f'net/layer_{n}/{name}/kernel': s for n in range(4) for name, s in (('in', (8, 24)), ('out', (24, 8)))
    }
    new = {f'model/layer_{n}/{w}/kernel': (8, 8) for n in range(4) for w in ('query', 'key', 'value')}
    suggestion = suggested(tmp_path, old, new)
    assert not suggestion.rules
    assert sorted(row.target for row in suggestion.missing) == sorted(new)
    assert sorted(row.source for row in suggestion.unused) == sorted(old)


def test_variables_that_find_no_counterpart_are_listed_one_by_one(tmp_path):
    old = {'a/fused': (8, 24), 'b/fused': (8, 24)}
    new = {f'{scope}/{w}/kernel': (8, 8) for scope in 'xy' for w in ('query', 'key', 'value')}
    suggestion = suggested(tmp_path, old, new)
    assert not suggestion.rules
    assert {u.target: u.candidates for u in suggestion.ambiguous} == dict.fromkeys(
        new, ['a/fused', 'b/fused']
    )
    assert sorted(row.source for row in suggestion.unused) == ['a/fused', 'b/fused']
    back = suggested(tmp_path, new, old)
    assert {u.target: u.candidates for u in back.ambiguous} == dict.fromkeys(
        old, sorted(new, key=list(new).index)
    )
    assert sorted(row.source for row in back.unused) == sorted(new)


def test_names_with_commas_are_not_written_into_one_rule(tmp_path):
    new = {f'decoder/{w},{w}/kernel': (8, 8) for w in ('query', 'key', 'value')}
    suggestion = suggested(tmp_path, {'decoder/qkv/kernel': (8, 24)}, new)
    assert not suggestion.rules and len(suggestion.missing) == 3


TURNED = (HEADS, WIDTH // HEADS, WIDTH)


@pytest.mark.parametrize(
    ('word', 'shape', 'is_sure'),
    [
        ('query', (WIDTH, HEADS, WIDTH // HEADS), True),
        ('output', TURNED, True),
        ('query', TURNED, False),
        ('k_proj', TURNED, False),
        ('output', (WIDTH, HEADS, WIDTH // HEADS), False),
        ('out_proj', (WIDTH, HEADS, WIDTH // HEADS), False),
        ('query', (1, WIDTH, WIDTH), True),
        ('mixer', TURNED, True),
    ],
)
def test_no_rule_is_written_that_may_take_rows_for_columns(tmp_path, word, shape, is_sure):
    old = {f'net/layer_{n}/attention/{word}/kernel': shape for n in range(3)}
    new = {f'model/block_{n}/attention/{word}/kernel': (WIDTH, WIDTH) for n in range(3)}
    for source, target in ((old, new), (new, old)):
        suggestion = known_pairs.suggest(tmp_path, source, target)
        assert bool(suggestion.rules) == is_sure
        assert len(suggestion.ambiguous) == (0 if is_sure else 3)
        assert not suggestion.missing


def test_projections_that_may_be_turned_are_not_joined(tmp_path):
    """Image GPT has its queries by heads first, and a reshape to its successor would turn them."""
    old = {f'model/h{n}/attn/{part}_proj': TURNED for n in range(3) for part in 'qkv'}
    new = {f'transformer/h/{n}/attn/c_attn/weight': (WIDTH, 3 * WIDTH) for n in range(3)}
    suggestion = known_pairs.suggest(tmp_path, old, new)
    assert not suggestion.rules and len(suggestion.ambiguous) == 3
