"""A result as plain text and as a small piece of HTML without scripts."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from graphsearch.records.calls import Outcome
from graphsearch.study.evidence import Difference, Evidence
from graphsearch.study.lengths import length_lines
from graphsearch.words import counted, decimals

if TYPE_CHECKING:
    from graphsearch.study.result import Result

__all__ = ["as_html", "as_text", "number", "percent", "points"]

_FAR_OFF = 0.1
"""Error of an expected cost from which on a reader is told of it."""


def percent(value: float | None) -> str:
    """A share as a percentage, `?` when unknown."""
    return "?" if value is None else f"{decimals(100 * value, ends=(0.0, 100.0))} %"


def number(value: float | None) -> str:
    """A cost in few digits, `?` when unknown."""
    if value is None:
        return "?"
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    if not 1e-6 <= abs(value) < 1e-4:
        return f"{value:.4g}"
    places = 4 - int(f"{value:e}".split("e")[1]) - 1
    return f"{value:.{places}f}"


def points(value: float) -> str:
    """A difference of shares in percentage points; nothing is minus zero."""
    text = decimals(100 * value)
    return f"+{text}" if float(text) > 0 else text


def as_text(result: "Result") -> str:
    """Verdict, comparison table, spend and notes."""
    rows = _rows(result)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [result.verdict, ""]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines += ["", *_tail(result)]
    return "\n".join(lines)


def as_html(result: "Result") -> str:
    """The same for a notebook: one table, everything escaped."""
    head, *body = _rows(result)
    cells = "".join(f"<th style='text-align:right'>{escape(cell)}</th>" for cell in head)
    lines = [f"<p><b>{escape(result.verdict)}</b></p><table><thead><tr>{cells}</tr></thead><tbody>"]
    for row in body:
        first, *rest = (escape(cell) for cell in row)
        tail = "".join(f"<td style='text-align:right'>{cell}</td>" for cell in rest)
        lines.append(f"<tr><td style='text-align:left'>{first}</td>{tail}</tr>")
    notes = "<br>".join(escape(line) for line in _tail(result))
    return "".join([*lines, f"</tbody></table><p>{notes}</p>"])


def _rows(result: "Result") -> list[Sequence[str]]:
    currency = result.provenance["budgets"]["graph"]["currency"]
    level = f"{100 * result.provenance['settings']['level']:g} % interval"
    head = ("", "accuracy", level, "n", f"used {currency}", "winner is better by")
    evidence = result.test
    where = "winner (test)"
    if evidence is None and result.selection:
        evidence, where = result.selection[0].evidence, "winner (selection)"
    rows: list[Sequence[str]] = [head]
    if evidence is not None:
        rows.append(_row(f"{where}: {result.winner.graph.describe()}", evidence, None))
    for row in result.baselines:
        name = f"{row.name} (oracle)" if row.oracle else row.name
        same = row.answers_by(result.winner.graph)
        rows.append(_row(name, row.evidence, "the same graph" if same else row.difference))
    return rows


def _row(name: str, evidence: Evidence, difference: Difference | str | None) -> Sequence[str]:
    interval = " to ".join(decimals(100 * end, ends=(0.0, 100.0)) for end in evidence.interval)
    better = difference if isinstance(difference, str) else ""
    if isinstance(difference, Difference) and difference.mean is not None:
        low_end, high_end = (points(end) for end in difference.interval)
        better = f"{points(difference.mean)} ({low_end} to {high_end})"
    accuracy = percent(evidence.accuracy)
    return name, accuracy, interval, str(evidence.n), number(evidence.used), better


def _tail(result: "Result") -> list[str]:
    lines = []
    for state in result.provenance["budgets"]["search"]:
        spent, allowed = number(state["spent"]), number(state["allowed"])
        lines.append(f"Spent {spent} of {allowed} {state['currency']}.")
    asked, made = result.calls["asked"], result.calls["made"]
    if made:
        shared = f"{made:,} made ({asked / made:.1f} times shared)"
        lines.append(f"{counted(asked, 'call')} asked for, {shared}.")
    # Answers that say nothing of a model, and attempts that failed.
    lost: Counter[str] = Counter()
    for ended in result.outcomes.values():
        lost.update({name: n for name, n in ended.items() if not Outcome(name).is_graded})
    said = []
    if lost:
        answers = sum(sum(ended.values()) for ended in result.outcomes.values())
        causes = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in lost.most_common())
        said.append(f"not evaluated: {lost.total():,} of {counted(answers, 'answer')} ({causes})")
    if again := result.calls.get("accounts", {}).get("waste", {}).get("made", 0):
        said.append(f"{counted(again, 'attempt')} of a call failed")
    if line := "; ".join(said):
        lines.append(f"{line[0].upper()}{line[1:]}.")
    if result.lengths is not None:
        lines += [f"Lengths: {line}." for line in length_lines(result.lengths, least=_FAR_OFF)]
    if result.break_even is not None:
        lines.append(result.break_even.reason)
    return [*lines, *result.notes]
