"""The sentences of the report: what was found, and what it does not show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsearch.report._numbers import (
    MINUS,
    amount,
    count,
    interval,
    number,
    percent,
    points,
    points_interval,
)
from graphsearch.study.verdict import Comparison, Rival, Standing, claim, compared
from graphsearch.words import listing

__all__ = [
    "Standing",
    "break_even",
    "described_accuracy",
    "headline",
    "limits",
    "rivals",
    "standing",
    "tally",
    "verdict",
]

_Record = Mapping[str, Any]
_DERIVED = ("sampled", "best_of_n")
"""Kinds of rows that only share the draws of the graph that stands in their record."""
_KINDS = {
    "single": "Against the best single model",
    "self_consistency": "Against the best vote (self-consistency)",
    "select": "Against the best pick of an answer that claims success",
    "fuser": "Against the best fuser over equal answers",
}


def standing(row: _Record, winner: _Record) -> Standing:
    """How the winner stands to a row, by the interval of their paired difference."""
    difference = row["difference"]
    if row["kind"] not in _DERIVED and _key(row["graph"]) == winner["key"]:
        return "same"
    if difference is None or difference["mean"] is None:
        return "unknown"
    low, high = difference["interval"]
    return "better" if low > 0 else "worse" if high < 0 else "unclear"


def _key(graph: _Record | None) -> str | None:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.errors import GraphError

    try:
        return None if graph is None else CollaborationGraph.from_json(graph).key
    except GraphError:
        return None  # a record made up by hand; it is no graph, so it is not the winner's


def headline(result: _Record) -> str:
    """What the winner reaches, with interval, n and cost."""
    winner, test = result["winner"], result["test"]
    if test is None or test["accuracy"] is None:
        return (
            f"{winner['text']} was chosen, but the budget left nothing to test it on: "
            "how good it is on unseen questions is not known."
        )
    size = len(winner["graph"]["nodes"])
    who = f"A graph of {size} nodes" if size > 1 else f"One call of {winner['text']}"
    return (
        f"{who} answers {percent(test['accuracy'])} of {count(test['n'])} unseen questions right "
        f"({test['level'] * 100:.0f}\u00a0% interval {interval(test['interval'])}), "
        f"for {amount(test['used'], test['currency'])} a question."
    )


def verdict(result: _Record) -> tuple[Standing, str]:
    """Whether the winner beats the best baselines, by how much and at what cost."""
    found = _comparison(result)
    if found is None:
        return "unknown", "It was not compared with any baseline."
    said = claim(found, minus=MINUS)
    return found.standing, f"{said[0].upper()}{said[1:]}."


def _comparison(result: _Record) -> Comparison | None:
    test = result["test"]
    if test is None:
        return None
    items = test["n"] + test["not_evaluated"]
    return compared(
        [
            _rival(row, result["winner"])
            for row in result["baselines"]
            if not row["oracle"] and _items(row["evidence"]) == items
            if row["evidence"]["accuracy"] is not None
            if row["difference"] is not None and row["difference"]["mean"] is not None
        ],
        used=test["used"],
    )


def _items(evidence: _Record) -> int:
    return int(evidence["n"]) + int(evidence["not_evaluated"])


def _rival(row: _Record, winner: _Record) -> Rival:
    difference, evidence = row["difference"], row["evidence"]
    low, high = difference["interval"]
    return Rival(
        name=row["name"],
        accuracy=evidence["accuracy"],
        used=evidence["used"],
        gain=difference["mean"],
        low=low,
        high=high,
        level=difference["level"],
        is_winner=standing(row, winner) == "same",
    )


def rivals(result: _Record) -> tuple[tuple[Standing, str], ...]:
    """The best baseline of each kind, and how the winner stands to it."""
    rows = sorted(
        (r for r in result["baselines"] if r["kind"] in _KINDS and not r["oracle"]),
        key=lambda r: (
            r["evidence"]["accuracy"] is None,
            -(r["evidence"]["accuracy"] or 0.0),
            # Of those that tie, the one that the winner is least clearly better than.
            _low(r),
        ),
    )
    best = {row["kind"]: row for row in reversed(rows)}
    return tuple(
        (state, f"{label}, {best[kind]['name']}: {_told(best[kind], state)}.")
        for kind, label in _KINDS.items()
        if kind in best
        for state in (standing(best[kind], result["winner"]),)
    )


def _low(row: _Record) -> float:
    difference = row["difference"]
    return 0.0 if difference is None else float(difference["interval"][0])


def _told(row: _Record, state: Standing) -> str:
    if state == "same":
        return "the same graph"
    if state == "unknown":
        return "not compared"
    says = {"better": "clearly better", "worse": "clearly worse", "unclear": "no clear difference"}
    difference = row["difference"]
    gain, span = points(difference["mean"]), points_interval(difference["interval"])
    return f"{gain} points ({span}), {says[state]}"


def tally(result: _Record) -> str:
    """How many baselines the winner is clearly better than; the others by name."""
    rows = [r for r in result["baselines"] if not r["oracle"]]
    states = {r["name"]: standing(r, result["winner"]) for r in rows}
    named: dict[str, list[str]] = {}
    for name, state in states.items():
        named.setdefault(state, []).append(name)
    better = len(named.get("better", []))
    whom = "all of them" if better == len(rows) else str(better) if better else "none of them"
    parts = [f"Of {len(rows)} baselines, the winner is clearly better than {whom}"]
    if named.get("unclear"):
        parts.append(f"not clearly different from {_listing(named['unclear'])}")
    if named.get("worse"):
        parts.append(f"clearly worse than {_listing(named['worse'])}")
    if named.get("same"):
        parts.append(f"the same graph as {_listing(named['same'])}")
    if named.get("unknown"):
        parts.append(f"not compared with {_listing(named['unknown'])}")
    return "; ".join(parts) + "."


def _listing(names: Sequence[str]) -> str:
    return listing(names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"])


def break_even(result: _Record) -> str | None:
    """When the search has paid for itself, or why it never does; the study's own sentence."""
    record = result["break_even"]
    return None if record is None else str(record["reason"])


