"""The content of `graph.json`, and its digest."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphsearch import __version__
from graphsearch.engines.base import Engine
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import digest
from graphsearch.records.models import Fleet
from graphsearch.records.roles import NodeContext, Role, SpeakingRole
from graphsearch.records.urls import bare_url

__all__ = ["SCHEMA_VERSION", "content_digest", "evidence_part", "graph_part", "models_part"]

SCHEMA_VERSION = 1
PROMPT_SUFFIXES = (".jinja", ".yaml")


def content_digest(record: Mapping[str, Any]) -> str:
    """Digest of everything in a bundle's record but the digest itself."""
    return digest({key: value for key, value in record.items() if key != "digest"}, size=32)


def graph_part(graph: CollaborationGraph, roles: Mapping[str, Role]) -> dict[str, Any]:
    """The graph, and for each node where it stands and how it draws its tokens."""
    nodes = []
    for i, node in enumerate(graph.nodes):
        role = roles[node.role]
        context = NodeContext(graph.in_degree(i), i == graph.sink)
        sampling = asdict(role.sampling(context)) if isinstance(role, SpeakingRole) else None
        parents = list(graph.parents(i))
        nodes.append(
            {"role": node.role, "model": node.model, "parents": parents, "sampling": sampling}
        )
    return {
        "graph": graph.to_json(),
        "text": graph.describe(),
        "mermaid": graph.to_mermaid(),
        "nodes": nodes,
    }


def prompts_part(folder: Path, version: str) -> dict[str, Any]:
    """A prompt set: every file of it, in full."""
    files = sorted(path for path in folder.iterdir() if path.suffix in PROMPT_SUFFIXES)
    texts = {path.name: path.read_bytes().decode("utf-8") for path in files}
    return {"name": folder.name, "version": version, "files": texts}


def models_part(
    graph: CollaborationGraph, fleet: Fleet, engines: Mapping[str, Engine]
) -> dict[str, Any]:
    """The models the graph uses (and the one that a unit is made of), with their fingerprints."""
    used = {node.model for node in graph.nodes if node.model is not None}
    specs = [spec for spec in fleet.models if spec.name in used or spec.name == fleet.unit_model]
    small = Fleet(fleet.name, tuple(specs), fleet.unit_model).to_json()
    for spec in small["models"]:
        if spec["endpoint"] is not None:
            spec["endpoint"] = bare_url(spec["endpoint"])
    marks = {name: engines[name].info(name).fingerprint for name in sorted(used)}
    return {"fleet": small, "fingerprints": marks}


def evidence_part(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a study found of its winner: accuracies with n and intervals, and what it was beside.

    Args:
        result: `result.json`.
    """
    key = result["winner"]["key"]
    selection = [f["evidence"] for f in result["selection"] if f["key"] == key]
    names = ("accuracy", "interval", "n", "used", "currency", "outcomes")
    return {
        "verdict": result["verdict"],
        "test": result["test"],
        "selection": selection[0] if selection else None,
        "baselines": [
            {
                "name": row["name"],
                "oracle": row["oracle"],
                **{name: row["evidence"][name] for name in names},
                "difference": row["difference"],
            }
            for row in result["baselines"]
        ],
        "best_plain": result["best_plain"],
        "notes": result["notes"],
    }


def provenance_part(result: Mapping[str, Any], config_digest: str | None) -> dict[str, Any]:
    """Where the winner comes from: enough to repeat the search."""
    return {
        "graphsearch_version": __version__,
        "searched_with": result.get("graphsearch_version"),
        "seed": result["seed"],
        "searcher": result["searcher"],
        "agent": result["agent"],
        "config_digest": config_digest,
        "result_digest": digest(result, size=32),
    }
