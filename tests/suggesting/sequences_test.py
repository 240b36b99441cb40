"""Tests what the order of layers says, and where it says nothing."""

import pytest

from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.units import partners
from tests.suggesting import known_pairs

WIDTHS = (3, 8, 16, 16, 16, 32)


def suggested(tmp_path, old, new):
    return known_pairs.found(known_pairs.suggest(tmp_path, old, new))


def convolutions(names, widths=WIDTHS, norms=()):
    shapes = {f'{name}/kernel': (3, 3, x, y) for name, x, y in zip(names, widths, widths[1:], strict=False)}
    for name, width in zip(norms, widths[1:], strict=False):
        shapes |= {f'{name}/{role}': (width,) for role in ('gamma', 'beta')}
    return shapes


def counted(kind, count=5):
    return [f'{kind}_{n}' if n else kind for n in range(count)]


@pytest.mark.parametrize('numbers', [(1, 2, 3, 4, 5), (3, 30, 100, 110, 111)])
def test_layers_of_two_orders_are_aligned_whatever_their_numbers(tmp_path, numbers):
    new = [f'stage{n}_mix' for n in numbers]
    found = suggested(tmp_path, convolutions(counted('conv2d')), convolutions(new))
    assert found == {f'{b}/kernel': f'{a}/kernel' for a, b in zip(counted('conv2d'), new, strict=True)}


def test_letters_after_numbers_are_an_order(tmp_path):
    new = ['block1a_mix', 'block1b_mix', 'block2a_mix', 'block2b_mix', 'block10a_mix']
    found = suggested(tmp_path, convolutions(counted('conv2d')), convolutions(new))
    assert found == {f'{b}/kernel': f'{a}/kernel' for a, b in zip(counted('conv2d'), new, strict=True)}


def test_a_letter_that_only_the_second_of_two_has_is_an_order(tmp_path):
    """As in SfMLearner, whose last convolutions all have one shape, and PyTorch's modules of two each."""
    old = [f'depth_net/cnv{n}{letter}' for n in range(1, 6) for letter in ('', 'b')]
    new = [f'disp_net/conv{n}/{place}' for n in range(1, 6) for place in (0, 2)]
    widths = (3, 8, 8, 16, 16, 32, 32, 32, 32, 32, 32)
    found = suggested(tmp_path, convolutions(old, widths), convolutions(new, widths))
    assert found == {f'{t}/kernel': f'{s}/kernel' for s, t in zip(old, new, strict=True)}


def test_numbers_that_are_counted_across_scopes_are_an_order(tmp_path):
    old = ['z/conv2d', 'z/conv2d_1', 'y/conv2d_2', 'y/conv2d_3', 'x/conv2d_4']
    new = [f'mix/{n}' for n in range(5)]
    found = suggested(tmp_path, convolutions(old), convolutions(new))
    assert found == {f'{b}/kernel': f'{a}/kernel' for a, b in zip(old, new, strict=True)}


def test_names_without_an_order_get_only_what_their_shapes_tell(tmp_path):
    new = ['a', 'b', 'c', 'd', 'e']
    found = suggested(tmp_path, convolutions(counted('conv2d')), convolutions(new))
    assert 'c/kernel' not in found and 'd/kernel' not in found


@pytest.mark.parametrize(
    ('other', 'place'),
    [('body_output', 7), ('body_last', 7), ('body_input', 1), ('body_first', 1), ('body_between', None)],
)
def test_a_layer_like_those_of_numbered_blocks_is_before_or_after_them_as_its_name_says(
    tmp_path, other, place
):
    """As in networks for super-resolution, between whose ends are blocks of the same width."""
    blocks = [f'body_{n}/conv_{m}' for n in range(3) for m in range(2)]
    old = {f'{name}/kernel': (3, 3, 8, 8) for name in (*blocks, other)}
    ends = {'head/kernel': (9, 9, 3, 8), 'up_0/kernel': (3, 3, 8, 32), 'tail/kernel': (9, 9, 8, 3)}
    in_order = [*blocks[: (place or 7) - 1], other, *blocks[(place or 7) - 1 :]]
    names = ['head', *in_order, 'up_0', 'tail']
    shapes = old | ends
    new = {f'net/{n}/kernel': shapes[f'{name}/kernel'] for n, name in enumerate(names)}
    found = suggested(tmp_path, shapes, new)
    answer = {f'net/{n}/kernel': f'{name}/kernel' for n, name in enumerate(names)}
    if place is None:
        answer = {target: source for target, source in answer.items() if source in ends}
    assert found == answer


