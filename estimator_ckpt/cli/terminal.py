"""Colors, width and progress bars on a terminal; pipes and files get plain lines."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator

from estimator_ckpt.common.formatting import printable

# Whether only errors and warnings are shown; set by `main` for each command line.
is_quiet = False
BOLD, DIM, RED, GREEN, YELLOW = '1', '2', '31', '32', '33'


def is_terminal() -> bool:
    """Returns True if standard output is a terminal."""
    return sys.stdout.isatty()


def width() -> int | None:
    """Returns the number of columns of the terminal; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if is_terminal() else None


class Painted(str):
    """A line without control characters but for the escape sequences of its colors."""

    __slots__ = ()


class Warned(Painted):
    """A line that is printed even if nothing but errors and warnings is asked for."""

    __slots__ = ()


def plain(line: str) -> str:
    """Returns a line without control characters, such as a name in a hostile file may have, except for its colors."""
    return line if isinstance(line, Painted) else printable(line)


def paint(line: str, code: str) -> Painted:
    """Colors a line, if standard output has colors, and escapes control characters in it.

    Args:
      line: The line.
      code: The parameters of the escape sequence, such as `BOLD` or `RED`.
    """
    return Painted(f'\x1b[{code}m{printable(line)}\x1b[0m' if _has_colors() else printable(line))


def warning(line: str) -> Warned:
    """Returns a line that is a warning, in its color."""
    return Warned(paint(line, YELLOW))


def _has_colors() -> bool:
    """Returns True if lines are to be colored: NO_COLOR comes before FORCE_COLOR, as in Python itself."""
    if os.environ.get('NO_COLOR'):
        return False
    return bool(os.environ.get('FORCE_COLOR')) or (is_terminal() and os.environ.get('TERM') != 'dumb')


@contextlib.contextmanager
def progress_bar(
    what: str, total: int | None = None, delay: float = 0.0
) -> Iterator[Callable[..., None] | None]:
    """Shows a progress bar on standard error while the block runs, if it is a terminal.

    Args:
      what: What is in progress, such as `'copying'`.
      total: The number of all bytes, if known in advance.
      delay: The number of seconds before the bar appears, for what is mostly done by then.

    Yields:
      A function to be called with the number of bytes of each piece and, if known by then, the number of all bytes;
      None without a bar.
    """
    if is_quiet or not sys.stderr.isatty():
        yield None
        return
    import tqdm  # Imported here because few commands show a bar.

    with tqdm.tqdm(desc=what, total=total, unit='B', unit_scale=True, leave=False, delay=delay) as bar:

        def update(piece: int, of: int | None = None) -> None:
            if of is not None:
                bar.total = of
            bar.update(piece)

        yield update
