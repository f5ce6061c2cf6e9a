"""What a task is: questions with known answers, and the grader that judges replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    Protocol,
    get_args,
    runtime_checkable,
)

from graphsearch.records.calls import Message, Outcome, Reply, Sampling, canonical_json
from graphsearch.records.errors import TaskError

if TYPE_CHECKING:
    from graphsearch.records.models import ModelSpec

__all__ = [
    "BYTES_PER_TOKEN",
    "AskModel",
    "AskingGrader",
    "BlockingGrader",
    "BringsModels",
    "Grader",
    "HasReader",
    "Item",
    "JudgeCall",
    "LabelledAnswer",
    "LabelledGrader",
    "Split",
    "Task",
    "TokenProfile",
    "Verdict",
    "check_task",
]

BYTES_PER_TOKEN: Final = 4
"""Of a text in UTF-8, where no tokenizer is at hand: an estimate."""

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
    """Judges replies. Pure, deterministic and quick: no I/O, no shared state; called inline.

    A grader that takes longer is a `BlockingGrader`, one that needs a model an `AskingGrader`.
    `parse` and `claims` are pure and quick for all of them, since votes call them often.

    What a model's text brings about (its program loops, its mathematics is hostile) is a `Verdict`
    of score 0 with a reason. Only where the grader's own machinery fails does it raise
    `GraderFailed`; the item is then not evaluated.
    """

    name: str

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in canonical form (equal answers give equal texts), or None."""
        ...

    def claims(self, item: Item, text: str) -> bool | None:
        """Whether the reply claims success by itself; None where replies carry no such claim."""
        ...

    def grade(self, item: Item, text: str) -> Verdict:
        """Judge the text. Never trusts `claims`.

        Raises:
            GraderFailed: the grader's own machinery failed, which says nothing about the text.
        """
        ...


@runtime_checkable
class BlockingGrader(Grader, Protocol):
    """A grader whose `grade` may take seconds: it waits for a process, a sandbox, a worker.

    The executor calls it in threads of its own, at most as many at once as there are cores, never
    on the event loop, and grades equal texts for an item once. So `grade` must be safe to call
    from several threads. Nothing is started before the first grade. One that holds processes has
    `close()`, which may be called twice, and after which a further grade starts them anew.

    Its verdicts are kept on disk, so that a limit that was passed once stays passed when a search
    is resumed. A text `fingerprint`, where it has one, names what they depend on beside item and
    answer: options, and a version of its rules. Verdicts of another fingerprint are not used.

    Attributes:
        blocking: True.
    """

    blocking: ClassVar[bool]


@dataclass(frozen=True, slots=True)
class JudgeCall:
    """The dearest form of a call that an `AskingGrader` may make.

    Attributes:
        model: who is asked.
        messages: the prompt without the answer.
        max_tokens: most tokens of the reply.
        answers: how many times the answer stands in the prompt.
        stretch: how many tokens one of the answer may become there at worst (fences, quoting).
        more_prompt: further tokens that the prompt may have (an earlier reply that it quotes).
        is_spare: True when it is only made where an earlier one went wrong.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    answers: int = 1
    stretch: int = 1
    more_prompt: int = 0
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer to an item, and whether people found it right."""

    item: Item
    answer: str
    right: bool


class AskModel(Protocol):
    """Makes a call for a grader: in the journal, so paid once, and booked as the judge's."""

    async def __call__(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        sampling: Sampling,
        sample: int = 0,
        prompt_version: str = "",
    ) -> Reply:
        """The reply.

        Args:
            model: who is asked; one of the grader's `models`.
            messages: the prompt.
            sampling: how to draw; needs `max_tokens`.
            sample: which draw of this very call.
            prompt_version: version of the prompts, part of the call's key.

        Raises:
            EngineError: the infrastructure failed; let it pass, the item is then not evaluated.
            BudgetReached: the budget does not cover the call; let it pass as well.
        """
        ...


