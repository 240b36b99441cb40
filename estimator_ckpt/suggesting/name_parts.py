"""Takes the names of tensors apart: the name of a layer, the role of the tensor in it, numbers, and words."""

import collections
import dataclasses
import functools
import os
import re
from collections.abc import Collection, Iterable, Sequence

from estimator_ckpt.common.digits import to_int

# What programs call the statistics of normalizations that they write themselves.
_OF_STATISTICS = r'(?:(?:moving|mov|running|pop|population|global|avg|average|ema|est|estimated)_)'
# The names of each role in TF1's layers, Keras, slim, Sonnet and T5.
_ROLES = {
    'kernel': r'(?:(?P<prefix>depthwise|pointwise|recurrent)_)?(?:kernels?|weights?|filters?|w|(?<![_.-])matrix)',
    'bias': r'bias(?:es)?|b',
    'gamma': r'gamma|scale|(?<![_.-])g',
    'beta': r'beta|offset|shift',
    'mean': rf'{_OF_STATISTICS}?mean',
    'variance': rf'{_OF_STATISTICS}?var(?:iance)?',
    'embedding': r'embeddings?(?:_(?:weights|table|matrix))?',
    'alpha': r'alphas?',
}
# A role is the last word of the last component of a name; numbers may follow, as in `W1` and `w2_0`.
_ROLE = {
    role: re.compile(rf'(?:^|(?<=[_.-]))(?:{words})(?=(?:[_-]?\d+){{0,2}}_?(?::0)?$)', re.I)
    for role, words in _ROLES.items()
}
# The letter of a role may be right before a letter of the layer: `Wq`, `bo`, `wc3a`, `bd1`; GPT-2's tables of words and
# positions are `wte` and `wpe`.
_BEFORE_LETTER = re.compile(
    r'(?:^|(?<=[_.-]))(?!w[tp]e)(?:(?P<kernel>W|w)|b)(?=(?:(?!n\d)[a-z]\d*[a-z]?|q?kv|out)(?::0)?$)'
)
# Or it is before the name, as in `W_conv1` and `kernel-cluster`.
_FIRST_ROLE = {
    'kernel': re.compile(r'w_(?=[a-z])|(?:kernel|weight)[_-](?=[a-z]+$)', re.I),
    'bias': re.compile(r'b_(?=[a-z])|bias[_-](?=[a-z]+$)', re.I),
}
_OF_AVERAGES = ('EMA', 'ExponentialMovingAverage')
# Statistics that `tf.train.ExponentialMovingAverage` keeps of the tensors that `tf.nn.moments` returns.
_MOMENT = re.compile(
    r'(?P<layer>(?:.*?/)??)(?:moments(?:_\d+)?/)?(?:normalize(?:_\d+)?/|moments_\d+/)?'
    rf'(?P<moment>mean|variance|Squeeze|Squeeze_1)/(?:{"|".join(_OF_AVERAGES)})(?::0)?'
)
_ROLE_OF_MOMENT = {'Squeeze': 'mean', 'Squeeze_1': 'variance'}
# What TensorFlow calls a variable without a name.
UNNAMED = re.compile(r'(?P<scope>(?:.*/)?)Variable(?:_(?P<number>\d+))?(?::0)?', re.DOTALL)
_VAGUE = re.compile(r'(?:weights?|w)(?:_?\d+)?$', re.I)
_EMBEDDING = re.compile(r'embs?(?![a-z])|embed', re.I)
# The digits of `conv2d` do not number a layer; those of `block2d`, `res2d` and `Mixed_2d`, and their letters, do.
_LETTERED = ('block', 'stage', 'res', 'bn', 'scale', 'unit', 'layer', 'branch', 'inception', 'mixed', 'cell')
DIMENSIONS = rf'(?<=[a-z]){"".join(f"(?<!{word})" for word in _LETTERED)}[1-3]d(?![a-z])'
_NUMBER = re.compile(rf'(?!{DIMENSIONS})\d+(?!\d)', re.I)
# Further scopes of a name are not looked at: a damaged file may have any number of them.
MOST_SCOPES = 100
# Words that number layers, if there is more than one of a name: `conv1x1_before` and `conv1x1_after`.
_ORDINALS = {'first': 1, 'second': 2, 'third': 3, 'fourth': 4, 'before': 1, 'after': 2}
_ORDINAL = re.compile(rf'(?<![A-Za-z])(?:{"|".join(_ORDINALS)})(?![A-Za-z])', re.I)
_LETTER = re.compile(r'[a-z](?![A-Za-z0-9])')
_DIGITS = re.compile(r'\d+')
_COUNTED = re.compile(r'(?P<base>.*[^\d_].*?)_(?P<number>\d+)')
_WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
# The uniform spelling of words that mean the same.
SYNONYMS = {
    'normalization': 'norm',
    'bn': 'norm',
    'ln': 'norm',
    'batchnorm': 'norm',
    'layernorm': 'norm',
    'embedding': 'embed',
    'emb': 'embed',
    'convolution': 'conv',
    'attn': 'attention',
    'fc': 'dense',
    'linear': 'dense',
    'kernel': 'weight',
    'q': 'query',
    'k': 'key',
    'v': 'value',
    'wq': 'query',
    'wk': 'key',
    'wv': 'value',
    'o': 'output',
    'wo': 'output',
    'out': 'output',
    'fw': 'forward',
    'bw': 'backward',
    'cls': 'class',
    'enc': 'encoder',
    'dec': 'decoder',
    'gen': 'generator',
    'disc': 'discriminator',
    'proj': 'projection',
    'pred': 'prediction',
    'predictor': 'prediction',
    'pos': 'position',
    'tok': 'token',
    'wpe': 'position',
    'wte': 'token',
    'att': 'attention',
}
# What the layers of highway networks are called in formulas (Srivastava et al. 2015, section 2).
_HIGHWAY = re.compile(r'(?<![a-z])high(?:ways?)?(?![a-z])', re.I)
_OF_HIGHWAYS = {'h': 'transform', 't': 'gate', 'carry': 'gate'}
# From what to what a network of CycleGAN translates.
_DIRECTION = re.compile(r'(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))([A-Za-z])_?(?:2|[Tt]o)_?([A-Za-z])(?![a-z])')
# The attributes by which Keras 2 and Keras 3 track the layers of a model; a number follows.
KERAS_CHILD, KERAS_OPERATION = 'layer_with_weights-', '_operations/'
# The share of letters at the beginning that forms of one word have in common.
_LEAST_STEM = 0.75
# The least likeness of words that mean the same.
_ALIKE = 0.8
# Words that add nothing before `norm`, because the roles of the tensors imply them.
_OF_NORM = {'batch', 'layer'}
# The extents of windows; other numbers around an `x` are resolutions, which order layers.
_WINDOWS = (1, 3, 5, 7, 9)


