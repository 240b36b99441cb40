"""The Keras legacy optimizers that take over the state of TF1 optimizers, with their hyperparameters."""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, family_of, tf1_optimizer
from estimator_ckpt.mapping.source import Source, as_step
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers import meta_graph
from estimator_ckpt.optimizers.keras_legacy import KERAS_LEGACY, describe

# Hyperparameters that can be given although an optimizer has no variable for them, or none with a default.
_FURTHER = ('epsilon', 'iter')


@dataclasses.dataclass(frozen=True)
class KerasOptimizer:
    """A Keras optimizer that takes over slots.

    Attributes:
      family: The family of the optimizer.
      path: The object path.
      hyperparameters: The values of the hyperparameters that are variables.
      learning_rate: The learning rate that was given or read; None if it is Keras's default.
      iterations: The number of updates that was given; None if it is the global step.
      notes: The origins of the hyperparameters, in sentences.
    """

    family: str
    path: str
    hyperparameters: Mapping[str, float]
    learning_rate: float | None
    iterations: int | None
    notes: Sequence[str]

    @property
    def name(self) -> str:
        """The name of the class."""
        return KERAS_LEGACY[self.family].name


class KerasOptimizers:
    """The optimizer for all slots, or several optimizers for some slots each."""

    def __init__(self, by_name: Mapping[str, KerasOptimizer]):
        """Creates a collection of optimizers.

        Args:
          by_name: The optimizers, by the names of the TF1 optimizers or by regular expressions for the names of their
            variables. An optimizer for all slots has an empty name.
        """
        self._by_name = by_name

    def all(self) -> list[KerasOptimizer]:
        """Returns all optimizers."""
        return list(self._by_name.values())

    def find(self, slot: Tensor, state: SlotState | None) -> KerasOptimizer | None:
        """Returns the optimizer that takes over a slot.

        Args:
          slot: The slot.
          state: The contents of the slot; None if they are not known.

        Returns:
          The optimizer; None if there is none for the slot.
        """
        name = state.optimizer if state and state.optimizer else tf1_optimizer(slot.meaning.slot_name)
        exact = self._by_name.get(name, self._by_name.get(''))
        by_pattern = (
            optimizer
            for pattern, optimizer in self._by_name.items()
            if re.fullmatch(pattern, slot.meaning.variable)
        )
        return exact or next(by_pattern, None)


def keras_optimizers(
    source: Source,
    keras_optimizer: Any,
    path: str | Mapping[str, str] | None,
    hyperparameters: Mapping[str, Any] | None,
) -> KerasOptimizers:
    """Returns the optimizers for the arguments of `convert`.

    Args:
      source: The checkpoint.
      keras_optimizer: The optimizer, or a dict of several; see `convert`.
      path: The object path, or a dict of several; None for the default.
      hyperparameters: The given hyperparameters, or a dict of dicts; None for none.

    Raises:
      CheckpointError: If an optimizer, a name or a hyperparameter is unknown.
    """
    several = (
        isinstance(keras_optimizer, Mapping)
        and 'class_name' not in keras_optimizer
        and 'name' not in keras_optimizer
    )
    if not several:
        if path is not None and not isinstance(path, str):
            raise CheckpointError(
                'A single Keras optimizer has a single path; give keras_optimizer as a dict for several.'
            )
        arguments = {'': (keras_optimizer, path or 'optimizer', hyperparameters or {})}
    else:
        _check_patterns(keras_optimizer)
        _check_names('optimizer', path if isinstance(path, Mapping) else {}, keras_optimizer)
        _check_names('hyperparameters', hyperparameters or {}, keras_optimizer, Mapping)
        paths = path if isinstance(path, Mapping) else {}
        arguments = {
            name: (
                optimizer,
                paths.get(name) or _path_of(name, path if isinstance(path, str) else None),
                (hyperparameters or {}).get(name, {}),
            )
            for name, optimizer in keras_optimizer.items()
        }
    graph = meta_graph.read_optimizers(source.reader.prefix)
    return KerasOptimizers(
        {name: _Settings(source, graph, name).optimizer(*of_name) for name, of_name in arguments.items()}
    )


def _check_patterns(names: Iterable[str]) -> None:
    for name in names:
        try:
            re.compile(name)
        except (re.error, OverflowError, RecursionError) as error:
            raise CheckpointError(
                f'keras_optimizer has {name!r}, which is neither the name of an optimizer nor a regular expression for '
                f'names of variables: {error}.'
            ) from error


def _path_of(name: str, path: str | None) -> str:
    if not name.isidentifier():
        raise CheckpointError(
            f'The optimizer for {name!r} has no path; give optimizer={{{name!r}: ...}} for it.'
        )
    return f'{path or "optimizer"}_{name}'


