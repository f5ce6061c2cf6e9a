"""A file of answers that people have judged, to see what a judge is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, LabelledAnswer
from graphsearch.rows import Faults, read_jsonl

__all__ = ["read_labelled"]

_KEYS = frozenset({"item", "question", "gold", "answer", "right"})


def read_labelled(path: Path, items: Mapping[str, Item]) -> list[LabelledAnswer]:
    """Rows of a `.jsonl` file: `{"item": ID, "answer": TEXT, "right": true}`.

    In place of `item` a row may have `question` and `gold` of its own.

    Args:
        path: the file.
        items: items that a row may name, by id.

    Raises:
        TaskError: with the file and line of what is wrong.
    """
    found = [_answer(row.values, row.where, items) for row in read_jsonl(path, Faults())]
    if not found:
        raise TaskError("holds no labelled answers", where=str(path))
    if len({row.right for row in found}) == 1:
        kind = "right" if found[0].right else "wrong"
        message = f"all {len(found)} answers are {kind}; agreement says nothing without both kinds"
        raise TaskError(message, where=str(path))
    return found


def _answer(row: Mapping[str, Any], where: str, items: Mapping[str, Item]) -> LabelledAnswer:
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise TaskError(f"unknown key {unknown[0]!r}; known: {known}", where=where)
    if not isinstance(row.get("answer"), str) or not isinstance(row.get("right"), bool):
        raise TaskError('needs "answer", a text, and "right", true or false', where=where)
    return LabelledAnswer(_item(row, where, items), row["answer"], row["right"])


def _item(row: Mapping[str, Any], where: str, items: Mapping[str, Item]) -> Item:
    if "item" in row:
        item = items.get(str(row["item"]))
        if item is None:
            message = f"the task has no item {row['item']!r} outside its sealed test split"
            raise TaskError(message, where=where)
        return item
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise TaskError('needs "item", an id of the task, or "question", a text', where=where)
    return Item(f"labelled {where.rpartition(':')[2]}", question, row.get("gold"))
