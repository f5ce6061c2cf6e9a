"""What is predicted for a study, as numbers and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Phase", "Quote", "Range"]

_LONGEST_OPTION: Final = 80


@dataclass(frozen=True, slots=True)
class Range:
    """An expectation with a low and a high end."""

    expected: float
    low: float
    high: float

    def at_most(self, limit: float) -> "Range":
        """The part of it that lies within a limit."""
        return Range(min(self.expected, limit), min(self.low, limit), min(self.high, limit))

    def to_json(self) -> dict[str, float]:
        """All fields by name."""
        return {"expected": self.expected, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a study: search, selection, or test with baselines.

    Attributes:
        asked: calls counted for every graph that uses them.
        made: calls really made.
        tokens: of the calls made.
        cost: of the calls made, by currency (those that all models can be priced in).
    """

    asked: Range
    made: Range
    tokens: Range
    cost: dict[str, Range]

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "calls_asked": self.asked.to_json(),
            "calls_made": self.made.to_json(),
            "tokens": self.tokens.to_json(),
            "cost": {currency: part.to_json() for currency, part in self.cost.items()},
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """The prediction for a study.

    Attributes:
        rounds: rounds of the search.
        graphs: different graphs tried.
        stopped_by: `rounds` or `budget`.
        graph_cost: cost of one question over the graphs drawn, in the graph budget's currency.
        phases: `search`, `selection`, `test` and `total`.
        test_items: items the sealed test will have.
        lengths: mean tokens of question and answer that costs are expected by, in words.
        judge: the part of the total that a judge takes, None where no model judges.
        warnings: what to mend before one starts.
        ceiling: the budgets, which nothing that happens can pass.
        grader: who judges the answers: `name` and `options` (None where nobody knows them).
        no_time: why no time is predicted, "" when it is.
    """

    rounds: Range
    graphs: Range
    stopped_by: str
    graph_cost: Range
    currency: str
    phases: dict[str, Phase]
    test_items: Range
    lengths: str
    warnings: tuple[str, ...]
    no_time: str = ""
    judge: Phase | None = None
    ceiling: tuple[str, ...] = ()
    grader: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "rounds": self.rounds.to_json(),
            "graphs": self.graphs.to_json(),
            "stopped_by": self.stopped_by,
            "graph_cost": {"currency": self.currency, **self.graph_cost.to_json()},
            "phases": {name: phase.to_json() for name, phase in self.phases.items()},
            "test_items": self.test_items.to_json(),
            "lengths": self.lengths,
            "judge": None if self.judge is None else self.judge.to_json(),
            "no_time": self.no_time,
            "ceiling": list(self.ceiling),
            "grader": dict(self.grader),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        size = f"{_counted(self.graphs, 'graph')} in {_counted(self.rounds, 'round')}"
        each = f"{_text(self.graph_cost)} {self.currency} a question"
        lines = [f"{size} (ends by {self.stopped_by}), each {each}"]
        phases = dict(self.phases) if self.judge is None else {**self.phases, "judge": self.judge}
        for name, phase in phases.items():
            costs = [
                f"{_text(part)} {currency}"
                for currency, part in phase.cost.items()
                if currency not in {"calls", "tokens"}
            ]
            lines.append(
                f"{name:<10} {_counted(phase.made, 'call')} of {_text(phase.asked)} asked for, "
                + ", ".join([f"{_text(phase.tokens)} tokens", *costs])
            )
        if self.ceiling:
            lines.append(f"never over {' and '.join(self.ceiling)} (hard ceiling)")
        lines.append(f"test items {_text(self.test_items)}")
        if self.grader:
            lines.append(f"grader     {_grader_text(self.grader)}")
        lines.append(f"lengths    {self.lengths}")
        if self.no_time:
            lines.append(f"time       not known: {self.no_time}")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def _grader_text(grader: Mapping[str, Any]) -> str:
    options = _options_text(grader["options"] or {})
    return f"{grader['name']} ({options})" if options else str(grader["name"])


def _options_text(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_option_text(value)}" for name, value in options.items())


def _option_text(value: Any) -> str:
    """A model of a judge's own by its name, a long rubric by its beginning."""
    if isinstance(value, Mapping):
        return str(value["name"]) if "name" in value else f"({_options_text(value)})"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_OPTION else f"{text[: _LONGEST_OPTION - 3]}..."


def _counted(part: Range, noun: str) -> str:
    text = _text(part)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def _text(part: Range) -> str:
    shown = [
        f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in (part.expected, part.low, part.high)
    ]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"
