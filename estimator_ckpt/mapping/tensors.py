"""The tensors of a checkpoint of any style with their name-based names, real or derived."""

import collections
import dataclasses
from collections.abc import Iterable

from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.graph_builder import Path
from estimator_ckpt.keys.kinds import Kind, Meaning, is_step, meanings_of_names
from estimator_ckpt.keys.slots import tf1_ending
from estimator_ckpt.mapping.recipes import Recipe
from estimator_ckpt.mapping.rules import Rules, RuleSet, parse_rules
from estimator_ckpt.mapping.transforms import Transform


@dataclasses.dataclass(slots=True)
class Tensor:
    """A tensor of a checkpoint, once, whatever its keys.

    Attributes:
      key: A key that it has.
      name: Its name-based key, or what that would be.
      object_key: Its object key; empty if it has none.
      path: The path of its object; empty if it has none.
      suffix: What its object key has beyond the object graph's (a lookup table's `-keys`).
      meaning: What it stands for; of a slot or an average the variable is given by a key.
      target: Where rules put it, a name or an object path; None where none applies.
      recipe: How it is made, where it is not just taken.
    """

    key: str
    name: str
    object_key: str
    path: Path
    suffix: str
    meaning: Meaning
    target: str | None = None
    recipe: Recipe | None = None

    @property
    def candidates(self) -> tuple[str, ...]:
        """What rules can call it by: its name, and its object's path."""
        path = '/'.join(self.path) + self.suffix
        return (self.name, path) if self.path and path != self.name else (self.name,)


def read_tensors(contents: Contents, root: str | None = None) -> list[Tensor]:
    """The tensors of a checkpoint, but for its object graph and its counter of saves.

    A tensor that has no name-based key is named, in this order:

    * below `root`, or one of the guide's roots: by the rest of its path,
    * a slot: by its variable's name and the ending that TF1 gives such a slot,
    * by the full name that the object graph notes, if that is no other's,
    * by its path, joined with slashes.
    """
    meanings = contents.meanings()
    if contents.graph is None:
        return [Tensor(key, key, '', (), '', meanings[key]) for key, _ in contents.tensors()]
    roots = (root,) if root else object_keys.GUIDE_ROOTS
    unique = {key: name for name, key in contents.graph.keys_by_full_name().items()}
    tensors, by_object = [], contents.by_object
    for key, group in contents.tensors():
        # Names come first in a group.
        object_key = key if key in by_object else next((k for k in group if k in by_object), '')
        attribute_key = by_object.get(object_key, '')
        path, suffix = object_path(attribute_key), object_key.removeprefix(attribute_key)
        meaning = meanings[object_key or key]
        if meaning.kind is Kind.COUNTER:
            continue
        name = key if key != object_key else _name(path, suffix, roots, unique.get(attribute_key))
        tensors.append(Tensor(key, name, object_key, path, suffix, meaning))
    _name_slots(tensors)
    return tensors


def object_path(attribute_key: str) -> Path:
    """The path of local names of the object that an attribute's key belongs to."""
    path, _, _ = attribute_key.rpartition(object_keys.ATTRIBUTES)
    return tuple(map(object_keys.unescape, path.split('/'))) if path else ()


def _name(path: Path, suffix: str, roots: tuple[str, ...], full_name: str | None) -> str:
    if len(path) == 2 and path[0] in roots:
        return path[1] + suffix
    return (full_name or '/'.join(path)) + suffix


def _name_slots(tensors: list[Tensor]) -> None:
    """Gives slots without a name-based key the names that TF1 gives them."""
    # Those that an optimizer's object lists; others are variables with names of their own.
    slots = [
        t
        for t in tensors
        if t.meaning.kind is Kind.SLOT and t.key == t.object_key and object_keys.optimizer_path(t.key)
    ]
    if not slots:
        return
    by_key = {tensor.object_key: tensor for tensor in tensors if tensor.object_key}
    tf1_meanings = meanings_of_names([tensor.name for tensor in tensors])
    siblings = collections.defaultdict(set)
    for tensor in slots:
        siblings[object_keys.optimizer_path(tensor.key)].add(tensor.meaning.slot_name)
    for tensor in slots:
        variable, slot_name = by_key.get(tensor.meaning.variable), tensor.meaning.slot_name
        of_name = tf1_meanings[tensor.name]
        # A name that ends in what the object calls the slot is Keras's.
        if variable is None or (of_name.kind is Kind.SLOT and of_name.slot_name != slot_name):
            continue
        ending = tf1_ending(slot_name, siblings[object_keys.optimizer_path(tensor.key)]) or slot_name
        tensor.name = f'{variable.name}/{ending}'


