"""Reads what a report is made from: a `Result`, or the run folder of a finished study."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from graphsearch.records.errors import StoreError

__all__ = ["FinishedRun", "HasJson", "read_run"]

SCHEMA_VERSION = 1
_AS_IS = {"target", "table", "space", "fleet", "settings", "searcher", "agent", "raw"}


@runtime_checkable
class HasJson(Protocol):
    """What a `Result` offers: its record as JSON (design/study.md, schema 1)."""

    def to_json(self) -> dict[str, Any]:
        """The record."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """Everything the report shows.

    Attributes:
        result: `result.json`, schema 1.
        folder: the run folder's name, None when made from a `Result`.
        config: text of `config.yaml`, None when absent.
        timing: `timing.json`, None when absent.
    """

    result: Mapping[str, Any]
    folder: str | None = None
    config: str | None = None
    timing: Mapping[str, Any] | None = None


def read_run(source: "str | Path | HasJson") -> FinishedRun:
    """Reads a run folder, or takes a `Result` as it is.

    Raises:
        StoreError: the folder or its result is missing, unreadable or of another schema.
    """
    if not isinstance(source, (str, Path)):
        return FinishedRun(_readable(_checked(source.to_json(), "result")))
    from graphsearch.study.result import Result

    folder = Path(source)
    result = folder / "result.json"
    if not folder.is_dir():
        raise StoreError("is no run folder", where=str(folder))
    if not result.is_file():
        Result.load(folder)  # says whether there is a search that could be ended
    record = _readable(_checked(_json(result), str(result)))
    Result.load(folder)  # says what a damaged record lacks
    timing = folder / "timing.json"
    config = folder / "config.yaml"
    return FinishedRun(
        result=record,
        folder=folder.resolve().name,
        config=config.read_text(encoding="utf-8", errors="replace") if config.is_file() else None,
        timing=_json(timing) if timing.is_file() else None,
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise StoreError(f"cannot be read: {error}", where=str(path)) from error


def _checked(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or value.get("schema_version") != SCHEMA_VERSION:
        found = value.get("schema_version") if isinstance(value, Mapping) else type(value).__name__
        raise StoreError(f"has schema {found}, this report reads {SCHEMA_VERSION}", where=where)
    return value


def _readable(value: Any) -> Any:
    """The record with `→` in place of `->` in texts; names of logits and settings stay."""
    if isinstance(value, str):
        return value.replace("->", "→")
    if isinstance(value, Mapping):
        return {k: v if k in _AS_IS else _readable(v) for k, v in value.items()}
    return [_readable(entry) for entry in value] if isinstance(value, list | tuple) else value
