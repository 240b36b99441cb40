"""The messages of a V1 checkpoint: the header, and the records of slices.

The messages are declared in `tensorflow/core/util/saved_tensor_slice.proto`. Headers are parsed by protobuf. Records
are read without copying the values, which `v1_values` decodes.
"""

import functools
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from estimator_ckpt.bundle.entries import MAX_RANK, is_possible_shape
from estimator_ckpt.bundle.protos import declare
from estimator_ckpt.bundle.slices import Slice
from estimator_ckpt.formats import wire

# TF_CHECKPOINT_VERSION in `tensorflow/core/public/version.h`, the version of the newest writer.
_VERSION = 1
# The numbers of the fields of SavedTensorSlices, and of those of SavedSlice.
_META, _DATA = 1, 2
_NAME, _SLICE, _VALUES = 1, 2, 3

_messages = declare(
    'saved_tensor_slice',
    {
        'V1Dimension': [(1, 'size', 'int64')],
        'V1Shape': [(2, 'dim', 'repeated V1Dimension'), (3, 'unknown_rank', 'bool')],
        # An extent without a length covers the whole dimension.
        'V1Extent': [(1, 'start', 'int64'), (2, 'length', 'optional int64')],
        'V1Slice': [(1, 'extent', 'repeated V1Extent')],
        'V1SliceMeta': [
            (1, 'name', 'bytes'),
            (2, 'shape', 'V1Shape'),
            (3, 'type', 'int32'),
            (4, 'slice', 'repeated V1Slice'),
        ],
        'V1Versions': [(1, 'producer', 'int32'), (2, 'min_consumer', 'int32')],
        'V1Meta': [(1, 'tensor', 'repeated V1SliceMeta'), (2, 'versions', 'V1Versions')],
    },
)


class MessageError(ValueError):
    """Raised if a header or a record is damaged. The message is a clause without the name of the file."""


class HeaderTensor(NamedTuple):
    """A tensor in the header of a file.

    Attributes:
      name: The name as stored.
      dtype: TensorFlow's data type number.
      shape: The shape of the whole tensor.
      slices: The slices that the file holds.
    """

    name: bytes
    dtype: int
    shape: tuple[int, ...]
    slices: tuple[Slice, ...]


class Record(NamedTuple):
    """The record of one slice.

    Attributes:
      name: The name of the tensor as stored.
      part: The slice.
      values: The `TensorProto` that holds the values.
    """

    name: bytes
    part: Slice
    values: memoryview


def read_header(value: bytes) -> list[HeaderTensor]:
    """Returns the tensors in a header, which is the value of the key `''`.

    Raises:
      MessageError: If the header is damaged, contradicts itself, or needs a newer reader.
    """
    try:
        meta, data = wire.submessages(memoryview(value), _META, _DATA)
        if meta is None or data is not None:
            raise MessageError('its first record is not a header')
        message = _messages['V1Meta'].FromString(bytes(meta))
    except (wire.WireError, DecodeError) as error:
        raise MessageError('its header cannot be parsed') from error
    if message.versions.min_consumer > _VERSION:
        raise MessageError(f'it needs a reader of version {message.versions.min_consumer}')
    return [_header_tensor(tensor) for tensor in message.tensor]


def read_record(value: memoryview) -> Record:
    """Returns the name, the slice and the values of a record.

    Raises:
      MessageError: If the record is damaged.
    """
    try:
        meta, data = wire.submessages(value, _META, _DATA)
        if data is None or meta is not None:
            raise MessageError('its record has no values')
        name, part, values = wire.submessages(data, _NAME, _SLICE, _VALUES)
        extents = _parsed_slice(bytes(part or b''))
    except (wire.WireError, DecodeError) as error:
        raise MessageError('its record cannot be parsed') from error
    return Record(bytes(name or b''), extents, memoryview(b'') if values is None else values)


@functools.lru_cache(maxsize=1024)  # Most records have one of a few.
def _parsed_slice(message: bytes) -> Slice:
    return _extents(_messages['V1Slice'].FromString(message))


def part_shape(part: Slice, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape of a slice.

    Args:
      part: The slice.
      shape: The shape of the whole tensor.
    """
    return tuple(
        extent if length is None else length for (_, length), extent in zip(part, shape, strict=True)
    )


def normalized(part: Slice, shape: tuple[int, ...]) -> Slice:
    """Returns a slice whose extents have no length if they cover a whole dimension.

    Args:
      part: The slice.
      shape: The shape of the whole tensor.
    """
    return tuple(
        (0, None) if length in (None, extent) else (start, length)
        for (start, length), extent in zip(part, shape, strict=True)
    )


def _extents(message: Any) -> Slice:
    return tuple((e.start, e.length if e.HasField('length') else None) for e in message.extent)


def _header_tensor(message: Any) -> HeaderTensor:
    tensor = HeaderTensor(
        name=message.name,
        dtype=message.type,
        shape=tuple(dim.size for dim in message.shape.dim),
        slices=tuple(map(_extents, message.slice)),
    )
    fault = 'has no shape' if message.shape.unknown_rank else _fault(tensor)
    if fault:
        raise MessageError(f'{tensor.name.decode("utf-8", "surrogateescape")!r} in its header {fault}')
    return tensor


def _fault(tensor: HeaderTensor) -> str | None:
    """Returns what is impossible about a tensor, as the predicate of a sentence; None if it is plausible."""
    shape = tensor.shape
    if len(shape) > MAX_RANK:
        return f'has the impossible rank {len(shape)}'
    if not is_possible_shape(shape):
        return f'has the impossible shape {list(shape)}'
    if not tensor.slices:
        return 'has no slice'
    for part in tensor.slices:
        if len(part) != len(shape):
            return f'has a slice of rank {len(part)} for the shape {list(shape)}'
        for (start, length), extent in zip(part, shape, strict=True):
            # A whole dimension starts at 0.
            if start < 0 or not 0 <= (extent if length is None else length) <= extent - start:
                return f'has a slice outside of its shape {list(shape)}'
    return None
