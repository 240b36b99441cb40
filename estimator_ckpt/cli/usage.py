"""The error of a wrong command line."""


class UsageError(Exception):
    """Raised if the command line is wrong. The message says why, as a sentence without a period."""
