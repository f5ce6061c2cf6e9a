"""Gates, weighted votes and best-of-n: names, rules, and how graphs with them run."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.agents.roles import BestRole, VoteRole, WeightedVoteRole, get_roles
from graphsearch.agents.roles.gates import CascadeFamily, Gate, quantile_threshold
from graphsearch.agents.roles.votes import Weighting, hold, measured_weights
from graphsearch.cost import CostModel
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import ConfigError, GraderFailed, GraphError, Rejected, TaskError
from graphsearch.records.fits import Fit
from graphsearch.records.roles import (
    NOT_FITTED,
    CalibrationExample,
    FittedRole,
    GatedRole,
    ParentMessage,
    UnknownRole,
    split_name,
)
from graphsearch.records.tasks import Item, TokenProfile
from graphsearch.records.trials import Failure, ItemResult
from tests.execution.helpers import FLEET, ITEMS, ROLES, LastWord, answer, executor

ITEM = Item("i", "which?", "1")
SEARCH = {"stream": "search", "account": "search"}
NAMES = (
    "cascade(share>=0.7)",
    "cascade(margin>=0.3)",
    "cascade(score>=5)",
    "cascade(share, 0.2)",
    "cascade(share, 0.5, log-odds, 0.05)",
)
ALL_ROLES = {
    **ROLES,
    "best": BestRole(),
    "weighted-vote(accuracy)": WeightedVoteRole(Weighting("accuracy")),
    **{name: CascadeFamily().make(split_name(name)[1], ROLES) for name in NAMES},
}


def heard(*texts, model="a", score=None):
    return [ParentMessage(text, "assistant", model, Outcome.ANSWERED, score) for text in texts]


# -- names ---------------------------------------------------------------------------------------


def test_a_name_says_all_of_a_role():
    roles = get_roles("chat")
    assert not roles["assistant"].is_gate
    gate = roles["cascade(share, 0.5, log-odds, 0.05)"]
    assert gate.gate == Gate("share", None, Decimal("0.5"), Weighting("log-odds", Decimal("0.05")))
    assert (gate.is_gate, gate.call_share, gate.min_parents) == (True, Fraction(1, 2), 1)
    assert roles["cascade(share>=0.7)"].call_share == 1
    assert not roles["weighted-vote(accuracy)"].speaks
    assert [roles[name].is_fitted for name in NAMES] == [False, False, False, True, True]
    assert all(roles[name].name == name for name in NAMES)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cascade(share>=0.70)", r"must be written 'cascade\(share>=0\.7\)'"),
        ("cascade( share,0.2 )", r"must be written 'cascade\(share, 0\.2\)'"),
        ("cascade", "looks at share, margin, score"),
        ("cascade(votes>=1)", "looks at share, margin, score, not at 'votes'"),
        ("cascade(share>=1.5)", "from 0 to 1"),
        ("cascade(share, 1)", "between 0 and 1"),
        ("cascade(share, nan)", "no number"),
        ("cascade(share>=0.7, accuracy, 3)", "only log-odds"),
        ("cascade(score>=1, accuracy)", "no vote"),
        ("weighted-vote", "weigh by"),
        ("weighted-vote(fame)", "weigh by"),
        ("cascade(share>=1e400)", "no number"),
    ],
)
def test_other_spellings_and_nonsense_are_refused(name, says):
    with pytest.raises(UnknownRole, match=says):
        get_roles("chat").role(name)


def test_graphs_know_what_their_names_say():
    graph = CollaborationGraph.fan_in(["a", "a"], "cascade(share, 0.2)", "b")
    assert str(graph.nodes[2]) == "cascade(share, 0.2):b"
    assert graph.describe() == "2x a -> cascade(share, 0.2) b"
    assert CollaborationGraph.from_json(graph.to_json()).key == graph.key
    other = CollaborationGraph.fan_in(["a", "a"], "cascade(share, 0.3)", "b")
    assert other.key != graph.key
    roles = get_roles("chat")
    with pytest.raises(GraphError, match="looks at its parents, and has none"):
        CollaborationGraph.single("b", "cascade(share, 0.2)").validate(roles)
    with pytest.raises(GraphError, match="names no model"):
        CollaborationGraph.fan_in(["a", "a"], "cascade(share, 0.2)", None).validate(roles)
    with pytest.raises(GraphError, match="calls no model"):
        CollaborationGraph.fan_in(["a", "a"], "weighted-vote(accuracy)", "b").validate(roles)
    with pytest.raises(GraphError, match="node 2: role 'cascade'"):
        CollaborationGraph.fan_in(["a", "a"], "cascade", "b").validate(roles)


def test_a_prompt_set_has_them_without_words_of_its_own():
    roles = get_roles("chat")
    assert isinstance(roles["cascade(share>=0.7)"], GatedRole)
    assert not roles["cascade(share>=0.7)"].is_fitted
    assert roles["cascade(share, 0.2)"].is_fitted
    assert isinstance(roles["cascade(share, 0.2)"], FittedRole)
    assert roles["cascade(share, 0.2)"] is roles["cascade(share, 0.2)"]
    assert "weighted-vote(log-odds)" in roles
    assert "cascade(share>=.7)" not in roles
    with pytest.raises(ConfigError, match=r"cascade\(\.\.\.\)"):
        roles.role("cascade")


# -- rules ---------------------------------------------------------------------------------------


def test_shares_divide_by_all_who_were_asked():
    poll = hold(ITEM, heard("4", "!", "5", "5", "?"), LastWord())
    assert (poll.winner, poll.share, poll.margin) == (2, 0.4, 0.2)
    nobody = hold(ITEM, heard("!", "?"), LastWord())
    assert (nobody.winner, nobody.share, nobody.margin) == (None, 0.0, 0.0)


@given(st.lists(st.sampled_from(["1", "2", "3", "!"]), min_size=1, max_size=12))
def test_equal_weights_are_no_weights(texts):
    plain = hold(ITEM, heard(*texts), LastWord())
    weighted = hold(ITEM, heard(*texts), LastWord(), [0.5] * len(texts))
    assert plain.winner == weighted.winner
    assert plain.share == pytest.approx(weighted.share)
    assert plain.margin == pytest.approx(weighted.margin)


def lesson(*texts, worth, models):
    parents = [
        ParentMessage(text, "assistant", model) for text, model in zip(texts, models, strict=True)
    ]
    return CalibrationExample(ITEM, parents, worth)


def test_weights_are_measured_by_role_and_model():
    lessons = [lesson("1", "2", "1", worth=[1.0, 0.0, 1.0], models="aba") for _ in range(4)]
    lessons.append(lesson("2", "1", "2", worth=[0.0, 1.0, 0.0], models="aba"))
    assert measured_weights(lessons, Weighting("accuracy")) == {
        "assistant:a": 0.8,
        "assistant:b": 0.2,
    }
    odds = measured_weights(lessons, Weighting("log-odds"))
    assert odds["assistant:a"] == pytest.approx(1.386, abs=1e-3)
    assert odds["assistant:b"] == pytest.approx(-1.386, abs=1e-3)  # the trap, kept on purpose
    clipped = measured_weights(lessons, Weighting("log-odds", Decimal("0.05")))
    assert clipped["assistant:b"] == 0.05


def test_a_weighted_vote_may_go_against_the_majority():
    parents = [*heard("1", "1"), *heard("2", model="b")]
    fitted = {"weights": {"assistant:a": 0.3, "assistant:b": 0.9}}
    role = ALL_ROLES["weighted-vote(accuracy)"]
    assert VoteRole().choose(ITEM, parents, LastWord(), NOT_FITTED) == 0
    assert role.choose(ITEM, parents, LastWord(), fitted) == 2


def test_best_takes_the_reply_that_scores_highest():
    parents = [
        *heard("1"), *heard("2", score=-3.0), *heard("3", score=4), *heard("4", score=4.0)
    ]  # fmt: skip
    assert BestRole().choose(ITEM, parents, LastWord(), NOT_FITTED) == 2
    assert BestRole().choose(ITEM, heard("1", "2"), LastWord(), NOT_FITTED) == 0


def test_a_share_of_exactly_the_threshold_passes():
    role = ALL_ROLES["cascade(share>=0.7)"]
    parents = heard(*["1"] * 14, *["2"] * 6)
    assert role.passes(ITEM, parents, LastWord(), NOT_FITTED) == 0
    assert role.passes(ITEM, heard(*["1"] * 13, *["2"] * 7), LastWord(), NOT_FITTED) is None


def test_a_score_gate_calls_where_no_score_is_known():
    role = ALL_ROLES["cascade(score>=5)"]
    assert role.passes(ITEM, heard("1", "2"), LastWord(), NOT_FITTED) is None
    parents = [*heard("1", score=1.0), *heard("2", score=6.0)]
    assert role.passes(ITEM, parents, LastWord(), NOT_FITTED) == 1


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([k / 7 for k in range(8)])), min_size=1),
    st.fractions(min_value="1/50", max_value="49/50"),
)
def test_no_more_than_the_share_escalates_beyond_the_unknown(sure, share):
    threshold = quantile_threshold(sure, share)
    escalated = sum(value is not None and value < threshold for value in sure)
    unknown = sum(value is None for value in sure)
    assert escalated == 0 or escalated + unknown <= share * len(sure)
    # One step higher would be too many, so the threshold is as high as it may be.
    above = [value for value in sure if value is not None and value >= threshold]
    if above:
        more = escalated + sum(v == min(above) for v in above)
        assert more + unknown > share * len(sure)


# -- running -------------------------------------------------------------------------------------


async def test_a_sure_crowd_costs_its_gate_no_call(tmp_path):
    graph = CollaborationGraph.fan_in(["a"] * 3, "cascade(share>=0.7)", "b")
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        runs = await ready.run(graph, ITEMS, **SEARCH)
        alone = await ready.run(CollaborationGraph.single("b"), ITEMS, **SEARCH)
    passed = [run.nodes[3].passed for run in runs]
    assert None in passed
    assert 0 in passed
    for run, single in zip(runs, alone, strict=True):
        agree = len({node.message for node in run.nodes[:3]}) == 1
        assert (run.nodes[3].passed is not None) == agree
        assert run.price.floats()["calls"] == (3 if agree else 4)
        assert ("b" in run.usage) != agree
        if not agree:  # asked what a single call is asked, and answered from the same draw
            assert run.text == single.text
            assert not single.made
        else:
            assert run.text == run.texts[0]


async def test_gates_compose_and_later_ones_hear_what_earlier_ones_passed_on(tmp_path):
    """Two models, three tiers: b answers where the crowd of a is split, a again where b's are."""
    nodes = [Node("assistant", "a")] * 3 + [Node("cascade(share>=0.7)", "b")] * 2
    nodes.append(Node("cascade(margin>=0.3)", "a"))
    edges = [(i, j) for i in range(3) for j in (3, 4)] + [(3, 5), (4, 5)]
    graph = CollaborationGraph(tuple(nodes), tuple(edges), 5)
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        runs = await ready.run(graph, ITEMS, **SEARCH)
        assert ready.worst_case(graph, ITEMS[0]).floats()["calls"] == 6
    seen = set()
    for run in runs:
        first, second, sink = run.nodes[3:]
        if first.passed is not None:
            assert second.passed is not None
            assert sink.passed == 3
        else:
            assert (first.sample, second.sample) == (0, 1)
            assert (sink.passed is None) == (first.message != second.message)
        if sink.passed is None:
            assert sink.sample == 0  # the sink draws cold, so its call is another than the roots'
        seen.add((first.passed is None, sink.passed is None))
    assert (False, False) in seen


