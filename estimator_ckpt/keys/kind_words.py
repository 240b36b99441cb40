"""The words by which kinds of tensors are called in options: one vocabulary, singular and plural."""

from estimator_ckpt.keys.kinds import Kind

KIND_WORDS: dict[str, Kind] = {
    **{str(kind): kind for kind in Kind},
    **{f'{kind}s': kind for kind in Kind},
    'hyperparameter': Kind.OPTIMIZER,
    'hyperparameters': Kind.OPTIMIZER,
}


def listed_words() -> str:
    """Returns the words for a message or a help text."""
    return ', '.join(str(kind) for kind in Kind)
