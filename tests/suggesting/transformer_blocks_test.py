"""Tests which layers of transformer blocks the order that all such blocks have tells."""

import pytest

from tests.suggesting import known_pairs

WIDTH, LAYERS = 24, 11


def block(scope, attention, norms, ends=('kernel', 'bias'), of_norm=('gamma', 'beta'), inner=('in', 'out')):
    """The shapes of a block: four projections, two layers of a feed-forward network, and normalizations."""
    shapes = {f'{scope}/{name}/{ends[0]}': (WIDTH, WIDTH) for name in attention}
    shapes |= {f'{scope}/{name}/{ends[1]}': (WIDTH,) for name in attention}
    shapes |= {f'{scope}/{name}/{end}': (WIDTH,) for name in norms for end in of_norm}
    return shapes | {
        f'{scope}/{inner[0]}/{ends[0]}': (WIDTH, 4 * WIDTH),
        f'{scope}/{inner[0]}/{ends[1]}': (4 * WIDTH,),
        f'{scope}/{inner[1]}/{ends[0]}': (4 * WIDTH, WIDTH),
        f'{scope}/{inner[1]}/{ends[1]}': (WIDTH,),
    }


def network(scope, *options, others=(), **further):
    shapes = {f'{name}/{end}': (WIDTH,) for name in others for end in ('gamma', 'beta')}
    for n in range(LAYERS):
        shapes |= block(scope.format(n), *options, **further)
    return shapes


def suggested(tmp_path, old, new):
    suggestion = known_pairs.suggest(tmp_path, old, new)
    pairs = [*suggestion.by_name, *(pair for rule in suggestion.rules for pair in rule.pairs)]
    return suggestion, dict(pairs)


NAMED = [f'self_attention/{name}' for name in ('query', 'key', 'value', 'attention_output')]
NAMED_NORMS = ['self_attention_layer_norm', 'feedforward_layer_norm']
NUMBERED = ['attention/dense', 'attention/dense_1', 'attention/dense_2', 'attention/dense_3']


def test_numbered_projections_are_queries_keys_values_and_outputs(tmp_path):
    old = network('encoder/layer_{}', NUMBERED, NAMED_NORMS)
    suggestion, pairs = suggested(tmp_path, old, network('model/blocks/{}', NAMED, NAMED_NORMS))
    assert suggestion.complete and len(pairs) == 16 * LAYERS
    for number, name in zip(('', '_1', '_2', '_3'), NAMED, strict=True):
        assert pairs[f'encoder/layer_10/attention/dense{number}/kernel'] == f'model/blocks/10/{name}/kernel'


@pytest.mark.parametrize('names', [('self_attention', 'encdec_attention'), ('self_attn', 'attn')])
def test_of_two_attentions_that_one_side_numbers_the_second_attends_to_the_memory(tmp_path, names):
    projections = ('query', 'key', 'value', 'output')
    named = [f'{name}/{projection}' for name in names for projection in projections]
    numbered = [f'multi_head_attention{n}/{projection}' for n in ('', '_1') for projection in projections]
    old = network('decoder/layer_{}', named, ['ffn_norm'])
    suggestion, pairs = suggested(tmp_path, old, network('net/block_{}', numbered, ['ffn_norm']))
    assert suggestion.complete
    for a, b in zip(named, numbered, strict=True):
        assert pairs[f'decoder/layer_3/{a}/kernel'] == f'net/block_3/{b}/kernel'


@pytest.mark.parametrize('numbers', [('ln_1', 'ln_2'), ('LayerNorm', 'LayerNorm_1'), ('norm0', 'norm1')])
def test_numbered_normalizations_are_those_of_the_attention_and_of_the_network(tmp_path, numbers):
    old = network('model/h{}', NAMED, numbers, others=['model/ln_f'])
    new = network('transformer/layer_{}', NAMED, NAMED_NORMS, others=['transformer/layer_norm'])
    for a, b in ((old, new), (new, old)):
        suggestion, pairs = suggested(tmp_path, a, b)
        assert suggestion.complete and len(pairs) == 16 * LAYERS + 2
        pairs |= {target: source for source, target in pairs.items()}
        for number, name in zip(numbers, NAMED_NORMS, strict=True):
            assert pairs[f'model/h10/{number}/gamma'] == f'transformer/layer_10/{name}/gamma'
        assert pairs['model/ln_f/gamma'] == 'transformer/layer_norm/gamma'


def test_the_normalization_after_all_blocks_may_be_in_no_scope(tmp_path):
    """As `ln_final` of TransformerLens, beside `embed` and `blocks`."""
    old = network('model/h{}', NAMED, ['ln_1', 'ln_2'], others=['model/ln_f'])
    new = network('blocks/{}', NAMED, ['ln1', 'ln2'], others=['ln_final'])
    for a, b in ((old, new), (new, old)):
        suggestion, pairs = suggested(tmp_path, a, b)
        assert suggestion.complete
        pairs |= {target: source for source, target in pairs.items()}
        assert pairs['model/ln_f/gamma'] == 'ln_final/gamma'


def test_normalizations_that_both_sides_number_are_in_this_order(tmp_path):
    old = network('model/h{}', NAMED, ['ln_1', 'ln_2'])
    suggestion, pairs = suggested(tmp_path, old, network('net/layer_{}', NAMED, ['t5_norm', 't5_norm_1']))
    assert suggestion.complete
    assert pairs['model/h10/ln_1/gamma'] == 'net/layer_10/t5_norm/gamma'


