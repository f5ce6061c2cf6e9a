"""The result of a study: the winner, what it is worth, and everything that was tried."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from graphsearch.cost import Lengths
from graphsearch.exporters import EXPORTERS
from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError, StoreError
from graphsearch.records.fits import Fit
from graphsearch.study.asjson import AsJson
from graphsearch.study.evidence import Difference, Evidence, rounded

__all__ = [
    "SCHEMA_VERSION",
    "BreakEven",
    "Finalist",
    "Result",
    "Row",
    "Winner",
    "lengths_of_run",
    "write_json",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Winner:
    """The graph that won.

    Attributes:
        graph: the graph, canonical.
        origin: who proposed it first, in which `round`, as which `trial`.
        expected_cost: of one question, in the graph budget's currency.
        fit: of its fitted parts, None where it has none.
    """

    graph: "CollaborationGraph"
    origin: str
    round: int
    trial: int
    expected_cost: float
    fit: "Fit | None" = None

    def to_json(self) -> dict[str, Any]:
        """Graph, its key, text and drawing, and where it came from."""
        return {
            "graph": self.graph.to_json(),
            "key": self.graph.key,
            "text": self.graph.describe(),
            "mermaid": self.graph.to_mermaid(),
            "origin": self.origin,
            "round": self.round,
            "trial": self.trial,
            "expected_cost": self.expected_cost,
            **({} if self.fit is None else {"fit": self.fit.to_json()}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Winner":
        """The record that `to_json` wrote."""
        return cls(
            CollaborationGraph.from_json(values["graph"]),
            values["origin"],
            values["round"],
            values["trial"],
            values["expected_cost"],
            Fit.from_json(values["fit"], where="winner.fit") if "fit" in values else None,
        )


@dataclass(frozen=True, slots=True)
class Finalist(AsJson):
    """A graph on the selection items."""

    key: str
    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Row(AsJson):
    """A baseline and how the winner compares.

    Attributes:
        name: short text, such as `5x xs -> vote`.
        kind: `single`, `sampled`, `self_consistency`, `select`, `best_of_n` or `fuser`.
        model: the model that answers (or fuses).
        copies: how many answers are drawn.
        oracle: True when it needs the grader to choose, which a user may not have.
        graph: the graph that was run as JSON, None when none stands for it.
        evidence: on the same items as the winner.
        difference: winner minus this.
    """

    name: str
    kind: str
    model: str
    copies: int
    oracle: bool
    graph: Mapping[str, Any] | None
    evidence: Evidence
    difference: Difference | None

    def answers_by(self, graph: "CollaborationGraph") -> bool:
        """True when this row's answers are those of `graph` itself, not read from its draws."""
        if self.graph is None or self.oracle or self.kind == "sampled":
            return False
        return CollaborationGraph.from_json(self.graph).key == graph.key


