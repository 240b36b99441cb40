r"""Writes the golden checkpoints, and for each a listing of what it holds, to be read before it is committed.

python -m tests.golden.generate --filter=tf1_ --regenerate --dry_run
"""

import json
import os
import pathlib
import re
import shutil

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from tests.golden.cases import CASES, FOLDER, Case

_FOLDER = flags.DEFINE_string('folder', str(FOLDER), 'Where the checkpoints go.')
_FILTER = flags.DEFINE_string(
    'filter', '.*', 'A regular expression; only names that it is found in are written.'
)
_REGENERATE = flags.DEFINE_bool('regenerate', False, 'Whether those that are there already are written anew.')
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Whether it is only said what would be written.')


def _write(case: Case, folder: pathlib.Path) -> None:
    directory = folder / case.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    case.write(case.prefix(folder))
    lines = []
    for entry in estimator_ckpt.list_entries(case.prefix(folder)):
        fields = entry.to_dict()
        shown = {name: fields[name] for name in ('kind', 'dtype', 'shape')}
        if entry.variable:
            shown |= {name: fields[name] for name in ('variable', 'slot_name') if fields[name]}
        lines.append(f'  {json.dumps(entry.key)}: {json.dumps(shown)}')
    case.listing(folder).write_text('{\n' + ',\n'.join(lines) + '\n}\n')


def main(_):
    tf.get_logger().setLevel('ERROR')
    folder = pathlib.Path(_FOLDER.value)
    for case in CASES:
        if not re.search(_FILTER.value, case.name):
            continue
        if case.listing(folder).exists() and not _REGENERATE.value:
            print(f'{case.name}: is there already')
        elif _DRY_RUN.value:
            print(f'{case.name}: would be written')
        else:
            _write(case, folder)
            print(f'{case.name}: written')


if __name__ == '__main__':
    app.run(main)
