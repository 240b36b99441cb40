"""The styles of a checkpoint: how its keys are named."""

import enum


class CheckpointStyle(str, enum.Enum):
    """How a checkpoint names its tensors. Wherever a style is taken, the string works too."""

    TF1 = 'tf1'
    """Name-based: the variables' names, as `tf.compat.v1.train.Saver` writes."""
    TF2 = 'tf2'
    """Object-based: the paths of a `tf.train.Checkpoint`'s objects, as that writes."""
    BOTH = 'both'
    """Each tensor under both keys, its bytes stored once."""

    def __str__(self) -> str:
        return self.value

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(
            f'{value!r} is no checkpoint style; use one of {", ".join(repr(style.value) for style in cls)}.'
        )
