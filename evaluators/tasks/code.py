"""HumanEval (Chen et al. 2021) and MBPP (Austin et al. 2021): programs judged by tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import Field, StrictInt

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.tasks import TokenProfile
from graphsearch.rows import Row

__all__ = ["HumanEval", "Mbpp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEval(Benchmark):
    """HumanEval: `HumanEval.jsonl`, also gzipped, or the hub's files.

    `item.meta` has the release's `prompt`, `entry_point` and `test`, which defines `check`.
    """

    benchmark: ClassVar[str] = "humaneval"
    home: ClassVar[str] = "data/HumanEval.jsonl.gz of github.com/openai/human-eval"
    parts: ClassVar[tuple[str, ...]] = ("test",)
    names: ClassVar[tuple[str, ...]] = ("HumanEval*.jsonl", "HumanEval*.jsonl.gz")
    configs: ClassVar[tuple[str, ...]] = ("openai_humaneval",)
    usual_grader: ClassVar[str] = "code"
    usual_profile: ClassVar[TokenProfile | None] = TokenProfile(180, 115)

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        prompt = fields.text(row, "prompt", strip=False)
        solution = fields.text(row, "canonical_solution", strip=False)
        meta = {"prompt": prompt, "test": fields.text(row, "test", strip=False)}
        meta["entry_point"] = fields.text(row, "entry_point")
        return Draft(
            f"Complete this Python function:\n\n{prompt.rstrip()}",
            gold=solution,
            id=fields.name_of(row, "task_id"),
            meta=meta,
            worked=prompt + solution,
        )


_MBPP_PARTS: Final[Mapping[str, tuple[int, int]]] = {
    "test": (11, 510),
    "prompt": (1, 10),
    "validation": (511, 600),
    "train": (601, 974),
}
_Texts = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mbpp(Benchmark):
    """MBPP: `mbpp.jsonl`, `sanitized-mbpp.json`, or the hub's files.

    Parts follow from the number of a problem, as published: 11 to 510 test, 1 to 10 prompt, 511 to
    600 validation, 601 to 974 train. The question shows all tests, as in the paper: without them
    no model can know the function's name. `item.meta` has `test_list`, `test_setup_code` and
    `challenge_test_list`.
    """

    benchmark: ClassVar[str] = "mbpp"
    home: ClassVar[str] = "mbpp.jsonl of github.com/google-research/google-research, folder mbpp"
    parts: ClassVar[tuple[str, ...]] = tuple(_MBPP_PARTS)
    names: ClassVar[tuple[str, ...]] = ("mbpp.jsonl", "mbpp.jsonl.gz", "sanitized-mbpp.json")
    configs: ClassVar[tuple[str, ...]] = ("full", "sanitized")
    usual_grader: ClassVar[str] = "code"
    answer_tokens: ClassVar[int] = 115

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        number = fields.read(row, "task_id", StrictInt, "a whole number")
        low, high = _MBPP_PARTS.get(self.part, (number, number))
        if not low <= number <= high:
            return None

        def texts(field: str) -> list[str]:
            """What a field holds that may be absent or empty."""
            absent = fields.is_absent(row.values.get(field))
            return [] if absent else fields.read(row, field, _Texts, "a list of texts")

        asked = fields.text(row, "text" if "text" in row.values else "prompt")
        tests = fields.read(row, "test_list", _Texts, "a list of texts")
        code = fields.text(row, "code", strip=False)
        setup = texts("test_imports")
        if not fields.is_absent(row.values.get("test_setup_code")):
            setup.append(fields.text(row, "test_setup_code", strip=False))
        return Draft(
            f"{asked}\n\nYour code must pass these tests:\n\n" + "\n".join(tests),
            gold=code,
            id=str(number),
            meta={
                "test_list": tests,
                "test_setup_code": "\n".join(setup).strip(),
                "challenge_test_list": texts("challenge_test_list"),
            },
            worked=code,
        )
