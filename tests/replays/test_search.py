"""Searching on a record: where it lies, what is drawn, and the first graphs."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from graphsearch.agents.roles import get_roles
from graphsearch.cli import app
from graphsearch.cost import CostModel
from graphsearch.engines.replay import at_record
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import BudgetRefused, ConfigError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import TokenProfile
from graphsearch.searchers.moves import plain_graphs
from graphsearch.space import Distribution, RoleOption, Space
from graphsearch.spec import load_spec

MODELS = ("cheap", "dear", "plain")
FLEET = Fleet(
    "three",
    tuple(
        ModelSpec(name, size, 2, 64, engine="replay", endpoint="?repeat=true")
        for name, size in zip(MODELS, (10**6, 10**8, 2 * 10**6), strict=True)
    ),
    "cheap",
)
GATES = ("cascade(share, 0.2)", "cascade(share>=1)")


def space(budget="12 units", **options):
    return Space.build(
        CostModel(FLEET, TokenProfile(10, 5), "units", roles=get_roles("chat")), budget, **options
    )


@pytest.mark.parametrize("edges", ["star", "dag"])
@pytest.mark.parametrize("budget", ["3 units", "12 units", "40 units"])
def test_no_graph_with_gates_is_drawn_above_the_budget(edges, budget):
    room = space(
        budget, slots=4, roles=("assistant", GATES[0]), sinks=("vote", *GATES), edges=edges
    )
    traces = Distribution(room).sample_many(np.random.default_rng(0), 300)
    for trace in traces:
        assert room.why_not(trace.graph) is None
        assert trace.cost == room.cost.graph(trace.graph)
    assert any("cascade" in node.role for trace in traces for node in trace.graph.nodes)


def test_a_gate_may_hold_a_model_that_no_call_could(tmp_path):
    """A call of `dear` is above the budget; a fifth of one is not."""
    room = space("25 units", slots=2, roles=("assistant",), sinks=(GATES[0],), edges="star")
    assert room.cost.gamma("dear") > 25
    kinds = {t.sink.model for t in Distribution(room).sample_many(np.random.default_rng(1), 100)}
    assert "dear" in kinds
    fixed = space("25 units", slots=2, roles=("assistant",), sinks=(GATES[1],), edges="star")
    kinds = {t.sink.model for t in Distribution(fixed).sample_many(np.random.default_rng(1), 100)}
    assert "dear" not in kinds
    with pytest.raises(BudgetRefused):
        space("10 units", slots=2, sinks=(f"{GATES[1]}:dear",))


def test_spaces_read_names_of_roles():
    with pytest.raises(ConfigError, match="must be written"):
        space(sinks=("cascade(share,0.2)",))
    with pytest.raises(ConfigError, match="calls no model"):
        space(sinks=("weighted-vote(accuracy):dear",))
    with pytest.raises(ConfigError, match="may only be a sink"):
        space(roles=("assistant", "best"))
    assert space(sinks=("best",)).sinks[0].min_parents == 2


def test_all_graphs_of_a_small_space_have_gates_on_one_parent_or_more():
    room = space("30 units", slots=2, roles=(RoleOption("assistant", 0, 0),), edges="star",
                 sinks=("vote", f"{GATES[0]}:dear"))  # fmt: skip
    graphs = room.graphs(1000)
    assert all(room.why_not(graph) is None for graph in graphs)
    gated = [g for g in graphs if g.nodes[g.sink].model == "dear"]
    assert {len(g) for g in gated} == {2, 3}


def test_first_graphs_have_gates_on_two_different_models():
    room = space("30 units", slots=2, roles=("assistant",), sinks=("vote", *GATES), edges="star")
    gated = [g for g in plain_graphs(room) if "cascade" in g.nodes[g.sink].role]
    assert CollaborationGraph(
        (Node("assistant", "plain"), Node("assistant", "cheap"), Node(GATES[0], "dear")),
        ((0, 2), (1, 2)),
        2,
    ).key in {graph.key for graph in gated}
    for graph in gated:
        assert len({node.model for node in graph.nodes}) == 3


def test_models_of_a_record_take_the_folder_of_the_task():
    own = ModelSpec("own", engine="replay", endpoint="there")
    other = ModelSpec("other", engine="http")
    bare = ModelSpec("bare", engine="replay")
    fleet = at_record(Fleet("f", (*FLEET.models, own, other, bare), "cheap"), "here")
    assert [spec.endpoint for spec in fleet.models] == [
        *["here?repeat=true"] * 3, "there", None, "here"
    ]  # fmt: skip


@pytest.fixture
def record(tmp_path):
    """Forty sums that two models answer, the dear one better."""
    folder = tmp_path / "sums"
    folder.mkdir()
    lines, questions = [], []
    for n in range(40):
        questions.append({"qid": f"q{n}", "question": f"{n} + 1 =", "gold": n + 1})
        for model, wrong in (("a", n % 5 == 0), ("b", n % 6 == 0), ("c", n % 20 == 0)):
            answer = f"{n + (7 if model == 'a' else 9) if wrong else n + 1}"
            sample = {"answer": answer, "correct": int(not wrong), "chars": 40}
            lines.append({"qid": f"q{n}", "model": model, "samples": [sample]})
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))
    config = {
        "schema_version": 1,
        "task": {"name": "replay", "options": {"read": "number"}},
        "fleet": {
            "name": "sums",
            "unit_model": "a",
            "models": [
                {"name": m, "engine": "replay", "endpoint": "?repeat=true", "parameters": size}
                for m, size in (("a", 10**6), ("b", 10**6), ("c", 10**8))
            ],
        },
        "space": {"slots": 2, "edges": "star", "roles": ["assistant"],
                  "sinks": ["cascade(share, 0.5):c"]},
        "graph_budget": "1.6e9 flops_plain",
        "search_budget": "1e15 flops_plain",
        "evaluation": {"rounds": 2, "per_round": 6, "blocks": [16], "search_items": 16,
                       "calibration_items": 16, "baselines": ["single"], "finalists": 3},
    }  # fmt: skip
    path = tmp_path / "search.json"
    path.write_text(json.dumps(config))
    return folder, path.rename(tmp_path / "search.yaml")


def test_a_search_on_a_record_by_one_command(record, tmp_path):
    folder, config = record
    out = tmp_path / "run"
    done = CliRunner().invoke(
        app, ["run", str(config), "--data", str(folder), "--out", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    result = json.loads((out / "result.json").read_text())
    assert "-> cascade(share, 0.5) c" in result["winner"]["text"]
    assert result["winner"]["fit"]["nodes"]
    page = (out / "report.html").read_text()
    assert "its model is asked where " in page
    assert "agree on, or else reads the question alone" in page
    kept = load_spec(out / "config.yaml")
    assert kept.task.options["path"] == str(folder)
    again = CliRunner().invoke(app, ["resume", str(out), "--json"])
    assert again.exit_code == 0, again.output
    bundle = CliRunner().invoke(app, ["export", str(out), str(tmp_path / "bundle")])
    assert bundle.exit_code == 0, bundle.output
    bad = CliRunner().invoke(app, ["run", "puzzle", "--data", str(folder)])
    assert bad.exit_code == 2
