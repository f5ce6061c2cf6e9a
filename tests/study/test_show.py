"""The result as plain text: what each figure is called, and where none is due."""

from dataclasses import replace

import pytest

from graphsearch.study.heldout import note_on_stops
from graphsearch.study.show import as_text, number, points
from graphsearch.study.study import Study
from tests.study.world import make_parts


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    import asyncio

    async def run():
        folder = tmp_path_factory.mktemp("shown")
        async with Study.open(make_parts(rounds=1, baselines=("single",)), folder) as study:
            return await study.run()

    return asyncio.run(run())


def test_thousands_are_set_off_as_everywhere_else():
    assert [number(v) for v in (0.36312, 999.94, 1000, 5892.4, 70651.8)] == [
        "0.3631", "999.9", "1,000", "5,892", "70,652",
    ]  # fmt: skip


def test_no_difference_is_minus_zero():
    shown = [points(v) for v in (-0.0, -1e-15, -0.0002, 0.0002, 0.012, -0.05)]
    assert shown == ["0.0", "0.0", "-0.02", "+0.02", "+1.2", "-5.0"]


def test_the_winner_is_not_compared_with_itself(result):
    from graphsearch.graph import CollaborationGraph

    row = result.baselines[0]
    itself = CollaborationGraph.from_json(row.graph)
    shown = as_text(replace(result, winner=replace(result.winner, graph=itself)))
    (line,) = [line for line in shown.splitlines() if line.startswith(row.name)]
    assert line.endswith("the same graph")
    assert shown.count("the same graph") == 1


@pytest.mark.parametrize(
    ("count", "note"),
    [(0, None), (1, "One baseline that was"), (2, "2 baselines that were")],
)
def test_the_note_on_stopped_alternatives_counts(count, note):
    notes = note_on_stops(count)
    assert len(notes) == (note is not None)
    assert all(n.startswith(note) and n.endswith("the items it ran.") for n in notes)


def test_what_the_infrastructure_did_is_told_where_it_did_anything(result):
    assert "ot evaluated" not in as_text(result)
    outcomes = {"search": {"answered": 90, "timeout": 6, "rate_limited": 1}, "test": {"empty": 3}}
    calls = {**result.calls, "accounts": {**result.calls["accounts"], "waste": {"made": 1}}}
    troubled = replace(result, outcomes=outcomes, calls=calls)
    said = "Not evaluated: 7 of 100 answers (6 timeout, 1 rate limited)"
    assert f"{said}; 1 attempt of a call failed." in as_text(troubled).splitlines()
    assert said in troubled._repr_html_()


def test_one_is_no_plural(result):
    shown = as_text(replace(result, calls={**result.calls, "asked": 1, "made": 1}))
    assert "1 call asked for, 1 made" in shown


def test_small_costs_are_written_without_an_exponent():
    from graphsearch.study.show import number

    assert [number(v) for v in (9.21628e-5, 3.07e-4, 17.144, 2e-9)] == [
        "0.00009216",
        "0.000307",
        "17.14",
        "2e-09",
    ]
