"""Applies the options `drop`, `keep` and `rules` of a conversion to its tensors."""

import re
from collections.abc import Callable, Collection, Iterable

from estimator_ckpt.keys.kind_words import KIND_WORDS, listed_words
from estimator_ckpt.mapping.report import nearest
from estimator_ckpt.mapping.rules import RuleError, Rules
from estimator_ckpt.mapping.tensors import Tensor, apply_rules


def select_tensors(
    tensors: list[Tensor], drop: str | Collection[str], keep: str | Collection[str]
) -> tuple[list[Tensor], list[Tensor]]:
    """Divides tensors into those that are converted and those that are left out.

    Args:
      tensors: The tensors.
      drop: The tensors to leave out: words for kinds (`'slots'`, see `keys.kind_words`), or regular expressions for
        whole names.
      keep: The only tensors to convert, in the form of `drop`; empty for all.

    Returns:
      The tensors that are converted, and those that are left out.

    Raises:
      RuleError: If a word or an expression applies to no tensor, an expression is malformed, or no tensor is left.
    """
    if not drop and not keep:
        return tensors, []
    dropped, kept = _taken(tensors, 'drop', drop), _taken(tensors, 'keep', keep)
    selected: list[Tensor] = []
    left_out: list[Tensor] = []
    for tensor in tensors:
        is_left_out = id(tensor) in dropped or (bool(keep) and id(tensor) not in kept)
        (left_out if is_left_out else selected).append(tensor)
    if not selected:
        raise RuleError(f'drop={drop!r} and keep={keep!r} leave no tensor; convert some.')
    return selected, left_out


def take_rules(tensors: list[Tensor], rules: Rules, follow: bool) -> tuple[list[Tensor], list[Tensor]]:
    """Returns the tensors with what rules say of them, and those that rules leave out.

    Args:
      tensors: The tensors.
      rules: The rules.
      follow: Whether slots and averages follow their variables; see `mapping.tensors.apply_rules`.

    Raises:
      RuleError: If a rule is malformed, or applies to no tensor.
    """
    tensors, left_out, idle = apply_rules(tensors, rules, follow)
    if idle:
        raise RuleError(f'No tensor takes the rules {", ".join(map(repr, idle))}; correct or remove them.')
    return tensors, left_out


def _taken(tensors: Iterable[Tensor], option: str, words: str | Collection[str]) -> set[int]:
    """Returns the ids of the tensors that an option takes."""
    taken: set[int] = set()
    for word in [words] if isinstance(words, str) else words:
        takes = _selector(word)
        by_word = {id(tensor) for tensor in tensors if takes(tensor)}
        if not by_word:
            raise RuleError(_no_tensor_message(tensors, option, word))
        taken |= by_word
    return taken


def _selector(word: str) -> Callable[[Tensor], bool]:
    if word in KIND_WORDS:
        kind = KIND_WORDS[word]
        return lambda tensor: tensor.meaning.kind is kind
    try:
        pattern = re.compile(word)
    except (re.error, OverflowError, RecursionError) as error:
        raise RuleError(
            f'{word!r} is neither a kind ({listed_words()}) nor a regular expression: {error}.'
        ) from error
    return lambda tensor: any(pattern.fullmatch(name) for name in tensor.candidates)


def _no_tensor_message(tensors: Iterable[Tensor], option: str, word: str) -> str:
    """Returns the message for a word or an expression that applies to no tensor."""
    if word in KIND_WORDS:
        present = sorted({str(tensor.meaning.kind) for tensor in tensors})
        return f'{option}={word!r}: the checkpoint has no tensor of that kind; it has {", ".join(present)}.'
    hint = nearest(word, [*KIND_WORDS, *(tensor.name for tensor in tensors)], 0)
    return (
        f'{option}={word!r} takes no tensor{f" ({hint})" if hint else ""}; give a kind ({listed_words()}) or a regular '
        'expression for whole names.'
    )
