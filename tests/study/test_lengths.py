"""Token lengths: measured before the first round, planned with, resumed, and told."""

import json

import pytest
from typer.testing import CliRunner

from graphsearch import api
from graphsearch.agents.roles import get_roles
from graphsearch.cli import app
from graphsearch.cost import CostModel, Lengths, ModelLengths
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Reply, Usage
from graphsearch.records.errors import BudgetRefused, ConfigError
from graphsearch.records.events import read_events
from graphsearch.space import Distribution, Space
from graphsearch.store import Store
from graphsearch.study import Study
from graphsearch.study.lengths import LengthTally, length_graphs
from graphsearch.study.result import Result
from tests.study.world import PROFILE, experiment_of, make_fleet, make_settings, make_task, reply

REAL = {"small": (30, 20), "large": (60, 4)}
"""Prompt and reply tokens of a call without parents, as the engine will count them."""


def counted(call):
    """Answers as ever, but counts tokens as it likes: `small` is wordy, `large` is not."""
    heard = call.messages[-1].content.count("answer ")
    prompt, said = REAL[call.model]
    return Reply(reply(call), Usage(prompt + 10 * heard, said, 1))


def arguments(**changes):
    settings = {"length_items": 6, **changes.pop("settings", {})}
    return {
        "task": make_task(),
        "fleet": make_fleet(),
        "graph_budget": "6 units",
        "search_budget": "9000000 units",
        "space": {"slots": 4},
        "searcher": "random",
        "agent": None,
        "engines": dict.fromkeys(("small", "large"), ScriptedEngine(counted)),
        "settings": make_settings(**settings),
        **changes,
    }


def total(lengths, model, graph):
    """Expected tokens of a graph by hand: every node is `model`."""
    plan = lengths.get(model)
    degrees = [len(graph.parents(i)) for i in range(len(graph))]
    return sum(sum(plan.of_call(d)) for d in degrees)


# -- the cost model ---------------------------------------------------------------------------

KNOWN = Lengths.of(
    {"small": ModelLengths(30, 20, 12, 25, 8, 4), "large": ModelLengths(60, 4, 9, 2, 8, 4)}
)


def test_expected_tokens_follow_the_model_and_what_it_reads():
    cost = CostModel(make_fleet(), PROFILE, "tokens", lengths=KNOWN)
    assert cost.expected_tokens("small", 0) == (30, 20)
    assert cost.expected_tokens("small", 3) == (30 + 3 * 12, 25)
    # A reader is never planned shorter than without parents: costs may not fall as graphs grow.
    assert cost.expected_tokens("large", 1) == (69, 4)
    fused = CollaborationGraph.fan_in(["small"] * 3, "fuser", "small")
    assert cost.graph(fused) == total(KNOWN, "small", fused.canonical())
    assert cost.in_currency("calls").lengths == KNOWN
    plain = CostModel(make_fleet(), PROFILE, "tokens")
    assert plain.expected_tokens("small", 2) == (40 + 10, 5)


def test_a_unit_does_not_move():
    plain = CostModel(make_fleet(), PROFILE, "units")
    known = CostModel(make_fleet(), PROFILE, "units", lengths=KNOWN)
    assert plain.unit_flops == known.unit_flops
    assert plain.gamma("small") == 1
    assert known.gamma("small") > 1


def test_costs_never_fall_when_a_graph_grows():
    for currency in ("units", "tokens", "calls"):
        cost = CostModel(make_fleet(), PROFILE, currency, lengths=KNOWN)
        for model in ("small", "large"):
            ticks = [cost.node_ticks(model, d) for d in range(12)]
            assert ticks == sorted(ticks)


def test_sampling_is_exact_at_measured_lengths():
    import numpy as np

    cost = CostModel(make_fleet(), PROFILE, "units", lengths=KNOWN, roles=get_roles("chat"))
    space = Space.build(cost, "9 units", slots=4)
    traces = Distribution(space).sample_many(np.random.default_rng(3), 400)
    assert all(space.why_not(trace.graph) is None for trace in traces)
    assert max(cost.graph(trace.graph) for trace in traces) > 7


