"""Rules between the recurrent cells of TF1 and those of Keras, which `rules='rnn'` stands for.

TF1 keeps the rows of the input and of the state in one kernel, orders the gates of an LSTM as i, j, f, o, and adds its
forget bias when it runs (`tensorflow/python/ops/rnn_cell_impl.py`). Keras has two kernels, the gates i, f, c, o, and
the forget bias in its variable (`keras/layers/rnn/lstm.py`). A GRU has the gates r, u and the candidate in TF1, and
z = u, r, h in Keras; only the cells that are compatible with cuDNN compute what Keras does with `reset_after=True`.
"""

import collections
import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.recurrent_cells import KERAS_NAMES, Cell, Shape, find_cells
from estimator_ckpt.mapping.rules import Rule, RuleError, literal
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.mapping.transforms import parse_transforms

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
    return _forget_bias(rules) is not None


def has_cells(rules: Any) -> bool:
    """Returns True if the word `'rnn'` is among rules, or is all of them."""
    return is_word(rules) or (isinstance(rules, Sequence) and any(map(is_word, rules)))


def with_cells(rules: Any, source: Source, target: Targets | None = None) -> Any:
    """Returns rules in which the word `'rnn'` is replaced by the rules for the recurrent cells of a checkpoint.

    Args:
      rules: The rules, which may be the word alone or have it among them. `'rnn forget_bias=0'` says what the LSTMs of
        TF1 were made with, where that is not 1.
      source: The checkpoint.
      target: The tensors that are to get values; None for any, under names like those of the checkpoint.

    Raises:
      RuleError: If the checkpoint has no recurrent cells, or one has no counterpart, or several, in the target.
    """
    if is_word(rules):
        return cell_rules(source, target, _forget_bias(rules))
    if isinstance(rules, Sequence) and not isinstance(rules, str):
        items: list[Any] = []
        for rule in rules:
            items += cell_rules(source, target, _forget_bias(rule)) if is_word(rule) else [rule]
        return items
    return rules


def without_cells(rules: Any) -> Any:
    """Returns rules without the word `'rnn'`, for checks of the other ones."""
    if is_word(rules):
        return None
    if isinstance(rules, (list, tuple)):
        return [rule for rule in rules if not is_word(rule)]
    return rules


def _forget_bias(rule: Any) -> float | None:
    """Returns the forget bias that the word stands for; None if a rule is not the word."""
    word, _, option = rule.partition(' ') if isinstance(rule, str) else ('', '', '')
    if word != WORD or option.startswith('->'):
        return None
    if not option:
        return _FORGET_BIAS
    match = _OPTION.fullmatch(option.strip())
    if match is None:
        raise RuleError(f'{rule!r}: the only option of {WORD!r} is forget_bias=NUMBER.')
    return float(match[1])


def cell_rules(source: Source, target: Targets | None = None, forget_bias: float | None = None) -> list[Rule]:
    """Returns the rules for all recurrent cells of a checkpoint.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values; None for any.
      forget_bias: What TF1's LSTMs add to the forget gate when they run; None for the default of theirs, 1.

    Raises:
      RuleError: If there are no cells, or one has no counterpart, or several.
    """
    cells = find_cells(_shapes_of(source))
    if not cells:
        raise RuleError(
            f'{source.reader.prefix} has no recurrent cells of TF1 or Keras for the rules {WORD!r}.'
        )
    if target is None:
        pairs = [(cell, _renamed(cell)) for cell in cells]
    else:
        pairs = _paired(cells, target, source.reader.prefix)
    rules = []
    for cell, other in pairs:
        rules += _rules_between(cell, other, _FORGET_BIAS if forget_bias is None else forget_bias)
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
    by_signature, rules = _by_signature(others), []
    for (is_keras, *signature), group in _by_signature(cells).items():
        partners = by_signature.get((not is_keras, *signature), [])
        if len(partners) == len(group):
            for cell, other in zip(group, partners, strict=True):
                # A cell of Keras without a bias has no room for that of TF1.
                with contextlib.suppress(RuleError):
                    rules += _rules_between(cell, other, _FORGET_BIAS)
    return rules


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


