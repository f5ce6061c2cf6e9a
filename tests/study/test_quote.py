"""A quote names calls as the executor shares them, and a study spends what was quoted."""

import pytest

import graphsearch
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.searchers.base import Opening
from graphsearch.study.expected_calls import ExpectedCalls
from graphsearch.study.run import Run
from tests.study.world import make_engines, make_fleet, make_parts, make_settings, make_task

GATE = "cascade(share>=1)"


def star(models, role, model=None):
    return CollaborationGraph.star([Node("assistant", m) for m in models], Node(role, model))


GRAPHS = [
    CollaborationGraph.single("small"),
    CollaborationGraph.single("large"),
    star(["small", "small", "large"], "vote"),
    star(["small", "small"], GATE, "large"),
    star(["small", "large"], GATE, "large"),
    star(["small", "small"], "fuser", "large"),
    star(["small", "small", "small"], "fuser", "large"),
    star(["small", "small"], "fuser", "small"),
]


async def test_calls_have_one_name_exactly_where_the_executor_makes_them_once(tmp_path):
    split = iter(range(10**6))  # every reply says something else, so that every gate opens
    parts = make_parts(script=lambda call: f"answer {next(split)}")
    items = parts.task.splits["search"][:1]
    calls, known = ExpectedCalls(parts), set()
    run = Run.open(parts, tmp_path)
    for graph in GRAPHS:
        before = run.executor.traffic.made
        await run.block(graph.key, [graph], items, stream="search", account="search")
        new = {use.name for use in calls.of(graph)} - known
        known |= new
        assert run.executor.traffic.made - before == len(new), graph.describe()
    spent = float(run.ledger.spent("calls"))
    await run.aclose()
    asked = sum(len(calls.of(graph)) for graph in GRAPHS)
    assert asked == sum(sum(n.model is not None for n in g.nodes) for g in GRAPHS)
    assert spent == len(known)


def test_what_a_gate_lets_through_is_what_its_name_says():
    parts = make_parts()
    fitted, fixed = star(["small", "small"], "cascade(share, 0.2)", "large"), GRAPHS[3]
    assert [use.gate for use in ExpectedCalls(parts).of(fitted)] == [None, None, 0.2]
    assert [use.gate for use in ExpectedCalls(parts).of(fixed)] == [None, None, 1.0]
    # Its parts are fitted on what its parents say.
    assert [use.is_below for use in ExpectedCalls(parts).of(fitted)] == [True, True, False]
    assert not any(use.is_below for use in ExpectedCalls(parts).of(fixed))


def arguments(**changes):
    fleet = make_fleet()
    sinks = ["assistant", "vote", "cascade(share, 0.2)", "weighted-vote(accuracy)"]
    given = {
        "task": make_task(search=200, selection=60, test=60),
        "fleet": fleet,
        "graph_budget": "6 units",
        "search_budget": "20000000 units",
        "space": {"slots": 3, "edges": "star", "roles": ["assistant"], "sinks": sinks},
        "searcher": "agent-reinforce",
        "agent": None,
        "engines": make_engines(fleet),
        "settings": make_settings(
            per_round=6, blocks=(20, 40), search_items=120, calibration_items=80, rounds=4
        ),
    }
    return {**given, **changes}


@pytest.mark.parametrize("searcher", ["agent-reinforce", "random"])
def test_a_search_with_gates_spends_what_was_quoted(searcher):
    quote = graphsearch.quote(**arguments(searcher=searcher))
    result = graphsearch.optimize(**arguments(searcher=searcher))
    spend = result.spend["units"]
    accounts = spend["accounts"]
    parts = {
        "search": accounts["search"],
        "selection": accounts["selection"],
        "test": accounts["test"] + accounts["baseline"],
        "total": spend["total"],
    }
    for name, spent in parts.items():
        found = quote.phases[name].cost["units"]
        assert found.low <= spent <= found.high, name
    total = quote.phases["total"]
    assert total.cost["units"].expected == pytest.approx(spend["total"], rel=0.35)
    assert total.made.expected == pytest.approx(result.calls["made"], rel=0.35)


def test_a_searcher_that_begins_with_known_graphs_says_which():
    parts = make_parts(searcher="agent-reinforce")
    searcher = parts.make_searcher(parts.space)
    assert isinstance(searcher, Opening)
    opening = searcher.opening
    assert [p.graph.key for p in searcher.ask(4)] == [graph.key for graph in opening[:4]]
    other = make_parts()
    assert not isinstance(other.make_searcher(other.space), Opening)


def test_a_quote_names_the_grader_and_the_ceiling():
    quote = graphsearch.quote(**arguments())
    assert "never over 20000000 units (hard ceiling)" in str(quote)
    assert "grader     sum" in str(quote)
    told = quote.to_json()
    assert told["ceiling"] == ["20000000 units"]
    assert told["grader"]["name"] == "sum"
    quote = graphsearch.quote(**arguments(evaluation_budget="900 units"))
    assert quote.ceiling[1] == "900 units for test and baselines"


def test_a_dry_run_goes_through_the_phases_of_a_study_without_a_call():
    def never(call):
        raise AssertionError("a quote makes no call")

    quote = graphsearch.quote(**arguments(engines=make_engines(make_fleet(), never)))
    assert quote.rounds.expected == 4
    assert quote.test_items.expected == 40
    search, selection, test, total = (
        quote.phases[name].made.expected for name in ("search", "selection", "test", "total")
    )
    assert min(search, selection, test) > 0
    assert total == search + selection + test


def test_a_quote_ends_where_a_space_is_exhausted():
    quote = graphsearch.quote(**arguments(searcher="exhaustive", space={"slots": 1}))
    assert quote.stopped_by == "exhausted"
    result = graphsearch.optimize(**arguments(searcher="exhaustive", space={"slots": 1}))
    assert quote.rounds.expected == len(result.rounds)
    assert result.stopped_by["rule"] == "exhausted"
