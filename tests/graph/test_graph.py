"""Shape, validation and the ways in and out of a graph."""

import pickle

import networkx as nx
import pytest
from hypothesis import given

from graphsearch.agents.roles import get_roles
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import GraphError
from tests.graph.test_canonical import graphs

DIAMOND = {
    "nodes": [
        {"role": "assistant", "model": "s"},
        {"role": "assistant", "model": "s"},
        {"role": "fuser", "model": "m"},
        {"role": "assistant", "model": "l"},
    ],
    "edges": [[0, 1], [0, 2], [1, 3], [2, 3]],
    "sink": 3,
}


def test_shape():
    graph = CollaborationGraph.from_json(DIAMOND)
    assert graph.parents(3) == (1, 2)
    assert graph.children(0) == (1, 2)
    assert [graph.in_degree(i) for i in range(4)] == [0, 1, 1, 2]
    assert graph.roots == (0,)
    assert graph.topological() == (0, 1, 2, 3)
    assert (graph.depth, graph.width, len(graph)) == (3, 2, 4)


def test_graphs_are_values():
    graph = CollaborationGraph.from_json(DIAMOND)
    again = CollaborationGraph(graph.nodes, tuple(reversed(graph.edges)), graph.sink)
    assert graph == again
    assert hash(graph) == hash(again)
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_named_constructors():
    assert CollaborationGraph.single("xs").describe() == "xs"
    assert CollaborationGraph.fan_in(["xs"] * 4, "fuser", "m").describe() == "4x xs -> fuser m"
    assert CollaborationGraph.combine("vote", ["s", "s", "m"]).describe() == "m, 2x s -> vote"
    assert CollaborationGraph.chain(["a", "b"]).describe() == "a -> b"
    assert CollaborationGraph.from_json(DIAMOND).describe() == "s -> fuser m, s -> l"


def test_describe_counts_edges_where_levels_do_not_tell_them():
    skipping = CollaborationGraph.chain(["a", "a", "a"])
    skipping = CollaborationGraph(skipping.nodes, (*skipping.edges, (0, 2)), 2)
    assert skipping.describe() == "a (3 in a row) (3 edges)"
    assert CollaborationGraph.chain(["a", "a", "b"]).describe() == "a -> a -> b"


A = Node("assistant", "a")
VOTE = Node("vote", None)


@pytest.mark.parametrize(
    ("nodes", "edges", "sink", "message"),
    [
        ((), (), 0, "at least one node"),
        ((A,), (), 1, "the sink is node 1"),
        ((A, A), ((0, 2),), 1, "edge 0->2 names node 2"),
        ((A, A), ((-1, 1),), 1, "edge -1->1 names node -1"),
        ((A, A), ((0, 0), (0, 1)), 1, "edge 0->0 is a self loop"),
        ((A, A), ((0, 1), (0, 1)), 1, "edge 0->1 is there twice"),
        ((A, A, A), ((0, 1), (1, 0), (1, 2)), 2, "cycle"),
        ((A, A, A), ((0, 1), (1, 2)), 1, "the sink 1 gives the answer"),
        ((A, A, A), ((0, 2),), 2, r"node 1 \(assistant:a\) does not reach the sink"),
        ((Node("x", None), A), ((0, 1),), 1, r"node 0 \(x\) names no model"),
        ((A, VOTE), ((0, 1),), 1, "vote needs at least two parents, has 1"),
        ((Node("fuser", None),), (), 0, "node 0: fuser needs at least two parents, has 0"),
        ((Node("", "a"),), (), 0, "node 0 has no role"),
        ((Node("assistant", ""),), (), 0, "empty model name"),
    ],
)
def test_what_is_no_collaboration_graph(nodes, edges, sink, message):
    with pytest.raises(GraphError, match=message):
        CollaborationGraph(nodes, edges, sink).validate()


GATE = "cascade(share, 0.2)"


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ((VOTE, A), ((0, 1),), "vote combines answers and may only be the sink"),
        ((A, A, Node("vote", "a")), ((0, 2), (1, 2)), "vote calls no model"),
        ((Node("fuser", None),), (), r"node 0 \(fuser\) names no model"),
        ((A, Node("shouts", "a")), ((0, 1),), "node 1: no role 'shouts' in prompt set 'chat'"),
        ((A, Node("cascade(hope)", "a")), ((0, 1),), "node 1: role .*looks at share"),
        ((Node("fuser", "a"),), (), "role 'fuser' needs 1 parents, it has 0"),
        ((Node(GATE, "a"),), (), "looks at its parents, and has none"),
        ((A, Node(GATE, None)), ((0, 1),), "names no model"),
    ],
)
def test_nodes_are_checked_against_their_roles_where_these_are_given(nodes, edges, message):
    with pytest.raises(GraphError, match=message):
        CollaborationGraph(nodes, edges, len(nodes) - 1).validate(get_roles("chat"))
    CollaborationGraph((A, A, VOTE), ((0, 2), (1, 2)), 2).validate(get_roles("chat"))


