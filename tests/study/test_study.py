"""A whole study in a made-up world: what it does, what it spends, what it leaves behind."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

import graphsearch
from graphsearch.agents.search import ScriptedAgent
from graphsearch.engines.faulty import FaultyEngine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import RetryPolicy
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import BudgetRefused, GraphError, Rejected, StoreError, StudyStopped
from graphsearch.records.events import NotEvaluated, read_events
from graphsearch.records.trials import Proposal, TrialState
from graphsearch.searchers.base import Advice, Edit
from graphsearch.study.study import Study
from graphsearch.testing import run_virtual
from tests.study.world import ASKED, make_engines, make_fleet, make_parts, make_task, reply

KINDS = [
    "study_started",
    "round_started",
    "block_done",
    "trial_done",
    "round_done",
    "search_stopped",
    "lengths",
    "finalists",
    "winner",
    "baseline",
    "done",
]


async def run(folder, listener=None, **changes):
    async with Study.open(make_parts(**changes), folder, listener=listener) as study:
        return await study.run()


def counting(log):
    def script(call):
        log.append(call)
        return reply(call)

    return script


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One finished study, read by several tests."""
    import asyncio

    folder = tmp_path_factory.mktemp("study")
    heard = []
    result = asyncio.run(run(folder, heard.append))
    return folder, result, heard


def test_it_ends_with_a_tested_winner_and_its_alternatives(done):
    _, result, _ = done
    assert result.test.n == 40
    assert {row.kind for row in result.baselines} >= {"single", "self_consistency", "best_of_n"}
    assert all(row.evidence.n == 40 for row in result.baselines)
    assert all(row.difference.n == 40 for row in result.baselines)
    assert [row.oracle for row in result.baselines if row.kind == "best_of_n"] == [True, True]
    assert not result.row(result.best_plain).oracle
    assert result.stopped_by["rule"] == "rounds"
    assert result.verdict.startswith(result.winner.graph.describe())


def test_every_accuracy_has_n_an_interval_and_outcomes(done):
    _, result, _ = done
    record = result.to_json()
    shown = [record["test"], *(row["evidence"] for row in record["baselines"])]
    shown += [*record["trials"], *record["archive"]]
    for evidence in shown:
        low, high = evidence["interval"]
        assert 0 <= low <= evidence["accuracy"] <= high <= 1
        assert low < high
        assert sum(evidence["outcomes"].values()) == evidence["n"]


def test_all_races_of_a_round_use_the_same_items(done):
    folder, _, _ = done
    from graphsearch.store import Store

    with Store.open(folder, read_only=True) as store:
        trials = store.all_trials()
    for number in range(3):
        lists = [[r.item for r in t.results] for t in trials if t.round == number]
        longest = max(lists, key=len)
        assert all(items == longest[: len(items)] for items in lists)
        assert len(set(longest)) == len(longest) == 12


def test_splits_never_mix_and_streams_never_share(done):
    folder, _, _ = done
    from graphsearch.store import Store

    with Store.open(folder, read_only=True) as store:
        for row in store.journal.rows():
            assert row["item"].startswith(row["stream"])


def test_spend_adds_up_to_the_journal(done):
    folder, result, _ = done
    from graphsearch.store import Store

    with Store.open(folder, read_only=True) as store:
        booked = store.totals()
        rows = sum(1 for _ in store.journal.rows())
    units = result.spend["units"]
    assert units["total"] == pytest.approx(sum(units["accounts"].values()))
    assert set(units["accounts"]) == {"search", "selection", "test", "baseline"} == set(booked)
    assert result.calls["made"] == rows
    assert result.calls["asked"] > result.calls["made"]
    assert "usd" not in result.spend  # no prices: unknown, not zero


def test_events_tell_the_whole_story(done):
    folder, result, heard = done
    kinds = [event.kind for event in heard]
    assert list(dict.fromkeys(kinds)) == KINDS
    written = list(read_events(folder / "events.jsonl"))
    assert [line["event"] for line in written] == kinds
    assert [line["seq"] for line in written] == list(range(len(written)))
    assert written[-1]["verdict"] == result.verdict
    assert heard[-1].budgets[0].left > 0


def test_the_folder_holds_what_was_promised(done):
    folder, result, _ = done
    names = {path.name for path in folder.iterdir()}
    assert names >= {"study.db", "events.jsonl", "result.json", "timing.json"}
    text = (folder / "result.json").read_text(encoding="utf-8")
    assert json.loads(text) == result.to_json()
    assert str(folder) not in text


