"""The questions of a record of real models, to be answered by the engine `replay`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from graphsearch.engines.records import Record, read_record
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.recorded import Reading
from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks._repeats import Repeats, Seen
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.evaluators.tasks.source import Source
from graphsearch.records.errors import FleetError, TaskError
from graphsearch.records.tasks import BYTES_PER_TOKEN, Grader, Item, TokenProfile
from graphsearch.rows import Faults, Row

__all__ = ["Replay"]

_KEPT_OUT: Final = ("qid", "question", "gold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Source):
    """The questions of a record, with what was recorded as right for their gold answers.

    Answers are judged as they were when they were recorded, so that figures published for a record
    come out again; or by a grader, against the record's own `gold`.

    A question's split follows from a hash of its id, which is what its answers are recorded under;
    near-duplicates share one all the same.

    Attributes:
        path: the record: a folder with `records.jsonl` (`graphsearch.engines.replay`).
        read: which answers are the same to a vote (`graphsearch.evaluators.graders.recorded`).
        field: field of a sample that is its answer, where it is not `text` or `answer`.
        group_field: field of the questions whose equal values mark those that are not independent.
        models: keep only questions that all these models answered; None keeps all.
        salt: of the hash that splits the questions: another salt, other splits.
    """

    read: Reading = "text"
    field: str | None = None
    group_field: str | None = None
    models: Sequence[str] | None = None
    salt: str | int = ""
    prompt_set: str | None = "replay"

    repeats: ClassVar[Repeats] = "keep"

    @property
    def is_guessed(self) -> bool:
        """Whether `lengths` are of nothing that anybody measured."""
        return False

    @property
    def title(self) -> str:
        """The record's name."""
        return Path(self.origin).name.partition(".")[0] or "replay"

    @property
    def needs(self) -> str:
        """What is to be said where nobody told the path."""
        return (
            "task 'replay' needs the option 'path', the folder of a record with records.jsonl in "
            "it (run CONFIG --data FOLDER gives it too)"
        )

    def check_options(self) -> None:
        """Refuse options that no record can make right."""
        Source.check_options(self)
        if self.grader is None and self.grader_options:
            raise TaskError(
                "go with a grader; answers are judged as recorded where none is named",
                where="task.options.grader_options",
            )

    def make_grader(self) -> Grader:
        """The grader: by default whoever judged when the record was made."""
        if self.grader is None:
            return get_grader("recorded", read=self.read)
        return Source.make_grader(self)

    def rows(self, faults: Faults) -> Iterator[Row]:
        """The questions; each that is judged as recorded has the texts recorded as right."""
        try:
            record = self._record()
            self._check(record)
            right = self._right_texts(record) if self.grader is None else None
        except FleetError as error:
            faults.add(error.message, error.where or self.origin)
            return
        for qid, row in record.questions.items():
            if any((model, qid) not in record.samples for model in self.models or ()):
                continue
            gold = {} if right is None else {"gold": right.get(qid, [])}
            yield row._replace(values={**row.values, **gold})

    def draft(self, row: Row) -> Draft | None:
        """What a question says."""
        group = None if self.group_field is None else str(fields.value(row, self.group_field))
        kept_out = (*_KEPT_OUT, self.group_field)
        qid = str(row.values["qid"])
        return Draft(
            fields.text(row, "question", strip=False),
            # None of the answers recorded may be right, which leaves the list of them empty.
            row.values["gold"] if self.grader is None else fields.gold(row, "gold"),
            id=qid,
            group=group,
            meta={key: found for key, found in row.values.items() if key not in kept_out},
            home=qid,
        )

    def warnings(self) -> tuple[str, ...]:
        """Answers to questions that the record does not hold: nobody will ask for them."""
        try:
            record = self._record()
        except FleetError:  # complained about where its rows are read
            return ()
        lost = [qid for _, qid in record.samples if qid not in record.questions]
        if not lost:
            return ()
        first = ", ".join(map(repr, list(dict.fromkeys(lost))[:3]))
        said = f"{len(lost):,} lines of the record answer questions that it does not hold: {first}"
        return (f"{said}, ...; are the ids of both files the same?",)

    def seen(self) -> Seen:
        """What notices questions that come again: what models said right is no contradiction."""
        return Seen(self.repeats, None if self.grader is None else self.contradictions)

    def salted(self) -> str | None:
        """What is hashed with each id."""
        return str(self.salt)

    def lengths(self, items: Sequence[Item]) -> TokenProfile:
        """Mean lengths as the engine estimates them; over all models: a task knows no fleet."""
        asked = sum(len(item.question) for item in items) / len(items)
        recorded = self._record().samples.values()
        said = [sample.characters for samples in recorded for sample in samples]
        return TokenProfile(
            max(1, math.ceil(asked / BYTES_PER_TOKEN)),
            max(1, math.ceil(sum(said) / max(len(said), 1) / BYTES_PER_TOKEN)),
        )

    def lengths_from(self) -> tuple[str, str]:
        """Where the token lengths in use come from, of question and answer, for people."""
        if self.profile is not None:
            return Source.lengths_from(self)
        how = f"mean of the record, {BYTES_PER_TOKEN} characters a token"
        return how, how

    def _record(self) -> Record:
        return read_record(Path(self.origin), field=self.field)

    def _check(self, record: Record) -> None:
        unknown = sorted(set(self.models or ()) - set(record.models))
        if unknown:
            known = ", ".join(sorted(record.models)[:8])
            raise TaskError(
                f"no model {unknown[0]!r} was recorded; of {known}", where="task.options.models"
            )

    def _right_texts(self, record: Record) -> dict[str, list[str]]:
        """What was recorded as right, by question."""
        found: dict[str, dict[str, None]] = {}
        for (model, qid), samples in record.samples.items():
            for sample in samples:
                if sample.correct is None:
                    raise TaskError(
                        f"does not tell whether {model!r} is right on {qid!r}; give a grader",
                        where=self.origin,
                    )
                if sample.correct:
                    found.setdefault(qid, {})[sample.text or ""] = None
        return {qid: sorted(texts) for qid, texts in found.items()}
