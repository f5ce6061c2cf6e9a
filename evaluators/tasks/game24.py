"""The Game of 24: make 24 of four numbers (as in Tree of Thoughts, Yao et al. 2023)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.rows import Row

__all__ = ["Game24"]

_TARGET: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Game24(Benchmark):
    """Game of 24: `24.csv` with a column `Puzzles` of four numbers each.

    `item.meta["numbers"]` are the numbers, `item.gold` is 24.

    Attributes:
        rows_between: first row to use, counted from 0, and the first one not to; the file is
            ordered by difficulty, and the paper tests on `[900, 1000]`. None uses all.
    """

    rows_between: Sequence[int] | None = None

    benchmark: ClassVar[str] = "game24"
    home: ClassVar[str] = "src/tot/data/24/24.csv of github.com/princeton-nlp/tree-of-thought-llm"
    parts: ClassVar[tuple[str, ...]] = ("test",)
    names: ClassVar[tuple[str, ...]] = ("24.csv", "*.csv")
    usual_grader: ClassVar[str] = "game24"
    answer_tokens: ClassVar[int] = 200

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        Benchmark.check_options(self)
        ends = self.rows_between
        if ends is not None and not (len(ends) == 2 and 0 <= ends[0] < ends[1]):
            raise TaskError(
                f"is {list(ends)}, must be two numbers, the second above the first",
                where="task.options.rows_between",
            )

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        if self.rows_between is not None:
            first, end = self.rows_between
            if not first <= row.number - 2 < end:  # the header is line 1
                return None
        puzzle = fields.text(row, "Puzzles")
        parts = puzzle.split()
        if len(parts) != 4 or not all(part.isdecimal() and len(part) < 6 for part in parts):
            raise TaskError(
                f"field 'Puzzles' is {fields.shown(puzzle)}, must be four numbers", where=row.where
            )
        return Draft(
            f"Use the numbers {', '.join(parts)}, each exactly once, with + - * / and brackets to "
            f"make {_TARGET}.",
            _TARGET,
            id=" ".join(parts),
            meta={"numbers": [int(part) for part in parts]},
            compared=" ".join(sorted(parts, key=int)),
        )
