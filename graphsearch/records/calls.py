"""One call of one model: what is asked, what comes back, what it used.

These records are plain and immutable; engines, executor, journal and ledger all speak them.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Call", "Message", "Outcome", "Reply", "Sampling", "Usage", "canonical_json", "digest"]


class Outcome(StrEnum):
    """How a call, or the answer of a graph to an item, ended.

    The model's own outcomes are graded (all but `ANSWERED` as wrong, and counted apart); the
    infrastructure's leave the item *not evaluated* and never reach a score.
    """

    ANSWERED = "answered"
    UNPARSED = "unparsed"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EMPTY = "empty"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    BUDGET_STOPPED = "budget_stopped"

    @property
    def is_graded(self) -> bool:
        """True for the model's outcomes, False for the infrastructure's."""
        return self in _GRADED


_GRADED = frozenset(
    {Outcome.ANSWERED, Outcome.UNPARSED, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.EMPTY}
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and calls used. Adds up with `+`; what is unknown in a part is unknown in the sum.

    Attributes:
        prompt_tokens: tokens read, None when the server did not tell.
        completion_tokens: tokens written, None when the server did not tell.
        calls: calls made.
    """

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    calls: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.completion_tokens, other.completion_tokens),
            self.calls + other.calls,
        )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p: nucleus mass in (0, 1].
        max_tokens: most tokens a reply may have; None leaves it to the engine.
        stop: texts that end a reply (not part of it).
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one model.

    Attributes:
        model: name of the `ModelSpec` in the fleet.
        messages: the prompt.
        sampling: how to draw.
        sample: which of the independent draws of this very call (promise 7): 0, 1, ...
        seed: seed of this draw, derived from the study's seed, stream, item and `sample`.
        prompt_version: version of the prompt set that wrote the messages.
        stream: `search`, `selection` or `test`: draws of different streams are never shared.
        item: id of the item asked about ("" for calls that belong to no item).
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    sample: int = 0
    seed: int = 0
    prompt_version: str = ""
    stream: str = ""
    item: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: the reply, "" when empty.
        usage: tokens counted by the engine (unknown where it was not told), `calls` = 1.
        outcome: `ANSWERED`, `TRUNCATED`, `REFUSED` or `EMPTY`; `UNPARSED` only where the text is
            lost and known to hold no answer that could be read (a replayed record).
        seconds: wall time of the call.
        detail: what the engine wants kept beside it (finish reason, server's id), JSON only.
    """

    text: str
    usage: Usage
    outcome: Outcome = Outcome.ANSWERED
    seconds: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces; used for digests and records."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any, *, size: int = 16) -> str:
    """A stable hexadecimal digest of a JSON value (`size` bytes of BLAKE2b)."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=size).hexdigest()
