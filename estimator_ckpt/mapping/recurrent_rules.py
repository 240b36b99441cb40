"""The rules for recurrent cells that `rules='rnn'` stands for: which cell has which counterpart.

Cells of TF1, Keras and PyTorch become those of another of these. What forget bias the LSTMs of TF1 add when they run,
the `.meta` graph beside the checkpoint says, or `rules='rnn forget_bias=0'`; else it is their default, 1.
"""

import collections
import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.forget_biases import ForgetBiases
from estimator_ckpt.mapping.recurrent_cells import (
    FRAMEWORKS,
    KERAS,
    KERAS_NAMES,
    PYTORCH,
    PYTORCH_NAMES,
    TF1,
    Cell,
    Shape,
    find_cells,
)
from estimator_ckpt.mapping.recurrent_layouts import rules_between
from estimator_ckpt.mapping.recurrent_order import paired
from estimator_ckpt.mapping.rules import Rule, RuleError
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets

# What the option `rules` says for these rules, alone or among others.
WORD = 'rnn'

_KERAS_CLASSES = {'lstm': 'lstm_cell', 'gru': 'gru_cell', 'rnn': 'simple_rnn_cell'}
# The default of the option `forget_bias` of the LSTMs of TF1.
_FORGET_BIAS = 1.0
_OPTION = re.compile(r'forget_bias=([+-]?\d+(?:\.\d*)?)')


def is_word(rules: Any) -> bool:
    """Returns True if rules are the word `'rnn'`, alone or with its option.

    Raises:
      RuleError: If the word has an option that is unknown or no number.
    """
    word, _, option = rules.partition(' ') if isinstance(rules, str) else ('', '', '')
    if word != WORD or option.startswith('->'):
        return False
    if option and _OPTION.fullmatch(option.strip()) is None:
        raise RuleError(f'{rules!r}: the only option of {WORD!r} is forget_bias=NUMBER.')
    return True


def has_cells(rules: Any) -> bool:
    """Returns True if the word `'rnn'` is among rules, or is all of them."""
    return is_word(rules) or (isinstance(rules, Sequence) and any(map(is_word, rules)))


def with_cells(
    rules: Any, source: Source, target: Targets | None = None, framework: str | None = None
) -> Any:
    """Returns rules in which the word `'rnn'` is replaced by the rules for the recurrent cells of a checkpoint.

    Args:
      rules: The rules, which may be the word alone or have it among them. `'rnn forget_bias=0'` says what the LSTMs of
        TF1 were made with, where the graph beside the checkpoint does not and it is not 1.
      source: The checkpoint.
      target: The tensors that are to get values; None for any, under names like those of the checkpoint.
      framework: Whose cells they are to become if there is no target, one of `FRAMEWORKS`.

    Raises:
      RuleError: If the checkpoint has no recurrent cells, or one has no counterpart, or several, in the target.
    """
    if is_word(rules):
        return cell_rules(source, target, _forget_bias(rules), framework)
    if isinstance(rules, Sequence) and not isinstance(rules, str):
        items: list[Any] = []
        for rule in rules:
            items += cell_rules(source, target, _forget_bias(rule), framework) if is_word(rule) else [rule]
        return items
    return rules


def without_cells(rules: Any) -> Any:
    """Returns rules without the word `'rnn'`, for checks of the other ones."""
    if is_word(rules):
        return None
    if isinstance(rules, (list, tuple)):
        return [rule for rule in rules if not is_word(rule)]
    return rules


def _forget_bias(word: str) -> float | None:
    """Returns the forget bias that the word is given; None if it is given none."""
    match = _OPTION.search(word)
    return float(match[1]) if match else None


