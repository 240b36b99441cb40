"""Tests the roles of variables whose names tell them only beside the others of their scopes."""

import pytest

from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.scope_roles import is_depthwise, parts_in_scopes
from tests.suggesting import known_pairs
from tests.suggesting.known_pairs import found, suggest


def variables(names, shapes=None):
    return [
        Variable(number, (name,), (shapes or {}).get(name, (8,)), known_pairs.FLOAT)
        for number, name in enumerate(names)
    ]


def parts(names, shapes=None):
    """The role and the layer of each name that its scope tells."""
    return {names[number]: tuple(part) for number, part in parts_in_scopes(variables(names, shapes)).items()}


@pytest.mark.parametrize('beside', ['gamma', 'beta'])
def test_mu_and_sigma_are_statistics_beside_a_scale_or_an_offset(beside):
    names = ['bn/mu', 'bn/sigma', f'bn/{beside}']
    assert parts(names) == {'bn/mu': ('mean', 'bn/'), 'bn/sigma': ('variance', 'bn/')}


@pytest.mark.parametrize(
    'names',
    [
        ['noisy/mu', 'noisy/sigma', 'noisy/w'],
        ['bn/mu', 'bn/gamma'],
        ['bn/mu', 'bn/sigma', 'gamma', 'net/bn/gamma'],
        ['mu/kernel', 'sigma/kernel', 'gamma'],
    ],
)
def test_mu_and_sigma_are_what_they_are_called_elsewhere(names):
    assert not parts(names)


@pytest.mark.parametrize('slash', ['/', '.'])
def test_the_statistics_of_flax_belong_to_the_layer_with_the_parameters(slash):
    names = [
        name.replace('/', slash)
        for name in (
            *('params/bn/scale', 'params/bn/bias', 'params/conv/kernel'),
            *('batch_stats/bn/mean', 'batch_stats/bn/var', 'batch_stats/other/mean'),
        )
    ]
    layer = f'params{slash}bn{slash}'
    assert parts(names) == {names[3]: ('mean', layer), names[4]: ('variance', layer)}
    roles = {tuple(sorted(layer.variables)) for layer in Side(variables(names)).layers()}
    assert ('beta', 'gamma', 'mean', 'variance') in roles


def test_two_unnamed_variables_of_a_scope_are_a_kernel_and_its_bias():
    shapes = {'fc/Variable': (4, 8), 'fc/Variable_1': (8,)}
    assert parts(list(shapes), shapes) == {
        'fc/Variable': ('kernel', 'fc/'),
        'fc/Variable_1': ('bias', 'fc/'),
    }
    assert not parts([*shapes, 'fc/Variable_2'], shapes)


def test_norms_of_such_names_get_the_statistics_of_keras(tmp_path):
    old, new = {}, {}
    for number, extent in enumerate((8, 8, 16)):
        old[f'conv{number}/kernel'] = new[f'c{number}/kernel'] = (3, 3, 8, extent)
        for name, other in (('mu', 'moving_mean'), ('sigma', 'moving_variance'), ('beta', 'beta')):
            old[f'conv{number}/bn/{name}'] = new[f'c{number}/norm/{other}'] = (extent,)
    proposed = found(suggest(tmp_path, old, new))
    assert {t: s for t, s in proposed.items() if 'moving' in t} == {
        f'c{number}/norm/{other}': f'conv{number}/bn/{name}'
        for number in range(3)
        for name, other in (('mu', 'moving_mean'), ('sigma', 'moving_variance'))
    }


@pytest.mark.parametrize(
    ('layer', 'shape', 'is_one'),
    [
        ('conv_ds_2/depthwise/', (3, 3, 32, 1), True),
        ('stage_1/depthwise/conv/', (3, 3, 32, 1), True),
        ('block_1/dw_conv/', (3, 3, 32, 1), True),
        ('block_1/conv_dw_3', (3, 3, 32, 1), True),
        ('depthwise_separable/pointwise/', (1, 1, 32, 64), False),
        ('depthwise/', (3, 3, 1, 1), False),
        ('depthwise/', (32, 1), False),
        ('dwell/conv/', (3, 3, 32, 1), False),
        ('depthwise/block/unit/conv/', (3, 3, 32, 1), False),
    ],
)
def test_a_scope_and_a_shape_tell_a_depthwise_kernel(layer, shape, is_one):
    assert is_depthwise(layer, shape) == is_one


def test_a_depthwise_kernel_is_found_by_the_name_of_its_scope(tmp_path):
    old, new = {}, {}
    for number, extent in enumerate((8, 8, 16)):
        old[f'ds_{number}/depthwise/weights'] = new[f'dw_{number}/depthwise_kernel'] = (3, 3, extent, 1)
        old[f'ds_{number}/pointwise/weights'] = new[f'pw_{number}/kernel'] = (1, 1, extent, 16)
    proposed = found(suggest(tmp_path, old, new))
    assert {t: s for t, s in proposed.items() if 'depthwise' in t} == {
        f'dw_{number}/depthwise_kernel': f'ds_{number}/depthwise/weights' for number in range(3)
    }
