"""What a vote, a gate or a best-of-n makes of parents that were cut off, refused or left empty."""

import pytest

from graphsearch.agents.roles.gates import CascadeFamily
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.roles import NOT_FITTED, ParentMessage, split_name
from tests.execution.helpers import ITEMS, LastWord, executor
from tests.replays.test_parts import ALL_ROLES as ROLES
from tests.replays.test_parts import ITEM, SEARCH

OPEN = "cascade(share>=0)"
ALL_ROLES = {**ROLES, OPEN: CascadeFamily().make(split_name(OPEN)[1], ROLES)}
SHORT = (Outcome.TRUNCATED, Outcome.REFUSED, Outcome.EMPTY, Outcome.UNPARSED)


def engine(*draws):
    """Draw k of a call ends as `draws[k]` says: text, outcome and, maybe, score."""

    def script(call):
        text, outcome, *score = draws[call.sample % len(draws)]
        detail = {"score": score[0]} if score else {}
        return Reply(text, Usage(1, 1, 1), outcome, detail=detail)

    return ScriptedEngine(script)


async def run(folder, graph, *draws):
    with executor(folder, engine(*draws), roles=ALL_ROLES) as ready:
        (run,) = await ready.run(graph, ITEMS[:1], **SEARCH)
        return run


@pytest.mark.parametrize("outcome", SHORT)
@pytest.mark.parametrize("role", ["vote", "select", "best"])
async def test_who_did_not_answer_is_not_chosen(tmp_path, role, outcome):
    """The gold answer stands in both replies that were cut off; alone they would be wrong."""
    graph = CollaborationGraph.combine(role, ["a"] * 3)
    cut = ("sure! 1", outcome, 9.0)
    found = await run(tmp_path, graph, cut, cut, ("2", Outcome.ANSWERED, 0.0))
    assert (found.text, found.outcome) == ("2", Outcome.ANSWERED)
    assert found.verdict.score == 0
    assert found.nodes[-1].passed == 2


@pytest.mark.parametrize("outcome", SHORT)
@pytest.mark.parametrize("role", ["vote", "select", "best", OPEN])
async def test_where_nobody_answered_the_first_ones_outcome_is_counted(tmp_path, role, outcome):
    model = "b" if role.startswith("cascade") else None
    graph = CollaborationGraph.fan_in(["a"] * 2, role, model)
    found = await run(tmp_path, graph, ("sure! 1", outcome, 9.0), ("1", Outcome.TRUNCATED, 9.0))
    assert found.outcome is outcome
    assert found.verdict.score == 0
    assert found.verdict.parsed is None
    assert found.text == found.texts[0]


async def test_who_answered_but_cannot_be_read_stays_unparsed(tmp_path):
    graph = CollaborationGraph.combine("vote", ["a"] * 2)
    found = await run(tmp_path, graph, ("?", Outcome.ANSWERED), ("1", Outcome.TRUNCATED))
    assert (found.outcome, found.nodes[-1].outcome) == (Outcome.UNPARSED, Outcome.ANSWERED)


def said(*outcomes, score=None):
    return [ParentMessage("1", "assistant", "a", outcome, score) for outcome in outcomes]


def test_a_gate_counts_them_among_all_who_were_asked():
    answered, cut = Outcome.ANSWERED, Outcome.TRUNCATED
    gate = ALL_ROLES["cascade(share>=0.7)"]
    assert gate.passes(ITEM, said(answered, answered, answered), LastWord(), NOT_FITTED) == 0
    assert gate.passes(ITEM, said(cut, answered, answered), LastWord(), NOT_FITTED) is None
    assert gate.passes(ITEM, said(cut, *[answered] * 3), LastWord(), NOT_FITTED) == 1
    best = ALL_ROLES["cascade(score>=5)"]
    assert best.passes(ITEM, said(answered, score=9.0), LastWord(), NOT_FITTED) == 0
    assert best.passes(ITEM, said(cut, cut, score=9.0), LastWord(), NOT_FITTED) is None


async def test_an_outcome_goes_through_all_gates_that_pass_it_on(tmp_path):
    """A crowd that was cut off cannot make a later gate sure by being handed on."""
    nodes = (
        *[Node("assistant", "a")] * 2,
        *[Node(OPEN, "b")] * 2,
        Node("vote", None),
    )
    graph = CollaborationGraph(nodes, ((0, 2), (1, 2), (0, 3), (1, 3), (2, 4), (3, 4)), 4)
    found = await run(tmp_path, graph, ("1", Outcome.TRUNCATED), ("1", Outcome.TRUNCATED))
    assert [node.outcome for node in found.nodes] == [Outcome.TRUNCATED] * 5
    assert found.outcome is Outcome.TRUNCATED


async def test_a_threshold_is_fitted_to_the_confidence_that_runs_show(tmp_path):
    """On half of the questions one of two was cut off: sure of 0.5 there, of 1 elsewhere."""
    graph = CollaborationGraph.fan_in(["a"] * 2, "cascade(share, 0.5, log-odds, 0.05)", "b")

    def script(call):
        cut = call.sample == 1 and int(call.item[1:]) % 2
        outcome = Outcome.TRUNCATED if cut else Outcome.ANSWERED
        return Reply("1", Usage(1, 1, 1), outcome)

    with executor(tmp_path, ScriptedEngine(script), roles=ALL_ROLES) as ready:
        fit = (await ready.fit(graph, ITEMS, **SEARCH)).fit
        ready.set_fit(graph, fit)
        assert fit.nodes[2]["threshold"] == 1.0
        runs = await ready.run(graph, ITEMS, **SEARCH)
    assert [run.nodes[2].passed is None for run in runs] == [False, True] * 3


async def test_readers_see_what_was_cut_off_and_answer_for_themselves(tmp_path):
    graph = CollaborationGraph.fan_in(["a"], "assistant", "b")

    def script(call):
        if call.model == "a":
            return Reply("so far", Usage(1, 1, 1), Outcome.TRUNCATED)
        return Reply("1", Usage(1, 1, 1))

    with executor(tmp_path, ScriptedEngine(script), roles=ALL_ROLES) as ready:
        (found,) = await ready.run(graph, ITEMS[:1], **SEARCH)
    assert "so far" in ready.engine.calls[-1].messages[0].content
    assert (found.outcome, found.verdict.score) == (Outcome.ANSWERED, 1.0)
