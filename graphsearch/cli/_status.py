"""`graphsearch status`: how a run stands, from its folder alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from graphsearch.cli._options import AsJson, RunFolder
from graphsearch.cli._output import amount, emit, interval, percent

__all__ = ["status"]


def status(run: RunFolder, as_json: AsJson = False) -> None:
    """Show how a run stands: rounds, spend, best graph so far."""
    from graphsearch.study.lengths import length_lines

    found = read_status(run)
    if as_json:
        emit(found)
        return
    best = found["best"]
    rows = [
        ("run", f"{found['run']} ({found['state']})"),
        ("task", f"{found['task']} with {found['searcher']}, seed {found['seed']}"),
        ("rounds", f"{found['rounds']}, {found['trials']} trials"),
    ]
    for state in found["budgets"]:
        spent, allowed = amount(state["spent"]), amount(state["allowed"])
        rows.append(("spent", f"{spent} of {allowed} {state['currency']}"))
    if found["trouble"]:
        rows.append(("trouble", found["trouble"]))
    if found["lengths"] is not None:
        rows += [("lengths", line) for line in length_lines(found["lengths"])]
    if best is not None:
        measured = f"{percent(best['accuracy'])} {interval(*best['interval'])} n {best['n']}"
        # Picked as the best of many on few questions, so mostly luckier than it is good.
        on = "  (on search questions)" if found["verdict"] else ""
        rows.append(("best", f"{measured}  {best['text']}{on}"))
    if found["verdict"]:
        rows.append(("verdict", found["verdict"]))
    if found["state"] == "unfinished":
        rows.append(("next", f"graphsearch resume {found['run']}"))
    for label, text in rows:
        typer.echo(f"{label:<9}{text}")


def read_status(run: Path) -> dict[str, Any]:
    """The state of a run folder; another process may be at work on it.

    What was spent is read from the books, which are always current: the last event may be minutes
    old. Where they cannot be read, `trouble` says why, and the last event has the word.

    Raises:
        StoreError: it is no run folder.
    """
    from graphsearch.records.errors import StoreError
    from graphsearch.records.events import read_events
    from graphsearch.store import Store
    from graphsearch.study.folder import spent_in

    if not (run / "config.yaml").is_file() and not (run / "events.jsonl").is_file():
        raise StoreError("holds no run", where=str(run))
    found: dict[str, Any] = {
        "run": str(run),
        "state": "finished" if (run / "result.json").is_file() else "unfinished",
        "task": None,
        "searcher": None,
        "seed": None,
        "rounds": 0,
        "trials": 0,
        "phase": None,
        "budgets": [],
        "best": None,
        "lengths": None,
        "verdict": None,
        "last_event": None,
        "trouble": None,
    }
    trials: set[int] = set()
    for event in read_events(run / "events.jsonl"):
        _take(found, trials, event)
    found["trials"] = len(trials)
    if (run / "study.db").is_file():
        try:
            with Store.open(run, read_only=True) as store:
                spent = [asdict(state) for state in spent_in(store)]
                found["budgets"] = spent or found["budgets"]
        except StoreError as error:
            found["trouble"] = str(error)
    return found


def _take(found: dict[str, Any], trials: set[int], event: dict[str, Any]) -> None:
    found["last_event"] = event.get("time")
    found["budgets"] = event.get("budgets") or found["budgets"]
    found["best"] = event.get("best") or found["best"]
    match event.get("event"):
        case "study_started":
            found |= {name: event[name] for name in ("task", "searcher", "seed")}
        case "round_done":
            found["rounds"] = max(found["rounds"], event["round"] + 1)
        case "block_done":
            found["phase"] = event["phase"]
        case "trial_done":
            trials.add(event["number"])
        case "lengths":
            found["lengths"] = {name: event[name] for name in ("source", "assumed", "models")}
        case "done":
            found["verdict"] = event["verdict"]
        case _:
            pass
