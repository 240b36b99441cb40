"""A regular expression that is compiled when it is first needed."""

import functools
import re


class LazyPattern:
    """Matches as a compiled expression does.

    Compiling what few checkpoints need would take as long as a twentieth of a short command.
    """

    def __init__(self, expression: str):
        """Keeps an expression, which is not checked yet."""
        self._expression = expression

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._expression)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Matches a whole text; see `re.Pattern.fullmatch`."""
        return self._pattern.fullmatch(text)
