r"""What it costs to add the second style's keys, by the number of variables, and its share of a save.

python -m tests.benchmarks.second_keys --variables=100,1000,10000,100000
"""

import os
import statistics
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import tensorflow as tf
from absl import app, flags

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from estimator_ckpt.saving.staging import Extras, Staging
from tests.benchmarks.harness import interleaved, print_table

_VARIABLES = flags.DEFINE_list('variables', ['100', '1000', '10000', '100000'], 'Numbers of variables.')
_FLOATS = flags.DEFINE_integer('floats', 1000, 'Floats in each variable.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds to measure.')


def _extras(names: list[str]) -> Extras:
    """The keys of `Checkpoint(var_list={name: variable})` for variables of these names."""
    graph = ObjectGraph()
    root = graph.add(0, 'var_list')
    aliases = []
    for name in names:
        key = object_keys.object_key(['var_list', name])
        graph.add(root, name, [Attribute(object_keys.VARIABLE_VALUE, name, key)])
        aliases.append((Location(key), Location(name)))
    return Extras({object_keys.OBJECT_GRAPH: np.array(graph.serialize(), dtype=object)}, aliases)


def main(_):
    rows = []
    for count in map(int, _VARIABLES.value):
        names = [f'layer_{number}/kernel' for number in range(count)]
        tensors = [tf.zeros([_FLOATS.value])] * count
        styles = {'tf1': Extras(), 'both': _extras(names)}
        with tempfile.TemporaryDirectory() as directory:

            def save(style, directory=directory, names=names, tensors=tensors, styles=styles):
                extras = styles[style]
                keys = [*names, *extras.values]
                with Staging(os.path.join(directory, style), 1, extras) as staging:
                    tf.raw_ops.SaveV2(
                        prefix=staging.parts[0],
                        tensor_names=keys,
                        shape_and_slices=[''] * len(keys),
                        tensors=[*tensors, *(tf.constant(value.item()) for value in extras.values.values())],
                    )
                    staging.publish(unless_same=False)

            contenders = {style: lambda style=style, save=save: save(style) for style in styles}
            # The fewer the variables, the smaller the difference that has to be seen.
            rounds = _ROUNDS.value * max(1, 10_000 // count)
            seconds = interleaved(contenders, rounds)
        added = statistics.median(b - a for a, b in zip(seconds['tf1'], seconds['both'], strict=True))
        whole = statistics.median(seconds['both'])
        rows.append([count, whole, added, 1e6 * added / count, added / whole])
    print_table(
        f'Adding the second keys to variables of {_FLOATS.value} floats',
        ['variables', 'save, s', 'added, s', 'added per variable, us', 'share of the save'],
        rows,
    )


if __name__ == '__main__':
    app.run(main)
