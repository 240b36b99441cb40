"""Tests the conversion to safetensors and NumPy archives, and PyTorch's names and layouts."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.mapping.report import MappingError
from tests.bundle.helpers import save
from tests.cli.helpers import in_process
from tests.formats.helpers import save_v1

RANDOM = np.random.RandomState(0)


def randoms(*shape):
    return RANDOM.randn(*shape).astype(np.float32)


VALUES = {
    'conv/kernel': randoms(3, 5, 2, 4),
    'conv/bias': randoms(4),
    'norm/gamma': randoms(4),
    'norm/beta': randoms(4),
    'norm/moving_mean': randoms(4),
    'norm/moving_variance': randoms(4),
    'depthwise/depthwise_kernel': randoms(3, 5, 4, 2),
    'embed/embeddings': randoms(7, 3),
    'scan/kernel': randoms(3, 2, 4),
    'out/kernel': randoms(8, 2),
    'out/bias': randoms(2),
    'out/kernel/Adam': randoms(8, 2),
    'out/kernel/Adam_1': randoms(8, 2),
    'beta1_power': np.float32(0.5),
    'beta2_power': np.float32(0.9),
    'global_step': np.int64(7),
}


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('source') / 'model.ckpt-7')
    save(path, VALUES)
    return path


def loaded(path):
    """The arrays of a file, as its own library reads them."""
    if str(path).endswith('.npz'):
        with np.load(path) as archive:
            return dict(archive)
    return pytest.importorskip('safetensors.numpy').load_file(path)


def metadata(path):
    with pytest.importorskip('safetensors').safe_open(path, 'np') as file:
        return file.metadata()


ENDINGS = pytest.mark.parametrize('ending', ['.npz', '.safetensors'])


def equal(actual, expected):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == np.asarray(value).dtype, name
        np.testing.assert_array_equal(actual[name], value, err_msg=name)


@ENDINGS
def test_all_tensors_are_written_under_their_names(tmp_path, source, ending):
    new = f'{tmp_path}/new{ending}'
    report = estimator_ckpt.convert(source, new)
    assert len(report.matched) == len(VALUES) and not report.unused
    equal(loaded(new), VALUES)
    assert os.listdir(tmp_path) == [f'new{ending}']
    if ending == '.safetensors':
        assert metadata(new) == {'format': 'tf'}


@ENDINGS
def test_rules_drop_and_computed_values_apply(tmp_path, source, ending):
    new = f'{tmp_path}/new{ending}'
    rules = [
        ('out/kernel', 'head/kernel', 'transpose=1,0'),
        (r'out/(.*)', r'head/\1'),
        ('conv/kernel', 'conv/kernel', 'cast=float64'),
    ]
    estimator_ckpt.convert(source, new, rules=rules, keep=['out/.*', 'conv/kernel'], drop='slots')
    equal(
        loaded(new),
        {
            'head/kernel': VALUES['out/kernel'].T,
            'head/bias': VALUES['out/bias'],
            'conv/kernel': VALUES['conv/kernel'].astype(np.float64),
        },
    )


@ENDINGS
def test_v1_and_object_based_checkpoints_are_sources(tmp_path, ending):
    values = {'a/kernel': randoms(2, 3), 'global_step': np.int64(3)}
    old = save_v1(tmp_path / 'v1', values)
    estimator_ckpt.convert(old, f'{tmp_path}/v1{ending}')
    equal(loaded(f'{tmp_path}/v1{ending}'), values)
    objects = tf.train.Checkpoint(layer=tf.train.Checkpoint(kernel=tf.Variable(values['a/kernel'], name='k')))
    estimator_ckpt.convert(objects.write(str(tmp_path / 'v2')), f'{tmp_path}/v2{ending}')
    equal(loaded(f'{tmp_path}/v2{ending}'), {'k': values['a/kernel']})


@ENDINGS
def test_each_is_a_source_and_gives_back_what_was_written(tmp_path, source, ending):
    estimator_ckpt.convert(source, f'{tmp_path}/new{ending}')
    assert not estimator_ckpt.diff(source, f'{tmp_path}/new{ending}')
    for style in ('tf1', 'tf2', 'both'):
        estimator_ckpt.convert(f'{tmp_path}/new{ending}', f'{tmp_path}/{style}', style)
        estimator_ckpt.convert(f'{tmp_path}/{style}', f'{tmp_path}/{style}.back', 'tf1')
        assert not estimator_ckpt.diff(source, f'{tmp_path}/{style}.back')
    kinds = {entry.key: str(entry.kind) for entry in estimator_ckpt.list_entries(f'{tmp_path}/new{ending}')}
    assert kinds == {entry.key: str(entry.kind) for entry in estimator_ckpt.list_entries(source)}
    assert not estimator_ckpt.verify(f'{tmp_path}/new{ending}').faults


# What `torch.nn` computes from its weights, as far as their layouts matter: https://pytorch.org/docs/stable/nn.html.
PYTORCH = {
    'conv.weight': VALUES['conv/kernel'].transpose(3, 2, 0, 1),
    'conv.bias': VALUES['conv/bias'],
    'norm.weight': VALUES['norm/gamma'],
    'norm.bias': VALUES['norm/beta'],
    'norm.running_mean': VALUES['norm/moving_mean'],
    'norm.running_var': VALUES['norm/moving_variance'],
    'norm.num_batches_tracked': np.int64(7),
    # Channel 3 of the input goes to the channels 6 and 7 of the output.
    'depthwise.weight': np.stack(
        [VALUES['depthwise/depthwise_kernel'][:, :, c // 2, c % 2][None] for c in range(8)]
    ),
    'embed.weight': VALUES['embed/embeddings'],
    'scan.weight': VALUES['scan/kernel'].transpose(2, 1, 0),
    'out.weight': VALUES['out/kernel'].T,
    'out.bias': VALUES['out/bias'],
}


@ENDINGS
def test_pytorchs_names_and_layouts(tmp_path, source, ending):
    new = f'{tmp_path}/new{ending}'
    report = estimator_ckpt.convert(source, new, for_='pytorch')
    equal(loaded(new), PYTORCH)
    unused = {'out/kernel/Adam', 'out/kernel/Adam_1', 'beta1_power', 'beta2_power', 'global_step'}
    assert {row.source for row in report.unused} == unused
    if ending == '.safetensors':
        assert metadata(new) == {'format': 'pt'}


def test_rules_name_what_pytorch_gets(tmp_path, source):
    """The name of a rule may be TensorFlow's or PyTorch's; operations of a rule decide the layout alone."""
    new = tmp_path / 'new.npz'
    rules = [
        ('out/kernel', 'fc.weight'),
        ('out/bias', 'fc/bias'),
        ('conv/kernel', 'c1/kernel'),
        ('scan/kernel', 'scan.weight', 'reshape=6,4'),
        ('norm/(.*)', r'bn.\1'),
    ]
    estimator_ckpt.convert(
        source, new, for_='pytorch', rules=rules, drop=['embed/.*', 'depthwise/.*', 'conv/bias']
    )
    names = {'fc.weight': 'out.weight', 'fc.bias': 'out.bias', 'c1.weight': 'conv.weight'}
    names |= {f'bn.{name.partition(".")[2]}': name for name in PYTORCH if name.startswith('norm.')}
    expected = {name: PYTORCH[own] for name, own in names.items()}
    equal(loaded(new), {**expected, 'scan.weight': VALUES['scan/kernel'].reshape(6, 4)})


def test_what_pytorch_has_no_layout_for_is_named(tmp_path):
    save(tmp_path / 'a', {'cell/recurrent_kernel': randoms(2, 8), 'attn/w': randoms(1, 2, 3)})
    report = estimator_ckpt.convert(tmp_path / 'a', tmp_path / 'new.npz', for_='pytorch')
    assert report.notes == [
        'Taken as they are, for PyTorch has nothing that corresponds: attn/w, cell/recurrent_kernel.'
    ]


def test_the_command(capsys, tmp_path, source):
    result = in_process(capsys, 'convert', source, tmp_path / 'new.npz', '--for=pytorch')
    assert (result.code, result.err) == (0, ''), result
    assert '12 matched, 5 unused' in result.out
    equal(loaded(tmp_path / 'new.npz'), PYTORCH)
    result = in_process(capsys, 'convert', source, tmp_path / 'new.pt')
    assert result.code == 2
    assert 'Files that end in .pt' in result.err and '.safetensors' in result.err


class TestBadInput:
    """Each is one sentence, and nothing is left at the destination."""

    @pytest.fixture
    def refused(self, tmp_path, source):
        def refuse(error, pattern, destination, style=None, **options):
            before = sorted(os.listdir(tmp_path))
            with pytest.raises(error, match=pattern) as caught:
                estimator_ckpt.convert(
                    options.pop('source', source), tmp_path / destination, style, **options
                )
            assert '\n' not in str(caught.value)
            assert sorted(os.listdir(tmp_path)) == before

        return refuse

    @pytest.mark.parametrize(
        'ending', ['h5', 'hdf5', 'pt', 'pth', 'bin', 'pb', 'npy', 'onnx', 'index', 'pkl']
    )
    @pytest.mark.parametrize('style', [None, 'tf1'])
    def test_an_ending_that_is_not_written(self, refused, ending, style):
        refused(CheckpointError, rf'Files that end in \.{ending}.*\.weights\.h5', f'out.{ending}', style)

    def test_no_style_for_a_prefix(self, refused):
        refused(CheckpointError, r'The style .* is missing.*\.npz', 'out')

    @ENDINGS
    def test_a_style_for_a_file(self, refused, ending):
        refused(CheckpointError, "has no style; omit the style 'both'", f'out{ending}', 'both')

    @ENDINGS
    def test_strings(self, tmp_path, refused, ending):
        save(tmp_path / 's', {'w': randoms(2), 'words': np.array([b'a', b'bc'], object)})
        refused(
            CheckpointError,
            r"holds numbers only, not 'words' \(string\); leave",
            f'x{ending}',
            source=tmp_path / 's',
        )
        estimator_ckpt.convert(tmp_path / 's', tmp_path / f'ok{ending}', drop='words')

    @ENDINGS
    def test_two_tensors_of_one_name(self, refused, ending):
        refused(MappingError, "the name 'x'", f'out{ending}', rules=[('conv/bias|out/bias', 'x')])

    def test_names_that_pytorch_would_share(self, tmp_path, refused):
        save(tmp_path / 'p', {'a/b/kernel': randoms(2, 2), 'a.b/kernel': randoms(2, 2)})
        refused(MappingError, "the name 'a.b.weight'", 'x.npz', source=tmp_path / 'p', for_='pytorch')

    def test_options_without_effect(self, refused, source):
        refused(CheckpointError, "like='str' would have no effect", 'x.npz', like=source)
        refused(CheckpointError, 'compact=True would have no effect', 'x.npz', compact=True)
        refused(CheckpointError, "for_='pytorch' would have no effect", 'x', 'tf1', for_='pytorch')
        refused(CheckpointError, "Unknown library 'jax'", 'x.npz', for_='jax')

    @ENDINGS
    def test_a_destination_that_exists(self, tmp_path, source, ending):
        (tmp_path / f'new{ending}').write_bytes(b'mine')
        with pytest.raises(CheckpointError, match='exists already'):
            estimator_ckpt.convert(source, tmp_path / f'new{ending}')
        assert (tmp_path / f'new{ending}').read_bytes() == b'mine'
        estimator_ckpt.convert(source, tmp_path / f'new{ending}', overwrite=True)
        equal(loaded(tmp_path / f'new{ending}'), VALUES)

    @ENDINGS
    def test_the_source_itself(self, tmp_path, source, ending):
        new = tmp_path / f'new{ending}'
        estimator_ckpt.convert(source, new)
        with pytest.raises(CheckpointError, match='is the source itself'):
            estimator_ckpt.convert(new, new, overwrite=True)
        equal(loaded(new), VALUES)

    @ENDINGS
    def test_damage_in_the_source(self, tmp_path, refused, ending):
        save(tmp_path / 'd', {'w': randoms(50)})
        data = tmp_path / 'd.data-00000-of-00001'
        content = bytearray(data.read_bytes())
        content[9] ^= 1
        data.write_bytes(content)
        refused(CheckpointError, "'w' is damaged", f'x{ending}', source=tmp_path / 'd')