def apply_rules(tensors: list[Tensor], rules: Rules) -> tuple[list[Tensor], list[str]]:
    """Sets the target of each tensor by the first rule that matches its name or its path.

    Returns:
      The tensors, with those that operations split or join, and the rules that no tensor takes, as they were written.

    Raises:
      RuleError: If a rule cannot be understood.
    """
    parsed = RuleSet(parse_rules(rules))
    idle = dict.fromkeys(rule.source for rule in parsed.rules)
    if not parsed.rules:
        return tensors, []
    result: list[Tensor] = []
    joined: dict[str, Tensor] = {}
    for tensor in tensors:
        found = parsed.find(tensor.candidates)
        if found is None:
            result.append(tensor)
            continue
        rule, tensor.target = found
        idle.pop(rule.source, None)
        result += _derived(tensor, rule.operations, joined)
    _reshape_slots(result)
    return result, list(idle)


def _derived(tensor: Tensor, operations: tuple[Transform, ...], joined: dict[str, Tensor]) -> list[Tensor]:
    names = {operation.name for operation in operations}
    if 'concat' in names:
        first = joined.setdefault(tensor.target, tensor)
        sources = first.recipe.sources if first.recipe else ()
        first.recipe = Recipe((*sources, tensor.key), operations)
        return [tensor] if first is tensor else []
    if 'split' in names:
        targets = [target.strip() for target in tensor.target.split(',')]
        return [
            dataclasses.replace(
                tensor, target=target, recipe=Recipe((tensor.key,), operations, part, len(targets))
            )
            for part, target in enumerate(targets)
        ]
    if operations:
        tensor.recipe = Recipe((tensor.key,), operations)
    return [tensor]


def _reshape_slots(tensors: list[Tensor]) -> None:
    """Does to slots that no rule names what is done to their variables, for they have the same shape."""
    recipes = {t.key: t.recipe for t in tensors if t.recipe and len(t.recipe.sources) == t.recipe.parts == 1}
    for tensor in tensors:
        recipe = recipes.get(tensor.meaning.variable)
        if tensor.meaning.kind is Kind.SLOT and tensor.target is None and recipe is not None:
            tensor.recipe = Recipe((tensor.key,), recipe.operations)


def step_tensors(contents: Contents, tensors: Iterable[Tensor]) -> list[Tensor]:
    """The global steps; where there is none, what else counts steps."""
    steps = [t for t in tensors if is_step(t.meaning, t.path) and contents.reader.entry(t.key).shape == ()]
    return [t for t in steps if t.meaning.kind is Kind.STEP] or steps


def read_number(contents: Contents, tensor: Tensor) -> float | None:
    """The value of a scalar; None where its data file is not there, which says whoever needs it."""
    try:
        return contents.reader.tensor(tensor.key).item()
    except CheckpointNotFoundError:
        return None


def promote(tensors: list[Tensor]) -> list[Tensor]:
    """Gives each variable that has a moving average the average's value, and leaves the averages out."""
    # What a zero-debiased average is computed from belongs to no variable.
    of_variables = [t for t in tensors if t.meaning.kind is Kind.AVERAGE and t.meaning.variable]
    averages = {tensor.meaning.variable: tensor for tensor in of_variables}
    left_out = set(map(id, of_variables))
    rest = [tensor for tensor in tensors if id(tensor) not in left_out]
    for tensor in rest:
        average = averages.get(tensor.key) or averages.get(tensor.object_key)
        if average is not None:
            tensor.recipe = Recipe((average.key,))
    return rest
