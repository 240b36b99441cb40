"""Pairs the tensors of two checkpoints: by key, by name across styles, or by rules."""

import collections
import dataclasses
from collections.abc import Callable, Iterator

from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import object_slot_name
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.recipes import Recipe
from estimator_ckpt.mapping.recurrent_rules import has_cells, with_cells
from estimator_ckpt.mapping.rules import Rules
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor, apply_rules, read_tensors


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Two corresponding tensors.

    Attributes:
      key_a: The key in the first checkpoint.
      key_b: The key in the second checkpoint.
      recipe: How a rule computes the value to compare from the first checkpoint; None for the tensor itself.
    """

    key_a: str
    key_b: str
    recipe: Recipe | None = None


@dataclasses.dataclass
class Pairing:
    """The correspondence between the tensors of two checkpoints.

    Attributes:
      pairs: The corresponding tensors.
      only_in_a: The keys of the tensors of the first checkpoint without a counterpart.
      only_in_b: The keys of the tensors of the second checkpoint without a counterpart.
      idle: The rules that apply to no tensor, as they were written.
    """

    pairs: list[Pair]
    only_in_a: list[str]
    only_in_b: list[str]
    idle: list[str]


def pair(a: Contents, b: Contents, rules: Rules = None) -> Pairing:
    """Pairs the tensors of two checkpoints, except for their object graphs.

    Rules that give a tensor of `a` its name or object path in `b` come first, then equal keys. If one checkpoint is
    name-based and the other one is object-based, names follow, then object paths, then slots of the same variable and
    name; the save counter, which only object-based checkpoints have, is ignored.

    Args:
      a: The first checkpoint.
      b: The second checkpoint.
      rules: The names of the tensors of `a` in `b`; see `estimator_ckpt.mapping.rules`.

    Raises:
      RuleError: If a rule is malformed.
    """
    if not rules and a.has_tensors_of(b):
        return Pairing([Pair(key, key) for key, _ in a.tensors()], [], [], [])
    return _Matcher(a, b).match(rules)


class _Side:
    """The tensors of one checkpoint by their first keys, and those that have no counterpart yet."""

    def __init__(self, contents: Contents):
        self.groups = dict(contents.tensors())
        self.first_key = {key: first for first, group in self.groups.items() for key in group}
        self.tensors = {tensor.key: tensor for tensor in read_tensors(contents)}
        self.left = dict.fromkeys(self.groups)
        self.counter = contents.graph.child_key(object_keys.SAVE_COUNTER) if contents.graph else None
        self.contents = contents

    def targets(self) -> Targets:
        """Returns the tensors as those of a target."""
        reader = self.contents.reader
        entries = {key: reader.entry(key) for key in self.tensors}
        wanted = [TargetTensor(t, entries[k].shape, entries[k].dtype) for k, t in self.tensors.items()]
        return Targets(wanted, self.contents.graph)

    def left_tensors(self) -> list[Tensor]:
        return [tensor for key, tensor in self.tensors.items() if key in self.left]

    def slots(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yields the first key, the first key of the variable, and the possible names of each slot left."""
        kinds, meanings = self.contents.meanings(), {}
        for first, group in self.groups.items():
            meaning = next((kinds[key] for key in group if kinds[key].kind is Kind.SLOT), None)
            if meaning is not None and meaning.variable in self.first_key:
                meanings[first] = dataclasses.replace(meaning, variable=self.first_key[meaning.variable])
        siblings = collections.defaultdict(set)
        for meaning in meanings.values():
            siblings[meaning.variable].add(meaning.slot_name)
        for first, meaning in meanings.items():
            if first in self.left:
                other = object_slot_name(meaning.slot_name, siblings[meaning.variable])
                yield first, meaning.variable, [meaning.slot_name, *([other] if other else [])]


class _Matcher:
    def __init__(self, a: Contents, b: Contents):
        self._a, self._b = _Side(a), _Side(b)
        self._across = (a.style is CheckpointStyle.TF1) != (b.style is CheckpointStyle.TF1)
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._recipes: dict[str, Recipe] = {}
        self._ruled: set[str] = set()

    def match(self, rules: Rules) -> Pairing:
        idle = self._by_rules(rules)
        self._by_key(set(self._a.groups) - self._ruled, set(self._b.left))
        if self._across:
            self._by(lambda tensor: tensor.name)
            self._by(lambda tensor: tensor.candidates[-1])
        if self._across or rules:
            self._by_slot()
        if self._across:
            for side in (self._a, self._b):
                side.left.pop(side.counter or '', None)
        return Pairing(list(self._pairs.values()), sorted(self._a.left), sorted(self._b.left), idle)

    def _add(self, key_a: str, key_b: str) -> None:
        first_a, first_b = self._a.first_key[key_a], self._b.first_key[key_b]
        self._a.left.pop(first_a, None)
        self._b.left.pop(first_b, None)
        pair = Pair(key_a, key_b, self._recipes.get(first_a))
        self._pairs.setdefault((first_a, first_b), pair)

    def _by_rules(self, rules: Rules) -> list[str]:
        """Pairs tensors by rules, and returns the rules that apply to no tensor."""
        places: dict[str, str] = {}
        for key, tensor in self._b.tensors.items():
            places |= dict.fromkeys([*tensor.candidates, *self._b.groups[key]], key)
        source = Source(self._a.contents, list(self._a.tensors.values()))
        if has_cells(rules):  # Other rules need no targets, which take long to list.
            rules = with_cells(rules, source, self._b.targets())
        tensors, left_out, idle = apply_rules(source.tensors, rules)
        for tensor in tensors:
            self._recipes.pop(tensor.key, None)
            if tensor.recipe is not None:
                self._recipes[tensor.key] = tensor.recipe
            target = tensor.followed_name if tensor.target is None else tensor.target
            if target in places:
                self._add(tensor.key, places[target])
                for key in tensor.recipe.sources if tensor.recipe else ():
                    self._a.left.pop(key, None)
        self._ruled = {key for key, tensor in self._a.tensors.items() if tensor.target is not None}
        self._ruled |= {tensor.key for tensor in tensors if tensor.target is not None}
        self._ruled |= {tensor.key for tensor in left_out}
        return idle

    def _by_key(self, free_a: set[str], free_b: set[str]) -> None:
        for key, first in self._a.first_key.items():
            # Several keys of the same bytes may each have their own counterpart.
            if first in free_a and self._b.first_key.get(key) in free_b:
                self._add(key, key)

    def _by(self, candidate: Callable[[Tensor], str]) -> None:
        by_name = collections.defaultdict(list)
        for tensor in self._b.left_tensors():
            by_name[candidate(tensor)].append(tensor.key)
        for tensor in self._a.left_tensors():
            keys_b = by_name[candidate(tensor)]
            if len(keys_b) == 1 and keys_b[0] in self._b.left and tensor.key not in self._ruled:
                self._add(tensor.key, keys_b[0])

    def _by_slot(self) -> None:
        if not self._a.left or not self._b.left:
            return
        variables = dict(self._pairs.keys())
        slots = {(variable, name): key for key, variable, names in self._b.slots() for name in names}
        for key, variable, names in list(self._a.slots()):
            candidates = (slots.get((variables.get(variable, ''), name)) for name in names)
            slot_key = next(filter(None, candidates), None)
            if slot_key in self._b.left and key not in self._ruled:
                self._add(key, slot_key)