# A text in a name, or a number with whether it is the size of a window.
Piece = str | tuple[int, bool]


@dataclasses.dataclass(frozen=True)
class Split:
    """A name split into numbers and the text around them.

    Attributes:
      literals: The text around the numbers; one piece more than there are numbers.
      texts: The numbers as they are written in the name. A number that TensorFlow appended to make a name unique
        includes its underscore (`'_1'`), and is empty for the first such name. A letter after a number (`Mixed_5b`,
        `block2a_conv`) is a number too, and so is a word such as `first` if there is a `second` of the same name.
      within: The values of the numbers, where some count within a scope; None for those of the texts.
    """

    literals: tuple[str, ...]
    texts: tuple[str, ...]
    within: tuple[int, ...] | None = None

    @functools.cached_property
    def values(self) -> tuple[int, ...]:
        """The values of the numbers; 0 for an empty one."""
        if self.within is not None:
            return self.within
        return tuple([_value(text) for text in self.texts])

    @functools.cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The texts and the values of the numbers in turns, the numbers with whether they are the sizes of windows."""
        pieces: list[Piece] = [self.literals[0]]
        for place, (value, literal) in enumerate(zip(self.values, self.literals[1:], strict=True)):
            beside = (pieces[-1], literal if place + 1 < len(self.values) else '')
            pieces += [(value, value in _WINDOWS and 'x' in beside), literal]
        return tuple(pieces)

    def __str__(self) -> str:
        return self._name

    @functools.cached_property
    def _name(self) -> str:
        return self.literals[0] + ''.join(map(''.join, zip(self.texts, self.literals[1:], strict=True)))


def _value(text: str) -> int:
    if text.isalpha():
        return _ORDINALS.get(text.lower()) or ord(text) - ord('a')
    return to_int(text.lstrip('_') or '0')


def find_role(name: str) -> tuple[str, str]:
    """Splits the name of a tensor into its role and the name of its layer.

    Args:
      name: The name, or the path of the object.

    Returns:
      The role in the layer, such as `'kernel'`, or empty if the last component of the name neither ends nor starts with
      one; and the name without it.
    """
    moment = _MOMENT.fullmatch(name) if name.removesuffix(':0').endswith(_OF_AVERAGES) else None
    if moment is not None:
        role = _ROLE_OF_MOMENT.get(moment['moment'], moment['moment'])
        return role, _without_repetition(moment['layer'])
    scope, slash, leaf = name.rpartition('/')
    prefix, role, stem, is_vague = _role_of_leaf(leaf)
    if is_vague and _EMBEDDING.search(scope.rpartition('/')[2]):
        role = 'embedding'
    return prefix + role, scope + slash + stem


# Many tensors share few last components.
@functools.lru_cache(maxsize=100_000)
def _role_of_leaf(leaf: str) -> tuple[str, str, str, bool]:
    """Returns a prefix of the role, the role, the rest of the component, and whether it may be that of an embedding."""
    for role, pattern in _ROLE.items():
        match = pattern.search(leaf)
        if match is None:
            continue
        prefix = match.groupdict().get('prefix')
        is_vague = role == 'kernel' and _VAGUE.match(match[0]) is not None
        stem = leaf[: match.start()] + leaf[match.end() :].removesuffix(':0').removesuffix('_')
        # Keras 3 keeps the `bias` of a layer beside its `_kernel`.
        return f'{prefix.lower()}_' if prefix else '', role, stem.lstrip('_') and stem, is_vague
    match = _BEFORE_LETTER.search(leaf)
    if match is not None:
        stem = leaf[: match.start()] + leaf[match.end() :].removesuffix(':0')
        return '', 'kernel' if match['kernel'] else 'bias', stem, False
    for role, pattern in _FIRST_ROLE.items():
        match = pattern.match(leaf)
        if match is not None:
            stem = leaf[match.end() :].removesuffix(':0')
            return '', 'embedding' if role == 'kernel' and _EMBEDDING.match(stem) else role, stem, False
    return '', '', leaf.removesuffix(':0'), False


def _without_repetition(scope: str) -> str:
    """Returns a scope without the repetition that such an average puts at its end: `conv1/bn/conv1/bn/`."""
    components = scope.split('/')[:-1]
    for length in range(1, len(components) // 2 + 1):
        if components[-length:] == components[-2 * length : -length]:
            return '/'.join([*components[:-length], ''])
    return scope


def split_names(names: Iterable[str]) -> dict[str, Split]:
    """Splits names that are used together.

    Whether TensorFlow appended an underscore and a number to a component (`dense`, `dense_1`) is inferred from the
    other names.

    Args:
      names: The names of one side or of several.

    Returns:
      The split of each name.
    """
    components = {name: name.split('/') for name in names}
    pieces: dict[str, list[str]] = {name: [''] for name in components}
    texts: dict[str, list[str]] = {name: [] for name in components}
    # Scopes whose texts are equal, whatever their numbers, have one number here.
    scopes = dict.fromkeys(components, 0)
    scope_numbers: dict[tuple[int, tuple[str, ...]], int] = {}
    level, remaining = 0, list(components)
    while remaining:
        present = {(scopes[name], components[name][level]) for name in remaining}
        # TensorFlow's numbers start from 1, so that a name with 0 was numbered by the program.
        counted = {(scope, _base(component)) for scope, component in present} & present
        counted = {(scope, base) for scope, base in counted if (scope, f'{base}_0') not in present}
        parts: dict[tuple[int, str], tuple[tuple[str, ...], tuple[str, ...], int]] = {}
        ordered, lettered = _with_ordinals(present), _before_letters(present)
        for scope, component in present:
            of_text, numbers = _component_parts(component, scope, counted, (scope, component) in ordered)
            if (scope, component) in lettered:
                of_text, numbers = (*of_text, ''), (*numbers, '')
            number = scope_numbers.setdefault((scope, of_text), len(scope_numbers) + 1)
            parts[scope, component] = of_text, numbers, number
        for name in remaining:
            (first, *following), numbers, scopes[name] = parts[scopes[name], components[name][level]]
            of_name = pieces[name]
            of_name[-1] += f'/{first}' if level else first
            of_name += following
            texts[name] += numbers
        level += 1
        remaining = [name for name in remaining if len(components[name]) > level]
    return {name: Split(tuple(pieces[name]), tuple(texts[name])) for name in components}


def _with_ordinals(present: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Returns the components, each with its scope, of which several differ only in a word such as `first`."""
    groups: dict[tuple[int, str], list[tuple[int, str]]] = collections.defaultdict(list)
    for scope, component in present:
        if _ORDINAL.search(component):
            groups[scope, _ORDINAL.sub('#', component)].append((scope, component))
    return {item for group in groups.values() if len(group) > 1 for item in group}


