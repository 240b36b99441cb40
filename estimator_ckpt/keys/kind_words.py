"""The names of the kinds of tensors in options, in the singular and in the plural."""

from estimator_ckpt.keys.kinds import Kind

KIND_WORDS: dict[str, Kind] = {
    **{str(kind): kind for kind in Kind},
    **{f'{kind}s': kind for kind in Kind},
    'hyperparameter': Kind.OPTIMIZER,
    'hyperparameters': Kind.OPTIMIZER,
}


def listed_words() -> str:
    """Returns the names of all kinds for a message or a help text."""
    return ', '.join(str(kind) for kind in Kind)
