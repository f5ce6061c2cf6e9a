"""Scales, ticks, labels and charts."""

import itertools
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphsearch.report.advice import readable_targets
from graphsearch.report.probabilities import draw_edges, draw_heat, split_tables
from graphsearch.report.scores import draw_lines
from graphsearch.report.strips import draw_interval, draw_parts
from graphsearch.report.svg import Box, Scale, nice_ticks, place_labels, tag, text_width
from graphsearch.report.tradeoff import Mark, draw_tradeoff, front_items, pareto_front
from tests.report import records

SHARES = st.floats(0, 1)


def mark(cost, accuracy, *, kind="tried", n=50, label=""):
    low, high = max(accuracy - 0.1, 0), min(accuracy + 0.1, 1)
    return Mark(kind, f"{cost:g}", label, cost, accuracy, low, high, n)


def test_a_picture_refuses_numbers_it_cannot_hold():
    with pytest.raises(ValueError, match="nan"):
        tag("circle", cx=float("nan"))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_ticks_are_round_and_inside(low, span, wanted):
    assume(low + span > low + 1e-9 * abs(low))
    ticks = nice_ticks(low, low + span, wanted)
    assert len(ticks) <= wanted + 1
    slack = span * 1e-6
    assert all(low - slack <= t <= low + span + slack for t in ticks)


@given(st.lists(st.tuples(st.floats(20, 340), st.floats(20, 280)), max_size=14))
def test_labels_touch_neither_each_other_nor_what_is_taken(points):
    frame = Box(0, 0, 372, 300)
    taken = [Box(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    wanted = [(x, y, f"label {k}") for k, (x, y) in enumerate(points)]
    placed = [box for box in place_labels(wanted, taken, frame) if box is not None]
    assert all(box.within(frame) for box in placed)
    assert not any(box.hits(other) for box in placed for other in taken)
    assert not any(a.hits(b) for a, b in itertools.combinations(placed, 2))


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=20))
def test_the_front_is_what_nothing_cheaper_reaches(points):
    marks = [mark(float(cost), share / 20) for cost, share in points]
    front = {(m.cost, m.accuracy) for m in pareto_front(marks)}
    expected = {
        (m.cost, m.accuracy)
        for m in marks
        if not any(
            (o.cost <= m.cost and o.accuracy > m.accuracy)
            or (o.cost < m.cost and o.accuracy >= m.accuracy)
            for o in marks
        )
    }
    assert front == expected


def test_short_trials_do_not_make_the_front():
    marks = [mark(1, 1.0, n=8), mark(2, 0.5), mark(3, 0.6)]
    assert front_items(marks) == 50
    assert [m.cost for m in pareto_front(marks)] == [2, 3]


@given(
    st.lists(st.tuples(st.floats(1e-7, 1e9), SHARES), min_size=1, max_size=12),
    st.one_of(st.none(), st.floats(1e-7, 1e9)),
)
def test_any_costs_can_be_drawn_and_stay_inside(points, allowed):
    marks = [mark(c, a, kind="baseline", label=f"l{k}") for k, (c, a) in enumerate(points)]
    svg = ElementTree.fromstring(
        str(
            draw_tradeoff(
                marks,
                allowed=allowed,
                currency="usd",
                width=372,
                height=400,
                class_="chart",
                labels=4,
            )
        )
    )
    for element in svg.iter("line"):
        assert -1 <= float(element.get("x1")) <= 373
        assert -1 <= float(element.get("y2")) <= 401


def test_tables_are_taken_apart_by_name():
    moves = split_tables({0: records.table(0, 2), 1: records.table(1, 2)}, records.MODELS)
    assert moves.rounds == (0, 1)
    assert moves.edges[1]["1", "2"] == pytest.approx(0.95)
    assert set(moves.models["2"]) == set(records.MODELS)
    assert set(moves.roles["2"]) == {"assistant", "fuser"}
    assert "fuser:m" in moves.sinks
    assert "vote" in moves.sinks


def test_entries_that_some_round_lacks_are_left_out():
    moves = split_tables({0: {"vote": 0.5, "1->2": 0.1}, 3: {"vote": 0.7}}, [])
    assert moves.sinks == {"vote": (0.5, 0.7)}
    assert moves.edges == ({}, {})


@pytest.mark.parametrize("rounds", [1, 2, 300])
def test_moves_can_be_drawn_for_any_number_of_rounds(rounds):
    moves = split_tables({k: records.table(k, rounds) for k in range(rounds)}, records.MODELS)
    heat = draw_heat(moves.sinks, moves.rounds, width=372, class_="chart")
    ElementTree.fromstring(str(heat))
    ElementTree.fromstring(str(draw_edges(moves.edges[0], title="round 0")))
    ticks = [t for t in ElementTree.fromstring(str(heat)).iter("text") if (t.text or "").isdigit()]
    assert 1 <= len(ticks) <= 12


def test_a_round_without_a_number_leaves_no_dot():
    pictures = draw_lines({"mean": [0.1, None, 0.3]}, [0, 1, 2], title="scores", axis="share")
    assert len(pictures) == 2
    for svg in pictures:
        assert len(list(ElementTree.fromstring(str(svg)).iter("circle"))) == 2


def test_nothing_known_draws_nothing():
    assert draw_interval(None, None, (0, 1), colour="#000000", described="") == ""
    assert draw_parts({"answered": 0}, {}, described="") == ""


def test_a_scale_of_one_value_stays_in_the_middle():
    assert Scale(3, 3, 0, 10)(3) == 5


def test_long_texts_are_wider():
    assert text_width("mm") > text_width("ii")


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("3->5", "slot 3 → slot 5"),
        ("3->sink", "slot 3 → sink"),
        ("2:xs", "slot 2: xs"),
        ("fuser:m", "sink: fuser m"),
        ("vote", "sink: vote"),
    ],
)
def test_names_of_logits_are_made_readable(name, readable):
    assert readable_targets([name]) == readable


def test_names_of_many_slots_are_put_together():
    assert readable_targets(["1:xs", "2:xs", "3:xs"]) == "slots 1–3: xs"
    assert readable_targets(["1->sink", "4->sink", "5->sink"]) == "slots 1, 4, 5 → sink"
    assert readable_targets(["2:xs", "3:xs"]) == "slots 2, 3: xs"
    assert readable_targets(["fuser:m", "vote"]) == "sinks: fuser m, vote"


def test_a_label_goes_where_it_covers_the_fewest_marks():
    frame = Box(0, 0, 400, 200)
    at = (200.0, 100.0, "a label")
    (right,) = place_labels([at], [], frame)
    assert right is not None
    assert right.left > 200
    crowd = [(right.left + k, 100.0) for k in range(0, 40, 4)]
    (elsewhere,) = place_labels([at], [], frame, crowd=crowd)
    assert elsewhere is not None
    assert elsewhere.right < 200
