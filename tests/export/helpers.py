"""Run folders and bundles to work on."""

import json
from pathlib import Path

from graphsearch.export import write_bundle
from graphsearch.export.record import content_digest
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.models import Fleet

PROMPTS = Path(__file__).parents[2] / "agents" / "prompts"

KEY = "sk-planted-0123456789"
QUESTION = "P 2 7 9 10 > 36"
EVIDENCE = {
    "n": 20,
    "not_evaluated": 0,
    "groups": 20,
    "accuracy": 0.4,
    "interval": [0.2, 0.6],
    "level": 0.95,
    "method": "wilson",
    "outcomes": {"answered": 20},
    "allowed": 18.0,
    "planned": 2.0,
    "used": 2.1,
    "currency": "units",
}


def graph_of(*models, sink="vote"):
    nodes = tuple(Node("assistant", model) for model in models)
    edges = tuple((i, len(models)) for i in range(len(models)))
    return CollaborationGraph((*nodes, Node(sink, None)), edges, len(models))


def result_of(graph, **changes):
    """`result.json` of a study that found `graph`."""
    budget = {"text": "18 units", "currency": "units", "allowed": 18.0}
    return {
        "schema_version": 1,
        "graphsearch_version": "0.1.0",
        "seed": 5,
        "task": {"name": "puzzle", "fingerprint": "f", "profile": {"question": 9, "answer": 16}},
        "fleet": Fleet.load("embedded").to_json(),
        "space": {},
        "searcher": {"name": "random", "options": {}},
        "agent": None,
        "settings": {},
        "budgets": {"graph": budget, "search": [], "evaluation": None},
        "stopped_by": {"rule": "rounds", "reason": "done"},
        "verdict": "It is not shown to beat anything.",
        "winner": {
            "graph": graph.to_json(),
            "key": graph.key,
            "text": graph.describe(),
            "mermaid": graph.to_mermaid(),
            "origin": "sample",
            "round": 0,
            "trial": 0,
            "expected_cost": 2.0,
        },
        "test": EVIDENCE,
        "selection": [{"key": graph.key, "text": graph.describe(), "evidence": EVIDENCE}],
        "baselines": [],
        "best_plain": None,
        "break_even": None,
        "spend": {},
        "calls": {},
        "outcomes": {},
        "rounds": [],
        "trials": [],
        "archive": [],
        "notes": [],
        **changes,
    }


def run_folder(folder, graph, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(result_of(graph, **changes)))
    return folder


def change(folder, edit, *, sign=True):
    """Edit the record of a bundle; signed again, it has a digest that fits."""
    path = folder / "graph.json"
    record = json.loads(path.read_text())
    edit(record)
    if sign:
        record["digest"] = content_digest(record)
    path.write_text(json.dumps(record))


def exported(tmp_path, *specs):
    """The folder of a bundle of `specs`, as their study writes it."""
    graph = graph_of(*(spec["name"] for spec in specs), specs[0]["name"])
    fleet = {"name": "f", "unit_model": specs[0]["name"], "models": list(specs)}
    task = result_of(graph)["task"] | {"grader": {"name": "numeric", "options": {}}}
    run = run_folder(tmp_path / "run", graph, fleet=fleet, task=task, prompt_set="chat")
    write_bundle(run, tmp_path / "bundle").close()
    return tmp_path / "bundle"


AWAY = {"endpoint": "http://127.0.0.1:9/v1", "api_key_env": "KEY_THERE"}
