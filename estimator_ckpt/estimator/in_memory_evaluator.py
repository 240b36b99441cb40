"""Evaluates during training, also estimators whose scaffold has a saver."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.estimator.extenders import check_estimator_is_there
from estimator_ckpt.program.tensorflow_internals import (
    saver_variables,
    training_variables,
    with_evaluation_scaffold,
)

# The type is Any, because a conditional base class cannot be typed.
_Base: Any = tf.compat.v1.train.SessionRunHook
if hasattr(tf, 'estimator'):
    _Base = tf.estimator.experimental.InMemoryEvaluatorHook


class InMemoryEvaluatorHook(_Base):
    """`tf.estimator.experimental.InMemoryEvaluatorHook` for estimators of any scaffold.

    Evaluates before the first step, every N steps and at the end, without a checkpoint: each variable of the evaluation
    gets the value of the variable of the same name in the training session.

    TensorFlow's hook refuses a scaffold with a saver or an `init_fn`, because the saver may restore another variable's
    value, such as a moving average, and because the hook feeds the values by an `init_fn` of its own. This hook removes
    both from the evaluation's scaffold. If the removed `tf.compat.v1.train.Saver` has a dict as `var_list`, a variable
    under another variable's name gets the value of that one. The removed `init_fn` and warm start have no effect, since
    all values are overwritten.

    As for TensorFlow's hook, training must be on one machine, and the training graph must have no saveable objects
    besides variables, such as a `MutableHashTable`.
    """

    def __init__(
        self,
        estimator: Any,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Sequence[tf.compat.v1.train.SessionRunHook] | None = None,
        name: str | None = None,
        every_n_iter: int = 100,
    ):
        """Creates a hook for `estimator.train(hooks=[...])`.

        Args:
          estimator: A `tf.estimator.Estimator`, such as a TPUEstimator with `use_tpu=False`.
          input_fn: As for `estimator.evaluate`.
          steps: As for `estimator.evaluate`.
          hooks: As for `estimator.evaluate`.
          name: As for `estimator.evaluate`.
          every_n_iter: The number of training steps between two evaluations.

        Raises:
          ImportError: If this TensorFlow has no `tf.estimator`.
          ValueError: If `every_n_iter` is not positive, or the estimator's cluster has several workers.
        """
        check_estimator_is_there('InMemoryEvaluatorHook')
        self._restored_from: dict[str, str] = {}
        super().__init__(self._without_saver(estimator), input_fn, steps, hooks, name, every_n_iter)

    def _without_saver(self, estimator: Any) -> Any:
        """Returns the same estimator, whose evaluation has a scaffold without saver and `init_fn`."""

        def without_saver(scaffold: tf.compat.v1.train.Scaffold) -> tf.compat.v1.train.Scaffold:
            self._restored_from = _restored_from(scaffold.saver)
            return _without_saver_and_init_fn(scaffold)

        return with_evaluation_scaffold(estimator, without_saver)

    def _evaluate(self, train_session: tf.compat.v1.Session) -> None:
        variables = train_session.graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
        by_name = {variable.op.name: variable for variable in variables}
        training = training_variables(self)
        for variable, source in self._restored_from.items():
            if variable in training and source in by_name:
                training[variable] = by_name[source]
        super()._evaluate(train_session)


def _without_saver_and_init_fn(scaffold: tf.compat.v1.train.Scaffold) -> tf.compat.v1.train.Scaffold:
    # copy_from_scaffold would copy the saver too.
    return tf.compat.v1.train.Scaffold(
        init_op=scaffold.init_op,
        init_feed_dict=scaffold.init_feed_dict,
        ready_op=scaffold.ready_op,
        ready_for_local_init_op=scaffold.ready_for_local_init_op,
        local_init_op=scaffold.local_init_op,
        summary_op=scaffold.summary_op,
        local_init_feed_dict=scaffold.local_init_feed_dict,
    )


def _restored_from(saver: Any) -> dict[str, str]:
    """Returns the names under which a saver restores variables, by the variables' own names, where they differ."""
    named = saver_variables(saver)
    if not isinstance(named, dict):
        return {}
    return {v.name: name for name, v in named.items() if isinstance(v, tf.Variable) and v.op.name != name}
