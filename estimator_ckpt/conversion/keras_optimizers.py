"""The Keras legacy optimizers that take over the state of TF1's, and what they are set to."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, family_of, tf1_optimizer
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers import meta_graph
from estimator_ckpt.optimizers.keras_legacy import KERAS_LEGACY, describe

# What a caller can say that is no variable of a Keras optimizer, or not one with a number of the optimizer's own.
_FURTHER = ('epsilon', 'iter')


@dataclasses.dataclass(frozen=True)
class KerasOptimizer:
    """A Keras optimizer that takes over.

    Attributes:
      family: Its family.
      path: Its object path.
      hyperparameters: Those that it keeps as variables.
      learning_rate: The one that was given or read; None if it is Keras's default.
      iterations: The number of updates that was given; None if that is the global step.
      notes: Where the hyper-parameters are from, in sentences.
    """

    family: str
    path: str
    hyperparameters: Mapping[str, float]
    learning_rate: float | None
    iterations: int | None
    notes: Sequence[str]

    @property
    def name(self) -> str:
        """Its class."""
        return KERAS_LEGACY[self.family].name


class KerasOptimizers:
    """One optimizer for all slots, or several by TF1's names of theirs or by patterns for the names of variables."""

    def __init__(self, by_name: Mapping[str, KerasOptimizer]):
        self._by_name = by_name

    def all(self) -> list[KerasOptimizer]:
        """All of them."""
        return list(self._by_name.values())

    def find(self, slot: Tensor, state: SlotState | None) -> KerasOptimizer | None:
        """The one that takes a slot; None if there is none."""
        name = state.optimizer if state and state.optimizer else tf1_optimizer(slot.meaning.slot_name)
        exact = self._by_name.get(name, self._by_name.get(''))
        patterns = (
            one for pattern, one in self._by_name.items() if re.fullmatch(pattern, slot.meaning.variable)
        )
        return exact or next(patterns, None)


def keras_optimizers(
    source: Source,
    keras_optimizer: Any,
    path: str | Mapping[str, str] | None,
    hyperparameters: Mapping[str, Any] | None,
) -> KerasOptimizers:
    """The optimizers that `convert` was asked for; its arguments.

    Raises:
      CheckpointError: If an optimizer, a name or a hyper-parameter is not known.
    """
    several = (
        isinstance(keras_optimizer, Mapping)
        and 'class_name' not in keras_optimizer
        and 'name' not in keras_optimizer
    )
    if not several:
        if path is not None and not isinstance(path, str):
            raise CheckpointError(
                'One Keras optimizer has one path; give keras_optimizer as a dict for several.'
            )
        given = {'': (keras_optimizer, path or 'optimizer', hyperparameters or {})}
    else:
        _check_patterns(keras_optimizer)
        _check_names('optimizer', path if isinstance(path, Mapping) else {}, keras_optimizer)
        _check_names('hyperparameters', hyperparameters or {}, keras_optimizer, Mapping)
        paths = path if isinstance(path, Mapping) else {}
        given = {
            name: (
                one,
                paths.get(name) or _path_of(name, path if isinstance(path, str) else None),
                (hyperparameters or {}).get(name, {}),
            )
            for name, one in keras_optimizer.items()
        }
    graph = meta_graph.read_optimizers(source.reader.prefix)
    return KerasOptimizers(
        {name: _Settings(source, graph, name).optimizer(*one) for name, one in given.items()}
    )


def _check_patterns(names: Iterable[str]) -> None:
    for name in names:
        try:
            re.compile(name)
        except re.error as error:
            raise CheckpointError(
                f'keras_optimizer has {name!r}, which is neither the name of an optimizer nor a regular expression for '
                f'names of variables: {error}.'
            ) from error


def _path_of(name: str, path: str | None) -> str:
    if not name.isidentifier():
        raise CheckpointError(f'Give the path of the optimizer for {name!r}: optimizer={{{name!r}: ...}}.')
    return f'{path or "optimizer"}_{name}'


