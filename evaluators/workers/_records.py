"""What comes back from a worker."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Done", "Stopped", "Why"]

Why = Literal["time", "memory", "raised", "died", "flooded"]
"""How a request ended its work: it ran too long, wanted too much memory, raised, killed its worker
or made it write without end."""


@dataclass(frozen=True, slots=True)
class Done:
    """A request that was answered.

    Attributes:
        value: the answer, JSON.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Stopped:
    """A request that brought no answer, through its own doing.

    Attributes:
        why: in a word.
        reason: in a sentence.
    """

    why: Why
    reason: str
