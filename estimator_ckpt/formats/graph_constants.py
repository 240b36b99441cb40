"""Finds the constants in the protocol buffer of a graph, without reading their values.

The file is read through a window, and large values are skipped. The messages are those of `graph.proto`,
`function.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto` and `tensor_shape.proto` in
`tensorflow/core/framework`, and of `tensorflow/core/protobuf/saved_model.proto` and `meta_graph.proto`.
"""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

from estimator_ckpt.bundle.entries import is_possible_shape
from estimator_ckpt.bundle.files import Files
from estimator_ckpt.formats.wire import BYTES, VARINT, WireError, field_head

_WINDOW = 64 * 1024
_MAX_TAG = 20  # The bytes of a tag and a length at most.
_MAX_TEXT = 64 * 1024  # Names of nodes are shorter, by far.
# The numbers of fields.
_META_GRAPH, _GRAPH_OF_META_GRAPH = 2, 2
_NODE, _LIBRARY, _FUNCTION = 1, 2, 1
_SIGNATURE, _FUNCTION_NODE = 1, 3
_NAME, _OP, _INPUT, _ATTRIBUTE = 1, 2, 3, 5
_KEY, _VALUE, _TENSOR = 1, 2, 8
_DTYPE, _SHAPE, _CONTENT, _FIRST_VALUES = 1, 2, 4, 5
_DIMENSION, _EXTENT = 2, 1


class Range(NamedTuple):
    """A range of the bytes of a file.

    Attributes:
      start: The offset of the first byte.
      end: The offset behind the last byte.
    """

    start: int
    end: int


class Constant(NamedTuple):
    """The tensor of a constant, without its values.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The shape.
      message: The place of the `TensorProto`.
      content: The place of the values if they are stored as raw bytes; else None.
    """

    dtype: int
    shape: tuple[int, ...]
    message: Range
    content: Range | None


@dataclasses.dataclass(slots=True)
class Node:
    """A node of a graph or of a function.

    Attributes:
      function: The name of the function; empty for the graph itself.
      name: The name.
      op: The op.
      inputs: The names of the nodes that the data inputs come from.
      constant: The tensor of a constant; None for other nodes.
    """

    function: str
    name: str = ''
    op: str = ''
    inputs: tuple[str, ...] = ()
    constant: Constant | None = None


class _Field(NamedTuple):
    """A field of a message.

    Attributes:
      number: The number of the field.
      kind: The wire type.
      value: The value of a variable-length integer; else 0.
      place: The place of another value.
    """

    number: int
    kind: int
    value: int
    place: Range


