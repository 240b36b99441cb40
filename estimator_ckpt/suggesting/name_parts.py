"""What the name of a tensor is made of: the layer it belongs to, its role in that, numbers, and words."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

# What TF1's layers, Keras, slim, Sonnet and T5 call the same thing.
_ROLES = {
    'kernel': r'(?:(?P<prefix>depthwise|pointwise|recurrent)_)?(?:kernels?|weights?|filters?|w)',
    'bias': r'bias(?:es)?|b',
    'gamma': r'gamma|scale',
    'beta': r'beta|offset',
    'mean': r'(?:moving_|running_)?mean',
    'variance': r'(?:moving_|running_)?var(?:iance)?',
    'embedding': r'embeddings?(?:_(?:weights|table|matrix))?',
    'alpha': r'alphas?',
}
# A role ends the last component of a name, as its own word; a number may follow, as in `W1`.
_ROLE = {
    role: re.compile(rf'(?:^|(?<=[_.-]))(?:{words})(?=(?:_?\d+)?(?::0)?$)', re.I)
    for role, words in _ROLES.items()
}
_VAGUE = re.compile(r'(?:weights?|w)(?:_?\d+)?$', re.I)
_EMBEDDING = re.compile(r'embed', re.I)
# The digits of `conv2d` are no number of a layer.
_NUMBER = re.compile(r'\d+(?!\d|[dD](?![A-Za-z]))')
_COUNTED = re.compile(r'(?P<base>.*[^\d_].*?)_(?P<number>\d+)')
_WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
_SYNONYMS = {
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
}
# What the words before it say is in the role of a tensor already.
_OF_NORM = {'batch', 'layer'}


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """A name with its numbers taken out.

    Attributes:
      literals: What is around the numbers; one more than there are of those.
      texts: The numbers as they stand in the name. A number that TensorFlow put behind a name that was taken has its
        underscore (`'_1'`), and is empty for the first of that name.
    """

    literals: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """The numbers; 0 for an empty one."""
        return tuple(int(text.lstrip('_') or 0) for text in self.texts)

    def __str__(self) -> str:
        return self.literals[0] + ''.join(map(''.join, zip(self.texts, self.literals[1:], strict=True)))


def find_role(name: str) -> tuple[str, str]:
    """The role of a tensor in its layer, such as `'kernel'`, and the name without it, which is the layer's.

    The role is empty where the last component of the name does not end in a word for one.
    """
    scope, slash, leaf = name.rpartition('/')
    for role, pattern in _ROLE.items():
        match = pattern.search(leaf)
        if match is None:
            continue
        prefix = match.groupdict().get('prefix')
        if role == 'kernel' and _VAGUE.match(match[0]) and _EMBEDDING.search(scope.rpartition('/')[2]):
            role = 'embedding'
        rest = leaf[: match.start()] + leaf[match.end() :].removesuffix(':0')
        return (f'{prefix.lower()}_{role}' if prefix else role), scope + slash + rest
    return '', name.removesuffix(':0')


def split_names(names: Iterable[str]) -> dict[str, Split]:
    """Takes the numbers out of names that are used together.

    Which underscores and numbers TensorFlow has put behind a component (`dense`, `dense_1`) is seen from the names
    beside it.
    """
    components = {name: name.split('/') for name in names}
    pieces: dict[str, list[str]] = {name: [''] for name in components}
    texts: dict[str, list[str]] = {name: [] for name in components}
    level, left = 0, list(components)
    while left:
        beside = {(tuple(pieces[name]), components[name][level]) for name in left}
        # TensorFlow counts from 1 on.
        counted = {(scope, _base(component)) for scope, component in beside} & beside
        counted = {(scope, base) for scope, base in counted if (scope, f'{base}_0') not in beside}
        for name in left:
            component, scope = components[name][level], tuple(pieces[name])
            if level:
                pieces[name][-1] += '/'
            base = _base(component)
            if (scope, base) in counted:
                _append(base, pieces[name], texts[name])
                texts[name].append(component.removeprefix(base))
                pieces[name].append('')
            elif (scope, component) in counted:
                _append(component, pieces[name], texts[name])
                texts[name].append('')
                pieces[name].append('')
            else:
                _append(component, pieces[name], texts[name])
        level += 1
        left = [name for name in left if len(components[name]) > level]
    return {name: Split(tuple(pieces[name]), tuple(texts[name])) for name in components}


def _base(component: str) -> str | None:
    match = _COUNTED.fullmatch(component)
    return match['base'] if match else None


def _append(text: str, pieces: list[str], texts: list[str]) -> None:
    """Adds text to the last piece, and what follows a number in it as further pieces."""
    position = 0
    for number in _NUMBER.finditer(text):
        pieces[-1] += text[position : number.start()]
        texts.append(number[0])
        pieces.append('')
        position = number.end()
    pieces[-1] += text[position:]


def words(literals: Sequence[str]) -> list[str]:
    """The words of a name or a part of it, in one spelling, those that say nothing left out."""
    found = []
    for literal in literals:
        for word in _WORD.findall(re.sub(r'\d+[dD](?![a-z])', ' ', literal)):
            word = word.lower()
            if len(word) > 3 and word.endswith('s') and not word.endswith('ss'):
                word = word[:-1]
            word = _SYNONYMS.get(word, word)
            if word == 'norm' and found and found[-1] in _OF_NORM:
                found.pop()
            found.append(word)
    return found


def likeness(a: str, b: str) -> float:
    """How much two words look like one: 1 for the same, less for a beginning or an abbreviation of the other."""
    if a == b:
        return 1.0
    if len(a) > len(b):
        a, b = b, a
    if len(a) >= 3 and b.startswith(a):
        return 0.8
    if len(a) >= 4 and a in b:
        return 0.6
    if len(a) >= 2 and a[0] == b[0]:
        rest = iter(b)
        if all(letter in rest for letter in a):
            return 0.5
    return 0.0
