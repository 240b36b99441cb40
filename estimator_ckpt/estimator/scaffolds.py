"""Creates scaffolds, for `EstimatorSpec(scaffold=...)` and the like."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.estimator.model_dirs import prepare_model_dir
from estimator_ckpt.estimator.shared_model_dir import compare_before_restoring
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.graph_state import graph_state
from estimator_ckpt.program.tensorflow_internals import not_converted
from estimator_ckpt.saving.saver import Saver
from estimator_ckpt.warm_starting.options import WarmStart, as_list
from estimator_ckpt.warm_starting.warm_start import warm_start_session


# The replicas of a strategy run the model_fn through AutoGraph, which would convert this function too.
@not_converted
def scaffold(
    style: CheckpointStyle | str,
    checkpoint: tf.train.Checkpoint | None = None,
    *,
    config: Any = None,
    var_list: Any = None,
    warm_start: WarmStart | Sequence[WarmStart] | None = None,
    untracked: str = 'keep',
    durable: bool = True,
    on_damaged: str = 'error',
    **scaffold_args: Any,
) -> tf.compat.v1.train.Scaffold:
    """Creates a scaffold that saves checkpoints of a style and restores every style.

    The saver is built when the scaffold is finalized or first restores, and covers all variables created until then.

    Args:
      style: `'tf1'`, `'tf2'` or `'both'`.
      checkpoint: A `tf.train.Checkpoint` that names the objects. None for `Checkpoint(var_list={name: variable},
        step=global_step)` over the graph's saveable objects.
      config: A `tf.estimator.RunConfig`, whose `keep_checkpoint_max`, `keep_checkpoint_every_n_hours`, `is_chief` and
        `model_dir` are used, the last to find checkpoints of a directory that was moved. None for TensorFlow's
        defaults.
      var_list: As for `tf.compat.v1.train.Saver`: the variables, or a dict of variables by their names in checkpoints,
        such as `ema.variables_to_restore()` for evaluation and export. None for all.
      warm_start: The initial values of the variables if model_dir has no checkpoint; a list to take them from several
        checkpoints. A given `init_fn` runs before.
      untracked: How to handle variables not reachable from `checkpoint`: `'keep'`, `'error'` or `'drop'`; see `Saver`.
      durable: Whether checkpoints survive a power cut from the moment that they are announced; see `Saver`.
      on_damaged: How to handle a latest checkpoint that is damaged when training starts again: `'error'`, or
        `'previous'` to go on from the newest one that is whole, with a warning.
      **scaffold_args: Passed to `Scaffold`: `init_op`, `init_fn`, `local_init_op`, ...

    Raises:
      TypeError: If `checkpoint` is not a `tf.train.Checkpoint`, `warm_start` is not a `WarmStart` or a list of
        them, or `scaffold_args` has a saver.
      ValueError: If the style, `untracked` or `on_damaged` is unknown.
    """
    if 'saver' in scaffold_args:
        raise TypeError('The scaffold makes its own saver; use tf.compat.v1.train.Scaffold for another one.')
    warm_starts = [] if warm_start is None else as_list(warm_start)
    from_config = {}
    if config is not None:
        from_config = {
            'max_to_keep': config.keep_checkpoint_max,
            'keep_checkpoint_every_n_hours': config.keep_checkpoint_every_n_hours,
            'model_dir': config.model_dir,
            'is_chief': getattr(config, 'is_chief', True),
        }
    saver = Saver(
        style,
        checkpoint,
        var_list,
        untracked=untracked,
        durable=durable,
        on_damaged=on_damaged,
        sharded=True,
        defer_build=True,
        allow_empty=True,
        **from_config,
    )
    if warm_starts:
        scaffold_args['init_fn'] = _warm_starting(saver, warm_starts, scaffold_args.get('init_fn'))
    graph = tf.compat.v1.get_default_graph()
    graph_state(graph).savers.append(saver)
    prepare_model_dir(graph, saver)
    compare_before_restoring()
    return tf.compat.v1.train.Scaffold(saver=saver, **scaffold_args)


def _warm_starting(
    saver: Saver, warm_starts: Sequence[WarmStart], init_fn: Any
) -> Callable[[Any, Any], None]:
    def init(scaffold: tf.compat.v1.train.Scaffold, session: tf.compat.v1.Session) -> None:
        if init_fn is not None:
            init_fn(scaffold, session)
        warm_start_session(session, warm_starts, saver.bindings)

    return init


def tf1_scaffold(checkpoint: tf.train.Checkpoint | None = None, **kwargs: Any) -> tf.compat.v1.train.Scaffold:
    """Creates a scaffold that saves name-based checkpoints.

    Args:
      checkpoint: As for `scaffold`.
      **kwargs: As for `scaffold`.
    """
    return scaffold(CheckpointStyle.TF1, checkpoint, **kwargs)


def tf2_scaffold(checkpoint: tf.train.Checkpoint | None = None, **kwargs: Any) -> tf.compat.v1.train.Scaffold:
    """Creates a scaffold that saves object-based checkpoints.

    Args:
      checkpoint: As for `scaffold`.
      **kwargs: As for `scaffold`.
    """
    return scaffold(CheckpointStyle.TF2, checkpoint, **kwargs)


def dual_scaffold(
    checkpoint: tf.train.Checkpoint | None = None, **kwargs: Any
) -> tf.compat.v1.train.Scaffold:
    """Creates a scaffold that saves checkpoints of both styles, whose values are stored once.

    Args:
      checkpoint: As for `scaffold`.
      **kwargs: As for `scaffold`.
    """
    return scaffold(CheckpointStyle.BOTH, checkpoint, **kwargs)
