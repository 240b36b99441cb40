"""Reads protocol buffer messages field by field, without copying values, which may have hundreds of megabytes."""

from collections.abc import Iterator

from estimator_ckpt.bundle import varint

# The wire types in use.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# The numbers of bytes of values of a fixed size.
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """Raised if bytes are not a protocol buffer message. The message is a clause without the name of a file."""


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yields the number, the wire type and the value of each field, in stored order.

    Args:
      message: The message.

    Yields:
      The number, the wire type and the value. A variable-length integer is an unsigned `int`; other values are parts of
      `message`.

    Raises:
      WireError: If a field reaches beyond the end, or has an unknown wire type.
    """
    position = 0
    while position < len(message):
        number, kind, value, position = field_at(message, position)
        yield number, kind, value


def field_at(message: memoryview, position: int) -> tuple[int, int, int | memoryview, int]:
    """Returns the number, the wire type and the value of a field, and the position behind it.

    Args:
      message: The message.
      position: The position of the field.

    Raises:
      WireError: If the field reaches beyond the end, or has an unknown wire type.
    """
    try:
        tag, position = varint.decode(message, position)
        kind = tag & 7
        if kind == VARINT:
            value, end = varint.decode(message, position)
            return tag >> 3, kind, value, end
        if kind == BYTES:
            size, position = varint.decode(message, position)
        elif kind in FIXED_SIZES:
            size = FIXED_SIZES[kind]
        else:
            raise WireError(f'a field has the unknown wire type {kind}')
    except WireError:
        raise
    except ValueError as error:
        raise WireError(str(error)) from error
    end = position + size
    if end > len(message):
        raise WireError('a field reaches beyond the end of its message')
    return tag >> 3, kind, message[position:end], end


def submessages(message: memoryview, *numbers: int) -> list[memoryview | None]:
    """Returns the values of singular fields of bytes or messages.

    Args:
      message: The message.
      *numbers: The numbers of the fields.

    Returns:
      The value of each field; None if the field is absent.

    Raises:
      WireError: If the message is damaged, or one of the fields occurs twice or does not consist of bytes.
    """
    values: dict[int, memoryview] = {}
    for number, kind, value in fields(message):
        if number not in numbers:
            continue
        if kind != BYTES or isinstance(value, int) or number in values:
            raise WireError(f'the field {number} occurs twice or does not consist of bytes')
        values[number] = value
    return [values.get(number) for number in numbers]
