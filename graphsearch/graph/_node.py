"""`Node`: one member of the team."""

from dataclasses import dataclass

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One member of the team.

    Attributes:
        role: name of its role, with its parameters where it has any (see `records.roles`).
        model: name of its model in the fleet; None for a combining role, which calls none.
    """

    role: str
    model: str | None

    def __str__(self) -> str:
        return self.role if self.model is None else f"{self.role}:{self.model}"
