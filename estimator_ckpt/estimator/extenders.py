"""Extends any Estimator, including canned ones and those of Keras models, to save checkpoints of a given style."""

from typing import Any

import tensorflow as tf

from estimator_ckpt.estimator.scaffolds import scaffold
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.frozen_objects import checkpoint_behind
from estimator_ckpt.program.tensorflow_internals import user_init_fn, warm_start_settings


def check_estimator_is_there(what: str) -> None:
    """Checks that TensorFlow has `tf.estimator`.

    Args:
      what: The function or class that needs it, for the message.

    Raises:
      ImportError: If TensorFlow does not have it.
    """
    if not hasattr(tf, 'estimator'):
        raise ImportError(
            f'{what} needs tf.estimator, which TensorFlow {tf.__version__} does not have: 2.15 is the last that does, '
            "for Python 3.11 or older; pip install 'tensorflow<2.16' 'estimator_ckpt[estimator]' there."
        )


def with_checkpoint_style(estimator: Any, style: CheckpointStyle | str, **scaffold_args: Any) -> Any:
    """Returns a copy of an Estimator that saves checkpoints of a style and restores every style.

    The copy has the same model_dir, config, params and warm start, and resumes from existing checkpoints. The function
    is similar to `tf.estimator.add_metrics`, and can be combined with it in any order:

      estimator = tf.estimator.DNNClassifier(...)
      estimator = estimator_ckpt.with_checkpoint_style(estimator, 'both')

    Args:
      estimator: A `tf.estimator.Estimator` of any class but TPUEstimator.
      style: `'tf1'`, `'tf2'` or `'both'`.
      **scaffold_args: As for `estimator_ckpt.scaffold`. The defaults are taken from the Estimator's scaffold, except
        for its saver. The default for `checkpoint` is the objects of that scaffold's saver, such as the Keras model
        with `model_to_estimator(checkpoint_format='checkpoint')`.

    Raises:
      ImportError: If this TensorFlow has no `tf.estimator`.
      TypeError: If `estimator` is not such an Estimator, or `scaffold` has no such argument.
      ValueError: If the style is unknown.
    """
    check_estimator_is_there('with_checkpoint_style')
    v1 = tf.compat.v1.estimator
    if not isinstance(estimator, v1.Estimator) or isinstance(estimator, v1.tpu.TPUEstimator):
        raise TypeError(
            f'estimator must be a tf.estimator.Estimator, not {estimator!r}; for a TPUEstimator, give its '
            'TPUEstimatorSpec a scaffold_fn.'
        )
    if 'saver' in scaffold_args:
        raise TypeError('with_checkpoint_style makes its own saver; leave saver= out.')
    style = CheckpointStyle(style)

    def model_fn(features: Any, labels: Any, mode: str, params: Any, config: Any) -> Any:
        del params  # The given model_fn is bound to them already; an input_fn may use them.
        spec = estimator.model_fn(features, labels, mode, config)
        return spec._replace(
            scaffold=_scaffold_like(spec.scaffold, style, {'config': config, **scaffold_args})
        )

    is_v2 = isinstance(estimator, tf.estimator.Estimator)
    new_class = tf.estimator.Estimator if is_v2 else v1.Estimator
    return new_class(
        model_fn,
        model_dir=estimator.model_dir,
        config=estimator.config,
        params=estimator.params,
        warm_start_from=warm_start_settings(estimator),
    )


def _scaffold_like(own: Any, style: CheckpointStyle, args: dict[str, Any]) -> tf.compat.v1.train.Scaffold:
    """Returns a scaffold of a style, with defaults from the Estimator's own scaffold, which may be None."""
    if own is not None:
        if args.get('checkpoint') is None:
            args['checkpoint'] = checkpoint_behind(own.saver)
        args.setdefault('init_fn', user_init_fn(own))
        args.setdefault('copy_from_scaffold', own)
    return scaffold(style, **args)
