"""Rules between two recurrent cells, which TF1, Keras and PyTorch lay out differently.

TF1 keeps the rows of the input and of the state in one kernel, orders the gates of an LSTM as i, j, f, o, and adds its
forget bias when it runs (`tensorflow/python/ops/rnn_cell_impl.py`). Keras has two kernels, the gates i, f, c, o, and
the forget bias in its variable (`keras/layers/rnn/lstm.py`). A GRU has the gates r, u and the candidate in TF1, and
z = u, r, h in Keras; only the cells that are compatible with cuDNN compute what Keras does with `reset_after=True`.
PyTorch has the kernels of Keras transposed, r, z, n in its GRU, which is one with `reset_after=True`, and two biases in
each cell (https://pytorch.org/docs/stable/generated/torch.nn.GRU.html).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from estimator_ckpt.mapping.recurrent_cells import PYTORCH, TF1, Cell
from estimator_ckpt.mapping.rules import Rule, RuleError, literal
from estimator_ckpt.mapping.transforms import parse_transforms

# The name of a source, what the targets are in their cell, and the operations.
Part = tuple[str, Sequence[str], str]
_KERNELS = ('kernel', 'recurrent_kernel')


def rules_between(cell: Cell, other: Cell, forget_bias: float) -> list[Rule]:
    """Returns the rules for a cell and its counterpart.

    Args:
      cell: The cell of the source.
      other: That of the target.
      forget_bias: What the LSTMs of TF1 add to the forget gate when they run.

    Raises:
      RuleError: If one of them has values that the other one has no place for.
    """
    added = forget_bias * (cell.adds_forget_bias - other.adds_forget_bias)
    if other.has_bias and not cell.has_bias:
        raise RuleError(f'{cell.scope} has no bias (use_bias=False), which {other.scope} needs.')
    if cell.has_bias and not other.has_bias:
        raise RuleError(
            f'{other.scope} has no bias (use_bias=False), and {cell.scope} has one; build it with one.'
        )
    if other.framework == PYTORCH and cell.family == 'gru' and not cell.is_cudnn:
        raise RuleError(
            f'{cell.scope} has one bias (reset_after=False), for which the GRU of PyTorch has no counterpart.'
        )
    parts = _to_tf1(cell, added) if other.framework == TF1 else _to_keras(cell, added)
    if other.framework == PYTORCH:
        return [_rule(name, *_of_pytorch(other, owns, text)) for name, owns, text in parts]
    return [_rule(name, [other.names[own] for own in owns], text) for name, owns, text in parts]


def _forget(added: float, block: int) -> str:
    """Returns the operation that adds a forget bias to one of the four blocks of a bias."""
    return f'add={added:g},0,{block},4' if added else ''


def _rule(name: str, targets: Iterable[str], operations: str) -> Rule:
    replacement, operations = ', '.join(targets), ' '.join(operations.split())
    source = f'{name} -> {replacement} | {operations}'
    return Rule(
        source, re.compile(re.escape(name)), literal(replacement), parse_transforms(operations), name=name
    )


def _to_keras(cell: Cell, added: float) -> Iterator[Part]:
    """Yields the parts of a cell of Keras."""
    if cell.framework == TF1:
        yield from _tf1_to_keras(cell, added)
    elif cell.framework == PYTORCH:
        yield from _pytorch_to_keras(cell)
    else:
        for own, name in cell.names.items():
            yield name, [own], ''


def _tf1_to_keras(cell: Cell, added: float) -> Iterator[Part]:
    rows, names = f'split=0,{cell.inputs},{cell.units}', cell.names
    if cell.family == 'rnn':
        yield names['kernel'], _KERNELS, rows
        yield names['bias'], ['bias'], ''
    elif cell.family == 'lstm':
        yield names['kernel'], _KERNELS, f'{rows} blocks=1,0,2,1,3'
        yield names['bias'], ['bias'], f'blocks=0,0,2,1,3 {_forget(added, 1)}'
    elif cell.is_cudnn:
        yield from _cudnn_gru_to_keras(cell, rows)
    else:
        # The candidate comes before the gates r and u, in the order of the names.
        for part in ('gates', 'candidate'):
            yield names[f'{part}/kernel'], _KERNELS, f'concat=1 blocks=1,2,1,0 {rows}'
            yield names[f'{part}/bias'], ['bias'], 'concat=0 blocks=0,2,1,0'


def _cudnn_gru_to_keras(cell: Cell, rows: str) -> Iterator[Part]:
    """Yields the parts of a GRU whose candidate has a projection and a bias for the input and for the state each."""
    names, units = cell.names, cell.units
    yield names['gates/kernel'], _KERNELS, f'{rows} concat=1 blocks=1,2,1,0'
    for part, kernel in zip(('input', 'hidden'), _KERNELS, strict=True):
        yield names[f'{part}/kernel'], [kernel], 'concat=1 blocks=1,2,1,0'
    yield names['gates/bias'], ['bias'], f'blocks=0,1,0 pad=0,0,{units} expand=0 pad=0,0,1 sum'
    yield names['input/bias'], ['bias'], f'pad=0,{2 * units},0 expand=0 pad=0,0,1 sum'
    yield names['hidden/bias'], ['bias'], f'pad=0,{2 * units},0 expand=0 pad=0,1,0 sum'


def _pytorch_to_keras(cell: Cell) -> Iterator[Part]:
    gates = 'blocks=0,1,0,2' if cell.family == 'gru' else ''
    for part, kernel, rows in zip(('ih', 'hh'), _KERNELS, ('0,1', '1,0'), strict=True):
        yield cell.names[f'weight_{part}'], [kernel], f'{gates} transpose=1,0'
        if f'bias_{part}' in cell.names:
            row = f'expand=0 pad=0,{rows}' if cell.family == 'gru' else ''
            yield cell.names[f'bias_{part}'], ['bias'], f'{gates} {row} sum'


def _of_pytorch(cell: Cell, owns: Sequence[str], operations: str) -> tuple[list[str], str]:
    """Returns the targets in a cell of PyTorch and the operations, given those of Keras."""
    names, is_gru = cell.names, cell.family == 'gru'
    gates = 'blocks=1,1,0,2' if is_gru else ''
    if owns == ['bias']:
        rows = '' if is_gru else 'expand=0 pad=0,0,1'
        return [names['bias_ih'], names['bias_hh']], f'{operations} {gates} {rows} split=0,1,1 squeeze=0'
    of = dict(zip(_KERNELS, (names['weight_ih'], names['weight_hh']), strict=True))
    return [of[own] for own in owns], f'{operations} {gates} transpose=1,0'


def _to_tf1(cell: Cell, added: float) -> Iterator[Part]:
    """Yields the parts of a cell of TF1."""
    if cell.framework == TF1:
        # Releases of TensorFlow named them differently.
        for own, name in cell.names.items():
            yield name, [own], _forget(added, 2) if own == 'bias' else ''
        return
    if cell.family == 'gru' and cell.is_cudnn:
        raise RuleError(
            f'{cell.scope} has two biases (reset_after=True), for which the GRUCell of TF1 has no counterpart.'
        )
    if cell.framework == PYTORCH:
        yield from _pytorch_to_tf1(cell, added)
        return
    owns, columns, names, units = ['kernel'], '', cell.names, cell.units
    if cell.family == 'lstm':
        columns = 'blocks=1,0,2,1,3'
    elif cell.family == 'gru':
        owns, columns = ['gates/kernel', 'candidate/kernel'], f'blocks=1,1,0,2 split=1,{2 * units},{units}'
    for kernel in _KERNELS:
        yield names[kernel], owns, f'concat=0 {columns}'
    if cell.family == 'gru':
        yield names['bias'], ['gates/bias', 'candidate/bias'], f'blocks=0,1,0,2 split=0,{2 * units},{units}'
    else:
        yield (
            names['bias'],
            ['bias'],
            f'blocks=0,0,2,1,3 {_forget(added, 2)}' if cell.family == 'lstm' else '',
        )


def _pytorch_to_tf1(cell: Cell, added: float) -> Iterator[Part]:
    gates = 'blocks=0,0,2,1,3' if cell.family == 'lstm' else ''
    # Rows are added up where they are zero, for the kernels are in the other order by name.
    for part, rows in (('ih', f'0,{cell.units}'), ('hh', f'{cell.inputs},0')):
        yield cell.names[f'weight_{part}'], ['kernel'], f'{gates} transpose=1,0 pad=0,{rows} sum'
        yield cell.names[f'bias_{part}'], ['bias'], f'{gates} sum {_forget(added, 2)}'
