"""Declares protocol buffer messages in a package and a pool of our own.

TensorFlow registers `tensor_bundle.proto` and `trackable_object_graph.proto` in protobuf's default pool. Declaring the
same messages elsewhere works with or without TensorFlow in the process, and with every protobuf since 4.22.

protobuf is imported when the first message is used: that takes a tenth of the time of a command that needs none.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

_Fields = Mapping[str, Sequence[tuple[int, str, str]]]
_PACKAGE = 'estimator_ckpt'
# protobuf 4.22 to 4.24 crash where the class of a nested message has been garbage-collected.
_classes: list[Any] = []


class Declared:
    """A message that is declared, and whose class is created when it is first used."""

    def __init__(self, name: str, create: Any):
        """Keeps a declaration.

        Args:
          name: The name of the message.
          create: Returns the classes of the declaration, by name.
        """
        self._name, self._create = name, create

    @functools.cached_property
    def _class(self) -> Any:
        return self._create()[self._name]

    def __call__(self, **fields: Any) -> Any:
        """Creates a message."""
        return self._class(**fields)

    def FromString(self, data: bytes) -> Any:  # noqa: N802 (protobuf's name)
        """Parses a message.

        Raises:
          google.protobuf.message.DecodeError: If `data` is no such message.
        """
        return self._class.FromString(data)


@functools.cache
def _pool() -> Any:
    from google.protobuf import descriptor_pool

    return descriptor_pool.DescriptorPool()


def declare(file: str, messages: _Fields) -> dict[str, Any]:
    """Declares proto3 messages and returns them.

    Args:
      file: File name under which the pool registers the messages; any unused name will do.
      messages: The fields of each message, by the message's name, as `(number, name, type)`. A type is the name of a
        scalar or of another message in the same call, preceded by `repeated ` or by `optional ` (absent differs
        from 0) where that applies.

    Returns:
      Each message, to be created and parsed as its class is, by the message's name.
    """
    create = functools.cache(lambda: _create(file, messages))
    return {name: Declared(name, create) for name in messages}


def _create(file: str, messages: _Fields) -> dict[str, Any]:
    """Returns the classes of the messages, by name."""
    from google.protobuf import descriptor_pb2, message_factory

    field_type = descriptor_pb2.FieldDescriptorProto
    proto = descriptor_pb2.FileDescriptorProto(name=file, package=_PACKAGE, syntax='proto3')
    for name, fields in messages.items():
        declaration = proto.message_type.add(name=name)
        for number, field_name, kind in fields:
            label, _, kind = kind.rpartition(' ')
            field = declaration.field.add(name=field_name, number=number)
            field.label = field_type.LABEL_REPEATED if label == 'repeated' else field_type.LABEL_OPTIONAL
            if label == 'optional':
                field.oneof_index = len(declaration.oneof_decl)
                declaration.oneof_decl.add(name=f'has_{field_name}')
            if kind in messages:
                field.type = field_type.TYPE_MESSAGE
                field.type_name = f'.{_PACKAGE}.{kind}'
            else:
                field.type = field_type.Type.Value(f'TYPE_{kind.upper()}')
    _pool().AddSerializedFile(proto.SerializeToString())
    classes = {
        name: message_factory.GetMessageClass(_pool().FindMessageTypeByName(f'{_PACKAGE}.{name}'))
        for name in messages
    }
    _classes.extend(classes.values())
    return classes
