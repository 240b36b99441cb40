"""Declares protocol buffer messages under a package name of our own.

TensorFlow registers `tensor_bundle.proto` and `trackable_object_graph.proto` in protobuf's default pool. Declaring the
same messages under another package, in a pool of our own, works with or without TensorFlow in the process, and with
every protobuf from 4 on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = 'estimator_ckpt'
_pool = descriptor_pool.DescriptorPool()
_Field = descriptor_pb2.FieldDescriptorProto

_SCALARS = {
    'int64': _Field.TYPE_INT64,
    'int32': _Field.TYPE_INT32,
    'fixed32': _Field.TYPE_FIXED32,
    'bool': _Field.TYPE_BOOL,
    'string': _Field.TYPE_STRING,
    'bytes': _Field.TYPE_BYTES,
    'double': _Field.TYPE_DOUBLE,
    'float': _Field.TYPE_FLOAT,
}


def declare(file: str, messages: Mapping[str, Sequence[tuple[int, str, str]]]) -> dict[str, Any]:
    """Declares proto3 messages and gives their classes.

    Args:
      file: A file name for the pool, of no further meaning.
      messages: For each message name its fields as `(number, name, type)`; a type is a scalar's name, or another
        message's name in the same call, with `repeated ` or `optional ` (absent differs from 0) before it.

    Returns:
      For each message name its class.
    """
    proto = descriptor_pb2.FileDescriptorProto(name=file, package=_PACKAGE, syntax='proto3')
    for name, fields in messages.items():
        message = proto.message_type.add(name=name)
        for number, field_name, kind in fields:
            label, _, kind = kind.rpartition(' ')
            field = message.field.add(name=field_name, number=number)
            field.label = _Field.LABEL_REPEATED if label == 'repeated' else _Field.LABEL_OPTIONAL
            if label == 'optional':
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f'has_{field_name}')
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f'.{_PACKAGE}.{kind}'
    _pool.AddSerializedFile(proto.SerializeToString())
    return {
        name: message_factory.GetMessageClass(_pool.FindMessageTypeByName(f'{_PACKAGE}.{name}'))
        for name in messages
    }
