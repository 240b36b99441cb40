"""The meanings of keys: variables, slots of optimizers, global steps, moving averages, ...

A name-based checkpoint has only names, which are read as TensorFlow's optimizers write them
(`tensorflow/python/training/slot_creator.py`): the name of a slot is that of a variable with one known ending.
"""

import collections
import dataclasses
import enum
import functools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.keys import name_patterns as patterns
from estimator_ckpt.keys import object_keys, slots
from estimator_ckpt.keys.object_graph import Attribute, Node, ObjectGraph
from estimator_ckpt.keys.slot_structure import find_slots, variable_of_cut_slot


class Kind(str, enum.Enum):
    """The kind of a tensor of a checkpoint."""

    VARIABLE = 'variable'
    SLOT = 'slot'
    """A slot variable of an optimizer."""
    OPTIMIZER = 'optimizer'
    """A scalar or hyperparameter of an optimizer, such as `beta1_power` or `learning_rate`."""
    AVERAGE = 'average'
    """A moving average of a variable, or a variable that a zero-debiased average is computed from."""
    STEP = 'step'
    COUNTER = 'counter'
    """A counter of saves."""
    TABLE = 'table'
    """The keys or values of a lookup table."""
    OBJECT_GRAPH = 'object_graph'
    OTHER = 'other'

    def __str__(self) -> str:
        return self.value


# Never changed, yet not frozen: there may be 100,000, and to create a frozen one takes three times as long.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class Meaning:
    """The meaning of a key.

    Attributes:
      kind: The kind of the tensor.
      variable: The key of the variable of a slot, an average, or what may be either and is of kind `OTHER`; else empty.
      slot_name: The ending (`'Adam_1'`) or the name (`'v'`) of a slot; empty for other kinds.
    """

    kind: Kind
    variable: str = ''
    slot_name: str = ''


_VARIABLE = Meaning(Kind.VARIABLE)
_HYPERPARAMETERS = frozenset(
    [*slots.SCALARS, *slots.ALL_SCOPED_SCALARS, '_learning_rate', 'iter', 'iterations', '_iterations']
    + ['_current_learning_rate', 'current_loss_scale', 'good_steps']
)
# Hyperparameters whose names layers use too.
_OF_LAYERS_TOO = frozenset(['momentum', 'decay', 'beta'])
_KERAS_2_SLOTS = frozenset(slots.KERAS_2_SLOT_NAMES)
# The counts of Keras's metrics.
_METRICS = 'keras_api/metrics/'
# How the last segment begins of a name that may be that of a piece of a variable, whose slots are those of the whole.
_PIECES = ('t_', 'part_')
_STEPS = frozenset(['step', 'global_step', 'iter', 'iterations', '_iterations'])


def is_beta_power(name: str) -> bool:
    """Returns True if a name is that of a power of a beta, which TF1's Adam computes."""
    return bool(re.search(r'(?:^|/)beta[12]_power(?:_\d+)?$', name))


def is_step(meaning: Meaning, path: Sequence[str]) -> bool:
    """Returns True if a scalar counts steps: if it is the global step, or the iterations of a Keras optimizer.

    Args:
      meaning: The meaning of the scalar.
      path: The path of its object; empty if there is none.
    """
    if meaning.kind is Kind.STEP:
        return True
    return meaning.kind in (Kind.VARIABLE, Kind.OPTIMIZER) and bool(path) and path[-1] in _STEPS


