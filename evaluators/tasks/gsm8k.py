"""GSM8K: grade school mathematics in words (Cobbe et al. 2021)."""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.rows import Row

__all__ = ["Gsm8k"]

_CALCULATIONS: Final = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gsm8k(Benchmark):
    """GSM8K: `test.jsonl` with worked answers that end in `#### 18`, or the hub's files."""

    benchmark: ClassVar[str] = "gsm8k"
    home: ClassVar[str] = "test.jsonl of github.com/openai/grade-school-math"
    names: ClassVar[tuple[str, ...]] = ("{part}.jsonl", "{part}.jsonl.gz")
    configs: ClassVar[tuple[str, ...]] = ("main",)
    usual_grader: ClassVar[str] = "numeric"
    answer_tokens: ClassVar[int] = 140
    answer_from: ClassVar[str] = "mean of 57,398 recorded answers of 44 models, 4 bytes a token"

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        worked = fields.text(row, "answer")
        reasoning, mark, answer = worked.rpartition("####")
        gold = answer.strip().replace(",", "")
        if not mark or not gold:
            raise TaskError("field 'answer' does not end in '#### number'", where=row.where)
        said = _CALCULATIONS.sub("", reasoning)
        return self.identified(
            Draft(fields.text(row, "question"), gold, worked=f"{said}\nAnswer: {gold}")
        )
