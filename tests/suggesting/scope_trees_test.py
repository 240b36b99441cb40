"""Tests that scopes whose names have no order are laid out along the order of the other side's layers."""

import pytest

import estimator_ckpt
from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.scope_trees import laid_out
from tests.suggesting import known_pairs

# The branches of a block, in the order in which the program makes them, with the shapes of their kernels.
BRANCHES = {
    'branch_pool': [(1, 1, 32)],
    'branch3x3': [(1, 1, 16), (3, 3, 24)],
    'branch1x1': [(1, 1, 8)],
    'branch3x3dbl': [(1, 1, 16), (3, 3, 24), (3, 3, 20)],
}


def blocks(*scopes, branches=BRANCHES, scale=1):
    """The kernels of blocks by name in the order of the program."""
    kernels, inputs = {}, 3
    for scope in scopes:
        outputs = 0
        for branch, shapes in branches.items():
            channels = inputs
            for number, (height, width, units) in enumerate(shapes):
                name = f'{scope}/{branch}/Conv{f"_{number}" if number else ""}/weights'
                kernels[name] = (height, width, channels, units * scale)
                channels = units * scale
            outputs += channels
        inputs = outputs
    return kernels


def counted(kernels, name='conv2d'):
    """The same layers as Keras numbers them."""
    names = [f'{name}_{number}' if number else name for number in range(len(kernels))]
    return {f'{n}/kernel': shape for n, shape in zip(names, kernels.values(), strict=True)}


def suggested(tmp_path, old, new):
    paths = [
        known_pairs.write_index(tmp_path / name, shapes) for name, shapes in (('old', old), ('new', new))
    ]
    suggestion = estimator_ckpt.suggest_rules(*paths)
    return [*suggestion.by_name, *(pair for rule in suggestion.rules for pair in rule.pairs)]


@pytest.mark.parametrize('turned', [False, True])
def test_branches_are_told_by_what_they_hold(tmp_path, turned):
    old = blocks('net/mixed_1', 'net/mixed_2', 'net/mixed_3')
    new = counted(old)
    expected = set(zip(old, new, strict=True))
    if turned:
        assert set(suggested(tmp_path, new, old)) == {(b, a) for a, b in expected}
    else:
        assert set(suggested(tmp_path, old, new)) == expected


def test_scopes_of_the_same_layers_follow_their_numbers(tmp_path):
    same = {'narrow': [(1, 1, 4), (3, 3, 4)], 'wide': [(3, 3, 60)], 'all': [(1, 1, 64), (5, 5, 64)]}
    old = blocks('net/stem', *(f'net/block{number}/unit' for number in range(9, 13)), branches=same)
    new = counted(old)
    assert set(suggested(tmp_path, old, new)) == set(zip(old, new, strict=True))


def test_outputs_come_after_what_else_they_are_called(tmp_path):
    """As in the generator of SRGAN: `block_output` comes after the blocks, before what follows them."""
    old = {'net/input_stage/conv/weights': (9, 9, 3, 16)}
    for block in range(1, 6):
        old |= {f'net/block_{block}/conv_{n}/weights': (3, 3, 16, 16) for n in (1, 2)}
    old |= {'net/block_output/conv/weights': (3, 3, 16, 16)}
    old |= {f'net/up_{n}/conv_{m}/weights': (3, 3, 16 * n, 32 * m) for n in (1, 2) for m in (1, 2)}
    new = counted(old)
    assert set(suggested(tmp_path, old, new)) == set(zip(old, new, strict=True))


def test_decoders_may_be_numbered_from_their_end(tmp_path):
    down = {f'net/down_{n}/conv{m}/weights': (3, 3, 2**n * m, 2 ** (n + 1)) for n in range(4) for m in (1, 2)}
    up = {f'net/up_{n}/conv{m}/weights': (3, 3, 40 * 2**n * m, 2**n) for n in (3, 2, 1, 0) for m in (1, 2)}
    old = {**down, **up}
    new = counted(old)
    assert set(suggested(tmp_path, old, new)) == set(zip(old, new, strict=True))


def test_heads_that_one_side_lacks_are_left_out(tmp_path):
    old = blocks('net/mixed_1', 'net/mixed_2', 'net/mixed_3')
    new = counted(old)
    head = {'net/aux/proj/weights': (1, 1, 84, 6), 'net/aux/logits/weights': (5, 5, 6, 10)}
    pairs = suggested(tmp_path, {**old, **head}, new)
    assert set(pairs) == set(zip(old, new, strict=True))


def test_branches_of_the_same_layers_are_not_guessed(tmp_path):
    """Of each block, the first and the last branch have one kernel of the same shape."""
    alike = {**BRANCHES, 'branch_pool': [(1, 1, 8)]}
    old = blocks('net/mixed_1', 'net/mixed_2', 'net/mixed_3', branches=alike)
    new = counted(old)
    pairs = dict(suggested(tmp_path, old, new))
    told = {a: b for a, b in zip(old, new, strict=True) if '3x3' in a}
    assert pairs == told


def test_a_network_whose_layers_do_not_fit_gets_nothing(tmp_path):
    old = blocks('net/mixed_1', 'net/mixed_2', 'net/mixed_3')
    layers = list(old.items())
    # The layers of two blocks are made in turns.
    layers[7:21] = [layer for pair in zip(layers[7:14], layers[14:21], strict=True) for layer in pair]
    alike = {name: (3, 3, 8, 8 * (number % 4 + 1)) for number, (name, _) in enumerate(layers)}
    shuffled = {name: alike[name] for name in sorted(alike, key=lambda name: (alike[name], name))}
    assert not suggested(tmp_path, old, counted(dict(list(shuffled.items())[::-1])))


def test_very_deep_and_very_wide_scopes_are_left_alone(tmp_path):
    deep, wide = 'net' + '/a' * 3000, 'net/' + 'a_' * 3000
    for scope in (deep, wide):
        old = blocks(f'{scope}/mixed_1', f'{scope}/mixed_2')
        assert set(suggested(tmp_path, old, counted(old))) <= set(zip(old, counted(old), strict=True))
    old = {f'net/{name}/{n}/weights': (3, 3, n + 1, n + 2) for n in range(12) for name in map(str, range(70))}
    suggested(tmp_path, old, counted(old))


def test_a_layer_that_a_scope_lacks_moves_no_others():
    """The layers of a block have the same shape, and the next block begins with that shape too."""
    old = {'net/stem/conv1/weights': (7, 7, 3, 16), 'net/stem/conv2/weights': (3, 3, 16, 24)}
    for block, width in ((1, 24), (2, 24), (3, 24), (4, 40), (5, 48)):
        old |= {f'net/block_{block}/conv{n}/weights': (3, 3, width, width) for n in (1, 2, 3)}
    new = counted(old)
    expected = set(zip(old, new, strict=True))

    def certain(of_source):
        sides = tuple(Side(known_pairs.variables(shapes)) for shapes in (of_source, new))
        pairs = laid_out(sides, {}, Matcher())
        return {(a.variables['kernel'].names[0], b.variables['kernel'].names[0]) for a, b, _ in pairs}

    assert certain(old) == expected
    for name in old:
        assert certain({other: shape for other, shape in old.items() if other != name}) <= expected