async def test_same_seed_same_bytes_whatever_finishes_first(done, tmp_path):
    folder, _, _ = done
    from graphsearch.engines.scripted import ScriptedEngine

    parts = make_parts()
    slow = ScriptedEngine(reply, latency=lambda call: 0.0002 * (call.seed % 7))
    engines = dict.fromkeys(parts.engines, slow)
    from dataclasses import replace

    async with Study.open(replace(parts, engines=engines, concurrency=3), tmp_path) as study:
        await study.run()
    assert (tmp_path / "result.json").read_bytes() == (folder / "result.json").read_bytes()


async def test_another_seed_is_another_search(done, tmp_path):
    _, result, _ = done
    other = await run(tmp_path, seed=1)
    assert [t["key"] for t in other.trials] != [t["key"] for t in result.trials]


@pytest.mark.parametrize("budget", [8, 40, 150, 400, 1000])
async def test_the_search_budget_is_never_passed(tmp_path, budget):
    heard = []
    parts = make_parts(search_budget=f"{budget} units", rounds=None, patience=None)
    async with Study.open(parts, tmp_path, listener=heard.append) as study:
        if budget == 8:
            with pytest.raises(BudgetRefused, match=r"no graph was evaluated.*raise the search bu"):
                await study.run()
            return
        result = await study.run()
    assert result.stopped_by["rule"] == "budget"
    assert "kept for finalists, held-out test" in result.stopped_by["reason"]
    assert all(event.budgets[0].spent <= budget for event in heard)
    assert result.spend["units"]["total"] <= budget
    search = result.spend["units"]["accounts"]["search"]
    assert search <= 0.5 * budget
    if budget == 1000:
        assert result.test.n > 0


async def test_test_and_baselines_can_have_a_budget_of_their_own(tmp_path):
    result = await run(tmp_path, search_budget="900 units", evaluation=["300 units"], rounds=None)
    accounts = result.spend["units"]["accounts"]
    assert accounts["test"] + accounts["baseline"] <= 300
    assert 0.5 * 900 < accounts["search"] + accounts["selection"] <= 900
    assert result.provenance["budgets"]["evaluation"][0]["allowed"] == 300
    assert 0 < result.test.n < 40
    assert any("of 40 test items" in note for note in result.notes)


def test_a_budget_nobody_can_price_is_refused():
    with pytest.raises(BudgetRefused, match=r"usd.*price"):
        make_parts(search_budget="5 usd")


async def test_graphs_stay_within_their_budget(done):
    _, result, _ = done
    assert all(trial["expected_cost"] <= 6 for trial in result.trials)


async def test_a_graph_proposed_twice_runs_once(tmp_path):
    graph = CollaborationGraph.single("small")
    log = []
    async with Study.open(make_parts(script=counting(log)), tmp_path) as study:
        proposals = [Proposal(graph), Proposal(CollaborationGraph.single("small"))]
        first, second = await study.evaluate(proposals)
        assert (first.reused, second.reused) == (False, True)
        assert first.results == second.results
        assert len(log) == len(first.results)


async def test_a_known_graph_pays_for_new_items_only(tmp_path):
    log = []
    parts = make_parts(script=counting(log), search_items=6, blocks=(6,))
    async with Study.open(parts, tmp_path) as study:
        graph = CollaborationGraph.single("small")
        await study.tell(await study.evaluate([graph]))
        made = len(log)
        asked = study.traffic.asked
        (again,) = await study.evaluate([graph])
        assert len(again.results) == 6
        assert len(log) == made
        assert study.traffic.asked == asked


async def test_incumbents_run_beside_new_graphs(done):
    _, result, _ = done
    origins = [[t["origin"] for t in result.trials if t["round"] == r] for r in range(3)]
    assert "incumbent" not in origins[0]
    assert origins[1].count("incumbent") + origins[2].count("incumbent") >= 2
    assert max(entry["n"] for entry in result.archive) > 12


@pytest.mark.parametrize(
    ("failing", "cause"),
    [
        (
            lambda engine: ScriptedEngine(Rejected("no right to this model")),
            r"because calls were refused.*\(\d+ times: no right to this model; \d+ questions \('se",
        ),
        (
            lambda engine: FaultyEngine(engine, {"timeout": 1.0}),
            r"has only failed for .*: injected: no reply in time\); no further call",
        ),
    ],
)
async def test_failures_of_the_infrastructure_stop_the_study_loudly(tmp_path, failing, cause):
    parts = make_parts()
    broken = failing(next(iter(parts.engines.values())))
    engines = dict.fromkeys(parts.engines, broken)

    async def attempt():
        async with Study.open(replace(parts, engines=engines), tmp_path) as study:
            await study.run()

    with pytest.raises(StudyStopped, match=cause):
        await asyncio.to_thread(run_virtual, attempt())
    assert not (tmp_path / "result.json").exists()
    events = [event["event"] for event in read_events(tmp_path / "events.jsonl")]
    assert ("endpoint" in events) == ("no further call" in cause)