def cell_rules(
    source: Source,
    target: Targets | None = None,
    forget_bias: float | None = None,
    framework: str | None = None,
) -> list[Rule]:
    """Returns the rules for all recurrent cells of a checkpoint.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values; None for any.
      forget_bias: What TF1's LSTMs add to the forget gate when they run; None for what the graph beside the checkpoint
        says, or else for their default, 1.
      framework: Whose cells they are to become if there is no target; None for Keras's, or TF1's if they are Keras's.

    Raises:
      RuleError: If there are no cells, or one has no counterpart, or several, or several forget biases.
    """
    cells = find_cells(_shapes_of(source))
    if not cells:
        raise RuleError(
            f'{source.reader.prefix} has no recurrent cells of TF1, Keras or PyTorch for the rules {WORD!r}.'
        )
    if target is None:
        pairs = [(cell, _renamed(cell, framework)) for cell in cells if cell.framework != framework]
    else:
        pairs = _paired(cells, source, target)
    if forget_bias is not None and not any(cell.adds_forget_bias for pair in pairs for cell in pair):
        raise RuleError(
            f"{source.reader.prefix}: '{WORD} forget_bias={forget_bias:g}' has no effect, for no LSTM of TF1 adds one; "
            'leave out forget_bias.'
        )
    rules, bias_of = [], _forget_biases(source, cells)
    for cell, other in pairs:
        rules += rules_between(cell, other, bias_of(cell, other) if forget_bias is None else forget_bias)
    return rules


def probable_rules(source: Source, target: Targets) -> list[Rule]:
    """Returns the rules for those recurrent cells of a checkpoint that have counterparts in the target.

    A GRU of TF1 may have any name, and an LSTM any that ends in `lstm` or is in the scope of a recurrent layer.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values.
    """
    cells = find_cells(_shapes_of(source), by_class=False)
    others = find_cells(_shapes_wanted(target), by_class=False) if cells else []
    if not others:
        return []
    by_signature, called, rules = _by_signature(others), _called(source, target), []
    bias_of = _forget_biases(source, cells)
    for (framework, *signature), group in _by_signature(cells).items():
        partners = _elsewhere(by_signature, framework, signature)
        if len(partners) == len(group):
            for cell, other in paired(group, partners, called) or ():
                # A cell of Keras without a bias has no room for that of TF1.
                with contextlib.suppress(RuleError):
                    rules += rules_between(cell, other, bias_of(cell, other))
    return rules


def _forget_biases(source: Source, cells: Iterable[Cell]) -> Callable[[Cell, Cell], float]:
    """Returns a function that returns what the LSTMs of TF1 among a cell and its counterpart add to the forget gate."""
    if not any(cell.adds_forget_bias for cell in cells):
        return lambda cell, other: _FORGET_BIAS
    found = ForgetBiases(source.reader.prefix)

    def bias_of(cell: Cell, other: Cell) -> float:
        # Where both add it, no bias changes.
        values = found.of(cell.scope) if cell.adds_forget_bias and not other.adds_forget_bias else set()
        if len(values) > 1:
            listed = ', '.join(f'{value:g}' for value in sorted(values))
            raise RuleError(
                f'{source.reader.prefix}: {cell.scope}: the graph has the forget biases {listed}; say which by '
                f"'{WORD} forget_bias=NUMBER'."
            )
        return values.pop() if values else _FORGET_BIAS

    return bias_of


def _shapes_of(source: Source) -> dict[str, Shape]:
    return {
        tensor.candidates[0]: source.reader.entry(tensor.key).shape
        for tensor in source.tensors
        if tensor.meaning.kind in (Kind.VARIABLE, Kind.OTHER)
    }


def _shapes_wanted(target: Targets) -> dict[str, Shape]:
    return {
        wanted.tensor.candidates[-1 if wanted.tensor.path else 0]: wanted.shape
        for wanted in target.wanted
        if wanted.shape is not None and wanted.tensor.meaning.kind is Kind.VARIABLE
    }


def _called(source: Source, target: Targets) -> dict[str, str]:
    """Returns everything that variables of both sides are called, by each of their names and paths."""
    tensors = [*source.tensors, *(wanted.tensor for wanted in target.wanted)]
    return {name: ' '.join(tensor.candidates) for tensor in tensors for name in tensor.candidates}


