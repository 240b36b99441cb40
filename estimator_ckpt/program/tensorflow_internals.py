"""Wraps the private APIs of TensorFlow, Keras and Estimator that this package uses.

Only this module uses `tensorflow.python` and underscored attributes of their classes. Each function was checked on
TensorFlow 2.12, 2.15 and 2.21 unless its docstring says otherwise. Methods that a subclass must override are in the
subclass: `_trackable_children` (`frozen_objects`), `_evaluate` (`in_memory_evaluator`), `_save` (`async_hook`).
"""

import collections
import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow.python.checkpoint import save_util, saveable_compat
from tensorflow.python.checkpoint import util as checkpoint_util
from tensorflow.python.client.session import SessionInterface as SessionInterface
from tensorflow.python.ops import variables as variables_lib
from tensorflow.python.training.saving import saveable_object_util

Trackable = tf.__internal__.tracking.Trackable


_Function = TypeVar('_Function', bound=Callable[..., Any])


def not_converted(function: _Function) -> _Function:
    """Returns a function that AutoGraph does not convert. Unlike with TensorFlow's decorator, its type is preserved."""
    return tf.autograph.experimental.do_not_convert(function)


def full_name(variable: Any) -> str:
    """Returns the name of a variable in name-based checkpoints; empty if the object is not a variable.

    In eager mode a variable of Keras 3 goes by its path: TensorFlow's name for it lacks the layer if the layer is built
    when it is first called.
    """
    if isinstance(variable, (list, tuple, variables_lib.PartitionedVariable)):
        variable = next(iter(variable))
    if tf.executing_eagerly() and is_keras_3_variable(variable):
        return variable.path
    return checkpoint_util.get_full_name(variable)


def slice_info(variable: Any) -> Any:
    """Returns the `SaveSliceInfo` of one piece of a partitioned variable; None for a whole variable."""
    return getattr(variable, '_save_slice_info', None)


def identities(variable: Any) -> set[int]:
    """Returns the ids of a variable, of its pieces, and of what Keras 3 and mixed precision wrap in it."""
    if isinstance(variable, (list, tuple)):
        return set().union(*map(identities, variable)) if variable else set()
    parts = [variable, getattr(variable, '_value', None), getattr(variable, '_variable', None)]
    if isinstance(variable, variables_lib.PartitionedVariable):
        parts += list(variable)
    return {id(part) for part in parts if part is not None}


def is_keras_3(trackable: Any) -> bool:
    """Returns True for a layer or model of Keras 3. Checked on Keras 3.3 to 3.15, and on Keras 2.15, which is not."""
    return any(cls.__module__ == 'keras.src.layers.layer' for cls in type(trackable).__mro__)


def is_keras_3_variable(value: Any) -> bool:
    """Returns True for a variable of Keras 3, which wraps one of TensorFlow. Checked on Keras 3.3 to 3.15."""
    return any(cls.__module__ == 'keras.src.backend.common.variables' for cls in type(value).__mro__)


def unwrapped(variable: Any) -> Any:
    """Returns the variable of TensorFlow in one of Keras 3; any other object unchanged."""
    return variable._value if is_keras_3_variable(variable) else variable


def creation_number(variable: Any) -> int | None:
    """Returns a number that is larger for variables that were made later; None for other objects."""
    number = str(getattr(unwrapped(variable), '_unique_id', '')).rpartition('_')[2]
    return int(number) if number.isdecimal() else None


def saveables_of(var_list: Any) -> list[Any]:
    """Returns the `SaveableObject`s of a saver's `var_list`.

    Args:
      var_list: Variables and saveable objects, a dict from names to them, or None for all of the default graph.

    Raises:
      ValueError: If two of them have the same name.
    """
    if var_list is None:
        var_list = variables_lib._all_saveable_objects()
    if not isinstance(var_list, Mapping):
        var_list = _by_name(var_list)
    # TensorFlow takes a variable of Keras 3 for an object, and saves it under another name.
    return saveable_object_util.validate_and_slice_inputs(
        {name: unwrapped(value) for name, value in var_list.items()}
    )


def _by_name(var_list: Any) -> dict[str, Any]:
    """Returns a saver's list of variables and saveable objects by name.

    Raises:
      ValueError: If two of them have the same name.
    """
    variables = [value for value in var_list if is_keras_3_variable(value)]
    names = collections.Counter(map(full_name, variables))
    twins = sorted(name for name, count in names.items() if count > 1)
    if twins:
        raise ValueError(
            f'Several variables of Keras 3 are called {", ".join(twins)}; pass var_list={{name: variable}}.'
        )
    by_name = saveable_object_util.op_list_to_dict(
        [value for value in var_list if not is_keras_3_variable(value)]
    )
    return by_name | {full_name(variable): variable for variable in variables}


def attribute_name(saveable: Any) -> str | None:
    """Returns the attribute name of a saveable in object graphs, such as `'table'`; None if it cannot be in one."""
    if isinstance(saveable.op, Trackable):
        return saveable_compat.get_saveable_name(saveable.op)
    return None


def root_of(checkpoint: tf.train.Checkpoint) -> Any:
    """Returns the object at which the paths of a checkpoint begin: the checkpoint, or its positional root."""
    return checkpoint._saver._graph_view.root


