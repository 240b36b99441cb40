"""The recurrent cells among the variables of a checkpoint or a program: those of TF1, of Keras and of PyTorch.

TF1 keeps the rows of the input and of the state in one kernel. Its names changed twice: `BasicLSTMCell/Linear/Matrix`
and `LSTMCell/W_0` (to TensorFlow 0.12), `basic_lstm_cell/weights` (1.0 and 1.1), `basic_lstm_cell/kernel` since
(`tensorflow/contrib/rnn/python/tools/checkpoint_convert.py`). Keras has a `kernel` and a `recurrent_kernel`
(`keras/layers/rnn/lstm.py`), PyTorch `weight_ih_l0` and `weight_hh_l0`, the outputs first, of each layer and direction
(https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html).
"""

import collections
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from estimator_ckpt.mapping.tensors import natural_order

Shape = tuple[int, ...]
# What cells are those of.
TF1, KERAS, PYTORCH = FRAMEWORKS = ('tf1', 'keras', 'pytorch')
_CELL = re.compile(
    r'(?P<prefix>basic_|cudnn_compatible_)?(?P<family>lstm|gru|rnn)(?:_block|_fused)?_cell(?:_\d+)?'
)
# Where a word begins in the name of a class, as the scopes of cells were called to TensorFlow 0.12.
_NEXT_WORD = re.compile(r'(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])')
# What an LSTM of TF1 may be called by the option `name`, itself or below a scope of a recurrent layer.
_NAMED_LSTM = re.compile(r'(?:.*_)?lstm(?:_cell)?(?:_?\d+)?|.*rnn/(?:.*/)?[^/]*', re.I)
_DIRECTIONS = {
    'forward': re.compile(r'(?:(?:^|[/_])fwd?|(?:^|/)forward)(?:_|/|$)', re.I),
    'backward': re.compile(r'(?:(?:^|[/_])bwd?|(?:^|/)backward)(?:_|/|$)', re.I),
}
# The names of the variables of a cell in TF1 by what they are here, the newest last.
_PLAIN = {
    'Linear/Matrix': 'kernel',
    'Linear/Bias': 'bias',
    'weights': 'kernel',
    'biases': 'bias',
    'kernel': 'kernel',
    'bias': 'bias',
}
# Those of LSTMCell and of the cells of one operation in early releases, which other layers use too.
_OF_CLASSES = {'W_0': 'kernel', 'B': 'bias', 'W': 'kernel', 'b': 'bias'}
_PARTS_OF_GRU = ('gates', 'candidate')
_OF_GRU_BLOCKS = {
    f'{letter}_{gate}': f'{part}/{own}'
    for gate, part in zip(('ru', 'c'), _PARTS_OF_GRU, strict=True)
    for letter, own in (('w', 'kernel'), ('W', 'kernel'), ('b', 'bias'))
}
_TF1_NAMES = {
    **_OF_CLASSES,
    **_OF_GRU_BLOCKS,
    **_PLAIN,
    **{
        f'{gate}/{name}': f'{part}/{own}'
        for part in _PARTS_OF_GRU
        for gate in (part.title(), part)
        for name, own in _PLAIN.items()
    },
    **{
        f'candidate/{part}_projection/{name}': f'{part}/{name}'
        for part in ('input', 'hidden')
        for name in ('kernel', 'bias')
    },
}
_PYTORCH_NAME = re.compile(
    r'(?P<own>(?:weight|bias)_(?:ih|hh|hr))(?:_l(?P<layer>\d+))?(?P<reverse>_reverse)?'
)
PYTORCH_NAMES = ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')
KERAS_NAMES = ('kernel', 'recurrent_kernel', 'bias')
# The ends of the names of the variables of cells of TF1 and of Keras, by their last parts.
_ENDINGS_BY_LAST: dict[str, list[tuple[str, str]]] = {}
for _ending, _own in {**_TF1_NAMES, 'recurrent_kernel': 'recurrent_kernel'}.items():
    _ENDINGS_BY_LAST.setdefault(_ending.rpartition('/')[2], []).append((f'/{_ending}', _own))
