"""What a subcommand raises where the command line is wrong."""


class UsageError(Exception):
    """The command line is wrong. The message says how, in a sentence."""
