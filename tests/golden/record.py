"""What is kept of a run: read from the files of its folder, shortened, and compared.

Times, paths and versions are left out. Bulky tables of the database become one digest for each
account and model, so that a difference still says where it lies.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

__all__ = ["GOLDEN", "differences", "dump", "kinds", "load", "read_run", "scrubbed"]

GOLDEN = Path(__file__).parent / "files"

_TIMES = {"time", "seq", "seconds", "paused_s"}
_SPENT = ("units", "flops", "flops_plain", "tokens", "usd", "calls")
_MISSING = "(nothing)"


def read_run(folder: Path, home: Path) -> dict[str, Any]:
    """All that a golden file keeps of a run folder in a temporary home."""
    with closing(sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True)) as database:
        journal, ledger = _journal(database, home), _ledger(database)
    record = {
        "result": _result(folder / "result.json"),
        "events": list(_events(folder / "events.jsonl")),
        "journal": journal,
        "ledger": ledger,
    }
    return scrubbed(record, home)


def scrubbed(value: Any, home: Path) -> Any:
    """The value with the path of a temporary folder replaced in all texts."""
    return json.loads(json.dumps(value).replace(str(home), "HOME"))


def _result(path: Path) -> dict[str, Any]:
    """The result without its version; graphs told by a key elsewhere are not told twice."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del result["graphsearch_version"]
    for entry in result["archive"]:
        del entry["graph"]
    for spent in (result["spend"], *(r["spent"] for r in result["rounds"])):
        spent.pop("seconds", None)
    return result


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Events without times; budgets and the best graph where they differ from the event before."""
    last: dict[str, Any] = {"budgets": None, "best": None}
    for line in path.read_text(encoding="utf-8").splitlines():
        event = {name: value for name, value in json.loads(line).items() if name not in _TIMES}
        best = event.pop("best")
        seen = {"best": best and [best["key"], best["n"], best["interval"]]}
        seen["budgets"] = [[b["currency"], b["spent"], b["left"]] for b in event.pop("budgets")]
        event |= {name: value for name, value in seen.items() if value != last[name]}
        last = seen
        yield event


def kinds(path: Path, first: int) -> list[str]:
    """Kinds of the events of a file from the first one on, equal neighbours counted."""
    found: list[tuple[str, int]] = []
    for line in path.read_text(encoding="utf-8").splitlines()[first:]:
        kind = json.loads(line)["event"]
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + 1)
        else:
            found.append((kind, 1))
    return [kind if count == 1 else f"{kind} x{count}" for kind, count in found]


def _journal(database: sqlite3.Connection, home: Path) -> dict[str, Any]:
    """Rows by account and model, with a digest of their sorted keys and one of their replies."""
    groups: dict[str, dict[str, list[str]]] = {}
    rows = database.execute("SELECT account, model, key, outcome, text FROM calls ORDER BY key")
    for account, model, key, outcome, text in rows:
        group = groups.setdefault(f"{account}/{model}", {"keys": [], "replies": []})
        group["keys"].append(key)
        group["replies"].append(f"{key} {outcome} {text}")
    told: dict[str, Any] = {
        name: {"rows": len(group["keys"]), **{what: _digest(group[what]) for what in group}}
        for name, group in groups.items()
    }
    failed = database.execute("SELECT account, model, key, outcome FROM failures").fetchall()
    lost = sorted(" ".join(row) for row in failed)
    # Keys of verdicts follow from the place of a grading function's file, so their values are kept.
    verdicts = database.execute("SELECT item, value FROM verdicts")
    judged = sorted(" ".join(row).replace(str(home), "HOME") for row in verdicts)
    told["failures"] = {"rows": len(lost), "keys": _digest(lost)}
    told["verdicts"] = {"rows": len(judged), "values": _digest(judged)}
    return told


def _ledger(database: sqlite3.Connection) -> dict[str, Any]:
    """What each account spent, summed up over the rows of the journal, in quanta."""
    sums = ", ".join(f"SUM(spent_{name})" for name in _SPENT)
    told = {}
    for table in ("calls", "failures"):
        rows = database.execute(f"SELECT account, COUNT(*), {sums} FROM {table} GROUP BY account")
        for account, count, *spent in rows:
            told[f"{table}/{account}"] = {"rows": count, **dict(zip(_SPENT, spent, strict=True))}
    return told


def _digest(lines: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()


def dump(value: Any, indent: int = 0) -> str:
    """JSON with sorted keys; what fits on a line stands on one."""
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(flat) + indent <= 240 or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [
            f"{pad}{json.dumps(name, ensure_ascii=False)}: {dump(value[name], indent + 1)}"
            for name in sorted(value)
        ]
        return "{\n" + ",\n".join(parts) + "\n" + pad[1:] + "}"
    return "[\n" + ",\n".join(pad + dump(v, indent + 1) for v in value) + "\n" + pad[1:] + "]"


def load(name: str) -> Any:
    """The golden record of a world."""
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def differences(was: Any, now: Any, path: str = "") -> Iterator[str]:
    """A line for each place where two JSON values differ: the path, what was and what is."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            yield from differences(
                was.get(name, _MISSING), now.get(name, _MISSING), f"{path}/{name}"
            )
    elif isinstance(was, list) and isinstance(now, list):
        for place, (old, new) in enumerate(zip_longest(was, now, fillvalue=_MISSING)):
            yield from differences(old, new, f"{path}[{place}]")
    elif was != now or type(was) is not type(now):
        yield f"{path}: was {_short(was)} / is {_short(now)}"


def _short(value: Any) -> str:
    text = value if value is _MISSING else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 240 else f"{text[:240]}... ({len(text)} characters)"
