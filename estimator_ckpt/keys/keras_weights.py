"""What the datasets of a file of Keras weights mean: the variables of layers, and the state of the optimizer.

Keras 3 numbers the variables of each object: `layers/dense/vars/0`. Their names follow from the names of the layers,
which the file mostly has, and from the classes of the layers (`keras/src/saving/saving_lib.py`).
"""

import collections
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle.errors import CorruptCheckpointError
from estimator_ckpt.common.digits import to_int
from estimator_ckpt.formats.weights_h5 import WeightsFile
from estimator_ckpt.keys.kinds import Kind, Meaning, meanings_of_names
from estimator_ckpt.keys.slots import family_of

_VARIABLES = re.compile(r'(?:(?P<group>.*)/)?vars/(?P<number>\d+)')
_KERNEL_AND_BIAS = re.compile(r'(einsum_)?dense|(depthwise_)?conv\dd(_transpose)?')
_OPTIMIZER = 'optimizer'
_INNER_OPTIMIZER = f'{_OPTIMIZER}/inner_optimizer'
# The state of a generator of random numbers.
SEED = 'seed_generator_state'
_MODELS = ('Sequential', 'Functional', 'Model')
# The variables of layers other than dense and convolutional ones, in their order.
_BY_CLASS = {
    'batch_normalization': ('gamma', 'beta', 'moving_mean', 'moving_variance'),
    'embedding': ('embeddings',),
    'group_normalization': ('gamma', 'beta'),
    'gru_cell': ('kernel', 'recurrent_kernel', 'bias'),
    'layer_normalization': ('gamma', 'beta'),
    'lstm_cell': ('kernel', 'recurrent_kernel', 'bias'),
    'normalization': ('mean', 'variance', 'count'),
    'p_re_lu': ('alpha',),
    'seed_generator': (SEED,),
    'separable_conv1d': ('depthwise_kernel', 'pointwise_kernel', 'bias'),
    'separable_conv2d': ('depthwise_kernel', 'pointwise_kernel', 'bias'),
    'simple_rnn_cell': ('kernel', 'recurrent_kernel', 'bias'),
}
_NOT_TRAINED = frozenset(('moving_mean', 'moving_variance', 'mean', 'variance', 'count', SEED))


@dataclasses.dataclass
class KerasWeights:
    """The meanings of the datasets of a file.

    Attributes:
      names: The name of each tensor, such as `conv/kernel`, by key.
      meanings: The meaning of each tensor, by key; the variable of a slot is given by its key.
      not_trained: The keys of the variables that no optimizer trains, such as moving averages.
      order: The groups of variables in the order of the model, if the file has its configuration.
      optimizer: The name or class of the optimizer; empty if there is none.
      model: The name of the model, which paths of variables may begin with; empty if it is not known.
    """

    names: dict[str, str] = dataclasses.field(default_factory=dict)
    meanings: dict[str, Meaning] = dataclasses.field(default_factory=dict)
    not_trained: set[str] = dataclasses.field(default_factory=set)
    order: list[str] | None = None
    optimizer: str = ''
    model: str = ''


def read_weights(reader: WeightsFile) -> KerasWeights:
    """Returns the meanings of the datasets of a file, but for the slots of the optimizer.

    Args:
      reader: The file.

    Raises:
      CorruptCheckpointError: If the configuration of a `.keras` file contradicts its weights.
    """
    groups = groups_of(reader)
    if not groups:
        return _by_names(reader)
    layers = dict(_configured(reader, reader.config, '')) if reader.config else {}
    _check_order(reader, layers)
    weights = KerasWeights(optimizer=_optimizer_name(reader), model=reader.layer_names.get('', ''))
    for group, keys in groups.items():
        if group == _OPTIMIZER or group.startswith(f'{_OPTIMIZER}/'):
            _add_optimizer(reader, weights, group, keys)
            continue
        scope, configured, is_frozen = _scope(reader, group), layers.get(group), _is_frozen(layers, group)
        for key, name in zip(keys, _variable_names(reader, group, keys, configured), strict=True):
            weights.names[key] = f'{scope}/{name}' if scope else name
            weights.meanings[key] = Meaning(Kind.OTHER if name == SEED else Kind.VARIABLE)
            if name in _NOT_TRAINED or is_frozen:
                weights.not_trained.add(key)
    weights.order = list(layers) if layers else None
    _make_unique(weights)
    return weights


