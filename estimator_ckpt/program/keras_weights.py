"""The weights of a live Keras 3 model, on any backend, as the file that the model itself writes.

Nothing of TensorFlow is needed here. The variable of each dataset is learned from Keras, which hands all variables to a
store when it saves them (`keras/src/saving/saving_lib.py`).
"""

import collections
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.formats.weights_h5 import WeightsFile
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.keras_slots import slot_variable_name
from estimator_ckpt.keys.keras_weights import KerasWeights, read_weights
from estimator_ckpt.keys.kinds import Kind, Meaning
from estimator_ckpt.keys.slots import family_of

# The lists of slots of the optimizers of Keras 3, with the names of the slots.
_SLOT_LISTS = {
    '_momentums': 'momentum',
    'momentums': 'momentum',
    '_velocities': 'velocity',
    '_velocity_hats': 'velocity_hat',
    '_average_gradients': 'average_gradient',
    '_m': 'momentum',
    '_u': 'norm',
    '_accumulators': 'accumulator',
    '_linears': 'linear',
    '_accumulated_grads': 'accumulated_grad',
    '_accumulated_delta_vars': 'accumulated_delta_var',
}


def is_keras_3_model(value: Any) -> bool:
    """Returns True for a model of Keras 3, on any backend."""
    return 'keras' in sys.modules and any(
        cls.__module__ == 'keras.src.models.model' and hasattr(value, 'path') for cls in type(value).__mro__
    )


@contextlib.contextmanager
def saved_weights(model: Any, ending: str) -> Iterator[Contents]:
    """Yields the contents of a temporary file of the weights that a model has now.

    Args:
      model: A built model. Its optimizer is built if it is not.
      ending: The ending of the file: `'.weights.h5'` or `'.keras'`.

    Raises:
      CheckpointError: If the model is not built, or cannot be saved.
    """
    if not model.built:
        raise CheckpointError(
            f'The model {model.name!r} has no variables yet; build it first: model.build(input_shape), or call it once.'
        )
    optimizer = getattr(model, 'optimizer', None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, f'model{ending}')
        try:
            model.save(path) if ending == '.keras' else model.save_weights(path)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise CheckpointError(f'The model {model.name!r} cannot be saved: {error}.') from error
        reader = open_source(path)
        assert isinstance(reader, WeightsFile)  # Keras has just written it.
        yield Contents(reader, _described(model, reader))


def _described(model: Any, reader: WeightsFile) -> KerasWeights:
    """Returns the meanings of the tensors of a file, according to the model that was saved."""
    weights = read_weights(reader)
    variables = _variables_by_key(model)
    # The variables of an optimizer that another one wraps are saved twice.
    keys_of: dict[int, list[str]] = collections.defaultdict(list)
    for key, variable in variables.items():
        keys_of[id(variable)].append(key)
    # The path of a model's variables begins with its own name, unless it is a functional one.
    names = {key: variable.path for key, variable in variables.items() if key in weights.names}
    shorter = {key: name.removeprefix(f'{model.name}/') for key, name in names.items()}
    weights.names |= shorter if len(set(shorter.values())) == len(shorter) else names
    for key in names:
        if weights.meanings[key].kind is Kind.OTHER:
            weights.meanings[key] = Meaning(Kind.OPTIMIZER)
    optimizer = getattr(model, 'optimizer', None)
    if optimizer is not None:
        _describe_optimizer(optimizer, keys_of, weights)
    return weights


def _variables_by_key(model: Any) -> dict[str, Any]:
    """Returns the variable of each numbered dataset that Keras writes for a model."""
    from keras.src.saving import saving_lib

    class Store(saving_lib.NpzIOStore):
        """A store of objects instead of values."""

        def __init__(self) -> None:
            self.entries: dict[str, dict[str, Any]] = {}

        def make(self, path: str, metadata: Any = None) -> MutableMapping[str, Any]:
            return self.entries.setdefault(path, {})

    store = Store()
    saving_lib._save_state(
        model, weights_store=store, assets_store=None, inner_path='', visited_saveables=set()
    )
    of_layers = {
        f'{path}/vars/{number}'.lstrip('/'): value
        for path, entry in store.entries.items()
        for number, value in entry.items()
        if hasattr(value, 'path')
    }
    return of_layers | _optimizer_variables(model, store.entries)


def _optimizer_variables(model: Any, entries: Any) -> dict[str, Any]:
    """Returns the variables of the optimizer, which are saved as arrays in the order of its variables."""
    optimizer = getattr(model, 'optimizer', None)
    found: dict[str, Any] = {}
    path = 'optimizer'
    while optimizer is not None and path in entries:
        found |= {f'{path}/vars/{number}': v for number, v in enumerate(optimizer.variables)}
        optimizer, path = getattr(optimizer, 'inner_optimizer', None), f'{path}/inner_optimizer'
    return found


def _describe_optimizer(optimizer: Any, keys_of: Mapping[int, Sequence[str]], weights: KerasWeights) -> None:
    """Adds the meanings of the scalars and slots of an optimizer, and of one that it wraps."""
    inner = getattr(optimizer, 'inner_optimizer', None)
    if inner is not None:
        _describe_optimizer(inner, keys_of, weights)
        return
    for key in keys_of.get(id(optimizer.iterations), ()):
        weights.meanings[key] = Meaning(Kind.STEP)
    class_name = type(optimizer).__name__
    if family_of(class_name) is None:
        return
    # The name shows the optimizer's class to those that read it, unless the program has chosen another one.
    scope = optimizer.name if family_of(optimizer.name) == family_of(class_name) else class_name
    for attribute, slot in _SLOT_LISTS.items():
        values = getattr(optimizer, attribute, None) or ()
        for variable, value in zip(optimizer._trainable_variables, values, strict=False):
            owner = next(iter(keys_of.get(id(variable), ())), None)
            for key in keys_of.get(id(value), ()) if owner else ():
                weights.meanings[key] = Meaning(Kind.SLOT, owner or '', slot)
                weights.names[key] = slot_variable_name(scope, weights.names[owner or ''], slot)