def serialize(checkpoint: tf.train.Checkpoint) -> tuple[bytes, list[tuple[Any, list[Any]]], list[str]]:
    """Walks the objects of a checkpoint. The keys come from TensorFlow's serialization, and are thus the same.

    Args:
      checkpoint: A checkpoint of keyword objects or with a positional root.

    Returns:
      The serialized object graph; the objects that have values, with the `SaveableObject`s of these; and the names of
      registered savers, whose objects are not included.
    """
    # The graph view includes the positional root and the objects attached to it.
    tensors, _, registered_savers, graph = save_util.serialize_graph_view(checkpoint._saver._graph_view)
    by_owner = saveable_object_util.serialized_tensors_to_saveable_cache(tensors)
    saveables = [
        (owner, list(itertools.chain.from_iterable(values.values()))) for owner, values in by_owner.items()
    ]
    return graph.SerializeToString(), saveables, sorted(registered_savers)


def saver_variables(saver: Any) -> Any:
    """Returns the `var_list` of a `tf.compat.v1.train.Saver`: a list, a dict, or None if there is none."""
    return getattr(saver, '_var_list', None)


def user_init_fn(scaffold: tf.compat.v1.train.Scaffold) -> Any:
    """Returns the `init_fn` that a scaffold was given. The public property has another signature."""
    return scaffold._user_init_fn


def graph_of(session_manager: tf.compat.v1.train.SessionManager) -> tf.Graph:
    """Returns the graph of the sessions that a session manager prepares."""
    return session_manager._graph


def summary_writers() -> dict[str, tf.compat.v1.summary.FileWriter]:
    """Returns the cached summary writers by directory. `FileWriterCache.get` would create missing ones."""
    return dict(tf.compat.v1.summary.FileWriterCache._cache)


@contextlib.contextmanager
def feedable(graph: tf.Graph, tensors: Iterable[tf.Tensor]) -> Iterator[None]:
    """Makes tensors feedable that TensorFlow has marked as unfeedable by reading them as constants.

    Args:
      graph: The graph.
      tensors: The tensors. The ops that are run must not depend on the values that were read before.
    """
    forbidden = [tensor for tensor in tensors if not graph.is_feedable(tensor)]
    for tensor in forbidden:
        graph._unfeedable_tensors.discard(tensor)
    try:
        yield
    finally:
        for tensor in forbidden:
            graph.prevent_feeding(tensor)


def create_slots(optimizer: Any, variables: Sequence[Any]) -> None:
    """Creates the slots of an optimizer that has not been applied, as `apply_gradients` does.

    Args:
      optimizer: A Keras optimizer: a legacy one, one since 2.11, or one of Keras 3.
      variables: The variables to be optimized.
    """
    if hasattr(optimizer, 'get_slot'):
        if not optimizer.weights:
            optimizer._create_all_weights(variables)
    elif variables and not getattr(optimizer, 'built', getattr(optimizer, '_built', False)):
        optimizer.build(variables)


def variables_of_slot_lists(optimizer: Any, variables: Sequence[Any]) -> list[Any]:
    """Returns the variables in the order of the slot lists of an optimizer of Keras since 2.11.

    Args:
      optimizer: The optimizer.
      variables: The variables for which the optimizer may have been built.
    """
    if hasattr(optimizer, '_trainable_variables'):  # Keras 3.
        return list(optimizer._trainable_variables)
    numbers = optimizer._index_dict
    built = [variable for variable in variables if optimizer._var_key(variable) in numbers]
    return sorted(built, key=lambda variable: numbers[optimizer._var_key(variable)])


def learning_rate_or_schedule(optimizer: Any) -> Any:
    """Returns the learning rate that a Keras optimizer was given: a number, a variable or a schedule."""
    if hasattr(optimizer, 'get_slot'):
        return optimizer.learning_rate
    rate = getattr(optimizer, '_learning_rate', None)
    return optimizer.learning_rate if rate is None else rate


def warm_start_settings(estimator: Any) -> Any:
    """Returns the warm start of an Estimator, as `tf.estimator.add_metrics` does. Estimator 2.15."""
    return estimator._warm_start_settings


def with_evaluation_scaffold(
    estimator: Any, replace: Callable[[tf.compat.v1.train.Scaffold], tf.compat.v1.train.Scaffold]
) -> Any:
    """Returns an Estimator like the given one, without its warm start, whose evaluation has another scaffold.

    A copy is of the same class, which TPUEstimator's `input_fn` needs. Estimator 2.15.

    Args:
      estimator: A `tf.estimator.Estimator`.
      replace: A function of a scaffold, which returns the one to use instead.
    """
    new = copy.copy(estimator)
    new._warm_start_settings = None
    build = new._evaluate_build_graph

    def build_with_other_scaffold(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        scaffold, *further_results = build(*args, **kwargs)
        return replace(scaffold), *further_results

    new._evaluate_build_graph = build_with_other_scaffold
    return new


def training_variables(in_memory_evaluator: Any) -> dict[str, tf.Variable]:
    """Returns the mutable dict of the training variables of an InMemoryEvaluatorHook, by evaluation variable."""
    return in_memory_evaluator._var_name_to_train_var