@dataclass(frozen=True, slots=True)
class _Facts:
    models: str
    engines: str
    task: str


def limits(result: _Record) -> tuple[str, ...]:
    """What the result does not show. Facts of this run first, then what the study noted."""
    facts = _facts(result)
    said = [
        (
            f"These are facts about these models ({facts.models}) on this task ({facts.task}), "
            "with these prompts. Another fleet, task or prompt set needs its own search."
        ),
        *_embedded(result),
        *_resolution(result),
        (
            "Accuracies of graphs tried in the search come from search questions, and the best of "
            "many is partly luck. Only the held-out test counts: it was read once, after the "
            "winner was fixed."
        ),
        *_many_rows(result),
        *_cost_words(result),
        *_oracles(result),
        *_lost(result),
    ]
    return (*said, *(str(note) for note in result["notes"]))


def _facts(result: _Record) -> _Facts:
    models = [str(m["name"]) for m in result["fleet"]["models"]]
    engines = sorted({str(m.get("engine") or "unknown") for m in result["fleet"]["models"]})
    return _Facts(_listing(models), _listing(engines), str(result["task"]["name"]))


def _embedded(result: _Record) -> list[str]:
    if _facts(result).engines != "embedded":
        return []
    return [
        (
            "The embedded models are tiny and were trained for this project. What is seen here "
            "about graphs of them need not hold for large models."
        )
    ]


def _resolution(result: _Record) -> list[str]:
    row = next((r for r in result["baselines"] if r["name"] == result["best_plain"]), None)
    if row is None or row["difference"] is None or row["difference"]["mean"] is None:
        return []
    low, high = row["difference"]["interval"]
    return [
        (
            f"With n = {count(row['difference']['n'])} questions, differences to {row['name']} "
            f"below about {(high - low) / 2 * 100:.1f} percentage points cannot be told "
            "from chance."
        )
    ]


def _many_rows(result: _Record) -> list[str]:
    rows = [r for r in result["baselines"] if not r["oracle"]]
    if len(rows) < 5:
        return []
    return [
        (
            f"Each of the {len(rows)} comparisons has its own interval; with so many, one "
            "or another may miss the truth by chance."
        )
    ]


def _cost_words(result: _Record) -> list[str]:
    currency = result["budgets"]["graph"]["currency"]
    if currency in ("units", "flops", "flops_plain"):
        return [
            (
                "Cost is computed from real token counts by a formula for the arithmetic of "
                "the models. It is neither measured time nor measured energy."
            )
        ]
    return []


def _oracles(result: _Record) -> list[str]:
    if not any(r["oracle"] for r in result["baselines"]):
        return []
    return [
        (
            "Rows marked oracle pick with the exact grader, which nobody has when questions are "
            "new. They show what picking could reach at most and are left out of the verdict."
        )
    ]


def _lost(result: _Record) -> list[str]:
    test = result["test"]
    if test is None or not test["not_evaluated"]:
        return []
    return [
        (
            f"{count(test['not_evaluated'])} test questions were not evaluated because of "
            "infrastructure failures; they count neither as right nor as wrong."
        )
    ]


def described_accuracy(evidence: _Record) -> str:
    """`71.2 % (67.0 to 75.1 %), n = 512`."""
    return (
        f"{percent(evidence['accuracy'])} ({interval(evidence['interval'])}), "
        f"n = {number(evidence['n'])}"
    )
