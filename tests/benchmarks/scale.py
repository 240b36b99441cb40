r"""What it costs to convert, list, compare, restore and publish checkpoints of many tensors in many shards.

Each checkpoint is made of as many parts as it has shards, as a save on parameter servers leaves them. `publish` merges
these parts into one checkpoint, which in TensorFlow `MergeV2Checkpoints` does; `map` is what a saver does before its
restore ops run; `plan` and `diff` compare checkpoints of the same names or objects. The tensors are tiny, but for the
last table, which has the same ones with more bytes.

python -m tests.benchmarks.scale --tensors=10000,100000 --shards=1,10,100,1000
"""

import os
import shutil
import statistics
import tempfile
from typing import Any, NamedTuple

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf
from absl import app, flags

import estimator_ckpt
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import ObjectGraph, read_object_graph
from estimator_ckpt.mapping.locations import TensorLocations, map_targets
from estimator_ckpt.saving.staging import Extras, Staging
from tests.benchmarks.harness import interleaved, print_table, ratio

_TENSORS = flags.DEFINE_list('tensors', ['10000', '100000'], 'Numbers of tensors.')
_SHARDS = flags.DEFINE_list('shards', ['1', '10', '100', '1000'], 'Numbers of shards.')
_FLOATS = flags.DEFINE_list('floats', ['10', '10000'], 'Floats in each tensor of the last table.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Rounds to measure.')
_OPERATIONS = (
    *('convert', 'list_entries', 'plan', 'plan of objects', 'diff', 'map'),
    *('publish', 'MergeV2Checkpoints'),
)


class _Case(NamedTuple):
    """The size of a checkpoint."""

    tensors: int
    shards: int
    floats: int


class _Program:
    """The variables of a program that restores: names, and objects in a dict of that name below the root."""

    def __init__(self, names: list[str], floats: int):
        self._graph = ObjectGraph()
        root = self._graph.add(0, 'vars')
        variable_keys = [object_keys.object_key(['vars', name]) for name in names]
        self._graph.add_variables(root, names, variable_keys)
        self._targets = [
            TensorLocations(Location(name), Location(key), key, tf.float32.as_datatype_enum, (floats,))
            for name, key in zip(names, variable_keys, strict=True)
        ]

    def map(self, path: str) -> None:
        """Finds where a checkpoint has each variable, as a saver does before it restores."""
        reader = BundleReader(path)
        reader.check_data_files()
        map_targets(self._targets, self._graph, reader, read_object_graph(reader))


class _Checkpoint:
    """The parts of a checkpoint, the checkpoint in both styles, and a folder for what is made of them."""

    def __init__(self, directory: str, case: _Case):
        self._folder = os.path.join(directory, '-'.join(map(str, case)))
        self._output = os.path.join(self._folder, 'output')
        names = [f'layer_{number}/kernel' for number in range(case.tensors)]
        self._program = _Program(names, case.floats)
        self._parts = [os.path.join(self._folder, 'parts', f'{number}') for number in range(case.shards)]
        os.makedirs(os.path.dirname(self._parts[0]))
        for number, part in enumerate(self._parts):
            share = names[number :: case.shards]  # In turn, as variables are put on parameter servers.
            value = tf.zeros([case.floats])
            tf.raw_ops.SaveV2(
                prefix=part,
                tensor_names=share,
                shape_and_slices=[''] * len(share),
                tensors=[value] * len(share),
            )
        self._used = True
        self.prepare()
        self._by_name = os.path.join(self._folder, 'by_name')
        self._merge(self._by_name)
        self._by_object = os.path.join(self._folder, 'by_object')
        estimator_ckpt.convert(self._by_name, self._by_object, 'tf2')

    def prepare(self) -> None:
        """Clears away what was made, and lays out the parts anew."""
        if not self._used:
            return
        shutil.rmtree(self._output, ignore_errors=True)
        self._staging = Staging(os.path.join(self._output, 'published'), len(self._parts), Extras())
        self._staged = [os.path.join(self._output, 'tensorflow', f'{n}') for n in range(len(self._parts))]
        for prefixes in (self._staging.parts, self._staged):
            os.makedirs(os.path.dirname(prefixes[0]))
            for part, prefix in zip(self._parts, prefixes, strict=True):
                for ending in ('.index', '.data-00000-of-00001'):
                    os.link(part + ending, prefix + ending)
        self._used = False

    def run(self, operation: str) -> None:
        """Runs one of the operations that are measured."""
        self._used = True
        if operation == 'convert':
            estimator_ckpt.convert(self._by_name, os.path.join(self._output, 'converted'), 'tf2')
        elif operation == 'list_entries':
            estimator_ckpt.list_entries(self._by_object)
        elif operation == 'plan':
            estimator_ckpt.plan(self._by_name, self._by_name)
        elif operation == 'plan of objects':
            estimator_ckpt.plan(self._by_object, self._by_object)
        elif operation == 'diff':
            estimator_ckpt.diff(self._by_name, self._by_name)
        elif operation == 'map':
            self._program.map(self._by_object)
        elif operation == 'publish':
            with self._staging as staging:
                staging.publish(unless_same=False)
        else:
            self._merge(os.path.join(self._output, 'merged'))

    def _merge(self, prefix: str) -> None:
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=self._staged, destination_prefix=prefix, delete_old_dirs=True
        )