async def test_a_gate_counts_draws_with_the_nodes_that_ask_the_same(tmp_path):
    nodes = (Node("assistant", "a"), Node("cascade(score>=5)", "a"), Node("vote", None))
    graph = CollaborationGraph(nodes, ((0, 1), (0, 2), (1, 2)), 2)
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        runs = await ready.run(graph, ITEMS, **SEARCH)
        twice = await ready.run(CollaborationGraph.combine("vote", ["a", "a"]), ITEMS, **SEARCH)
    assert [run.texts[:2] for run in runs] == [run.texts[:2] for run in twice]
    assert [run.nodes[1].sample for run in runs] == [1] * len(ITEMS)


async def test_scores_come_with_replies_and_survive_the_journal(tmp_path):
    def reply(call):
        text = answer(call)
        return Reply(text, Usage(1, 1, 1), detail={"score": call.sample})

    graph = CollaborationGraph.combine("best", ["a"] * 3)
    gated = CollaborationGraph.fan_in(["a"] * 3, "cascade(score>=5)", "b")
    for _ in range(2):
        with executor(tmp_path, ScriptedEngine(reply), roles=ALL_ROLES) as ready:
            runs = await ready.run(graph, ITEMS, **SEARCH)
            assert [run.text for run in runs] == [run.texts[2] for run in runs]
            asked = await ready.run(gated, ITEMS, **SEARCH)
            assert all(run.nodes[3].passed is None for run in asked)


