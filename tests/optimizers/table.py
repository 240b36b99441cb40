"""Prints which optimizer's state crosses where, and how far training then is from training that stays, as Markdown.

    python -m tests.optimizers.table [PYTHON]

PYTHON is an interpreter whose TensorFlow has Keras 3; without one that column says so.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import tensorflow as tf

from tests.optimizers import measures
from tests.optimizers.bert import CROSSING as BERT
from tests.optimizers.bert import LATE, WITHOUT_DECAY
from tests.optimizers.training import CROSSINGS, LARGE_EPSILONS, Crossing

HEADINGS = ('TF1 optimizer', 'its slots', 'Keras legacy', 'Keras since 2.11', 'Keras 3', 'back to TF1') + (
    'largest difference of a loss',
    'the same with an epsilon of 0.1',
)
_HAS_LEGACY = hasattr(tf.compat.v1.keras.utils, 'track_tf1_style_variables')
_COLUMNS = ('legacy', 'new', 'keras 3', 'back')
BERTS = "BERT's AdamWeightDecay"


def measure(crossing: Crossing, first_step: int = 0) -> dict[str, float]:
    """The largest relative difference of a loss, for each way that this TensorFlow has."""
    here = 'new' if _HAS_LEGACY else 'keras 3'
    ways: dict[str, list[Callable]] = {
        here: [
            lambda folder: measures.live_to_keras(crossing, 'new', folder, first_step),
            lambda folder: measures.files_to_layout(crossing, folder, first_step),
        ]
    }
    if _HAS_LEGACY and not first_step:
        ways |= {
            'legacy': [
                lambda folder: measures.live_to_keras(crossing, 'legacy', folder),
                lambda folder: measures.files_to_keras(crossing, folder),
            ],
            'back': [
                lambda folder: measures.live_to_tf1(crossing, folder),
                lambda folder: measures.files_to_tf1(crossing, folder),
            ],
        }
    found = {}
    for column, functions in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            found[column] = max(function(pathlib.Path(folder)) for function in functions)
    return found


def measure_all() -> dict[str, dict[str, dict[str, float]]]:
    """By the name of each crossing, what was measured, and what with a large epsilon."""
    found = {
        name: {
            'small': measure(crossing),
            'large': measure(LARGE_EPSILONS[name]) if name in LARGE_EPSILONS else {},
        }
        for name, crossing in CROSSINGS.items()
    }
    bert = measure(BERT, LATE)
    if _HAS_LEGACY:
        with tempfile.TemporaryDirectory() as folder:
            bert['legacy'] = measures.files_to_keras(WITHOUT_DECAY, pathlib.Path(folder), first_step=LATE)
    return {**found, BERTS: {'small': bert, 'large': {}}}


def rows(found: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """The table, line by line."""
    yield f'| {" | ".join(HEADINGS)} |'
    yield f'|{"---|" * len(HEADINGS)}'
    for name, crossing in {**CROSSINGS, BERTS: BERT}.items():
        small, large = found[name]['small'], found[name]['large']
        slots = ', '.join(f'`{slot}`' for slot in crossing.tf1_slots) or 'none'
        cells = [name, slots, *(_cell(crossing, column, small) for column in _COLUMNS)]
        cells += [f'{max(small.values()):.0e}' if max(small.values()) else '0', _epsilons(crossing, large)]
        yield f'| {" | ".join(cells)} |'


def _cell(crossing: Crossing, column: str, found: dict[str, float]) -> str:
    if column not in found:
        return 'no' if (crossing, column) == (BERT, 'back') else 'not measured'
    result = 'exact' if found[column] <= measures.BOUND else f'within {found[column]:.0e}'
    if crossing is BERT:
        without = '`Adam` without decay' if column == 'legacy' else '`AdamW`'
        return f'{without}, {result} after many steps (no bias correction in TF1)'
    return result if column == 'back' else f'`{crossing.keras}`, {result}'


def _epsilons(crossing: Crossing, large: dict[str, float]) -> str:
    """Where an epsilon of 0.1 makes a difference."""
    if not large:
        return 'no epsilon' if crossing is not BERT else 'not measured'
    differ = {column: large[column] for column in _COLUMNS if large.get(column, 0) > measures.BOUND}
    named = {'legacy': 'Keras legacy', 'new': 'since 2.11', 'keras 3': 'Keras 3', 'back': 'back to TF1'}
    listed = ', '.join(f'{named[column]} {value:.0e}' for column, value in differ.items())
    return f'{listed}: {crossing.epsilon}' if differ else 'the same'


def main() -> None:
    """Prints the table, or with `--json` what was measured."""
    arguments = sys.argv[1:]
    found = measure_all()
    if arguments == ['--json']:
        print(json.dumps(found))
        return
    if arguments:
        command = [arguments[0], '-m', 'tests.optimizers.table', '--json']
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        for name, others in json.loads(output.splitlines()[-1]).items():
            for size, values in others.items():
                found[name][size] |= values
    print('\n'.join(rows(found)))


if __name__ == '__main__':
    main()