def _measure(cases: list[_Case], directory: str) -> dict[Any, list[float]]:
    """The seconds of each operation on each case."""
    checkpoints = {case: _Checkpoint(directory, case) for case in cases}

    def clear_away():
        for checkpoint in checkpoints.values():
            checkpoint.prepare()
        os.sync()

    contenders = {
        (operation, case): lambda operation=operation, checkpoint=checkpoint: checkpoint.run(operation)
        for operation in _OPERATIONS
        for case, checkpoint in checkpoints.items()
    }
    return interleaved(contenders, _ROUNDS.value, clear_away)


def _ratios(seconds: dict[Any, list[float]], case: _Case, baseline: _Case) -> list[float]:
    return [ratio(seconds, (operation, case), (operation, baseline)) for operation in _OPERATIONS]


def _print(seconds: dict[Any, list[float]], cases: list[_Case], by_size: list[_Case]) -> None:
    rows, by_shards, by_tensors = [], [], []
    for case in cases:
        times = [statistics.median(seconds[operation, case]) for operation in _OPERATIONS]
        merge = ratio(seconds, ('publish', case), ('MergeV2Checkpoints', case))
        rows.append([case.tensors, case.shards, *times, merge])
        fewest_shards = case._replace(shards=cases[0].shards)
        by_shards.append([case.tensors, case.shards, *_ratios(seconds, case, fewest_shards)])
        if case.tensors != cases[0].tensors:
            fewest_tensors = case._replace(tensors=cases[0].tensors)
            by_tensors.append([case.tensors, case.shards, *_ratios(seconds, case, fewest_tensors)])
    first = cases[0]
    header = ['tensors', 'shards', *_OPERATIONS]
    print_table('Seconds', [*header, 'publish / MergeV2Checkpoints'], rows)
    print_table(f'Time / that in shards: {first.shards}', header, by_shards)
    print_table(f'Time / that of tensors: {first.tensors}', header, by_tensors)
    print_table(
        f'{first.tensors} tensors with more bytes: time / that of floats: {by_size[0].floats}',
        ['MB', 'shards', *_OPERATIONS],
        [
            [case.tensors * case.floats / 250_000, case.shards, *_ratios(seconds, case, by_size[0])]
            for case in by_size
        ],
    )


def main(_):
    tensors, shards, floats = (list(map(int, f.value)) for f in (_TENSORS, _SHARDS, _FLOATS))
    cases = [_Case(count, number, floats[0]) for count in tensors for number in shards]
    by_size = [_Case(tensors[0], shards[-1], size) for size in floats]
    with tempfile.TemporaryDirectory() as directory:
        seconds = _measure(list(dict.fromkeys([*cases, *by_size])), directory)
    _print(seconds, cases, by_size)


if __name__ == '__main__':
    app.run(main)
