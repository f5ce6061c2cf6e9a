"""Names of roles, and what a name alone says of a role.

Some roles carry parameters, and carry them in their name, so that two graphs are equal exactly when
their names are, and a bundle or a report needs nothing else:

    vote  select  best                   pick among the parents' messages without a model
    weighted-vote(accuracy)              a vote weighted by measured accuracy of (role, model)
    weighted-vote(log-odds)              by ln(p / (1 - p)), which is negative for p below one half
    weighted-vote(log-odds, 0.05)        the same, no weight below 0.05
    cascade(share>=0.7)                  a gate: calls its model only where the parents' vote share
                                         is below 0.7, else passes the winner's message on
    cascade(margin, 0.2)                 a gate whose threshold is measured: at most one question in
                                         five, those with the least margin, calls the model
    cascade(share, 0.2, log-odds, 0.05)  a gate on a weighted vote
    cascade(score>=1)                    a gate on the best score that the parents' replies carry

A name is written in one way only; another spelling of the same parameters is refused with the right
one, because it would make two keys of one graph.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal, get_args

from graphsearch.records.errors import GraphError

__all__ = ["COMBINING_ROLES", "Gate", "Measure", "RoleName", "Weighting", "role_name"]

COMBINING_ROLES: Final = frozenset({"best", "select", "vote", "weighted-vote"})
"""Roles that pick among their parents' messages without a model; only a sink may have one."""

Measure = Literal["share", "margin", "score"]
"""What tells how sure the parents are: the winner's share of all votes, its lead over the second as
a share of all votes, or the best score that a reply carries."""

_PARAMETRISED: Final = re.compile(r"(cascade|weighted-vote)(?:\s*\((?P<inner>[^()]*)\))?\s*")
_FIXED: Final = re.compile(r"(?P<measure>[a-z]+)\s*>=\s*(?P<least>\S+)")
_MOST_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Weighting:
    """How votes weigh.

    Attributes:
        kind: by `accuracy`, or by `log-odds`.
        floor: the least a weight may be, None for no limit (log-odds may then be negative).
    """

    kind: Literal["accuracy", "log-odds"]
    floor: Decimal | None = None

    def __str__(self) -> str:
        return self.kind if self.floor is None else f"{self.kind}, {_text(self.floor)}"


@dataclass(frozen=True, slots=True)
class Gate:
    """When a node calls its model.

    Attributes:
        measure: of the parents' confidence.
        least: confidence from which on their answer passes; None where that is measured.
        escalated: share of the calibration questions that may call the model at most, those with
            the least confidence; None where the threshold is fixed.
        weighting: of the vote, None where all votes are equal.
    """

    measure: Measure
    least: Decimal | None = None
    escalated: Decimal | None = None
    weighting: Weighting | None = None

    @property
    def call_share(self) -> Fraction:
        """Share of questions on which the model is expected to be called, 1 where not known."""
        return Fraction(1) if self.escalated is None else Fraction(self.escalated)

    def __str__(self) -> str:
        rule = (
            f"{self.measure}>={_text(self.least)}"
            if self.least is not None
            else f"{self.measure}, {_text(self.escalated)}"
        )
        return rule if self.weighting is None else f"{rule}, {self.weighting}"


@dataclass(frozen=True, slots=True)
class RoleName:
    """A role's name, taken apart.

    Attributes:
        base: the name without parameters.
        gate: of a `cascade`.
        weighting: of a `weighted-vote`.
    """

    base: str
    gate: Gate | None = None
    weighting: Weighting | None = None

    @property
    def combines(self) -> bool:
        """True for a known role that calls no model."""
        return self.base in COMBINING_ROLES

    @property
    def is_fitted(self) -> bool:
        """True when parameters must be measured before the role can run."""
        if self.gate is None:
            return self.weighting is not None
        return self.gate.least is None or self.gate.weighting is not None

    @property
    def least_parents(self) -> int | None:
        """Fewest parents that the name alone asks for, None where it does not say."""
        if self.gate is not None:
            return 1
        return 2 if self.combines else None

    def __str__(self) -> str:
        inner = self.gate or self.weighting
        return self.base if inner is None else f"{self.base}({inner})"


@lru_cache(maxsize=4096)
def role_name(text: str) -> RoleName:
    """Take a role's name apart; a name that says nothing of itself is its own base.

    Raises:
        GraphError: a known role with parameters that make no sense, or not written as they should.
    """
    found = _PARAMETRISED.fullmatch(text)
    if found is None:
        return RoleName(text)
    try:
        name = _read(found[1], [part.strip() for part in (found["inner"] or "").split(",")])
    except ValueError as error:
        raise GraphError(f"role {text!r}: {error}") from None
    if str(name) != text:
        raise GraphError(f"role {text!r} must be written {str(name)!r}")
    return name


def _read(base: str, parts: list[str]) -> RoleName:
    if base == "weighted-vote":
        return RoleName(base, weighting=_weighting(parts))
    fixed = _FIXED.fullmatch(parts[0])
    measure = fixed["measure"] if fixed else parts[0]
    if measure not in get_args(Measure):
        raise ValueError(
            f"a cascade looks at {', '.join(get_args(Measure))}, not at {measure!r}; write "
            "cascade(share>=0.7), or cascade(share, 0.2) for a measured threshold"
        )
    least = _number(fixed["least"]) if fixed else None
    escalated = None if fixed else _number(parts[1] if len(parts) > 1 else "")
    if escalated is not None and not 0 < escalated < 1:
        raise ValueError(
            f"at most a share of {escalated} shall escalate; it must be between 0 and 1"
        )
    if least is not None and measure != "score" and not 0 <= least <= 1:
        raise ValueError(f"the {measure} is from 0 to 1, and the threshold {least}")
    rest = parts[1:] if fixed else parts[2:]
    weighting = _weighting(rest) if rest else None
    if weighting is not None and measure == "score":
        raise ValueError("a score is no vote, so there is nothing to weigh")
    return RoleName(base, gate=Gate(measure, least, escalated, weighting))  # type: ignore[arg-type]


def _weighting(parts: Sequence[str]) -> Weighting:
    if not parts or parts[0] not in ("accuracy", "log-odds") or len(parts) > 2:
        raise ValueError("votes weigh by accuracy, log-odds, or log-odds with a least weight")
    floor = _number(parts[1]) if len(parts) == 2 else None
    if floor is not None and (parts[0] != "log-odds" or floor < 0):
        raise ValueError("only log-odds take a least weight, of 0 or more")
    return Weighting("accuracy" if parts[0] == "accuracy" else "log-odds", floor)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not number.is_finite() or len(_text(number)) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is no number of {_MOST_DIGITS} signs or fewer")
    return number


def _text(number: Decimal | None) -> str:
    """The one way to write a number: no exponent, no zeros at its end."""
    assert number is not None
    plain = f"{number:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"