def _check_names(argument: str, given: Mapping[str, Any], known: Mapping[str, Any], kind: type = object):
    unknown = [name for name, value in given.items() if name not in known or not isinstance(value, kind)]
    if unknown:
        raise CheckpointError(
            f'{argument} has {", ".join(map(repr, unknown))}; for several optimizers it is a dict with the names of '
            f'keras_optimizer: {", ".join(map(repr, known))}.'
        )


@dataclasses.dataclass
class _Settings:
    """Works out what one optimizer is set to.

    Attributes:
      source: The checkpoint.
      graph: The optimizers of the graph beside it.
      name: What the optimizer was asked for by; empty for any.
    """

    source: Source
    graph: Sequence[meta_graph.GraphOptimizer]
    name: str

    def optimizer(
        self, keras_optimizer: Any, path: str, hyperparameters: Mapping[str, float]
    ) -> KerasOptimizer:
        """The optimizer at a path; what the caller gave goes before the checkpoint, that before the graph."""
        class_name, config = describe(keras_optimizer)
        family = family_of(class_name)
        if family is None:
            known = ', '.join(legacy.name for legacy in KERAS_LEGACY.values())
            raise CheckpointError(f'The state of TF1 cannot become that of {class_name}; there are {known}.')
        known = KERAS_LEGACY[family].hyperparameters
        unknown = sorted(set(hyperparameters) - {*known, *_FURTHER})
        if unknown:
            raise CheckpointError(
                f'{class_name} has no hyper-parameter {", ".join(unknown)}; it has {", ".join(known)}.'
            )
        of_config = {hyper: value for hyper, value in config.items() if isinstance(value, (int, float))}
        values, notes = {**of_config, **hyperparameters}, []
        for origin, read in (('the checkpoint', self._in_checkpoint), ('the graph', self._in_graph)):
            found = _sorted(read(family), known)
            found = {hyper: value for hyper, value in found.items() if hyper not in values}
            values |= found
            notes += [f'From {origin}: {_listed(found)}, for {path}.'] if found else []
        defaults = {hyper: value for hyper, value in known.items() if hyper not in values}
        if defaults:
            notes.append(f"Keras's defaults are taken for {_listed(defaults)} of {path}.")
        iterations = hyperparameters.get('iter')
        return KerasOptimizer(
            family,
            path,
            {hyper: values.get(hyper, default) for hyper, default in known.items()},
            values.get('learning_rate'),
            None if iterations is None else int(iterations),
            notes,
        )

    def _in_checkpoint(self, family: str) -> dict[str, float]:
        """What a name-based checkpoint of a Keras optimizer says: `training/Adagrad/learning_rate`."""
        known, found = KERAS_LEGACY[family].hyperparameters, []
        for tensor in self.source.tensors:
            scope, _, hyper = tensor.name.rpartition('/')
            name = scope.rpartition('/')[2]
            if tensor.meaning.kind is Kind.OPTIMIZER and not tensor.object_key and hyper in known:
                value = self.source.number(tensor) if self._is_of(name, family) else None
                found += [{hyper: float(f'{value:.7g}')}] if value is not None else []
        return _agreed(found)

    def _in_graph(self, family: str) -> dict[str, float]:
        return _agreed([one.hyperparameters for one in self.graph if self._is_of(one.name, family)])

    def _is_of(self, name: str, family: str) -> bool:
        """Whether an optimizer of this name is the one that was asked for, as far as names can tell."""
        return family_of(name) == family and (family_of(self.name) is None or self.name == name)


def _agreed(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What several optimizers are set to, where they do not differ."""
    values = {}
    for one in found:
        for hyper, value in one.items():
            values.setdefault(hyper, set()).add(value)
    return {hyper: several.pop() for hyper, several in values.items() if len(several) == 1}


def _sorted(values: Mapping[str, float], known: Iterable[str]) -> dict[str, float]:
    """In the order of those that Keras keeps, before others."""
    order = [*known, *values]
    return dict(sorted(values.items(), key=lambda item: order.index(item[0])))


def _listed(values: Mapping[str, float]) -> str:
    return ', '.join(f'{hyper}={value:g}' for hyper, value in values.items())
