"""Tests slice specs and the keys of slices against those that TensorFlow writes."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import slices, table
from tests.bundle.helpers import index_of, properties, save, temporary_prefix

# A signed number takes a byte more from each of these on.
BOUNDARIES = [0, *(1 << (7 * size - 1) for size in range(1, 9)), 1 << 20, 1 << 31, 1 << 32, 1 << 40]
STARTS = sorted({max(start + near, 0) for start in BOUNDARIES for near in (-2, -1, 0, 1)})


def raw_keys(tensors, specs):
    """The keys in the index that TensorFlow writes, without the header's."""
    with temporary_prefix() as prefix:
        return {key for key, _ in table.read_table(index_of(save(prefix, tensors, specs))) if key}


def expected_keys(specs):
    data_keys = {slices.encode_key(name, slices.parse_spec(spec)[1]) for name, spec in specs.items()}
    return data_keys | set(specs)


@st.composite
def slice_specs(draw):
    """A spec and the shape of the slice; TensorFlow allows 2**63 elements in all."""
    rank = draw(st.integers(1, 5))
    extents, shape, starts, lengths = [], [], [], []
    budget = 1 << (62 - 2 * rank)  # Once it is spent, extents are 4 at most.
    for _ in range(rank):
        length = draw(st.integers(1, 2))
        limit = max(min(budget // 2, 1 << 40) - length, 1)
        start = min(draw(st.sampled_from(STARTS) | st.integers(0, 1 << 40)), limit)
        # Behind the slice there is something left: TensorFlow stores a slice of everything as a whole tensor.
        extents.append(start + length + 1)
        budget //= extents[-1]
        starts.append(start)
        lengths.append(length)
        shape.append(length)
    parts = [f'{start},{length}' for start, length in zip(starts, lengths, strict=True)]
    for number in draw(st.sets(st.integers(1, rank - 1))) if rank > 1 else ():
        extents[number], shape[number], parts[number] = lengths[number], lengths[number], '-'
    return f'{" ".join(map(str, extents))} {":".join(parts)}', tuple(shape)


@properties(200)
@hypothesis.given(st.dictionaries(st.binary(min_size=1, max_size=12), slice_specs(), min_size=1, max_size=6))
def test_slice_keys_of_rank_1_to_5_are_those_of_tensorflow(drawn):
    specs = {name: spec for name, (spec, _) in drawn.items()}
    tensors = {name: np.zeros(shape, np.int8) for name, (_, shape) in drawn.items()}
    assert raw_keys(tensors, specs) == expected_keys(specs)


def test_slice_keys_at_every_boundary_of_the_number_code_are_those_of_tensorflow():
    specs = {b'v%d' % start: f'{1 << 62} {start},1' for start in STARTS}
    tensors = {name: np.zeros(1, np.int8) for name in specs}
    assert raw_keys(tensors, specs) == expected_keys(specs)


@pytest.mark.parametrize('length', [63, 64, 8191, 8192, (1 << 20) - 1, 1 << 20])
def test_slice_keys_of_long_slices_are_those_of_tensorflow(length):
    specs = {b'v': f'{length + 1} 0,{length}'}
    assert raw_keys({b'v': np.zeros(length, np.int8)}, specs) == expected_keys(specs)


def test_slice_keys_of_names_with_the_bytes_that_are_escaped_are_those_of_tensorflow():
    specs = dict.fromkeys([b'\0', b'\xff', b'a\0\xff\0\0b', b'\0\1', b'\xff\0', 'é/naïve'.encode()], '4 0,2')
    assert raw_keys({name: np.zeros(2) for name in specs}, specs) == expected_keys(specs)


def test_the_slice_key_of_rank_0_is_the_name_and_no_extents():
    # TensorFlow writes no such slice ('Need least two elements in shape_and_slice specification'), so this is what
    # its encoder says: 0, the name and its end mark, 0 dimensions.
    assert slices.encode_key(b'v', ()) == b'\0v\0\1\0'


@properties(200)
@hypothesis.given(
    st.lists(st.tuples(st.binary(max_size=3), st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40))))
)
def test_slice_keys_sort_by_name_and_then_by_start(drawn):
    by_key = sorted(drawn, key=lambda item: slices.encode_key(item[0], (item[1],)))
    assert by_key == sorted(drawn)


@pytest.mark.parametrize(
    ('spec', 'shape', 'part'),
    [
        ('10 4 0,5:-', (10, 4), ((0, 5), None)),
        ('10 0,10', (10,), ((0, 10),)),
        ('10 4 5,5:0,4', (10, 4), ((5, 5), (0, 4))),
        ('2 3 4 -:-:1,2', (2, 3, 4), (None, None, (1, 2))),
    ],
)
def test_a_spec_gives_the_full_shape_and_the_slice(spec, shape, part):
    whole = (0, None)
    assert slices.parse_spec(spec) == (shape, tuple(whole if extent is None else extent for extent in part))


def test_a_slice_picks_its_part_of_an_array():
    array = np.arange(40).reshape(10, 4)
    picked = array[slices.as_numpy(slices.parse_spec('10 4 5,2:-')[1])]
    assert picked.tolist() == array[5:7].tolist()
