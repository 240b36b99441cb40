"""What a command shows where it runs on a terminal, and not in pipes and files: colour, a width, progress."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator

BOLD, DIM, RED, GREEN, YELLOW = '1', '2', '31', '32', '33'


def width() -> int | None:
    """The columns of the terminal that standard output is, or None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def paint(line: str, code: str) -> str:
    """`line` in a colour, if standard output is a terminal that has them."""
    plain = not sys.stdout.isatty() or os.environ.get('NO_COLOR') or os.environ.get('TERM') == 'dumb'
    return line if plain else f'\x1b[{code}m{line}\x1b[0m'


@contextlib.contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[..., None] | None]:
    """Shows a bar on standard error while the block runs, if that is a terminal.

    Args:
      what: What is going on.
      total: How many bytes there are to be, if known beforehand.

    Yields:
      What is to be told the number of bytes behind each piece, and of all if that is known now; None without a bar.
    """
    if not sys.stderr.isatty():
        yield None
        return
    import tqdm  # Only a bar pays for the import.

    with tqdm.tqdm(desc=what, total=total, unit='B', unit_scale=True, leave=False) as bar:

        def update(piece: int, of: int | None = None) -> None:
            if of is not None:
                bar.total = of
            bar.update(piece)

        yield update
