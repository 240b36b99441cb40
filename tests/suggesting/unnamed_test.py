"""Tests what is proposed for variables without names, and for vectors and matrices of one column."""

import pytest

from tests.suggesting.known_pairs import found, suggest

DENSE = {'out/kernel': (256, 10), 'out/bias': (10,)}


@pytest.mark.parametrize('scope', ['', 'net/'])
def test_the_bias_of_a_kernel_without_a_name_is_the_variable_after_it(tmp_path, scope):
    old = {f'{scope}Variable': (256, 10), f'{scope}Variable_1': (10,)}
    right = {'out/kernel': f'{scope}Variable', 'out/bias': f'{scope}Variable_1'}
    assert found(suggest(tmp_path, old, DENSE)) == right
    assert found(suggest(tmp_path, DENSE, old)) == {source: target for target, source in right.items()}


@pytest.mark.parametrize('name', ['Variable_2', 'net/Variable_1', 'other'])
def test_a_vector_elsewhere_is_not(tmp_path, name):
    assert found(suggest(tmp_path, {'Variable': (256, 10), name: (10,)}, DENSE)) == {'out/kernel': 'Variable'}


def test_a_vector_of_another_length_is_not(tmp_path):
    old = {'Variable': (256, 10), 'Variable_1': (9,)}
    assert found(suggest(tmp_path, old, DENSE)) == {'out/kernel': 'Variable'}


WIDTHS = (784, 512, 512, 512, 10)


def named_kernels(layers, kernel, biases):
    """A kernel for each of some layers, and their biases, which may have names of their own."""
    rows = list(zip(WIDTHS, WIDTHS[1:], strict=False))
    shapes = {f'{layer}{kernel}': row for layer, row in zip(layers, rows, strict=True)}
    return shapes | {bias: row[-1:] for bias, row in zip(biases, rows, strict=True) if bias}


@pytest.mark.parametrize('turned', [False, True])
def test_biases_without_names_are_in_the_order_of_the_kernels_that_have_some(tmp_path, turned):
    """As in many lessons: `W1 = tf.get_variable('W1', ...)`, and `b1 = tf.Variable(...)`."""
    variables = ['Variable', *(f'Variable_{n}' for n in range(1, 4))]
    layers = [f'dense_{n}' for n in range(4)]
    old = named_kernels([f'W{n}' for n in range(1, 5)], '', variables)
    new = named_kernels(layers, '/kernel', [f'{layer}/bias' for layer in layers])
    answer = dict(zip(new, old, strict=True))
    if turned:
        old, new, answer = new, old, {source: target for target, source in answer.items()}
    assert found(suggest(tmp_path, old, new)) == answer


@pytest.mark.parametrize(
    ('variables', 'order'),
    [
        (['Variable', 'Variable_1', '', 'Variable_2'], (0, 1, 2, 3)),  # One kernel has no bias.
        (
            ['Variable', 'Variable_1', 'Variable_2', 'Variable_3'],
            (3, 2, 1, 0),
        ),  # The names have other orders.
    ],
)
def test_biases_without_names_are_not_guessed(tmp_path, variables, order):
    layers = [f'dense_{n}' for n in order]
    old = named_kernels([f'W{n}' for n in range(1, 5)], '', variables)
    new = named_kernels(layers, '/kernel', [f'{layer}/bias' for layer in layers])
    assert not any(target.endswith('bias') for target in found(suggest(tmp_path, old, new)))


def test_weights_in_a_vector_are_an_embedding_of_one_column(tmp_path):
    old = {'fm_w': (1495,), 'fm_v': (1495, 8), 'fm_bias': (1,)}
    suggestion = suggest(tmp_path, old, {'fm/fm_w/embeddings': (1495, 1)})
    assert found(suggestion) == {'fm/fm_w/embeddings': 'fm_w'}
    assert suggestion.as_rules() == [('fm_w', 'fm/fm_w/embeddings', 'reshape=1495,1')]


def test_a_kernel_with_an_axis_of_heads_may_have_no_name_of_its_own(tmp_path):
    """As in Image GPT, whose projection is called `c_proj`."""
    shapes = {'c_attn/w': (512, 1536), 'c_fc/w': (512, 2048)}
    old = {
        f'h{n}/{name}': shape for n in range(3) for name, shape in {**shapes, 'c_proj': (8, 64, 512)}.items()
    }
    new = {name.replace('/w', '/weight'): shape for name, shape in old.items() if 'c_proj' not in name}
    new |= {f'h{n}/c_proj/weight': (512, 512) for n in range(3)}
    assert found(suggest(tmp_path, old, new)) == {
        target: target.replace('/weight', '' if 'c_proj' in target else '/w') for target in new
    }


def test_the_scale_of_a_normalization_is_none(tmp_path):
    old, new = {'ln/w': (64,), 'ln/b': (64,)}, {'table/embeddings': (64, 1), 'x/bias': (64,)}
    assert not found(suggest(tmp_path, old, new))
