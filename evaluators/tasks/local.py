"""A user's own questions, from a file with named fields."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks._repeats import Repeats
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.evaluators.tasks.source import Source
from graphsearch.evaluators.tasks.splits import ORDER
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Split
from graphsearch.rows import Faults, Row, read_rows

__all__ = ["LocalFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile(Source):
    """Questions with answers of a file of the user's.

    Formats: `.jsonl` (one object a line), `.csv` and `.tsv` (with a header), `.json` (a list of
    objects), `.parquet` and `.arrow` (with the extra `data`); the text formats may be gzipped.
    Where nobody names a grader `exact` judges. Expected costs lean on 4 bytes a token plus 60 for
    the instructions, and on 256 for the answer, unless `profile` says better. Fields that are not
    named below become `item.meta`.

    Attributes:
        path: the file.
        name: the task's name; the file's stem by default.
        question_field: field of the question.
        answer_field: field of the known answer.
        id_field: field of the id; where a row has none, a digest of its question is taken.
        group_field: field whose equal values mark questions that are not independent.
        choices_field: field of the texts to choose from; they follow the question as lettered
            lines, and become `item.meta["choices"]`.
        context_field: field of a text, or of several, to be read before the question.
        tests_field: field of the tests of code, which become `item.meta["tests"]`.
        split_field: field that gives a question's split: search, selection or test. Rows without
            one are split by hash.
        split_names: what other names in that field mean, such as `{"validation": "selection"}`.
    """

    name: str | None = None
    question_field: str = "question"
    answer_field: str = "answer"
    id_field: str = "id"
    group_field: str | None = None
    choices_field: str | None = "choices"
    context_field: str | None = "context"
    tests_field: str | None = "tests"
    split_field: str | None = "split"
    split_names: Mapping[str, Split] | None = None

    repeats: ClassVar[Repeats] = "refuse"

    @property
    def title(self) -> str:
        """The task's name: the file's own without its endings."""
        file = Path(self.origin).name
        return self.name or file.partition(".")[0] or file

    @property
    def needs(self) -> str:
        """What is to be said where nobody told the path."""
        return (
            "task 'local' needs the option 'path', a file of questions; the file itself can be "
            "named as the task, too"
        )

    def rows(self, faults: Faults) -> Iterator[Row]:
        """All rows that can be read."""
        return read_rows(Path(self.origin), faults)

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        Source.check_options(self)
        if Path(self.origin).is_dir():
            raise TaskError(
                "is a folder; name a file of questions, or, where it holds a benchmark, that as "
                "the task (gsm8k, math, ...) and the folder as its path",
                where=self.origin,
            )
        used = self._used()
        twice = next((name for name in used if name is not None and used.count(name) > 1), None)
        if twice is not None:
            raise TaskError(f"field {twice!r} is to be two things at once", where="task.options")

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        question = fields.text(row, self.question_field)
        meta = {key: found for key, found in row.values.items() if key not in self._used()}
        if (field := self._given(row, self.context_field)) is not None:
            context = fields.read(row, field, str | list[str], "a text or a list of texts")
            parts = [context] if isinstance(context, str) else context
            question = "\n\n".join([part.strip() for part in parts if part.strip()] + [question])
        if (field := self._given(row, self.choices_field)) is not None:
            choices = row.values[field]
            options = _cell(choices) if isinstance(choices, str) else choices
            meta["choices"] = fields.choices(row, options, field, distinct=True)
            question = fields.lettered(question, meta["choices"])
        if (field := self._given(row, self.tests_field)) is not None:
            tests = row.values[field]
            if isinstance(tests, str) and tests.lstrip().startswith("["):  # a cell of a CSV file
                row = row._replace(values={**row.values, field: _cell(tests)})
            meta["tests"] = fields.read(
                row, field, str | list[fields.Filled], "a text or a list of texts"
            )
        if "tests" in meta and fields.is_absent(row.values.get(self.answer_field)):
            gold = meta["tests"]  # code that is judged by its tests needs no known answer
        else:
            gold = fields.gold(row, self.answer_field)
        return Draft(
            question=question,
            gold=gold,
            id=fields.name_of(row, self.id_field),
            group=None if self.group_field is None else fields.text(row, self.group_field),
            meta=meta,
            split=self._split(row),
        )

    def _used(self) -> list[str | None]:
        return [
            self.question_field,
            self.answer_field,
            self.id_field,
            self.group_field,
            self.choices_field,
            self.context_field,
            self.tests_field,
            self.split_field,
        ]

    @staticmethod
    def _given(row: Row, field: str | None) -> str | None:
        """The field where the row has anything in it, else None."""
        found = None if field is None else row.values.get(field)
        blank = isinstance(found, str) and not found.strip()
        return None if blank or fields.is_absent(found) else field

    def _split(self, row: Row) -> Split | None:
        field = self._given(row, self.split_field)
        if field is None:
            return None
        found = row.values[field]
        known: dict[str, Split] = {split: split for split in ORDER}
        known |= self.split_names or {}
        split = known.get(found) if isinstance(found, str) else None
        if split is None:
            name = found if isinstance(found, str) and found.isidentifier() else "validation"
            raise TaskError(
                f"field {field!r} is {fields.shown(found)}, must be one of "
                f"{', '.join(known)}; say what each other name means with the option split_names, "
                f"such as split_names: {{{name}: selection}} (task show: -o "
                f"'split_names={{{name}: selection}}'), or set split_field to null",
                where=row.where,
            )
        return split


def _cell(text: str) -> Any:
    """What a cell of a CSV file holds, where that is JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
