"""What a key stands for: a variable, an optimizer's slot, the global step, a moving average, ...

A name-based checkpoint says nothing but names, so the names are read as TensorFlow's optimizers write them
(`tensorflow/python/training/slot_creator.py`): a slot is a variable's name and exactly one of the known endings.
"""

import collections
import dataclasses
import enum
import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import ObjectGraph


class Kind(str, enum.Enum):
    """What a tensor of a checkpoint is."""

    VARIABLE = 'variable'
    SLOT = 'slot'
    """A slot variable of an optimizer."""
    OPTIMIZER = 'optimizer'
    """A scalar or hyper-parameter of an optimizer, such as `beta1_power` or `learning_rate`."""
    AVERAGE = 'average'
    """A moving average of a variable, or what a zero-debiased average is computed from."""
    STEP = 'step'
    COUNTER = 'counter'
    """The number of saves."""
    TABLE = 'table'
    """Keys or values of a lookup table."""
    OBJECT_GRAPH = 'object_graph'
    OTHER = 'other'

    def __str__(self) -> str:
        return self.value


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """What a key stands for.

    Attributes:
      kind: What it is.
      variable: For a slot or an average the key of the variable it belongs to, else empty.
      slot_name: For a slot its ending (`'Adam_1'`) or its name (`'v'`), else empty.
    """

    kind: Kind
    variable: str = ''
    slot_name: str = ''


_SLOT = re.compile(
    r'(?P<variable>.+?)(?:/(?:t|part)_\d+)?/(?P<slot>(?:Adam|Momentum|Adagrad|AdagradDA|Adadelta|RMSProp|Ftrl|'
    r'ProximalAdagrad|AdaMax|LARS|LAMB)(?:_\d+)?|adam_[mv]|lamb_[mv])(?P<end>:0)?'
)
# Keras's optimizers in graphs, which canned estimators use (`keras/optimizers/legacy/optimizer_v2.py`).
_KERAS = r'(?:.*/)?(?:Adadelta|Adagrad|Adam|Adamax|Ftrl|Nadam|RMSprop|SGD)(?:_\d+)?/'
_KERAS_SLOT = re.compile(
    _KERAS
    + r'(?P<variable>.+)/(?P<slot>m|v|vhat|momentum|accumulator|accum_grad|accum_var|linear|rms|mg)(?P<end>:0)?'
)
_SCALAR = re.compile(
    r'(?:.*/)?(?:beta[12]_power|beta_[12]|learning_rate|decay|rho|momentum|epsilon)(?:_\d+)?(?::0)?'
    rf'|{_KERAS}iter(?::0)?'
    r'|(?:.*/)?Ftrl(?:_\d+)?/(?:beta|learning_rate_power|l[12]_regularization_strength)(?::0)?'
)
_AVERAGE = re.compile(r'(?P<variable>.+)/ExponentialMovingAverage(?:_\d+)?(?P<end>:0)?')
# What a zero-debiased average is computed from (`tensorflow/python/training/moving_averages.py`).
_DEBIASING = re.compile(r'(?P<average>.+)/(?:biased|local_step)(?P<end>:0)?')
_STEP = re.compile(r'(?:.*/)?global_step(?::0)?')
_TABLE = re.compile(r'(?P<table>.*)-(?:keys|values)')
# Something of this is in the last segment of every name that is no plain variable's; most are, and are soon done with.
_TELLING = re.compile(
    'Ada|Momentum|RMSProp|Ftrl|Adagrad|LARS|LAMB|adam_|lamb_|beta|_rate|decay|rho|momentum|epsilon|global_step|Average'
    '|biased|local_step|-keys|-values|_OBJECT_GRAPH|_strength|^(?:m|v|vhat|accumulator|accum_grad|accum_var|linear|rms|mg|iter)(?::0)?$'
)
_VARIABLE = Meaning(Kind.VARIABLE)
_HYPER_PARAMETERS = frozenset(
    ['beta_1', 'beta_2', 'beta1_power', 'beta2_power', 'epsilon', 'iter', 'iterations', '_iterations', 'rho']
    + ['learning_rate', '_learning_rate', 'learning_rate_power', 'l1_regularization_strength', 'beta']
    + ['l2_regularization_strength', 'momentum', 'decay']
)
# Those that layers have as well.
_OF_LAYERS_TOO = frozenset(['momentum', 'decay', 'beta'])


