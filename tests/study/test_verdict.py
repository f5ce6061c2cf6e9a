"""The verdict claims no more than the numbers do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.graph import CollaborationGraph
from graphsearch.study.evidence import Evidence
from graphsearch.study.result import Winner
from graphsearch.study.verdict import EQUAL_COST, Rival, claim, compared, verdict
from graphsearch.words import decimals

_TOLD = re.compile(
    r"(r\d) \((at [^:()]+): ([+-]?[\d.]+)(?: points)?, (?:95 % interval )?"
    r"([+-]?[\d.]+) to ([+-]?[\d.]+)\)"
)


def rival(name="r0", accuracy=0.8, used=1.0, gain=0.02, low=-0.01, high=0.05, own=False):
    return Rival(name, accuracy, used, gain, low, high, 0.95, own)


def said(*rivals, used=1.0):
    return claim(compared(rivals, used=used))


def test_it_beats_the_best_only_when_it_beats_all_that_tie_for_it():
    cheap = rival("cheap", used=0.31, low=0.0004, high=0.039)
    dear = rival("dear", used=0.63, low=-0.004, high=0.044)
    found = compared([dear, cheap], used=1.0)
    assert found.best == cheap
    assert found.standing == "unclear"
    text = claim(found)
    assert "which tie, it is not shown to beat dear (at 63 % of the winner's cost: +2.0" in text
    assert "it beats cheap (at 31 % of the winner's cost: +2.0 points" in text
    assert "+0.04 to +3.9" in text


def test_a_rival_that_is_less_accurate_and_not_beaten_is_named():
    text = said(rival("best", low=0.001), rival("other", accuracy=0.79, low=-0.001))
    assert text.startswith("it beats the best baseline, best (")
    assert "it is not shown to beat other (" in text


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (1.0, "(at equal used cost:"),
        (0.91, "(at equal used cost:"),
        (0.31, "(at 31 % of the winner's cost:"),
        (1.5, "(at 150 % of the winner's cost:"),
        (1234.0, "(at 1,234 times the winner's cost:"),
        (0.00042, "(at 0.04 % of the winner's cost:"),
        (None, "(at a cost that is not known:"),
    ],
)
def test_a_cost_is_called_equal_only_when_it_is(used, words):
    assert words in said(rival(used=used))


def test_it_says_when_no_alternative_comes_up_to_the_cost_of_the_winner():
    words = "no baseline measured used as much as the winner (at the most 63 %)"
    assert words in said(rival(used=0.31), rival("r1", accuracy=0.7, used=0.63))
    assert "used as much" not in said(rival(used=0.31), rival("r1", accuracy=0.7, used=0.95))
    assert "used as much" not in said(rival(used=1.31))


def test_a_winner_that_is_an_alternative_and_ties_with_another_says_so():
    own = rival("own", gain=0.0, low=0.0, high=0.0, own=True)
    assert said(own) == "it is itself the best baseline, own"
    text = said(own, rival("cheap", used=0.5, gain=0.0))
    assert "is itself a baseline, own, and cheap (at 50 % of the winner's cost)" in text
    assert "ties with it" in text
    better = rival("better", accuracy=0.9, gain=-0.1, low=-0.2, high=-0.05)
    assert "own; it is worse than the best baseline, better (" in said(own, better)


def test_ends_of_intervals_are_not_rounded_to_nothing_or_to_all():
    evidence = Evidence(
        n=4000,
        not_evaluated=0,
        groups=4000,
        accuracy=0.9998,
        interval=(0.9992, 0.99996),
        level=0.95,
        method="wilson",
        outcomes={},
        allowed=1.0,
        planned=1.0,
        used=1.0,
        currency="units",
    )
    winner = Winner(CollaborationGraph.single("m"), "sample", 0, 0, 1.0)
    text = verdict(winner, evidence, None)
    assert "99.98 % of the held-out test right (99.9 to 99.996, n = 4000)" in text


_bound = st.one_of(
    st.just(0.0),
    st.floats(-1, 1, allow_nan=False).filter(lambda x: abs(x) > 1e-7),
    st.sampled_from([0.0004, -0.0004, 4e-6, -4e-6]),
)


@st.composite
def rivals(draw):
    found = []
    for place in range(draw(st.integers(1, 5))):
        low, gain, high = sorted(draw(st.tuples(_bound, _bound, _bound)))
        accuracy = draw(st.sampled_from([0.5, 0.6]))
        used = draw(st.one_of(st.none(), st.floats(1e-6, 50)))
        found.append(rival(f"r{place}", accuracy, used, gain, low, high))
    return found


@given(rivals())
def test_no_sentence_claims_more_than_the_numbers(field):
    found = compared(field, used=1.0)
    text = claim(found)
    best = [r for r in field if r.accuracy == max(r.accuracy for r in field)]
    assert set(found.top) == set(best)
    assert (found.standing == "better") == all(r.low > 0 for r in best)
    if "it beats the best" in text:
        assert all(r.low > 0 for r in best)
        unbeaten = [r for r in field if r.low <= 0]
        assert ("not shown to beat" in text) == bool(unbeaten)
    if any(r.high < 0 for r in best):
        assert "is worse than" in text
    told = {name: rest for name, *rest in _TOLD.findall(text)}
    assert {r.name for r in best[:1]} <= told.keys() or len(best) > 3
    by_name = {r.name: r for r in field}
    for name, (cost, gain, low, high) in told.items():
        one = by_name[name]
        for written, real in ((gain, one.gain), (low, one.low), (high, one.high)):
            assert (float(written) > 0, float(written) < 0) == (real > 0, real < 0)
            assert float(written) == pytest.approx(100 * real, abs=0.0501)
        is_equal = one.used is not None and abs(one.used - 1.0) <= EQUAL_COST
        assert (cost == "at equal used cost") == is_equal
    if "used as much" in text:
        assert all(r.used is None or r.used < 1 - EQUAL_COST for r in field)


@given(st.floats(-100, 100), st.integers(0, 3))
def test_a_number_is_written_as_an_end_only_when_it_is_one(value, places):
    text = decimals(value, places, ends=(0.0, 100.0))
    for end in (0.0, 100.0):
        if float(text) == end:
            assert value == pytest.approx(end, abs=1e-9)
    assert text != "-0"
