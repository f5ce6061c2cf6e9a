"""What a held-out test showed against the baselines, claiming no more than the numbers do.

The most accurate baseline counts; where several are equally accurate, the cheapest gives its
name to the comparison, and the winner beats "the best" only when it beats each of them. What each
really used stands beside it as soon as that is not the winner's (promise 10).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from graphsearch.study.show import number, percent
from graphsearch.words import decimals, listing

if TYPE_CHECKING:
    from graphsearch.study.evidence import Evidence
    from graphsearch.study.result import Row, Winner

__all__ = [
    "EQUAL_COST",
    "Comparison",
    "Rival",
    "Standing",
    "claim",
    "compared",
    "rivals_of",
    "verdict",
]

EQUAL_COST: Final = 0.1
"""Used costs this far apart, as a share of the winner's, still count as equal."""

_SAME = 1e-9
"""Accuracies closer than this are equal: they are means of the same number of scores."""

_NAMED = 3
_MANY = 10

Standing = Literal["better", "unclear", "worse", "same", "unknown"]


@dataclass(frozen=True, slots=True)
class Rival:
    """A baseline as a verdict sees it.

    Attributes:
        name: for the sentence.
        accuracy: on the items of the test.
        used: mean real cost of one question, None when unknown.
        gain: winner minus this, on the same items.
        low, high: ends of the interval of `gain`, at `level`.
        is_winner: True where the winner is this very graph.
    """

    name: str
    accuracy: float
    used: float | None
    gain: float
    low: float
    high: float
    level: float
    is_winner: bool = False

    @property
    def standing(self) -> Standing:
        """How the winner stands to it, by the whole interval."""
        if self.is_winner:
            return "same"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "unclear"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The winner against the best baselines.

    Attributes:
        top: the most accurate rivals, all equally accurate, the cheapest first; never empty.
        unbeaten: less accurate ones that the winner is not shown to beat either.
        own: the rival that is the winner itself, None where none is.
        used: the winner's mean real cost of one question, None when unknown.
        most: the rival that used most, None when no cost is known.
    """

    top: tuple[Rival, ...]
    unbeaten: tuple[Rival, ...]
    own: Rival | None
    used: float | None
    most: Rival | None

    @property
    def best(self) -> Rival:
        """The most accurate rival; of several the cheapest."""
        return self.top[0]

    @property
    def standing(self) -> Standing:
        """How the winner stands to the best: better only when it is better than each of them."""
        found = {rival.standing for rival in self.top}
        order: tuple[Standing, ...] = ("same", "worse", "unclear")
        return next((one for one in order if one in found), "better")

    def ratio(self, rival: Rival) -> float | None:
        """A rival's used cost over the winner's, None when one is unknown."""
        if not self.used or rival.used is None:
            return None
        return rival.used / self.used


def compared(rivals: Sequence[Rival], *, used: float | None) -> Comparison | None:
    """The comparison that a verdict is about; None without rivals.

    Args:
        rivals: baselines that need no grader and met every item that the winner met.
        used: the winner's mean real cost of one question.
    """
    if not rivals:
        return None
    ranked = sorted(rivals, key=lambda r: (-r.accuracy, _cost(r), r.name))
    top = [r for r in ranked if ranked[0].accuracy - r.accuracy <= _SAME]
    top.sort(key=lambda r: (_cost(r), r.name))
    priced = [r for r in rivals if r.used is not None]
    return Comparison(
        top=tuple(top),
        unbeaten=tuple(r for r in ranked if r not in top and r.standing in {"unclear", "worse"}),
        own=next((r for r in rivals if r.is_winner), None),
        used=used,
        most=max(priced, key=_cost) if priced else None,
    )


def rivals_of(winner: "Winner", test: "Evidence | None", rows: "Sequence[Row]") -> list[Rival]:
    """The rows that a verdict is about: no oracles, and none that met fewer items than the winner.

    Args:
        winner: the graph that won.
        test: the winner on the test items.
        rows: all baselines.
    """
    if test is None:
        return []
    items = test.n + test.not_evaluated
    return [
        Rival(
            row.name,
            row.evidence.accuracy,
            row.evidence.used,
            row.difference.mean,
            *row.difference.interval,
            row.difference.level,
            row.answers_by(winner.graph),
        )
        for row in rows
        if not row.oracle and row.evidence.n + row.evidence.not_evaluated == items
        if row.evidence.accuracy is not None
        if row.difference is not None and row.difference.mean is not None
    ]


def verdict(winner: "Winner", test: "Evidence | None", found: Comparison | None) -> str:
    """What was found, in a plain sentence: `verdict` of `result.json`.

    Args:
        winner: the graph that won.
        test: the winner on the test items, None where the budget covered none.
        found: how it compares, None where no baseline met the same items.
    """
    text = winner.graph.describe()
    if test is None or test.accuracy is None:
        return f"The best team found is {text}; the budget covered no held-out test."
    low, high = (decimals(100 * end, ends=(0.0, 100.0)) for end in test.interval)
    answer = (
        f"{text} answers {percent(test.accuracy)} of the held-out test right "
        f"({low} to {high}, n = {test.n}) at {number(test.used)} {test.currency} a question"
    )
    if found is None:
        return f"{answer}; it was not compared with baselines."
    return f"{answer}; {claim(found)}."


def _cost(rival: Rival) -> float:
    return float("inf") if rival.used is None else rival.used


def claim(found: Comparison, *, minus: str = "-") -> str:
    """What may be said, beginning with `it`, without a full stop at its end.

    Args:
        found: the comparison.
        minus: the sign of negative numbers.
    """
    own, others = found.own, tuple(rival for rival in found.top if not rival.is_winner)
    if own is None:
        said = _sentence(found, others, minus)
    elif not others:
        return f"it is itself the best baseline, {own.name}"
    elif own not in found.top:
        said = f"it is itself a baseline, {own.name}; {_sentence(found, others, minus)}"
    else:
        tied = listing([f"{rival.name} ({_cost_of(found, rival)})" for rival in others])
        ties = "ties" if len(others) == 1 else "tie"
        said = f"it is itself a baseline, {own.name}, and {tied} {ties} with it"
    if found.standing == "better" and found.unbeaten:
        said += f"; it is not shown to beat {_named(found, found.unbeaten, minus)}"
    return said + (_reach(found) if others else "")


def _sentence(found: Comparison, top: Sequence[Rival], minus: str) -> str:
    """Against the best, which may be several that tie."""
    kinds: dict[Standing, list[Rival]] = {}
    for rival in top:
        kinds.setdefault(rival.standing, []).append(rival)
    if len(top) == 1:
        return _against(found, top, "the best baseline, ", minus)
    if len(kinds) == 1:
        return _against(found, top, "the best baselines, which tie, ", minus)
    order: tuple[Standing, ...] = ("worse", "unclear", "better")
    said = [_against(found, kinds[kind], "", minus) for kind in order if kind in kinds]
    return f"of the best baselines, which tie, {listing(said)}"


def _against(found: Comparison, rivals: Sequence[Rival], lead: str, minus: str) -> str:
    says = {"better": "beats", "worse": "is worse than", "unclear": "is not shown to beat"}
    return f"it {says[rivals[0].standing]} {lead}{_named(found, rivals, minus)}"


def _named(found: Comparison, rivals: Sequence[Rival], minus: str) -> str:
    """Each with what it used and by how much the winner is better; the first in full words."""
    shown = []
    for place, rival in enumerate(rivals[:_NAMED]):
        gain = _signed(rival.gain, minus)
        span = f"{_signed(rival.low, minus)} to {_signed(rival.high, minus)}"
        if place == 0:
            gain, span = f"{gain} points", f"{100 * rival.level:g} % interval {span}"
        shown.append(f"{rival.name} ({_cost_of(found, rival)}: {gain}, {span})")
    more = len(rivals) - len(shown)
    return listing([*shown, f"{more} more"] if more else shown)


def _cost_of(found: Comparison, rival: Rival) -> str:
    ratio = found.ratio(rival)
    if ratio is None:
        return "at a cost that is not known"
    if _is_equal(ratio):
        return "at equal used cost"
    share = f"{_part(ratio)} of" if ratio < _MANY else f"{ratio:,.0f} times"
    return f"at {share} the winner's cost"


def _reach(found: Comparison) -> str:
    """That no baseline comes up to the winner's cost, where none does."""
    most = found.most
    ratio = None if most is None else found.ratio(most)
    if ratio is None or ratio >= 1 or _is_equal(ratio):
        return ""
    return f"; no baseline measured used as much as the winner (at the most {_part(ratio)})"


def _is_equal(ratio: float) -> bool:
    return abs(ratio - 1) <= EQUAL_COST


def _part(ratio: float) -> str:
    return f"{decimals(100 * ratio, 0)} %"


def _signed(share: float, minus: str) -> str:
    """A difference of shares in percentage points, with its sign."""
    text = decimals(100 * abs(share))
    if not float(text):
        return text
    return f"{minus if share < 0 else '+'}{text}"