# What Keras's optimizers call their slots, since 2.11.
_KERAS_3_SLOT = re.compile(
    r'(?P<variable>.+)_(?P<slot>momentum|velocity|velocity_hat|accumulator|linear|average_gradient|accumulated_grad|'
    r'accumulated_delta_var)'
)
_KERAS_SLOTS = frozenset(
    ['accumulated_delta_var', 'accumulated_grad', 'accumulator', 'average', 'average_gradient', 'linear', 'm']
    + ['momentum', 'u', 'v', 'velocity', 'vhat']
)
_STEPS = frozenset(['step', 'global_step', 'iter', 'iterations', '_iterations'])


def is_beta_power(name: str) -> bool:
    """Whether it is a power of a beta that TF1's Adam computes."""
    return bool(re.search(r'(?:^|/)beta[12]_power(?:_\d+)?$', name))


def is_step(meaning: Meaning, path: Sequence[str]) -> bool:
    """Whether a scalar with this meaning and object path counts steps: the global step, or Keras's iterations."""
    if meaning.kind is Kind.STEP:
        return True
    return meaning.kind in (Kind.VARIABLE, Kind.OPTIMIZER) and bool(path) and path[-1] in _STEPS


def meanings_of_names(names: Iterable[str]) -> dict[str, Meaning]:
    """What the keys of a name-based checkpoint stand for.

    A slot counts as one only where its variable is among the names: as the key without the ending, or as the longest
    tail of that, since a scope may have been put before (`worker_0/net/kernel/Adam` belongs to `net/kernel`).
    """
    names = list(names)
    variables = _Names(names)
    meanings, plain = {}, set()
    for name in names:
        segment = name[name.rfind('/') + 1 :]
        # There are few last segments in many names.
        if segment not in plain and not _TELLING.search(segment):
            plain.add(segment)
        meanings[name] = _VARIABLE if segment in plain else _meaning_of_name(name, variables)
    return meanings


class _Names:
    """All names, and which of them a name without its slot's ending means."""

    def __init__(self, names: Collection[str]):
        self._given = names

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._given)  # Not asked for where there are but plain variables.

    def __contains__(self, name: str) -> bool:
        return name in self._names

    @functools.cached_property
    def _joined(self) -> dict[str, str]:
        return {name.replace('/', '_'): name for name in self._names}

    def find_joined(self, name: str) -> str | None:
        """The name that becomes this one where its slashes become underscores."""
        return self._joined.get(name) or self._joined.get(name.removesuffix('_0'))  # Of `name:0`.

    def find(self, name: str) -> str | None:
        while True:
            if name in self._names:
                return name
            _, slash, name = name.partition('/')
            if not slash:
                return None


def _meaning_of_name(name: str, variables: _Names) -> Meaning:
    if name == object_keys.OBJECT_GRAPH:
        return Meaning(Kind.OBJECT_GRAPH)
    if _STEP.fullmatch(name):
        return Meaning(Kind.STEP)
    for kind, pattern in ((Kind.SLOT, _SLOT), (Kind.SLOT, _KERAS_SLOT), (Kind.AVERAGE, _AVERAGE)):
        match = pattern.fullmatch(name)
        if match:
            variable = variables.find(match['variable'] + (match['end'] or ''))
            if variable is not None:
                return Meaning(kind, variable, match['slot'] if kind is Kind.SLOT else '')
    if _SCALAR.fullmatch(name):
        return Meaning(Kind.OPTIMIZER)
    debiasing = _DEBIASING.fullmatch(name)
    if debiasing and all(
        f'{debiasing["average"]}{part}' in variables for part in ('', '/biased', '/local_step')
    ):
        return Meaning(Kind.AVERAGE)
    table = _TABLE.fullmatch(name)
    if table and f'{table["table"]}-keys' in variables and f'{table["table"]}-values' in variables:
        return Meaning(Kind.TABLE)
    return Meaning(Kind.VARIABLE)


