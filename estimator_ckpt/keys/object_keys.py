"""Keys of object-based checkpoints (`tensorflow/python/trackable/trackable_utils.py`)."""

import re
from collections.abc import Iterable

OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'
SAVE_COUNTER = 'save_counter'
# `tf.compat.v1.GraphKeys.GLOBAL_STEP`: the key from which Estimator reads the step in checkpoints of any style.
GLOBAL_STEP = 'global_step'
VARIABLE_VALUE = 'VARIABLE_VALUE'
ATTRIBUTES = '/.ATTRIBUTES/'
OPTIMIZER_SLOT = '/.OPTIMIZER_SLOT/'
# The children of the default object of scaffolds, `Checkpoint(var_list={name: variable}, step=global_step)`.
DEFAULT_ROOT, DEFAULT_STEP = 'var_list', 'step'
# The names of the dict of all variables in the two conversions of TensorFlow's migration guide.
GUIDE_ROOTS = ('vars', 'var_list')
_ESCAPED = re.compile(r'\.\.|\.S')


def escape(local_name: str) -> str:
    """Returns a name as one segment of a path: `.` becomes `..`, then `/` becomes `.S`."""
    return local_name.replace('.', '..').replace('/', '.S')


def object_key(path: Iterable[str], attribute: str = VARIABLE_VALUE) -> str:
    """Returns the key of an attribute of an object.

    Args:
      path: The path of the object, as local names from the root.
      attribute: The local name of the attribute.
    """
    return '/'.join(map(escape, path)) + ATTRIBUTES + escape(attribute)


def optimizer_path(key: str) -> str:
    """Returns the path of the optimizer in the key of a slot variable, as in keys; empty for other keys."""
    _, marker, slot = key.rpartition(OPTIMIZER_SLOT)
    return slot.rpartition(ATTRIBUTES)[0].rpartition('/')[0] if marker else ''


def split_path(path: str) -> tuple[str, ...]:
    """Returns the local names in the path of an object, as it is in keys."""
    if '.' not in path:  # As nearly all paths.
        return tuple(path.split('/')) if path else ()
    if '..' in path or '\0' in path:
        return tuple(map(unescape, path.split('/')))
    # At once for all segments, which only have slashes escaped.
    return tuple(path.replace('/', '\0').replace('.S', '/').split('\0'))


def unescape(segment: str) -> str:
    """Returns the name that `escape` turned into a segment: in one pass, `..` becomes `.` and `.S` becomes `/`."""
    if '..' not in segment:
        return segment.replace('.S', '/')
    return _ESCAPED.sub(lambda match: '.' if match[0] == '..' else '/', segment)
