"""What a role is: how a node turns question and parents' messages into a prompt, and back.

Two kinds exist. A *speaking* role calls its node's model. A *combining* role calls none: it picks
among its parents' messages and costs nothing; it may only be the sink. A *gated* role speaks only
where its parents are not sure of their answer. Roles of either kind may have parameters that are
*fitted* on calibration questions before they first run.

A role declares all of this itself, as attributes (see `Role`). Space, cost, execution, quote and
export read them and know no role by its name. To write a role, subclass `SpeakingRole`,
`GatedRole` or `CombiningRole`, and set what differs from the defaults.

Some roles carry parameters in their name, `cascade(share, 0.2)`, so that two graphs are equal
exactly when their names are. A `RoleFamily` makes them. Implementations live in
`graphsearch.agents`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol, runtime_checkable

from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.errors import ConfigError
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
    "RoleFamily",
    "SpeakingRole",
    "UnknownRole",
    "split_name",
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


@runtime_checkable
class Role(Protocol):
    """What every role declares of itself.

    Attributes:
        name: the name it is registered under, with its parameters where it has any.
        min_parents: fewest parents the role makes sense with.
        max_parents: most parents it can read, or None.
        speaks: True when its node calls a model; a role that does not may only be the sink.
        may_be_sink: True when its message may be the graph's answer.
        is_gate: True when it may pass a parent's message on in place of the call (`GatedRole`).
        call_share: share of the questions on which its node is expected to call its model; 1 where
            nothing is known beforehand.
        is_fitted: True when parameters must be worked out before it first runs (`FittedRole`).
    """

    name: str
    min_parents: int = 0
    max_parents: int | None = None
    speaks: ClassVar[bool]
    may_be_sink: bool = True
    is_gate: bool = False
    call_share: Fraction = Fraction(1)
    is_fitted: bool = False


@runtime_checkable
class SpeakingRole(Role, Protocol):
    """A role whose node calls a model."""

    speaks: ClassVar[bool] = True
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

    speaks: ClassVar[bool] = False
    min_parents: int = 2

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

    min_parents: int = 1
    is_gate: bool = True

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

    is_fitted: bool = True

    @property
    def fits_worth(self) -> bool:
        """Whether `fit` looks at `CalibrationExample.worth`: grading may cost time and calls."""
        ...

    def fit(self, examples: Sequence[CalibrationExample], grader: Grader) -> Mapping[str, Any]:
        """The parameters, JSON. Pure: equal examples give equal parameters.

        Args:
            examples: at least one.
            grader: reads answers.
        """
        ...

    def check(self, fitted: Mapping[str, Any], parents: Sequence[str]) -> None:
        """Refuse parameters that `fit` cannot have returned: a bundle may hold anything.

        Args:
            fitted: what a bundle holds for a node of this role.
            parents: the node's parents, as `role:model`.

        Raises:
            ConfigError: with the path to what is wrong, within `fitted`. A role that does not
                override this takes everything.
        """

    def describe(self, fitted: Mapping[str, Any]) -> str:
        """What was fitted, in words for a report: one clause, or several joined by semicolons."""
        return "; ".join(f"{name} {value}" for name, value in fitted.items())


@runtime_checkable
class RoleFamily(Protocol):
    """Roles whose names carry parameters, such as `cascade(share, 0.2)`.

    Attributes:
        base: what stands before the parameters.
    """

    base: str

    def make(self, arguments: str, roles: Mapping[str, Role]) -> Role:
        """The role with these parameters.

        Its `name` spells them in the one right way; another spelling of the same would make two
        keys of one graph, and is refused with the right one.

        Args:
            arguments: what stands between the parentheses; "" where there are none.
            roles: the other roles of the prompt set, for a role that speaks with their words.

        Raises:
            ValueError: the parameters make no sense; the message says what would.
        """
        ...


class UnknownRole(ConfigError, KeyError):
    """No role has that name; a `KeyError`, as `Mapping` wants, that says why."""

    __str__ = ConfigError.__str__


def split_name(name: str) -> tuple[str, str | None]:
    """A role's name as what stands before its parameters, and these; None where it has none."""
    base, opening, rest = name.strip().partition("(")
    if not opening or not rest.endswith(")"):
        return name, None
    return base.rstrip(), rest[:-1]
