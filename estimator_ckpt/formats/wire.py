"""Reads protocol buffer messages field by field, without copying: one field may be hundreds of megabytes."""

from collections.abc import Iterator

from estimator_ckpt.bundle import varint

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # The wire types in use.
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """The bytes are not a protocol buffer message."""


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yields the number, the wire type and the value of each field, in the order they are stored.

    Args:
      message: The message.

    Yields:
      For a variable-length integer its value without a sign, for others a part of `message`.

    Raises:
      WireError: If a field reaches beyond the end, or has an unknown wire type.
    """
    position = 0
    while position < len(message):
        number, kind, value, position = field_at(message, position)
        yield number, kind, value


def field_at(message: memoryview, position: int) -> tuple[int, int, int | memoryview, int]:
    """Returns the number, the wire type and the value of the field at a position, and the position behind it.

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
      For each number its value, or None where the field is absent.

    Raises:
      WireError: If the message is damaged, or one of the fields occurs twice or is no bytes.
    """
    values: dict[int, memoryview] = {}
    for number, kind, value in fields(message):
        if number not in numbers:
            continue
        if kind != BYTES or number in values:
            raise WireError(f'the field {number} occurs twice or is not of bytes')
        values[number] = value
    return [values.get(number) for number in numbers]
