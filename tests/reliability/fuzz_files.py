"""Damages the golden checkpoints for as long as asked, and prints each use that ends in an error without a sentence.

Run by hand: `python -m tests.reliability.fuzz_files SECONDS [FIRST_SEED]`.
"""

import collections
import pathlib
import sys
import tempfile
import time
import traceback

from tests.reliability.hostile_files import faults


def golden():
    """The golden checkpoints with one data file."""
    folder = pathlib.Path(__file__).parent.parent / 'golden'
    paths = sorted(folder.glob('*/*.data-00000-of-00001'))
    return [str(path).removesuffix('.data-00000-of-00001') for path in paths]


def main(seconds, seed=0):
    """Tries damaged files for some seconds, and prints one example of each kind of error.

    Args:
      seconds: The time.
      seed: The number of the first file.
    """
    kinds, end, first = collections.Counter(), time.monotonic() + seconds, seed
    originals = golden()
    while time.monotonic() < end:
        original, other = originals[seed % len(originals)], originals[seed // 7 % len(originals)]
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            for use, damage, error in faults(original, other, folder, seed):
                frames = traceback.extract_tb(error.__traceback__)
                own = [frame for frame in frames if 'estimator_ckpt/' in frame.filename]
                kind = (type(error).__name__, own[-1].filename.partition('estimator_ckpt/')[2], own[-1].name)
                kinds[kind] += 1
                if kinds[kind] == 1:
                    print(f'\nseed {seed}, {original}: {use}: {damage}', flush=True)
                    traceback.print_exception(error, limit=-6, file=sys.stdout)
            if time.monotonic() - start > 20:
                print(f'seed {seed}, {original}: took {time.monotonic() - start:.0f} s', flush=True)
        seed += 1
    print(f'\n{seed - first} files')
    for kind, count in kinds.most_common():
        print(count, *kind)


if __name__ == '__main__':
    main(*map(int, sys.argv[1:]))
