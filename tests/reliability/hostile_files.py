"""Uses damaged checkpoints in every way that the package offers."""

import contextlib
import io
import os
import random
import shutil
import warnings

import numpy as np

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.cli import main
from tests.reliability.damage import Damage

KERAS_OPTIMIZERS = ['Adam', 'SGD', 'Adagrad', 'Ftrl', 'RMSprop', 'Adadelta']
# The optimizers of the golden checkpoints that have a single one.
KERAS_OF = {
    'tf1_adam': 'Adam',
    'tf1_momentum': 'SGD',
    'tf1_rmsprop_centered': 'RMSprop',
    'both_saver': 'Adam',
}
COMMANDS = [
    ['inspect', 'A'],
    ['inspect', '--tree', 'A'],
    ['inspect', '--values', 'A'],
    ['inspect', '--json', '--values', '--tree', 'A'],
    ['inspect', '--stats', '--noall_rows', 'A'],
    ['inspect', '--depth=2', '--json', 'A'],
    ['verify', '--finite', 'A'],
    ['diff', '--html=PAGE', '--noall_rows', 'A', 'B'],
    ['plan', '--html=PAGE', '--noall_rows', 'A', 'B'],
    ['plan', '--suggest', 'B', 'A'],
]
RULES = [
    [('(.*)kernel', r'\1weights')],
    [('(.*)', r'x/\1', 'transpose=1,0')],
    [('(.*)/(.*)', r'\2', 'cast=float16')],
    [('(.*)', r'\1a,\1b', 'split=0')],
    {'/': 'scope/'},
    {'dense/': 'other/'},
    [('.*', 'one', 'concat=0')],
    'rnn',
]


def uses(prefix, original, other, folder, seed):
    """Yields each use of a damaged checkpoint as a name and a function.

    Args:
      prefix: The damaged checkpoint.
      original: The checkpoint before it was damaged.
      other: Another sound one.
      folder: A folder for what is written.
      seed: A number that says which options are used.
    """
    choose = random.Random(seed).choice
    other = choose([other, original])
    out = os.path.join(folder, 'out')
    yield 'inspect', lambda: _consume(estimator_ckpt.inspect(prefix))
    yield 'list_entries', lambda: [entry.to_dict() for entry in estimator_ckpt.list_entries(prefix)]
    yield 'list_directory', lambda: estimator_ckpt.list_directory(os.path.dirname(prefix)).to_json()
    yield 'diff', lambda: _consume(estimator_ckpt.diff(prefix, other))
    yield 'diff back', lambda: _consume(estimator_ckpt.diff(other, prefix))
    yield 'verify', lambda: _consume(estimator_ckpt.verify(prefix))
    yield 'plan', lambda: estimator_ckpt.plan(prefix, other).to_json()
    yield 'plan back', lambda: estimator_ckpt.plan(other, prefix).to_json()
    rules = choose(RULES)
    yield f'plan rules={rules}', lambda: estimator_ckpt.plan(prefix, other, rules).to_json()
    yield 'suggest_rules', lambda: str(estimator_ckpt.suggest_rules(prefix, other))
    yield 'suggest_rules back', lambda: str(estimator_ckpt.suggest_rules(other, prefix))
    yield 'load', lambda: [np.asarray(array) for array in estimator_ckpt.load(prefix).values()]
    for style in ('tf1', 'tf2', 'both'):
        yield f'convert {style}', lambda style=style: estimator_ckpt.convert(prefix, f'{out}_{style}', style)
    style, keras = choose(['tf1', 'tf2', 'both']), choose(KERAS_OPTIMIZERS)
    options = choose(
        [
            {'rules': choose(RULES)},
            {'rules': choose(RULES), 'optimizer': 'optimizer'},
            {'optimizer': 'optimizer', 'step': 'step'},
            {'optimizer': {'Adam': 'adam', '': 'other'}},
            {'merge_slices': True},
            {'compact': True},
            {'promote_averages': True},
            {'drop': 'slots'},
            {'keep': '.*kernel'},
            {'drop': '.*kernel', 'optimizer': 'optimizer'},
            {'root': 'model'},
            {'like': other},
        ]
    )
    yield f'convert {style} {options}', lambda: estimator_ckpt.convert(prefix, f'{out}_o', style, **options)
    keras = KERAS_OF.get(os.path.basename(os.path.dirname(original)), keras)
    for kind, further in (('tf1', {}), ('tf2', {}), ('both', {'drop': '.*kernel'})):
        further = {
            'keras_optimizer': keras,
            **choose([{}, {'hyperparameters': {'learning_rate': 0.1}}]),
            **further,
        }
        yield (
            f'convert {kind} {further}',
            lambda kind=kind, further=further: estimator_ckpt.convert(
                prefix, f'{out}_k{kind}', kind, **further
            ),
        )
    places = {'A': prefix, 'B': other, '--html=PAGE': f'--html={out}.html'}
    for words in COMMANDS:
        yield f'{words}', lambda words=words: run_command([places.get(word, word) for word in words])
    yield 'convert to like', lambda: estimator_ckpt.convert(other, f'{out}_l', style, like=prefix)
    for end in ('npz', 'safetensors'):
        yield f'convert {end}', lambda end=end: estimator_ckpt.convert(prefix, f'{out}.{end}')
    yield 'average', lambda: estimator_ckpt.average([prefix, other], f'{out}_average')


def run_command(words):
    """Runs a command, whose output must have no control characters."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.main(['estimator-ckpt', *words])
    assert code in (0, 1, 2)
    for line in (out.getvalue() + err.getvalue()).split('\n'):
        assert line.isprintable(), ascii(line)
    assert err.getvalue().count('\n') <= 1


def _consume(report):
    with contextlib.suppress(AttributeError):
        report.to_json()
    for name in ('lines', 'summary', 'table'):
        function = getattr(report, name, None)
        if callable(function):
            result = function()
            if not isinstance(result, str):
                list(result)


def failures(named_uses):
    """Yields the name and the error of each use that ends in another error than those of checkpoints and files."""
    for name, use in named_uses:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                use()
        except (CheckpointError, OSError) as error:
            _ = str(error).encode('utf-8', 'surrogateescape')
        except Exception as error:
            yield name, error


def faults(original, other, folder, seed):
    """Damages a copy of a checkpoint, and yields the uses of it that end in another error than they should.

    Args:
      original: The sound checkpoint.
      other: Another sound checkpoint, with which it is compared.
      folder: A folder for the copy.
      seed: A number that says what is changed.

    Yields:
      The name of the use, what was changed, and the error.
    """
    place = os.path.join(folder, str(seed))
    os.makedirs(place)
    prefix = os.path.join(place, 'model.ckpt')
    shutil.copy(f'{original}.index', f'{prefix}.index')
    shutil.copy(f'{original}.data-00000-of-00001', f'{prefix}.data-00000-of-00001')
    damage = Damage(prefix, seed)
    damage.write()
    written = os.path.join(folder, f'{seed}_written')
    os.makedirs(written)
    for name, error in failures(uses(prefix, original, other, written, seed)):
        yield name, damage.done, error
    shutil.rmtree(place)
    shutil.rmtree(written)
