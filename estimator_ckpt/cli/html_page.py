"""A page that shows the layers of two checkpoints side by side, in one file that loads nothing from elsewhere."""

import base64
import contextlib
import dataclasses
import html
import importlib.resources
import json
import os
import string
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from estimator_ckpt.formats.output import replacing
from estimator_ckpt.inspection.tensor_histograms import Histograms
from estimator_ckpt.keys import object_keys

# How a state looks: as it should be, left aside, worth a look, or wrong.
GOOD, FAINT, ODD, BAD = 'good', 'faint', 'odd', 'bad'
_DIGITS = string.digits + string.ascii_lowercase


@dataclasses.dataclass(slots=True)
class PageRow:
    """A tensor of either checkpoint, or two that correspond.

    Attributes:
      state: The state, such as `'matched'`; one of the keys of `Page.states`.
      left: The name on the left; None if there is none.
      right: The name on the right; None if there is none.
      left_layer: The layer on the left, as `layer_of` gives it; None if there is none.
      right_layer: The layer on the right; None if there is none.
      dtype: The name of the data type.
      shape: The shape, as text.
      note: What else there is to say.
      bar: The difference from 0 to 1, which a bar shows; None for no bar.
      histograms: The histograms of the tensors; None for none.
    """

    state: str
    left: str | None
    right: str | None
    left_layer: str | None
    right_layer: str | None
    dtype: str
    shape: str
    note: str = ''
    bar: float | None = None
    histograms: Histograms | None = None


@dataclasses.dataclass
class Page:
    """The contents of a page.

    Attributes:
      heading: The heading.
      titles: What the left and the right one are called.
      paths: The paths of the left and the right one.
      states: How each state looks: `GOOD`, `FAINT`, `ODD` or `BAD`.
      summary: The result, in a line.
      remarks: Further findings, in sentences.
      rows: The tensors.
    """

    heading: str
    titles: tuple[str, str]
    paths: tuple[str, str]
    states: dict[str, str]
    summary: str
    remarks: Sequence[str]
    rows: list[PageRow]

    def write(self, path: str) -> None:
        """Writes the page.

        Args:
          path: The path of the file, which is replaced if it is there. Missing directories are created.

        Raises:
          OSError: If the file cannot be written.
        """
        # Paths may have bytes that are not UTF-8.
        text = self.text().encode('utf-8', 'backslashreplace')
        try:
            with _written(path) as file:
                file.write(text)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error

    def text(self) -> str:
        """Returns the page as HTML."""
        left_title, right_title = self.titles
        left, right = self.paths
        escaped = {
            'title': f'{self.heading}: {os.path.basename(right)}',
            'heading': self.heading,
            'left_title': left_title,
            'right_title': right_title,
            'left': left,
            'right': right,
            'summary': self.summary,
        }
        packed = zlib.compress(json.dumps(self._data(), separators=(',', ':')).encode(), 9)
        return string.Template(_part('page.html')).substitute(
            {name: html.escape(text) for name, text in escaped.items()},
            remarks=''.join(f'<li>{html.escape(remark)}</li>' for remark in self.remarks),
            style=_part('page.css'),
            script=_part('page.js'),
            data=base64.b64encode(packed).decode(),
        )

    def _data(self) -> dict[str, Any]:
        """Returns what the script of the page reads."""
        layers: dict[str, int] = {}
        states = list(self.states)
        rows = [
            [
                states.index(row.state),
                row.left,
                row.right,
                *(
                    x if x is None else layers.setdefault(x, len(layers))
                    for x in (row.left_layer, row.right_layer)
                ),
                row.dtype,
                row.shape,
                row.note,
                None if row.bar is None else round(row.bar, 2),
                row.histograms and _packed(row.histograms),
            ]
            for row in self.rows
        ]
        return {
            'left': self.titles[0],
            'right': self.titles[1],
            'states': [{'name': name, 'look': look} for name, look in self.states.items()],
            'layers': list(layers),
            'has_histograms': any(row.histograms for row in self.rows),
            'rows': rows,
        }


@contextlib.contextmanager
def _written(path: str) -> Iterator[BinaryIO]:
    """Opens a file that appears whole or not at all; a device, a pipe or what a link leads to is written as it is."""
    if os.path.exists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        with open(path, 'wb') as file:
            yield file
        return
    with replacing(path, durable=False) as local, open(local, 'wb') as file:
        yield file


def _part(name: str) -> str:
    return (importlib.resources.files('estimator_ckpt.cli') / 'page' / name).read_text('utf-8')


def layer_of(name: str) -> str:
    """Returns the layer of a variable: the scope or the object that it is in.

    Args:
      name: The key or the object path of the variable.
    """
    path = name.partition(object_keys.OPTIMIZER_SLOT)[0].partition(object_keys.ATTRIBUTES)[0]
    return path.rpartition('/')[0]


def _packed(found: Histograms) -> list[Any]:
    """Returns the range, and for each side None or the heights as digits of base 36, of which only the empty are 0."""
    heights: list[str | None] = []
    for counts in found.counts:
        if counts is None:
            heights.append(None)
            continue
        scaled = np.ceil(counts * ((len(_DIGITS) - 1) / max(int(counts.max()), 1))).astype(int)
        heights.append(''.join(_DIGITS[height] for height in scaled))
    return [float(f'{found.low:.4g}'), float(f'{found.high:.4g}'), *heights]
