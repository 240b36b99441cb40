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
    number, kind, value, size, position = field_head(message, position)
    if kind == VARINT:
        return number, kind, value, position
    end = position + size
    if end > len(message):
        raise WireError('a field reaches beyond the end of its message')
    return number, kind, message[position:end], end


def field_head(data: memoryview | bytes, position: int) -> tuple[int, int, int, int, int]:
    """Decodes what comes before the value of a field, and a variable-length integer with it.

    Args:
      data: The bytes, as many as a tag and a length may have if they do not end before.
      position: The position of the field.

    Returns:
      The number, the wire type, the value of a variable-length integer (else 0), the number of bytes of another value
      (else 0), and the position behind what was decoded.

    Raises:
      WireError: If it ends too early, or the wire type is unknown.
    """
    try:
        tag, position = varint.decode(data, position)
        kind = tag & 7
        if kind == VARINT:
            value, position = varint.decode(data, position)
            return tag >> 3, kind, value, 0, position
        if kind == BYTES:
            size, position = varint.decode(data, position)
            return tag >> 3, kind, 0, size, position
    except ValueError as error:
        raise WireError(str(error)) from error
    if kind not in FIXED_SIZES:
        raise WireError(f'a field has the unknown wire type {kind}')
    return tag >> 3, kind, 0, FIXED_SIZES[kind], position


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
