"""Damages checkpoints at random in ways that pass all checksums."""

import contextlib
import random
import warnings

import numpy as np
from google.protobuf.message import DecodeError

from estimator_ckpt.bundle import table, tensors
from estimator_ckpt.bundle.messages import BundleEntry
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import _Message as GraphMessage

_NOTHING_TO_CHANGE = (IndexError, KeyError, ValueError, OSError, OverflowError, MemoryError, DecodeError)
GRAPH_KEY = object_keys.OBJECT_GRAPH.encode()
STRING = 7
NUMBERS = [0, 1, 2, 3, 7, -1, 1 << 20, (1 << 31) - 1, -(1 << 31)]
LONG_NUMBERS = [*NUMBERS, 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63)]
SEGMENTS = [
    *(
        '',
        '/',
        '.',
        '..',
        '.S',
        '.ATTRIBUTES',
        'VARIABLE_VALUE',
        '.OPTIMIZER_SLOT',
        'Adam',
        'Adam_1',
        'm',
        'v',
    ),
    *(
        'kernel',
        'bias',
        'dense',
        'beta1_power',
        'beta2_power',
        'global_step',
        'iter',
        'learning_rate',
        'Momentum',
    ),
    *(
        'part_0',
        'ExponentialMovingAverage',
        '\x1b[31m',
        '\u202e',
        '\n',
        '\0',
        'é',
        '٣',
        '²',
        '1',
        '01',
        '\\1',
        '->',
        '#',
    ),
    *(
        'optimizer',
        '_variables',
        'vars',
        'layer-0',
        'layer_with_weights-0',
        'save_counter',
        'Ftrl',
        'a' * 300,
        ' ',
    ),
]
RAW_NAMES = [b'\xff\xfe', b'\xed\xa0\x80/kernel', b'\xe2\x80', b'dense\xc3/kernel/Adam']
# Values of scalars and of elements that calculations with them may not expect.
FLOATS = [0.0, -0.0, -1.0, 1.0, 1e-45, 1e308, -1e308, float('nan'), float('inf'), float('-inf'), 0.9, 2.0]


