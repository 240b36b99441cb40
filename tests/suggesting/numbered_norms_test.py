"""Tests that numbered normalizations are those of the convolutions of their block in the order in which these run."""

import pytest

from tests.suggesting.known_pairs import found, suggest

# Of a block of MobileNet V2: what it is called, in timm, its kernel and the channels that it gives.
_EXPAND, _DEPTHWISE, _PROJECT = ('expand', 'conv_pw'), ('depthwise', 'conv_dw'), ('project', 'conv_pwl')
ROLES = {
    'BatchNorm/gamma': 'weight',
    'BatchNorm/beta': 'bias',
    'BatchNorm/moving_mean': 'running_mean',
    'BatchNorm/moving_variance': 'running_var',
}


def blocks(inputs=(16, 24, 32, 40), times=6):
    """The shapes of both sides, and the source of each target."""
    old, new, answer = {}, {}, {}
    for n, (x, y) in enumerate(zip(inputs, inputs[1:], strict=False)):
        kernels = [
            (*_EXPAND, 'weights', (1, 1, x, times * x), (times * x, x, 1, 1), times * x),
            (*_DEPTHWISE, 'depthwise_weights', (3, 3, times * x, 1), (times * x, 1, 3, 3), times * x),
            (*_PROJECT, 'weights', (1, 1, times * x, y), (y, times * x, 1, 1), y),
        ]
        for place, (scope, conv, role, shape, of_torch, width) in enumerate(kernels, 1):
            rows = [(f'{scope}/{role}', f'{conv}.weight', shape, of_torch)]
            rows += [(f'{scope}/{a}', f'bn{place}.{b}', (width,), (width,)) for a, b in ROLES.items()]
            for source, target, *shapes in rows:
                names = f'net/expanded_conv_{n}/{source}', f'blocks.{n}.0.{target}'
                old[names[0]], new[names[1]] = shapes
                answer[names[1]] = names[0]
    return old, new, answer


def test_those_of_mobilenet_v2_are_found(tmp_path):
    old, new, answer = blocks()
    assert found(suggest(tmp_path, old, new)) == answer


def test_so_are_they_the_other_way_round(tmp_path):
    old, new, answer = blocks()
    assert found(suggest(tmp_path, new, old)) == {source: target for target, source in answer.items()}


@pytest.mark.parametrize('times', [1])
def test_an_order_of_which_two_are_possible_is_not_guessed(tmp_path, times):
    old, new, answer = blocks(inputs=(16, 16, 16, 16), times=times)
    pairs = found(suggest(tmp_path, old, new))
    assert all(answer[target] == source for target, source in pairs.items() if '.bn' not in target)
    assert not any('.bn' in target for target in pairs)