def test_names_for_the_same_parts_are_the_same_parts(tmp_path):
    old = network('bert/layer_{}', NAMED, ['attention/output/LayerNorm', 'output/LayerNorm'])
    new = network('distil/layer_{}', NAMED, ['sa_layer_norm', 'output_layer_norm'])
    suggestion, pairs = suggested(tmp_path, old, new)
    assert suggestion.complete
    assert pairs['bert/layer_7/output/LayerNorm/beta'] == 'distil/layer_7/output_layer_norm/beta'


def test_a_decoder_attends_to_itself_before_the_memory(tmp_path):
    norms = ['self_attn_layer_norm', 'encoder_attn_layer_norm', 'final_layer_norm']
    old = network('decoder/layer_{}', NAMED, ['layer_norm', 'layer_norm_1', 'layer_norm_2'])
    suggestion, pairs = suggested(tmp_path, old, network('model/decoder/{}', NAMED, norms))
    assert suggestion.complete
    for number, name in zip(('', '_1', '_2'), norms, strict=True):
        assert pairs[f'decoder/layer_3/layer_norm{number}/gamma'] == f'model/decoder/3/{name}/gamma'


@pytest.mark.parametrize(
    ('attention', 'norms'),
    [
        # What nothing tells: one is a projection of something else; one more normalization.
        (['a/query', 'a/key', 'a/relative', 'a/out'], NAMED_NORMS),
        (NAMED, ['norm_of_this', 'norm_of_that']),
        (NAMED, ['attention_norm', 'self_attention_norm']),
    ],
)
def test_what_no_convention_tells_is_not_guessed(tmp_path, attention, norms):
    old = network('encoder/layer_{}', NUMBERED, ['ln_1', 'ln_2'])
    suggestion, pairs = suggested(tmp_path, old, network('model/blocks/{}', attention, norms))
    assert not suggestion.complete
    if attention is not NAMED:
        assert not any('attention/dense' in source for source in pairs)
    if norms is not NAMED_NORMS:
        assert not any('ln_' in source for source in pairs)


def test_the_only_normalization_of_a_feed_forward_network_is_that_of_the_other_side(tmp_path):
    """The others of OpenNMT-py's blocks are only numbered."""
    inner = [('ffn/filter', 'ffn/output'), ('feed_forward/w_1', 'feed_forward/w_2')]
    norms = ['self_attention/norm', 'ffn/norm'], ['norm', 'feed_forward/norm']
    old = network('layer_{}', NAMED, norms[0], inner=inner[0])
    new = network('blocks/{}', NAMED, norms[1], inner=inner[1])
    suggestion, pairs = suggested(tmp_path, old, new)
    assert suggestion.complete
    for n in range(LAYERS):
        for source, target in zip(*norms, strict=True):
            assert pairs[f'layer_{n}/{source}/gamma'] == f'blocks/{n}/{target}/gamma'


@pytest.mark.parametrize(
    'scopes', [('attention',), ('self_attention', 'vanilla_attention'), ('self_attn', 'attn')]
)
@pytest.mark.parametrize('new_scopes', ['named', 'numbered'])
def test_an_attention_without_outputs_has_queries_keys_and_values(tmp_path, scopes, new_scopes):
    """As in Kyubyong's Transformer, of which programs make Keras layers whose outputs are projected too."""
    targets = ('mha1', 'mha2') if new_scopes == 'numbered' else ('self_attention', 'cross_attention')
    old_names = [f'{scope}/{name}' for scope in scopes for name in ('dense', 'dense_1', 'dense_2')]
    new_names = [
        f'{scope}/{name}' for scope in targets[: len(scopes)] for name in ('wq', 'wk', 'wv', 'dense')
    ]
    old = network('blocks_{}', old_names, [], inner=('ffn/dense', 'ffn/dense_1'))
    new = network('layers/{}', new_names, [], inner=('ffn/0', 'ffn/1'))
    _, pairs = suggested(tmp_path, old, new)
    for n in range(LAYERS):
        for scope, target in zip(scopes, targets, strict=False):
            for source, name in zip(('dense', 'dense_1', 'dense_2'), ('wq', 'wk', 'wv'), strict=True):
                assert pairs[f'blocks_{n}/{scope}/{source}/kernel'] == f'layers/{n}/{target}/{name}/kernel'
    assert not any(target.endswith('dense/kernel') for target in pairs.values())


@pytest.mark.parametrize('targets', [('self_attention', 'cross_attention'), ('attention1', 'attention2')])
def test_attentions_that_are_each_in_a_scope_have_queries_keys_values_and_outputs(tmp_path, targets):
    """As in DongjunLee's Transformer, whose projections are only numbered."""
    numbers = ('dense', 'dense_1', 'dense_2', 'dense_3')
    scopes = ('masked-self-attention', 'encoder-decoder-attention')
    old = network('layer-{}', [f'{scope}/{name}' for scope in scopes for name in numbers], [])
    projections = ('query', 'key', 'value', 'output')
    new = network('layers/{}', [f'{scope}/{name}' for scope in targets for name in projections], [])
    suggestion, pairs = suggested(tmp_path, old, new)
    assert suggestion.complete
    for n in range(LAYERS):
        for scope, target in zip(scopes, targets, strict=True):
            for number, name in zip(numbers, projections, strict=True):
                assert pairs[f'layer-{n}/{scope}/{number}/kernel'] == f'layers/{n}/{target}/{name}/kernel'