def _renamed(cell: Cell, framework: str | None) -> Cell:
    """Returns the counterpart of a cell under names like its own.

    Args:
      cell: The cell.
      framework: What it is to be a cell of; None for Keras, and for TF1 if it is Keras's.
    """
    framework = framework or (TF1 if cell.framework == KERAS else KERAS)
    scope = cell.scope
    if framework == PYTORCH:
        names = {own: f'{scope}/{own}_l0' for own in PYTORCH_NAMES}
    elif framework == KERAS:
        # The scope of a cell of TF1 has the name of its class.
        scope = scope.rpartition('/')[0] if cell.framework == TF1 else scope
        scope = '/'.join(filter(None, (scope, _KERAS_CLASSES[cell.family])))
        names = {own: f'{scope}/{own}' for own in KERAS_NAMES}
    else:
        parts = ('gates/', 'candidate/') if cell.family == 'gru' else ('',)
        names = {f'{part}{own}': f'{scope}/{part}{own}' for part in parts for own in ('kernel', 'bias')}
    if framework != TF1 and not cell.has_bias:
        names = {own: name for own, name in names.items() if 'bias' not in own}
    is_cudnn = cell.is_cudnn or (framework == PYTORCH and cell.family == 'gru')
    return dataclasses.replace(cell, scope=scope, names=names, framework=framework, is_cudnn=is_cudnn)


def _paired(cells: Sequence[Cell], source: Source, target: Targets) -> list[tuple[Cell, Cell]]:
    """Returns the cells with their counterparts: of the same sizes and direction, by the words and numbers of names."""
    others = find_cells(_shapes_wanted(target))
    by_signature, called, pairs = _by_signature(others), _called(source, target), []
    for (framework, *signature), group in _by_signature(cells).items():
        partners = _elsewhere(by_signature, framework, signature)
        if not partners:
            partners = by_signature.get((framework, *signature), [])
            if partners and all(cell.endings == partners[0].endings for cell in group):
                continue  # The target has the same kind of cells under the same names, which need no rules.
        scopes, what = ', '.join(cell.scope for cell in group), _described(group[0])
        if len(partners) != len(group):
            raise RuleError(
                f'{source.reader.prefix}: {scopes}: {len(group)} {what}, and {len(partners)} in the target'
                f'{_hint(group[0], others)}; give the rules of these one by one.'
            )
        in_order = paired(group, partners, called)
        if in_order is None:
            other_scopes = ', '.join(cell.scope for cell in partners)
            raise RuleError(
                f'{source.reader.prefix}: {scopes}: nothing tells which of {other_scopes} each of these {what} is; '
                'give the rules of these one by one.'
            )
        pairs += in_order
    return pairs


def _by_signature(cells: Iterable[Cell]) -> dict[tuple[Any, ...], list[Cell]]:
    """Returns the cells by what they are cells of, and by their signatures."""
    groups: dict[tuple[Any, ...], list[Cell]] = collections.defaultdict(list)
    for cell in cells:
        key = (cell.framework, *cell.signature)
        groups[key].append(cell)
    return groups


def _elsewhere(
    groups: Mapping[tuple[Any, ...], list[Cell]], framework: str, signature: Iterable[Any]
) -> list[Cell]:
    """Returns the cells of a signature that are cells of something else."""
    others = [other for other in FRAMEWORKS if other != framework]
    return [cell for other in others for cell in groups.get((other, *signature), [])]


def _described(cell: Cell) -> str:
    return f'cells of {cell.inputs} inputs and {cell.units} units ({cell.family.upper()})'


def _hint(cell: Cell, others: Iterable[Cell]) -> str:
    """Returns the cure if the only difference is `reset_after`, which changes what a GRU computes."""
    for other in others:
        if (
            cell.family == 'gru'
            and other.signature[:4] == cell.signature[:4]
            and other.is_cudnn != cell.is_cudnn
        ):
            if PYTORCH in (cell.framework, other.framework):
                return '; the GRU of PyTorch is one with reset_after=True'
            return f'; a GRU of Keras must have reset_after={cell.is_cudnn}'
    return ''
