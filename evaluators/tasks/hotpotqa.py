"""HotpotQA: questions that need two passages (Yang et al. 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graphsearch.evaluators.tasks import _fields
from graphsearch.evaluators.tasks._benchmark import Benchmark
from graphsearch.evaluators.tasks._fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.rows import Row

__all__ = ["HotpotQa"]


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
        asked = _fields.text(row, "question")
        passages = _passages(row) if self.passages else []
        known = ("type", "level")
        meta = {key: found for key, found in row.values.items() if key in known}
        return self.identified(
            Draft(
                "\n\n".join([*passages, asked]),
                _fields.text(row, "answer"),
                id=_fields.name_of(row, "_id") or _fields.name_of(row, "id"),
                meta=meta,
                compared=asked,
            )
        )


def _passages(row: Row) -> list[str]:
    """`[[title, [sentence, ...]], ...]`, or the hub's `{"title": [...], "sentences": [...]}`."""
    found: Any = row.values.get("context")
    if _fields.is_absent(found):
        return []
    try:
        if isinstance(found, Mapping):
            pairs = list(zip(found["title"], found["sentences"], strict=True))
        else:
            pairs = [(title, sentences) for title, sentences in found]
        return [_passage(title, sentences) for title, sentences in pairs]
    except (KeyError, TypeError, ValueError):
        raise TaskError(
            f"field 'context' is {_fields.shown(found)}, must be a list of pairs of a title and "
            "its sentences",
            where=row.where,
        ) from None


def _passage(title: Any, sentences: Any) -> str:
    if not isinstance(title, str) or not isinstance(sentences, list):
        raise TypeError
    return f"{title}\n{' '.join(sentence.strip() for sentence in map(_said, sentences))}"


def _said(sentence: Any) -> str:
    if not isinstance(sentence, str):
        raise TypeError
    return sentence