def groups_of(reader: WeightsFile) -> dict[str, list[str]]:
    """Returns the keys of the numbered variables of each object, in their order, by the path of the object's group."""
    numbered: dict[str, dict[int, str]] = collections.defaultdict(dict)
    for key in reader.keys():  # noqa: SIM118
        match = _VARIABLES.fullmatch(key)
        if match:
            numbered[match['group'] or ''][to_int(match['number'])] = key
    return {group: [keys[number] for number in sorted(keys)] for group, keys in numbered.items()}


def _by_names(reader: WeightsFile) -> KerasWeights:
    """Returns the meanings of the datasets of a file of Keras 2, which have names, or of any other file."""
    names = {key: reader.weight_names.get(key, key) for key in reader.keys()}  # noqa: SIM118
    keys = {name: key for key, name in names.items()}
    if len(keys) < len(names):
        names, keys = {key: key for key in names}, {key: key for key in names}
    meanings = meanings_of_names(keys, lambda name: reader.entry(keys[name]).shape)
    return KerasWeights(
        names,
        {
            keys[name]: dataclasses.replace(meaning, variable=keys.get(meaning.variable, ''))
            for name, meaning in meanings.items()
        },
    )


def _optimizer_name(reader: WeightsFile) -> str:
    """Returns the name of the optimizer, or its class if the name does not tell it."""
    name = reader.layer_names.get(_INNER_OPTIMIZER) or reader.layer_names.get(_OPTIMIZER, '')
    if family_of(name) or not reader.config:
        return name
    described = (reader.config.get('compile_config') or {}).get('optimizer')
    if isinstance(described, Mapping):
        inner = (described.get('config') or {}).get('inner_optimizer')
        described = inner if isinstance(inner, Mapping) else described
        return str(described.get('class_name', name))
    return str(described or name)


def _add_optimizer(reader: WeightsFile, weights: KerasWeights, group: str, keys: Sequence[str]) -> None:
    """Adds the scalars of an optimizer; `keras_slots` adds its slots."""
    scope = weights.optimizer or group
    for number, key in enumerate(keys):
        weights.names[key], weights.meanings[key] = key, Meaning(Kind.OTHER)
        entry = reader.entry(key)
        if number < 2 and entry.shape == ():
            name, kind = ('iteration', Kind.STEP) if number == 0 else ('learning_rate', Kind.OPTIMIZER)
            weights.names[key], weights.meanings[key] = f'{scope}/{name}', Meaning(kind)


