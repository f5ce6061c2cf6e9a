"""From the rows of files to a task: what all tasks that are read from files share."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from graphsearch.evaluators.graders import get_grader, grader_names, traits_of
from graphsearch.evaluators.tasks._repeats import Contradictions, Entry, Questions, Repeats, Seen
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.evaluators.tasks.near import THRESHOLD
from graphsearch.evaluators.tasks.splits import ORDER, SHARES, Placed, place_items, scaled
from graphsearch.records.calls import digest
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import BYTES_PER_TOKEN, Grader, Item, Split, Task, TokenProfile
from graphsearch.rows import Faults, Row

__all__ = ["Source", "profile_of"]

PROMPT_TOKENS: Final = 60
"""Tokens that instructions and chat template add to a question."""
ANSWER_TOKENS: Final = 256
"""Tokens of an answer where nothing is known of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Questions in files, and how they become a task.

    Attributes:
        path: where they are.
        grader: a grader or its name; the benchmark's own when None.
        grader_options: options of the named grader.
        shares: share of each split; they are scaled to a sum of 1.
        most: most questions a split keeps, 1 or more, the first of them by hash; None keeps all.
        near_duplicates: overlap from which on two questions count as one and stay on one side (see
            `_near`); None compares their whole texts only.
        contradictions: what becomes of a question that is there twice with different known answers
            (`_repeats.Contradictions`).
        profile: mean token lengths; the benchmark's own when None.
        prompt_set: prompts the roles use; those that suit the grader when None.
    """

    path: str | Path | None = None
    grader: str | Grader | None = None
    grader_options: Mapping[str, Any] | None = None
    shares: Mapping[Split, float] = field(default_factory=lambda: SHARES)
    most: int | None = None
    near_duplicates: float | None = THRESHOLD
    contradictions: Contradictions = "refuse"
    profile: TokenProfile | None = None
    prompt_set: str | None = None

    usual_grader: ClassVar[str] = "exact"
    usual_profile: ClassVar[TokenProfile | None] = None
    profile_from: ClassVar[str] = "as published for this benchmark (arXiv 2511.00086)"
    answer_tokens: ClassVar[int] = ANSWER_TOKENS
    answer_from: ClassVar[str] = "assumed"
    repeats: ClassVar[Repeats] = "fold"

    @property
    def is_guessed(self) -> bool:
        """Whether `lengths` are of nothing that anybody measured."""
        return self.usual_profile is None

    # -- what each kind of file says for itself ----------------------------------------------------

    @property
    def title(self) -> str:
        """The task's name."""
        raise NotImplementedError

    @property
    def needs(self) -> str:
        """What is to be said where nobody told the path."""
        raise NotImplementedError

    def rows(self, faults: Faults) -> Iterator[Row]:
        """All rows that can be read."""
        raise NotImplementedError

    def draft(self, row: Row) -> Draft | None:
        """What a row says; None where it is not asked for (another level, another subject).

        Raises:
            TaskError: the row is wrong.
        """
        raise NotImplementedError

    def lengths_from(self) -> tuple[str, str]:
        """Where the token lengths in use come from, of question and answer, for people."""
        if self.profile is not None:
            return "given", "given"
        if self.usual_profile is not None:
            return self.profile_from, self.profile_from
        return f"{BYTES_PER_TOKEN} bytes a token and {PROMPT_TOKENS} more", self.answer_from

    def lengths(self, items: Sequence[Item]) -> TokenProfile:
        """Mean token lengths where none are given."""
        return self.usual_profile or profile_of(items, self.answer_tokens)

    def warnings(self) -> tuple[str, ...]:
        """What is likely not meant as it was given, in sentences, though it can be used."""
        return ()

    def seen(self) -> Seen:
        """What notices questions that come again."""
        return Seen(self.repeats, self.contradictions)

    def salted(self) -> str | None:
        """What is hashed with each question to split them; None for nothing."""
        return None

    # -- what they share ---------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """Where the questions come from, for messages about all of them."""
        return str(self.path)

    def load(self) -> Task:
        """The task.

        Raises:
            TaskError: with the file and line of what is wrong.
        """
        self.check_options()
        grader = self.make_grader()
        return self.task(grader, self.questions(grader, Faults()).entries)

    def task(self, grader: Grader, entries: Sequence[Entry], placed: Placed | None = None) -> Task:
        """A task of questions that were read; `placed` where that is known already."""
        items = [entry.item for entry in entries]
        if not items:
            raise TaskError(
                "holds no questions, or none that the options ask for", where=self.origin
            )
        splits = self._splits(entries, placed or self.placed(entries))
        return Task(
            name=self.title,
            splits=splits,
            grader=grader,
            profile=self.profile or self.lengths(items),
            is_estimated=self.profile is None and self.is_guessed,
            prompt_set=self.prompt_set or traits_of(grader).prompt_set,
            fingerprint=digest(
                [
                    [split, [[i.id, i.question, i.gold, i.group, i.meta] for i in found]]
                    for split, found in sorted(splits.items())
                ]
            ),
        )

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        if self.path is None:
            raise TaskError(self.needs, where="task.options.path")
        scaled(self.shares)
        if self.most is not None and self.most < 1:
            raise TaskError(f"must be at least 1, got {self.most}", where="task.options.most")
        near = self.near_duplicates
        if near is not None and not 0 < near <= 1:
            raise TaskError(
                f"must be above 0 and at most 1, got {near}", where="task.options.near_duplicates"
            )
        if self.grader_options and not isinstance(self.grader or self.usual_grader, str):
            raise TaskError(
                "go with a grader that is named, not with one that is made already",
                where="task.options.grader_options",
            )

    def make_grader(self) -> Grader:
        """The grader."""
        chosen = self.usual_grader if self.grader is None else self.grader
        if not isinstance(chosen, str):
            return chosen
        if chosen not in grader_names():
            raise TaskError(
                f"no grader {chosen!r}; known: {', '.join(grader_names())}",
                where="task.options.grader",
            )
        try:
            return get_grader(chosen, **(self.grader_options or {}))
        except TaskError as error:
            if error.where is not None:
                raise
            raise TaskError(str(error), where="task.options.grader_options") from error

    def questions(self, grader: Grader, faults: Faults) -> Questions:
        """All questions that are as they should be; what is not goes to `faults`."""
        seen = self.seen()
        check = getattr(grader, "check", None)
        for row in self.rows(faults):
            try:
                draft = self.draft(row)
                if draft is None:
                    continue
                # An id of the content, for rows without one.
                own = draft.id or digest(draft.question, size=8)
                item = Item(own, draft.question, draft.gold, draft.group, dict(draft.meta))
                if check is not None:
                    try:
                        check(item)
                    except TaskError as error:
                        raise TaskError(error.message, where=row.where) from None
                seen.add(Entry(item, row, draft))
            except TaskError as error:
                faults.keep(error)
        return seen.found()

    def placed(self, entries: Sequence[Entry]) -> Placed:
        """Where the questions belong."""
        return place_items(
            [entry.item for entry in entries],
            scaled(self.shares),
            near=self.near_duplicates,
            texts=[entry.draft.compared or entry.draft.question for entry in entries],
            given=[entry.draft.split for entry in entries],
            names=[entry.draft.home for entry in entries],
            salt=self.salted(),
        )

    def _splits(self, entries: Sequence[Entry], placed: Placed) -> dict[Split, Sequence[Item]]:
        items = placed.grouped([entry.item for entry in entries])
        order = sorted(range(len(items)), key=lambda i: (placed.places[i], items[i].id))
        found: dict[Split, list[Item]] = {split: [] for split in ORDER}
        for i in order:
            found[placed.splits[i]].append(items[i])
        empty = next((split for split, chosen in found.items() if not chosen), None)
        if empty is None:
            return {split: tuple(chosen[: self.most]) for split, chosen in found.items()}
        count, groups = len(entries), len(set(placed.groups))
        why = (
            f"{count} questions leave the {empty} split empty; give more questions or a larger "
            "share"
        )
        if any(entry.draft.split is not None for entry in entries):
            why = f"its field of splits leaves the {empty} split empty"
        elif groups < count:
            why = (
                f"{count} questions in {groups} groups of near-duplicates leave the {empty} split "
                "empty; give more questions, or set the option near_duplicates to null"
            )
        raise TaskError(why, where=self.origin)


def profile_of(items: Sequence[Item], answer: int) -> TokenProfile:
    """Mean token lengths where no tokenizer is at hand: 4 bytes a token, and the instructions."""
    length = sum(len(item.question.encode()) for item in items) / len(items)
    return TokenProfile(math.ceil(length / BYTES_PER_TOKEN) + PROMPT_TOKENS, answer)