def _check_names(
    argument: str, given: Mapping[str, Any], optimizers: Mapping[str, Any], kind: type = object
) -> None:
    """Checks that a dict for several optimizers has no other names and no values of another kind.

    Args:
      argument: The name of the argument, for messages.
      given: The dict.
      optimizers: The optimizers by name.
      kind: The class of the values.
    """
    unknown = [name for name, value in given.items() if name not in optimizers or not isinstance(value, kind)]
    if unknown:
        raise CheckpointError(
            f'Unexpected {", ".join(map(repr, unknown))} in {argument}; expected a dict with the names of '
            f'keras_optimizer: {", ".join(map(repr, optimizers))}.'
        )


@dataclasses.dataclass
class _Settings:
    """Determines the hyperparameters of one optimizer.

    Attributes:
      source: The checkpoint.
      graph: The optimizers in the graph beside the checkpoint.
      name: The name or the regular expression that the optimizer was asked for by; empty for all slots.
    """

    source: Source
    graph: Sequence[meta_graph.GraphOptimizer]
    name: str

    def optimizer(
        self, keras_optimizer: Any, path: str, hyperparameters: Mapping[str, float]
    ) -> KerasOptimizer:
        """Returns the optimizer.

        Hyperparameters that are not given are read from the checkpoint, or else from the graph.

        Args:
          keras_optimizer: The optimizer, its config or its name.
          path: The object path.
          hyperparameters: The given hyperparameters.
        """
        class_name, config = describe(keras_optimizer)
        family = family_of(class_name)
        if family not in KERAS_LEGACY:
            classes = ', '.join(repr(legacy.name) for legacy in KERAS_LEGACY.values())
            what = 'Unknown Keras optimizer' if family is None else 'TF1 has no counterpart of'
            raise CheckpointError(f'{what} {class_name!r}; expected one of {classes}.')
        defaults = KERAS_LEGACY[family].hyperparameters
        unknown = sorted(set(hyperparameters) - {*defaults, *_FURTHER})
        if unknown:
            raise CheckpointError(
                f'Unknown hyperparameter {", ".join(map(repr, unknown))} of {class_name}; expected some of '
                f'{", ".join(map(repr, (*defaults, *_FURTHER)))}.'
            )
        of_config = {name: value for name, value in config.items() if isinstance(value, (int, float))}
        values, notes = {**of_config, **hyperparameters}, []
        for origin, read in (('the checkpoint', self._in_checkpoint), ('the graph', self._in_graph)):
            of_origin = _sorted(read(family), defaults)
            of_origin = {name: value for name, value in of_origin.items() if name not in values}
            values |= of_origin
            notes += [f'From {origin}: {_listed(of_origin)}, for {path}.'] if of_origin else []
        by_default = {name: value for name, value in defaults.items() if name not in values}
        if by_default:
            notes.append(f"Keras's defaults are taken for {_listed(by_default)} of {path}.")
        iterations = hyperparameters.get('iter')
        return KerasOptimizer(
            family,
            path,
            {name: values.get(name, default) for name, default in defaults.items()},
            values.get('learning_rate'),
            None if iterations is None else self._checked_iterations(iterations),
            notes,
        )

    @staticmethod
    def _checked_iterations(iterations: float) -> int:
        steps = as_step(iterations)
        if steps is None:
            raise CheckpointError(f'iter={iterations} is no number of updates; pass one from 0 to 2**63 - 1.')
        return steps

    def _in_checkpoint(self, family: str) -> dict[str, float]:
        """Returns the hyperparameters that a name-based checkpoint has, such as `training/Adagrad/learning_rate`."""
        defaults = KERAS_LEGACY[family].hyperparameters
        stored: list[dict[str, float]] = []
        for tensor in self.source.tensors:
            scope, _, name = tensor.name.rpartition('/')
            optimizer = scope.rpartition('/')[2]
            if tensor.meaning.kind is Kind.OPTIMIZER and not tensor.object_key and name in defaults:
                value = self.source.number(tensor) if self._is_this(optimizer, family) else None
                stored += (
                    [{name: float(f'{value:.7g}')}] if value is not None and math.isfinite(value) else []
                )
        return _agreed(stored)

    def _in_graph(self, family: str) -> dict[str, float]:
        optimizers = [optimizer for optimizer in self.graph if self._is_this(optimizer.name, family)]
        return _agreed([optimizer.hyperparameters for optimizer in optimizers])

    def _is_this(self, name: str, family: str) -> bool:
        """Returns True if a name may be that of the optimizer that was asked for."""
        return family_of(name) == family and (family_of(self.name) is None or self.name == name)


def _agreed(of_optimizers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the hyperparameters in which several optimizers do not differ."""
    values: dict[str, set[float]] = {}
    for hyperparameters in of_optimizers:
        for name, value in hyperparameters.items():
            values.setdefault(name, set()).add(value)
    return {name: of_name.pop() for name, of_name in values.items() if len(of_name) == 1}


def _sorted(values: Mapping[str, float], first: Iterable[str]) -> dict[str, float]:
    """Returns hyperparameters in the order of `first`, followed by those that are not in it."""
    order = [*first, *values]
    return dict(sorted(values.items(), key=lambda item: order.index(item[0])))


def _listed(values: Mapping[str, float]) -> str:
    return ', '.join(f'{name}={value:g}' for name, value in values.items())
