"""Rules between kernels in TensorFlow's layout and in PyTorch's, and what conversions make of them."""

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.suggesting.known_pairs import found, suggest

safetensors = pytest.importorskip('safetensors.numpy')

# The shape in TensorFlow, that in PyTorch, and the order of the axes: https://pytorch.org/docs/stable/nn.html.
KERNELS = {
    'dense': ((4, 6), (6, 4), (1, 0)),
    'square': ((6, 6), (6, 6), (1, 0)),
    'conv1d': ((5, 3, 8), (8, 3, 5), (2, 1, 0)),
    'conv2d': ((3, 5, 4, 6), (6, 4, 3, 5), (3, 2, 0, 1)),
    'conv2d_transpose': ((3, 3, 6, 4), (4, 6, 3, 3), (3, 2, 0, 1)),
    'conv3d': ((3, 3, 3, 4, 6), (6, 4, 3, 3, 3), (4, 3, 0, 1, 2)),
}


def write(path, tensors):
    writer = BundleWriter(str(path))
    for name, value in tensors.items():
        writer.add_tensor(name, value)
    writer.publish()
    return str(path)


def numbers(shape):
    return np.random.RandomState(np.prod(shape)).randn(*shape).astype(np.float32)


@pytest.fixture(scope='module')
def network():
    """A network in both layouts: of TF1, and a state dict of PyTorch."""
    tf1, torch = {}, {}
    for name, (shape, _, axes) in KERNELS.items():
        kernel = numbers(shape)
        bias = numbers((shape[-2 if 'transpose' in name else -1],))
        tf1 |= {f'net/{name}/kernel': kernel, f'net/{name}/bias': bias}
        torch |= {f'module.{name}.weight': kernel.transpose(axes), f'module.{name}.bias': bias}
    depthwise, words = numbers((3, 3, 7, 1)), numbers((11, 6))
    tf1 |= {'net/depthwise/depthwise_weights': depthwise, 'net/words/embeddings': words}
    torch |= {'module.depthwise.weight': depthwise.transpose(2, 3, 0, 1), 'module.words.weight': words}
    norm = {role: numbers((7,)) for role in ('gamma', 'beta', 'moving_mean', 'moving_variance')}
    tf1 |= {f'net/norm/{role}': value for role, value in norm.items()}
    roles = {
        'gamma': 'weight',
        'beta': 'bias',
        'moving_mean': 'running_mean',
        'moving_variance': 'running_var',
    }
    torch |= {f'module.norm.{new}': norm[old] for old, new in roles.items()}
    torch |= {'module.norm.num_batches_tracked': np.array(3, np.int64)}
    return tf1, {name: np.ascontiguousarray(value) for name, value in torch.items()}


def test_values_go_to_pytorch_and_back(network, tmp_path):
    tf1, torch = network
    old, new = write(tmp_path / 'old', tf1), str(tmp_path / 'new.safetensors')
    safetensors.save_file(torch, new)
    there = estimator_ckpt.suggest_rules(old, new)
    assert not there.ambiguous and not there.unused
    assert [row.target for row in there.missing] == ['module.norm.num_batches_tracked']
    (tmp_path / 'rules').write_text(str(there))
    estimator_ckpt.convert(old, tmp_path / 'made.safetensors', rules=str(tmp_path / 'rules'))
    made = safetensors.load_file(tmp_path / 'made.safetensors')
    assert made.keys() == torch.keys() - {'module.norm.num_batches_tracked'}
    for name, value in made.items():
        np.testing.assert_array_equal(value, torch[name])

    back = estimator_ckpt.suggest_rules(new, old)
    assert not back.ambiguous and not back.missing
    rules = [*back.as_rules(), ('.*num_batches_tracked', '')]
    estimator_ckpt.convert(new, tmp_path / 'back', 'tf1', rules=rules)
    reader = BundleReader(str(tmp_path / 'back'))
    assert set(reader.keys()) == tf1.keys()
    for name, value in tf1.items():
        np.testing.assert_array_equal(reader.tensor(name), value)


@pytest.mark.parametrize('side', [0, 1])
def test_between_two_of_one_layout_nothing_is_transposed(network, side, tmp_path):
    shapes = {name: value.shape for name, value in network[side].items()}
    renamed = {f'new.{name}' if side else f'new/{name}': shape for name, shape in shapes.items()}
    suggestion = suggest(tmp_path, shapes, renamed)
    assert suggestion.complete and not any('transpose' in rule.operations for rule in suggestion.rules)


def test_the_lengths_of_biases_tell_where_all_shapes_fit_both_ways(tmp_path):
    old, new = {}, {}
    for n in range(3):
        for name, shape in (('up', (4, 16)), ('down', (16, 4))):
            old |= {f'layer_{n}/{name}/kernel': shape, f'layer_{n}/{name}/bias': shape[-1:]}
            new |= {f'layer.{n}.{name}.weight': shape[::-1], f'layer.{n}.{name}.bias': shape[-1:]}
    suggestion = suggest(tmp_path, old, new)
    assert suggestion.complete and suggestion.as_rules() == [
        (r'layer_(\d+)/(up|down)/bias', r'layer.\1.\2.bias'),
        (r'layer_(\d+)/(up|down)/kernel', r'layer.\1.\2.weight', 'transpose=1,0'),
    ]