def _renamed(cell: Cell) -> Cell:
    """Returns the counterpart of a cell under names like its own."""
    scope, _, last = cell.scope.rpartition('/')
    if not cell.is_keras:
        last = _KERAS_CLASSES[cell.family]
        scope = f'{scope}/{last}' if scope else last
        return dataclasses.replace(
            cell, scope=scope, names={own: f'{scope}/{own}' for own in KERAS_NAMES}, is_keras=True
        )
    owns: tuple[str, ...] = ('kernel', 'bias')
    if cell.family == 'gru':
        owns = tuple(f'{gate}/{own}' for gate in ('gates', 'candidate') for own in owns)
    names = {own: f'{cell.scope}/{own}' for own in owns}
    return dataclasses.replace(cell, names=names, is_keras=False)


def _paired(cells: Sequence[Cell], target: Targets, path: str) -> list[tuple[Cell, Cell]]:
    """Returns the cells with their counterparts: of the same sizes and direction, in the same order."""
    others = find_cells(_shapes_wanted(target))
    by_signature, pairs = _by_signature(others), []
    for (is_keras, *signature), group in _by_signature(cells).items():
        partners = by_signature.get((not is_keras, *signature), [])
        if not partners:
            partners = by_signature.get((is_keras, *signature), [])
            if partners and all(cell.endings == partners[0].endings for cell in group):
                continue  # The target has the same kind of cells under the same names, which need no rules.
        if len(partners) != len(group):
            raise RuleError(
                f'{path}: {", ".join(cell.scope for cell in group)}: {len(group)} {_described(group[0])}, and '
                f'{len(partners)} in the target{_hint(group[0], others)}; give the rules of these one by one.'
            )
        pairs += list(zip(group, partners, strict=True))
    return pairs


def _by_signature(cells: Iterable[Cell]) -> dict[tuple[Any, ...], list[Cell]]:
    """Returns the cells by whether they are Keras's, and by their signatures."""
    groups: dict[tuple[Any, ...], list[Cell]] = collections.defaultdict(list)
    for cell in cells:
        key = (cell.is_keras, *cell.signature)
        groups[key].append(cell)
    return groups


def _described(cell: Cell) -> str:
    return f'cells of {cell.inputs} inputs and {cell.units} units ({cell.family.upper()})'


def _hint(cell: Cell, others: Iterable[Cell]) -> str:
    """Returns the cure if the only difference is `reset_after`, which changes what a GRU computes."""
    same = [other for other in others if other.signature[:4] == cell.signature[:4]]
    if cell.family == 'gru' and any(other.is_cudnn != cell.is_cudnn for other in same):
        return f'; a GRU of Keras must have reset_after={cell.is_cudnn}'
    return ''


def _rule(name: str, targets: Iterable[str], operations: str) -> Rule:
    replacement = ', '.join(targets)
    operations = operations.strip()
    source = f'{name} -> {replacement} | {operations}'
    return Rule(
        source, re.compile(re.escape(name)), literal(replacement), parse_transforms(operations), name=name
    )


def _rules_between(cell: Cell, other: Cell, forget_bias: float) -> list[Rule]:
    """Returns the rules for a cell and its counterpart, given what the LSTMs of TF1 add to the forget gate."""
    added = _added(cell, forget_bias) - _added(other, forget_bias)
    if cell.is_keras == other.is_keras:
        return list(_renames(cell, other, added))
    return list(_to_keras(cell, other, added) if other.is_keras else _to_tf1(cell, other, added))


def _added(cell: Cell, forget_bias: float) -> float:
    """Returns what a cell adds to the bias of its forget gate when it runs."""
    return 0.0 if cell.is_keras or cell.is_cudnn else forget_bias


def _forget(added: float, block: int) -> str:
    """Returns the operation that adds a forget bias to one of the four blocks of a bias."""
    return f'add={added:g},0,{block},4' if added else ''