async def fitted(ready, graph):
    run = await ready.fit(graph, ITEMS, **SEARCH)
    assert not run.failed
    assert ready.needs_fit(graph)
    ready.set_fit(graph, run.fit)
    return run.fit


async def test_fitted_parts_are_worked_out_once_and_on_the_lower_nodes_alone(tmp_path):
    graph = CollaborationGraph.fan_in(["a"] * 3, "cascade(share, 0.5, log-odds, 0.05)", "b")
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        with pytest.raises(GraphError, match=r"fitted on calibration questions \(nodes 3\)"):
            await ready.run(graph, ITEMS, **SEARCH)
        assert ready.needs_fit(graph)
        assert ready.worst_fit(graph, ITEMS[0]).floats()["calls"] == 3
        fit = await fitted(ready, graph)
        assert {call.model for call in ready.engine.calls} == {"a"}
        assert (fit.items, fit.calls, set(fit.nodes)) == (6, 18, {3})
        assert not ready.needs_fit(graph)
        assert float(ready.ledger.spent("calls", "search")) == 18
        runs = await ready.run(graph, ITEMS, **SEARCH)
        assert sum(run.nodes[3].passed is None for run in runs) <= 3
        assert Fit.from_json(fit.to_json()) == fit


async def test_parts_that_hear_fitted_parts_are_fitted_after_them(tmp_path):
    nodes = (
        *[Node("assistant", "a")] * 3,
        Node("cascade(share, 0.2)", "b"),
        Node("weighted-vote(accuracy)", None),
    )
    edges = (*((i, j) for i in range(3) for j in (3, 4)), (3, 4))
    graph = CollaborationGraph(nodes, edges, 4)
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        fit = await fitted(ready, graph)
        assert set(fit.nodes) == {3, 4}
        assert set(fit.nodes[4]["weights"]) == {"assistant:a", "cascade(share, 0.2):b"}
        await ready.run(graph, ITEMS, **SEARCH)


