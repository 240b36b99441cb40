"""TensorFlow's log, without control characters that names in damaged or hostile files may have."""

import logging
from collections.abc import MutableMapping
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.log import escaped


class _Escaping(logging.LoggerAdapter):
    """Escapes messages, in which names, paths and errors are."""

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            self.logger.log(level, '%s', escaped(str(msg) % args if args else str(msg)), **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs


def logger() -> logging.LoggerAdapter:
    """Returns TensorFlow's logger, for messages with names and paths."""
    return _Escaping(tf.get_logger(), {})
