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


_IN_PYTORCH = {
    **dict.fromkeys(('kernel', 'gamma', 'embeddings', 'pointwise_kernel', 'depthwise_kernel'), 'weight'),
    **{'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'},
}


def state_dict(pair: Pair, prefix: Any = None) -> Pair:
    """Returns the pair whose target has the names, with dots, and the layout of PyTorch; without recurrent cells."""
    bare = bare_names(pair)
    cells = {name.rpartition('/')[0] for name in bare.target if name.endswith('recurrent_kernel')}
    names = {name: _name_in_pytorch(name) for name in bare.target if name.rpartition('/')[0] not in cells}
    counts = collections.Counter(names.values())
    names = {name: new for name, new in names.items() if counts[new] == 1}
    target = {new: _shape_in_pytorch(name, bare.target[name]) for name, new in names.items()}
    sources = {names[name]: source for name, source in bare.sources.items() if name in names}
    return dataclasses.replace(bare, target=target, sources=sources)


def _name_in_pytorch(name: str) -> str:
    scope, _, role = name.rpartition('/')
    return '.'.join([*scope.split('/'), _IN_PYTORCH.get(role, role)])


def _shape_in_pytorch(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if not name.endswith('kernel') or name.endswith('embedding_kernel') or len(shape) < 2:
        return shape
    if name.endswith('depthwise_kernel'):
        return (*shape[-2:], *shape[:-2])
    return (shape[-1], shape[-2], *shape[:-2])


def _bare(pair: Pair, names: dict[str, str]) -> Pair:
    shapes = {'/'.join(w.tensor.path): w.shape or () for w in read_target(pair.target).wanted}
    target = {name: shapes[path] for path, name in names.items()}
    sources = {names[path]: source for path, source in pair.sources.items() if path in names}
    return dataclasses.replace(pair, target=target, sources=sources)


# By their names; each gets a pair, and the prefix of a checkpoint that it may write.
FORMS = {'saved': saved, 'names': bare_names, 'paths': bare_paths, 'pytorch': state_dict}
