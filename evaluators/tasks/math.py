r"""MATH: competition mathematics (Hendrycks et al. 2021), its MATH-500 and other subsets."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from graphsearch.evaluators.boxed import last_boxed
from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import TokenProfile
from graphsearch.rows import Faults, Row, read_rows

__all__ = ["SUBJECTS", "Math"]

SUBJECTS: Final = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
LEVELS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Math(Benchmark):
    r"""MATH: a folder `test/algebra/1.json`, ..., a JSONL file of problems, or the hub's files.

    The gold answer is the field `answer`, else what the last `\boxed{...}` of the solution holds
    (several in a row are a list).

    Attributes:
        levels: levels to ask, of 1 to 5; None for all.
        subjects: subjects to ask, of `SUBJECTS`; None for all.
    """

    levels: Sequence[int] | None = None
    subjects: Sequence[str] | None = None

    benchmark: ClassVar[str] = "math"
    home: ClassVar[str] = (
        "test.jsonl of MATH-500 (github.com/openai/prm800k), or the folder of MATH"
    )
    names: ClassVar[tuple[str, ...]] = (
        "{part}.jsonl",
        "{part}.jsonl.gz",
        "{part}/*/*.json",
        "MATH/{part}/*/*.json",
    )
    usual_grader: ClassVar[str] = "math"
    usual_profile: ClassVar[TokenProfile | None] = TokenProfile(202, 275)

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        Benchmark.check_options(self)
        for level in self.levels or ():
            if level not in LEVELS:
                raise TaskError(f"holds {level!r}, must be of 1 to 5", where="task.options.levels")
        for subject in self.subjects or ():
            if _plain(subject) not in SUBJECTS:
                raise TaskError(
                    f"holds {subject!r}, must be of {', '.join(SUBJECTS)}",
                    where="task.options.subjects",
                )

    def rows_of(self, path: Path, faults: Faults) -> Iterator[Row]:
        """The rows of one file; a folder of the release gives one problem a file."""
        for row in read_rows(path, faults):
            if path.suffix == ".json":
                name = "/".join(path.parts[-3:])
                row = row._replace(values={"unique_id": name, **row.values})
            yield row

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        # `3`, `"3"` or `"Level 3"`; None where the release has `Level ?` or nothing.
        digits = re.fullmatch(r"(?:Level )?([1-5])", str(row.values.get("level")))
        level = int(digits[1]) if digits else None
        kind = row.values.get("subject", row.values.get("type"))
        subject = _plain(kind) if isinstance(kind, str) and kind.strip() else None
        if self.levels is not None and level not in self.levels:
            return None
        if self.subjects is not None and subject not in [_plain(s) for s in self.subjects]:
            return None
        solution = None
        if row.values.get("solution") is not None:
            solution = fields.read(row, "solution", str, "a text")
        if not fields.is_absent(row.values.get("answer")):
            gold = fields.text(row, "answer")
        else:
            gold = last_boxed(solution or fields.text(row, "solution")) or ""
        if not gold:
            raise TaskError(
                r"has neither a field 'answer' nor a \boxed{...} in its solution", where=row.where
            )
        meta: dict[str, Any] = {"level": level, "subject": subject}
        return self.identified(
            Draft(
                fields.text(row, "problem"),
                gold,
                id=fields.name_of(row, "unique_id") or fields.name_of(row, "idx"),
                meta={key: found for key, found in meta.items() if found is not None},
                worked=solution,
            )
        )


def _plain(name: str) -> str:
    return re.sub(r"[\s&_-]+", "_", name.strip().casefold().replace("&", " and "))
