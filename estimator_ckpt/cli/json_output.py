"""The JSON that subcommands print, and the schemas that describe it.

Each output names its schema and the version of that, as in `{"schema": "estimator-ckpt/inspect/1", ...}`. The version
changes only if a field goes away or changes its meaning; fields may be added at any time.
"""

import functools
import importlib.resources
import json

# With --suggest, `plan` prints something else.
NAMES = ('inspect', 'list', 'diff', 'verify', 'plan', 'suggest', 'convert', 'repair', 'average')


def schema(name: str) -> str:
    """Returns the text of a schema.

    Args:
      name: One of `NAMES`.
    """
    return (importlib.resources.files('estimator_ckpt.cli') / 'schemas' / f'{name}.json').read_text('utf-8')


def with_schema(name: str, text: str) -> str:
    """Returns a JSON object with the name and version of its schema as the first field.

    Args:
      name: One of `NAMES`.
      text: The object, which has a field.
    """
    # Not parsed, for it may be large.
    return f'{{"schema": {json.dumps(_identifier(name))}, {text[1:]}'


@functools.cache
def _identifier(name: str) -> str:
    return json.loads(schema(name))['$id']