class Damage:
    """Damages a checkpoint at random.

    Attributes:
      done: What was changed, for the report.
    """

    def __init__(self, prefix, seed):
        """Reads a checkpoint.

        Args:
          prefix: The checkpoint, whose files are changed by `write`.
          seed: A number that says which changes are made.
        """
        self._prefix, self._random, self.done = prefix, random.Random(seed), []
        with open(f'{prefix}.index', 'rb') as file:
            items = dict(table.read_table(file.read()))
        self._header = items.pop(b'')
        self._items = items
        self._data = f'{prefix}.data-00000-of-00001'

    def write(self):
        """Makes some changes and writes them into the files."""
        changes = [
            self._field,
            self._name,
            self._remove,
            self._duplicate,
            self._scalar,
            self._slices,
            self._scope,
        ]
        if GRAPH_KEY in self._items:
            changes += [self._graph] * 4
        for _ in range(self._random.choice([1, 1, 2, 3, 5])):
            change = self._random.choice(changes)
            # Nothing may be left to change, or the object graph may be no object graph already.
            with contextlib.suppress(*_NOTHING_TO_CHANGE):
                change()
        self._items.pop(b'', None)
        with open(f'{self._prefix}.index', 'wb') as file:
            file.write(table.build_table([(b'', self._header), *sorted(self._items.items())]))

    def _key(self):
        return self._random.choice(sorted(self._items))

    def _field(self):
        key, pick = self._key(), self._random.choice
        message = BundleEntry.FromString(self._items[key])
        field = pick(['dtype', 'shape', 'shape', 'shape', 'rank', 'offset', 'size', 'shard_id', 'crc32c'])
        if field == 'shape' and message.shape.dim:
            pick(message.shape.dim).size = pick(LONG_NUMBERS)
        elif field in ('shape', 'rank'):
            for _ in range(pick([1, 2, 5, 40, 300])):
                message.shape.dim.add(size=pick([1, 1, 1, 0]))
        elif field == 'dtype':
            message.dtype = pick([*range(24), 50, 101, -1])
            if pick([True, False]):
                message.size = pick([message.size, message.size // 2, message.size * 2])
        elif field == 'crc32c':
            message.crc32c = 1
        else:
            setattr(message, field, pick(NUMBERS if field == 'shard_id' else LONG_NUMBERS))
        self._note(f'{field} of {key!r}', key, message)

    def _slices(self):
        key, pick = self._key(), self._random.choice
        message = BundleEntry.FromString(self._items[key])
        part = message.slices.add()
        for dim in message.shape.dim:
            part.extent.add(start=pick([0, 0, 1, -1]), length=pick([dim.size, 1, 0, 1 << 40]))
        self._note(f'a slice of {key!r}', key, message)

    def _note(self, what, key, message):
        self.done.append(what)
        self._items[key] = message.SerializeToString()

    def _some_name(self, name=''):
        pick = self._random.choice
        parts = name.split('/')
        for _ in range(pick([1, 1, 2])):
            place = self._random.randrange(len(parts))
            parts[place : place + pick([0, 1])] = [pick(SEGMENTS)]
        return '/'.join(parts)

    def _name(self):
        key = self._key()
        new = self._some_name(key.decode('utf-8', 'surrogateescape')).encode('utf-8', 'surrogateescape')
        if self._random.random() < 0.1:
            new = self._random.choice(RAW_NAMES)
        self.done.append(f'{key!r} becomes {new!r}')
        self._items[new] = self._items.pop(key)

    def _scope(self):
        """Renames all tensors below a scope."""
        old, new = self._key().rpartition(b'/')[0], self._some_name().encode('utf-8', 'surrogateescape')
        self.done.append(f'the scope {old!r} becomes {new!r}')
        if old:
            self._items = {
                new + key.removeprefix(old) if key.startswith(old) else key: raw
                for key, raw in self._items.items()
            }

    def _remove(self):
        key = self._key()
        self.done.append(f'without {key!r}')
        del self._items[key]

    def _duplicate(self):
        key = self._key()
        new = self._some_name(key.decode('utf-8', 'surrogateescape')).encode('utf-8', 'surrogateescape')
        self.done.append(f'{new!r} is like {key!r}')
        self._items[new] = self._items[key]

    def _scalar(self):
        """Gives a tensor, which often is a scalar that optimizers keep, another value."""
        pick = self._random.choice
        keys = [
            k
            for k in sorted(self._items)
            if any(w in k for w in (b'power', b'step', b'iter', b'beta', b'rate'))
        ]
        key = pick(keys) if keys and pick([True, True, False]) else self._key()
        value = pick([np.float32, np.float64, np.int64, np.int32, np.float16, np.complex64, bool, object])
        shape = pick([(), (), (), (1,), (2,), (0,)])
        with warnings.catch_warnings(), np.errstate(all='ignore'):
            warnings.simplefilter('ignore')
            if value is object:
                array = np.full(shape, None, object)
                array[...] = pick([b'', b'1', b'\xff', b'text'])
            else:
                number = pick(FLOATS) if np.dtype(value).kind in 'fc' else pick(LONG_NUMBERS)
                array = np.array(number).astype(value) * np.ones(shape, value)
        self._set(key, np.asarray(array))
        self.done.append(f'{key!r} is {array!r}')

    def _set(self, key, array):
        from estimator_ckpt.bundle import dtypes

        data, crc = tensors.encode(array)
        with open(self._data, 'ab') as file:
            offset = file.tell()
            file.write(data)
        message = BundleEntry(dtype=dtypes.from_numpy(array.dtype), offset=offset, size=len(data), crc32c=crc)
        message.shape.SetInParent()
        for extent in array.shape:
            message.shape.dim.add(size=extent)
        self._items[key] = message.SerializeToString()

    def _graph(self):
        pick = self._random.choice
        message = BundleEntry.FromString(self._items[GRAPH_KEY])
        with open(self._data, 'rb') as file:
            file.seek(message.offset)
            value = tensors.decode(file.read(message.size), STRING, ()).item()
        graph = GraphMessage.FromString(value)
        for _ in range(pick([1, 1, 2, 4])):
            with contextlib.suppress(ValueError):
                self.done.append(self._change_graph(graph))
        array = np.empty((), object)
        value = bytearray(graph.SerializeToString())
        if pick([True, *[False] * 7]):
            value[self._random.randrange(len(value))] ^= 1 << self._random.randrange(8)
            self.done.append('graph: a bit')
        array[()] = bytes(value)
        self._set(GRAPH_KEY, array)

    def _change_graph(self, graph):
        pick, count = self._random.choice, len(graph.nodes)
        node = pick(graph.nodes)
        number = pick([*range(count), *range(count), count, -1])
        change = pick(
            [
                'child',
                'child',
                'rename',
                'node',
                'attribute',
                'attribute',
                'attribute',
                'slot',
                'slot',
                'drop',
            ]
        )
        if change == 'child':
            if node.children and pick([True, False]):
                pick(node.children).node_id = number
            else:
                node.children.add(node_id=number, local_name=self._some_name())
        elif change == 'rename' and node.children:
            pick(node.children).local_name = self._some_name()
        elif change == 'node':
            graph.nodes.add().CopyFrom(node)
        elif change == 'attribute':
            with_values = [n for n in graph.nodes if n.attributes]
            attribute = pick(pick(with_values).attributes) if with_values else node.attributes.add()
            keys = [key.decode('utf-8', 'replace') for key in self._items]
            field = pick(['name', 'full_name', 'checkpoint_key'])
            setattr(attribute, field, pick(['', self._some_name(getattr(attribute, field)), pick(keys)]))
        elif change == 'slot':
            optimizers = [n for n in graph.nodes if n.slot_variables] or [node]
            owner = pick(optimizers)
            slot = pick(owner.slot_variables) if owner.slot_variables else owner.slot_variables.add()
            field = pick(
                ['original_variable_node_id', 'slot_variable_node_id', 'slot_name', 'copy', 'delete']
            )
            if field == 'copy':
                owner.slot_variables.add().CopyFrom(slot)
            elif field == 'delete':
                owner.slot_variables.remove(slot)
            else:
                setattr(slot, field, self._some_name() if field == 'slot_name' else number)
        elif change == 'drop':
            place = pick(['children', 'attributes', 'slot_variables'])
            del getattr(node, place)[:1]
        return f'graph: {change}'