def _renames(cell: Cell, other: Cell, added: float) -> Iterator[Rule]:
    """Yields the rules for two cells of TF1 that releases named differently."""
    for own, name in cell.names.items():
        yield _rule(name, [other.names[own]], _forget(added, 2) if own == 'bias' else '')


def _to_keras(cell: Cell, other: Cell, added: float) -> Iterator[Rule]:
    """Yields the rules for a cell of TF1 and its counterpart in Keras."""
    rows = f'split=0,{cell.inputs},{cell.units}'
    kernels = [other.names['kernel'], other.names['recurrent_kernel']]
    bias = other.names.get('bias')
    if bias is None:
        raise RuleError(
            f'{other.scope} has no bias (use_bias=False), and {cell.scope} has one; build it with one.'
        )
    names = cell.names
    if cell.family == 'rnn':
        yield _rule(names['kernel'], kernels, rows)
        yield _rule(names['bias'], [bias], '')
    elif cell.family == 'lstm':
        yield _rule(names['kernel'], kernels, f'{rows} blocks=1,0,2,1,3')
        yield _rule(names['bias'], [bias], f'blocks=0,0,2,1,3 {_forget(added, 1)}')
    elif cell.is_cudnn:
        yield from _cudnn_gru_to_keras(cell, rows, kernels, bias)
    else:
        # The candidate comes before the gates r and u, in the order of the names.
        for part in ('gates', 'candidate'):
            yield _rule(names[f'{part}/kernel'], kernels, f'concat=1 blocks=1,2,1,0 {rows}')
            yield _rule(names[f'{part}/bias'], [bias], 'concat=0 blocks=0,2,1,0')


def _cudnn_gru_to_keras(cell: Cell, rows: str, kernels: Sequence[str], bias: str) -> Iterator[Rule]:
    """Yields the rules for a GRU whose candidate has a projection and a bias for the input and for the state each."""
    names, units = cell.names, cell.units
    yield _rule(names['gates/kernel'], kernels, f'{rows} concat=1 blocks=1,2,1,0')
    for part, kernel in zip(('input', 'hidden'), kernels, strict=True):
        yield _rule(names[f'{part}/kernel'], [kernel], 'concat=1 blocks=1,2,1,0')
    yield _rule(names['gates/bias'], [bias], f'blocks=0,1,0 pad=0,0,{units} expand=0 pad=0,0,1 sum')
    yield _rule(names['input/bias'], [bias], f'pad=0,{2 * units},0 expand=0 pad=0,0,1 sum')
    yield _rule(names['hidden/bias'], [bias], f'pad=0,{2 * units},0 expand=0 pad=0,1,0 sum')


def _to_tf1(cell: Cell, other: Cell, added: float) -> Iterator[Rule]:
    """Yields the rules for a cell of Keras and its counterpart in TF1."""
    if cell.family == 'gru' and cell.is_cudnn:
        raise RuleError(
            f'{cell.scope} has two biases (reset_after=True), for which the GRUCell of TF1 has no counterpart.'
        )
    if 'bias' not in cell.names:
        raise RuleError(f'{cell.scope} has no bias (use_bias=False), which the cells of TF1 need.')
    kernels = [cell.names['kernel'], cell.names['recurrent_kernel']]
    names, units = other.names, cell.units
    targets, columns = [names.get('kernel', '')], ''
    if cell.family == 'lstm':
        columns = ' blocks=1,0,2,1,3'
    elif cell.family == 'gru':
        targets = [names['gates/kernel'], names['candidate/kernel']]
        columns = f' blocks=1,1,0,2 split=1,{2 * units},{units}'
    for kernel in kernels:
        yield _rule(kernel, targets, f'concat=0{columns}')
    if cell.family == 'gru':
        biases = [names['gates/bias'], names['candidate/bias']]
        yield _rule(cell.names['bias'], biases, f'blocks=0,1,0,2 split=0,{2 * units},{units}')
    else:
        operations = f'blocks=0,0,2,1,3 {_forget(added, 2)}' if cell.family == 'lstm' else ''
        yield _rule(cell.names['bias'], [names['bias']], operations)
