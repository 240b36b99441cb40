"""Declares protocol buffer messages in a package and a pool of our own.

TensorFlow registers `tensor_bundle.proto` and `trackable_object_graph.proto` in protobuf's default pool. Declaring the
same messages elsewhere works with or without TensorFlow in the process, and with every protobuf since 4.22.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_PACKAGE = 'estimator_ckpt'
_pool = descriptor_pool.DescriptorPool()
_Field = descriptor_pb2.FieldDescriptorProto
# protobuf 4.22 to 4.24 crash where the class of a nested message has been garbage-collected.
_classes: list[type[message.Message]] = []

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
    """Declares proto3 messages and returns their classes.

    Args:
      file: File name under which the pool registers the messages; any unused name will do.
      messages: The fields of each message, by the message's name, as `(number, name, type)`. A type is the name of a
        scalar or of another message in the same call, preceded by `repeated ` or by `optional ` (absent differs
        from 0) where that applies.

    Returns:
      The class of each message, by the message's name.
    """
    proto = descriptor_pb2.FileDescriptorProto(name=file, package=_PACKAGE, syntax='proto3')
    for name, fields in messages.items():
        declaration = proto.message_type.add(name=name)
        for number, field_name, kind in fields:
            label, _, kind = kind.rpartition(' ')
            field = declaration.field.add(name=field_name, number=number)
            field.label = _Field.LABEL_REPEATED if label == 'repeated' else _Field.LABEL_OPTIONAL
            if label == 'optional':
                field.oneof_index = len(declaration.oneof_decl)
                declaration.oneof_decl.add(name=f'has_{field_name}')
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f'.{_PACKAGE}.{kind}'
    _pool.AddSerializedFile(proto.SerializeToString())
    classes = {
        name: message_factory.GetMessageClass(_pool.FindMessageTypeByName(f'{_PACKAGE}.{name}'))
        for name in messages
    }
    _classes.extend(classes.values())
    return classes
