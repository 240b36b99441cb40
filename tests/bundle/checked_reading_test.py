"""Tests ranges of files that are read with their checksums, on local and on remote files."""

import google_crc32c
import numpy as np
import pytest

from estimator_ckpt.bundle import checked_reading, files, parallel
from estimator_ckpt.bundle.checked_reading import Range, range_checksums, read_checked

CONTENTS = {'one': bytes(range(100)), 'two': bytes(range(100, 125))}


@pytest.fixture(params=[1, 3])
def cores(request, monkeypatch):
    monkeypatch.setattr(parallel, 'threads', lambda: request.param)


@pytest.fixture
def small_parts(cores, monkeypatch):
    monkeypatch.setattr(checked_reading, '_PART', 10)
    monkeypatch.setattr(checked_reading, '_GAP', 3)


@pytest.fixture
def stored(folder):
    for name, data in CONTENTS.items():
        files.files_for(folder).write(f'{folder}/{name}', data)
    return folder


@pytest.mark.parametrize(
    'ranges',
    [
        [('one', 0, 100), ('two', 0, 25)],
        [('one', 0, 0)],
        [
            ('one', 3, 4),
            ('one', 7, 6),
            ('one', 7, 3),
            ('one', 20, 30),
            ('one', 50, 1),
            ('two', 20, 5),
            ('two', 25, 0),
        ],
        [('one', offset, 1) for offset in range(100)],
        [('one', 0, 10), ('one', 0, 10), ('one', 0, 11), ('one', 5, 95), ('one', 6, 1), ('one', 99, 1)],
        [('one', 0, 9), ('one', 9, 1), ('one', 10, 0), ('one', 10, 21), ('one', 31, 0), ('two', 0, 1)],
        [('one', 0, 1), ('one', 4, 1), ('one', 8, 1), ('one', 12, 1), ('one', 98, 2)],
        [('two', 24, 1), ('one', 0, 2)],
    ],
)
def test_each_range_has_its_checksum(stored, small_parts, ranges):
    progress = []
    checked = list(
        range_checksums(
            files.files_for(stored),
            [Range(f'{stored}/{name}', offset, size) for name, offset, size in ranges],
            progress.append,
        )
    )
    assert checked == [
        google_crc32c.value(CONTENTS[name][offset : offset + size]) for name, offset, size in ranges
    ]
    assert sum(progress) == sum(size for _, _, size in ranges)


@pytest.mark.parametrize('offset', [90, 95, 100, 130])
def test_a_range_beyond_the_end_has_the_checksum_of_what_is_there(stored, small_parts, offset):
    progress = []
    ranges = [Range(f'{stored}/one', offset, 25), Range(f'{stored}/two', 0, 1)]
    checked = list(range_checksums(files.files_for(stored), ranges, progress.append))
    assert checked == [
        google_crc32c.value(CONTENTS['one'][offset:]),
        google_crc32c.value(CONTENTS['two'][:1]),
    ]
    assert sum(progress) == max(0, 100 - offset) + 1


def test_neighbors_are_read_together_and_gaps_are_not_read(stored, small_parts, monkeypatch):
    store, reads = files.files_for(stored), []
    read_into = store.read_into
    monkeypatch.setattr(
        store, 'read_into',
        lambda path, offset, buffer: reads.append((path[-3:], offset, len(buffer))) or read_into(path, offset, buffer),
    )  # fmt: skip
    places = [
        ('one', 3, 2),
        ('one', 5, 2),
        ('one', 10, 3),
        ('one', 17, 1),
        ('one', 20, 25),
        ('two', 0, 5),
        ('two', 5, 5),
    ]
    list(range_checksums(store, [Range(f'{stored}/{name}', offset, size) for name, offset, size in places]))
    expected = [
        ('one', 3, 10),
        ('one', 17, 1),
        ('one', 20, 10),
        ('one', 30, 10),
        ('one', 40, 5),
        ('two', 0, 10),
    ]
    assert sorted(reads) == expected


@pytest.mark.parametrize(('offset', 'size'), [(0, 0), (0, 100), (3, 10), (3, 11), (7, 93)])
def test_memory_is_filled_and_its_checksum_returned(stored, small_parts, offset, size):
    memory = np.zeros(size, np.uint8)
    expected = CONTENTS['one'][offset : offset + size]
    result = read_checked(files.files_for(stored), f'{stored}/one', offset, memory)
    assert result == (size, google_crc32c.value(expected))
    assert memory.tobytes() == expected and memory.flags.writeable


@pytest.mark.parametrize('offset', [75, 90, 99, 120])
def test_memory_is_filled_up_to_the_end_of_the_file(stored, small_parts, offset):
    memory = np.zeros(35, np.uint8)
    expected = CONTENTS['one'][offset:]
    count, crc = read_checked(files.files_for(stored), f'{stored}/one', offset, memory)
    assert (count, crc) == (len(expected), google_crc32c.value(expected))
    assert memory[:count].tobytes() == expected


def test_a_file_that_is_gone_is_an_error(folder, cores):
    with pytest.raises(FileNotFoundError):
        list(range_checksums(files.files_for('/nowhere'), [Range('/nowhere/file', 0, 1)]))
