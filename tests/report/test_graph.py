"""The drawn graph: every node and edge is there, nothing lies on anything else."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.report.graph import draw_graph, graph_steps
from graphsearch.report.svg import Box
from tests.report import records

COLOURS = {"xs": "#56b4e9", "s": "#009e73"}
NAMESPACE = re.compile(r"\{.*\}")


def drawn(graph, width=980.0):
    return ElementTree.fromstring(str(draw_graph(graph, COLOURS, width=width, class_="graph wide")))


def boxes(svg):
    found = []
    for rect in svg.iter("rect"):
        x, y = float(rect.get("x")), float(rect.get("y"))
        found.append(Box(x, y, x + float(rect.get("width")), y + float(rect.get("height"))))
    return found


def edges(svg):
    return [p for p in svg.iter("path") if p.get("class") == "edge"]


@st.composite
def graphs(draw):
    """Any valid graph of up to nine speaking nodes: each node but the sink has a reader."""
    size = draw(st.integers(1, 9))
    pairs = [(a, b) for b in range(size) for a in range(b)]
    kept = {pair for pair in pairs if draw(st.booleans())}
    kept |= {(a, size - 1) for a in range(size - 1) if all((a, b) not in kept for b in range(size))}
    nodes = [("assistant", draw(st.sampled_from(["xs", "s"]))) for _ in range(size)]
    return records.graph(nodes, [list(pair) for pair in sorted(kept)], size - 1)


@given(graphs(), st.sampled_from([372.0, 980.0]))
def test_nodes_do_not_overlap_and_lie_in_the_picture(graph, width):
    svg = drawn(graph, width)
    found = boxes(svg)
    frame = Box(0, 0, float(svg.get("width")), float(svg.get("height")))
    assert all(box.within(frame) for box in found)
    assert not any(a.hits(b, 2.0) for k, a in enumerate(found) for b in found[k + 1 :]), (
        "two boxes touch"
    )


@given(graphs())
def test_messages_go_one_way_and_each_edge_is_drawn_once_unless_nodes_are_gathered(graph):
    svg = drawn(graph)
    if len(boxes(svg)) == len(graph["nodes"]):
        assert len(edges(svg)) == len(graph["edges"])
    starts_ends = [
        [tuple(map(float, spot.split(","))) for spot in re.findall(r"[\d.]+,[\d.]+", e.get("d"))]
        for e in edges(svg)
    ]
    across = all(spots[0][0] < spots[-1][0] for spots in starts_ends)
    down = all(spots[0][1] < spots[-1][1] for spots in starts_ends)
    assert across or down


def test_a_crowd_is_one_box_with_its_number():
    svg = drawn(records.fan_in(18, "xs", "vote", None))
    texts = [t.text for t in svg.iter("text")]
    assert len(boxes(svg)) == 2
    assert "18 × assistant" in texts
    assert "1–18" in texts
    assert "no model" in texts


def test_few_alike_nodes_stay_apart():
    assert len(boxes(drawn(records.fan_in(4, "xs", "vote", None)))) == 5


def test_wide_graphs_stand_upright_where_there_is_little_room():
    graph = records.complete(5)
    assert float(drawn(graph, 980.0).get("width")) <= 980
    assert float(drawn(graph, 372.0).get("width")) <= 372


def test_words_tell_the_whole_graph():
    steps = graph_steps(records.two_layers())
    assert steps[0] == "assistant on xs reads the question alone."
    assert steps[4] == "assistant on s reads the question and 1, 2 and 3."
    assert steps[5].startswith("fuser on m reads the question and 2, 4 and 5")
    assert steps[5].endswith("its answer is the graph's answer.")
    vote = graph_steps(records.fan_in(2, "xs", "vote", None))[2]
    assert "no model, no cost" in vote
    assert "picks among the answers of 1 and 2" in vote


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'x" onload="alert(1)', "a" * 400])
def test_names_cannot_become_markup_or_leave_their_box(name):
    svg = drawn(records.graph([(name, name), ("vote", None)], [[0, 1]], 1))
    assert not list(svg.iter("script"))
    assert not [e for e in svg.iter() if e.get("onload")]
    assert max(box.right - box.left for box in boxes(svg)) <= 210


def test_the_maker_of_a_model_is_left_out_of_the_picture_only():
    graph = records.graph([("assistant", "maker/tiny-1b")], [], 0)
    assert "tiny-1b" in [t.text for t in drawn(graph).iter("text")]
    assert "maker/tiny-1b" in graph_steps(graph)[0]