@pytest.mark.parametrize("bad", [1, 3, 6])
async def test_questions_that_failed_teach_nothing_and_are_told(tmp_path, bad):
    graph = CollaborationGraph.combine("weighted-vote(accuracy)", ["a", "a"])

    def fails(call):
        if int(call.item[1:]) < bad:
            raise Rejected("no such model")
        return "1"

    with executor(tmp_path, ScriptedEngine(fails), roles=ALL_ROLES) as ready:
        run = await ready.fit(graph, ITEMS, **SEARCH)
    refused = Failure("a", "no such model")
    assert run.failed == tuple(
        ItemResult(f"i{n}", None, Outcome.REJECTED, failure=refused) for n in range(bad)
    )
    if bad == len(ITEMS):
        assert run.fit is None
    else:
        weights = {"weights": {"assistant:a": 1.0}}
        assert run.fit == Fit(6 - bad, 2 * (6 - bad), {2: weights})


class Broken(LastWord):
    """Cannot judge one of the questions."""

    def grade(self, item, text):
        if item.id == "i2":
            raise GraderFailed("no sandbox")
        return super().grade(item, text)


async def test_a_question_that_cannot_be_judged_teaches_no_weight(tmp_path):
    graph = CollaborationGraph.combine("weighted-vote(accuracy)", ["a", "a"])
    with executor(tmp_path, roles=ALL_ROLES, grader=Broken()) as ready:
        run = await ready.fit(graph, ITEMS, **SEARCH)
    cause = Failure(None, "grader 'last-word': no sandbox")
    assert run.failed == (ItemResult("i2", None, Outcome.UNAVAILABLE, failure=cause),)
    assert run.fit.items == 5


async def test_a_role_that_breaks_is_named(tmp_path):
    graph = CollaborationGraph.combine("weighted-vote(accuracy)", ["a", "b"])
    with executor(tmp_path, roles=ALL_ROLES) as ready:
        ready.set_fit(graph, Fit(1, 1, {2: {"weights": {"assistant:a": 1.0}}}))
        with pytest.raises(TaskError, match=r"role 'weighted-vote\(accuracy\)'"):
            await ready.run(graph, ITEMS, **SEARCH)


async def test_a_role_that_cannot_be_fitted_is_named(tmp_path):
    class Odd(LastWord):
        def parse(self, item, text):
            if item.id == "i3":
                raise KeyError("no key")
            return super().parse(item, text)

    graph = CollaborationGraph.fan_in(["a"] * 2, "cascade(share, 0.2)", "b")
    with executor(tmp_path, roles=ALL_ROLES, grader=Odd()) as ready:
        says = r"role 'cascade\(share, 0.2\)' with grader 'last-word' .* on 6 questions: KeyError"
        with pytest.raises(TaskError, match=says):
            await ready.fit(graph, ITEMS, **SEARCH)


# -- cost ----------------------------------------------------------------------------------------


def test_a_gate_costs_its_share_of_a_plain_call():
    cost = CostModel(FLEET, TokenProfile(10, 5), "flops", roles=get_roles("chat"))
    roots = 3 * cost.node_ticks("a", 0)
    call = cost.node_ticks("b", 0)

    def ticks(role):
        return cost.graph_ticks(CollaborationGraph.fan_in(["a"] * 3, role, "b"))

    assert ticks("cascade(share>=0.7)") == roots + call
    assert ticks("cascade(share, 0.5)") == roots + -(-call // 2)
    assert ticks("cascade(margin, 0.001)") == roots + -(-call // 1000)
    assert ticks("assistant") == roots + cost.node_ticks("b", 3)
