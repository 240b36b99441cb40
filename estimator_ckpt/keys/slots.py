"""The table of optimizers, and the names of their slots and scalars in TF1 and in Keras.

In TF1 the name of a slot variable ends in the name of the optimizer, numbered in the order in which the slots of a
variable are created (`tensorflow/python/training/slot_creator.py`). The objects of TF1 optimizers name slots as in
`get_slot_names`, and those of Keras as in `keras/optimizers/legacy/*.py` and `keras/optimizers/*.py`.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Collection, Iterable

from estimator_ckpt.common.digits import to_int


@dataclasses.dataclass(frozen=True, slots=True)
class SlotNames:
    """The names of one slot of an optimizer.

    Attributes:
      role: The name in the legacy optimizers of Keras, by which this package refers to the slot.
      tf1: The name in the object of the TF1 optimizer; empty if TF1 has no such slot.
      keras_2: The name in Keras from 2.11 on.
      keras_3: The name in Keras 3.
      bert: The ending of names in BERT's `AdamWeightDecayOptimizer`; empty for other optimizers.
      is_optional: Whether the optimizer can do without the slot, depending on its hyperparameters.
    """

    role: str
    tf1: str
    keras_2: str
    keras_3: str
    bert: str = ''
    is_optional: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Optimizer:
    """A family of optimizers with the same slots.

    Attributes:
      family: The name of the family.
      tf1_name: The name in TF1, which the endings of slots begin with.
      keras_name: The name of the class in Keras.
      slots: The slots, in the order in which TF1 creates them.
      scalars: The names of scalars, which are recognized in any scope.
      scoped_scalars: The names of scalars that are recognized only in the optimizer's scope, as layers have them too.
      further_names: Other names of optimizers of the family, in lower case and without underscores.
    """

    family: str
    tf1_name: str
    keras_name: str
    slots: tuple[SlotNames, ...]
    scalars: tuple[str, ...] = ()
    scoped_scalars: tuple[str, ...] = ()
    further_names: tuple[str, ...] = ()

    def tf1_slots(self, is_centered: bool = False) -> tuple[SlotNames, ...]:
        """Returns the slots that TF1 creates, in their order.

        Args:
          is_centered: Whether the optimizer is a centered RMSProp.
        """
        return tuple(slot for slot in self.slots if slot.tf1 and (is_centered or slot.role != _CENTER))

    def tf1_endings(self, is_centered: bool = False) -> dict[str, str]:
        """Returns the endings of the names of slots in TF1, by role and in the order of creation.

        Args:
          is_centered: Whether the optimizer is a centered RMSProp.
        """
        numbered = enumerate(self.tf1_slots(is_centered))
        return {slot.role: _ending(self.tf1_name, number) for number, slot in numbered}


# The slot of the average gradient, which only a centered RMSProp has.
_CENTER = 'mg'
# The ending that only the slots of a centered RMSProp include.
_CENTERED_ENDING = 'RMSProp_2'

OPTIMIZERS = (
    Optimizer(
        family='sgd',
        tf1_name='Momentum',
        keras_name='SGD',
        slots=(SlotNames('momentum', tf1='momentum', keras_2='m', keras_3='momentum'),),
        scalars=('momentum',),
        further_names=('gradientdescent',),
    ),
    Optimizer(
        family='adagrad',
        tf1_name='Adagrad',
        keras_name='Adagrad',
        slots=(SlotNames('accumulator', tf1='accumulator', keras_2='accumulator', keras_3='accumulator'),),
        scalars=('epsilon',),
    ),
    Optimizer(
        family='adadelta',
        tf1_name='Adadelta',
        keras_name='Adadelta',
        slots=(
            SlotNames('accum_grad', tf1='accum', keras_2='accumulated_grad', keras_3='accumulated_grad'),
            SlotNames(
                'accum_var',
                tf1='accum_update',
                keras_2='accumulated_delta_var',
                keras_3='accumulated_delta_var',
            ),
        ),
        scalars=('rho', 'epsilon'),
    ),
    Optimizer(
        family='rmsprop',
        tf1_name='RMSProp',
        keras_name='RMSprop',
        slots=(
            SlotNames('rms', tf1='rms', keras_2='velocity', keras_3='velocity'),
            SlotNames(
                _CENTER, tf1='mg', keras_2='average_gradient', keras_3='average_gradient', is_optional=True
            ),
            SlotNames('momentum', tf1='momentum', keras_2='momentum', keras_3='momentum', is_optional=True),
        ),
        scalars=('rho', 'momentum', 'epsilon'),
    ),
    Optimizer(
        family='adam',
        tf1_name='Adam',
        keras_name='Adam',
        slots=(
            SlotNames('m', tf1='m', keras_2='m', keras_3='momentum', bert='adam_m'),
            SlotNames('v', tf1='v', keras_2='v', keras_3='velocity', bert='adam_v'),
            SlotNames('vhat', tf1='', keras_2='vhat', keras_3='velocity_hat', is_optional=True),
        ),
        scalars=('beta1_power', 'beta2_power', 'beta_1', 'beta_2', 'epsilon'),
        further_names=('adamw', 'adamweightdecay'),
    ),
    Optimizer(
        family='ftrl',
        tf1_name='Ftrl',
        keras_name='Ftrl',
        slots=(
            SlotNames('accumulator', tf1='accum', keras_2='accumulator', keras_3='accumulator'),
            SlotNames('linear', tf1='linear', keras_2='linear', keras_3='linear'),
        ),
        scoped_scalars=(
            'beta',
            'learning_rate_power',
            'l1_regularization_strength',
            'l2_regularization_strength',
        ),
    ),
    # Keras only. What legacy optimizers call `v` is the greatest gradient in Adamax.
    Optimizer(
        family='adamax',
        tf1_name='',
        keras_name='Adamax',
        slots=(
            SlotNames('m', tf1='', keras_2='m', keras_3='momentum'),
            SlotNames('v', tf1='', keras_2='u', keras_3='norm'),
        ),
    ),
    Optimizer(
        family='nadam',
        tf1_name='',
        keras_name='Nadam',
        slots=(
            SlotNames('m', tf1='', keras_2='m', keras_3='momentum'),
            SlotNames('v', tf1='', keras_2='v', keras_3='velocity'),
        ),
    ),
)

# Further optimizers and slots, which are recognized, but not converted.
_FURTHER_TF1_NAMES = ('AdagradDA', 'ProximalAdagrad', 'AdaMax', 'LARS', 'LAMB')
_FURTHER_ENDINGS = ('lamb_m', 'lamb_v')
_FURTHER_KERAS_2_NAMES = ('average',)
# The scalars that all optimizers of Keras have.
_COMMON_SCALARS = ('learning_rate', 'decay')


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))


_SLOTS = [slot for optimizer in OPTIMIZERS for slot in optimizer.slots]
TF1_NAMES = _unique([*(optimizer.tf1_name for optimizer in OPTIMIZERS), *_FURTHER_TF1_NAMES])
KERAS_NAMES = _unique(optimizer.keras_name for optimizer in OPTIMIZERS)
# The endings that are not the name of an optimizer with a number.
FIXED_ENDINGS = _unique([*(slot.bert for slot in _SLOTS), *_FURTHER_ENDINGS])
LEGACY_SLOT_NAMES = _unique(slot.role for slot in _SLOTS)
KERAS_2_SLOT_NAMES = _unique([*(slot.keras_2 for slot in _SLOTS), *_FURTHER_KERAS_2_NAMES])
KERAS_3_SLOT_NAMES = _unique(slot.keras_3 for slot in _SLOTS)
SCALARS = _unique([*_COMMON_SCALARS, *(scalar for optimizer in OPTIMIZERS for scalar in optimizer.scalars)])
SCOPED_SCALARS = {o.keras_name: o.scoped_scalars for o in OPTIMIZERS if o.scoped_scalars}
ALL_SCOPED_SCALARS = [scalar for scalars in SCOPED_SCALARS.values() for scalar in scalars]


def _ending(tf1_name: str, number: int) -> str:
    """Returns the ending of the names of a slot in TF1, given the slot's number in the order of creation."""
    return f'{tf1_name}_{number}' if number else tf1_name


