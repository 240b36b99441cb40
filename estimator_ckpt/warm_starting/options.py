"""The options of a warm start."""

import dataclasses
import os
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from estimator_ckpt.mapping.object_rules import bind_objects, locate_nothing
from estimator_ckpt.mapping.recurrent_rules import is_word, without_cells
from estimator_ckpt.mapping.rules import parse_rules
from estimator_ckpt.warm_starting.selection import parse_include

_CHOICES = {'missing': ('error', 'ignore'), 'mismatch': ('error', 'skip'), 'average': (None, 'promote')}


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """The initial values of variables, from a checkpoint of any style.

    Used by `scaffold(warm_start=...)`, `WarmStartHook` and, in eager mode, `warm_start`. They also take a list, to
    combine checkpoints: an encoder from one, a decoder from another. No two may give a variable a value, so that
    `include` says for each which variables are its own, and at most one has `step`, and `slots` if an optimizer has
    beta powers. A variable that one of them includes and lacks is missing only if no other one gives it a value.

    Attributes:
      checkpoint: A prefix, a model_dir, or anything else that stands for a checkpoint.
      rules: New names for the checkpoint's tensors: an assignment map as for `init_from_checkpoint`, pairs of
        regular expression and replacement, both mixed in a list, or a rules file; see `estimator_ckpt.mapping.rules`. A
        replacement is a variable's name or its object path (`'model/encoder/kernel'`). In an assignment map it can also
        be a variable, the list of the pieces of a partitioned one, or for a scope (`'bert/'`) an object, below which
        variables are matched by path. Variables without a rule are matched by name or path. `'rnn'`, alone or in a
        list, stands for the rules of recurrent cells; see `estimator_ckpt.mapping.recurrent_rules`.
      include: Which variables get a value: `'trainable'`; `'all'`, for statistics too; a regular expression that the
        beginning of a name or path matches, as for `tf.estimator.WarmStartSettings`; or a list of variables, or of
        such expressions. Variables that an assignment map names are always included.
      slots: Whether slot variables of optimizers get values along with their variables.
      step: The treatment of the global step and Keras's iterations: `'reset'` leaves them unchanged, `'keep'` takes the
        checkpoint's, a number sets them.
      missing: The treatment of variables without a source: `'error'`, or `'ignore'` to leave them unchanged.
      mismatch: The treatment of variables whose source has another shape or data type: `'error'`, or `'skip'` to leave
        them unchanged.
      cast: Whether values may be cast to the data types of their variables.
      average: `'promote'` gives variables the values of their moving averages (`tf.train.ExponentialMovingAverage`).
      var_name_to_vocab_info: A `tf.estimator.VocabInfo` by the name or path of its variable, whose rows are moved with
        their words, as for `tf.estimator.WarmStartSettings`.
      hyperparameters: The hyperparameters of the optimizer that neither the program nor the checkpoint has:
        `'learning_rate'`, by which Keras's momentum differs from TF1's, `'beta_1'` and `'beta_2'`.

    Raises:
      RuleError: If a rule is malformed.
      ValueError: If an option has an invalid value. The error lists the valid ones.
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
        if isinstance(self.rules, (str, os.PathLike)) and not is_word(self.rules):
            # Read once, since a pipe can be.
            object.__setattr__(self, 'rules', parse_rules(self.rules))
        parse_rules(bind_objects(without_cells(self.rules), locate_nothing))
        parse_include(self.include)


def as_list(warm_start: WarmStart | Sequence[WarmStart]) -> list[WarmStart]:
    """Returns one or several warm starts as a list.

    Raises:
      TypeError: If there is something else.
    """
    warm_starts: list[Any] = list(warm_start) if isinstance(warm_start, (list, tuple)) else [warm_start]
    for item in warm_starts:
        if not isinstance(item, WarmStart):
            raise TypeError(f'warm_start must be a WarmStart or a list of them, not {reprlib.repr(item)}.')
    return warm_starts
