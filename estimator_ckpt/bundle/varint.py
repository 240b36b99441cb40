"""Base-128 variable-length integers, as used by LevelDB tables and protocol buffers."""


def encode(value: int) -> bytes:
    """Encodes a non-negative integer, lowest seven bits first."""
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Decodes the integer at a position.

    Args:
      data: The bytes that contain the integer.
      position: The offset of its first byte.

    Returns:
      The integer, and the offset of the byte after it.

    Raises:
      ValueError: If the data end within the integer, or if it has more than 64 bits.
    """
    # Nearly every integer fits into one byte.
    if 0 <= position < len(data) and data[position] < 0x80:
        return data[position], position + 1
    result = shift = 0
    for end, byte in enumerate(data[position : position + 10], position + 1):
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >> 64:
                break
            return result, end
        shift += 7
    raise ValueError('a variable-length integer is cut off or too long')
