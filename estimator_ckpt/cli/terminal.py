"""Colors, width and progress bars on a terminal; pipes and files get plain lines."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator

from estimator_ckpt.common.formatting import printable

BOLD, DIM, RED, GREEN, YELLOW = '1', '2', '31', '32', '33'


def width() -> int | None:
    """Returns the number of columns of the terminal; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Painted(str):
    """A line without control characters but for the escape sequences of its colors."""

    __slots__ = ()


def plain(line: str) -> str:
    """Returns a line without control characters, such as a name in a hostile file may have, except for its colors."""
    return line if isinstance(line, Painted) else printable(line)


def paint(line: str, code: str) -> Painted:
    """Colors a line, if standard output is a terminal with colors, and escapes control characters in it.

    Args:
      line: The line.
      code: The parameters of the escape sequence, such as `BOLD` or `RED`.
    """
    colorless = not sys.stdout.isatty() or os.environ.get('NO_COLOR') or os.environ.get('TERM') == 'dumb'
    return Painted(printable(line) if colorless else f'\x1b[{code}m{printable(line)}\x1b[0m')


@contextlib.contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[..., None] | None]:
    """Shows a progress bar on standard error while the block runs, if it is a terminal.

    Args:
      what: What is in progress, such as `'copying'`.
      total: The number of all bytes, if known in advance.

    Yields:
      A function to be called with the number of bytes of each piece and, if known by then, the number of all bytes;
      None without a bar.
    """
    if not sys.stderr.isatty():
        yield None
        return
    import tqdm  # Imported here because few commands show a bar.

    with tqdm.tqdm(desc=what, total=total, unit='B', unit_scale=True, leave=False) as bar:

        def update(piece: int, of: int | None = None) -> None:
            if of is not None:
                bar.total = of
            bar.update(piece)

        yield update
