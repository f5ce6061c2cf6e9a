"""The canonical key against brute force, and its speed-ups against their worst cases."""

from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.graph import CollaborationGraph, Node


def brute_form(graph):
    """The least text over all numberings: slow and plainly right."""
    n = len(graph.nodes)
    forms = []
    for order in permutations(range(n)):
        nodes = [None] * n
        for i, k in enumerate(order):
            nodes[k] = str(graph.nodes[i])
        edges = sorted((order[a], order[b]) for a, b in graph.edges)
        forms.append((order[graph.sink], tuple(nodes), tuple(edges)))
    return min(forms)


def all_graphs(n, labels):
    """Every DAG over 0..n-1 in topological numbering whose nodes all reach node n-1."""
    pairs = list(combinations(range(n), 2))
    for bits in product((False, True), repeat=len(pairs)):
        edges = tuple(pair for pair, bit in zip(pairs, bits, strict=True) if bit)
        if {a for a, _ in edges} == set(range(n - 1)):
            for chosen in product(labels, repeat=n):
                yield CollaborationGraph(tuple(chosen), edges, n - 1)


def renumbered(graph, order):
    nodes = [None] * len(graph.nodes)
    for i, k in enumerate(order):
        nodes[k] = graph.nodes[i]
    edges = tuple((order[a], order[b]) for a, b in graph.edges)
    return CollaborationGraph(tuple(nodes), edges, order[graph.sink])


A, B, F = Node("assistant", "a"), Node("assistant", "b"), Node("fuser", "a")


@pytest.mark.parametrize(
    ("n", "labels"),
    [(1, [A, B, F]), (2, [A, B, F]), (3, [A, B, F]), (4, [A, B]), (5, [A])],
)
def test_the_key_is_equal_exactly_for_isomorphic_graphs(n, labels):
    form_of_key, key_of_form = {}, {}
    for graph in all_graphs(n, labels):
        form = brute_form(graph)
        assert form_of_key.setdefault(graph.key, form) == form
        assert key_of_form.setdefault(form, graph.key) == graph.key
    assert len(form_of_key) == len(key_of_form) > 0


@pytest.mark.parametrize(("n", "labels"), [(3, [A, B]), (4, [A])])
def test_numbering_changes_neither_key_nor_canonical_graph(n, labels):
    for graph in all_graphs(n, labels):
        for order in permutations(range(n)):
            other = renumbered(graph, order)
            assert other.key == graph.key
            assert other.canonical() == graph.canonical()


@st.composite
def graphs(draw, most=13):
    n = draw(st.integers(1, most))
    labels = st.sampled_from([A, B, F])
    nodes = tuple(draw(st.lists(labels, min_size=n, max_size=n)))
    edges = []
    for i in range(n - 1):
        later = st.sets(st.integers(i + 1, n - 1), min_size=1)
        edges += [(i, j) for j in draw(later)]
    return CollaborationGraph(nodes, tuple(edges), n - 1)


@given(graphs(), st.randoms(use_true_random=False))
def test_canonical_is_a_topological_fixed_point_with_the_sink_last(graph, random):
    graph.validate()
    order = list(range(len(graph)))
    random.shuffle(order)
    canonical = renumbered(graph, order).canonical()
    assert canonical == graph.canonical()
    assert canonical.canonical() == canonical
    assert canonical.sink == len(graph) - 1
    assert all(a < b for a, b in canonical.edges)
    assert canonical.key == graph.key
    canonical.validate()


def test_symmetric_graphs_stay_cheap():
    # Twelve pairs of chains: 12! numberings tie, and a search without symmetry never ends.
    chains = 12
    nodes = (A,) * (2 * chains) + (B,)
    edges = tuple((i, i + chains) for i in range(chains))
    edges += tuple((i + chains, 2 * chains) for i in range(chains))
    graph = CollaborationGraph(nodes, edges, 2 * chains)
    order = [(7 * i) % (2 * chains + 1) for i in range(2 * chains + 1)]
    assert renumbered(graph, order).key == graph.key


def test_graphs_that_refinement_cannot_tell_apart_have_different_keys():
    # Six nodes over six: one ring of twelve, or two rings of six. Every node looks alike.
    def rings(starts):
        edges = [(top, 6 + bottom) for top, bottom in starts] + [(6 + i, 12) for i in range(6)]
        return CollaborationGraph((A,) * 13, tuple(edges), 12)

    one = rings([(i, i) for i in range(6)] + [(i, (i + 1) % 6) for i in range(6)])
    two = rings(
        [(i, i) for i in range(6)]
        + [(i, (i + 1) % 3) for i in range(3)]
        + [(3 + i, 3 + (i + 1) % 3) for i in range(3)]
    )
    assert one.key != two.key
    assert renumbered(one, [5, 4, 3, 2, 1, 0, *range(6, 13)]).key == one.key
    assert renumbered(two, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8, 12]).key == two.key


def test_names_cannot_forge_a_key():
    plain = CollaborationGraph.single("x|y")
    forged = CollaborationGraph((Node("assistant", "x"), Node("y", None)), ((0, 1),), 1)
    assert plain.key != forged.key
    assert CollaborationGraph.single("b", "a:c").key != CollaborationGraph.single("c:b", "a").key
    assert CollaborationGraph.single("a%7cb").key != CollaborationGraph.single("a|b").key
