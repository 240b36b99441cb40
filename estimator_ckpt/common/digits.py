"""Numbers in names, which a damaged file may make as long as it likes."""

# Python refuses to convert more than 4300 digits, which would take long.
_MOST = 4000


def to_int(digits: str) -> int:
    """Returns the number that decimal digits stand for; of more than 4000 digits only the last ones count."""
    return int(digits[-_MOST:])