def meanings_of_names(
    names: Iterable[str], shape_of: Callable[[str], tuple[int, ...] | None] | None = None
) -> dict[str, Meaning]:
    """Returns the meanings of the keys of a name-based checkpoint.

    A slot is recognized only if its variable is among the names: as the name without the ending, or as the longest
    tail of that, because a scope may have been prepended (`worker_0/net/kernel/Adam` belongs to `net/kernel`). If
    shapes are known, slots of optimizers with other names are recognized by their structure. A tensor that may or may
    not be such a slot has the kind `OTHER`.

    Args:
      names: The names.
      shape_of: A function that returns the shape of a tensor, given its name; None if shapes are not known.
    """
    names = list(names)
    variables = _Names(names)
    known = variables.all
    meanings: dict[str, Meaning] = {}
    # The names that end in a segment after another name, as slots with unknown endings do.
    endings: list[str] = []
    # Many names share few last segments, each of which is looked at once.
    looks: dict[str, _Look] = {}
    for name in names:
        stem, _, segment = name.rpartition('/')
        look = looks.get(segment)
        if look is None:
            look = looks[segment] = _look_of(segment)
        if look is _Look.PLAIN:
            meanings[name] = _VARIABLE
        elif (
            look is _Look.SLOT_ENDING
            and stem in known
            and not stem[stem.rfind('/') + 1 :].startswith(_PIECES)
        ):
            meanings[name] = Meaning(Kind.SLOT, stem, segment)
            continue
        else:
            meanings[name] = _meaning_of_name(name, variables)
        if stem in known:
            endings.append(name)
    if shape_of is not None:
        candidates = [name for name in endings if meanings[name] is _VARIABLE]
        by_structure = find_slots(names, candidates, shape_of) if candidates else {}
        for name, (variable, ending, is_sure) in by_structure.items():
            meanings[name] = (
                Meaning(Kind.SLOT, variable, ending) if is_sure else Meaning(Kind.OTHER, variable)
            )
    return meanings


class _Look(enum.Enum):
    """What the last segment of a name tells."""

    PLAIN = enum.auto()
    SLOT_ENDING = enum.auto()
    OTHER = enum.auto()


def _look_of(segment: str) -> _Look:
    if patterns.ENDING.fullmatch(segment):
        return _Look.SLOT_ENDING
    return _Look.OTHER if patterns.TELLING.search(segment) else _Look.PLAIN


class _Names:
    """All names of a checkpoint, in which the variable of a slot is looked up.

    Attributes:
      all: The names.
    """

    def __init__(self, names: Collection[str]):
        self.all = frozenset(names)

    def __contains__(self, name: str) -> bool:
        return name in self.all

    @functools.cached_property
    def _joined(self) -> dict[str, str]:
        return {name.replace('/', '_'): name for name in self.all}

    def find_joined(self, name: str) -> str | None:
        """Returns the name that has slashes in place of some underscores; None if there is none."""
        # The colon of `name:0` became an underscore too.
        return self._joined.get(name) or self._joined.get(name.removesuffix('_0'))

    def find(self, name: str) -> str | None:
        """Returns the longest tail of a name that is a name itself; None if there is none."""
        while True:
            if name in self.all:
                return name
            _, slash, name = name.partition('/')
            if not slash:
                return None


def _meaning_of_name(name: str, variables: _Names) -> Meaning:
    if name == object_keys.OBJECT_GRAPH:
        return Meaning(Kind.OBJECT_GRAPH)
    if patterns.STEP.fullmatch(name) or (
        patterns.KERAS_3_STEP.fullmatch(name) and object_keys.GLOBAL_STEP not in variables
    ):
        return Meaning(Kind.STEP)
    for kind, pattern in (
        (Kind.SLOT, patterns.SLOT),
        (Kind.SLOT, patterns.KERAS_SLOT),
        (Kind.AVERAGE, patterns.AVERAGE),
    ):
        match = pattern.fullmatch(name)
        if match:
            variable = variables.find(match['variable'] + (match['end'] or ''))
            if variable is not None:
                return Meaning(kind, variable, match['slot'] if kind is Kind.SLOT else '')
    cut = patterns.SLOT_ENDING.fullmatch(name)
    variable = variable_of_cut_slot(cut['stem'], variables.__contains__) if cut else None
    if cut and variable is not None:
        return Meaning(Kind.SLOT, variable, cut['slot'])
    joined = patterns.JOINED_SLOT.fullmatch(name)
    if joined and joined['variable'] in variables:
        return Meaning(Kind.SLOT, joined['variable'], joined['slot'])
    joined = patterns.NAMED_KERAS_3_SLOT.fullmatch(name)
    if joined and (variable := variables.find_joined(joined['variable'])):
        return Meaning(Kind.SLOT, variable, joined['slot'])
    if any(
        scalar.fullmatch(name) for scalar in (patterns.SCALAR, patterns.KERAS_SCALAR, patterns.KERAS_3_SCALAR)
    ):
        return Meaning(Kind.OPTIMIZER)
    if patterns.KERAS_UNNAMED.fullmatch(name):
        return Meaning(Kind.OTHER)
    debiasing = patterns.DEBIASING.fullmatch(name)
    if debiasing and all(
        f'{debiasing["average"]}{part}' in variables for part in ('', '/biased', '/local_step')
    ):
        return Meaning(Kind.AVERAGE)
    table = patterns.TABLE.fullmatch(name)
    if table and f'{table["table"]}-keys' in variables and f'{table["table"]}-values' in variables:
        return Meaning(Kind.TABLE)
    return _VARIABLE