def test_layers_that_one_side_lacks_leave_the_others_certain_and_equal_ones_open(tmp_path):
    new = [f'mix/{n}' for n in range(5)]
    shapes = convolutions(new)
    del shapes['mix/2/kernel']
    found = suggested(tmp_path, convolutions(counted('conv2d')), shapes)
    assert found.get('mix/4/kernel', 'conv2d_4/kernel') == 'conv2d_4/kernel' and 'mix/3/kernel' not in found


def test_normalizations_follow_their_convolutions(tmp_path):
    old = convolutions(counted('conv2d'), norms=counted('batch_normalization'))
    new = convolutions([f'part{n}_conv' for n in range(5)], norms=[f'part{n}_bn' for n in range(5)])
    found = suggested(tmp_path, old, new)
    assert len(found) == 15
    for number, name in enumerate(counted('batch_normalization')):
        assert found[f'part{number}_bn/gamma'] == f'{name}/gamma'


@pytest.mark.parametrize(
    ('widths', 'of_norms', 'first'),
    [
        ([8, 16, 8, 24, 8, 1], [8, 16, 8, 24, 8], 0),
        ([4, 8, 16, 8, 24, 1], [8, 16, 8, 24], None),
        ([8, 8, 8, 8, 8, 1], [8, 8, 8, 8], None),
        ([8, 16, 8, 16, 8, 16], [8, 16, 8, 16], None),
    ],
    ids=['none at the end', 'none at both ends', 'all alike', 'in turns'],
)
def test_fewer_normalizations_than_convolutions_are_paired_where_one_place_fits(widths, of_norms, first):
    """A network that removes noise has none after the first convolution, and none after the last."""
    names, norms = counted('conv2d', len(widths)), counted('batch_normalization', len(of_norms))
    shapes = {f'{a}/kernel': (1, 1, x, y) for a, x, y in zip(names, [3, *widths], widths, strict=False)}
    shapes |= {f'{a}/gamma': (y,) for a, y in zip(norms, of_norms, strict=True)}
    pairs = partners(Side(known_pairs.variables(shapes))).items()
    found = {[*shapes][a].partition('/')[0]: str(b.split).rstrip('/') for a, b in pairs}
    assert found == ({} if first is None else dict(zip(names[first:], norms, strict=False)))


def test_of_kinds_that_are_counted_apart_the_channels_tell_the_order(tmp_path):
    old, new, answer, norms = {}, {}, {}, iter(counted('batch_normalization', 9))
    for block, (x, y) in enumerate(((8, 48), (16, 48), (24, 96))):
        rows = [(f'conv2d_{2 * block}', 'expand', 'kernel', (1, 1, x, y), y)]
        rows += [(f'depthwise_conv2d_{block}', 'depthwise', 'depthwise_kernel', (3, 3, y, 1), y)]
        rows += [(f'conv2d_{2 * block + 1}', 'project', 'kernel', (1, 1, y, x + 8), x + 8)]
        for source, target, role, shape, width in rows:
            source, norm = source.removesuffix('_0'), next(norms)
            old |= {f'{source}/{role}': shape, f'{norm}/gamma': (width,), f'{norm}/beta': (width,)}
            target = f'unit{block}_{target}'
            new |= {f'{target}/{role}': shape, f'{target}_bn/gamma': (width,), f'{target}_bn/beta': (width,)}
            answer |= {f'{target}/{role}': f'{source}/{role}', f'{target}_bn/gamma': f'{norm}/gamma'}
    found = suggested(tmp_path, old, new)
    assert {target: found.get(target) for target in answer} == answer


