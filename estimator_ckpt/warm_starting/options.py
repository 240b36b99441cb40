"""What a warm start takes from a checkpoint: its options."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Literal

from estimator_ckpt.mapping.object_rules import bind_objects, locate_nothing
from estimator_ckpt.mapping.rules import parse_rules
from estimator_ckpt.warm_starting.selection import parse_include

_CHOICES = {'missing': ('error', 'ignore'), 'mismatch': ('error', 'skip'), 'average': (None, 'promote')}


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """The values that variables start with, from a checkpoint of any style.

    For `scaffold(warm_start=...)`, `WarmStartHook` and, in eager mode, `warm_start`.

    Attributes:
      checkpoint: A prefix, a model_dir, or whatever else means a checkpoint.
      rules: What the checkpoint's tensors are called here: an assignment map as for `init_from_checkpoint`, pairs of
        regular expression and replacement, both mixed in a list, or a rules file; see `estimator_ckpt.mapping.rules`. A
        replacement is a variable's name or its object path (`'model/encoder/kernel'`). In an assignment map it can also
        be a variable, the list of the pieces of a partitioned one, or for a scope (`'bert/'`) an object whose variables
        are called by the paths below it. What no rule names is found by its name or its path.
      include: Which variables get a value: `'trainable'`; `'all'`, for statistics too; a regular expression that the
        beginning of a name or path matches, as for `tf.estimator.WarmStartSettings`; or a list of variables, or of
        such expressions. What an assignment map names is always included.
      slots: Whether the slot variables of the optimizers come along with their variables.
      step: `'reset'` leaves the global step and Keras's iterations as they are, `'keep'` carries the checkpoint's, a
        number sets them.
      missing: Whether a variable without source is an `'error'`, or left as it is (`'ignore'`).
      mismatch: Whether a variable whose source has another shape or type is an `'error'`, or left as it is (`'skip'`).
      cast: Whether values may be cast to the type of their variable.
      average: `'promote'` gives variables the values of their moving averages (`tf.train.ExponentialMovingAverage`).
      var_name_to_vocab_info: `tf.train.VocabInfo`s by the name or path of their variables, whose rows then follow their
        words, as for `tf.estimator.WarmStartSettings`.
      hyperparameters: Of the optimizer, where the program or the checkpoint does not tell them: `'learning_rate'`, by
        which Keras's momentum differs from TF1's, `'beta_1'` and `'beta_2'`.

    Raises:
      RuleError: If a rule cannot be understood.
      ValueError: If an option has a value that it cannot have. It lists those that it can.
    """

    checkpoint: str | os.PathLike
    rules: Any = None
    include: Any = 'trainable'
    slots: bool = False
    step: int | Literal['reset', 'keep'] = 'reset'
    missing: Literal['error', 'ignore'] = 'error'
    mismatch: Literal['error', 'skip'] = 'error'
    cast: bool = False
    average: Literal['promote'] | None = None
    var_name_to_vocab_info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hyperparameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for option, allowed in _CHOICES.items():
            if getattr(self, option) not in allowed:
                listed = ' or '.join(map(repr, allowed))
                raise ValueError(f'{option} must be {listed}, not {getattr(self, option)!r}.')
        if self.step not in ('reset', 'keep') and (
            isinstance(self.step, bool) or not isinstance(self.step, int)
        ):
            raise ValueError(f"step must be 'reset', 'keep' or a number, not {self.step!r}.")
        parse_rules(bind_objects(self.rules, locate_nothing))
        parse_include(self.include)