# The endings of the names of slots in TF1, by family and role and in the order of creation.
TF1_ENDINGS = {optimizer.family: optimizer.tf1_endings() for optimizer in OPTIMIZERS}
# The same for a centered RMSProp.
TF1_CENTERED = next(o.tf1_endings(is_centered=True) for o in OPTIMIZERS if o.family == 'rmsprop')

# The names of slots in the objects of TF1 optimizers by the TF1 name; of a plain RMSProp and of a centered one.
_OBJECT_NAMES, _CENTERED_OBJECT_NAMES = (
    {o.tf1_name: tuple(slot.tf1 for slot in o.tf1_slots(is_centered)) for o in OPTIMIZERS if o.tf1_name}
    for is_centered in (False, True)
)
_BERT_NAMES = {slot.bert: slot.role for slot in _SLOTS if slot.bert}
_ENDING = re.compile(r'(?P<optimizer>[A-Za-z]+)(?:_(?P<number>\d+))?')
_FAMILIES = {
    name: optimizer.family
    for optimizer in OPTIMIZERS
    for name in (optimizer.family, optimizer.tf1_name.lower(), *optimizer.further_names)
    if name
}


def _roles(optimizer: Optimizer) -> dict[str, str]:
    """Returns the roles of the slots of an optimizer by all of their names, including the endings in TF1."""
    names = {
        name: slot.role
        for slot in optimizer.slots
        for name in (slot.role, slot.tf1, slot.keras_2, slot.keras_3, slot.bert)
        if name
    }
    return names | {ending: role for role, ending in optimizer.tf1_endings().items()}


