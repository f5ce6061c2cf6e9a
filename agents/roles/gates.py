"""Gates: a node calls its model only where its parents' answers do not agree well enough.

    cascade(share>=0.7)                  calls its model only where the parents' vote share is below
                                         0.7, else passes the winner's message on
    cascade(margin, 0.2)                 a threshold that is measured: at most one question in
                                         five, those with the least margin, calls the model
    cascade(share, 0.2, log-odds, 0.05)  a gate on a weighted vote
    cascade(score>=1)                    a gate on the best score that the parents' replies carry

Another spelling of the same parameters is refused with the right one.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple, get_args

from graphsearch.agents.roles.combining import highest
from graphsearch.agents.roles.votes import (
    Weighting,
    check_names,
    check_number,
    check_weights,
    describe_weights,
    hold,
    measured_weights,
    number_text,
    read_number,
    weights_of,
)
from graphsearch.records.calls import Message, Sampling
from graphsearch.records.roles import (
    CalibrationExample,
    FittedRole,
    GatedRole,
    NodeContext,
    ParentMessage,
    Role,
    SpeakingRole,
)
from graphsearch.records.tasks import Grader, Item

__all__ = ["CascadeFamily", "CascadeRole", "Gate", "quantile_threshold"]

Measure = Literal["share", "margin", "score"]
"""What tells how sure the parents are: the winner's share of all votes, its lead over the second as
a share of all votes, or the best score that a reply carries."""

_FIXED: Final = re.compile(r"(?P<measure>[a-z]+)\s*>=\s*(?P<least>\S+)")
_TWELVE_DIGITS: Final = Context(prec=12, rounding=ROUND_FLOOR)
_PLAIN: Final = "assistant"
"""Asks what a gate asks its model when it opens."""


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

    @classmethod
    def parse(cls, parts: Sequence[str]) -> "Gate":
        """From the parameters of a role's name.

        Raises:
            ValueError: they make no sense.
        """
        fixed = _FIXED.fullmatch(parts[0])
        measure = fixed["measure"] if fixed else parts[0]
        if measure not in get_args(Measure):
            raise ValueError(
                f"a cascade looks at {', '.join(get_args(Measure))}, not at {measure!r}; write "
                "cascade(share>=0.7), or cascade(share, 0.2) for a measured threshold"
            )
        least = read_number(fixed["least"]) if fixed else None
        escalated = None if fixed else read_number(parts[1] if len(parts) > 1 else "")
        if escalated is not None and not 0 < escalated < 1:
            raise ValueError(
                f"at most a share of {escalated} shall escalate; it must be between 0 and 1"
            )
        if least is not None and measure != "score" and not 0 <= least <= 1:
            raise ValueError(f"the {measure} is from 0 to 1, and the threshold {least}")
        rest = parts[1:] if fixed else parts[2:]
        weighting = Weighting.parse(rest) if rest else None
        if weighting is not None and measure == "score":
            raise ValueError("a score is no vote, so there is nothing to weigh")
        return cls(measure, least, escalated, weighting)  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.least is not None:
            rule = f"{self.measure}>={number_text(self.least)}"
        else:
            assert self.escalated is not None
            rule = f"{self.measure}, {number_text(self.escalated)}"
        return rule if self.weighting is None else f"{rule}, {self.weighting}"


class _Opinion(NamedTuple):
    """What the parents say together: who speaks for them, and how sure they are.

    The speaker is the first parent where nobody can be read. `sure` is None where nothing tells;
    such a question escalates at every threshold.
    """

    speaker: int
    sure: float | None


class CascadeRole(GatedRole, FittedRole):
    """A gate whose threshold is fixed, or worked out on calibration questions.

    Where the parents' confidence is at or above it, the winning parent's message is passed on and
    no call is made. Else the model is asked the plain question, in the words and with the sampling
    that the role `plain` has for a node without parents.

    Args:
        gate: when the model is called.
        plain: the role that asks the plain question.
    """

    def __init__(self, gate: Gate, plain: SpeakingRole) -> None:
        self.name = f"cascade({gate})"
        self.gate = gate
        self.call_share = Fraction(1) if gate.escalated is None else Fraction(gate.escalated)
        self.is_fitted = gate.least is None or gate.weighting is not None
        self.prompt_version = plain.prompt_version
        self._plain = plain

    def sampling(self, context: NodeContext) -> Sampling:
        """As a node without parents in this place draws."""
        return self._plain.sampling(NodeContext(0, context.is_sink))

    def prompt(
        self, item: Item, parents: Sequence[str], context: NodeContext
    ) -> tuple[Message, ...]:
        """The plain question."""
        return self._plain.prompt(item, (), NodeContext(0, context.is_sink))

    def message(self, reply: str) -> str:
        """As the plain role's."""
        return self._plain.message(reply)

    def passes(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The parent whose message passes on, None to call the model."""
        opinion = self._opinion(item, parents, grader, fitted)
        least = self.gate.least
        threshold = fitted["threshold"] if least is None else float(least)
        is_sure = opinion.sure is not None and opinion.sure >= threshold
        return opinion.speaker if is_sure else None

    def _opinion(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> _Opinion:
        if self.gate.measure == "score":
            best = highest(parents)
            return _Opinion(0, None) if best is None else _Opinion(best, parents[best].score)
        weights = None if self.gate.weighting is None else weights_of(parents, fitted)
        poll = hold(item, parents, grader, weights)
        sure = poll.share if self.gate.measure == "share" else poll.margin
        return _Opinion(poll.winner or 0, sure)

    @property
    def fits_worth(self) -> bool:
        """Weights need to know what answers were worth; a threshold does not."""
        return self.gate.weighting is not None

    def fit(self, examples: Sequence[CalibrationExample], grader: Grader) -> Mapping[str, Any]:
        """Weights first, where the vote is weighted; then the threshold, on the weighted vote."""
        fitted: dict[str, Any] = {}
        if self.gate.weighting is not None:
            fitted["weights"] = measured_weights(examples, self.gate.weighting)
        if self.gate.least is None:
            sure = [self._opinion(x.item, x.heard, grader, fitted).sure for x in examples]
            fitted["threshold"] = quantile_threshold(sure, self.call_share)
        return fitted

    def check(self, fitted: Mapping[str, Any], parents: Sequence[str]) -> None:
        """A threshold and weights where they are measured, within what can be."""
        gate = self.gate
        wanted = [
            *(["weights"] if gate.weighting is not None else []),
            *(["threshold"] if gate.least is None else []),
        ]
        check_names(fitted, wanted, f"is nothing that {self.name} has")
        if gate.weighting is not None:
            check_weights(fitted, gate.weighting, parents)
        if gate.least is None:
            most = math.inf if gate.measure == "score" else 1.0
            check_number(fitted["threshold"], -most, most, where="threshold")

    def describe(self, fitted: Mapping[str, Any]) -> str:
        """When the model is asked, in the terms of the gate's own rule, and what votes weigh."""
        of = "weighted votes" if self.gate.weighting is not None else "votes"
        clauses = []
        if "threshold" in fitted:
            threshold = fitted["threshold"]
            if self.gate.measure == "score":
                when = f"the best score is below {threshold:.3g}"
            elif self.gate.measure == "margin":
                when = f"the lead is below {threshold:.3g} of the {of}"
            elif threshold >= 1:
                when = "not all say the same"
            else:
                when = f"less than {threshold:.3g} of the {of} say the same"
            clauses.append(f"its model is asked where {when}")
        if "weights" in fitted:
            clauses.append(describe_weights(fitted))
        return "; ".join(clauses)


def quantile_threshold(sure: Sequence[float | None], share: Fraction) -> float:
    """The highest threshold below which at most `share` of the questions lie.

    Questions whose confidence equals the threshold stay, all of them: so ties never escalate more
    than the share, though they may escalate less.

    Args:
        sure: confidence on each calibration question, None where nothing tells; at least one.
        share: most that may escalate. Questions of unknown confidence always do.
    """
    known = sorted(value for value in sure if value is not None)
    if not known:
        return 0.0
    # The share is below 1, so this is a place in the list. Records keep 12 digits of a number;
    # those of a threshold are cut, not rounded, so that what equals it is not below it.
    place = max(int(share * len(sure)) - (len(sure) - len(known)), 0)
    return float(_TWELVE_DIGITS.create_decimal_from_float(known[place]))


class CascadeFamily:
    """`cascade(...)`; see the top of this module for the names."""

    base = "cascade"

    def make(self, arguments: str, roles: Mapping[str, Role]) -> Role:
        """The gate with these parameters, which asks in the words of the role `assistant`."""
        gate = Gate.parse([part.strip() for part in arguments.split(",")])
        plain = roles.get(_PLAIN)
        if not isinstance(plain, SpeakingRole):
            raise ValueError(f"it asks in the words of the role {_PLAIN!r}, which is not there")
        return CascadeRole(gate, plain)