def test_a_combining_role_of_someone_else_is_fine():
    graph = CollaborationGraph((A, A, Node("weighted", None)), ((0, 2), (1, 2)), 2)
    graph.validate()
    assert graph.describe() == "2x a -> weighted"


@given(graphs())
def test_json_and_networkx_round_trips(graph):
    assert CollaborationGraph.from_json(graph.to_json()) == graph
    assert CollaborationGraph.from_networkx(graph.to_networkx()) == graph


def test_networkx_with_names_and_without_a_marked_sink():
    graph = nx.DiGraph()
    graph.add_node("first", role="assistant", model="s")
    graph.add_node("last", role="fuser", model="m")
    graph.add_edge("first", "last")
    assert CollaborationGraph.from_networkx(graph) == CollaborationGraph.fan_in(["s"], "fuser", "m")
    graph.add_node("stray")
    with pytest.raises(GraphError, match="'stray' has no attribute role"):
        CollaborationGraph.from_networkx(graph)
    graph.nodes["stray"].update(role="assistant", model="s")
    with pytest.raises(GraphError, match=r"nodes \[1, 2\] have no children"):
        CollaborationGraph.from_networkx(graph)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"extra": 1}, "graph.extra: unknown key"),
        ({"nodes": 3}, "graph.nodes: expected a list"),
        ({"nodes": []}, "graph: a graph needs at least one node"),
        ({"nodes": ["x"]}, r"graph.nodes\[0\]: expected role and model"),
        ({"nodes": [{"role": "a", "modell": "x"}]}, r"graph.nodes\[0\].modell: unknown key"),
        ({"nodes": [{"model": "x"}]}, r"graph.nodes\[0\].role: expected the name"),
        ({"nodes": [{"role": "a", "model": 3}]}, r"graph.nodes\[0\].model: expected the name"),
        ({"edges": [[0, 1, 2]]}, r"graph.edges\[0\]: expected two"),
        ({"edges": [[0, "1"]]}, r"graph.edges\[0\]\[1\]: expected a node number"),
        ({"edges": [[0, True]]}, r"graph.edges\[0\]\[1\]: expected a node number"),
        ({"sink": "last"}, "graph.sink: expected a node number"),
        ({"edges": [[3, 0], [0, 3]]}, "graph: the edges form a cycle"),
    ],
)
def test_bad_json_is_named_by_its_path(change, where):
    with pytest.raises(GraphError, match=f"^{where}"):
        CollaborationGraph.from_json({**DIAMOND, **change})


def test_the_sink_may_be_left_out_where_it_is_clear():
    data = {k: v for k, v in DIAMOND.items() if k != "sink"}
    assert CollaborationGraph.from_json(data).sink == 3
    with pytest.raises(GraphError, match=r"sink is missing, and nodes \[2, 3\]"):
        CollaborationGraph.from_json({**data, "edges": [[0, 1], [0, 2], [1, 3]]})


def test_load(tmp_path):
    path = tmp_path / "graph.yaml"
    path.write_text(
        "nodes: [{role: assistant, model: s}, {role: fuser, model: m}]\nedges: [[0, 1]]"
    )
    assert CollaborationGraph.load(path) == CollaborationGraph.fan_in(["s"], "fuser", "m")
    for content, message in [
        ("nodes: [", "graph.yaml:1: expected the node content"),
        ("- 1", "expected a mapping"),
        ("", "expected a mapping"),
        ("nodes: [{role: a, model: b}]\nedgs: []", "edgs: unknown key"),
    ]:
        path.write_text(content)
        with pytest.raises(GraphError, match=message) as caught:
            CollaborationGraph.load(path)
        assert caught.value.where is not None
        assert caught.value.where.startswith(str(path))
    with pytest.raises(GraphError, match="no such file"):
        CollaborationGraph.load(tmp_path / "none.yaml")
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(GraphError, match="is not text in UTF-8"):
        CollaborationGraph.load(path)


def test_mermaid():
    text = CollaborationGraph.combine("vote", ['s"1', "s#2"]).to_mermaid()
    assert text.splitlines() == [
        "flowchart TD",
        '    n0["assistant<br/>s#quot;1"]',
        '    n1["assistant<br/>s#35;2"]',
        '    n2(["vote"])',
        "    n0 --> n2",
        "    n1 --> n2",
    ]
