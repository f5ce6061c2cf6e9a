"""Agents that advise a searcher in words."""

import asyncio
import json

import pytest

from graphsearch.agents.roles import get_roles
from graphsearch.agents.search import (
    ChatAgent,
    RulesAgent,
    ScriptedAgent,
    agent_names,
    make_agent,
)
from graphsearch.agents.search.schema import read_advice
from graphsearch.cost import PROFILES, CostModel
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import BudgetReached, ConfigError, Unavailable
from graphsearch.records.models import Fleet
from graphsearch.searchers import Advice, AgentView, Edit, make_searcher
from graphsearch.space import Space
from graphsearch.testing.landscape import LANDSCAPES
from graphsearch.testing.simulation import simulate

GOOD = {
    "summary": "Wider.",
    "edits": [{"target": "1->sink", "delta": 0.5, "reason": "votes help"}],
    "graphs": [
        {
            "nodes": [
                {"role": "assistant", "model": "llama-1b"},
                {"role": "assistant", "model": "llama-1b"},
                {"role": "vote", "model": None},
            ],
            "edges": [[0, 2], [1, 2]],
            "sink": 2,
        }
    ],
}


@pytest.fixture(scope="module")
def space():
    cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))
    return Space.build(cost, "18 units", slots=4, models=("llama-1b", "llama-3b", "llama-8b"))


@pytest.fixture(scope="module")
def view(space):
    searcher = make_searcher("agent-reinforce", space, seed=0)
    simulate(searcher, LANDSCAPES["voting"], space, rounds=4)
    return searcher.view({"budgets": {"units": {"left": 10.0}}, "failures": [{"item": "x" * 5000}]})