_ROLES = {optimizer.family: _roles(optimizer) for optimizer in OPTIMIZERS}
_CENTERED_ROLES = {ending: role for role, ending in TF1_CENTERED.items()}


def _orders() -> dict[frozenset[str], tuple[str, tuple[str, ...]]]:
    """Returns the TF1 names of optimizers with the names of their slots in TF1's order, by the set of these names."""
    orders: dict[frozenset[str], tuple[str, tuple[str, ...]]] = {}
    for optimizer in OPTIMIZERS:
        if not optimizer.tf1_name:
            continue
        required = tuple(slot for slot in optimizer.slots if not slot.is_optional)
        for slots in (optimizer.tf1_slots(), optimizer.tf1_slots(is_centered=True), required):
            for names in (tuple(slot.tf1 for slot in slots), tuple(slot.role for slot in slots)):
                orders[frozenset(names)] = optimizer.tf1_name, names
    return orders


_ORDERS = _orders()


def _families_by_slots() -> dict[frozenset[str], str]:
    """Returns the family of each possible set of the names of the slots of a variable.

    Names of Keras 3 are left out, because Adam has those of an RMSProp there. Names of variables tell the two apart.
    """
    families: dict[frozenset[str], str] = {}
    for optimizer in OPTIMIZERS:
        for attribute in ('role', 'tf1', 'keras_2'):
            required = [getattr(slot, attribute) for slot in optimizer.slots if not slot.is_optional]
            optional = [
                name for slot in optimizer.slots if slot.is_optional and (name := getattr(slot, attribute))
            ]
            if not all(required):
                continue
            for number in range(len(optional) + 1):
                for chosen in itertools.combinations(optional, number):
                    # Of two optimizers with the same slots, the first one is the usual one.
                    families.setdefault(frozenset([*required, *chosen]), optimizer.family)
    return families


_FAMILIES_BY_SLOTS = _families_by_slots()


@dataclasses.dataclass(frozen=True, slots=True)
class SlotState:
    """The contents of a slot variable.

    Attributes:
      family: The family of optimizers, such as `'adam'`.
      role: The name of the slot in the legacy optimizers of Keras.
      is_tf1: Whether the value is that of a TF1 optimizer, which differs from Keras's for momentum.
      is_bert: Whether the slot belongs to BERT's `AdamWeightDecayOptimizer`, which does not correct the bias.
      learning_rate: The learning rate of the optimizer; None if it is not known.
      betas: The betas of Adam; None for other optimizers and if they are not known.
      is_needed: Whether the optimizer needs the slot. Keras has no slot for a momentum of 0.
      optimizer: The name of the optimizer according to the slot's name; empty if that does not tell it.
    """

    family: str
    role: str
    is_tf1: bool
    is_bert: bool = False
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None
    is_needed: bool = True
    optimizer: str = ''