def meanings_of_objects(graph: ObjectGraph) -> dict[str, Meaning]:
    """Returns the meanings of the keys of the attributes in an object graph."""
    slot_nodes = {slot.node: (slot.variable, slot.name) for node in graph.nodes for slot in node.slots}
    parents = [node for node in graph.nodes if node.children]
    hyperparameters = {
        child
        for node in parents
        if (_HYPERPARAMETERS & node.children.keys()) - _OF_LAYERS_TOO
        for name, child in node.children.items()
        if name in _HYPERPARAMETERS
    }
    steps = {
        node.children[object_keys.GLOBAL_STEP] for node in parents if object_keys.GLOBAL_STEP in node.children
    }
    counter = graph.child_key(object_keys.SAVE_COUNTER)

    def meaning_of(number: int, attribute: Attribute) -> Meaning:
        if number in slot_nodes:
            variable, slot_name = slot_nodes[number]
            return Meaning(Kind.SLOT, _variable_key(graph.nodes[variable]), slot_name)
        if attribute.key == counter:
            return Meaning(Kind.COUNTER)
        if attribute.full_name == object_keys.GLOBAL_STEP or number in steps:
            return Meaning(Kind.STEP)
        if number in hyperparameters:
            return Meaning(Kind.OPTIMIZER)
        if f'/{_METRICS}' in f'/{attribute.key}':
            return Meaning(Kind.OTHER)
        if attribute.name == object_keys.VARIABLE_VALUE:
            return _VARIABLE
        return Meaning(Kind.TABLE if attribute.name == 'table' else Kind.OTHER)

    # Nearly all are plain variables.
    special = (
        slot_nodes.keys() | steps | hyperparameters | {graph.nodes[0].children.get(object_keys.SAVE_COUNTER)}
    )
    value, step = object_keys.VARIABLE_VALUE, object_keys.GLOBAL_STEP
    return {
        key: _VARIABLE
        if name == value and number not in special and full_name != step and _METRICS not in key
        else meaning_of(number, Attribute(name, full_name, key))
        for number, node in enumerate(graph.nodes)
        for name, full_name, key in node.attributes
    }


def _variable_key(node: Node) -> str:
    """Returns the key of an object's value, if it is a variable; empty if it is not."""
    return next((a.key for a in reversed(node.attributes) if a.name == object_keys.VARIABLE_VALUE), '')


def meanings_of_keras_slots(graph: ObjectGraph, names: Iterable[str]) -> dict[str, Meaning]:
    """Returns the meanings of the names of the slot variables of Keras optimizers.

    Since Keras 2.11 the object of an optimizer has the slot variables below its child `_variables`. Their names consist
    of the optimizer, the slot and the variable: `Adam/m/dense/kernel`; or of the slot and the variable only, if the
    optimizer was built, but not applied. In Keras 3 they are `adam/dense_kernel_momentum`.

    Args:
      graph: The object graph.
      names: The names of all variables.
    """
    names = set(names)
    listed = [
        attribute.full_name
        for node in graph.nodes
        if '_variables' in node.children and _HYPERPARAMETERS & node.children.keys()
        for child in graph.nodes[node.children['_variables']].children.values()
        for attribute in graph.nodes[child].attributes
    ]
    # No slot is a slot of a slot.
    variables = _Names(names.difference(listed))
    return {name: _meaning_of_keras_slot(name, variables) for name in listed if name in names and '/' in name}


