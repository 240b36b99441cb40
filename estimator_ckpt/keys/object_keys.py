"""Keys of object-based checkpoints (`tensorflow/python/trackable/trackable_utils.py`)."""

import re
from collections.abc import Iterable

OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'
SAVE_COUNTER = 'save_counter'
# `tf.compat.v1.GraphKeys.GLOBAL_STEP`: the key that Estimator reads the step from, whatever the style.
GLOBAL_STEP = 'global_step'
VARIABLE_VALUE = 'VARIABLE_VALUE'
ATTRIBUTES = '/.ATTRIBUTES/'
OPTIMIZER_SLOT = '/.OPTIMIZER_SLOT/'
# What `Checkpoint(var_list={name: variable}, step=global_step)`, the scaffolds' default object, calls its children.
DEFAULT_ROOT, DEFAULT_STEP = 'var_list', 'step'
# What the guide calls the dict of all variables, in its two conversions.
GUIDE_ROOTS = ('vars', 'var_list')
_ESCAPED = re.compile(r'\.\.|\.S')


def escape(local_name: str) -> str:
    """A name as one segment of a path: `.` becomes `..`, then `/` becomes `.S`."""
    return local_name.replace('.', '..').replace('/', '.S')


def object_key(path: Iterable[str], attribute: str = VARIABLE_VALUE) -> str:
    """The key of an attribute of the object at a path of local names, from the root."""
    return '/'.join(map(escape, path)) + ATTRIBUTES + escape(attribute)


def optimizer_path(key: str) -> str:
    """Returns the path, as written in keys, of the optimizer that the key of a slot variable names; else nothing."""
    _, marker, slot = key.rpartition(OPTIMIZER_SLOT)
    return slot.rpartition(ATTRIBUTES)[0].rpartition('/')[0] if marker else ''


def unescape(segment: str) -> str:
    """The name that `escape` made a segment of, in one pass: `..` becomes `.`, `.S` becomes `/`."""
    if '..' not in segment:
        return segment.replace('.S', '/')
    return _ESCAPED.sub(lambda match: '.' if match[0] == '..' else '/', segment)
