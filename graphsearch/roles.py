"""What a role is: how a node turns question and parents' messages into a prompt, and back.

Two kinds exist. A *speaking* role calls its node's model. A *combining* role (`vote`, `select`)
calls none: it picks among its parents' messages and costs nothing; it may only be the sink.
Implementations live in `graphsearch.agents`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from graphsearch.calls import Message, Sampling
from graphsearch.tasks import Grader, Item

__all__ = ["CombiningRole", "NodeContext", "Role", "SpeakingRole"]


@dataclass(frozen=True, slots=True)
class NodeContext:
    """Where a node stands when its role writes a prompt: in-degree and whether it is the sink."""

    in_degree: int
    is_sink: bool


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

    def combine(self, item: Item, parents: Sequence[str], grader: Grader) -> str:
        """The chosen message. Ties go to the earliest parent in node order."""
        ...
