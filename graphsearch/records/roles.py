"""What a role is: how a node turns question and parents' messages into a prompt, and back.

Two kinds exist. A *speaking* role calls its node's model. A *combining* role (`vote`, `select`)
calls none: it picks among its parents' messages and costs nothing; it may only be the sink. A
*gated* role speaks only where its parents are not sure of their answer. Roles of either kind may
have parameters that are *fitted* on calibration questions before they first run.
Implementations live in `graphsearch.agents`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.tasks import Grader, Item

__all__ = [
    "NOT_FITTED",
    "CalibrationExample",
    "CombiningRole",
    "FittedRole",
    "GatedRole",
    "NodeContext",
    "ParentMessage",
    "Role",
    "SpeakingRole",
]

NOT_FITTED: Mapping[str, Any] = {}
"""Parameters of a role that has none to be fitted."""


@dataclass(frozen=True, slots=True)
class NodeContext:
    """Where a node stands when its role writes a prompt: in-degree and whether it is the sink."""

    in_degree: int
    is_sink: bool


@dataclass(frozen=True, slots=True)
class ParentMessage:
    """What a parent said.

    Attributes:
        text: its message.
        role: its role.
        model: its model, None where it has none.
        outcome: how its call ended.
        score: that its reply carries itself (tests passed, a reward), None where it carries none.
            Never a verdict: gold answers are not looked at.
    """

    text: str
    role: str = ""
    model: str | None = None
    outcome: Outcome = Outcome.ANSWERED
    score: float | None = None

    @property
    def answered(self) -> bool:
        """Whether it may be chosen: what was cut off, refused or left empty is graded wrong."""
        return self.outcome is Outcome.ANSWERED


@dataclass(frozen=True, slots=True)
class CalibrationExample:
    """One calibration question: what the parents said of it, and what each answer was worth.

    Attributes:
        item: the question.
        heard: the parents' messages, in node order.
        worth: score of each in [0, 1], by the task's grader; empty where the role does not ask
            for it.
    """

    item: Item
    heard: Sequence[ParentMessage]
    worth: Sequence[float]


class Role(Protocol):
    """What both kinds share.

    Attributes:
        name: registered name.
        min_parents: fewest parents the role makes sense with.
        max_parents: most parents it can read, or None.
        speaks: True when its node calls a model.
    """

    name: str
    min_parents: int
    max_parents: int | None
    speaks: ClassVar[bool]


@runtime_checkable
class SpeakingRole(Role, Protocol):
    """A role whose node calls a model."""

    prompt_version: str

    def sampling(self, context: NodeContext) -> Sampling:
        """How this node draws its tokens."""
        ...

    def prompt(
        self, item: Item, parents: Sequence[str], context: NodeContext
    ) -> tuple[Message, ...]:
        """The prompt for `item`, given the parents' messages in node order."""
        ...

    def message(self, reply: str) -> str:
        """What children read, and what is graded at the sink."""
        ...


@runtime_checkable
class CombiningRole(Role, Protocol):
    """A role without a model: picks one of its parents' messages."""

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The chosen parent, one that `answered`; None when none can be chosen.

        Ties go to the earliest parent in node order. Where none is chosen the node shows the first
        parent's message. Either way its outcome becomes the node's.

        Args:
            item: the question.
            parents: what they said, in node order.
            grader: reads answers; verdicts are not a role's to ask for.
            fitted: what `FittedRole.fit` returned, `NOT_FITTED` for other roles.
        """
        ...


@runtime_checkable
class GatedRole(SpeakingRole, Protocol):
    """A speaking role whose node calls its model only where its parents are not sure enough.

    Its model is asked the plain question, as a root's is: `prompt` and `sampling` are given no
    parents.
    """

    def passes(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The parent whose message passes on in place of a call; None to make the call.

        Its outcome becomes the node's, as for `CombiningRole.choose`.

        Args:
            item: the question.
            parents: what they said, in node order.
            grader: reads answers.
            fitted: as for `CombiningRole.choose`.
        """
        ...


@runtime_checkable
class FittedRole(Role, Protocol):
    """A role with parameters that are worked out once, on calibration questions."""

    @property
    def fits_worth(self) -> bool:
        """Whether `fit` looks at `CalibrationExample.worth`: grading may cost time and calls."""
        ...

    def fit(self, lessons: Sequence[CalibrationExample], grader: Grader) -> Mapping[str, Any]:
        """The parameters, JSON. Pure: equal lessons give equal parameters.

        Args:
            lessons: at least one.
            grader: reads answers.
        """
        ...
