"""Which study this was: versions, seeds, digests and settings."""

import json
from collections.abc import Mapping
from typing import Any

from graphsearch.report._read import Run

__all__ = ["provenance"]

_Record = Mapping[str, Any]


def provenance(run: Run) -> dict[str, Any]:
    """Facts that say which study this was, and the whole of its settings as text."""
    result = run.result
    profile = result["task"]["profile"]
    facts = {
        "graphsearch": result["graphsearch_version"],
        "run folder": run.folder,
        "seed": result["seed"],
        "task": result["task"]["name"],
        "task fingerprint": result["task"]["fingerprint"] or None,
        "questions": ", ".join(f"{k} {v:,}" for k, v in result["task"]["items"].items()),
        "token profile": f"question {profile['question']}, answer {profile['answer']}",
        "fleet": result["fleet"].get("name"),
        "prices": _prices(result),
        "prompts": result.get("prompts"),
        "searcher": result["searcher"]["name"],
        "agent": result["agent"]["name"] if result["agent"] else "none",
        "stopped by": _stopped(result),
        "winner": f"trial {result['winner']['trial']}, round {result['winner']['round']}",
        "winner's key": result["winner"]["key"],
        "seconds": _seconds(run.timing),
    }
    texts = {
        "space": result["space"],
        "fleet": result["fleet"],
        "searcher and agent": {"searcher": result["searcher"], "agent": result["agent"]},
        "settings": result["settings"],
    }
    shown = {k: json.dumps(v, indent=2, ensure_ascii=False) for k, v in texts.items()}
    if run.config is not None:
        shown = {"config.yaml": run.config, **shown}
    return {
        "facts": {k: str(v) for k, v in facts.items() if v is not None},
        "texts": shown,
    }


def _prices(result: _Record) -> str | None:
    """Where prices come from and of which date, for each source that names itself."""
    by_source: dict[str, list[str]] = {}
    for model in result["fleet"].get("models", ()):
        if model.get("price_source"):
            by_source.setdefault(model["price_source"], []).append(model["name"])
    parts = [f"{', '.join(names)}: {source}" for source, names in by_source.items()]
    return "; ".join(parts) or None


def _stopped(result: _Record) -> str | None:
    stop = result["stopped_by"]
    return f"{stop['rule']}: {stop['reason']}" if stop else None


def _seconds(timing: Mapping[str, Any] | None) -> str | None:
    if not timing or not timing.get("seconds"):
        return None
    return ", ".join(f"{k} {v:,.1f}" for k, v in timing["seconds"].items())