def test_models_that_were_not_measured_take_the_mean_of_the_others():
    found = KNOWN.covering(["small", "large", "huge"])
    assert found.get("huge") == ModelLengths(45, 12, 10, 14)
    assert found.get("small") == KNOWN.get("small")
    assert Lengths(()).covering(["x"]) == Lengths(())
    assert Lengths.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([], "lengths"),
        ({"m": 3}, r"lengths\.m"),
        ({"m": {"question": 1}}, r"lengths\.m"),
        ({"m": {"question": 0, "answer": 1, "heard": 1, "reading": 1}}, r"lengths\.m"),
        ({"m": {"question": 1.5, "answer": 1, "heard": 1, "reading": 1}}, r"lengths\.m"),
        ({"m": {"question": 1, "answer": 1, "heard": 1, "reading": 1, "x": 1}}, r"lengths\.m"),
    ],
)
def test_bad_lengths_are_refused_with_their_path(value, where):
    with pytest.raises(ConfigError, match=where):
        Lengths.from_json(value)


# -- a study ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lengths") / "run"
    return folder, api.optimize(**arguments(), out=folder)


def test_every_model_is_measured_alone_and_reading():
    space = experiment_of(**arguments()).space
    graphs = length_graphs(space)
    assert all(space.why_not(graph) is None for graph in graphs)
    alone = {g.nodes[0].model for g in graphs if len(g) == 1}
    reading = {g.nodes[g.sink].model for g in graphs if len(g) > 1}
    assert alone == reading == {"small", "large"}


def test_the_plan_stands_on_what_was_measured(done):
    _, result = done
    part = result.lengths
    assert part["source"] == "measured"
    assert part["assumed"] == {"question": 40, "answer": 5}
    for model, (prompt, said) in REAL.items():
        planned = part["models"][model]["planned"]
        assert (planned["question"], planned["answer"]) == (prompt, said)
        assert abs(part["models"][model]["error"]) < 0.02
    # What was assumed would have been far off, in either direction.
    assert part["models"]["small"]["error_assumed"] < -0.1
    assert part["models"]["large"]["error_assumed"] > -0.5


def test_no_graph_is_above_the_budget_at_measured_lengths(done):
    _, result = done
    space = result.provenance["space"]
    cost = CostModel(make_fleet(), PROFILE, "units", lengths=Lengths.from_json(space["lengths"]))
    for entry in result.archive:
        graph = CollaborationGraph.from_json(entry["graph"])
        assert cost.graph(graph) == pytest.approx(entry["expected_cost"])
        assert cost.graph(graph) <= 6 * (1 + 1e-9)
    assert result.test.used == pytest.approx(result.test.planned, rel=0.15)


def test_measuring_is_shared_with_the_search(done):
    folder, _ = done
    with Store.open(folder, read_only=True) as store:
        assert store.get_checkpoint("admission/lengths/0") == {"items": 6}
    kinds = [event["event"] for event in read_events(folder / "events.jsonl")]
    assert kinds[:3] == ["study_started", "lengths", "round_started"]


class Killed(Exception):
    """Stands for the end of a process."""


def killed_at(kind, folder, **changes):
    """Begin a study and end it at the first event of a kind."""

    def listen(event):
        if event.kind == kind:
            raise Killed

    with pytest.raises(Killed):
        api.optimize(**arguments(**changes), out=folder, on_event=listen)


@pytest.mark.parametrize("kind", ["lengths", "round_started", "block_done", "round_done"])
def test_a_study_that_was_killed_goes_on_to_the_same_result(done, tmp_path, kind):
    _, result = done
    killed_at(kind, tmp_path / "run")
    assert api.optimize(**arguments(), out=tmp_path / "run").to_json() == result.to_json()