@pytest.mark.parametrize('numbers', [(3, 2, 1), (1, 2, 3)])
def test_a_decoder_follows_its_encoder_whichever_way_its_blocks_are_numbered(tmp_path, numbers):
    names = [f'conv{block}_{n}' for block in (1, 2, 3) for n in (1, 2)]
    names += [f'deconv{block}_{n}' for block in numbers for n in (2, 3)]
    widths = (3, 8, 8, 16, 16, 16, 16, 16, 16, 16, 8, 8, 8)
    old, new = convolutions(names, widths), convolutions(counted('conv2d', 12), widths)
    head = {'conv2d_12/kernel': (1, 1, 8, 5)}
    assert suggested(tmp_path, old, new | head) == dict(zip(new, old, strict=True))


@pytest.mark.parametrize('wrapper', ['', 'stream{}/'])
def test_a_depthwise_convolution_is_before_the_pointwise_one_also_where_keras_counts_through_wrappers(
    tmp_path, wrapper
):
    old, new, answer = {}, {}, {}
    kernels = [('conv2d', 'conv_1', 'kernel', (10, 4, 1, 8))]
    for n in range(4):
        end = f'_{n}' if n else ''
        kernels.append((f'depthwise_conv2d{end}', f'ds_{n}/dw_conv', 'depthwise_kernel', (3, 3, 8, 1)))
        kernels.append((f'conv2d_{n + 1}', f'ds_{n}/pw_conv', 'kernel', (1, 1, 8, 8)))
    for n, (counted_name, name, role, shape) in enumerate(kernels):
        is_wrapped = wrapper and 'pw' not in name
        scope = wrapper.format(f'_{n}' if n else '') if is_wrapped else ''
        norm = f'batch_normalization_{n}' if n else 'batch_normalization'
        old |= {f'{name}/{role}': shape, f'{name}/bn/beta': (8,), f'{name}/bn/moving_mean': (8,)}
        new |= {f'{scope}{counted_name}/{role}': shape, f'{norm}/beta': (8,), f'{norm}/moving_mean': (8,)}
        answer |= {f'{scope}{counted_name}/{role}': f'{name}/{role}', f'{norm}/beta': f'{name}/bn/beta'}
    found = suggested(tmp_path, old, new)
    assert {target: found.get(target) for target in answer} == answer


def shortcuts(position, blocks):
    """A network of pairs of separable convolutions, and of convolutions that bypass them, made before or after."""
    old, new, answer = {}, {}, {}
    counts = dict.fromkeys(('conv2d', 'separable_conv2d', 'batch_normalization'), 0)

    def name(kind):
        number = counts[kind]
        counts[kind] += 1
        return f'{kind}_{number}' if number else kind

    def unit(kind, target, x, y):
        kernels = {'kernel': (3 if target == 'stem' else 1,) * 2 + (x, y)}
        if kind == 'separable_conv2d':
            kernels = {'depthwise_kernel': (3, 3, x, 1), 'pointwise_kernel': (1, 1, x, y)}
        layer, norm = name(kind), name('batch_normalization')
        for role, shape in kernels.items():
            old[f'{layer}/{role}'] = new[f'{target}_conv/{role}'] = shape
            answer[f'{target}_conv/{role}'] = f'{layer}/{role}'
        for role in ('gamma', 'beta'):
            old[f'{norm}/{role}'] = new[f'{target}_bn/{role}'] = (y,)
            answer[f'{target}_bn/{role}'] = f'{norm}/{role}'

    unit('conv2d', 'stem', 3, blocks[0][0])
    for number, (x, middle, y) in enumerate(blocks):
        rows = [
            ('separable_conv2d', f'unit{number}_first', x, middle),
            ('separable_conv2d', f'unit{number}_second', middle, y),
        ]
        rows.insert(0 if position == 'first' else 2, ('conv2d', f'unit{number}_shortcut', x, y))
        for row in rows:
            unit(*row)
    return old, new, answer


def test_one_block_that_tells_that_shortcuts_are_made_first_tells_it_of_all(tmp_path):
    old, new, answer = shortcuts('first', [(8, 16, 16), (16, 32, 32), (32, 40, 64)])
    assert suggested(tmp_path, old, new) == answer


