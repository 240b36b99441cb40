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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.rules import Rule, RuleError, literal
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.mapping.tensors import natural_order
from estimator_ckpt.mapping.transforms import parse_transforms

# What the option `rules` says for these rules, alone or among others.
WORD = 'rnn'

Shape = tuple[int, ...]
_CELL = re.compile(
    r'(?P<prefix>basic_|cudnn_compatible_)?(?P<family>lstm|gru|rnn)(?:_block|_fused)?_cell(?:_\d+)?'
)
# What an LSTM of TF1 may be called by the option `name`, itself or below a scope of a recurrent layer.
_NAMED_LSTM = re.compile(r'(?:.*_)?lstm(?:_cell)?(?:_?\d+)?|.*rnn/(?:.*/)?[^/]*', re.I)
_DIRECTIONS = {
    'forward': re.compile(r'(?:^|/)(?:fw|forward)(?:_|/|$)'),
    'backward': re.compile(r'(?:^|/)(?:bw|backward)(?:_|/|$)'),
}
# The names of the variables of a cell in TF1, those of early releases included, by what they are here.
_PLAIN = {'kernel': 'kernel', 'weights': 'kernel', 'bias': 'bias', 'biases': 'bias'}
_TF1_NAMES = {
    **_PLAIN,
    **{f'{gate}/{name}': f'{gate}/{own}' for gate in ('gates', 'candidate') for name, own in _PLAIN.items()},
    **{
        f'candidate/{part}_projection/{name}': f'{part}/{name}'
        for part in ('input', 'hidden')
        for name in ('kernel', 'bias')
    },
}
_KERAS_NAMES = ('kernel', 'recurrent_kernel', 'bias')
_KERAS_CLASSES = {'lstm': 'lstm_cell', 'gru': 'gru_cell', 'rnn': 'simple_rnn_cell'}
_GATES = {'lstm': 4, 'gru': 3, 'rnn': 1}
_FORGET_BIAS = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """A recurrent cell.

    Attributes:
      scope: The name that the names of its variables begin with.
      family: `'lstm'`, `'gru'` or `'rnn'`.
      inputs: The size of the input.
      units: The size of the state.
      names: The names of its variables, by what they are.
      is_keras: Whether it is one of Keras.
      is_cudnn: Whether it is compatible with cuDNN: a GRU with two biases, or an LSTM without a forget bias.
    """

    scope: str
    family: str
    inputs: int
    units: int
    names: Mapping[str, str]
    is_keras: bool
    is_cudnn: bool = False

    @property
    def direction(self) -> str:
        """The direction in a bidirectional layer; empty if there is none in the name."""
        return next((name for name, words in _DIRECTIONS.items() if words.search(self.scope)), '')

    @property
    def signature(self) -> tuple[Any, ...]:
        """What a cell and its counterpart have in common."""
        # An LSTM of cuDNN is any LSTM in Keras; a GRU of cuDNN has other biases.
        return self.family, self.inputs, self.units, self.direction, self.family == 'gru' and self.is_cudnn


def with_cells(rules: Any, source: Source, target: Targets | None = None) -> Any:
    """Returns rules in which the word `'rnn'` is replaced by the rules for the recurrent cells of a checkpoint.

    Args:
      rules: The rules, which may be the word alone or have it among them.
      source: The checkpoint.
      target: The tensors that are to get values; None for any, under names like those of the checkpoint.

    Raises:
      RuleError: If the checkpoint has no recurrent cells, or one has no counterpart, or several, in the target.
    """
    if _is_word(rules):
        return cell_rules(source, target)
    if isinstance(rules, Sequence) and not isinstance(rules, str):
        items: list[Any] = []
        for rule in rules:
            items += cell_rules(source, target) if _is_word(rule) else [rule]
        return items
    return rules


def has_cells(rules: Any) -> bool:
    """Returns True if the word `'rnn'` is among rules, or is all of them."""
    return _is_word(rules) or (isinstance(rules, Sequence) and any(map(_is_word, rules)))


def _is_word(rule: Any) -> bool:
    return isinstance(rule, str) and rule == WORD


def without_cells(rules: Any) -> Any:
    """Returns rules without the word `'rnn'`, for checks of the other ones."""
    if _is_word(rules):
        return None
    if isinstance(rules, (list, tuple)):
        return [rule for rule in rules if not _is_word(rule)]
    return rules