@pytest.mark.parametrize('turned', [False, True])
def test_a_single_matrix_may_have_its_outputs_first(tmp_path, turned):
    """BERT's heads multiply by the transpose of `output_weights`; the table of types has the same shape."""
    old = {f'layer_{n}/dense/kernel': (24, 96) for n in range(2)}
    old |= {f'layer_{n}/dense/bias': (96,) for n in range(2)}
    new = {name.replace('layer_', 'blocks/block_'): shape for name, shape in old.items()}
    old |= {
        'cls/squad/output_weights': (2, 24),
        'cls/squad/output_bias': (2,),
        'token_type_embeddings': (2, 24),
    }
    new |= {'head/kernel': (24, 2), 'head/bias': (2,), 'types/embeddings': (2, 24)}
    suggestion = suggest(tmp_path, *((new, old) if turned else (old, new)))
    assert suggestion.complete
    transposed = [rule for rule in suggestion.rules if rule.operations]
    assert [rule.operations for rule in transposed] == ['transpose=1,0']
    assert ('output_weights' in transposed[0].replacement) == turned


@pytest.mark.parametrize('has_all', [True, False])
def test_a_head_is_no_counterpart_if_the_layers_beside_it_have_none(tmp_path, has_all):
    """BERT is pretrained with `cls`; a classifier that it is tuned for has another layer of two classes."""
    old = {f'bert/layer_{n}/dense/kernel': (24, 96) for n in range(4)}
    old |= {f'bert/layer_{n}/dense/bias': (96,) for n in range(4)}
    new = {name.replace('layer_', 'blocks/block_'): shape for name, shape in old.items()}
    head = {'cls/seq_relationship/output_weights': (2, 24), 'cls/seq_relationship/output_bias': (2,)}
    words = {'cls/predictions/output_bias': (1000,)}
    new |= {'dense/kernel': (24, 2), 'dense/bias': (2,)} | ({'masked/bias': (1000,)} if has_all else {})
    names = found(suggest(tmp_path, old | head | words, new))
    assert names.get('dense/kernel') == ('cls/seq_relationship/output_weights' if has_all else None)
    assert names.get('dense/bias') == ('cls/seq_relationship/output_bias' if has_all else None)


def test_heads_that_the_other_side_divides_are_joined_before_the_axes_change(tmp_path):
    old = {f'layer_{n}/{name}/kernel': (24, 3, 8) for n in range(2) for name in ('query', 'key')}
    old |= {f'layer_{n}/{name}/bias': (3, 8) for n in range(2) for name in ('query', 'key')}
    old |= {f'layer_{n}/up/kernel': (24, 96) for n in range(2)} | {
        f'layer_{n}/up/bias': (96,) for n in range(2)
    }
    new = {f'layer.{n}.{name}.weight': (24, 24) for n in range(2) for name in ('query', 'key')}
    new |= {f'layer.{n}.{name}.bias': (24,) for n in range(2) for name in ('query', 'key')}
    new |= {f'layer.{n}.up.weight': (96, 24) for n in range(2)} | {
        f'layer.{n}.up.bias': (96,) for n in range(2)
    }
    suggestion = suggest(tmp_path, old, new)
    assert suggestion.complete
    operations = {rule.replacement: rule.operations for rule in suggestion.rules}
    assert operations[r'layer.\1.\2.weight'] == 'reshape=24,24 transpose=1,0'
    assert operations[r'layer.\1.up.weight'] == 'transpose=1,0'


def test_projections_in_one_kernel_go_to_linear_layers_of_their_own_and_back(tmp_path):
    old, torch, width = {}, {}, 24
    for n in range(3):
        joint, bias = numbers((width, 3 * width)), numbers((3 * width,))
        old |= {f'model/h{n}/attn/c_attn/w': joint, f'model/h{n}/attn/c_attn/b': bias}
        for part, name in enumerate('qkv'):
            columns = slice(part * width, (part + 1) * width)
            torch |= {
                f'blocks.{n}.attn.{name}.weight': joint[:, columns].T,
                f'blocks.{n}.attn.{name}.bias': bias[columns],
            }
        for name, shape in (('fc', (width, 4 * width)), ('proj', (4 * width, width))):
            kernel, bias = numbers(shape), numbers(shape[-1:])
            old |= {f'model/h{n}/mlp/c_{name}/w': kernel, f'model/h{n}/mlp/c_{name}/b': bias}
            torch |= {f'blocks.{n}.mlp.{name}.weight': kernel.T, f'blocks.{n}.mlp.{name}.bias': bias}
    source, target = write(tmp_path / 'old', old), str(tmp_path / 'new.safetensors')
    safetensors.save_file({name: np.ascontiguousarray(value) for name, value in torch.items()}, target)

    there = estimator_ckpt.suggest_rules(source, target)
    assert there.complete and len(there.rules) == 4
    estimator_ckpt.convert(source, tmp_path / 'made.safetensors', rules=there.as_rules())
    made = safetensors.load_file(tmp_path / 'made.safetensors')
    assert made.keys() == torch.keys()
    for name, value in torch.items():
        np.testing.assert_array_equal(made[name], value)

    back = estimator_ckpt.suggest_rules(target, source)
    assert back.complete
    estimator_ckpt.convert(target, tmp_path / 'made', 'tf1', rules=back.as_rules())
    reader = BundleReader(str(tmp_path / 'made'))
    assert set(reader.keys()) == old.keys()
    for name, value in old.items():
        np.testing.assert_array_equal(reader.tensor(name), value)


