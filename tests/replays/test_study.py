"""Fitted parts in a study: measured once, kept, paid by the search, exported."""

import json
from dataclasses import replace

import pytest

import graphsearch
from graphsearch.agents.roles import get_roles
from graphsearch.export import load_bundle
from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import Rejected, StudyStopped
from graphsearch.records.events import BlockDone
from graphsearch.records.fits import Fit
from graphsearch.searchers import make_searcher
from graphsearch.space import Space
from graphsearch.spec import Evaluation
from graphsearch.store import Store
from graphsearch.study.items import arrange
from graphsearch.study.result import Result
from graphsearch.study.study import Study
from tests.study.world import make_parts, reply

SINKS = ("cascade(share, 0.3)", "weighted-vote(log-odds, 0.05)", "vote")


def parts(script=reply, search_budget="2000000 units", **changes):
    made = make_parts(search_budget=search_budget, script=script, calibration_items=10, **changes)
    cost = made.space.cost
    space = Space.build(cost, made.space.budget, slots=4, roles=("assistant",), sinks=SINKS)
    return replace(
        made,
        space=space,
        make_searcher=lambda space: make_searcher("random", space, seed=made.seed),
    )


async def run(folder, script=reply, listener=None, **changes):
    async with Study.open(parts(script, **changes), folder, listener=listener) as study:
        return await study.run()


class StopHere(Exception):
    """Raised in the middle of a study."""


async def test_a_study_measures_fits_once_and_tells_of_them(tmp_path):
    result = await run(tmp_path)
    record = json.loads((tmp_path / "result.json").read_text())
    roles = get_roles("chat")
    for trial in record["trials"]:
        names = [part.split("<")[0].split(":")[0] for part in trial["key"].split("|")]
        fitted = any(roles[name].is_fitted for name in names)
        assert ("fit" in trial) == fitted
        assert trial["expected_cost"] <= 6
    fits = {trial["key"]: trial["fit"] for trial in record["trials"] if "fit" in trial}
    assert len(fits) > 3
    for trial in record["trials"]:
        if "fit" in trial:
            assert trial["fit"] == fits[trial["key"]]
            assert trial["fit"]["items"] == 10
    assert record["calls"]["accounts"]["search"]["asked"] >= sum(f["calls"] for f in fits.values())
    asked, made = (record["calls"]["accounts"]["search"][name] for name in ("asked", "made"))
    assert made <= asked
    assert Result.load(tmp_path).winner.fit == result.winner.fit
    with Store.open(tmp_path, read_only=True) as store:
        kept = [trial.fit for trial in store.all_trials() if trial.fit is not None]
    assert kept
    assert all(isinstance(fit, Fit) for fit in kept)


async def stopped(folder, at, **changes):
    """What a study comes to that is stopped at a block, and resumed."""
    seen = []

    def stop(event):
        seen.append(event)
        if sum(isinstance(one, BlockDone) for one in seen) == at:
            raise StopHere

    with pytest.raises(StopHere):
        await run(folder, listener=stop, **changes)
    return await run(folder, **changes)


@pytest.mark.parametrize("at", [1, 6])
async def test_stopped_anywhere_it_ends_the_same(tmp_path, at):
    whole = await run(tmp_path / "whole")
    again = await stopped(tmp_path / "cut", at)
    assert again.to_json() == whole.to_json()
    assert Result.load(tmp_path / "cut").to_json() == whole.to_json()


async def test_the_search_budget_holds_with_what_calibration_takes(tmp_path):
    for budget in ("60 units", "400 units"):
        async with Study.open(parts(search_budget=budget), tmp_path / budget) as study:
            await study.search()
            assert float(study.ledger.spent("units")) <= float(budget.split()[0])


WEIGHED = CollaborationGraph.combine("weighted-vote(log-odds, 0.05)", ["small", "small"])


def failing(asked, *items):
    """Answers, but fails on some calibration questions; notes whom it was asked about."""
    fails = {f"search-{item}" for item in items}

    def script(call):
        asked.append((call.item, call.model, call.sample))
        if call.item in fails:
            raise Rejected("no such model")
        return reply(call)

    return script


def calibration_of(study):
    pool = arrange(study.experiment.task.splits["search"], "search", seed=study.experiment.seed)
    count = study.experiment.settings.calibration_items
    return [item.id.split("-")[1] for item in pool[:count]]


@pytest.mark.parametrize("bad", [3, 9, 10])
async def test_a_study_stops_when_too_many_calibration_questions_fail(tmp_path, bad):
    """A fit is never looked at again, so it must not come from the few that happened to work."""
    async with Study.open(parts(), tmp_path / "none") as study:
        items = calibration_of(study)
    asked = []
    script = failing(asked, *items[:bad])
    says = rf"2x small -> weighted-vote.* could not be fitted: {bad} of 10 answers "
    async with Study.open(parts(script), tmp_path / "run") as study:
        for _ in range(2):  # asked again at once it fails again: nothing of such a fit is used
            with pytest.raises(StudyStopped, match=says + r".*than the 20% allowed .*'search-"):
                await study.evaluate([WEIGHED])
    paid = {call for call in asked if call[0].split("-")[1] not in items[:bad]}
    assert len(paid) == 2 * (10 - bad)
    asked.clear()
    async with Study.open(parts(failing(asked)), tmp_path / "run") as study:
        (record,) = await study.evaluate([WEIGHED])
    assert record.fit.items == 10
    assert not paid & set(asked)


async def test_calibration_questions_that_failed_are_counted(tmp_path):
    async with Study.open(parts(), tmp_path / "none") as study:
        bad = calibration_of(study)[:2]
    mostly = {"script": failing([], *bad), "infra_share": 0.5}
    whole = await run(tmp_path / "whole", **mostly)
    fits = {trial["key"]: trial["fit"] for trial in whole.to_json()["trials"] if "fit" in trial}
    assert fits
    assert all(fit["items"] == 8 for fit in fits.values())
    with Store.open(tmp_path / "whole", read_only=True) as store:
        tally = store.get_checkpoint("study")["tally"]
    answers = tally["outcomes"]["search"]["rejected"]
    assert whole.outcomes["search"]["rejected"] == answers + 2 * len(fits)
    named = {f"search-{item}" for item in bad}
    lost = sum(loss["answers"] for loss in whole.losses if loss["item"] in named)
    assert lost == answers + 2 * len(fits)
    again = await stopped(tmp_path / "cut", 6, **mostly)
    assert again.to_json() == whole.to_json()


def test_a_bundle_answers_with_what_was_fitted(tmp_path):
    result = graphsearch.optimize(
        task="puzzle",
        fleet="embedded",
        space={"slots": 4, "roles": ["assistant"], "sinks": ["cascade(share, 0.3):s"],
               "models": ["xs", "s"], "edges": "star"},
        graph_budget="9 units",
        search_budget="20000 units",
        searcher="random",
        settings=Evaluation(per_round=2, blocks=(8,), rounds=1, search_items=8, selection_items=8,
                          calibration_items=12, test_items=0, baselines=()),
        out=tmp_path / "run",
    )  # fmt: skip
    fit = result.winner.fit
    assert fit is not None
    bundle = result.export(tmp_path / "bundle")
    assert bundle.record["fit"] == fit.to_json()
    with load_bundle(tmp_path / "bundle") as loaded:
        told = loaded.answer_sync("P 2 7 9 10 > 36")
    assert len(told.messages) == len(result.winner.graph)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["winner"]["fit"]
