"""Tests checksums of large data against those of the library's own function, and of two parts against the whole."""

import _ctypes
import sys

import google_crc32c
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import checksums
from tests.bundle.helpers import properties

# The check value of CRC32C, as the catalogue of parametrised CRC algorithms gives it.
CHECK = b'123456789', 0xE3069283


def test_the_check_value():
    data, crc = CHECK
    assert checksums.crc32c(data) == crc
    assert checksums.combine(checksums.crc32c(data[:4]), checksums.crc32c(data[4:]), 5) == crc


@properties(200)
@hypothesis.given(st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 3000))
def test_the_checksum_of_two_strings_is_combined_from_theirs(first, second, times):
    second *= times
    combined = checksums.combine(google_crc32c.value(first), google_crc32c.value(second), len(second))
    assert combined == google_crc32c.value(first + second)


@pytest.mark.parametrize('size', [0, 1, 65_535, 65_536, 1_000_001])
@pytest.mark.parametrize('crc', [0, 12345])
def test_many_bytes_have_the_checksum_of_the_library(size, crc):
    data = np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()
    expected = google_crc32c.extend(crc, data)
    array = np.frombuffer(data, np.uint8)
    assert checksums.crc32c(data, crc) == expected
    assert checksums.crc32c(memoryview(data), crc) == expected
    assert checksums.crc32c(array, crc) == expected


@pytest.mark.skipif(sys.platform != 'linux', reason='the library lies beside the module in other ways')
def test_the_function_that_releases_the_lock_of_the_interpreter_is_found():
    function = checksums._library_function()
    # `ctypes` releases it unless a library is one of Python's.
    assert function is not None and not function._flags_ & _ctypes.FUNCFLAG_PYTHONAPI


def test_without_the_c_library_the_checksum_is_the_same(monkeypatch):
    data = bytes(range(256)) * 1000
    expected = checksums.crc32c(data)
    monkeypatch.setattr(checksums, '_library_function', lambda: None)
    assert checksums.crc32c(data) == expected == google_crc32c.value(data)