async def test_advice_reaches_the_searcher_and_the_record(tmp_path):
    advice = Advice((Edit("vote", 1.0, "votes did well"),), summary="more votes")
    agent = ScriptedAgent([advice, None])
    result = await run(tmp_path, searcher="agent-reinforce", agent=lambda complete: agent)
    assert len(agent.views) == 3
    view = agent.views[0]
    assert view.budgets["units"]["left"] > 0
    assert view.failures[0]["nodes"][-1]["text"]
    first, second, _ = (entry["advice"] for entry in result.rounds)
    assert first["summary"] == "more votes"
    assert first["edits"] == [{"target": "vote", "delta": 1.0, "reason": "votes did well"}]
    assert second["valid"] is False
    assert 0 < result.rounds[0]["table"]["vote"] < 1


async def test_a_folder_of_another_study_is_refused(done):
    folder, _, _ = done
    with pytest.raises(StoreError, match="another seed"):
        Study.open(make_parts(seed=9), folder)
    with pytest.raises(StoreError, match=r"another settings \(settings.rounds was \d+ and is 9\)"):
        Study.open(make_parts(rounds=9), folder)
    parts = make_parts()
    small, *others = parts.fleet.models
    changed = replace(parts.fleet, models=(replace(small, layers=7), *others))
    said = r"another fleet \(fleet.models\[small\].layers was 2 and is 7\); give"
    with pytest.raises(StoreError, match=said):
        Study.open(replace(parts, fleet=changed), folder)
    more = replace(parts.fleet, models=(*parts.fleet.models, replace(small, name="new")))
    said = r'fleet.models was \["small", "large"\] and is \["small", "large", "new"\]'
    with pytest.raises(StoreError, match=said):
        Study.open(replace(parts, fleet=more), folder)


async def test_a_loop_of_ones_own(tmp_path):
    async with Study.open(make_parts(), tmp_path) as study:
        for _ in range(2):
            proposals = study.ask(3)
            records = await study.evaluate(proposals)
            assert [r.proposal for r in records] == list(proposals)
            assert all(r.state is TrialState.COMPLETE for r in records)
            await study.tell(records)
        result = await study.finish()
    assert result.stopped_by["rule"] == "user"
    assert len(result.rounds) == 2


async def test_the_published_way_returns_the_last_graph(tmp_path):
    result = await run(tmp_path, winner="last", rounds=2, per_round=1, incumbents=0, blocks=(3,))
    assert result.winner.graph.key == result.trials[-1]["key"]
    assert result.selection == ()
    assert result.test.n == 40


def published(settings=None, **options):
    arguments = {
        "task": make_task(),
        "fleet": make_fleet(),
        "graph_budget": "6 units",
        "search_budget": "2000000 units",
        "space": {"slots": 3},
        "searcher": "agent-reinforce",
        "searcher_options": {"preset": "published", **options},
        "engines": make_engines(make_fleet()),
    }
    return arguments if settings is None else {**arguments, "settings": settings}


def test_the_published_preset_is_the_whole_of_the_published_way():
    result = graphsearch.optimize(**published())
    assert len(result.rounds) == 10
    assert [log["items"] for log in result.rounds] == [3] * 10
    assert [trial["round"] for trial in result.trials] == list(range(10))  # one graph a round
    assert result.winner.graph.key == result.trials[-1]["key"]
    assert result.selection == ()
    (note,) = [note for note in result.notes if "preset" in note]
    assert "rounds 10, per_round 1, blocks 3, incumbents 0, winner last" in note
    assert graphsearch.quote(**published()).rounds.expected == 10


def test_what_is_set_holds_instead_of_the_preset_and_the_result_says_so():
    result = graphsearch.optimize(**published(settings={"rounds": 4, "winner": "last"}))
    assert len(result.rounds) == 4
    assert {log["items"] for log in result.rounds} == {3}
    (note,) = [note for note in result.notes if "preset" in note]
    assert note.endswith("but for what was set otherwise: rounds 4.")


async def test_a_small_task_is_used_whole(tmp_path):
    result = await run(tmp_path, task=make_task(search=5, selection=3, test=4))
    assert result.rounds[0]["items"] == 5
    assert result.selection[0].evidence.n == 3
    assert result.test.n == 4


def test_engines_of_the_world_answer():
    assert set(make_engines(make_fleet())) == {"small", "large"}


async def test_the_best_plain_graphs_are_always_finalists(tmp_path):
    result = await run(tmp_path, finalists=1, rounds=6, per_round=12)
    tried = [row["text"] for row in result.to_json()["archive"]]
    plain = r"(small|large)|\d+x (small|large) -> (vote|fuser \w+)"
    expected = {tried[0], *[text for text in tried if re.fullmatch(plain, text)][:3]}
    assert {finalist.text for finalist in result.selection} == expected
    assert len(expected) >= 3


