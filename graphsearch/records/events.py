"""What a study tells while it runs: one frozen record per kind of event.

The command line draws its live view from them, `EventLog` writes them to `events.jsonl`, and the
callback of a user gets the records. The table of kinds and fields is in `design/study.md`.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, TextIO

__all__ = [
    "AdviceGiven",
    "BaselineDone",
    "Best",
    "BlockDone",
    "BudgetState",
    "Done",
    "EndpointChanged",
    "Event",
    "EventLog",
    "Finalists",
    "LengthsMeasured",
    "Listener",
    "NotEvaluated",
    "RoundDone",
    "RoundStarted",
    "SearchStopped",
    "StudyStarted",
    "TrialDone",
    "WinnerFound",
    "read_events",
]


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One search budget: what is allowed, spent and left, in its currency."""

    currency: str
    allowed: float
    spent: float
    left: float


@dataclass(frozen=True, slots=True)
class Best:
    """The best graph so far, by lower bound, on the items it was tried on."""

    key: str
    text: str
    accuracy: float | None
    interval: tuple[float, float]
    n: int
    expected_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events carry.

    Attributes:
        budgets: the search budgets as they stand.
        best: best graph so far, None before the first result.
    """

    kind: ClassVar[str] = "event"
    budgets: tuple[BudgetState, ...] = ()
    best: Best | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as JSON, `event` first."""
        return {"event": self.kind} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


Listener = Callable[[Event], None]
"""Called in the study's thread, between calls; must return quickly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStarted(Event):
    """The study is open; `rounds_done` rounds were found on disk.

    `warnings` say what is likely not meant as it was given.
    """

    kind: ClassVar[str] = "study_started"
    task: str
    searcher: str
    seed: int
    resumed: bool
    rounds_done: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStarted(Event):
    """Graphs were proposed and the items of the round are fixed."""

    kind: ClassVar[str] = "round_started"
    round: int
    proposals: int
    incumbents: int
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDone(Event):
    """A block of items ended; `phase` is `search`, `selection`, `test` or `baseline`."""

    kind: ClassVar[str] = "block_done"
    phase: str
    block: int
    items: int
    alive: int
    stopped: int
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDone(Event):
    """One graph ended its race."""

    kind: ClassVar[str] = "trial_done"
    number: int
    round: int
    origin: str
    state: str
    key: str
    text: str
    n: int
    accuracy: float | None
    interval: tuple[float, float]
    expected_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanged(Event):
    """An endpoint gets fewer calls at a time than it could, or again as many.

    `limit` of at most `most` calls, none for `paused_s` seconds, because of `why` ("" when it is
    well again); with `is_down` it counts as dead.
    """

    kind: ClassVar[str] = "endpoint"
    endpoint: str
    limit: int
    most: int
    paused_s: float
    why: str
    is_down: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEvaluated(Event):
    """A question got no verdict, for a reason that is not the model's; told once for each model.

    `question` is how it begins; `model` is None where no call failed; `error` is what was said.
    """

    kind: ClassVar[str] = "not_evaluated"
    item: str
    question: str
    model: str | None
    outcome: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthsMeasured(Event):
    """Token lengths were measured: before the first round, and once more when the search ended.

    `source` says what expected costs stand on: `assumed`, `measured` or `told`. For `assumed`
    and `models` see `lengths` of `result.json`.
    """

    kind: ClassVar[str] = "lengths"
    source: str
    assumed: dict[str, int]
    models: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceGiven(Event):
    """The agent spoke; `valid` is False when nothing usable came."""

    kind: ClassVar[str] = "advice"
    round: int
    agent: str
    valid: bool
    summary: str
    edits: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDone(Event):
    """The searcher has learned from the round and all of it is on disk."""

    kind: ClassVar[str] = "round_done"
    round: int
    mean: float | None
    best_accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStopped(Event):
    """The search ended; what follows is selection and test."""

    kind: ClassVar[str] = "search_stopped"
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalists(Event):
    """These graphs meet on fresh items; the last `plain` of them for being the best baselines."""

    kind: ClassVar[str] = "finalists"
    graphs: tuple[dict[str, str], ...]
    items: int
    plain: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WinnerFound(Event):
    """The winner is fixed, with its result on the selection items."""

    kind: ClassVar[str] = "winner"
    key: str
    text: str
    accuracy: float | None
    interval: tuple[float, float]
    n: int
    expected_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineDone(Event):
    """One baseline was measured on the test items."""

    kind: ClassVar[str] = "baseline"
    name: str
    baseline: str
    n: int
    accuracy: float | None
    interval: tuple[float, float]
    difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The result is on disk."""

    kind: ClassVar[str] = "done"
    verdict: str
    seconds: float


class EventLog:
    """Appends events to a JSON Lines file, each with its number and time.

    Args:
        path: the file; its lines are counted so that numbers go on after a resume.
        clock: seconds since the epoch; given, because nothing here may read a clock by itself.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = sum(1 for _ in read_events(path))
        self._file: TextIO = path.open("a", encoding="utf-8")
        if path.stat().st_size:
            with path.open("rb") as file:
                file.seek(-1, 2)
                if file.read(1) != b"\n":  # a kill in the middle of a write
                    self._file.write("\n")

    def write(self, event: Event) -> None:
        """Append one event and hand it to the operating system."""
        record = event.to_json()
        line = {"event": record.pop("event"), "seq": self._next, "time": self._clock()} | record
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()
        self._next += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path) -> Iterable[dict[str, Any]]:
    """Events of a file in order; a line that cannot be read is skipped, a missing file is empty."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a kill in the middle of a write leaves half a line
            if isinstance(event, dict):
                yield event


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value
