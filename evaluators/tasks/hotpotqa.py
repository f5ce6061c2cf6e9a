"""HotpotQA: questions that need two passages (Yang et al. 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.rows import Row

__all__ = ["HotpotQa"]


def _pairs(found: Any) -> Any:
    """The hub's `{"title": [...], "sentences": [...]}` as `[[title, [sentence, ...]], ...]`."""
    if not isinstance(found, Mapping):
        return found
    titles, sentences = found.get("title"), found.get("sentences")
    if not isinstance(titles, list) or not isinstance(sentences, list):
        raise ValueError("no lists under title and sentences")
    return list(zip(titles, sentences, strict=True))


_Context = Annotated[list[tuple[str, list[str]]], BeforeValidator(_pairs)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HotpotQa(Benchmark):
    """HotpotQA: `hotpot_dev_distractor_v1.json`, the hub's files, or JSONL with the same fields.

    Attributes:
        passages: whether the passages stand before the question, where the file has any; without
            them the questions are asked closed-book.
    """

    part: str = "dev"
    passages: bool = True

    benchmark: ClassVar[str] = "hotpotqa"
    home: ClassVar[str] = "hotpot_dev_distractor_v1.json of hotpotqa.github.io"
    parts: ClassVar[tuple[str, ...]] = ("dev", "train")
    aliases: ClassVar[Mapping[str, str]] = {"dev": "validation"}
    names: ClassVar[tuple[str, ...]] = (
        "hotpot_{part}_distractor*.json",
        "hotpot_{part}_*.json",
        "{part}*.jsonl",
    )
    configs: ClassVar[tuple[str, ...]] = ("distractor", "fullwiki")
    usual_grader: ClassVar[str] = "f1"
    answer_tokens: ClassVar[int] = 100

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        asked = fields.text(row, "question")
        passages = []
        if self.passages and not fields.is_absent(row.values.get("context")):
            found = fields.read(
                row, "context", _Context, "a list of pairs of a title and its sentences"
            )
            passages = [
                f"{title}\n{' '.join(sentence.strip() for sentence in sentences)}"
                for title, sentences in found
            ]
        known = ("type", "level")
        meta = {key: found for key, found in row.values.items() if key in known}
        return self.identified(
            Draft(
                "\n\n".join([*passages, asked]),
                fields.text(row, "answer"),
                id=fields.name_of(row, "_id") or fields.name_of(row, "id"),
                meta=meta,
                compared=asked,
            )
        )