def _before_letters(present: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Returns the components, each with its scope, of which others have a letter more: `conv6` is before `conv6b`."""
    letters: dict[tuple[int, str], set[str]] = collections.defaultdict(set)
    begun = set()
    for scope, component in present:
        _, numbers = _parted(component)
        if numbers and numbers[-1].isalpha() and component.endswith(numbers[-1]):
            base = component.removesuffix(numbers[-1])
            kind = scope, _DIGITS.sub('#', base)
            letters[kind].add(numbers[-1])
            if (scope, base) in present:
                begun.add(kind)
    # Where there is an `a`, what has no letter is something else.
    kinds = {kind for kind in begun if 'a' not in letters[kind]}
    return {
        (scope, component)
        for scope, component in (present if kinds else ())
        if component[-1:].isdecimal() and (scope, _DIGITS.sub('#', component)) in kinds
    }


def _component_parts(
    component: str, scope: int, counted: set[tuple[int, str | None]], has_ordinal: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the text around the numbers in a component, and the numbers, with one that TensorFlow appended."""
    base = _base(component)
    if base is not None and (scope, base) in counted:
        pieces, numbers = _parted(base, has_ordinal)
        return (*pieces, ''), (*numbers, component.removeprefix(base))
    pieces, numbers = _parted(component, has_ordinal)
    return ((*pieces, ''), (*numbers, '')) if (scope, component) in counted else (pieces, numbers)


@functools.lru_cache(maxsize=100_000)
def _base(component: str) -> str | None:
    match = _COUNTED.fullmatch(component)
    return match['base'] if match else None


@functools.lru_cache(maxsize=100_000)
def _parted(text: str, has_ordinal: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the text around the numbers in a component, and the numbers, words such as `first` among them or not."""
    pieces: list[str] = []
    numbers: list[str] = []
    position = 0
    found = [*_NUMBER.finditer(text), *(_ORDINAL.finditer(text) if has_ordinal else ())]
    for number in sorted(found, key=lambda match: match.start()):
        pieces.append(text[position : number.start()])
        numbers.append(number[0])
        position = number.end()
        letter = _LETTER.match(text, position)
        if letter:
            pieces.append('')
            numbers.append(letter[0])
            position = letter.end()
    return (*pieces, text[position:]), tuple(numbers)


def words(literals: Sequence[str], within: Sequence[str] = ()) -> list[str]:
    """Returns the words of a name in a uniform spelling, without words that add nothing.

    Args:
      literals: The name without its numbers.
      within: The whole name, if `literals` is a part of it.
    """
    spelled: list[str] = []
    for literal in literals:
        for word in _WORD.findall(re.sub(r'\d+[dD](?![a-z])', ' ', literal)):
            word = word.lower()
            if len(word) > 3 and word.endswith('s') and not word.endswith('ss'):
                word = word[:-1]
            word = SYNONYMS.get(word, word)
            if word == 'norm' and spelled and spelled[-1] in _OF_NORM:
                spelled.pop()
            spelled.append(word)
    if any(map(_HIGHWAY.search, within or literals)):
        return [_OF_HIGHWAYS.get(word, word) for word in spelled]
    return spelled


def join_directions(name: str) -> str:
    """Returns a name with the directions of networks in one spelling, which has no number: `G_AB` for `G_A2B`.

    Args:
      name: The name; `g_a_to_b` and `generatorAtoB` have directions too.
    """
    return _DIRECTION.sub(r'\1\2', name)


def likeness(a: str, b: str) -> float:
    """Returns the likeness of two words: 1 if equal, less for a prefix or an abbreviation, 0 for unlike words.

    Args:
      a: The first word.
      b: The second word.
    """
    if a == b:
        return 1.0
    if len(a) > len(b):
        a, b = b, a
    if len(a) >= 3 and b.startswith(a):
        return 0.8
    if len(a) >= 4 and a in b:
        return 0.6
    # Forms of one word, such as `pooler` and `pooled`.
    if len(os.path.commonprefix([a, b])) >= max(4, _LEAST_STEM * len(b)):
        return 0.6
    if len(a) >= 2 and a[0] == b[0]:
        letters = iter(b)
        if all(letter in letters for letter in a):
            return 0.5
    return 0.0


def share_word(a: Iterable[str], b: Collection[str]) -> bool:
    """Returns True if a word of one name is alike to a word of another one.

    Args:
      a: The words of the first name.
      b: The words of the second name.
    """
    return any(likeness(x, y) >= _ALIKE for x in a for y in b)