def test_shortcuts_that_are_made_last_are_recognized_by_their_channels(tmp_path):
    old, new, answer = shortcuts('last', [(8, 12, 16), (16, 24, 32), (32, 40, 64)])
    assert suggested(tmp_path, old, new) == answer


@pytest.mark.parametrize('position', ['first', 'last'])
def test_where_shortcuts_are_made_is_not_guessed(tmp_path, position):
    old, new, answer = shortcuts(position, [(8, 16, 16), (16, 32, 32), (32, 64, 64)])
    found = suggested(tmp_path, old, new)
    assert all(answer[target] == source for target, source in found.items())
    assert 'unit0_first_bn/gamma' not in found and 'unit0_first_conv/pointwise_kernel' in found


def decoder(numbers):
    rows = list(zip(numbers, (64, 64, 64, 32, 16), (64, 64, 32, 16, 3), strict=True))
    old = {f'decoder_{n}/kernel': (4, 4, y, x) for n, x, y in rows}
    new = {f'up/{at}/kernel': (4, 4, y, x) for at, (_, x, y) in enumerate(rows)}
    return old, new, dict(zip(new, old, strict=True))


def test_layers_that_are_numbered_from_the_end_are_aligned_backwards(tmp_path):
    old, new, answer = decoder((5, 4, 3, 2, 1))
    assert suggested(tmp_path, old, new) == answer


def test_layers_whose_shapes_do_not_say_that_numbers_count_down_are_aligned_forwards(tmp_path):
    names = [f'mix_{n}' for n in range(5)], [f'part/{n}' for n in range(5)]
    old, new = (convolutions(of_side, (8, 8, 16, 16, 8, 8)) for of_side in names)
    found = suggested(tmp_path, old, new)
    assert found == {f'part/{n}/kernel': f'mix_{n}/kernel' for n in range(5)}


def copies(*scopes):
    rows = zip(WIDTHS, WIDTHS[1:], strict=False)
    shapes = [(3, 3, x, y) for x, y in rows]
    return {f'{scope}/{n}/kernel': shape for scope in scopes for n, shape in enumerate(shapes)}


def test_copies_of_a_network_are_told_apart_by_a_word_that_only_one_has(tmp_path):
    found = suggested(tmp_path, copies('q_func', 'target_q_func'), copies('q_network', 'target_network'))
    answer = {'q_network': 'q_func', 'target_network': 'target_q_func'}
    assert len(found) == 10 and all(answer[t.split('/')[0]] == s.split('/')[0] for t, s in found.items())


def test_copies_of_a_network_that_no_word_tells_apart_are_not_guessed(tmp_path):
    assert not suggested(tmp_path, copies('online', 'target'), copies('first_net', 'second_net'))


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (('generatorA2B', 'generatorB2A'), ('G_A2B', 'G_B2A')),
        (('gen_a_to_b', 'gen_b_to_a'), ('net_AB', 'net_BA')),
        (('horse/g_AtoB', 'horse/g_BtoA'), ('a2b_model', 'b2a_model')),
        (('D_A', 'D_B'), ('discriminatorA', 'discriminatorB')),
        (('real_x', 'real_y'), ('x', 'y')),
    ],
)
@pytest.mark.parametrize('turned', [False, True])
def test_copies_of_a_network_are_told_apart_by_what_their_names_differ_in(tmp_path, old, new, turned):
    found = suggested(tmp_path, copies(*old), copies(*(new[::-1] if turned else new)))
    answer = {f'{t}/{n}/kernel': f'{s}/{n}/kernel' for s, t in zip(old, new, strict=True) for n in range(5)}
    assert found == answer


@pytest.mark.parametrize('new', [('net_ab', 'net_cd'), ('a2c', 'c2a'), ('first', 'second')])
def test_copies_of_a_network_whose_names_differ_in_other_things_are_not_guessed(tmp_path, new):
    assert not suggested(tmp_path, copies('generatorA2B', 'generatorB2A'), copies(*new))


