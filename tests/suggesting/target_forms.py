"""The forms in which the target of a pair with a program can be given: objects, their checkpoint, or bare names."""

import collections
import dataclasses
from typing import Any

from estimator_ckpt.program.read_target import read_target
from tests.suggesting.known_pairs import Pair


def saved(pair: Pair, prefix: Any) -> Pair:
    """Writes the checkpoint of the program, and returns the pair whose target it is."""
    return dataclasses.replace(pair, target=pair.target.write(str(prefix)))


def bare_paths(pair: Pair, prefix: Any = None) -> Pair:
    """Returns the pair whose target is a checkpoint without objects, and has their paths as names."""
    return _bare(
        pair, {'/'.join(w.tensor.path): '/'.join(w.tensor.path) for w in read_target(pair.target).wanted}
    )


def bare_names(pair: Pair, prefix: Any = None) -> Pair:
    """Returns the pair whose target is a checkpoint of the names of the variables that are the only ones of theirs."""
    names = {'/'.join(w.tensor.path): w.tensor.name for w in read_target(pair.target).wanted}
    counts = collections.Counter(names.values())
    return _bare(pair, {path: name for path, name in names.items() if counts[name] == 1})


def _bare(pair: Pair, names: dict[str, str]) -> Pair:
    shapes = {'/'.join(w.tensor.path): w.shape or () for w in read_target(pair.target).wanted}
    target = {name: shapes[path] for path, name in names.items()}
    sources = {names[path]: source for path, source in pair.sources.items() if path in names}
    return dataclasses.replace(pair, target=target, sources=sources)


# By their names; each gets a pair, and the prefix of a checkpoint that it may write.
FORMS = {'saved': saved, 'names': bare_names, 'paths': bare_paths}
