"""The log of this package, without control characters that names in damaged or hostile files may have."""

import logging


def escaped(message: str) -> str:
    """Returns a message with escape sequences instead of characters that are not printable."""
    if message.isprintable():
        return message
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in message
    )


def _escape(record: logging.LogRecord) -> bool:
    record.msg, record.args = escaped(record.getMessage()), ()
    return True


logger = logging.getLogger('estimator_ckpt')
logger.addFilter(_escape)
