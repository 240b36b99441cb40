"""Finds the variables that are second copies of others: averages of weights, and target networks of agents."""

import collections
import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from estimator_ckpt.suggesting.name_parts import MOST_SCOPES, words

# The fewest variables of a copy.
_LEAST_COPIED = 3
# The most scopes that are looked at for target networks.
_MOST_NETWORKS = 16
# What the scope of a target network is called; and what else there is a target of.
_TARGET, _OF_TEXTS = 'target', 'source'


def copies(
    shapes: Mapping[str, tuple[int, ...]],
    wanted: Iterable[tuple[int, ...]],
    of_targets: Iterable[tuple[int, ...]] = (),
) -> set[str]:
    """Returns the names of variables that are copies of others, and that the other side does not have too.

    `swa/net/kernel` is a copy of `net/kernel`, and so is `target/pi/kernel` of `main/pi/kernel`. Nothing is a copy if
    the other side has as many variables of each size as both together.

    Args:
      shapes: The shape of each variable of one side by its name.
      wanted: The shapes of the variables of the other side.
      of_targets: The shapes of those of them whose names say that they belong to a target network.
    """
    counts = collections.Counter(map(math.prod, wanted))
    return {*_averages(shapes, counts), *_target_networks(shapes, counts, set(map(math.prod, of_targets)))}


def is_of_target(names: Iterable[str]) -> bool:
    """Returns True if a scope of one of the names of a variable says that it belongs to a target network."""
    return any(_TARGET in name.lower() and _TARGET in words(name.split('/')[:-1]) for name in names)


def _averages(shapes: Mapping[str, tuple[int, ...]], counts: Mapping[int, int]) -> Iterator[str]:
    """Yields the variables of scopes all of which have counterparts of the same names without the scope."""
    scopes: dict[str, list[str]] = collections.defaultdict(list)
    for name in shapes:
        scope, slash, rest = name.partition('/')
        if slash:
            scopes[scope].append(rest)
    for scope, names in scopes.items():
        if len(names) >= _LEAST_COPIED and all(
            rest in shapes and shapes[rest] == shapes[f'{scope}/{rest}'] for rest in names
        ):
            copied = collections.Counter(math.prod(shapes[rest]) for rest in names)
            if any(counts[size] < 2 * count for size, count in copied.items()):
                yield from (f'{scope}/{rest}' for rest in names)


def _target_networks(
    shapes: Mapping[str, tuple[int, ...]], counts: Mapping[int, int], of_targets: Collection[int]
) -> Iterator[str]:
    """Yields the variables of target networks, or of parts of them such as `target/q`, that the other side lacks."""
    total = collections.Counter(map(math.prod, shapes.values()))

    def is_lacking(size: int) -> bool:
        return counts[size] < total[size] and size not in of_targets

    for names in _networks(shapes):
        if all(is_lacking(math.prod(shapes[name])) for name in names.values()):
            yield from names.values()
            continue
        parts: dict[str, list[str]] = collections.defaultdict(list)
        for rest, name in names.items():
            parts[rest.partition('/')[0]].append(name)
        for part in parts.values():
            # The other parts may have layers of the same sizes.
            rarest = min((math.prod(shapes[name]) for name in part), key=lambda size: (total[size], -size))
            if len(part) >= _LEAST_COPIED and is_lacking(rarest):
                yield from part


def _networks(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, str]]:
    """Yields the variables of each target network that has an online network beside it, by the rest of their names.

    Args:
      shapes: The shape of each variable by its name.
    """
    split = {name: tuple(name.split('/')[:MOST_SCOPES]) for name in shapes}
    scopes = {
        components[:depth]
        for name, components in split.items()
        if _TARGET in name.lower()
        for depth, component in enumerate(components[:-1])
        if _TARGET in words([component])
    }
    for scope in sorted(scopes, key=lambda scope: (len(scope), scope))[:_MOST_NETWORKS]:
        depth = len(scope)
        networks: dict[str, dict[str, str]] = collections.defaultdict(dict)
        for name, components in split.items():
            if len(components) > depth + 1 and components[:depth] == scope:
                networks[components[depth]]['/'.join(components[depth + 1 :])] = name
        kinds = {n: {rest: shapes[name] for rest, name in names.items()} for n, names in networks.items()}
        said = {network: set(words([network])) for network in networks}
        for network, names in networks.items():
            if _TARGET in said[network] and any(
                kinds[other] == kinds[network] and not said[other] & {_TARGET, _OF_TEXTS}
                for other in networks
            ):
                yield names