def cell_rules(source: Source, target: Targets | None = None) -> list[Rule]:
    """Returns the rules for all recurrent cells of a checkpoint.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values; None for any.

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
        rules += _rules_between(cell, other)
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
                    rules += _rules_between(cell, other)
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


def find_cells(shapes: Mapping[str, Shape], by_class: bool = True) -> list[Cell]:
    """Returns the recurrent cells among variables, in the natural order of their names.

    Args:
      shapes: The shapes of the variables, by name or path.
      by_class: Whether cells of TF1 must have the names of their classes.
    """
    by_scope: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for name in shapes:
        for ending, own in [*_TF1_NAMES.items(), ('recurrent_kernel', 'recurrent_kernel')]:
            if name.endswith(f'/{ending}'):
                by_scope[name.removesuffix(f'/{ending}')][own] = name
    found = (_cell(scope, names, shapes, by_class) for scope, names in by_scope.items())
    return sorted(filter(None, found), key=lambda cell: natural_order(cell.scope))


def _cell(scope: str, names: Mapping[str, str], shapes: Mapping[str, Shape], by_class: bool) -> Cell | None:
    """Returns the cell that variables of one scope are; None if they are none."""
    of = {own: shapes[name] for own, name in names.items()}
    if 'recurrent_kernel' in of:
        return _keras_cell(scope, {own: names[own] for own in _KERAS_NAMES if own in names}, of)
    last = scope.rpartition('/')[2]
    match = _CELL.fullmatch(last)
    if match is not None:
        family, is_cudnn = match['family'], match['prefix'] == 'cudnn_compatible_'
    elif not by_class and 'gates/kernel' in of:
        family, is_cudnn = 'gru', False
    elif not by_class and (_NAMED_LSTM.fullmatch(last) or _NAMED_LSTM.fullmatch(scope)):
        family, is_cudnn = 'lstm', False
    else:
        return None
    needed = {'kernel', 'bias'} if family != 'gru' else {'gates/kernel', 'gates/bias'}
    if family == 'gru':
        parts = ('input', 'hidden') if is_cudnn else ('candidate',)
        needed |= {f'{part}/{name}' for part in parts for name in ('kernel', 'bias')}
    if not needed <= of.keys():
        return None
    kernel = of['gates/kernel' if family == 'gru' else 'kernel']
    gates = 2 if family == 'gru' else _GATES[family]
    units = kernel[-1] // gates
    if len(kernel) != 2 or kernel[1] != units * gates or kernel[0] <= units:
        return None
    # A projection makes the state smaller than the gates, and peepholes have no counterpart in Keras.
    if any(name.startswith(f'{scope}/') and name not in names.values() for name in shapes):
        return None
    return Cell(scope, family, kernel[0] - units, units, {own: names[own] for own in needed}, False, is_cudnn)


def _keras_cell(scope: str, names: Mapping[str, str], of: Mapping[str, Shape]) -> Cell | None:
    kernel, recurrent = of.get('kernel', ()), of['recurrent_kernel']
    if len(kernel) != 2 or len(recurrent) != 2 or kernel[1] != recurrent[1] or recurrent[1] % recurrent[0]:
        return None
    family = {count: family for family, count in _GATES.items()}.get(recurrent[1] // recurrent[0])
    if family is None:
        return None
    is_cudnn = family == 'gru' and len(of.get('bias', ())) == 2
    return Cell(scope, family, kernel[0], recurrent[0], names, True, is_cudnn)


def _renamed(cell: Cell) -> Cell:
    """Returns the counterpart of a cell under names like its own."""
    scope, _, last = cell.scope.rpartition('/')
    if not cell.is_keras:
        last = _KERAS_CLASSES[cell.family]
        scope = f'{scope}/{last}' if scope else last
        return dataclasses.replace(
            cell, scope=scope, names={own: f'{scope}/{own}' for own in _KERAS_NAMES}, is_keras=True
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
        if len(partners) != len(group):
            if (is_keras, *signature) in by_signature and not partners:
                continue  # The target has the same kind of cells, which need no rules.
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
    source = f'{name} -> {replacement} | {operations}'
    return Rule(
        source, re.compile(re.escape(name)), literal(replacement), parse_transforms(operations), name=name
    )


def _rules_between(cell: Cell, other: Cell) -> list[Rule]:
    return list(_to_keras(cell, other) if other.is_keras else _to_tf1(cell, other))


def _to_keras(cell: Cell, other: Cell) -> Iterator[Rule]:
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
        forget = '' if cell.is_cudnn else f' add={_FORGET_BIAS:g},0,1,4'
        yield _rule(names['bias'], [bias], f'blocks=0,0,2,1,3{forget}')
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


def _to_tf1(cell: Cell, other: Cell) -> Iterator[Rule]:
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
        forget = '' if other.is_cudnn else f' add={-_FORGET_BIAS:g},0,2,4'
        operations = f'blocks=0,0,2,1,3{forget}' if cell.family == 'lstm' else ''
        yield _rule(cell.names['bias'], [names['bias']], operations)
