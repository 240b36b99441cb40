"""Tests that variables of an object graph are decoded as protobuf decodes them, whatever the bytes."""

import hypothesis
import pytest
from google.protobuf.message import DecodeError
from hypothesis import strategies as st

from estimator_ckpt.keys import object_graph, variable_nodes
from estimator_ckpt.keys.object_graph import Attribute, Node, ObjectGraph, Slot
from tests.bundle.helpers import properties

VALUE = 'VARIABLE_VALUE'
NAMES = st.one_of(
    st.text(max_size=5),
    st.integers(0, 300).map(lambda size: 'n' * size),
    st.sampled_from(['w', 'é' * 70, '\0', VALUE]),
)
ATTRIBUTES = st.builds(Attribute, st.sampled_from([VALUE, 'table', '']), NAMES, NAMES)
NODES = st.one_of(
    st.builds(lambda a: Node({}, [a], []), ATTRIBUTES),
    st.builds(
        Node,
        st.dictionaries(NAMES, st.integers(0, 2), max_size=2),
        st.lists(ATTRIBUTES, max_size=2),
        st.lists(st.builds(Slot, st.integers(0, 2), NAMES, st.integers(0, 2)), max_size=1),
    ),
)


def protobuf(data):
    """The nodes that protobuf finds; None if it refuses the message."""
    try:
        message = object_graph._Message.FromString(data)
    except DecodeError:
        return None
    return [object_graph._parsed_node(node) for node in message.nodes]


def decoded(data):
    """The same, with the variables decoded on their own."""
    variables, others = variable_nodes.decode(data, VALUE)
    rest = protobuf(others)
    if rest is None:
        return None
    assert variables.count(None) in (len(rest), 0)
    rest = iter(rest)
    return [Node({}, [Attribute(*v)], []) if v else next(rest) for v in variables] + list(rest)


def graph_of(nodes):
    graph = ObjectGraph()
    graph.nodes = nodes
    return graph


@properties(300)
@hypothesis.given(st.lists(NODES, min_size=1, max_size=6))
def test_any_graph_is_decoded_as_protobuf_decodes_it(nodes):
    data = graph_of(nodes).serialize()
    assert decoded(data) == protobuf(data) == nodes


@properties(2000)
@hypothesis.given(st.lists(NODES, min_size=1, max_size=3), st.data())
def test_a_graph_with_changed_bytes_is_decoded_as_protobuf_decodes_it(nodes, data):
    changed = bytearray(graph_of(nodes).serialize())
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    start = data.draw(st.integers(0, 2))
    raw = bytes(changed[start : len(changed) - data.draw(st.integers(0, 2))])
    assert decoded(raw) == protobuf(raw)


@pytest.mark.parametrize('full_name', [b'w' * size for size in (1, 127, 128, 200)])
@pytest.mark.parametrize('key', [b'k' * size for size in (1, 100, 127, 128, 300)])
@pytest.mark.parametrize('end', [b'', b'\x2a\x02\x08\x01', b'\x2a\x00'])
def test_a_variable_of_any_length_is_decoded(full_name, key, end):
    varint = variable_nodes.varint.encode
    value = b'\x0a\x0eVARIABLE_VALUE\x12' + varint(len(full_name)) + full_name
    value += b'\x1a' + varint(len(key)) + key
    node = b'\x12' + varint(len(value)) + value + end
    data = b'\x0a' + varint(len(node)) + node
    expected = [Node({}, [Attribute(VALUE, full_name.decode(), key.decode())], [])]
    assert decoded(2 * data) == protobuf(2 * data) == 2 * expected
    is_short = len(full_name) < 128 and end != b'\x2a\x00'
    assert (variable_nodes.decode(data, VALUE)[0] != [None]) == is_short


def test_names_that_are_not_utf8_are_refused():
    data = graph_of([Node({}, [Attribute(VALUE, 'ww', 'kk')], [])]).serialize()
    assert variable_nodes.decode(data, VALUE) == ([(VALUE, 'ww', 'kk')], b'')
    damaged = data.replace(b'ww', b'\xff\xfe')
    assert variable_nodes.decode(damaged, VALUE) == ([], damaged)
    with pytest.raises(ValueError, match='does not parse'):
        ObjectGraph.parse(damaged)
