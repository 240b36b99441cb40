"""What checkpoints with objects hold besides what save ops write: the object graph, and the second style's keys."""

import numpy as np

from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.saving.staging import Extras


def objects_extras(bindings: Bindings, style: CheckpointStyle, count: int) -> Extras:
    """The extras of a checkpoint in an object-based style.

    Args:
      bindings: The tensors that are saved. A counter of saves is added to their object graph where there is none.
      style: Object-based, or both.
      count: The number of saves, this one included.
    """
    values = {value.key: value.get() for value in bindings.host_values}
    counter_key = bindings.graph.child_key(object_keys.SAVE_COUNTER)
    if counter_key is None:
        counter_key = object_keys.object_key([object_keys.SAVE_COUNTER])
        counted = Attribute(object_keys.VARIABLE_VALUE, object_keys.SAVE_COUNTER, counter_key)
        bindings.graph.add(0, object_keys.SAVE_COUNTER, [counted])
    counters = {counter_key}
    aliases = []
    if style is CheckpointStyle.BOTH:
        targets = [binding.target for binding in bindings.items]
        aliases = [(t.by_object, t.by_name) for t in targets if t.by_object and t.by_name]
        if bindings.save_counter_name:
            counters.add(bindings.save_counter_name)
    values |= {key: np.array(count, np.int64) for key in counters}
    values[object_keys.OBJECT_GRAPH] = np.array(bindings.graph.serialize(), dtype=object)
    return Extras(aliases, values, frozenset(counters))