def test_variables_without_names_are_aligned_by_the_order_in_which_they_were_made(tmp_path):
    shapes = [(9, 4), (1, 4), (4, 4), (1, 4), (4, 2), (1, 2)]
    old = {f'Variable_{n}' if n else 'Variable': shape for n, shape in enumerate(shapes)}
    new = {f'net/Variable{f"_{n + 3}"}': shape[-1:] if n % 2 else shape for n, shape in enumerate(shapes)}
    assert suggested(tmp_path, old, new) == dict(zip(new, old, strict=True))


def test_variables_without_names_that_have_several_places_are_not_guessed(tmp_path):
    old = {f'Variable_{n}' if n else 'Variable': s for n, s in enumerate([(9, 4), (4, 4), (4, 4), (4, 2)])}
    shapes = [(9, 4), (4, 4), (4, 4), (4, 4), (4, 2)]
    found = suggested(tmp_path, old, {f'net/Variable_{7 + n}': shape for n, shape in enumerate(shapes)})
    assert found == {'net/Variable_7': 'Variable', 'net/Variable_11': 'Variable_3'}


def recurrent(scope, cell, norms, keras):
    """Two convolutions and three recurrent layers, with a normalization after each."""
    shapes = {f'{scope}conv_{n}/kernel': (5, 5, 8**n, 8) for n in range(2)}
    for name, width in zip(norms, (8, 8, 12, 12, 12), strict=True):
        shapes |= {f'{name}/{role}': (width,) for role in ('gamma', 'beta')}
    for n, inputs in enumerate((20, 12, 12)):
        if keras:
            shapes |= {f'{cell(n)}/kernel': (inputs, 48), f'{cell(n)}/recurrent_kernel': (12, 48)}
        else:
            shapes[f'{cell(n)}/kernel'] = (inputs + 12, 48)
        shapes[f'{cell(n)}/bias'] = (48,)
    return shapes


def test_normalizations_between_recurrent_layers_are_in_their_order(tmp_path):
    names = [f'block_{n}/bn' for n in range(5)]
    old = recurrent('', 'rnn/cell_{}'.format, counted('batch_normalization'), keras=False)
    new = recurrent('', 'block_{}/lstm_cell'.format, names, keras=True)
    found = suggested(tmp_path, old, new)
    assert set(found) == {name for name in new if not name.startswith('conv_')}
    for number, name in zip(counted('batch_normalization'), names, strict=True):
        assert found[f'{name}/gamma'] == f'{number}/gamma'


def test_normalizations_of_other_orders_are_not_taken_one_by_one(tmp_path):
    names = [f'block_{n}/bn' for n in (2, 0, 3, 1, 4)]
    old = recurrent('', 'rnn/cell_{}'.format, counted('batch_normalization'), keras=False)
    new = recurrent('', 'block_{}/lstm_cell'.format, names, keras=True)
    assert not any('/bn/' in target for target in suggested(tmp_path, old, new))


def inverted_blocks(conv, norm, head):
    """A stem, five blocks that widen and narrow, and a head, whose names are functions of their places."""
    widths = [8, *(width for n in range(5) for width in ((48, 16), (96, 24))[n > 2]), head]
    shapes = {
        f'{conv(n)}/kernel': (1, 1, *ends) for n, ends in enumerate(zip([3, *widths], widths, strict=False))
    }
    roles = ('gamma', 'beta', 'moving_mean', 'moving_variance')
    return shapes | {f'{norm(n)}/{role}': (width,) for n, width in enumerate(widths) for role in roles}


def test_normalizations_in_blocks_are_in_order_though_the_others_are_elsewhere(tmp_path):
    """As in MnasNet, whose head has as many channels as its last blocks only on one side."""

    def old_norm(n):
        if n in (0, 11):
            return 'net/head/bn' if n else 'net/stem/bn'
        return f'net/blocks_{(n - 1) // 2}/bn{"" if n % 2 else "_1"}'

    def new_norm(n):
        return f'batch_normalization_{n}'

    old = inverted_blocks(lambda n: f'net/conv2d_{n + 1}', old_norm, 40)
    found = suggested(tmp_path, old, inverted_blocks('conv2d_{}'.format, new_norm, 96))
    for n in range(11):
        assert found[f'{new_norm(n)}/gamma'] == f'{old_norm(n)}/gamma'
    assert not any(target.startswith((new_norm(11), 'conv2d_11')) for target in found)


