"""Tests that object graphs are written as TensorFlow writes them, however many objects they have."""

import hypothesis
import pytest
from hypothesis import strategies as st
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder
from estimator_ckpt.keys.object_graph import Attribute, Node, ObjectGraph, Slot
from tests.bundle.helpers import properties

names = st.text(max_size=3) | st.sampled_from(
    [object_keys.VARIABLE_VALUE, 'ä' * 70, 'x' * 127, 'x' * 128, 'x' * 500]
)


@st.composite
def graphs(draw):
    graph = ObjectGraph()
    count = draw(st.integers(1, 6))
    numbers = st.integers(0, count - 1)
    graph.nodes = [
        Node(
            draw(st.dictionaries(names, numbers, max_size=2)),
            draw(st.lists(st.builds(Attribute, names, names, names), max_size=2)),
            draw(st.lists(st.builds(Slot, numbers, names, numbers), max_size=1)),
        )
        for _ in range(count)
    ]
    return graph


def reaches_a_value(graph, start):
    seen, queue = set(), [start]
    while queue:
        number = queue.pop()
        node = graph.nodes[number]
        if node.attributes or node.slots:
            return True
        if number not in seen:
            seen.add(number)
            queue += node.children.values()
    return False


@properties(300)
@hypothesis.given(graphs())
def test_tensorflows_message_reads_any_graph_and_writes_the_same_bytes(graph):
    data = graph.serialize()
    theirs = TrackableObjectGraph.FromString(data)
    assert theirs.SerializeToString(deterministic=True) == data
    assert len(theirs.nodes) == len(graph.nodes)
    for number, (node, mine) in enumerate(zip(theirs.nodes, graph.nodes, strict=True)):
        assert [(c.local_name, c.node_id) for c in node.children] == list(mine.children.items())
        assert [(a.name, a.full_name, a.checkpoint_key) for a in node.attributes] == mine.attributes
        assert node.has_checkpoint_values.value == reaches_a_value(graph, number)
    assert ObjectGraph.parse(data).nodes == graph.nodes


def test_a_copy_is_changed_alone():
    graph = ObjectGraph()
    child = graph.add(0, 'a', [Attribute(object_keys.VARIABLE_VALUE, 'a', 'a')])
    before = ObjectGraph.parse(graph.serialize())
    copy = graph.copy()
    copy.add(child, 'b')
    copy.nodes[child].attributes.clear()
    copy.nodes[0].slots.append(Slot(child, 'm', 0))
    assert graph.nodes == before.nodes


def test_names_of_several_variables_are_no_ones():
    graph = ObjectGraph()
    for key, name in [('k1', 'a'), ('k2', 'b'), ('k3', 'a'), ('k4', 'a'), ('k2', 'b')]:
        graph.add(0, key, [Attribute(object_keys.VARIABLE_VALUE, name, key)])
    graph.add(0, 'none', [Attribute(object_keys.VARIABLE_VALUE, '', 'k5')])
    assert graph.keys_by_full_name() == {'b': 'k2'}


PATHS = [('vars',), ('a.b', 'c/d'), ('deep', 'er', 'est')]


@pytest.mark.parametrize('parent', PATHS)
def test_variables_placed_at_once_stand_where_they_would_one_by_one(parent):
    names = ['w', 'net/kernel', 'a.b', '..S', 'ä']
    one_by_one, at_once = ObjectGraphBuilder(), ObjectGraphBuilder()
    expected = [one_by_one.place((*parent, name), name) for name in names]
    assert at_once.place_all(parent, names) == expected
    assert at_once.graph.nodes == one_by_one.graph.nodes
    at_once.link(('elsewhere',), expected[0])


def test_to_place_nothing_adds_nothing():
    builder = ObjectGraphBuilder()
    assert builder.place_all(('vars',), []) == []
    assert builder.graph.nodes == ObjectGraph().nodes


def test_variables_placed_at_once_take_the_objects_that_are_there():
    builder = ObjectGraphBuilder()
    builder.place(('vars', 'scope', 'w'), 'inner')
    assert builder.place_all(('vars',), ['scope', 'x']) == [
        object_keys.object_key(('vars', name)) for name in ('scope', 'x')
    ]
    assert len(builder.graph.nodes) == 5


@pytest.mark.parametrize(
    'parent, names, message',
    [
        (
            ('vars',),
            ['w', 'taken'],
            "'taken' cannot be placed at the path 'vars/taken', which is taken already",
        ),
        (('vars',), ['w', ''], "'' cannot be placed at the path 'vars/'"),
        (('vars', ''), ['w'], "'w' cannot be placed at the path 'vars//w'"),
    ],
)
def test_variables_that_cannot_be_placed_are_refused_by_name(parent, names, message):
    builder = ObjectGraphBuilder()
    builder.place(('vars', 'taken'), 'taken')
    with pytest.raises(CheckpointError, match=message):
        builder.place_all(parent, names)


@properties(300)
@hypothesis.given(st.text('./Sa', max_size=8))
def test_a_name_comes_back_from_its_segment(name):
    assert object_keys.unescape(object_keys.escape(name)) == name


def test_a_path_through_cycles_is_looked_for_in_little_time():
    # Each step of the path could be taken alone or with the next one, which are more ways than there is time for.
    graph = ObjectGraph()
    graph.nodes[0].children.update({'a': 0, 'a/a': 0})
    assert graph.key_at('a/' * 200 + 'b') is None


@properties(300)
@hypothesis.given(st.lists(st.text('./S\0a', min_size=1, max_size=6), max_size=4))
def test_a_path_is_split_into_the_names_that_its_key_was_made_of(path):
    key = object_keys.object_key(path)
    assert object_keys.split_path(key.rpartition(object_keys.ATTRIBUTES)[0]) == tuple(path)
