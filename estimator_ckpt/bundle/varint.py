"""Base-128 variable-length integers, as LevelDB tables and protocol buffers use them."""


def encode(value: int) -> bytes:
    """The bytes of a non-negative integer, lowest seven bits first."""
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """The integer at `position` and the position behind it.

    Raises:
      ValueError: If the data end within the integer, or it is longer than 64 bits.
    """
    result = shift = 0
    for end, byte in enumerate(data[position : position + 10], position + 1):
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >> 64:
                break
            return result, end
        shift += 7
    raise ValueError('a variable-length integer is cut off or too long')
