"""The messages of a checkpoint's index (`tensorflow/core/protobuf/tensor_bundle.proto`)."""

from typing import NamedTuple

from estimator_ckpt.bundle.protos import declare

_messages = declare(
    'tensor_bundle',
    {
        'Dimension': [(1, 'size', 'int64'), (2, 'name', 'string')],
        'Shape': [(2, 'dim', 'repeated Dimension'), (3, 'unknown_rank', 'bool')],
        # An extent without a length is the whole dimension.
        'Extent': [(1, 'start', 'int64'), (2, 'length', 'optional int64')],
        'Slice': [(1, 'extent', 'repeated Extent')],
        'Version': [(1, 'producer', 'int32'), (2, 'min_consumer', 'int32')],
        'BundleHeader': [
            (1, 'num_shards', 'int32'),
            (2, 'endianness', 'int32'),
            (3, 'version', 'Version'),
        ],
        'BundleEntry': [
            (1, 'dtype', 'int32'),
            (2, 'shape', 'Shape'),
            (3, 'shard_id', 'int32'),
            (4, 'offset', 'int64'),
            (5, 'size', 'int64'),
            (6, 'crc32c', 'fixed32'),
            (7, 'slices', 'repeated Slice'),
        ],
    },
)
BundleHeader = _messages['BundleHeader']
BundleEntry = _messages['BundleEntry']


class Header(NamedTuple):
    """What is used of a `BundleHeader`."""

    num_shards: int
    endianness: int
    min_consumer: int


def parse_header(raw: bytes) -> Header:
    """Parses a serialized `BundleHeader`.

    Raises:
      google.protobuf.message.DecodeError: If `raw` is no such message.
    """
    # As TensorFlow writes it, with one byte for the number of shards: this needs no protobuf.
    if len(raw) == 6 and raw[0] == 0x08 and raw[1] < 0x80 and raw[2:] == b'\x1a\x02\x08\x01':
        return Header(raw[1], 0, 0)
    message = BundleHeader.FromString(raw)
    return Header(message.num_shards, message.endianness, message.version.min_consumer)