def _meaning_of_keras_slot(name: str, variables: _Names) -> Meaning:
    first, _, tail = name.partition('/')
    joined = patterns.KERAS_3_SLOT.fullmatch(tail)
    if joined and (variable := variables.find_joined(joined['variable'])):
        return Meaning(Kind.SLOT, variable, joined['slot'])
    variable = variables.find(tail)
    if variable is not None:
        return Meaning(Kind.SLOT, variable, name.removesuffix(f'/{variable}').rpartition('/')[2])
    return Meaning(Kind.SLOT, '', first if first in _KERAS_2_SLOTS else tail.partition('/')[0])


def meanings_of_listed_slots(graph: ObjectGraph) -> dict[str, Meaning]:
    """Returns the meanings of the slots of Keras 3 optimizers by key.

    The object of an optimizer lists its variables in the order of its slots, which tells the variable of a slot also
    where variables share a full name: TensorFlow's full name of `s/dense/kernel` can be `s/kernel`.

    Args:
      graph: The object graph.
    """
    meanings = {}
    for node in graph.nodes:
        if '_trainable_variables' not in node.children or '_variables' not in node.children:
            continue
        groups: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
        for listed in _listed(graph, node.children['_variables']):
            joined = patterns.KERAS_3_SLOT.fullmatch(listed.full_name.partition('/')[2])
            if joined:
                groups[joined['variable']].append((listed.key, joined['slot']))
        variables = _listed(graph, node.children['_trainable_variables'])
        if len(groups) == len(variables):
            for variable, group in zip(variables, groups.values(), strict=True):
                meanings.update({key: Meaning(Kind.SLOT, variable.key, slot) for key, slot in group})
    return meanings


def _listed(graph: ObjectGraph, number: int) -> list[Attribute]:
    """Returns the variables in a list, in its order.

    Args:
      graph: The object graph.
      number: The node number of the list.
    """
    children = graph.nodes[number].children
    in_order = sorted((name for name in children if name.isdecimal()), key=to_int)
    return [attribute for name in in_order for attribute in graph.nodes[children[name]].attributes]


def refine(
    meanings: dict[str, Meaning],
    graph: ObjectGraph,
    by_name: Mapping[str, str],
    names: Iterable[str] = (),
    shape_of: Callable[[str], tuple[int, ...] | None] | None = None,
) -> dict[str, Meaning]:
    """Replaces the meanings of objects that are no more than variables by the meanings of the variables' names.

    This recognizes the slots in a checkpoint whose objects are a plain dict of variables, and those of Keras
    optimizers.

    Args:
      meanings: The meanings of keys according to the object graph.
      graph: The object graph.
      by_name: The key of each variable by its name.
      names: Further names of the checkpoint, such as those of variables that the objects do not reach.
      shape_of: A function that returns the shape of a tensor, given a full name or a further name; None if shapes are
        not known.

    Returns:
      The meanings of the keys.
    """
    names = list(names)
    of_names = meanings_of_names({**dict.fromkeys(names), **by_name}, shape_of)
    of_names |= meanings_of_keras_slots(graph, by_name)
    is_name = frozenset(names)
    # Most names are those of variables, and say nothing else.
    telling = {name: meaning for name, meaning in of_names.items() if meaning.kind is not Kind.VARIABLE}
    for name, meaning in telling.items():
        keys = [by_name[name]] if name in by_name else []
        for key in [*keys, name] if name in is_name else keys:
            if meanings[key].kind is Kind.VARIABLE:
                # If a variable has both keys, that in the style of the slot's key is given.
                is_named = key in is_name and meaning.variable in is_name
                variable = meaning.variable if is_named else by_name.get(meaning.variable, meaning.variable)
                meanings[key] = Meaning(meaning.kind, variable, meaning.slot_name)
    meanings.update(meanings_of_listed_slots(graph))
    return meanings