_GATES = {'lstm': 4, 'gru': 3, 'rnn': 1}
_FAMILIES = {count: family for family, count in _GATES.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """A recurrent cell.

    Attributes:
      scope: The name that the names of its variables begin with.
      family: `'lstm'`, `'gru'` or `'rnn'`.
      inputs: The size of the input.
      units: The size of the state.
      names: The names of its variables, by what they are.
      framework: What it is a cell of, one of `FRAMEWORKS`.
      is_cudnn: Whether it is compatible with cuDNN: a GRU with two biases, or an LSTM without a forget bias.
    """

    scope: str
    family: str
    inputs: int
    units: int
    names: Mapping[str, str]
    framework: str
    is_cudnn: bool = False

    @property
    def direction(self) -> str:
        """The direction in a bidirectional layer; empty if there is none in the name."""
        return next((name for name, words in _DIRECTIONS.items() if words.search(self.scope)), '')

    @property
    def has_bias(self) -> bool:
        """Whether it has biases."""
        return any('bias' in own for own in self.names)

    @property
    def adds_forget_bias(self) -> bool:
        """Whether it adds a number to its forget gate when it runs."""
        return self.framework == TF1 and self.family == 'lstm' and not self.is_cudnn

    @property
    def endings(self) -> frozenset[str]:
        """The names of its variables below its scope."""
        return frozenset(name.removeprefix(f'{self.scope}/') for name in self.names.values())

    @property
    def signature(self) -> tuple[Any, ...]:
        """What a cell and its counterpart have in common."""
        # An LSTM of cuDNN is any LSTM elsewhere; a GRU of cuDNN has other biases.
        return self.family, self.inputs, self.units, self.direction, self.family == 'gru' and self.is_cudnn


def find_cells(shapes: Mapping[str, Shape], by_class: bool = True) -> list[Cell]:
    """Returns the recurrent cells among variables, in the natural order of their names.

    Args:
      shapes: The shapes of the variables, by name or path.
      by_class: Whether cells of TF1 must have the names of their classes.
    """
    by_scope: dict[str, dict[str, str]] = collections.defaultdict(dict)
    of_pytorch: dict[tuple[str, str, bool], dict[str, str]] = collections.defaultdict(dict)
    for name in shapes:
        last = name[name.rfind('/') + 1 :]
        match = _PYTORCH_NAME.fullmatch(last[last.rfind('.') + 1 :])
        if match is not None:
            scope = name.removesuffix(match[0])[:-1].replace('.', '/')
            of_pytorch[scope, match['layer'] or '', bool(match['reverse'])][match['own']] = name
        for ending, own in _ENDINGS_BY_LAST.get(last, ()):
            if name.endswith(ending):
                by_scope[name.removesuffix(ending)][own] = name
    found = [_cell(scope, names, shapes, by_class) for scope, names in by_scope.items()]
    for (scope, layer, is_reverse), names in of_pytorch.items():
        direction = ''
        if (scope, layer, True) in of_pytorch:
            direction = 'backward' if is_reverse else 'forward'
        place = '/'.join(filter(None, (scope, layer and f'l{layer}', direction)))
        found.append(_pytorch_cell(place, names, shapes))
    return sorted(filter(None, found), key=lambda cell: natural_order(cell.scope))


def _cell(scope: str, names: Mapping[str, str], shapes: Mapping[str, Shape], by_class: bool) -> Cell | None:
    """Returns the cell that variables of one scope are; None if they are none."""
    of = {own: shapes[name] for own, name in names.items()}
    if 'recurrent_kernel' in of:
        return _keras_cell(scope, {own: names[own] for own in KERAS_NAMES if own in names}, of)
    family, is_cudnn = _tf1_class(scope, names, by_class)
    if not family:
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
    return Cell(scope, family, kernel[0] - units, units, {own: names[own] for own in needed}, TF1, is_cudnn)


def _tf1_class(scope: str, names: Mapping[str, str], by_class: bool) -> tuple[str, bool]:
    """Returns the family of a cell of TF1, empty if there is none, and whether it is compatible with cuDNN."""
    last = scope.rpartition('/')[2]
    match = _CELL.fullmatch(_NEXT_WORD.sub('_', last).lower())
    if match is not None:
        return match['family'], match['prefix'] == 'cudnn_compatible_'
    if by_class:
        return '', False
    if 'gates/kernel' in names:
        return 'gru', False
    is_lstm = any(_NAMED_LSTM.fullmatch(name) for name in (last, scope)) and last.lower() not in _PARTS_OF_GRU
    # Only cells of the known classes have the early names that other layers use too.
    is_plain = not any(name.removeprefix(f'{scope}/') in _OF_CLASSES for name in names.values())
    return ('lstm' if is_lstm and is_plain else ''), False


def _keras_cell(scope: str, names: Mapping[str, str], of: Mapping[str, Shape]) -> Cell | None:
    kernel, recurrent = of.get('kernel', ()), of['recurrent_kernel']
    if len(kernel) != 2 or len(recurrent) != 2 or kernel[1] != recurrent[1] or recurrent[1] % recurrent[0]:
        return None
    family = _FAMILIES.get(recurrent[1] // recurrent[0])
    if family is None:
        return None
    is_cudnn = family == 'gru' and len(of.get('bias', ())) == 2
    return Cell(scope, family, kernel[0], recurrent[0], names, KERAS, is_cudnn)


def _pytorch_cell(scope: str, names: Mapping[str, str], shapes: Mapping[str, Shape]) -> Cell | None:
    of = {own: shapes[name] for own, name in names.items()}
    kernel, recurrent = of.get('weight_ih', ()), of.get('weight_hh', ())
    # A projection has another state.
    if 'weight_hr' in of or len(kernel) != 2 or len(recurrent) != 2 or kernel[0] != recurrent[0]:
        return None
    family = _FAMILIES.get(recurrent[0] // recurrent[1]) if recurrent[0] % recurrent[1] == 0 else None
    if family is None or ('bias_ih' in of) != ('bias_hh' in of):
        return None
    return Cell(scope, family, kernel[1], recurrent[1], names, PYTORCH, is_cudnn=family == 'gru')
