"""What a task is: questions with known answers, and the grader that judges replies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from graphsearch.calls import Outcome

__all__ = ["Grader", "Item", "Split", "Task", "TokenProfile", "Verdict"]

Split = Literal["search", "selection", "test"]


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    Attributes:
        id: unique in the task, stable under re-ordering and growth.
        question: the text put into prompts.
        gold: the known answer, JSON.
        group: items of one group are not independent (one multiset of numbers, one document);
            intervals are clustered by it. None: the item is its own group.
        meta: anything the grader needs, JSON.
    """

    id: str
    question: str
    gold: Any
    group: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a grader says of one answer.

    Attributes:
        score: in [0, 1].
        outcome: `ANSWERED` when an answer could be read, else `UNPARSED`.
        parsed: the answer in canonical form, None when it could not be read.
        reason: one plain sentence.
    """

    score: float
    outcome: Outcome = Outcome.ANSWERED
    parsed: str | None = None
    reason: str = ""


@runtime_checkable
class Grader(Protocol):
    """Judges replies. Pure and deterministic: no I/O, no shared state."""

    name: str

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in canonical form (equal answers give equal texts), or None."""
        ...

    def claims(self, item: Item, text: str) -> bool | None:
        """Whether the reply claims success by itself; None where replies carry no such claim."""
        ...

    def grade(self, item: Item, text: str) -> Verdict:
        """Judge the text. Never trusts `claims`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """Mean lengths in tokens: A of the question's prompt, B of an answer (design 6.1)."""

    question: int
    answer: int


@dataclass(frozen=True, slots=True)
class Task:
    """Questions in three sealed-off splits, with their grader.

    Attributes:
        name: registered name or file stem.
        splits: items by split; no item (and no group) is in two.
        grader: judges replies.
        profile: mean token lengths, for expected costs.
        prompt_set: default prompt set for this task (`chat`, `embedded`, ...).
        fingerprint: digest of the content, kept in the run folder.
    """

    name: str
    splits: dict[Split, Sequence[Item]]
    grader: Grader
    profile: TokenProfile
    prompt_set: str = "chat"
    fingerprint: str = ""
