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


def rings(*sizes):
    """Tops over bottoms in rings (each top feeds two bottoms), all bottoms into the sink."""
    n = sum(sizes)
    edges = [(n + i, 2 * n) for i in range(n)]
    start = 0
    for size in sizes:
        edges += [(start + i, n + start + i) for i in range(size)]
        edges += [(start + i, n + start + (i + 1) % size) for i in range(size)]
        start += size
    return CollaborationGraph((A,) * (2 * n + 1), tuple(edges), 2 * n)


def test_graphs_that_refinement_cannot_tell_apart_have_different_keys():
    # Every top looks like every other to its neighbours, whatever the sizes of the rings.
    keys = {rings(*sizes).key for sizes in [(7,), (3, 4), (6,), (3, 3)]}
    assert len(keys) == 4


@given(st.sampled_from([(6,), (3, 3), (3, 4), (4, 3)]), st.permutations(range(7)))
def test_such_graphs_keep_their_key_under_any_numbering(sizes, order):
    # Tops in rings of three and of four look alike but are not: every one of them must be tried.
    n = sum(sizes)
    tops = [k for k in order if k < n]
    bottoms = [n + k for k in reversed(tops)]
    graph = rings(*sizes)
    other = renumbered(graph, [*tops, *bottoms, 2 * n])
    assert other.key == graph.key == rings(*reversed(sizes)).key
    assert other.canonical() == graph.canonical()


def test_names_cannot_forge_a_key():
    plain = CollaborationGraph.single("x|y")
    forged = CollaborationGraph((Node("assistant", "x"), Node("y", None)), ((0, 1),), 1)
    assert plain.key != forged.key
    assert CollaborationGraph.single("b", "a:c").key != CollaborationGraph.single("c:b", "a").key
    assert CollaborationGraph.single("a%7cb").key != CollaborationGraph.single("a|b").key