DEAR = CollaborationGraph.combine("vote", ["large", "large", "large"])
CYCLE = CollaborationGraph(
    (Node("assistant", "small"), Node("assistant", "small")), ((0, 1), (1, 0)), 1
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (DEAR, "cannot be run: it is expected to cost"),
        (CYCLE, "form a cycle"),
        (Proposal(DEAR, origin="x"), "searcher 'random' proposed a graph outside the space"),
        (Proposal(CYCLE, origin="x"), "searcher 'random' proposed a graph outside the space"),
        (3, "searcher 'random' proposed int, not a Proposal"),
    ],
)
async def test_no_graph_above_its_budget_is_run_whoever_proposes_it(tmp_path, given, words):
    async with Study.open(make_parts(budget="6 units"), tmp_path) as study:
        with pytest.raises(GraphError, match=words):
            await study.evaluate([given])
        assert study.ledger.spent("calls") == 0


async def test_a_search_that_gets_nothing_right_says_so(tmp_path):
    result = await run(tmp_path, script=lambda call: "answer -1", rounds=1)
    assert any("Not one answer of the search was right" in note for note in result.notes)


async def test_a_study_that_has_ended_asks_nobody_again(tmp_path):
    parts = make_parts()
    flaky = FaultyEngine(next(iter(parts.engines.values())), {"timeout": 0.05})
    engines = dict.fromkeys(parts.engines, flaky)
    retries = RetryPolicy(attempts=1, trouble_s=1e9)

    async def once(**changes):
        async with Study.open(replace(parts, retries=retries, **changes), tmp_path) as study:
            result = await study.run()
            return result, study.traffic.made

    first, made = await once(engines=engines)
    written = (tmp_path / "result.json").read_bytes()
    assert made > 0
    assert sum(ended.get("timeout", 0) for ended in first.outcomes.values()) > 0
    again, made = await once(engines=make_parts().engines)
    assert made == 0
    assert again.winner.graph.key == first.winner.graph.key
    assert (tmp_path / "result.json").read_bytes() == written


TOO_LONG = "the stub answered 400 for 'm': maximum context length\n is 16 tokens"


def refusing(*items):
    """The world's models, of which `small` refuses these questions."""

    def script(call):
        if call.model == "small" and call.item in items:
            raise Rejected(TOO_LONG)
        return reply(call)

    return script


async def test_a_refused_question_is_named_with_its_model_and_the_servers_words(tmp_path):
    heard = []
    result = await run(tmp_path, heard.append, script=refusing("search-3", "test-5"))
    lost = {loss["item"]: loss for loss in result.losses}
    assert set(lost) <= {"search-3", "test-5"}
    loss = lost["test-5"]
    assert (loss["model"], loss["outcome"]) == ("small", "rejected")
    assert loss["error"] == "the stub answered 400 for 'm': maximum context length is 16 tokens"
    told = [event for event in heard if isinstance(event, NotEvaluated)]
    assert sorted(event.item for event in told) == sorted(lost)  # once each
    assert json.loads((tmp_path / "result.json").read_text())["losses"] == list(result.losses)
    rejected = sum(ended.get("rejected", 0) for ended in result.outcomes.values())
    assert sum(one["answers"] for one in result.losses) == rejected
    (note,) = [note for note in result.notes if "refused" in note]
    for part in (
        "'test-5'",
        f"by small, '{ASKED['test']} 5 + 12?'",
        "maximum context length is 16",
        "shorten",
        "leave them",
    ):
        assert part in note
    assert note in str(result)


async def test_where_all_failed_the_budget_is_not_blamed(tmp_path):
    def script(call):
        raise Rejected("there is no model of that name")

    # Every model is refused on a block that is too small for a share of failures to mean anything.
    few = {"rounds": 1, "per_round": 1, "blocks": (3,)}
    with pytest.raises(StudyStopped, match=r"3 questions \('search-.*no model of that name"):
        await run(tmp_path, script=script, **few)


async def test_a_resumed_study_names_the_same_refused_questions(tmp_path):
    script = refusing("search-3", "selection-2", "test-5")
    whole = await run(tmp_path / "whole", script=script)
    assert len(whole.losses) > 1
    made = []

    def stopping(call):
        made.append(call)
        if len(made) > 150:
            raise RuntimeError("stop here")
        return script(call)

    with pytest.raises(RuntimeError, match="stop here"):
        await run(tmp_path / "again", script=stopping)
    again = await run(tmp_path / "again", script=script)
    assert again.to_json() == whole.to_json()


async def test_a_study_stopped_by_refusals_names_the_questions(tmp_path):
    items = [f"search-{i}" for i in range(40)]
    with pytest.raises(StudyStopped, match=r"because calls were refused.*\d+ questions \('search-"):
        await run(tmp_path, script=refusing(*items))
