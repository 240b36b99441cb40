"""Recognizes files with graphs of TensorFlow, which are protocol buffers without fixed first bytes, by their fields.

The messages are those of `tensorflow/core/protobuf/saved_model.proto`, `meta_graph.proto` and
`tensorflow/core/framework/graph.proto`.
"""

import re
from collections.abc import Callable

from estimator_ckpt.bundle import varint

# The tags of the first two fields if these are bytes or messages, and of the schema version of a SavedModel.
_FIRST, _SECOND, _SCHEMA_VERSION = 0x0A, 0x12, 0x08
_NODE_NAME = re.compile(rb'[A-Za-z0-9.^][\w.\\/>-]*')
_OP_NAME = re.compile(rb'[A-Za-z]\w*(>\w+)*')
_HEAD_SIZE = 1024


def is_saved_model(head: bytes, size: int) -> bool:
    """Returns True if a file begins like a SavedModel: a schema version, then a MetaGraphDef.

    Args:
      head: The first bytes of the file.
      size: The size of the file in bytes.
    """
    if head[:1] != bytes([_SCHEMA_VERSION]):
        return False
    try:
        _, position = varint.decode(head, 1)
        start, length = _field(head, position, _SECOND)
    except ValueError:
        return False
    return 0 < length <= size - start


def is_meta_graph(read: Callable[[int, int], bytes], size: int) -> bool:
    """Returns True if a file begins like a MetaGraphDef: its description, then a GraphDef.

    Args:
      read: A function that returns bytes of the file, given an offset and a number of bytes.
      size: The size of the file in bytes.
    """
    try:
        start, length = _field(read(0, _HEAD_SIZE), 0, _FIRST)
        graph = start + length
        if graph >= size:
            return False
        head = read(graph, _HEAD_SIZE)
        start, length = _field(head, 0, _SECOND)
    except ValueError:
        return False
    return length <= size - graph - start and is_graph(head[start:], length)


def is_graph(head: bytes, size: int) -> bool:
    """Returns True if a file or message begins like a GraphDef: with a node that has a name and an op.

    Args:
      head: The first bytes of the file or message.
      size: The size of the file or message in bytes.
    """
    try:
        node, node_size = _field(head, 0, _FIRST)
        name, name_size = _field(head, node, _FIRST)
        op, op_size = _field(head, name + name_size, _SECOND)
    except ValueError:
        return False
    return (
        node_size <= size - node
        and _NODE_NAME.fullmatch(head[name : name + name_size]) is not None
        and _OP_NAME.fullmatch(head[op : op + op_size]) is not None
    )


def _field(head: bytes, position: int, tag: int) -> tuple[int, int]:
    """Returns the position and the length of the value of a field of bytes.

    Args:
      head: The first bytes of the message.
      position: The position of the field.
      tag: The expected tag of the field.

    Raises:
      ValueError: If there is no field with this tag at the position.
    """
    if head[position : position + 1] != bytes([tag]):
        raise ValueError(f'there is no field with the tag {tag}')
    length, start = varint.decode(head, position + 1)
    return start, length
