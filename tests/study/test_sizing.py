"""A budget that is small beside the longest replies ends with a result, or is refused before."""

import json

import pytest

import graphsearch
from graphsearch.records.errors import BudgetRefused
from graphsearch.records.trials import TrialState
from graphsearch.study.quote import NO_ROUND
from graphsearch.study.sizing import ADVICE
from tests.study.world import make_engines, make_fleet, make_settings, make_task

# Replies have a token or two, `chat` allows 1,024: calls are reserved at some hundred times
# what they use.


def arguments(budget, **changes):
    fleet = make_fleet()
    given = {
        "task": make_task(),
        "fleet": fleet,
        "graph_budget": "6 units",
        "search_budget": f"{budget} units",
        "space": {"slots": 3},
        "searcher": "random",
        "agent": None,
        "engines": make_engines(fleet),
        "settings": make_settings(rounds=4, blocks=(8, 16)),
    }
    return {**given, **changes}


@pytest.mark.parametrize(
    ("searcher", "budget"),
    [("random", 1200), ("reinforce", 1200), ("optuna", 900), ("agent-reinforce", 600)],
)
def test_a_budget_with_room_for_some_graphs_ends_with_the_best_of_them(tmp_path, searcher, budget):
    given = arguments(budget, searcher=searcher)
    quote = graphsearch.quote(**given)
    (warning,) = [w for w in quote.warnings if ADVICE in w]
    assert "of the 4 graphs of a round at a time, since each reply is reserved at up to" in warning
    assert NO_ROUND not in quote.warnings
    result = graphsearch.optimize(**given, out=tmp_path / "run")
    assert result.spend["units"]["total"] <= budget
    assert any("had room for" in note and ADVICE in note for note in result.notes)
    states = {trial["state"] for trial in result.trials}
    assert TrialState.FAILED.value in states, "there was no room for some"
    assert all(t["n"] for t in result.trials if t["state"] != TrialState.FAILED.value)
    assert result.winner.graph.key in {t["key"] for t in result.trials if t["n"]}


def test_it_goes_on_as_it_would_have(tmp_path):
    whole = graphsearch.optimize(**arguments(1200), out=tmp_path / "whole")

    class Killed(BaseException):
        pass

    def kill(event):
        if event.kind == "block_done" and event.round == 1:
            raise Killed

    with pytest.raises(Killed):
        graphsearch.optimize(**arguments(1200), out=tmp_path / "run", on_event=kill)
    again = graphsearch.optimize(**arguments(1200), out=tmp_path / "run")
    assert json.dumps(again.to_json()) == json.dumps(whole.to_json())


def test_a_budget_without_room_for_any_graph_is_refused_by_quote_and_run():
    quote = graphsearch.quote(**arguments(50))
    assert NO_ROUND in quote.warnings
    assert any(ADVICE in warning for warning in quote.warnings)
    with pytest.raises(BudgetRefused, match="each reply reserved as long as it may be"):
        graphsearch.optimize(**arguments(50))


def test_a_roomy_budget_is_neither_warned_of_nor_noted():
    quote = graphsearch.quote(**arguments(200_000))
    assert not any(ADVICE in warning for warning in quote.warnings)
    result = graphsearch.optimize(**arguments(200_000))
    assert not any("had room" in note for note in result.notes)


def test_a_quote_foresees_that_measured_lengths_plan_more_calls():
    settings = make_settings(rounds=4, blocks=(8, 16), length_items=8)
    given = {"settings": settings, "graph_budget": "3 units", "space": {"slots": 12}}
    quote = graphsearch.quote(**arguments(6000, **given))
    (warning,) = [w for w in quote.warnings if ADVICE in w]
    assert "shorter than assumed, graphs of up to 13 calls" in warning
