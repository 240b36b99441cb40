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

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.benchmarks.harness import print_table
from tests.suggesting import architectures, blind_pairs, known_pairs, more_architectures, target_forms

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
_MANY = flags.DEFINE_integer('many', 10_000, 'Variables of the made-up checkpoint.')
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
    measured = known_pairs.measure(pair, target, report)
    least = min((rule.confidence for rule in suggestion.rules), default=1.0)
    variables = sum(len(rule.pairs) for rule in suggestion.rules) + len(suggestion.by_name)
    variables += len(suggestion.ambiguous) + len(suggestion.missing)
    rules = len(suggestion.rules)
    return [name, variables, rules, measured.precision, measured.recall, least, seconds]


def _in_form(pair: known_pairs.Pair, directory: str) -> known_pairs.Pair:
    if _FORM.value == 'objects' or not isinstance(pair.target, tf.train.Checkpoint):
        return pair
    return target_forms.FORMS[_FORM.value](pair, os.path.join(directory, 'saved'))


def _many(count: int, directory: str) -> list[object]:
    """Two files of as many variables, in layers of five pairs."""
    old, new = {}, {}
    for layer in range(count // 10):
        for number, name in enumerate(('query', 'key', 'value', 'up', 'down')):
            for role, other, shape in (
                ('weights', 'kernel', (64, 64 + number)),
                ('biases', 'bias', (64 + number,)),
            ):
                old[f'net/layer_{layer}/{name}/{role}'] = new[f'model/blocks/{layer}/{name}/{other}'] = shape
    paths = [
        known_pairs.write_index(os.path.join(directory, name), shapes)
        for name, shapes in (('old', old), ('new', new))
    ]
    start = time.perf_counter()
    suggestion = estimator_ckpt.suggest_rules(*paths)
    seconds = time.perf_counter() - start
    answer = dict(zip(new, old, strict=True))
    pairs = [pair for rule in suggestion.rules for pair in rule.pairs]
    right = sum(answer[target] == source for source, target in pairs)
    least = min((rule.confidence for rule in suggestion.rules), default=1.0)
    found = right / max(1, len(pairs)), right / len(answer)
    return ['made up', len(new), len(suggestion.rules), *found, least, seconds]


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
        print_table('Many variables', _HEADER, [_many(_MANY.value, directory)])
        print_table(
            'Models that are not the same', ['pair', 'proposed', 'ambiguous', 'missing'], _wrong(directory)
        )


if __name__ == '__main__':
    app.run(main)