def test_projections_of_heads_may_have_the_heads_first(tmp_path):
    """As in TransformerLens."""
    old, new, width, heads = {}, {}, 24, 3
    for n in range(3):
        joint, bias, up = numbers((width, 3 * width)), numbers((3 * width,)), numbers((width, 4 * width))
        old |= {f'h{n}/attn/c_attn/w': joint, f'h{n}/attn/c_attn/b': bias, f'h{n}/mlp/c_fc/w': up}
        new[f'blocks.{n}.mlp.W_in'] = up
        for part, name in enumerate('QKV'):
            columns = slice(part * width, (part + 1) * width)
            kernel = joint[:, columns].reshape(width, heads, -1).transpose(1, 0, 2)
            new[f'blocks.{n}.attn.W_{name}'] = np.ascontiguousarray(kernel)
            new[f'blocks.{n}.attn.b_{name}'] = bias[columns].reshape(heads, -1)
    files = write(tmp_path / 'old', old), write(tmp_path / 'new', new)
    for source, target, expected in ((*files, new), (*files[::-1], old)):
        suggestion = estimator_ckpt.suggest_rules(source, target)
        assert suggestion.complete
        made = f'{source}-made'
        estimator_ckpt.convert(source, made, 'tf1', rules=suggestion.as_rules())
        reader = BundleReader(made)
        assert set(reader.keys()) == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(reader.tensor(name), value)


def test_names_of_a_state_dict_tell_where_there_are_no_biases(tmp_path):
    """T5, whose kernels all fit both ways; the embedding does too, for the logits have one of its own."""
    old, new = {'shared/embedding': (100, 16), 'decoder/logits/kernel': (16, 100)}, {}
    new |= {'shared.weight': (100, 16), 'lm_head.weight': (100, 16)}
    for block in range(3):
        before, after = f'decoder/block_{block:03d}', f'decoder.block.{block}'
        for name in 'qkvo':
            old[f'{before}/layer_000/SelfAttention/{name}/kernel'] = (16, 16)
            new[f'{after}.layer.0.SelfAttention.{name}.weight'] = (16, 16)
        for name, shape in (('wi', (16, 64)), ('wo', (64, 16))):
            old[f'{before}/layer_001/DenseReluDense/{name}/kernel'] = shape
            new[f'{after}.layer.1.DenseReluDense.{name}.weight'] = shape[::-1]
    suggestion = suggest(tmp_path, old, new)
    assert suggestion.complete
    operations = {pair: rule.operations for rule in suggestion.rules for pair in rule.pairs}
    assert operations.pop(('shared/embedding', 'shared.weight')) == ''
    assert set(operations.values()) == {'transpose=1,0'}
    for source, target in operations:
        assert 'logits' in source or source.split('/')[-2] == target.split('.')[-2]


def test_matrices_of_the_same_names_and_shapes_are_in_one_layout(tmp_path):
    """As in T5, where only the biases of positions are turned, and no matrix has a bias."""
    old, new, answer = {}, {}, {}
    for part in ('encoder', 'decoder'):
        for n in range(4):
            for name, shape in (('wi', (4, 6)), ('wo', (6, 4))):
                target = f'{part}/block/{n}/layer/{name}/kernel'
                old[f'{part}/block_{n:03}/layer/{name}/kernel'] = new[target] = shape
                answer[target] = f'{part}/block_{n:03}/layer/{name}/kernel'
        old[f'{part}/block_000/layer/relative_attention_bias'] = (3, 8)
        new[f'{part}/block/0/layer/relative_attention_bias/embedding'] = (8, 3)
        answer[f'{part}/block/0/layer/relative_attention_bias/embedding'] = [*old][-1]
    suggestion = suggest(tmp_path, old, new)
    found = {target: source for rule in suggestion.rules for source, target in rule.pairs}
    assert found == answer
    for rule in suggestion.rules:
        assert rule.operations == ('transpose=1,0' if 'bias' in rule.pattern else '')


def test_a_kernel_of_the_same_name_whose_axes_are_the_others_is_that_of_another_layer(tmp_path):
    suggestion = suggest(tmp_path, {'encoder/dense/kernel': (784, 64)}, {'decoder/dense/kernel': (64, 784)})
    assert not suggestion.rules
