r"""Rules that `suggest_rules` proposes between TF1 checkpoints and Keras models, against the known answers.

python -m tests.benchmarks.suggest --pairs=bert,resnet

Of each pair: the variables of the target and the rules; which part of what the rules give is right (precision) and
which part of what is right they give (recall), as `plan` maps with them; and the seconds that it took. The pairs of
the tables `held out` were not looked at before the search was done. The last table is of models that are not the
same: whatever is proposed is wrong.

The target of a pair with a program is its objects, or as --form says: their checkpoint (`saved`), the names of its
variables alone (`names`), or their paths alone (`paths`).
"""

import os
import tempfile
import time
from collections.abc import Iterable, Iterator

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import print_table
from tests.suggesting import architectures, blind_pairs, known_pairs, more_architectures, target_forms
from tests.suggesting.answers import compare

_TABLES = {
    'Pairs with known answers': known_pairs.PAIRS,
    'Pairs held out': known_pairs.HELD_OUT,
    'Architectures': architectures.TUNED,
    'Architectures held out': architectures.HELD_BACK,
    'More architectures': more_architectures.TUNED,
    'More architectures held out': more_architectures.HELD_BACK,
    'Blind tests': blind_pairs.TUNED,
    'Blind tests held out': blind_pairs.HELD_BACK,
}
_ALL = {name: make for table in _TABLES.values() for name, make in table.items()}
_PAIRS = flags.DEFINE_list('pairs', list(_ALL), 'Pairs to measure.')
_FORM = flags.DEFINE_enum('form', 'objects', ['objects', *target_forms.FORMS], 'How targets are given.')
_MANY = flags.DEFINE_integer('many', 10_000, 'Variables of the made-up checkpoints.')
_HEADER = ['pair', 'variables', 'rules', 'precision', 'recall', 'least confidence', 'seconds']


def _row(name: str, make, directory: str) -> list[object]:
    pair = _in_form(make(), directory)
    source, target = pair.write(directory)
    start = time.perf_counter()
    suggestion = estimator_ckpt.suggest_rules(source, target)
    seconds = time.perf_counter() - start
    report = estimator_ckpt.plan(
        source, target, suggestion.as_rules(), include='all', missing='ignore', mismatch='skip'
    )
    measured = compare(pair, target, report)
    least = min((rule.confidence for rule in suggestion.rules), default=1.0)
    variables = sum(len(rule.pairs) for rule in suggestion.rules) + len(suggestion.by_name)
    variables += len(suggestion.ambiguous) + len(suggestion.missing)
    rules = len(suggestion.rules)
    return [name, variables, rules, measured.precision, measured.recall, least, seconds]


def _in_form(pair: known_pairs.Pair, directory: str) -> known_pairs.Pair:
    if _FORM.value == 'objects' or not isinstance(pair.target, tf.train.Checkpoint):
        return pair
    return target_forms.FORMS[_FORM.value](pair, os.path.join(directory, 'saved'))


def _layers(count: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yields the old name, the new name and the shape of each variable of layers of five kernels and biases."""
    for layer in range(count // 10):
        for number, name in enumerate(('query', 'key', 'value', 'up', 'down')):
            for old, new, shape in (
                ('weights', 'kernel', (64, 64 + number)),
                ('biases', 'bias', (64 + number,)),
            ):
                yield f'net/layer_{layer}/{name}/{old}', f'model/blocks/{layer}/{name}/{new}', shape


def _transformer(count: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yields those of BERT's blocks, whose normalizations only the order tells apart."""
    layers = {
        'attention/self/query': ('query', (8, 8)),
        'attention/self/key': ('key', (8, 8)),
        'attention/self/value': ('value', (8, 8)),
        'attention/output/dense': ('out', (8, 8)),
        'attention/output/LayerNorm': ('norm1', (8,)),
        'intermediate/dense': ('up', (8, 16)),
        'output/dense': ('down', (16, 8)),
        'output/LayerNorm': ('norm2', (8,)),
    }
    for block in range(count // 16):
        for old, (new, shape) in layers.items():
            for role in ('kernel', 'bias') if len(shape) > 1 else ('gamma', 'beta'):
                of_role = shape if role == 'kernel' else shape[-1:]
                yield (
                    f'bert/encoder/layer_{block}/{old}/{role}',
                    f'model/blocks/{block}/{new}/{role}',
                    of_role,
                )


def _convolutions(count: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yields those of convolutions with normalizations that `tf.layers` counts; seven widths take turns."""
    for number in range(count // 6):
        width, counted = 8 + number % 7, f'_{number}' if number else ''
        for role, shape in (('kernel', (3, 3, 8, width)), ('bias', (width,))):
            yield f'conv2d{counted}/{role}', f'model/stage_{number}/conv/{role}', shape
        for role in ('gamma', 'beta', 'moving_mean', 'moving_variance'):
            yield f'batch_normalization{counted}/{role}', f'model/stage_{number}/bn/{role}', (width,)


def _many(name: str, variables: Iterable[tuple[str, str, tuple[int, ...]]], directory: str) -> list[object]:
    """Two files of many variables."""
    rows = list(variables)
    old, new, answer = ({row[x]: row[y] for row in rows} for x, y in ((0, 2), (1, 2), (1, 0)))
    paths = [
        known_pairs.write_index(os.path.join(directory, name), shapes)
        for name, shapes in (('old', old), ('new', new))
    ]
    start = time.perf_counter()
    suggestion = estimator_ckpt.suggest_rules(*paths)
    seconds = time.perf_counter() - start
    pairs = [pair for rule in suggestion.rules for pair in rule.pairs]
    right = sum(answer[target] == source for source, target in pairs)
    least = min((rule.confidence for rule in suggestion.rules), default=1.0)
    found = right / max(1, len(pairs)), right / len(answer)
    return [name, len(new), len(suggestion.rules), *found, least, seconds]


def _wrong(directory: str) -> list[list[object]]:
    """Each checkpoint with another one's model."""
    names = _PAIRS.value
    pairs = {name: _ALL[name]() for name in names}
    rows = []
    for old, new in zip(names, [*names[1:], names[0]], strict=True):
        _, target = pairs[new].write(directory)
        source = known_pairs.write_index(os.path.join(directory, 'wrong'), pairs[old].shapes)
        suggestion = estimator_ckpt.suggest_rules(source, target)
        proposed = sum(len(rule.pairs) for rule in suggestion.rules)
        rows.append([f'{old} as {new}', proposed, len(suggestion.ambiguous), len(suggestion.missing)])
    return rows


def main(_):
    with tempfile.TemporaryDirectory() as directory:
        for title, table in _TABLES.items():
            rows = [_row(name, table[name], directory) for name in table if name in _PAIRS.value]
            if rows:
                print_table(title, _HEADER, rows)
        made_up = {'layers': _layers, 'transformer': _transformer, 'convolutions': _convolutions}
        rows = [_many(name, variables(_MANY.value), directory) for name, variables in made_up.items()]
        print_table('Many variables', _HEADER, rows)
        print_table(
            'Models that are not the same', ['pair', 'proposed', 'ambiguous', 'missing'], _wrong(directory)
        )


if __name__ == '__main__':
    app.run(main)
