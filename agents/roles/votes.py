"""Votes over parents' answers: who wins, how sure the parents are, and what a vote weighs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from graphsearch.records.errors import ConfigError
from graphsearch.records.roles import CalibrationExample, ParentMessage
from graphsearch.records.tasks import Grader, Item

__all__ = [
    "Poll",
    "Weighting",
    "check_names",
    "check_number",
    "check_weights",
    "describe_weights",
    "hold",
    "measured_weights",
    "number_text",
    "read",
    "read_number",
    "weights_of",
]

_LEAST_SHARE = 1e-3
"""Keeps log-odds of members that were never, or always, right within about 7."""

_MOST_ODDS: Final = 7.0
"""Log-odds of a member that was never, or always, right are about 6.9."""

_MOST_DIGITS: Final = 12
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Weighting:
    """How votes weigh.

    Attributes:
        kind: by `accuracy`, or by `log-odds`.
        floor: the least a weight may be, None for no limit (log-odds may then be negative).
    """

    kind: Literal["accuracy", "log-odds"]
    floor: Decimal | None = None

    @classmethod
    def parse(cls, parts: Sequence[str]) -> "Weighting":
        """From the parameters of a role's name: `accuracy`, `log-odds`, `log-odds, 0.05`.

        Raises:
            ValueError: they are none of these.
        """
        if not parts or parts[0] not in ("accuracy", "log-odds") or len(parts) > 2:
            raise ValueError("votes weigh by accuracy, log-odds, or log-odds with a least weight")
        floor = read_number(parts[1]) if len(parts) == 2 else None
        if floor is not None and (parts[0] != "log-odds" or floor < 0):
            raise ValueError("only log-odds take a least weight, of 0 or more")
        return cls("accuracy" if parts[0] == "accuracy" else "log-odds", floor)

    def __str__(self) -> str:
        return self.kind if self.floor is None else f"{self.kind}, {number_text(self.floor)}"


def read_number(text: str) -> Decimal:
    """A number in the name of a role; raises `ValueError` where it is none, or too long."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not number.is_finite() or len(number_text(number)) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is no number of {_MOST_DIGITS} signs or fewer")
    return number


def number_text(number: Decimal) -> str:
    """The one way to write a number in a name: no exponent, no zeros at its end."""
    plain = f"{number:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"


@dataclass(frozen=True, slots=True)
class Poll:
    """How a vote ended.

    Attributes:
        winner: the earliest parent that gave the winning answer; None when nobody's could be read.
        first: votes of the winning answer.
        second: votes of the one after it, 0 when there is none.
        total: votes of all parents, also of those whose answer cannot be read.
    """

    winner: int | None
    first: float
    second: float
    total: float

    @property
    def share(self) -> float:
        """The winner's votes as a share of all; 0 when nobody's answer could be read."""
        return self.first / self.total if self.winner is not None and self.total > 0 else 0.0

    @property
    def margin(self) -> float:
        """The winner's lead over the second as a share of all votes."""
        if self.winner is None or self.total <= 0:
            return 0.0
        return (self.first - self.second) / self.total


def read(item: Item, heard: ParentMessage, grader: Grader) -> str | None:
    """A parent's answer, None when it cannot be read or when it did not answer.

    A reply that was cut off may end in something that reads like an answer; alone it would be
    graded wrong, so it does not vote either.
    """
    return grader.parse(item, heard.text) if heard.answered else None


def hold(
    item: Item,
    parents: Sequence[ParentMessage],
    grader: Grader,
    weights: Sequence[float] | None = None,
) -> Poll:
    """Count the parents' answers; between answers of equal votes the earliest given wins.

    Args:
        item: the question.
        parents: what they said; those whose answer cannot be read do not vote.
        grader: reads answers.
        weights: of the parents, None when all count the same.
    """
    votes: dict[str, float] = {}
    givers: dict[str, int] = {}
    for place, heard in enumerate(parents):
        answer = read(item, heard, grader)
        if answer is None:
            continue
        givers.setdefault(answer, place)
        # Whole numbers stay whole, so that equal shares are equal whatever was added first.
        votes[answer] = votes.get(answer, 0) + (1 if weights is None else weights[place])
    total = len(parents) if weights is None else sum(map(abs, weights))
    if not votes:
        return Poll(None, 0.0, 0.0, total)
    # A dictionary keeps first-seen order, and max() keeps the first of equals.
    best = max(votes, key=votes.__getitem__)
    second = max((count for answer, count in votes.items() if answer != best), default=0)
    return Poll(givers[best], votes[best], second, total)


