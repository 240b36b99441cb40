"""The flag that writes a page to look at, which several subcommands take."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import flags

from estimator_ckpt.cli import terminal

if TYPE_CHECKING:
    from estimator_ckpt.cli.html_page import Page


def define(values: flags.FlagValues) -> None:
    """Defines `--html`."""
    flags.DEFINE_string(
        'html',
        None,
        'The HTML file to write: a page that shows which layers correspond, what is missing, and histograms of the '
        'values. It loads nothing from elsewhere.',
        values,
    )


def write(values: Any, page_of: Callable[[Any], 'Page']) -> None:
    """Writes the page, if one was asked for.

    Args:
      values: The parsed flags.
      page_of: Returns the page; called with a function that reports progress, or None.

    Raises:
      CheckpointError: If a tensor cannot be read.
      OSError: If the file cannot be written.
    """
    if values.html is None:
        return
    with terminal.progress_bar('reading', delay=1) as progress:
        page = page_of(progress)
    page.write(values.html)