def _configured(
    reader: WeightsFile, config: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the group and the configuration of each layer of a Sequential or functional model, in order.

    Args:
      reader: The file, for messages.
      config: The configuration of the model.
      path: The path of the model's group, with a slash at its end; empty for the root.

    Raises:
      CorruptCheckpointError: If the configuration does not have the expected form.
    """
    inner = config.get('config')
    layers = inner.get('layers') if isinstance(inner, Mapping) else None
    if config.get('class_name') not in _MODELS or not isinstance(layers, list):
        return
    counts: dict[str, int] = collections.Counter()
    for layer in layers:
        if not isinstance(layer, Mapping) or not isinstance(layer.get('config'), Mapping):
            raise CorruptCheckpointError(f'{reader.prefix}: its configuration has a layer without one.')
        name = snake_case(str(layer.get('class_name', '')))
        group = f'{path}layers/{name}_{counts[name]}' if counts[name] else f'{path}layers/{name}'
        counts[name] += 1
        yield group, layer
        yield from _configured(reader, layer, f'{group}/')


def snake_case(class_name: str) -> str:
    """Returns the name that Keras gives an object of a class in a list (`keras/src/utils/naming.py`)."""
    name = re.sub(r'\W+', '', class_name)
    name = re.sub('(.)([A-Z][a-z]+)', r'\1_\2', name)
    return re.sub('([a-z])([A-Z])', r'\1_\2', name).lower()


def _check_order(reader: WeightsFile, layers: Mapping[str, Mapping[str, Any]]) -> None:
    """Checks that the layers of the configuration are those of the weights.

    Raises:
      CorruptCheckpointError: If a layer has another name in the weights, as if the layers were in another order.
    """
    for group, layer in layers.items():
        name, stored = layer['config'].get('name'), reader.layer_names.get(group)
        if stored is not None and name is not None and stored != name:
            raise CorruptCheckpointError(
                f'{reader.prefix} contradicts itself: {group} is the layer {name!r} according to its configuration, '
                f'and {stored!r} according to its weights; save the model again.'
            )


def _is_frozen(layers: Mapping[str, Mapping[str, Any]], group: str) -> bool:
    """Returns True if a layer, or a model that it is in, is not trainable."""
    return any(
        layer['config'].get('trainable') is False
        for outer, layer in layers.items()
        if group == outer or group.startswith(f'{outer}/')
    )


def _scope(reader: WeightsFile, group: str) -> str:
    """Returns the names of the layers that a group is in, joined with slashes. The model's own is omitted."""
    parts = group.split('/') if group else []
    names = []
    for end, part in enumerate(parts, 1):
        path = '/'.join(parts[:end])
        name = reader.layer_names.get(path)
        if name is None and (end == len(parts) or f'{path}/vars' in reader.groups):
            name = part
        if name is not None:
            names.append(name)
    return '/'.join(names)


def _variable_names(
    reader: WeightsFile, group: str, keys: Sequence[str], layer: Mapping[str, Any] | None
) -> Sequence[str]:
    """Returns the names of the variables of a layer: those that its class has, or else their numbers."""
    shapes = [reader.entry(key).shape for key in keys]
    parts = (group.rpartition('/')[2], reader.layer_names.get(group, ''))
    classes = [re.sub(r'_\d+$', '', part) for part in parts]
    if layer is not None:
        classes = [snake_case(str(layer.get('class_name', '')))]
    for name in classes:
        variables = _of_class(name, layer['config'] if layer else {})
        if variables and len(keys) in _lengths(name, variables):
            return variables[: len(keys)]
    if len(shapes) == 2 and 0 < len(shapes[1]) < len(shapes[0]) and shapes[0][-len(shapes[1]) :] == shapes[1]:
        return ('kernel', 'bias')
    return [str(number) for number in range(len(keys))]


def _of_class(name: str, config: Mapping[str, Any]) -> Sequence[str]:
    """Returns the names of the variables that a layer has, given its class and its configuration."""
    if _KERNEL_AND_BIAS.fullmatch(name):
        return ('kernel', 'bias')
    variables = _BY_CLASS.get(name, ())
    without = {
        variable
        for option, variable in (('scale', 'gamma'), ('center', 'beta'))
        if config.get(option) is False
    }
    return [variable for variable in variables if variable not in without]


def _lengths(name: str, variables: Sequence[str]) -> tuple[int, ...]:
    """Returns how many variables a layer can have, whose names are then the first ones: the bias comes last."""
    return (len(variables) - 1, len(variables)) if variables[-1] == 'bias' else (len(variables),)


def _make_unique(weights: KerasWeights) -> None:
    """Replaces names that several tensors have with their keys."""
    counts = collections.Counter(weights.names.values())
    weights.names = {key: key if counts[name] > 1 else name for key, name in weights.names.items()}
