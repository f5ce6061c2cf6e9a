"""A file of answers that people have judged, to see what a judge is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, LabelledAnswer
from graphsearch.rows import Faults, read_jsonl

__all__ = ["read_labelled"]


class _Row(BaseModel):
    """One row as people write it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item: Any = None
    question: str | None = None
    gold: Any = None
    answer: str
    right: bool


def _words(error: ValidationError) -> str:
    """The first fault of a row in a sentence."""
    for fault in error.errors(include_url=False):
        if fault["type"] == "extra_forbidden":
            known = ", ".join(sorted(_Row.model_fields))
            return f"unknown key {fault['loc'][0]!r}; known: {known}"
    if any(fault["loc"][0] == "question" for fault in error.errors(include_url=False)):
        return 'needs "item", an id of the task, or "question", a text'
    return 'needs "answer", a text, and "right", true or false'


def read_labelled(path: Path, items: Mapping[str, Item]) -> list[LabelledAnswer]:
    """Rows of a `.jsonl` file: `{"item": ID, "answer": TEXT, "right": true}`.

    In place of `item` a row may have `question` and `gold` of its own.

    Args:
        path: the file.
        items: items that a row may name, by id.

    Raises:
        TaskError: with the file and line of what is wrong.
    """
    found = []
    for row in read_jsonl(path, Faults()):
        try:
            told = _Row.model_validate(row.values)
        except ValidationError as error:
            raise TaskError(_words(error), where=row.where) from None
        if told.item is None:
            if not told.question or not told.question.strip():
                raise TaskError(
                    'needs "item", an id of the task, or "question", a text', where=row.where
                )
            item = Item(f"labelled {row.number}", told.question, told.gold)
        elif (named := items.get(str(told.item))) is not None:
            item = named
        else:
            message = f"the task has no item {told.item!r} outside its held-out test split"
            raise TaskError(message, where=row.where)
        found.append(LabelledAnswer(item, told.answer, told.right))
    if not found:
        raise TaskError("holds no labelled answers", where=str(path))
    if len({row.right for row in found}) == 1:
        kind = "right" if found[0].right else "wrong"
        message = f"all {len(found)} answers are {kind}; agreement says nothing without both kinds"
        raise TaskError(message, where=str(path))
    return found