@dataclass(frozen=True, slots=True)
class BreakEven(AsJson):
    """After how many questions a right answer costs less with the winner, search included.

    Attributes:
        against: name of the row compared with.
        questions: that number, None when it is never reached.
        spend: what the study spent in all, in `currency`.
        reason: one plain sentence.
    """

    against: str
    questions: int | None
    spend: float
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a study found. Printing it shows the comparison; `to_json` is `result.json`.

    Attributes:
        winner: the graph that won.
        test: the winner on the held-out test, None when the budget afforded none.
        selection: finalists, best first.
        baselines: what was measured on the same test items, best first.
        best_plain: name of the best of them that is no oracle.
        verdict: one plain sentence.
        break_even: against `best_plain`, None when there is none.
        stopped_by: `rule` and `reason` of the end of the search.
        spend: currency -> `total` and `accounts`.
        calls: `asked`, `made` and `accounts`.
        outcomes: account -> outcome -> count.
        rounds, trials, archive: what was tried (shapes in `design/study.md`).
        provenance: seed, version, task, fleet, space, searcher, agent, settings, budgets.
        notes: what a reader must know.
        losses: questions that were not evaluated, with `item`, `model`, `outcome`, `error` and how
            many `answers` that took; counts of all outcomes are in `outcomes`.
        lengths: token lengths as planned with and as measured, by model; None in older records.
        judge: the model that judged, and its agreement with people; None where none did.
        folder: where the run lies, None when it was temporary; not part of the record.
    """

    winner: Winner
    test: Evidence | None
    selection: tuple[Finalist, ...]
    baselines: tuple[Row, ...]
    best_plain: str | None
    verdict: str
    break_even: BreakEven | None
    stopped_by: Mapping[str, str]
    spend: Mapping[str, Any]
    calls: Mapping[str, Any]
    outcomes: Mapping[str, Mapping[str, int]]
    rounds: Sequence[Mapping[str, Any]]
    trials: Sequence[Mapping[str, Any]]
    archive: Sequence[Mapping[str, Any]]
    provenance: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    lengths: Mapping[str, Any] | None = None
    judge: Mapping[str, Any] | None = None
    losses: tuple[Mapping[str, Any], ...] = ()
    folder: Path | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The whole record; equal seeds on deterministic engines give equal JSON."""
        record = {
            "schema_version": SCHEMA_VERSION,
            **self.provenance,
            "stopped_by": self.stopped_by,
            "verdict": self.verdict,
            "winner": self.winner.to_json(),
            "test": None if self.test is None else self.test.to_json(),
            "selection": [finalist.to_json() for finalist in self.selection],
            "baselines": [row.to_json() for row in self.baselines],
            "best_plain": self.best_plain,
            "break_even": None if self.break_even is None else self.break_even.to_json(),
            "spend": self.spend,
            "calls": self.calls,
            "outcomes": self.outcomes,
            "notes": list(self.notes),
            "losses": list(self.losses),
            "lengths": self.lengths,
            "judge": self.judge,
            "rounds": self.rounds,
            "archive": self.archive,
            "trials": self.trials,
        }
        return {name: rounded(part) for name, part in record.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], *, folder: Path | None = None) -> "Result":
        """The result that `to_json` wrote.

        Raises:
            StoreError: the record is of a schema this version does not know.
        """
        if record.get("schema_version") != SCHEMA_VERSION:
            found = record.get("schema_version")
            raise StoreError(f"result has schema {found}, this version reads {SCHEMA_VERSION}")
        parts = dict(record)
        names = ("stopped_by", "verdict", "best_plain", "spend", "calls", "outcomes", "rounds")
        plain: dict[str, Any] = {n: parts.pop(n) for n in (*names, "archive", "trials")}
        parts.pop("schema_version")
        test, even = parts.pop("test"), parts.pop("break_even")
        return cls(
            winner=Winner.from_json(parts.pop("winner")),
            test=None if test is None else Evidence.from_json(test),
            selection=tuple(map(Finalist.from_json, parts.pop("selection"))),
            baselines=tuple(map(Row.from_json, parts.pop("baselines"))),
            break_even=None if even is None else BreakEven.from_json(even),
            notes=tuple(parts.pop("notes")),
            lengths=parts.pop("lengths", None),
            judge=parts.pop("judge", None),
            losses=tuple(parts.pop("losses", ())),
            provenance=parts,
            folder=folder,
            **plain,
        )

    @classmethod
    def load(cls, source: str | Path) -> "Result":
        """The result in a run folder or a `result.json`.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        path = Path(source)
        path = path / "result.json" if path.is_dir() else path
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            message = "holds no finished result"
            if (path.parent / "study.db").is_file():
                message += f"; `graphsearch resume {path.parent}` ends a search that was stopped"
            raise StoreError(message, where=str(source)) from None
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot be read as a result: {error}", where=str(path)) from error
        try:
            return cls.from_json(record, folder=path.parent)
        except StoreError as error:
            raise StoreError(str(error), where=str(path)) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"is damaged: {type(error).__name__}: {error}", where=str(path)) from (
                error
            )

    def save(self, folder: str | Path) -> Path:
        """Write `result.json` into `folder` (made if missing), by temporary file and rename."""
        path = Path(folder) / "result.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, self.to_json())
        return path

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file; returns where it is."""
        found: Path = self.export(path, exporter="report")
        return found

    def export(self, target: str | Path, *, exporter: str = "bundle", **options: Any) -> Any:
        """Write this result in another form.

        Args:
            target: where to.
            exporter: `bundle`, which serves the winner elsewhere and is returned as a `Bundle`,
                `report`, or one that a package brings.
            **options: the exporter's; those of `graphsearch.export.write_bundle` for a bundle.
        """
        source = self if self.folder is None else self.folder
        return EXPORTERS.find(exporter)(source, target, **options)

    def without_folder(self) -> "Result":
        """The same result, for a run folder that is gone."""
        return replace(self, folder=None)

    def row(self, name: str) -> Row:
        """The baseline of that name; raises `KeyError`."""
        for row in self.baselines:
            if row.name == name:
                return row
        raise KeyError(name)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from graphsearch.study.show import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from graphsearch.study.show import as_html

        return as_html(self)


def write_json(path: Path, value: Any) -> None:
    """Write a `.json` file by temporary file and rename."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    beside = path.with_suffix(".json.part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def lengths_of_run(folder: str | Path) -> Lengths:
    """The lengths that a finished study measured.

    Raises:
        StoreError: it has no result.
        ConfigError: it measured none.
    """
    told = Result.load(folder).lengths or {}
    found = {
        name: {key: value for key, value in one["measured"].items() if key != "cost"}
        for name, one in told.get("models", {}).items()
        if one["measured"] is not None
    }
    if not found:
        raise ConfigError("holds no measured token lengths", where=str(folder))
    return Lengths.from_json(found, where=str(folder))
