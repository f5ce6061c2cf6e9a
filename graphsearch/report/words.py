"""The sentences of the report: what was found, and what it does not show."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import GraphError
from graphsearch.report.numbers import (
    MINUS,
    amount,
    count,
    interval,
    percent,
    points,
    points_interval,
)
from graphsearch.study.verdict import Rival, Standing, claim, compared
from graphsearch.words import listing

__all__ = ["best_of_kinds", "headline", "limits", "standing", "tally", "verdict"]

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
    if row["kind"] not in _DERIVED and row["graph"] is not None:
        try:
            if CollaborationGraph.from_json(row["graph"]).key == winner["key"]:
                return "same"
        except GraphError:
            pass  # a record made up by hand; it is no graph, so it is not the winner's
    difference = row["difference"]
    if difference is None or difference["mean"] is None:
        return "unknown"
    low, high = difference["interval"]
    return "better" if low > 0 else "worse" if high < 0 else "unclear"


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
    test, rivals = result["test"], []
    for row in result["baselines"]:
        evidence, difference = row["evidence"], row["difference"]
        if test is None or row["oracle"] or evidence["accuracy"] is None:
            continue
        # A baseline that stopped early met fewer questions than the winner.
        if evidence["n"] + evidence["not_evaluated"] != test["n"] + test["not_evaluated"]:
            continue
        if difference is None or difference["mean"] is None:
            continue
        low, high = difference["interval"]
        rivals.append(
            Rival(
                name=row["name"],
                accuracy=evidence["accuracy"],
                used=evidence["used"],
                gain=difference["mean"],
                low=low,
                high=high,
                level=difference["level"],
                is_winner=standing(row, result["winner"]) == "same",
            )
        )
    found = compared(rivals, used=test["used"]) if test is not None else None
    if found is None:
        return "unknown", "It was not compared with any baseline."
    said = claim(found, minus=MINUS)
    return found.standing, f"{said[0].upper()}{said[1:]}."


def best_of_kinds(result: _Record) -> tuple[tuple[Standing, str], ...]:
    """The best baseline of each kind, and how the winner stands to it."""
    best: dict[str, _Record] = {}
    for row in result["baselines"]:
        if row["kind"] in _KINDS and not row["oracle"]:
            best[row["kind"]] = min(best.get(row["kind"], row), row, key=_rank)
    says = {"better": "clearly better", "worse": "clearly worse", "unclear": "no clear difference"}
    lines = []
    for kind, label in _KINDS.items():
        if kind not in best:
            continue
        row = best[kind]
        state, difference = standing(row, result["winner"]), row["difference"]
        if state == "same":
            said = "the same graph"
        elif state == "unknown":
            said = "not compared"
        else:
            span = points_interval(difference["interval"])
            said = f"{points(difference['mean'])} points ({span}), {says[state]}"
        lines.append((state, f"{label}, {row['name']}: {said}."))
    return tuple(lines)


def _rank(row: _Record) -> tuple[bool, float, float]:
    """The most accurate first; of those that tie, the one that is least clearly beaten."""
    accuracy, difference = row["evidence"]["accuracy"], row["difference"]
    low = 0.0 if difference is None else float(difference["interval"][0])
    return accuracy is None, -(accuracy or 0.0), low


def tally(result: _Record) -> str:
    """How many baselines the winner is clearly better than; the others by name."""
    rows = [r for r in result["baselines"] if not r["oracle"]]
    states = {r["name"]: standing(r, result["winner"]) for r in rows}
    better = list(states.values()).count("better")
    whom = "all of them" if better == len(rows) else str(better) if better else "none of them"
    parts = [f"Of {len(rows)} baselines, the winner is clearly better than {whom}"]
    others: dict[Standing, str] = {
        "unclear": "not clearly different from",
        "worse": "clearly worse than",
        "same": "the same graph as",
        "unknown": "not compared with",
    }
    for state, says in others.items():
        names = [name for name, found in states.items() if found == state]
        if names:
            parts.append(f"{says} {_listing(names)}")
    return "; ".join(parts) + "."


def _listing(names: Sequence[str]) -> str:
    return listing(names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"])


def limits(result: _Record) -> tuple[str, ...]:
    """What the result does not show. Facts of this run first, then what the study noted."""
    fleet, rows, test = result["fleet"]["models"], result["baselines"], result["test"]
    models, task = _listing([str(m["name"]) for m in fleet]), result["task"]["name"]
    said = [
        (
            f"These are facts about these models ({models}) on this task ({task}), "
            "with these prompts. Another fleet, task or prompt set needs its own search."
        )
    ]
    if {m.get("engine") for m in fleet} == {"embedded"}:
        said.append(
            "The embedded models are tiny and were trained for this project. What is seen here "
            "about graphs of them need not hold for large models."
        )
    best = next((r for r in rows if r["name"] == result["best_plain"]), None)
    if best and best["difference"] and best["difference"]["mean"] is not None:
        low, high = best["difference"]["interval"]
        said.append(
            f"With n = {count(best['difference']['n'])} questions, differences to {best['name']} "
            f"below about {(high - low) / 2 * 100:.1f} percentage points cannot be told "
            "from chance."
        )
    said.append(
        "Accuracies of graphs tried in the search come from search questions, and the best of "
        "many is partly luck. Only the held-out test counts: it was read once, after the "
        "winner was fixed."
    )
    compared_rows = sum(not r["oracle"] for r in rows)
    if compared_rows >= 5:
        said.append(
            f"Each of the {compared_rows} comparisons has its own interval; with so many, one "
            "or another may miss the truth by chance."
        )
    if result["budgets"]["graph"]["currency"] in ("units", "flops", "flops_plain"):
        said.append(
            "Cost is computed from real token counts by a formula for the arithmetic of "
            "the models. It is neither measured time nor measured energy."
        )
    if any(r["oracle"] for r in rows):
        said.append(
            "Rows marked oracle pick with the exact grader, which nobody has when questions are "
            "new. They show what picking could reach at most and are left out of the verdict."
        )
    if test is not None and test["not_evaluated"]:
        said.append(
            f"{count(test['not_evaluated'])} test questions were not evaluated because of "
            "infrastructure failures; they count neither as right nor as wrong."
        )
    return (*said, *(str(note) for note in result["notes"]))
