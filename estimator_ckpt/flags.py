"""Flags for training binaries, and the scaffolds and hooks that they configure.

    estimator_ckpt.flags.define_checkpoint_flags()

    def model_fn(features, labels, mode, config):
        ...
        scaffold = estimator_ckpt.flags.scaffold_from_flags(checkpoint, config)
        hooks = estimator_ckpt.flags.hooks_from_flags(checkpoint)
        return tf.estimator.EstimatorSpec(..., scaffold=scaffold, training_hooks=hooks)

Invalid values are rejected when the flags are parsed. Importing this module imports no TensorFlow.
"""

import types
from typing import Any

from absl import flags

from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.recurrent_rules import without_cells
from estimator_ckpt.mapping.rules import RuleError, parse_rules

# Estimator's default in seconds, which the help of --save_checkpoints_steps mentions.
_SAVE_SECS = 600
# The flags become key flags of the module that defines them through this one, so that its --help lists them.
flags.disclaim_key_flags()


def define_checkpoint_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines the flags about checkpoints, as key flags of the calling module.

    `--save_checkpoints_steps` and `--keep_checkpoint_max` are meant for the `RunConfig` that the caller creates. Pass
    the former only if it is set: to `RunConfig`, None means no checkpoints instead of one every ten minutes.

    Args:
      flag_values: The `FlagValues` that the flags are added to.
    """
    flags.DEFINE_enum_class(
        'checkpoint_style',
        CheckpointStyle.BOTH,
        CheckpointStyle,
        'Style of the checkpoints to write: name-based, object-based, or both over bytes that are stored once. '
        'Training resumes from any style.',
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        'save_checkpoints_steps',
        None,
        'Number of steps between two checkpoints. If not given, a checkpoint is written every ten minutes.',
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        'keep_checkpoint_max',
        5,
        'Number of checkpoints to keep, in model_dir and in --mirror_dir; 0 to keep all.',
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        'async_checkpoints',
        False,
        'Whether to write checkpoints in the background while training continues.',
        flag_values=flag_values,
    )
    _define_warm_start_flags(flag_values)
    _define_mirror_flags(flag_values)


def _define_warm_start_flags(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        'warm_start_from',
        None,
        'Checkpoint of any style, or directory of checkpoints, to take the initial values from. Not read if model_dir '
        'has a checkpoint.',
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        'warm_start_rules',
        None,
        'File of rules from the names in --warm_start_from to those of this program, one per line: '
        "'pattern -> replacement'. If not given, names or object paths must be equal.",
        flag_values=flag_values,
    )
    flags.register_validator('warm_start_rules', _check_rules, flag_values=flag_values)
    flags.register_multi_flags_validator(
        ['warm_start_from', 'warm_start_rules'],
        lambda values: values['warm_start_rules'] is None or values['warm_start_from'] is not None,
        '--warm_start_rules needs --warm_start_from.',
        flag_values=flag_values,
    )


def _define_mirror_flags(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        'mirror_dir',
        None,
        'Directory for a copy of each checkpoint in another style, for jobs that read only that style.',
        flag_values=flag_values,
    )
    flags.DEFINE_enum_class(
        'mirror_style',
        CheckpointStyle.TF1,
        CheckpointStyle,
        'Style of the checkpoints in --mirror_dir.',
        flag_values=flag_values,
    )
    flags.register_validator(
        'mirror_dir',
        lambda value: value is None or bool(value.strip()),
        'It must name a directory; omit the flag for no mirror.',
        flag_values=flag_values,
    )


def _check_rules(path: str | None) -> bool:
    if path is not None:
        try:
            parse_rules(without_cells(path))
        except (RuleError, OSError) as error:
            raise flags.ValidationError(str(error)) from error
    return True


def scaffold_from_flags(
    checkpoint: Any = None,
    config: Any = None,
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
    **scaffold_args: Any,
) -> Any:
    """Creates the scaffold that the flags configure.

    Args:
      checkpoint: A `tf.train.Checkpoint` that names the objects; see `estimator_ckpt.scaffold`.
      config: A `tf.estimator.RunConfig`; None for `MonitoredTrainingSession`, where `--keep_checkpoint_max` applies.
      flag_values: The `FlagValues` that hold the flags.
      **scaffold_args: Further arguments of `estimator_ckpt.scaffold`. A given `warm_start` overrides the flags.

    Returns:
      A `tf.compat.v1.train.Scaffold`.

    Raises:
      CheckpointNotFoundError: If the checkpoint `--warm_start_from` does not exist and there is none to resume from.
    """
    from estimator_ckpt.estimator import scaffolds  # Imports TensorFlow.

    if config is None:
        config = types.SimpleNamespace(
            keep_checkpoint_max=flag_values.keep_checkpoint_max,
            keep_checkpoint_every_n_hours=10000.0,
            model_dir=None,
        )
    scaffold_args = _with_warm_start(scaffold_args, flag_values)
    return scaffolds.scaffold(flag_values.checkpoint_style, checkpoint, config=config, **scaffold_args)


def estimator_from_flags(
    estimator: Any, *, flag_values: flags.FlagValues = flags.FLAGS, **scaffold_args: Any
) -> Any:
    """Wraps an Estimator, canned or not, to have the style and the warm start that the flags configure.

    Args:
      estimator: A `tf.estimator.Estimator`; see `estimator_ckpt.with_checkpoint_style`.
      flag_values: The `FlagValues` that hold the flags.
      **scaffold_args: Further arguments of `estimator_ckpt.with_checkpoint_style`. A given `warm_start` overrides the
        flags.

    Returns:
      A new `tf.estimator.Estimator`.
    """
    from estimator_ckpt.estimator import extenders  # Imports TensorFlow.

    scaffold_args = _with_warm_start(scaffold_args, flag_values)
    return extenders.with_checkpoint_style(estimator, flag_values.checkpoint_style, **scaffold_args)


def _with_warm_start(scaffold_args: dict[str, Any], flag_values: flags.FlagValues) -> dict[str, Any]:
    if scaffold_args.get('warm_start') is not None or flag_values.warm_start_from is None:
        return scaffold_args
    from estimator_ckpt.warm_starting import options

    warm_start = options.WarmStart(flag_values.warm_start_from, flag_values.warm_start_rules)
    return {**scaffold_args, 'warm_start': warm_start}


def hooks_from_flags(
    checkpoint: Any = None,
    *,
    checkpoint_dir: str | None = None,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> list[Any]:
    """Creates the hooks that the flags configure, for `training_hooks` or `estimator.train(hooks=...)` of every task.

    Args:
      checkpoint: A `tf.train.Checkpoint` whose object paths the mirror uses for checkpoints without objects.
      checkpoint_dir: The directory that `--async_checkpoints` writes to; None for the flag `--model_dir` of the binary.
      flag_values: The `FlagValues` that hold the flags.

    Returns:
      A list of hooks; empty if the flags configure none.

    Raises:
      ValueError: If `--async_checkpoints` is given without a directory.
    """
    hooks: list[Any] = []
    if flag_values.async_checkpoints:
        from estimator_ckpt.estimator.async_hook import AsyncCheckpointSaverHook  # Imports TensorFlow.

        if checkpoint_dir is None and 'model_dir' in flag_values:
            checkpoint_dir = flag_values.model_dir
        if checkpoint_dir is None:
            raise ValueError('--async_checkpoints needs a directory; set --model_dir or pass checkpoint_dir.')
        steps = flag_values.save_checkpoints_steps
        hooks.append(AsyncCheckpointSaverHook(checkpoint_dir, None if steps else _SAVE_SECS, steps))
    if flag_values.mirror_dir is not None:
        from estimator_ckpt.estimator.mirror_hook import CheckpointMirrorHook

        keep = flag_values.keep_checkpoint_max
        hooks.append(
            CheckpointMirrorHook(
                flag_values.mirror_dir, flag_values.mirror_style, checkpoint, keep_checkpoint_max=keep
            )
        )
    return hooks
