"""Keys of object-based checkpoints (`tensorflow/python/trackable/trackable_utils.py`)."""

from collections.abc import Iterable

OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'
SAVE_COUNTER = 'save_counter'
VARIABLE_VALUE = 'VARIABLE_VALUE'
_ATTRIBUTES = '/.ATTRIBUTES/'


def escape(local_name: str) -> str:
    """A name as one segment of a path: `.` becomes `..`, then `/` becomes `.S`."""
    return local_name.replace('.', '..').replace('/', '.S')


def object_key(path: Iterable[str], attribute: str = VARIABLE_VALUE) -> str:
    """The key of an attribute of the object at a path of local names, from the root."""
    return '/'.join(map(escape, path)) + _ATTRIBUTES + escape(attribute)
