"""From a finished run to a bundle."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.export._bundle import Bundle
from graphsearch.export._parts import find_sources
from graphsearch.export.record import (
    SCHEMA_VERSION,
    content_digest,
    evidence_part,
    graph_part,
    models_part,
    prompts_part,
    provenance_part,
)
from graphsearch.records.errors import BudgetRefused, ConfigError, StoreError
from graphsearch.records.urls import bare_url

if TYPE_CHECKING:
    from graphsearch.records.tasks import Task
    from graphsearch.study.result import Result

__all__ = ["write_bundle"]

_GRAPH = "graph.json"
_README = "README.md"


def write_bundle(
    source: "str | Path | Result",
    folder: str | Path,
    *,
    task: "Task | None" = None,
    prompt_set: str | Path | None = None,
    cap: str | None = None,
) -> Bundle:
    """Write the winner of a study as a bundle: `graph.json` and a `README.md`.

    Args:
        source: a run folder, or a result.
        folder: where to write; made if missing, and must not hold anything else.
        task: the task, where the run does not name one that can be found again.
        prompt_set: the prompt set, where the run does not name it.
        cap: most that one question may really use, such as `36 units`; None for no cap.

    Returns:
        The bundle, loaded from what was written.

    Raises:
        StoreError: the run has no finished result.
        ConfigError: the folder holds something else, or a part cannot be found.
        BudgetRefused: a model has no price in the cap's currency.
    """
    from graphsearch.cost import Amount, CostModel
    from graphsearch.export._load import load_bundle
    from graphsearch.records.tasks import TokenProfile

    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise ConfigError("is a file; a folder is needed", where=str(target))
    there = {path.name for path in target.iterdir()} if target.exists() else set()
    others = sorted(there - {_GRAPH, _README})
    if others:
        raise ConfigError(
            f"holds {others[0]!r}, which is no part of a bundle; choose an empty folder",
            where=str(target),
        )
    parts = find_sources(source, task=task, prompt_set=prompt_set)
    result, graph = parts.result, parts.graph
    if cap is not None:
        # Unknown is not zero: a cap that nothing could be held against is refused.
        amount = Amount.parse(cap, where="cap")
        lengths = TokenProfile(**parts.task["profile"])
        cost = CostModel(parts.fleet, lengths, amount.currency)
        for name in dict.fromkeys(n.model for n in graph.nodes if n.model is not None):
            reason = cost.can_price(name)
            if reason is not None:
                raise BudgetRefused(f"the cap of {amount} a question cannot be kept: {reason}")
        cap = str(amount)
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "task": dict(parts.task),
        **graph_part(graph, parts.roles),
        "prompts": prompts_part(parts.prompt_folder, parts.roles.version),
        **models_part(graph, parts.fleet, parts.engines),
        "caps": {
            "per_question": cap,
            "graph_budget": result["budgets"]["graph"]["text"],
            "expected": result["winner"]["expected_cost"],
        },
        "evidence": evidence_part(result),
        "provenance": provenance_part(result, parts.config_digest),
    }
    if "fit" in result["winner"]:
        record["fit"] = result["winner"]["fit"]
    record["digest"] = content_digest(record)
    target.mkdir(parents=True, exist_ok=True)
    _replace(target / _README, readme(record))
    _replace(target / _GRAPH, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    # Its keys and addresses are of a fleet that the caller has searched with.
    specs = [spec for spec in parts.fleet.models if spec.name in record["fingerprints"]]
    return load_bundle(
        target,
        endpoints={spec.name: bare_url(spec.endpoint) for spec in specs if spec.endpoint},
        api_key_envs={spec.name: spec.api_key_env for spec in specs},
    )


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise StoreError(
            f"cannot be written: {error.strerror or error}", where=str(path)
        ) from error


def readme(record: dict[str, Any]) -> str:
    """What stands beside `graph.json`, for people."""
    test = record["evidence"]["test"]
    models = ", ".join(sorted(record["fingerprints"]))
    keys = {
        spec["name"]: spec["api_key_env"]
        for spec in record["fleet"]["models"]
        if spec["name"] in record["fingerprints"] and spec["api_key_env"] is not None
    }
    keys_wanted = f" The search used `api_key_envs={keys!r}`." if keys else ""
    if test is None or test["accuracy"] is None:
        measured = "The budget of the search left no questions for a held-out test."
    else:
        low, high = (100 * end for end in test["interval"])
        measured = (
            f"On {test['n']} held-out test questions it was right on "
            f"{100 * test['accuracy']:.1f} % ({100 * test['level']:.0f} % interval "
            f"{low:.1f} to {high:.1f})."
        )
    return f"""# {record["text"]}

A team of language models ({models}) for the task `{record["task"]["name"]}`, found by graphsearch.
{measured}

{record["evidence"]["verdict"]}

```mermaid
{record["mermaid"].strip()}
```

`graph.json` holds all of it: graph, prompts in full, models and their fingerprints, how tokens are
drawn, caps, the evidence with intervals, where it comes from, and a digest over the content. To
use it where graphsearch {record["provenance"]["graphsearch_version"]} is installed:

```python
from graphsearch.export import load_bundle

with load_bundle("path/to/this/folder") as bundle:
    print(bundle.answer_sync("your question").text)
```

Loading checks the digest and that the models are those of the evidence; nothing in here is code.
Models that are served elsewhere now: `load_bundle(folder, endpoints={{model: url}})`. Questions go
to the endpoints of the models; a key goes there only when you name its environment variable
yourself: `api_key_envs={{model: variable}}`.{keys_wanted}
"""