@functools.lru_cache  # Many slots share few endings.
def is_tf1_ending(ending: str) -> bool:
    """Returns True if names of slots of a known TF1 optimizer can end so."""
    return ending in _BERT_NAMES or (
        (match := _ENDING.fullmatch(ending)) is not None and match['optimizer'] in _OBJECT_NAMES
    )


def tf1_optimizer(ending: str) -> str:
    """Returns the optimizer that an ending belongs to: `'Adam'` for `'Adam_1'`, `'adam'` for BERT's `'adam_m'`."""
    if ending in _BERT_NAMES:
        return 'adam'
    match = _ENDING.fullmatch(ending)
    return match['optimizer'] if match else ending


def object_slot_name(ending: str, siblings: Collection[str]) -> str | None:
    """Returns the name of a slot in the object of its TF1 optimizer.

    Args:
      ending: The ending of the slot variable's name.
      siblings: The endings of all slots of the same variable, which tell a centered RMSProp from a plain one.

    Returns:
      The name; None for an unknown optimizer, and for a second optimizer of the same class.
    """
    return _object_slot_name(ending, _CENTERED_ENDING in siblings)


@functools.lru_cache  # Many slots share few endings.
def _object_slot_name(ending: str, is_centered: bool) -> str | None:
    if ending in _BERT_NAMES:
        return _BERT_NAMES[ending]
    match = _ENDING.fullmatch(ending)
    if match is None:
        return None
    by_optimizer = _CENTERED_OBJECT_NAMES if is_centered else _OBJECT_NAMES
    slot_names = by_optimizer.get(match['optimizer'], ())
    number = to_int(match['number'] or '0')
    return slot_names[number] if number < len(slot_names) else None


def tf1_ending(slot_name: str, siblings: Collection[str]) -> str | None:
    """Returns the ending that the name of a slot variable has in TF1.

    Args:
      slot_name: The name of the slot in the object of its optimizer, of TF1 or Keras.
      siblings: The names of all slots of the optimizer, which tell its class.

    Returns:
      The ending; None if the class cannot be told.
    """
    order = _ORDERS.get(frozenset(siblings))
    if order is None:
        return None
    tf1_name, slot_names = order
    return _ending(tf1_name, slot_names.index(slot_name))


def family_of(optimizer: str) -> str | None:
    """Returns the family of an optimizer; None if it is not known.

    Args:
      optimizer: The class of the optimizer (`'RMSprop'`), or its name (`'rm_sprop'`, `'Adam_1'`).
    """
    plain = re.sub(r'(_\d+)?(Optimizer)?$', '', optimizer).replace('_', '').lower()
    return _FAMILIES.get(plain)


def slot_state(optimizer: str, slot_name: str, siblings: Collection[str], is_tf1: bool) -> SlotState | None:
    """Returns the contents of a slot.

    Args:
      optimizer: The class or name of the optimizer.
      slot_name: The name of the slot: an ending, or the name in an object or in Keras's list of variables.
      siblings: The names of all slots of the same variable, which tell a centered RMSProp.
      is_tf1: Whether the optimizer is one of TF1.

    Returns:
      The contents; None for an unknown optimizer or slot.
    """
    family = family_of(optimizer)
    if family is None:
        return None
    roles = _ROLES[family]
    if family == 'rmsprop' and _CENTERED_ENDING in siblings:
        roles = roles | _CENTERED_ROLES
    role = roles.get(slot_name)
    if role is None:
        return None
    is_needed = not (is_tf1 and (family, role) == ('rmsprop', 'momentum'))
    is_bert = slot_name in _BERT_NAMES
    return SlotState(family, role, is_tf1, is_bert, is_needed=is_needed, optimizer=optimizer)


def guess_family(slot_names: Collection[str]) -> str | None:
    """Returns the family whose optimizers have exactly these slots; None if there is none.

    Args:
      slot_names: The names of the slots in the object of an optimizer.
    """
    return _FAMILIES_BY_SLOTS.get(frozenset(slot_names))
