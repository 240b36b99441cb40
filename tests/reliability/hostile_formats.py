"""Damages files of other kinds than V2 checkpoints, byte by byte, and uses them as sources in every way.

Run by hand: `python -m tests.reliability.hostile_formats SECONDS [FIRST_SEED]`.
"""

import os
import random
import sys
import tempfile
import time
import traceback

import h5py
import numpy as np
import tensorflow as tf

import estimator_ckpt
from tests.bundle.helpers import save
from tests.formats.helpers import save_v1
from tests.reliability.hostile_files import failures, run_command

TENSORS = {
    'dense/kernel': np.arange(12, dtype=np.float32).reshape(3, 4),
    'dense/bias': np.ones(4, np.float32),
    'dense/kernel/Adam': np.zeros((3, 4), np.float32),
    'half': np.float16([1, 2]),
    'global_step': np.int64(7),
}
NUMBERS = [
    b'\0' * 4,
    b'\xff' * 4,
    b'\x7f\xff\xff\xff',
    b'\xff\xff\xff\x7f',
    b'\0' * 8,
    b'\xff' * 8,
    b'\xff' * 7 + b'\x7f',
]


def _weights(path):
    """The weights of a Keras 3 model, as `save_weights` stores them."""
    with h5py.File(path, 'w') as file:
        for layer, shapes in (('dense', [(3, 4), (4,)]), ('dense_1', [(4, 2), (2,)])):
            group = file.create_group(f'layers/{layer}/vars')
            for number, shape in enumerate(shapes):
                group[str(number)] = np.ones(shape, np.float32)
        file.create_group('optimizer/vars')['0'] = np.int64(3)


def _keras_2(path):
    """The weights of a Keras 2 model in HDF5."""
    with h5py.File(path, 'w') as file:
        file.attrs['layer_names'], file.attrs['backend'] = [b'dense'], b'tensorflow'
        group = file.create_group('dense')
        group.attrs['weight_names'] = [b'dense/kernel:0', b'dense/bias:0']
        group['dense/kernel:0'], group['dense/bias:0'] = TENSORS['dense/kernel'], TENSORS['dense/bias']


def _graph(path):
    """A graph whose variables are constants."""
    with tf.Graph().as_default() as graph:
        for name in ('dense/kernel', 'dense/bias'):
            tf.identity(tf.constant(TENSORS[name], name=name), name=f'{name}/read')
        with open(path, 'wb') as file:
            file.write(graph.as_graph_def().SerializeToString())


def _export(path):
    folder = os.path.dirname(path)
    estimator_ckpt.convert(save(os.path.join(folder, 'source'), TENSORS), path)


WRITERS = {
    'v1.ckpt': lambda path: save_v1(path, TENSORS),
    'a.npz': _export,
    'a.safetensors': _export,
    'a.weights.h5': _weights,
    'a.h5': _keras_2,
    'a.pb': _graph,
}


def damaged(data, choose):
    """Returns bytes with one to four changes, and what was changed."""
    data, done = bytearray(data), []
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(data) + 1)
        kind = choose.choice(['bit', 'byte', 'number', 'cut', 'insert', 'remove', 'copy'])
        if kind == 'bit' and at < len(data):
            data[at] ^= 1 << choose.randrange(8)
        elif kind == 'byte' and at < len(data):
            data[at] = choose.randrange(256)
        elif kind == 'number':
            number = choose.choice(NUMBERS)
            data[at : at + len(number)] = number
        elif kind == 'cut':
            del data[at:]
        elif kind == 'insert':
            data[at:at] = choose.randbytes(choose.choice([1, 7, 100]))
        elif kind == 'remove':
            del data[at : at + choose.choice([1, 8, 50])]
        elif kind == 'copy':
            source = choose.randrange(len(data) + 1)
            data[at : at + 16] = data[source : source + 16]
        done.append(f'{kind} at {at}')
        if not data:
            break
    return bytes(data), done


def uses(path, other, folder):
    """Yields each use of a file as a name and a function."""
    yield 'list_entries', lambda: [entry.to_dict() for entry in estimator_ckpt.list_entries(path)]
    yield 'load', lambda: [np.asarray(array) for array in estimator_ckpt.load(path).values()]
    yield 'diff', lambda: estimator_ckpt.diff(path, other).to_json()
    yield 'plan', lambda: estimator_ckpt.plan(path, other).to_json()
    yield 'suggest', lambda: str(estimator_ckpt.suggest_rules(path, other))
    for style in ('tf1', 'both'):
        out = os.path.join(folder, style)
        yield (
            f'convert {style}',
            lambda out=out, style=style: estimator_ckpt.convert(path, out, style, overwrite=True),
        )
    yield 'convert npz', lambda: estimator_ckpt.convert(path, os.path.join(folder, 'out.npz'), overwrite=True)
    for words in (['inspect'], ['inspect', '--values'], ['inspect', '--stats'], ['verify', '--finite']):
        yield ' '.join(words), lambda words=words: run_command([*words, path])


def faults(name, folder, seed):
    """Damages a file of a kind, and yields the uses of it that end in another error than they should.

    Args:
      name: One of `WRITERS`.
      folder: An empty folder.
      seed: A number that says what is changed.

    Yields:
      The name of the use, what was changed, and the error.
    """
    path, choose = os.path.join(folder, name), random.Random(f'{name} {seed}')
    WRITERS[name](path)
    other = save(os.path.join(folder, 'other'), TENSORS)
    with open(path, 'rb') as file:
        data, done = damaged(file.read(), choose)
    with open(path, 'wb') as file:
        file.write(data)
    for use, error in failures(uses(path, other, folder)):
        yield use, done, error


def main(seconds, seed=0):
    """Tries damaged files for some seconds, and prints one example of each kind of error."""
    seen, end, first = set(), time.monotonic() + seconds, seed
    while time.monotonic() < end:
        for name in WRITERS:
            with tempfile.TemporaryDirectory() as folder:
                for use, done, error in faults(name, folder, seed):
                    frames = [
                        f
                        for f in traceback.extract_tb(error.__traceback__)
                        if 'estimator_ckpt/' in f.filename
                    ]
                    kind = (type(error).__name__, frames[-1].filename.rpartition('/')[2], frames[-1].name)
                    if kind not in seen:
                        seen.add(kind)
                        print(f'\nseed {seed}, {name}: {use}: {done}', flush=True)
                        traceback.print_exception(error, limit=-6, file=sys.stdout)
        seed += 1
    print(f'{seed - first} files of each kind, {len(seen)} kinds of errors')


if __name__ == '__main__':
    main(*map(int, sys.argv[1:]))