class GraphFile:
    """A file that holds a GraphDef or a SavedModel."""

    def __init__(self, files: Files, path: str):
        """Creates a reader that has read nothing yet.

        Args:
          files: The operations of the file's file system.
          path: The path of the file.
        """
        self._files, self._path = files, path
        self._size = files.size(path)
        self._start, self._data = 0, b''

    def nodes(self, is_saved_model: bool) -> Iterator[Node]:
        """Yields the nodes of the graph and of its functions.

        Args:
          is_saved_model: True for a SavedModel, whose first graph is read; False for a GraphDef.

        Raises:
          WireError: If the file is damaged.
        """
        graph: Range | None = Range(0, self._size)
        if is_saved_model:
            meta_graph = self._message(Range(0, self._size), _META_GRAPH)
            graph = meta_graph and self._message(meta_graph, _GRAPH_OF_META_GRAPH)
        for field in self._fields(graph) if graph else ():
            if field.kind == BYTES and field.number == _NODE:
                yield self._node(field.place, '')
            elif field.kind == BYTES and field.number == _LIBRARY:
                for function in self._fields(field.place):
                    if function.kind == BYTES and function.number == _FUNCTION:
                        yield from self._function(function.place)

    def _function(self, place: Range) -> Iterator[Node]:
        signature = self._message(place, _SIGNATURE)
        name_place = signature and self._message(signature, _NAME)
        name = self._text(name_place) if name_place else ''
        for field in self._fields(place):
            if field.kind == BYTES and field.number == _FUNCTION_NODE:
                yield self._node(field.place, name)

    def _node(self, place: Range, function: str) -> Node:
        node, inputs, value = Node(function), [], None
        for field in self._fields(place):
            if field.kind != BYTES:
                continue
            if field.number == _NAME:
                node.name = self._text(field.place)
            elif field.number == _OP:
                node.op = self._text(field.place)
            elif field.number == _INPUT:
                name = self._text(field.place)
                if not name.startswith('^'):
                    inputs.append(name.partition(':')[0])
            elif field.number == _ATTRIBUTE and node.op in ('', 'Const'):
                value = self._attribute(field.place) or value
        node.inputs = tuple(inputs)
        if value is not None and node.op == 'Const':
            node.constant = self._constant(value)
        return node

    def _attribute(self, place: Range) -> Range | None:
        """Returns the place of the tensor, if an attribute is the value of a constant."""
        key, tensor = '', None
        for field in self._fields(place):
            if field.kind == BYTES and field.number == _KEY:
                key = self._text(field.place)
            elif field.kind == BYTES and field.number == _VALUE:
                tensor = self._message(field.place, _TENSOR)
        return tensor if key == 'value' else None

    def _constant(self, place: Range) -> Constant:
        dtype: int | None = None
        shape: tuple[int, ...] | None = None
        content = None
        for field in self._fields(place):
            if field.number == _DTYPE and field.kind == VARINT:
                dtype = field.value
            elif field.number == _SHAPE and field.kind == BYTES:
                shape = self._shape(field.place)
            elif field.number == _CONTENT and field.kind == BYTES:
                content = field.place if field.place.end > field.place.start else None
            elif field.number >= _FIRST_VALUES and dtype is not None and shape is not None:
                break  # There may be a field for each value. Writers put them last.
        return Constant(dtype or 0, shape or (), place, content)

    def _shape(self, place: Range) -> tuple[int, ...]:
        shape = []
        for dimension in self._fields(place):
            if dimension.number == _DIMENSION and dimension.kind == BYTES:
                fields = self._fields(dimension.place)
                extents = [f.value for f in fields if f.number == _EXTENT and f.kind == VARINT]
                shape.append(extents[-1] if extents else 0)
        if not is_possible_shape(shape):
            raise WireError('a constant has an impossible shape')
        return tuple(shape)

    def _message(self, place: Range, number: int) -> Range | None:
        """Returns the place of the first field of bytes with a number; None if there is none."""
        for field in self._fields(place):
            if field.number == number and field.kind == BYTES:
                return field.place
        return None

    def _fields(self, place: Range) -> Iterator[_Field]:
        """Yields the fields of a message, whose values are skipped.

        Raises:
          WireError: If a field reaches beyond the end, or has an unknown wire type.
        """
        position = place.start
        while position < place.end:
            head = self._bytes(position, min(_MAX_TAG, place.end - position))
            number, kind, value, size, used = field_head(head, 0)
            start = position + used
            position = start + size
            if position > place.end:
                raise WireError('a field reaches beyond the end of its message')
            yield _Field(number, kind, value, Range(start, position))

    def _text(self, place: Range) -> str:
        if place.end - place.start > _MAX_TEXT:
            raise WireError(f'a name has {place.end - place.start} bytes')
        return self._bytes(place.start, place.end - place.start).decode('utf-8', 'surrogateescape')

    def _bytes(self, offset: int, size: int) -> bytes:
        """Returns a small range, read together with what follows it."""
        start = offset - self._start
        if start < 0 or start + size > len(self._data):
            self._start, start = offset, 0
            self._data = self._files.read(self._path, offset, max(size, _WINDOW))
        return self._data[start : start + size]
