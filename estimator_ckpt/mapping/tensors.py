"""The tensors of a checkpoint of any style under name-based names, which are read or derived."""

import collections
import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.graph_builder import Path
from estimator_ckpt.keys.kinds import Kind, Meaning, meanings_of_names
from estimator_ckpt.keys.slots import tf1_ending
from estimator_ckpt.mapping.operations import WHOLE, Part
from estimator_ckpt.mapping.recipes import Preparation, Recipe, TensorRecipe
from estimator_ckpt.mapping.rules import Rule, RuleError, Rules, RuleSet, parse_rules
from estimator_ckpt.mapping.transforms import Transform, at_join, for_slots, targets_of

# The attributes of objects that are not variables. Their keys are the same in all styles.
_NAMELESS = frozenset(['OBJECT_CONFIG_JSON', 'ITERATOR'])


# Never changed, yet not frozen: there may be 100,000, and to create a frozen one takes four times as long.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class Tensor:
    """A tensor of a checkpoint, which may have several keys.

    Attributes:
      key: One of its keys.
      name: The name-based key, or the one that a name-based checkpoint would have.
      object_key: The object key; empty if there is none.
      path: The path of the object; empty if there is none.
      suffix: The end of the object key that the key in the object graph lacks, such as `-keys` for a lookup table.
      meaning: The meaning; the variable of a slot or an average is given by a key.
      target: The name or object path that a rule gives the tensor; None if no rule applies.
      followed_name: The new name of a slot or an average whose variable is renamed by a rule; None for other tensors.
      recipe: The recipe for the value; None if the value is taken unchanged.
      further_name: Another name that rules can use; empty if there is none.
    """

    key: str
    name: str
    object_key: str
    path: Path
    suffix: str
    meaning: Meaning
    target: str | None = None
    followed_name: str | None = None
    recipe: Recipe | None = None
    further_name: str = ''

    @property
    def made(self) -> Recipe:
        """The recipe for the value, also if that is taken unchanged."""
        return self.recipe or TensorRecipe((self.key,))

    @property
    def part(self) -> Part:
        """The part of a tensor that a rule divides; the whole of another one."""
        return self.recipe.part if isinstance(self.recipe, TensorRecipe) else WHOLE

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names that rules can use for the tensor: its name, and the path of its object or another name."""
        further = '/'.join(self.path) + self.suffix if self.path else self.further_name
        return (self.name, further) if further and further != self.name else (self.name,)


def read_tensors(contents: Contents, root: str | None = None) -> list[Tensor]:
    """Returns the tensors of a checkpoint, except for its object graph and its counter of saves.

    A tensor without a name-based key gets the first of these names that exists:

    * for a child of `root`, or of one of the guide's roots: the name of the child,
    * for a slot: the name of its variable, with the ending that TF1 gives such a slot,
    * the full name in the object graph, if no other tensor has it,
    * the path, joined with slashes.

    Args:
      contents: The checkpoint.
      root: The name of the object whose children are named without its path; None for the guide's roots.
    """
    meanings = contents.meanings()
    if contents.weights is not None:
        names = contents.weights.names
        return [Tensor(key, names[key], '', (), '', meanings[key], further_name=key) for key in names]
    if contents.graph is None:
        return [Tensor(key, key, '', (), '', meanings[key]) for key, _ in contents.tensors()]
    roots = (root,) if root else object_keys.GUIDE_ROOTS
    unique = {key: name for name, key in contents.graph.keys_by_full_name().items()}
    tensors, by_object = [], contents.by_object
    for key, group in contents.tensors():
        object_key, attribute_key = key, by_object.get(key)
        if attribute_key is None:  # Names come first in a group.
            object_key = next((k for k in group if k in by_object), '')
            attribute_key = by_object.get(object_key, '')
        meaning = meanings[object_key or key]
        if meaning.kind is Kind.COUNTER:
            continue
        path_of_key, _, attribute = attribute_key.rpartition(object_keys.ATTRIBUTES)
        path, suffix = object_keys.split_path(path_of_key), object_key.removeprefix(attribute_key)
        if key != object_key:
            name = key
        # No name-based checkpoint has values such as the configurations that Keras 2.0 saved.
        elif attribute in _NAMELESS or attribute_key.startswith('/'):
            name = object_key
        elif len(path) == 2 and path[0] in roots:
            name = path[1] + suffix
        else:
            name = (unique.get(attribute_key) or '/'.join(path)) + suffix
        tensors.append(Tensor(key, name, object_key, path, suffix, meaning))
    return _name_slots(tensors)


def object_path(attribute_key: str) -> Path:
    """Returns the path of the object that the key of an attribute belongs to, as local names from the root."""
    return object_keys.split_path(attribute_key.rpartition(object_keys.ATTRIBUTES)[0])


def _name_slots(tensors: list[Tensor]) -> list[Tensor]:
    """Returns the tensors, where slots without a name-based key have the names that TF1 gives them."""
    # Only slots that the object of an optimizer lists; other slots are variables with names of their own.
    slots = [t for t in tensors if t.meaning.kind is Kind.SLOT and object_keys.optimizer_path(t.key)]
    if not slots:
        return tensors
    by_key = {tensor.object_key: tensor for tensor in tensors if tensor.object_key}
    tf1_meanings = meanings_of_names([tensor.name for tensor in tensors])
    siblings: dict[str, set[str]] = collections.defaultdict(set)
    for tensor in slots:
        siblings[object_keys.optimizer_path(tensor.key)].add(tensor.meaning.slot_name)
    names = {}
    for tensor in slots:
        variable, slot_name = by_key.get(tensor.meaning.variable), tensor.meaning.slot_name
        of_name = tf1_meanings[tensor.name]
        # A name that ends in the slot's name in its object was given by Keras.
        if variable is None or (of_name.kind is Kind.SLOT and of_name.slot_name != slot_name):
            continue
        all_slots = siblings[object_keys.optimizer_path(tensor.key)]
        # The momentum of Keras's SGD is another value than that of TF1, and keeps Keras's name.
        if all_slots == {'momentum'} and of_name.kind is Kind.SLOT:
            continue
        ending = tf1_ending(slot_name, all_slots) or slot_name
        names[tensor.key] = f'{variable.name}/{ending}'
    return [dataclasses.replace(t, name=names[t.key]) if t.key in names else t for t in tensors]


class RuledTensors(NamedTuple):
    """The tensors of a checkpoint after rules.

    Attributes:
      tensors: The tensors, including those that operations split or join.
      left_out: The tensors that rules leave out, with their slots and averages.
      idle: The rules that apply to no tensor, as they were written.
    """

    tensors: list[Tensor]
    left_out: list[Tensor]
    idle: list[str]


def apply_rules(tensors: Sequence[Tensor], rules: Rules, follow: bool = True) -> RuledTensors:
    """Gives each tensor the target of the first rule that matches its name or its path.

    Args:
      tensors: The tensors.
      rules: The rules; see `estimator_ckpt.mapping.rules`.
      follow: Whether slots and averages that no rule matches follow their variables, with the same operations, since
        they have the same shape. False for `mapping.matching`, which finds them through their variables.

    Raises:
      RuleError: If a rule is malformed, or gives a tensor an empty name.
    """
    parsed = RuleSet(parse_rules(rules))
    idle = dict.fromkeys(rule.source for rule in parsed.rules)
    if not parsed.rules:
        return RuledTensors(list(tensors), [], [])
    matches = [parsed.find(tensor.candidates) for tensor in tensors]
    variables: dict[str, tuple[str, Rule, str]] = {}
    for tensor, match in zip(tensors, matches, strict=True):
        if match is not None:
            rule, target = match
            idle.pop(rule.source, None)
            if not (target or rule.leaves_out):
                raise RuleError(f'The rule {rule.source!r} gives {tensor.name!r} an empty name; correct it.')
            variables |= dict.fromkeys(
                filter(None, (tensor.key, tensor.object_key)), (tensor.name, rule, target)
            )
    derived, left_out = _Derived(), []
    for tensor, match in zip(tensors, matches, strict=True):
        of_variable = variables.get(tensor.meaning.variable)
        if match[0].leaves_out if match else of_variable and of_variable[1].leaves_out:
            left_out.append(tensor)
        elif match is not None:
            rule, target = match
            derived.add(tensor, targets_of(rule.operations, target), rule)
        elif follow and of_variable is not None:
            variable, rule, target = of_variable
            names = [_following(tensor.name, variable, part) for part in targets_of(rule.operations, target)]
            derived.add(tensor, names, rule, follows=True)
        else:
            derived.tensors.append(tensor)
    return RuledTensors(derived.finished(), left_out, list(idle))


def _following(name: str, variable: str, target: str) -> str:
    """Returns the name of a slot or an average whose variable is renamed to `target`.

    `net/w/Adam` becomes `net/kernel/Adam`, and `training/Adam/net/w/m` `training/Adam/net/kernel/m`.
    """
    parts = f'/{name}/'.partition(f'/{variable}/')
    return f'{parts[0]}/{target}/{parts[2]}'.strip('/') if parts[1] else name


class _Derived:
    """The tensors that result from rules."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        # The parts of each tensor that is joined, by its place in `tensors`; and the places by target.
        self._parts: dict[int, list[tuple[Tensor, Preparation]]] = {}
        self._places: dict[str, int] = {}
        self._rules: dict[str, Rule] = {}

    def add(self, tensor: Tensor, targets: Sequence[str], rule: Rule, follows: bool = False) -> None:
        """Adds the tensors that a rule makes of one.

        Args:
          tensor: The tensor.
          targets: The targets; several for a tensor that is divided.
          rule: The rule.
          follows: Whether the tensor is a slot or an average that follows its variable.

        Raises:
          RuleError: If the operations have no counterpart for a slot, or differ from those of another rule.
        """
        operations = rule.operations
        if follows and tensor.meaning.kind is Kind.SLOT:
            try:
                operations = for_slots(operations)
            except ValueError as error:
                raise RuleError(
                    f'The rule {rule.source!r} does not apply to {tensor.name!r}: {error}.'
                ) from error
        before, rest = at_join(operations)
        for number, target in enumerate(targets):
            named = _with_target(tensor, target, follows)
            part = Part(number, len(targets))
            if rest:
                divides = any(operation.divides for operation in before)
                preparation = Preparation(before, part if divides else WHOLE)
                self._join(named, target, preparation, rest, WHOLE if divides else part, rule)
            elif operations:
                recipe = TensorRecipe(tensor.made.sources, operations, part)
                self.tensors.append(_of_part(dataclasses.replace(named, recipe=recipe)))
            else:
                self.tensors.append(named)

    def _join(
        self,
        tensor: Tensor,
        target: str,
        preparation: Preparation,
        operations: tuple[Transform, ...],
        part: Part,
        rule: Rule,
    ) -> None:
        """Adds a tensor that is joined with the others of the same target."""
        place = self._places.setdefault(target, len(self.tensors))
        first = self._rules.setdefault(target, rule)
        if place == len(self.tensors):
            recipe = TensorRecipe(tensor.made.sources, operations, part)
            self.tensors.append(dataclasses.replace(tensor, recipe=recipe))
            self._parts[place] = []
        elif at_join(first.operations)[1] != at_join(rule.operations)[1]:
            raise RuleError(
                f'The rules {first.source!r} and {rule.source!r} join tensors in {target!r} by different operations.'
            )
        self._parts[place].append((tensor, preparation))

    def finished(self) -> list[Tensor]:
        """Returns the tensors, those that are joined in the natural order of the names of their parts."""
        for place, parts in self._parts.items():
            parts.sort(key=lambda item: natural_order(item[0].name))
            sources = tuple(key for tensor, _ in parts for key in tensor.made.sources)
            before = tuple(preparation for _, preparation in parts)
            recipe = self.tensors[place].recipe
            assert isinstance(recipe, TensorRecipe)  # `_join` has created it.
            recipe = dataclasses.replace(
                recipe, sources=sources, before=before if any(p.operations for p in before) else ()
            )
            self.tensors[place] = _of_part(dataclasses.replace(parts[0][0], recipe=recipe))
        return self.tensors