def test_a_study_killed_while_it_measures_pays_nothing_twice(done, tmp_path):
    _, result = done
    made = []

    def dies(call):
        made.append(call)
        if len(made) > 9:
            raise Killed
        return counted(call)

    dying = dict.fromkeys(("small", "large"), ScriptedEngine(dies))
    with pytest.raises(Killed):
        api.optimize(**arguments(engines=dying), out=tmp_path / "run")
    found = api.optimize(**arguments(), out=tmp_path / "run")
    assert found.to_json() == result.to_json()


def test_one_result_for_one_seed(done, tmp_path):
    _, result = done
    assert api.optimize(**arguments(), out=tmp_path / "run").to_json() == result.to_json()


@pytest.mark.parametrize("searcher", ["agent-reinforce", "reinforce", "optuna", "exhaustive"])
def test_every_searcher_plans_anew_and_resumes(searcher, tmp_path):
    changes = {"searcher": searcher, "space": {"slots": 2}}
    whole = api.optimize(**arguments(**changes), out=tmp_path / "whole")
    assert whole.lengths["source"] == "measured"
    killed_at("round_done", tmp_path / "half", **changes)
    resumed = api.optimize(**arguments(**changes), out=tmp_path / "half")
    assert resumed.to_json() == whole.to_json()


def test_without_measuring_the_assumed_lengths_hold_and_the_error_is_told(tmp_path):
    result = api.optimize(**arguments(settings={"length_items": 0}), out=tmp_path / "run")
    part = result.lengths
    assert part["source"] == "assumed"
    small = part["models"]["small"]
    assert (small["planned"]["question"], small["planned"]["answer"]) == (40, 5)
    assert (small["measured"]["question"], small["measured"]["answer"]) == (30, 20)
    assert small["error"] == small["error_assumed"] < -0.1
    assert "lengths" not in result.provenance["space"]


def test_lengths_of_an_earlier_run_are_planned_with(done, tmp_path):
    folder, result = done
    parts = experiment_of(**arguments(lengths=folder))
    assert parts.space_at is None  # nothing left to measure
    for model, (prompt, said) in REAL.items():
        assert parts.space.cost.expected_tokens(model, 0) == (prompt, said)
    again = api.optimize(**arguments(lengths=folder, settings={"length_items": None}))
    assert again.lengths["source"] == "told"
    assert api.quote(**arguments(lengths=folder)).graph_cost.expected > 0
    other = Lengths.of({"nobody": ModelLengths(1, 1, 1, 1)})
    with pytest.raises(ConfigError, match="no model of fleet two"):
        experiment_of(**arguments(lengths=other))
    bare = Result.load(folder)
    assert bare.lengths == result.to_json()["lengths"]


def test_what_was_wrong_is_printed_and_quoted(done, tmp_path):
    folder, result = done
    assert "Lengths:" not in str(result)  # planned as measured
    off = api.optimize(**arguments(settings={"length_items": 0, "rounds": 1}))
    said = "Lengths: small: 40 + 5 tokens planned a call, 30 + 20 measured (its cost was planned "
    assert said in str(off)
    shown = str(api.quote(**arguments()))
    assert "the search measures its own on 6 questions first" in shown
    shown = str(api.quote(**arguments(lengths=folder)))
    assert "as measured: small 30 and 20; large 60 and 4" in shown


def test_the_report_shows_planned_and_measured(done, tmp_path):
    _, result = done
    page = result.report(tmp_path / "report.html").read_text()
    assert "measured on the first questions of the search" in page
    assert "Table of lengths" in page
    record = result.to_json()
    record["lengths"] = None  # of a run before there was this
    older = Result.from_json(record)
    assert "Table of lengths" not in older.report(tmp_path / "older.html").read_text()


def test_quote_and_status_know_lengths_of_a_run(done):
    folder, _ = done
    told = CliRunner().invoke(app, ["status", str(folder), "--json"])
    assert json.loads(told.stdout)["lengths"]["source"] == "measured"
    asked = CliRunner().invoke(app, ["quote", "demo", "--from", str(folder)])
    assert asked.exit_code == 2  # models of another fleet
    assert "no model of fleet embedded" in asked.output


