"""The small parts of a study: items, windows, archive, stop rules, budgets, records."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.cost import Amount
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Outcome, Usage
from graphsearch.records.errors import StoreError
from graphsearch.records.events import Best, Done, EventLog, RoundDone, read_events
from graphsearch.records.tasks import Item
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState
from graphsearch.study.archive import Archive
from graphsearch.study.baselines import Prices, baselines
from graphsearch.study.budgets import limits_of, states_of
from graphsearch.study.conclude import against_budget, break_even
from graphsearch.study.evidence import compare, gather, rounded
from graphsearch.study.items import Window, arrange
from graphsearch.study.result import Result, Row, Winner
from graphsearch.study.stop import NoImprovement, Progress, Rounds, Time, rules_of
from graphsearch.study.tally import Tally
from graphsearch.study.verdict import compared, rivals_of, verdict
from tests.study.world import make_parts, make_settings


def make_items(groups):
    return [
        Item(f"{group}-{i}", "?", 0, group=group)
        for group, count in groups.items()
        for i in range(count)
    ]


def results(scores, prefix="q"):
    return [
        ItemResult(
            f"{prefix}{i}",
            score,
            Outcome.TIMEOUT if score is None else Outcome.ANSWERED,
            {"m": Usage(10, 5, 1)},
            {"units": 1.5, "tokens": 15.0},
        )
        for i, score in enumerate(scores)
    ]


def trial(graph, scores, number=0, round_=0, prefix="q"):
    return TrialRecord(
        number, round_, Proposal(graph), TrialState.COMPLETE, tuple(results(scores, prefix)), 2.0
    )


def evidence(scores, used=1.5):
    found = gather(results(scores), allowed=6.0, planned=2.0, currency="units", level=0.95)
    return replace(found, used=used)


# -- items -----------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 5), min_size=1), st.integers(0, 9)
)
def test_an_arrangement_is_all_items_one_of_each_group_first(groups, seed):
    items = make_items(groups)
    found = arrange(items, "search", seed=seed)
    assert sorted(i.id for i in found) == sorted(i.id for i in items)
    assert len({i.group for i in found[: len(groups)]}) == len(groups)
    assert arrange(items[::-1], "search", seed=seed) == found


def test_splits_and_seeds_are_arranged_apart():
    items = make_items({f"g{i}": 1 for i in range(30)})
    orders = {
        tuple(item.id for item in arrange(items, split, seed=seed))
        for split in ("search", "test")
        for seed in (0, 1)
    }
    assert len(orders) == 4


def test_a_window_wraps_around():
    items = make_items({"a": 5})
    window = Window(items, 3)
    seen = []
    for _ in range(3):
        seen.append([items.index(item) for item in window.peek()])
        window.advance(3)
    assert seen == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]
    assert len(Window(items, 9).peek()) == 5


# -- archive and stop rules ------------------------------------------------------------------------


def test_an_archive_counts_each_item_once():
    archive, graph = Archive(), CollaborationGraph.single("m")
    archive.add(trial(graph, [1.0, 0.0, None], 0))
    archive.add(trial(graph, [1.0, 0.0, 1.0], 1))
    archive.add(trial(graph, [1.0] * 4, 2, prefix="other"))
    entry = archive.entries[graph.key]
    assert entry.estimate(0.95).n == 7
    assert entry.estimate(0.95).mean == 6 / 7
    assert entry.trials == [0, 1, 2]
    assert archive.known(graph.key, "q1").score == 0.0
    assert archive.known(graph.key, "elsewhere") is None


def test_a_failed_item_is_not_known():
    archive, graph = Archive(), CollaborationGraph.single("m")
    archive.add(trial(graph, [None]))
    assert archive.known(graph.key, "q0") is None
    assert archive.ranking() == []


def test_ranking_is_by_lower_bound_then_cost():
    archive = Archive()
    few, many, bad = (CollaborationGraph.single(name) for name in ("few", "many", "bad"))
    archive.add(trial(few, [1.0] * 3))
    archive.add(trial(many, [1.0] * 30 + [0.0] * 3))
    archive.add(trial(bad, [0.0] * 30))
    assert [entry.graph for entry in archive.ranking()] == [many, few, bad]


@pytest.mark.parametrize(
    ("rule", "progress", "stops"),
    [
        (Rounds(3), Progress(2, 0, 0.0), False),
        (Rounds(3), Progress(3, 0, 0.0), True),
        (NoImprovement(2), Progress(5, None, 0.0), False),
        (NoImprovement(2), Progress(3, 1, 0.0), False),
        (NoImprovement(2), Progress(4, 1, 0.0), True),
        (Time(5.0), Progress(0, None, 4.9), False),
        (Time(5.0), Progress(0, None, 5.0), True),
    ],
)
def test_stop_rules(rule, progress, stops):
    assert (rule(progress) is not None) is stops


def test_settings_name_the_rules():
    rules = rules_of(make_settings(rounds=3, patience=2, seconds=9.0))
    assert rules == [Rounds(3), NoImprovement(2), Time(9.0)]
    assert rules_of(make_settings(rounds=None)) == []


# -- budgets ---------------------------------------------------------------------------------------


def spend(units):
    names = ("units", "flops", "flops_plain", "tokens", "usd", "seconds", "calls")
    return Spend.of({name: units if name == "units" else 1 for name in names})


@pytest.mark.parametrize("evaluation", [[], ["40 units"]])
def test_every_phase_leaves_the_next_its_part(evaluation):
    search = [Amount.parse("100 units")]
    own = [Amount.parse(text) for text in evaluation]
    ledger = Ledger(limits_of(search, own, reserve=0.5))
    last = 85 if evaluation else 50
    assert ledger.would_cover(spend(last), "search")
    assert not ledger.would_cover(spend(last + 1), "agent")
    ledger.book("search", spend(last))
    room = 15
    assert ledger.would_cover(spend(room), "selection")
    assert not ledger.would_cover(spend(room + 1), "selection")
    ledger.book("selection", spend(room))
    rest = 40 if evaluation else 35
    assert ledger.would_cover(spend(rest), "baseline")
    assert not ledger.would_cover(spend(rest + 1), "test")


def test_states_add_up_accounts():
    search = [Amount.parse("100 units")]
    ledger = Ledger(limits_of(search, [], reserve=0.5))
    ledger.book("search", spend(10))
    ledger.book("waste", spend(5))
    (state,) = states_of(ledger, search)
    assert (state.allowed, state.spent, state.left) == (100, 15, 85)


# -- records ---------------------------------------------------------------------------------------


def test_evidence_counts_what_was_not_evaluated_apart():
    found = evidence([1.0, 0.0, None, 1.0])
    assert (found.n, found.not_evaluated, found.accuracy) == (3, 1, 2 / 3)
    assert found.outcomes == {"answered": 3, "timeout": 1}
    assert found.used_by == {"tokens": 15.0, "units": 1.5}
    assert (found.calls, found.prompt_tokens) == (1.0, 10.0)


def test_a_cost_that_is_unknown_once_is_unknown():
    known, unknown = results([1.0, 1.0])

    found = gather(
        [known, replace(unknown, cost={"tokens": 3.0})],
        allowed=1.0,
        planned=1.0,
        currency="units",
        level=0.95,
    )
    assert found.used is None
    assert found.used_by == {"tokens": 9.0}


def test_a_comparison_is_of_shared_items_only():
    first, second = results([1.0, 1.0, None, 1.0]), results([0.0, None, 1.0])
    found = compare(first, second, level=0.95)
    assert (found.n, found.mean) == (1, 1.0)
    assert not found.is_gain


def row(scores, used=1.5, winner=None, graph=None):
    difference = compare(results(winner), results(scores), level=0.95) if winner else None
    return Row(
        "3x m -> vote", "self_consistency", "m", 3, False, graph, evidence(scores, used), difference
    )


def said(winner, test, *rows):
    """The verdict on a winner and rows."""
    found = compared(rivals_of(winner, test, rows), used=None if test is None else test.used)
    return verdict(winner, test, found)


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        ([1.0] * 40, [0.0] * 40, "it beats the best baseline"),
        ([0.0] * 40, [1.0] * 40, "it is worse than the best baseline"),
        ([1.0, 0.0] * 20, [0.0, 1.0] * 20, "not shown to beat"),
    ],
)
def test_the_verdict_says_it_plainly(mine, theirs, words):
    winner = Winner(CollaborationGraph.single("m"), "sample", 0, 0, 2.0)
    assert words in said(winner, evidence(mine), row(theirs, winner=mine))


def test_the_verdict_of_a_plain_winner_and_of_no_test():
    graph = CollaborationGraph.combine("vote", ["m"] * 3)
    winner = Winner(graph, "sample", 0, 0, 2.0)
    same = row([1.0] * 9, winner=[1.0] * 9, graph=graph.to_json())
    assert "is itself the best baseline" in said(winner, evidence([1.0] * 9), same)
    alone = Winner(CollaborationGraph.single("m"), "sample", 0, 0, 2.0)
    graph = alone.graph.to_json()
    single = replace(row([1.0] * 9, winner=[1.0] * 9, graph=graph), kind="single")
    assert "is itself the best baseline" in said(alone, evidence([1.0] * 9), single)
    flipped = CollaborationGraph.from_json(
        {
            "nodes": [{"role": "vote"}, *({"role": "assistant", "model": "m"} for _ in range(3))],
            "edges": [[1, 0], [2, 0], [3, 0]],
            "sink": 0,
        }
    )
    found = Winner(flipped, "sample", 0, 0, 2.0)
    assert "is itself the best baseline" in said(found, evidence([1.0] * 9), same)
    assert "no held-out test" in said(winner, None)
    assert "not compared" in said(winner, evidence([1.0]))


def test_a_row_that_met_fewer_items_or_is_an_oracle_is_no_rival():
    winner = Winner(CollaborationGraph.single("m"), "sample", 0, 0, 2.0)
    mine = [1.0, 0.0] * 4
    oracle = replace(row([1.0] * 8, winner=mine), oracle=True)
    few = row([1.0] * 4, winner=mine)
    assert "not compared" in said(winner, evidence(mine), oracle, few)


def test_break_even_by_hand():
    # right answers cost 1 / 0.5 = 2 and 3 / 0.5 = 6: 400 spent are back after 100 right ones
    found = break_even(evidence([1.0, 0.0], 1.0), row([1.0, 0.0], 3.0), 400.0)
    assert found.questions == 200
    assert "200 questions" in found.reason
    never = break_even(evidence([1.0, 0.0], 3.0), row([1.0, 0.0], 1.0), 400.0)
    assert never.questions is None
    assert break_even(evidence([0.0]), row([1.0]), 1.0) is None
    assert break_even(None, None, 1.0) is None


def test_records_are_rounded_and_sorted():
    assert rounded({"b": [0.1 + 0.2], "a": (1, None)}) == {"a": [1, None], "b": [0.3]}
    assert list(rounded({"b": 1, "a": 2})) == ["a", "b"]


def test_a_tally_survives_json():
    tally = Tally()
    tally.count("search", results([1.0, None]))
    assert tally.asked["search"] == 2
    again = Tally.from_json(json.loads(json.dumps(tally.to_json())))
    assert again.to_json() == tally.to_json()


def test_a_result_that_is_not_one_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no finished result"):
        Result.load(tmp_path)
    (tmp_path / "result.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        Result.load(tmp_path)
    (tmp_path / "result.json").write_text('{"schema_version": 99}', encoding="utf-8")
    with pytest.raises(StoreError, match="schema 99"):
        Result.load(tmp_path)


# -- events ----------------------------------------------------------------------------------------


def test_a_log_goes_on_after_half_a_line(tmp_path):
    path = tmp_path / "events.jsonl"
    best = Best("k", "m", 0.5, (0.4, 0.6), 10, 1.0)
    log = EventLog(path, lambda: 5.0)
    log.write(RoundDone(round=0, mean=None, best_accuracy=0.5, best=best))
    log.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "done", "se')
    log = EventLog(path, lambda: 6.0)
    log.write(Done(verdict="fine", seconds=1.0))
    log.close()
    first, second = read_events(path)
    assert (first["seq"], first["time"], first["best"]["interval"]) == (0, 5.0, [0.4, 0.6])
    assert (second["event"], second["seq"]) == ("done", 1)


@pytest.mark.parametrize("wobble", [0.99, 1.0, 1.01])
def test_a_plain_winner_meets_itself_among_the_baselines(wobble):
    parts = make_parts()
    rows = baselines(parts, Prices({"small": 1.0, "large": 2.9}, claims=False), used=5 * wobble)
    votes = {row.model: row.copies for row in rows if row.kind == "self_consistency"}
    assert votes == {"small": 5}


def test_an_alternative_uses_no_more_than_the_winner():
    rows = baselines(make_parts(), Prices({"small": 1.0, "large": 2.9}, claims=False), used=4.8)
    assert {r.model: r.copies for r in rows if r.kind == "self_consistency"} == {"small": 4}


def test_a_winner_that_uses_more_than_allowed_or_much_less_is_noted():
    assert against_budget(None) == ""
    assert against_budget(evidence([1.0] * 9, used=6.0)) == ""
    more = against_budget(evidence([1.0] * 9, used=6.5))
    assert "planned at 2 of the 6 units allowed and really used 6.5" in more
    assert "uses 3 of the 6 units allowed" in against_budget(evidence([1.0] * 9, used=3.0))