def normalized(scope, convolutions):
    """Convolutions by the names of their layers, with their kernels and the widths of their normalizations, if any."""
    shapes = {}
    for name, kernel, width in convolutions:
        shapes[f'{scope}/{name}/conv/kernel'] = kernel
        for role in ('gamma', 'beta', 'moving_mean', 'moving_variance') if width else ():
            shapes[f'{scope}/{name}/bn/{role}'] = (width,)
    return shapes


SAME = [(f'layer_{n}', (3, 3, 8 * n or 3, 8 * n + 8), 8 * n + 8) for n in range(5)]


def test_the_last_normalizations_of_a_kind_are_the_same_where_no_convolution_says_otherwise(tmp_path):
    """As in EAST, of which programs reduce the channels before they merge or after that."""
    old = normalized('net', [*SAME, ('merge', (1, 1, 40, 12), 12)])
    found = suggested(tmp_path, old, normalized('model', [*SAME, ('fuse', (3, 3, 64, 12), 12)]))
    assert found['model/fuse/bn/gamma'] == 'net/merge/bn/gamma'
    assert 'model/fuse/conv/kernel' not in found and len(found) == 29


def test_the_last_normalization_of_a_kind_is_not_that_of_another_convolution(tmp_path):
    """The first block of MobileNet V2 has one convolution less in some programs."""
    name, kernel, width = SAME[0]
    new = [(name, kernel, None), *SAME[1:], ('expand', (1, 1, width, width), width)]
    found = suggested(tmp_path, normalized('net', SAME), normalized('model', new))
    assert len(found) == 21 and not any('expand' in target for target in found)


def test_the_second_normalization_of_a_scope_is_not_that_of_its_convolution_1(tmp_path):
    """`BatchNorm` and `BatchNorm_1` are counted from none on, and `conv_1` and `conv_2` from one on."""
    old, new, expected = {}, {}, {}
    for block, width in enumerate((8, 12, 16)):
        for n, norm in ((1, 'BatchNorm'), (2, 'BatchNorm_1')):
            scope, to = f'net/res_{block}', f'stage_{block}'
            old[f'{scope}/conv_{n}/Conv/weights'] = new[f'{to}/conv_{n}/kernel'] = (3, 3, width, width)
            for role in ('gamma', 'beta'):
                old[f'{scope}/{norm}/{role}'] = new[f'{to}/conv_{n}_bn/{role}'] = (width,)
                expected[f'{to}/conv_{n}_bn/{role}'] = f'{scope}/{norm}/{role}'
    found = suggested(tmp_path, old, new)
    assert {target: source for target, source in found.items() if '_bn/' in target} == expected


def test_numbers_that_are_the_same_by_chance_tell_nothing(tmp_path):
    """Keras counts a wrapper for each layer and one for what is behind it."""
    old = {f'h{n}/kernel': (8, 8) if n > 1 else (5, 8) for n in (1, 2, 3, 5)} | {'h6/kernel': (8, 3)}
    new = {f'time_distributed_{n}/kernel': (8, 8) if n > 1 else (5, 8) for n in (1, 3, 5)}
    names = suggested(tmp_path, old, new)
    assert 'time_distributed_3/kernel' not in names and 'time_distributed_5/kernel' not in names


def test_numbers_that_are_equal_by_chance_are_no_order_once_the_first_layer_is_known(tmp_path):
    """The second layer is as good as the third for the second of the new ones, which counts other layers too."""
    known = {
        f'{name}/kernel': (3, 3, n, 7) for n, name in enumerate(('stem', 'body', 'tail', 'head', 'end'), 1)
    }
    old = {'h1/kernel': (9, 8), 'h2/kernel': (8, 8), 'h3/kernel': (8, 8), 'h5/kernel': (8, 8)}
    new = {f'_operations/{n}/layer/kernel': (8, 8) if n > 1 else (9, 8) for n in (1, 3, 5)}
    found = suggested(tmp_path, old | known, new | known)
    assert {t: s for t, s in found.items() if t not in known} == {'_operations/1/layer/kernel': 'h1/kernel'}
