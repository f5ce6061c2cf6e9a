"""MMLU (Hendrycks et al. 2021) and MMLU-Pro (Wang et al. 2024): multiple choice by subject."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar, Final

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks._repeats import Entry
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.evaluators.tasks.splits import Placed
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Grader, Task, TokenProfile
from graphsearch.rows import Faults, Row, ending, read_rows

__all__ = ["CATEGORIES", "Mmlu", "MmluPro"]

CATEGORIES: Final = (
    "biology",
    "business",
    "chemistry",
    "computer science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
)
_COLUMNS: Final = ("question", "A", "B", "C", "D", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mmlu(Benchmark):
    """MMLU: folders of CSV files without a header (`test/abstract_algebra_test.csv`), JSONL or hub.

    In the release (github.com/hendrycks/test) a row is question, four choices and a letter; on the
    hub (cais/mmlu, folder `all`) it has `question`, `subject`, `choices` and `answer`, from 0.

    Attributes:
        subjects: subjects to ask, such as `abstract_algebra`; None for all.
    """

    subjects: Sequence[str] | None = None

    benchmark: ClassVar[str] = "mmlu"
    home: ClassVar[str] = "data.tar of github.com/hendrycks/test"
    parts: ClassVar[tuple[str, ...]] = ("test", "val", "dev")
    aliases: ClassVar[Mapping[str, str]] = {"val": "validation"}
    names: ClassVar[tuple[str, ...]] = (
        "{part}/*_{part}.csv",
        "data/{part}/*_{part}.csv",
        "*_{part}.csv",
        "{part}*.jsonl",
    )
    configs: ClassVar[tuple[str, ...]] = ("all",)
    usual_grader: ClassVar[str] = "choice"
    usual_profile: ClassVar[TokenProfile | None] = TokenProfile(213, 215)

    def rows_of(self, path: Path, faults: Faults) -> Iterator[Row]:
        """The rows of one file."""
        columns = _COLUMNS if ending(path) == ".csv" else None
        for row in read_rows(path, faults, header=columns):
            told = {str(found).casefold() for found in row.values.values()}
            if columns is None or not {"question", "answer"} <= told:  # else a header after all
                yield row

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        named = row.values.get("subject")
        if not isinstance(named, str) or not named.strip():  # the file's name says it
            stem = row.path.name.partition(".")[0]
            named = re.sub(r"_(test|val|dev|validation)$", "", stem)
        subject = _plain(named)
        if self.subjects is not None and subject not in [_plain(s) for s in self.subjects]:
            return None
        found = row.values.get("choices")
        if found is None:
            found = [fields.value(row, letter) for letter in _COLUMNS[1:5]]
        options = fields.choices(row, found, "choices")
        return self.identified(_chosen(row, options, {"subject": subject}, "id"))

    def task(self, grader: Grader, entries: Sequence[Entry], placed: Placed | None = None) -> Task:
        """A task of questions that were read.

        Raises:
            TaskError: there is none of a subject that was asked for.
        """
        there = {entry.item.meta["subject"] for entry in entries}
        for subject in self.subjects or ():
            if _plain(subject) not in there:
                raise TaskError(
                    f"holds {subject!r}, of which there is no question",
                    where="task.options.subjects",
                )
        return Benchmark.task(self, grader, entries, placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class MmluPro(Benchmark):
    """MMLU-Pro: the hub's Parquet files, or the same rows as JSON or JSONL; up to ten choices.

    Rows have `question_id`, `question`, `options`, `answer`, `answer_index`, `cot_content` (worked
    answers, in the part `validation` alone), `category` and `src` (card of TIGER-Lab/MMLU-Pro).

    Attributes:
        categories: categories to ask, of `CATEGORIES`; None for all.
    """

    categories: Sequence[str] | None = None

    benchmark: ClassVar[str] = "mmlu-pro"
    home: ClassVar[str] = "the data set TIGER-Lab/MMLU-Pro"
    parts: ClassVar[tuple[str, ...]] = ("test", "validation")
    names: ClassVar[tuple[str, ...]] = ("*{part}*.jsonl", "*{part}*.json")
    usual_grader: ClassVar[str] = "choice"
    answer_tokens: ClassVar[int] = 300

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        Benchmark.check_options(self)
        for category in self.categories or ():
            if _spaced(category) not in CATEGORIES:
                raise TaskError(
                    f"holds {category!r}, must be of {', '.join(CATEGORIES)}",
                    where="task.options.categories",
                )

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        category = _spaced(fields.text(row, "category"))
        if self.categories is not None and category not in [_spaced(c) for c in self.categories]:
            return None
        found = fields.value(row, "options")
        while isinstance(found, list) and found and found[-1] == "N/A":  # fills up to ten
            found = found[:-1]
        options = fields.choices(row, found, "options")
        draft = _chosen(row, options, {"category": category}, "question_id")
        reasons = row.values.get("cot_content")
        worked = reasons if isinstance(reasons, str) and reasons.strip() else None
        return self.identified(draft._replace(worked=worked))


def _chosen(row: Row, options: list[str], meta: dict[str, Any], id_field: str) -> Draft:
    """A question of several choices; files give the right one as a letter or count from 0."""
    found = fields.gold(row, "answer")
    letters = ascii_uppercase[: len(options)]
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(letters):
        found = letters[found]
    letter = found.strip() if isinstance(found, str) else ""
    if len(letter) != 1 or letter not in letters:
        raise TaskError(
            f"field 'answer' is {fields.shown(found)}, must be a letter of {letters} or a number "
            "counted from 0",
            where=row.where,
        )
    return Draft(
        fields.lettered(fields.text(row, "question"), options),
        letter,
        id=fields.name_of(row, id_field),
        meta={**meta, "choices": options},
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _spaced(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().casefold())
