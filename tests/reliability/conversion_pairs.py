r"""Converts two sources to one destination at one moment, again and again, and prints what became of each round.

python tests/reliability/conversion_pairs.py DIRECTORY ROUNDS

Processes are forked after the package was imported, and wait for each other, so that they begin together. TensorFlow is
not imported. Prints a JSON object of the rounds.
"""

import collections
import contextlib
import io
import itertools
import json
import os
import pathlib
import shutil
import sys
import time
from typing import Any

import numpy as np

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.cli import convert_command, main

KEY = {'tf1': 'v', 'tf2': 'vars/v/.ATTRIBUTES/VARIABLE_VALUE', 'both': 'v'}


def sources(directory: pathlib.Path) -> list[str]:
    """Writes two checkpoints with the same key and other values, and returns their prefixes."""
    prefixes = []
    for number in (1, 2):
        writer = BundleWriter(str(directory / f'source-{number}' / 'x'))
        writer.add_tensor('v', np.full(2000 * number, number, np.float32))
        writer.add_tensor('global_step', np.int64(number))
        prefixes.append(writer.publish(durable=False))
    return prefixes


def together(commands: list[list[str]], directory: pathlib.Path) -> list[dict]:
    """Runs commands in processes that begin at one moment, and returns their exit codes, errors and times."""
    start, go = os.pipe()
    children = []
    for number, command in enumerate(commands):
        child = os.fork()
        if not child:
            os.close(go)
            os.read(start, 1)  # Returns when the parent closes the other end.
            moments, errors = _timed(), io.StringIO()
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
                try:
                    code = main.main(['estimator-ckpt', *command])
                except BaseException as error:
                    code = 99
                    print(f'Traceback: {error!r}', file=sys.stderr)
            result = {'code': code, 'error': errors.getvalue(), **moments}
            (directory / f'result-{number}').write_text(json.dumps(result))
            os._exit(0)
        children.append(child)
    os.close(start)
    os.close(go)
    for child in children:
        os.waitpid(child, 0)
    return [json.loads((directory / f'result-{number}').read_text()) for number in range(len(commands))]


def _timed() -> dict[str, float]:
    """Returns the moments at which this process has looked at the destination, and begins to publish, once it has."""
    moments = {}

    look, publish = BundleWriter.__init__, BundleWriter.publish

    def noted_look(*args: Any) -> None:
        look(*args)
        moments['looked'] = time.monotonic()

    def noted_publish(*args: Any, **kwargs: Any) -> str:
        moments['publishing'] = time.monotonic()
        return publish(*args, **kwargs)

    BundleWriter.__init__, BundleWriter.publish = noted_look, noted_publish
    return moments


def fault(results: list[dict], destination: str, styles: tuple[str, str], overwrite: bool) -> str:
    """Returns what is wrong with a round; empty for nothing."""
    codes = [result['code'] for result in results]
    if sorted(codes) not in ([0, 0], [0, 2]):
        return f'the exit codes are {codes}: {[result["error"] for result in results]}'
    for result in results:
        lines = result['error'].splitlines()
        if result['code'] and (len(lines) != 1 or 'Error' in lines[0] or destination not in lines[0]):
            return f'not one sentence: {lines}'
    if codes == [0, 0] and not overwrite:
        return 'both have succeeded without overwriting'
    if codes == [0, 0]:
        first, second = sorted(results, key=lambda result: result['publishing'])
        if second['looked'] < first['publishing']:
            return 'the second has replaced what it has not seen'
    report = estimator_ckpt.verify(destination)
    if not report.ok or report.warnings:
        return str(report)
    keys = [('tf1' if style == 'tf1' else 'tf2' if style == 'tf2' else 'both') for style in styles]
    reader = BundleReader(destination)
    whole = [
        KEY[key] in reader
        and np.array_equal(reader.tensor(KEY[key], True), np.full(2000 * number, number, np.float32))
        and reader.tensor('global_step' if key != 'tf2' else KEY['tf2'].replace('/v/', '/global_step/'))
        == number
        for number, key in enumerate(keys, 1)
    ]
    if sum(whole) != 1:
        return f'the checkpoint is of neither source, or of both: {whole} {reader.keys()}'
    if 0 in codes and codes[whole.index(True)] != 0:
        return 'the checkpoint is that of the process that has failed'
    left = estimator_ckpt.list_directory(os.path.dirname(destination)).leftovers
    files = set(os.listdir(os.path.dirname(destination))) - {
        os.path.basename(path) for path in [f'{destination}.index', *reader.data_paths()]
    }
    return f'left over: {left} {files}' if left or files else ''


def run() -> None:
    """Runs the rounds that the command line asks for."""
    directory, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    pair = sources(directory)
    cases = itertools.cycle(
        itertools.product(
            [('tf1', 'tf1'), ('tf2', 'tf1'), ('both', 'tf2')], ['link', 'copy', 'compact'], [False, True]
        )
    )
    assert convert_command  # Imported before the first fork.
    faults, outcomes = [], collections.Counter()
    for number, (styles, data, overwrite) in enumerate(itertools.islice(cases, rounds)):
        folder = directory / f'round-{number}'
        destination = str(folder / 'to' / 'y')
        folder.mkdir()
        if overwrite and number % 4 < 2:  # There is a checkpoint already.
            estimator_ckpt.convert(pair[number % 2], destination, 'both', data='copy', durable=False)
        options = ['--compact'] if data == 'compact' else [f'--data={data}']
        options += ['--overwrite'] if overwrite else []
        results = together(
            [
                ['convert', source, destination, f'--style={style}', *options]
                for source, style in zip(pair, styles, strict=True)
            ],
            folder,
        )
        wrong = fault(results, destination, styles, overwrite)
        if wrong:
            faults.append(f'round {number} ({styles}, {data}, overwrite={overwrite}): {wrong}')
        codes = sorted(result['code'] for result in results)
        outcomes[f'{"overwrite" if overwrite else "new"}: {codes}'] += 1
        shutil.rmtree(folder)
    print(json.dumps({'faults': faults, 'outcomes': outcomes, 'tensorflow': 'tensorflow' in sys.modules}))


if __name__ == '__main__':
    run()