def _of_part(tensor: Tensor) -> Tensor:
    """Returns a tensor whose name is its new one if it is a part of another one, whose name all parts would have."""
    assert isinstance(tensor.recipe, TensorRecipe)
    parts = [tensor.part, *(preparation.part for preparation in tensor.recipe.before)]
    if all(part.of == 1 for part in parts):
        return tensor
    return dataclasses.replace(tensor, name=tensor.target or tensor.followed_name or tensor.name)


def _with_target(tensor: Tensor, target: str, follows: bool) -> Tensor:
    if follows:
        return dataclasses.replace(tensor, followed_name=target)
    return dataclasses.replace(tensor, target=target)


def natural_order(name: str) -> list[tuple[str, int]]:
    """Returns a key that sorts names by the numbers in them: `layer_2` before `layer_10`."""
    pieces = re.split(r'(\d+)', name)
    numbers = [to_int(number) for number in pieces[1::2]]
    return list(zip(pieces[::2], [*numbers, -1], strict=True))


def promote(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the tensors without moving averages, whose values replace those of their variables."""
    # The variables that a zero-debiased average is computed from are averages of no variable.
    of_variables = [t for t in tensors if t.meaning.kind is Kind.AVERAGE and t.meaning.variable]
    averages = {tensor.meaning.variable: tensor for tensor in of_variables}
    left_out = set(map(id, of_variables))
    promoted = []
    for tensor in tensors:
        if id(tensor) in left_out:
            continue
        average = averages.get(tensor.key) or averages.get(tensor.object_key)
        promoted.append(dataclasses.replace(tensor, recipe=average.made) if average else tensor)
    return promoted
