"""Gates: a node calls its model only where the answers it hears do not agree well enough."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Context
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from graphsearch.agents.roles.combining import highest
from graphsearch.agents.roles.votes import Poll, hold, measured_weights, weights_of
from graphsearch.records.calls import Message, Sampling
from graphsearch.records.rolenames import Gate, RoleName
from graphsearch.records.roles import CalibrationExample, NodeContext, ParentMessage, SpeakingRole
from graphsearch.records.tasks import Grader, Item

__all__ = ["CascadeRole", "FittedCascadeRole", "make_cascade", "quantile_threshold"]


_TWELVE_DIGITS = Context(prec=12, rounding=ROUND_FLOOR)


class _Opinion(NamedTuple):
    """What the parents say together: who speaks for them, and how sure they are.

    The speaker is the first parent where nobody can be read. `sure` is None where nothing tells;
    such a question escalates at every threshold.
    """

    speaker: int
    sure: float | None


class CascadeRole:
    """A gate with a fixed threshold.

    Where the parents' confidence is at or above it, the winning parent's message is passed on and
    no call is made. Else the model is asked the plain question, in the words and with the sampling
    that the role `plain` has for a node without parents.

    Args:
        gate: when the model is called.
        plain: the role that asks the plain question.
    """

    min_parents = 1
    max_parents: int | None = None
    speaks: ClassVar[bool] = True

    def __init__(self, gate: Gate, plain: SpeakingRole) -> None:
        self.name = str(RoleName("cascade", gate))
        self.gate = gate
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
        if opinion.sure is None or opinion.sure < self._threshold(fitted):
            return None
        return opinion.speaker

    def _threshold(self, fitted: Mapping[str, Any]) -> float:
        least = self.gate.least
        threshold: float = fitted["threshold"] if least is None else float(least)
        return threshold

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
        poll: Poll = hold(item, parents, grader, weights)
        sure = poll.share if self.gate.measure == "share" else poll.margin
        return _Opinion(poll.winner or 0, sure)


class FittedCascadeRole(CascadeRole):
    """A gate whose threshold, or whose weights, are worked out on calibration questions."""

    @property
    def fits_worth(self) -> bool:
        """Weights need to know what answers were worth; a threshold does not."""
        return self.gate.weighting is not None

    def fit(self, lessons: Sequence[CalibrationExample], grader: Grader) -> Mapping[str, Any]:
        """Weights first, where the vote is weighted; then the threshold, on the weighted vote."""
        fitted: dict[str, Any] = {}
        if self.gate.weighting is not None:
            fitted["weights"] = measured_weights(lessons, self.gate.weighting)
        if self.gate.least is None:
            sure = [self._opinion(x.item, x.heard, grader, fitted).sure for x in lessons]
            fitted["threshold"] = quantile_threshold(sure, self.gate.call_share)
        return fitted


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


def make_cascade(name: RoleName, plain: SpeakingRole) -> CascadeRole:
    """The role of a cascade's name."""
    assert name.gate is not None
    return (FittedCascadeRole if name.is_fitted else CascadeRole)(name.gate, plain)