@runtime_checkable
class AskingGrader(Grader, Protocol):
    """A grader that needs calls of a model. The executor awaits `judge`; nobody calls `grade`."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models it asks, so that they have an engine and a price."""
        ...

    def calls(self, item: Item) -> Sequence[JudgeCall]:
        """Every call that one verdict on this item can take, each at its dearest.

        What they cost is reserved before the item is run.
        """
        ...

    async def judge(self, item: Item, text: str, ask: AskModel) -> Verdict:
        """Judge the text with the help of models. Equal item, text and replies, equal verdict.

        Raises:
            GraderFailed: no verdict could be read from the replies.
            EngineError: a call failed.
            BudgetReached: the budget does not cover a call.
        """
        ...


@runtime_checkable
class LabelledGrader(AskingGrader, Protocol):
    """An asking grader that can be compared with people before a search trusts it.

    Attributes:
        least_kappa: agreement (Cohen's kappa) below which a search refuses to begin.
        accept: begin all the same.
    """

    least_kappa: float
    accept: bool

    def labelled(self, items: Mapping[str, Item]) -> Sequence[LabelledAnswer]:
        """Answers that people have judged; none where there is no such sample.

        Args:
            items: by id, those that a sample may name.

        Raises:
            TaskError: the sample cannot be used.
        """
        ...


@runtime_checkable
class BringsModels(Protocol):
    """A grader with models of its own, which join the fleet without becoming part of the space."""

    own_models: "tuple[ModelSpec, ...]"


@runtime_checkable
class HasReader(Protocol):
    """A grader that has another one read answers.

    Who serves a graph judges nobody, and so needs the reader alone.
    """

    reader: Grader


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """Mean lengths in tokens: A of the question's prompt, B of an answer."""

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
        is_estimated: True where nobody has measured the profile's lengths: a study measures them
            on a few questions before it plans with them.
    """

    name: str
    splits: dict[Split, Sequence[Item]]
    grader: Grader
    profile: TokenProfile
    prompt_set: str = "chat"
    fingerprint: str = ""
    is_estimated: bool = False


def check_task(task: Task) -> None:
    """Refuse a task whose items cannot be told apart, or whose splits are not sealed off.

    Raises:
        TaskError: a split is missing or there is nothing to search on; an item is there twice, or
            an item, its question or its group is in two splits; an item cannot be kept as JSON.
    """
    wrong = sorted(set(get_args(Split)).symmetric_difference(task.splits))
    if wrong:
        raise TaskError(
            f"has the splits {', '.join(map(repr, task.splits)) or 'none'}; it must have search, "
            "selection and test, though the last two may be empty",
            where=f"task {task.name!r}",
        )
    if not task.splits["search"]:
        raise TaskError("the search split is empty", where=f"task {task.name!r}")
    ids: dict[str, str] = {}
    homes: dict[tuple[str, str], Split] = {}
    for split, items in task.splits.items():
        for i, item in enumerate(items):
            where = f"task {task.name!r}: {split}[{i}]"
            if not isinstance(item, Item):
                raise TaskError(f"is {type(item).__name__}, not an Item", where=where)
            texts: Mapping[str, Any] = {"id": item.id, "question": item.question}
            for name, text in texts.items():
                if not isinstance(text, str) or not text.strip():
                    raise TaskError(f"its {name} is {text!r}, must be a text", where=where)
            try:
                kept = [item.id, item.question, item.gold, item.group, item.meta]
                canonical_json(kept).encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise TaskError(f"cannot be kept as JSON: {error}", where=where) from None
            first = ids.setdefault(item.id, where)
            if first != where:
                raise TaskError(f"the id {item.id!r} is {first} already", where=where)
            # What must not be in two splits: a question (with all that prompts may add), a group.
            asked = canonical_json([" ".join(item.question.split()), item.meta])
            marks = [("question", asked)]
            marks += [] if item.group is None else [("group", item.group)]
            for what, value in marks:
                home = homes.setdefault((what, value), split)
                if home != split:
                    raise TaskError(
                        f"its {what} is in the {home} split too; splits must share none",
                        where=where,
                    )