def measured_weights(
    examples: Sequence[CalibrationExample], weighting: Weighting
) -> dict[str, float]:
    """What a vote of each (role, model) weighs, by how often it was right.

    Log-odds are ln(p / (1 - p)) with p kept within 0.001 and 0.999: a member below one half gets
    a negative weight unless the weighting has a floor. (Records keep 12 digits of a number, so no
    more are used.) On questions with many possible answers
    that hurts, because a wrong answer says nothing against the others like it.
    """
    sums: dict[str, list[float]] = {}
    for example in examples:
        for heard, worth in zip(example.heard, example.worth, strict=True):
            sums.setdefault(_who(heard), []).append(worth)
    weights = {}
    for who, scores in sorted(sums.items()):
        weight = math.fsum(scores) / len(scores)
        if weighting.kind == "log-odds":
            kept = min(max(weight, _LEAST_SHARE), 1 - _LEAST_SHARE)
            weight = math.log(kept / (1 - kept))
            if weighting.floor is not None:
                weight = max(weight, float(weighting.floor))
        weights[who] = float(f"{weight:.12g}")
    return weights


def weights_of(parents: Sequence[ParentMessage], fitted: Mapping[str, Any]) -> list[float]:
    """The parents' weights among those fitted."""
    weights = fitted["weights"]
    return [weights[_who(heard)] for heard in parents]


def check_weights(fitted: Mapping[str, Any], weighting: Weighting, parents: Sequence[str]) -> None:
    """Refuse weights that `measured_weights` cannot have returned; raises `ConfigError`."""
    weights = fitted["weights"]
    if not isinstance(weights, Mapping):
        raise ConfigError(f"must be a mapping, got {_short(weights)}", where="weights")
    check_names(weights, parents, "is no parent of the node", where="weights.")
    if weighting.kind == "accuracy":
        least, most = 0.0, 1.0
    else:
        most = max(_MOST_ODDS, float(weighting.floor or 0))
        least = -most if weighting.floor is None else 0.0
    for who, weight in weights.items():
        check_number(weight, least, most, where=f"weights.{who}")


def check_names(
    found: Mapping[str, Any], wanted: Iterable[str], other: str, *, where: str = ""
) -> None:
    """Refuse a mapping whose keys are not those wanted; `other` says what is wrong with more."""
    names = set(wanted)
    for name in sorted(names.symmetric_difference(found)):
        raise ConfigError("is missing" if name in names else other, where=f"{where}{name}")


def check_number(value: Any, least: float, most: float, *, where: str) -> None:
    """Refuse what is no finite number within these limits; raises `ConfigError`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"must be a number, got {_short(value)}", where=where)
    if not (least <= value <= most and abs(value) < math.inf):
        told = f"from {least:g} to {most:g}" if most < math.inf else "finite"
        raise ConfigError(f"must be {told}, got {_short(value)}", where=where)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def describe_weights(fitted: Mapping[str, Any]) -> str:
    """What votes weigh, in words, with a warning where some count against what they say."""
    found = sorted(fitted["weights"].items())
    said = f"votes weigh {', '.join(f'{who} {weight:.3g}' for who, weight in found)}"
    against = ", ".join(who for who, weight in found if weight < 0)
    if not against:
        return said
    return (
        f"{said}; warning: {against} was right less than half of the time, and a negative weight "
        "counts against whatever it says; give a least weight, as in weighted-vote(log-odds, "
        "0.05), or leave it out"
    )


def _who(heard: ParentMessage) -> str:
    return heard.role if heard.model is None else f"{heard.role}:{heard.model}"