def test_only_estimated_lengths_are_measured_without_being_asked():
    from dataclasses import replace

    from graphsearch.study.lengths import LENGTH_ITEMS, length_items

    told = arguments(settings={"length_items": None})
    assert length_items(experiment_of(**told)) == 0
    guessed = {**told, "task": replace(make_task(), is_estimated=True)}
    assert length_items(experiment_of(**guessed)) == LENGTH_ITEMS
    assert length_items(experiment_of(**guessed, profile=PROFILE)) == 0


def test_a_budget_that_nothing_fits_at_real_lengths_is_refused_before_the_search(tmp_path):
    with pytest.raises(BudgetRefused, match="with token lengths as measured: no graph fits"):
        api.optimize(**arguments(graph_budget="1 units"), out=tmp_path / "run")


async def test_a_searcher_that_was_given_as_it_is_cannot_be_planned_anew(tmp_path):
    from graphsearch.searchers import make_searcher

    space = experiment_of(**arguments()).space
    own = arguments(searcher=make_searcher("random", space, seed=0), space=space)
    async with Study.open(experiment_of(**own), tmp_path / "run") as study:
        with pytest.raises(ConfigError, match="searcher given by name"):
            await study.run()


async def test_in_a_loop_of_ones_own_prepare_does_it(tmp_path):
    async with Study.open(experiment_of(**arguments()), tmp_path / "run") as study:
        assert isinstance(study, Study)
        await study.prepare()
        assert study.experiment.space.cost.lengths is not None
        records = await study.evaluate(study.ask(3))
        await study.tell(records)
        await study.prepare()  # does nothing any more


def test_tokens_that_nobody_told_are_not_counted(tmp_path):
    def untold(call):
        return Reply(reply(call), Usage(None, None, 1))

    engines = dict.fromkeys(("small", "large"), ScriptedEngine(untold))
    result = api.optimize(**arguments(engines=engines, search_budget="100000 calls"))
    assert result.lengths["source"] == "measured"
    assert all(model["measured"] is None for model in result.lengths["models"].values())
    assert result.lengths["models"]["small"]["planned"]["answer"] == 5


def test_a_tally_comes_back_from_its_record():
    tally = LengthTally.from_json({"m": [2, 60, 41, 1, 3, 66, 12]})
    assert LengthTally.from_json(tally.to_json()) == tally
    assert tally.measured().get("m") == ModelLengths(30, 20, 12, 12, 2, 1)
    assert LengthTally().measured() == Lengths(())


def space_of(**options):
    from graphsearch.cost import Amount, CostModel
    from graphsearch.space import Space
    from tests.study.world import PROFILE, make_fleet

    return Space.build(
        CostModel(make_fleet(), PROFILE, "units", roles=get_roles("chat")),
        Amount.parse("30 units"),
        **options,
    )


def test_lengths_are_measured_in_the_roles_that_the_space_has():
    # Only votes answer: so a model reads in a slot, and two of each are heard.
    space = space_of(slots=4, roles=["assistant"], sinks=["vote"])
    graphs = length_graphs(space)
    assert all(space.why_not(graph) is None for graph in graphs)
    readers = {
        graph.nodes[i].model for graph in graphs for i in range(len(graph) - 1) if graph.parents(i)
    }
    assert readers == {"small", "large"}
    # Gates and fitted votes tell nothing of lengths: they are taken where there is nothing else.
    space = space_of(
        slots=4, edges="star", roles=["assistant"], sinks=["weighted-vote(accuracy)", "vote"]
    )
    assert {g.nodes[g.sink].role for g in length_graphs(space)} == {"vote"}
    space = space_of(slots=4, edges="star", roles=["assistant"], sinks=["weighted-vote(accuracy)"])
    assert len(length_graphs(space)) == 2