def meanings_of_objects(graph: ObjectGraph) -> dict[str, Meaning]:
    """What the keys of an object graph's attributes stand for."""
    slots = {}
    keys_of_node = collections.defaultdict(str)
    for number, node in enumerate(graph.nodes):
        for attribute in node.attributes:
            if attribute.name == object_keys.VARIABLE_VALUE:
                keys_of_node[number] = attribute.key
        for slot in node.slots:
            slots[slot.node] = (slot.variable, slot.name)
    hyper = {
        child
        for node in graph.nodes
        for name, child in node.children.items()
        if name in _HYPER_PARAMETERS and (_HYPER_PARAMETERS & node.children.keys()) - _OF_LAYERS_TOO
    }
    counter = graph.child_key(object_keys.SAVE_COUNTER)
    meanings = {}
    for number, node in enumerate(graph.nodes):
        for attribute in node.attributes:
            if number in slots:
                variable, slot_name = slots[number]
                meaning = Meaning(Kind.SLOT, keys_of_node[variable], slot_name)
            elif attribute.key == counter:
                meaning = Meaning(Kind.COUNTER)
            elif attribute.full_name == object_keys.GLOBAL_STEP:
                meaning = Meaning(Kind.STEP)
            elif number in hyper:
                meaning = Meaning(Kind.OPTIMIZER)
            elif attribute.name == object_keys.VARIABLE_VALUE:
                meaning = _VARIABLE
            else:
                meaning = Meaning(Kind.TABLE if attribute.name == 'table' else Kind.OTHER)
            meanings[attribute.key] = meaning
    return meanings


def meanings_of_keras_slots(graph: ObjectGraph, names: Iterable[str]) -> dict[str, Meaning]:
    """What the variables' names of the slots of Keras optimizers stand for.

    Keras lists an optimizer's variables as its children `_variables`, since 2.11, and names a slot by the optimizer,
    the slot and the variable: `Adam/m/dense/kernel`; by the last two where the optimizer was built, and not applied;
    and Keras 3 by `adam/dense_kernel_momentum`.
    """
    names = set(names)
    listed = [
        attribute.full_name
        for node in graph.nodes
        if '_variables' in node.children and _HYPER_PARAMETERS & node.children.keys()
        for child in graph.nodes[node.children['_variables']].children.values()
        for attribute in graph.nodes[child].attributes
    ]
    # No slot is a slot of a slot.
    variables = _Names(names.difference(listed))
    return {name: _meaning_of_keras_slot(name, variables) for name in listed if name in names and '/' in name}


def _meaning_of_keras_slot(name: str, variables: _Names) -> Meaning:
    first, _, rest = name.partition('/')
    joined = _KERAS_3_SLOT.fullmatch(rest)
    if joined and (variable := variables.find_joined(joined['variable'])):
        return Meaning(Kind.SLOT, variable, joined['slot'])
    variable = variables.find(rest)
    if variable is not None:
        return Meaning(Kind.SLOT, variable, name.removesuffix(f'/{variable}').rpartition('/')[2])
    return Meaning(Kind.SLOT, '', first if first in _KERAS_SLOTS else rest.partition('/')[0])


def refine(
    found: dict[str, Meaning], graph: ObjectGraph, by_name: Mapping[str, str], names: Iterable[str] = ()
) -> dict[str, Meaning]:
    """What keys stand for; where an object is no more than a variable, what its variable's name says.

    So the slots of a checkpoint whose objects are a plain dict of variables, and those of Keras optimizers, count as
    slots.

    Args:
      found: What the objects say, by their keys.
      graph: The objects.
      by_name: The key of each variable by its name.
      names: Other names that there are.
    """
    of_names = meanings_of_names({**dict.fromkeys(names), **by_name})
    of_names |= meanings_of_keras_slots(graph, by_name)
    for name, key in by_name.items():
        meaning = of_names[name]
        if found[key].kind is Kind.VARIABLE and meaning.kind is not Kind.VARIABLE:
            variable = by_name.get(meaning.variable, meaning.variable)
            found[key] = dataclasses.replace(meaning, variable=variable)
    return found
