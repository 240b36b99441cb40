"""The guide's table of optimizers names all that the tests prove, and where an epsilon makes a difference."""

import pathlib
import re

import pytest

from tests.optimizers import measures
from tests.optimizers.table import BERTS, HEADINGS, rows
from tests.optimizers.training import CROSSINGS, LARGE_EPSILONS
from tests.testing.small_model import needs_keras_2

_GUIDE = pathlib.Path(__file__).parents[2] / 'examples' / 'guides' / 'optimizer_state.md'


def _table() -> list[list[str]]:
    table = re.search(r'<!-- optimizers -->\n(.*?)<!-- /optimizers -->', _GUIDE.read_text(), re.DOTALL)
    lines = [line for line in table[1].splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_the_table_of_the_guide_names_every_crossing():
    headings, _, *lines = _table()
    assert headings == list(HEADINGS)
    by_name = {line[0]: line for line in lines}
    assert by_name.keys() == {*CROSSINGS, BERTS}
    for name, crossing in CROSSINGS.items():
        assert all(f'`{slot}`' in by_name[name][1] for slot in crossing.tf1_slots)
        for cell in by_name[name][2:5]:
            assert f'`{crossing.keras}`, exact' in cell
        assert by_name[name][5] == 'exact'


def test_the_table_has_a_row_for_each_crossing():
    small = dict.fromkeys(['legacy', 'new', 'keras 3', 'back'], 1e-7)
    names = [*CROSSINGS, BERTS]
    found = {name: {'small': small, 'large': {**small, 'legacy': 0.5}} for name in names}
    lines = list(rows(found))
    assert len(lines) == len(names) + 2
    assert len({line.count('|') for line in lines}) == 1
    assert 'Keras legacy 5e-01' in lines[2 + names.index('RMSProp')]


@needs_keras_2
@pytest.mark.parametrize('name', LARGE_EPSILONS)
def test_a_large_epsilon_shows_where_it_is_added(name, tmp_path):
    """With 0.1 the losses differ where the table says so, by less than a tenth, and nowhere else."""
    crossing = LARGE_EPSILONS[name]
    differs = {'legacy': name in ('Adagrad', 'RMSProp'), 'new': name == 'Adagrad'}
    for generation, does in differs.items():
        found = measures.live_to_keras(crossing, generation, tmp_path)
        assert (measures.BOUND < found < 0.1) if does else found <= measures.BOUND
