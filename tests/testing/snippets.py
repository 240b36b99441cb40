"""Runs the snippets of a document as a reader would: from top to bottom, in one Python session and one folder.

Python blocks share a namespace that is empty at first, so that a snippet has only what those above it define. A block
of shell runs if its first command is `estimator-ckpt`, and every command must end well. A comment in front of a block,
`<!-- needs: tf.estimator -->`, names what not every environment has; the block is left out where it is missing.
"""

import dataclasses
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / 'examples' / 'guides').glob('*.md'))

_KERAS_2 = hasattr(tf.compat.v1.keras.utils, 'track_tf1_style_variables')
_HAS = {'tf.estimator': hasattr(tf, 'estimator'), 'Keras 2': _KERAS_2, 'Keras 3': not _KERAS_2}
_BLOCK = re.compile(
    r'^(?:<!-- needs: (?P<needs>[^>]*) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$',
    re.DOTALL | re.MULTILINE,
)


@dataclasses.dataclass(frozen=True)
class Snippet:
    """A block of code.

    Attributes:
      language: The word behind the opening fence.
      code: What is inside the fences.
      needs: What the block needs of its environment; empty for nothing but TensorFlow.
      line: The number of the first line of the code in its document.
    """

    language: str
    code: str
    needs: str
    line: int

    @property
    def is_of_the_shell(self) -> bool:
        """True if the block is one of shell commands that a test can run."""
        return self.language == 'sh' and self.code.startswith('estimator-ckpt ')

    @property
    def can_run(self) -> bool:
        """True if the environment has what the block needs."""
        if not self.needs:
            return True
        return _HAS[self.needs] if self.needs in _HAS else importlib.util.find_spec(self.needs) is not None


def snippets(document: pathlib.Path) -> list[Snippet]:
    """Returns the blocks of a document that a reader can run, in their order."""
    text = document.read_text()
    found = [
        Snippet(
            block['language'],
            block['code'],
            block['needs'] or '',
            text[: block.start('code')].count('\n') + 1,
        )
        for block in _BLOCK.finditer(text)
    ]
    return [snippet for snippet in found if snippet.language == 'python' or snippet.is_of_the_shell]


def run_document(document: pathlib.Path) -> dict:
    """Runs all snippets of a document in the current folder.

    Args:
      document: The document. Its errors have its line numbers.

    Returns:
      The names that the Python snippets have defined.

    Raises:
      Exception: What a snippet raises; an AssertionError for a command that fails.
    """
    namespace: dict = {'__name__': '__main__'}
    for snippet in snippets(document):
        if not snippet.can_run:
            continue
        if snippet.is_of_the_shell:
            _run_shell(document, snippet)
        else:
            code = '\n' * (snippet.line - 1) + snippet.code
            exec(compile(code, str(document), 'exec'), namespace)  # noqa: S102
    return namespace


def _run_shell(document: pathlib.Path, snippet: Snippet) -> None:
    function = f'estimator-ckpt() {{ "{sys.executable}" -m estimator_ckpt "$@"; }}'
    result = subprocess.run(
        ['bash', '-e', '-c', f'{function}\n{snippet.code}'],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    where = f'{document.name}, line {snippet.line}'
    assert result.returncode == 0, f'{where}: exit code {result.returncode}\n{result.stdout}{result.stderr}'
