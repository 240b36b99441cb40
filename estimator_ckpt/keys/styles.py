"""The styles of checkpoints, which differ in their keys."""

import enum


class CheckpointStyle(str, enum.Enum):
    """The style of the keys of a checkpoint. Wherever a style is expected, its value is accepted too."""

    TF1 = 'tf1'
    """Name-based: the keys are the names of variables, as `tf.compat.v1.train.Saver` writes them."""
    TF2 = 'tf2'
    """Object-based: the keys are the paths of objects, as `tf.train.Checkpoint` writes them."""
    BOTH = 'both'
    """Each tensor has both keys. Its bytes are stored once."""

    def __str__(self) -> str:
        return self.value

    @classmethod
    def _missing_(cls, value: object) -> None:
        styles = ', '.join(repr(style.value) for style in cls)
        raise ValueError(f'Unknown checkpoint style {value!r}; expected one of {styles}.')
