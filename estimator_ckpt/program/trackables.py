"""The objects below an object, without an op more in the graph."""

import collections
from collections.abc import Iterator
from typing import Any

import tensorflow as tf


def paths_below(root: Any) -> Iterator[tuple[str, Any]]:
    """The object itself and those that it reaches, each with the shortest of its paths; nothing below variables."""
    view = tf.train.TrackableView(root)
    queue, seen = collections.deque([('', root)]), {id(root)}
    while queue:
        path, trackable = queue.popleft()
        yield path, trackable
        if hasattr(trackable, 'assign'):
            continue
        for name, child in view.children(trackable).items():
            if id(child) not in seen:
                seen.add(id(child))
                queue.append((f'{path}/{name}' if path else name, child))
