"""Stand-in roles for tests of what only reads what roles declare: spaces, costs, searchers."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.records.calls import Message, Sampling
from graphsearch.records.roles import (
    CombiningRole,
    NodeContext,
    ParentMessage,
    Role,
    SpeakingRole,
)
from graphsearch.records.tasks import Grader, Item

__all__ = ["FirstRole", "RepeatRole", "stand_in_roles"]


class RepeatRole(SpeakingRole):
    """Asks the question after whatever the parents said.

    Args:
        name: its name.
        min_parents: fewest parents.
    """

    prompt_version = "1"

    def __init__(self, name: str, min_parents: int = 0) -> None:
        self.name = name
        self.min_parents = min_parents

    def sampling(self, context: NodeContext) -> Sampling:
        """Cold for the sink, else hot."""
        return Sampling(temperature=0.0 if context.is_sink else 0.8, max_tokens=16)

    def prompt(
        self, item: Item, parents: Sequence[str], context: NodeContext
    ) -> tuple[Message, ...]:
        """What the parents said, and the question."""
        return (Message("user", "\n".join([*parents, item.question])),)

    def message(self, reply: str) -> str:
        """The reply without blanks around it."""
        return reply.strip()


class FirstRole(CombiningRole):
    """Picks the first parent that answered.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The first that answered."""
        return next((place for place, heard in enumerate(parents) if heard.answered), None)


def stand_in_roles() -> dict[str, Role]:
    """Roles under the names that spaces have by default: `assistant`, `fuser` and `vote`."""
    roles: list[Role] = [RepeatRole("assistant"), RepeatRole("fuser", 1), FirstRole("vote")]
    return {role.name: role for role in roles}
