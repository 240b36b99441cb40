"""Which slot of an optimizer each of its numbered variables is, in a file of Keras weights.

The slots are in the order of the model's trainable variables, which the file does not have: it has layers of one class
in their order, and the shapes of the slots. An order is taken only if it is the only one that fits all shapes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.formats.weights_h5 import WeightsFile
from estimator_ckpt.keys.keras_weights import KerasWeights, groups_of
from estimator_ckpt.keys.kinds import Kind, Meaning
from estimator_ckpt.keys.slots import family_of

Shape = tuple[int, ...]
# The variables of a layer that are trained, which are next to each other in the order.
Unit = tuple[str, ...]
# Layers of one class in their order. Those of several sequences may come in any order.
Sequences = list[list[Unit]]

# No order is looked for in more steps than this.
_MOST_STEPS = 100_000
# The order in which layers of Keras create the layers in them.
_PARTS = {
    name: number
    for names in (
        ('query_dense', 'key_dense', 'value_dense', 'output_dense'),
        ('forward_layer', 'backward_layer'),
    )
    for number, name in enumerate(names)
}


class _Arrangement(NamedTuple):
    """An order of the slots of an optimizer.

    Attributes:
      together: The slots of a variable that follow each other.
      after: The slots of which there are those of all variables, one group after the other.
    """

    together: tuple[str, ...]
    after: tuple[str, ...] = ()


_ARRANGEMENTS = {
    'sgd': [_Arrangement(('momentum',))],
    'adagrad': [_Arrangement(('accumulator',))],
    'adadelta': [_Arrangement(('accumulated_grad', 'accumulated_delta_var'))],
    # With two slots, the second is the momentum or the average gradient, which a file does not tell.
    'rmsprop': [_Arrangement(('velocity',)), _Arrangement(('velocity',), ('momentum', 'average_gradient'))],
    'adam': [
        _Arrangement(('momentum', 'velocity')),
        _Arrangement(('momentum', 'velocity'), ('velocity_hat',)),
    ],
    'adamax': [_Arrangement(('momentum', 'norm'))],
    'ftrl': [_Arrangement(('accumulator', 'linear'))],
}


def add_slots(reader: WeightsFile, weights: KerasWeights, second: str = '') -> str:
    """Adds the meanings of the slots of the optimizer, as far as they are certain.

    Args:
      reader: The file.
      weights: The meanings of the other tensors, to which those of the slots are added.
      second: What the second of two slots of an RMSProp is, which the file does not tell; empty if it is not known.

    Returns:
      Why the slots are not certain, as a clause; empty if they are, or there are none.
    """
    groups = groups_of(reader)
    optimizers = [group for group in groups if group.split('/')[0] == 'optimizer']
    slots = [key for group in optimizers for key in groups[group] if reader.entry(key).shape != ()]
    if not slots:
        return ''
    if optimizers != ['optimizer']:
        return 'its optimizer wraps another one'
    family = family_of(weights.optimizer)
    if family not in _ARRANGEMENTS:
        return f'its optimizer {weights.optimizer!r} is not one whose order of slots is known'
    keys = groups['optimizer'][1:]
    shapes = {key: reader.entry(key).shape for key in weights.names}
    found, stages = [], _stages(groups, weights)
    # A schedule has no variable for the learning rate.
    for first in (1, 0):
        for arrangement in _arrangements(reader, family, second):
            found += list(_arranged(reader, keys[first:], arrangement, shapes, stages))
        if found:
            break
    if len(found) != 1:
        return 'the shapes of its slots do not tell which variables they belong to'
    for key, (variable, slot) in found[0].items():
        weights.names[key] = slot_variable_name(weights.optimizer, weights.names[variable], slot)
        weights.meanings[key] = Meaning(Kind.SLOT, variable, slot)
    return ''


def slot_variable_name(optimizer: str, variable: str, slot: str) -> str:
    """Returns the name that Keras 3 gives a slot.

    Args:
      optimizer: The name of the optimizer.
      variable: The name of the variable.
      slot: The name of the slot, such as `'velocity'`.
    """
    return f'{optimizer}/{variable.replace("/", "_")}_{slot}'


def _arrangements(reader: WeightsFile, family: str, second: str) -> Sequence[_Arrangement]:
    """Returns the possible orders of slots: for an RMSProp with a configuration only one."""
    described = ((reader.config or {}).get('compile_config') or {}).get('optimizer')
    config = described.get('config') if isinstance(described, Mapping) else None
    if family != 'rmsprop' or not isinstance(config, Mapping):
        with_second = [_Arrangement(('velocity',), (second,))] if family == 'rmsprop' and second else []
        return [*_ARRANGEMENTS[family], *with_second]
    after = [
        name
        for name, has in (('momentum', config.get('momentum')), ('average_gradient', config.get('centered')))
        if has
    ]
    return [_Arrangement(('velocity',), tuple(after))]


def _arranged(
    reader: WeightsFile,
    keys: Sequence[str],
    arrangement: _Arrangement,
    of_variables: Mapping[str, tuple[int, ...]],
    stages: list[Sequences],
) -> Iterator[dict[str, tuple[str, str]]]:
    """Yields at most two assignments of numbered slots to variables, by key, with the names of the slots."""
    per_variable = len(arrangement.together) + len(arrangement.after)
    count, rest = divmod(len(keys), per_variable)
    if rest or not count:
        return
    shapes = [reader.entry(key).shape for key in keys]
    step, head = len(arrangement.together), count * len(arrangement.together)
    wanted = shapes[:head:step]
    blocks = [shapes[head + number * count :][:count] for number in range(len(arrangement.after))]
    if any(shapes[number:head:step] != wanted for number in range(step)) or any(b != wanted for b in blocks):
        return
    for order in _Search(wanted, of_variables).orders(stages):
        assigned = {
            keys[position * step + number]: (variable, slot)
            for position, variable in enumerate(order)
            for number, slot in enumerate(arrangement.together)
        }
        assigned |= {
            keys[head + number * count + position]: (variable, slot)
            for number, slot in enumerate(arrangement.after)
            for position, variable in enumerate(order)
        }
        yield assigned


def _stages(groups: Mapping[str, list[str]], weights: KerasWeights) -> list[Sequences]:
    """Returns the trained variables of the layers, in stages that follow each other.

    With a configuration, each layer of the model is a stage. Otherwise all layers are in one, in a sequence per class.
    """
    units: dict[str, Unit] = {}
    for group, keys in groups.items():
        trained = tuple(key for key in keys if key not in weights.not_trained)
        if group.split('/')[0] != 'optimizer' and trained:
            units[group] = trained
    if weights.order is None:
        return [_sequences(units)]
    outermost = [group for group in weights.order if not any(_is_in(group, o) for o in weights.order)]
    stages = [
        _sequences({group: unit for group, unit in units.items() if group == outer or _is_in(group, outer)})
        for outer in outermost
    ]
    placed = {group for group in units for outer in outermost if group == outer or _is_in(group, outer)}
    others = {group: unit for group, unit in units.items() if group not in placed}
    return [*stages, _sequences(others)] if others else stages


def _is_in(group: str, outer: str) -> bool:
    """Returns True if a group is in another one."""
    return group.startswith(f'{outer}/') and group != outer


def _sequences(units: Mapping[str, Unit]) -> Sequences:
    """Returns layers as sequences of one class in one list."""
    by_class: dict[str, dict[tuple[int, ...], Unit]] = {}
    for group, unit in units.items():
        parts = group.split('/')
        stems = [re.sub(r'_\d+$', '', part) for part in parts]
        numbers = tuple(_number(part, stem) for part, stem in zip(parts, stems, strict=True))
        # Numbers count the objects of a list; and some parts of layers have a known order.
        classes = '/'.join('*' if stem in _PARTS else stem for stem in stems)
        by_class.setdefault(classes, {})[numbers] = unit
    return [[of_class[numbers] for numbers in sorted(of_class)] for of_class in by_class.values()]


def _number(part: str, stem: str) -> int:
    if part in _PARTS:
        return _PARTS[part]
    return to_int(part[len(stem) + 1 :]) if part != stem else 0


class _Search:
    """Looks for the orders of variables that fit the shapes of slots."""

    def __init__(self, wanted: Sequence[Shape], shapes: Mapping[str, Shape]):
        """Creates a search.

        Args:
          wanted: The shapes in order.
          shapes: The shape of each variable.
        """
        self._wanted, self._shapes, self._steps = wanted, shapes, 0

    def orders(self, stages: list[Sequences]) -> Iterator[list[str]]:
        """Yields the first two orders of the variables; none after too many steps."""
        total = sum(len(unit) for sequences in stages for sequence in sequences for unit in sequence)
        if total != len(self._wanted):
            return
        found = []
        for order in self._extend([], stages, 0, [0] * len(stages[0]) if stages else []):
            found.append(order)
            if len(found) == 2:
                break
        yield from found if self._steps <= _MOST_STEPS else ()

    def _extend(
        self, order: list[str], stages: list[Sequences], stage: int, positions: list[int]
    ) -> Iterator[list[str]]:
        """Yields the orders that begin with the given variables, depth first and without recursion."""
        pending = [(order, stage, positions)]
        while pending and self._steps <= _MOST_STEPS:
            order, stage, positions = pending.pop()
            self._steps += 1
            if stage == len(stages):
                yield order
                continue
            sequences = stages[stage]
            if all(place == len(s) for place, s in zip(positions, sequences, strict=True)):
                following = [0] * len(stages[stage + 1]) if stage + 1 < len(stages) else []
                pending.append((order, stage + 1, following))
                continue
            for number, sequence in enumerate(sequences):
                place = positions[number]
                if place < len(sequence) and self._fits(len(order), sequence[place]):
                    moved = [*positions]
                    moved[number] += 1
                    pending.append(([*order, *sequence[place]], stage, moved))

    def _fits(self, start: int, unit: Unit) -> bool:
        return [self._shapes[key] for key in unit] == list(self._wanted[start : start + len(unit)])
