"""The log of this package, without control characters that names in damaged or hostile files may have."""

import logging


def _escape(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if not message.isprintable():
        record.msg = ''.join(
            c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in message
        )
        record.args = ()
    return True


logger = logging.getLogger('estimator_ckpt')
logger.addFilter(_escape)