class Speaker:
    """Plays a chat model: replies in order, and keeps what it was asked."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []

    async def __call__(self, messages):
        self.asked.append(list(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Reply):
            return reply
        return Reply(reply, Usage(10, 5, 1))


def advise(agent, view):
    return asyncio.run(agent.advise(view))


# -- chat ------------------------------------------------------------------------------------------


def test_good_json_becomes_advice(view):
    speaker = Speaker(json.dumps(GOOD))
    advice = advise(ChatAgent(speaker), view)
    assert advice.edits == (Edit("1->sink", 0.5, "votes help"),)
    assert [graph.describe() for graph in advice.graphs] == ["2x llama-1b -> vote"]
    assert advice.summary == "Wider."
    assert advice.raw == json.dumps(GOOD)


def test_the_prompt_shows_the_view_within_bounds(view):
    speaker = Speaker("{}")
    advise(ChatAgent(speaker), view)
    system, user = speaker.asked[0]
    assert (system.role, user.role) == ("system", "user")
    for trial in view.best[:5]:
        assert trial["graph"] in user.content
    assert "1->sink:" in user.content
    assert '"left": 10.0' in user.content
    assert "x" * 1300 not in user.content


def test_json_in_a_fence_after_thinking_is_found(view):
    text = 'Let me think {"not": "this"}\n```json\n' + json.dumps(GOOD) + "\n```\nDone."
    assert read_advice(text, view.table).advice.summary == "Wider."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no idea", "no JSON object"),
        ('{"edits": [}', "not valid JSON"),
        ('{"edits": [{"target": "1->sink"}]}', "edits.0.delta"),
        ('{"edits": [{"target": "1->sink", "delta": NaN}]}', "edits.0.delta"),
        ('{"edits": [{"target": "1->sink", "delta": 1e9}]}', "edits.0.delta"),
        ('{"advice": "be better"}', "advice"),
        ("[" * 5000 + "{" * 5000 + "}" * 5000, "JSON"),
    ],
)
def test_bad_json_is_answered_with_what_is_wrong(view, text, complaint):
    speaker = Speaker(text, json.dumps(GOOD))
    agent = ChatAgent(speaker)
    assert advise(agent, view).summary == "Wider."
    repair = speaker.asked[1]
    assert [m.role for m in repair] == ["system", "user", "assistant", "user"]
    assert complaint in repair[-1].content
    assert agent.counts["repaired"] == 1


def test_bad_twice_is_none_and_counted(view):
    agent = ChatAgent(Speaker("no", "still no"))
    assert advise(agent, view) is None
    assert agent.counts["failed"] == 1


def test_what_stays_bad_after_the_repair_is_dropped_alone(view):
    mixed = {
        "edits": [*GOOD["edits"], {"target": "99->sink", "delta": 1}],
        "graphs": [{"nodes": [{"role": "vote"}], "edges": [], "sink": 0}],
    }
    speaker = Speaker(json.dumps(mixed), json.dumps(mixed))
    agent = ChatAgent(speaker)
    advice = advise(agent, view)
    assert [edit.target for edit in advice.edits] == ["1->sink"]
    assert advice.graphs == ()
    assert agent.counts["dropped"] == 2
    assert "99->sink" in speaker.asked[1][-1].content


def test_an_empty_or_truncated_reply_is_bad(view):
    cut = Reply(json.dumps(GOOD), Usage(10, 5, 1), Outcome.TRUNCATED)
    assert advise(ChatAgent(Speaker(cut, Reply("", Usage(1, 0, 1), Outcome.EMPTY))), view) is None


def test_an_unreachable_model_costs_the_advice_and_not_the_search(view):
    agent = ChatAgent(Speaker(Unavailable("down")))
    assert advise(agent, view) is None
    assert agent.counts["unavailable"] == 1


def test_a_spent_budget_ends_the_search(view):
    with pytest.raises(BudgetReached):
        advise(ChatAgent(Speaker(BudgetReached("spent"))), view)


def test_most_graphs_are_kept_to(view):
    many = {**GOOD, "graphs": GOOD["graphs"] * 5}
    assert len(advise(ChatAgent(Speaker(json.dumps(many)), graphs=2), view).graphs) == 2


def test_templates_cannot_reach_python(view, tmp_path):
    for name in ("system", "user", "repair"):
        (tmp_path / f"{name}.jinja").write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(Exception, match="unsafe"):
        advise(ChatAgent(Speaker("{}"), prompts=tmp_path), view)


def test_templates_of_an_agent_come_to_an_end(view, tmp_path):
    loop = "{% for i in range(90000) %}"
    for name in ("system", "user", "repair"):
        (tmp_path / f"{name}.jinja").write_text(f"{loop}{loop}x{{% endfor %}}{{% endfor %}}")
    with pytest.raises(ConfigError, match="more than a prompt may"):
        advise(ChatAgent(Speaker("{}"), prompts=tmp_path), view)


def test_a_missing_prompt_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"system\.jinja"):
        ChatAgent(Speaker(), prompts=tmp_path)


# -- rules -----------------------------------------------------------------------------------------


def test_rules_need_some_trials():
    empty = AgentView(space={}, budgets={}, table={}, best=(), worst=())
    advice = RulesAgent().read(empty)
    assert advice.edits == ()
    assert "too few" in advice.summary


def test_rules_speak_of_known_names_with_reasons(view):
    advice = RulesAgent().read(view)
    assert advice.edits
    for edit in advice.edits:
        assert edit.target in view.table
        assert abs(edit.delta) <= 1.0
        assert edit.reason


def made_view(space, graphs_and_means):
    """A view of trials with 64 items each."""
    from graphsearch.searchers.agent_reinforce.leaderboard import Entry

    base = make_searcher("agent-reinforce", space, seed=0).view({})
    best = tuple(
        Entry(graph, space.cost.graph(graph), 64 * mean, 64).shown()
        for graph, mean in graphs_and_means
    )
    return AgentView(base.space, {}, base.table, best, ())


def test_rules_widen_where_wide_does_better(space):
    votes = [CollaborationGraph.combine("vote", ["llama-1b"] * n) for n in (2, 3, 4)]
    seen = [(CollaborationGraph.single("llama-1b"), 0.3)]
    seen += list(zip(votes, (0.4, 0.5, 0.6), strict=True))
    wide = {e.target: e.delta for e in RulesAgent().read(made_view(space, seen)).edits}
    assert wide["2->sink"] > 0
    narrow = [(graph, 0.9 - mean) for graph, mean in seen]
    shown = {e.target: e.delta for e in RulesAgent().read(made_view(space, narrow)).edits}
    assert shown["2->sink"] < 0


def test_rules_prefer_the_model_that_does_better(space):
    seen = [
        (CollaborationGraph.combine("vote", ["llama-1b"] * 2), 0.2),
        (CollaborationGraph.combine("vote", ["llama-1b", "llama-3b"]), 0.35),
        (CollaborationGraph.combine("vote", ["llama-3b"] * 2), 0.6),
        (CollaborationGraph.combine("vote", ["llama-3b"] * 3), 0.6),
    ]
    edits = {e.target: e.delta for e in RulesAgent().read(made_view(space, seen)).edits}
    assert edits["1:llama-3b"] > 0 > edits["1:llama-1b"]


def test_rules_find_nothing_where_there_is_nothing(space):
    graphs = [CollaborationGraph.fan_in(["llama-3b"] * n, "vote", None) for n in (2, 3, 4)]
    graphs.append(CollaborationGraph.combine("vote", ["llama-8b", "llama-8b"]))
    advice = RulesAgent().read(made_view(space, [(graph, 0.5) for graph in graphs]))
    assert all("room" in edit.reason for edit in advice.edits)


# -- scripted and registry ----------------------------------------------------------------------


def test_scripted_plays_its_list_and_then_fails(view):
    agent = ScriptedAgent([Advice(summary="one"), None])
    assert [advise(agent, view) for _ in range(3)] == [Advice(summary="one"), None, None]
    assert len(agent.views) == 3


def test_scripted_from_options(view):
    agent = make_agent("scripted", options={"advice": [{"edits": {"1->sink": 1}, "summary": "s"}]})
    assert advise(agent, view) == Advice(edits=(Edit("1->sink", 1.0),), summary="s")


def test_names():
    assert {"chat", "rules", "scripted"} <= set(agent_names())


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("oracle", {}, "unknown search agent 'oracle'; known: chat"),
        ("chat", {}, "needs a model"),
        ("rules", {"speed": 1}, "unknown option 'speed'"),
        ("scripted", {"advice": 3}, "must be of type list"),
        ("scripted", {"advice": [3]}, r"advice\[0\]"),
    ],
)
def test_wrong_agents_are_refused(name, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        make_agent(name, options=options)


def test_half_a_character_in_advice_is_bad_json(view):
    reading = read_advice('{"summary": "a \\ud800", "edits": []}', targets=view.table)
    assert reading.advice is None
    assert "not valid JSON" in reading.problems[0]
