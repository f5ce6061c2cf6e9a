"""A user's own questions, from a JSONL or CSV file."""

import csv
import hashlib
import json
import math
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from graphsearch.calls import digest
from graphsearch.errors import TaskError
from graphsearch.evaluators.graders import get_grader
from graphsearch.tasks import Grader, Item, Split, Task, TokenProfile

__all__ = ["SHARES", "load_local"]

SHARES: Final[Mapping[Split, float]] = {"search": 0.5, "selection": 0.2, "test": 0.3}
"""How questions are spread over the splits."""

_PROMPT_TOKENS: Final = 60
_BYTES_PER_TOKEN: Final = 4
_ANSWER_TOKENS: Final = 256


class _Row(NamedTuple):
    line: int
    values: dict[str, Any]


def load_local(
    path: str | Path,
    *,
    grader: str | Grader = "exact",
    grader_options: Mapping[str, Any] | None = None,
    question_field: str = "question",
    answer_field: str = "answer",
    id_field: str = "id",
    group_field: str | None = None,
    shares: Mapping[Split, float] = SHARES,
    most: int | None = None,
    profile: TokenProfile | None = None,
    prompt_set: str = "chat",
    name: str | None = None,
) -> Task:
    """Questions with answers from a file: `.jsonl` (one object a line) or `.csv` (with a header).

    A question's split follows from a hash of its text (or of its group), so it stays in its split
    when the file grows or is re-ordered. Further fields of a row become `item.meta`.

    Args:
        path: the file.
        grader: a grader or its name.
        grader_options: options of the named grader.
        question_field: field of the question.
        answer_field: field of the known answer.
        id_field: field of the id; where a row has none, a digest of its question is taken.
        group_field: field whose equal values mark questions that are not independent.
        shares: share of each split; they are scaled to a sum of 1.
        most: most questions a split keeps, 1 or more, the first of them by hash; None keeps all.
        profile: mean token lengths. By default the question is taken at 4 bytes a token plus 60
            for the instructions, and the answer at 256: only expected costs lean on it.
        prompt_set: prompts the roles use.
        name: the task's name; the file's stem by default.

    Raises:
        TaskError: with the file and line of what is wrong.
    """
    path = Path(path)
    if most is not None and most < 1:
        raise TaskError(f"must be at least 1, got {most}", where="task.options.most")
    judge = get_grader(grader, **(grader_options or {})) if isinstance(grader, str) else grader
    items = _items(path, question_field, answer_field, id_field, group_field, judge)
    splits = _split(items, _scaled(shares), most, path)
    return Task(
        name=name or path.stem,
        splits=splits,
        grader=judge,
        profile=profile or _profile(items),
        prompt_set=prompt_set,
        fingerprint=digest(
            [
                [split, [[i.id, i.question, i.gold, i.group, i.meta] for i in found]]
                for split, found in sorted(splits.items())
            ]
        ),
    )


def _items(
    path: Path,
    question_field: str,
    answer_field: str,
    id_field: str,
    group_field: str | None,
    grader: Grader,
) -> list[Item]:
    items: list[Item] = []
    seen_ids: dict[str, int] = {}
    seen_questions: dict[str, int] = {}
    check = getattr(grader, "check", None)
    for line, values in _rows(path):
        where = f"{path}:{line}"
        question = _text(values, question_field, where)
        gold = _gold(values, answer_field, where)
        name = _id(values.get(id_field), where) or digest(question, size=8)
        _once(seen_questions, " ".join(question.split()), "question", line, where)
        _once(seen_ids, name, "id", line, where)
        group = None if group_field is None else _text(values, group_field, where)
        used = {question_field, answer_field, id_field, group_field}
        meta = {key: value for key, value in values.items() if key not in used}
        item = Item(name, question, gold, group, meta)
        if check is not None:
            _checked(check, item, where)
        items.append(item)
    if not items:
        raise TaskError("holds no questions", where=str(path))
    return items


def _checked(check: Any, item: Item, where: str) -> None:
    try:
        check(item)
    except TaskError as error:
        raise TaskError(str(error), where=where) from None


def _once(seen: dict[str, int], value: str, what: str, line: int, where: str) -> None:
    first = seen.setdefault(value, line)
    if first != line:
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise TaskError(f"{what} {shown!r} is already in line {first}", where=where)


def _id(own: Any, where: str) -> str:
    if isinstance(own, list | dict | bool):
        raise TaskError(f"the id {own!r} is neither a text nor a number", where=where)
    return "" if own is None else str(own)


def _text(values: dict[str, Any], field: str, where: str) -> str:
    if field not in values:
        known = ", ".join(sorted(values))
        raise TaskError(f"no field {field!r}; the line has: {known}", where=where)
    value = values[field]
    if not isinstance(value, str) or not value.strip():
        raise TaskError(f"field {field!r} is {value!r}, must be a text", where=where)
    return value.strip()


def _gold(values: dict[str, Any], field: str, where: str) -> Any:
    if field not in values:
        known = ", ".join(sorted(values))
        raise TaskError(f"no field {field!r}; the line has: {known}", where=where)
    gold = values[field]
    if gold is None or (isinstance(gold, str | list | dict) and not gold):
        raise TaskError(f"field {field!r}, the known answer, is empty", where=where)
    if isinstance(gold, str) and not gold.strip():
        raise TaskError(f"field {field!r}, the known answer, is empty", where=where)
    return gold


# -- reading ---------------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[_Row]:
    readers = {".jsonl": _jsonl, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TaskError("is neither .jsonl nor .csv", where=str(path))
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise TaskError(f"is not UTF-8 text ({error.reason})", where=str(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise TaskError(f"cannot be read: {reason}", where=str(path)) from None


def _jsonl(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            values = _json(line, where)
            if not isinstance(values, dict):
                raise TaskError("must be a JSON object", where=where)
            yield _Row(number, values)


def _json(line: str, where: str) -> Any:
    """A value that can be written again: no infinite numbers, no halves of characters."""
    try:
        values = json.loads(line, parse_constant=_no_number)
        json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise TaskError(f"is no JSON: {error.msg}", where=where) from None
    except RecursionError:
        raise TaskError("is no JSON: nested too deeply", where=where) from None
    except UnicodeEncodeError:
        raise TaskError("holds half a character (a lone surrogate)", where=where) from None
    except ValueError as error:  # a number with more digits than Python reads, or none at all
        raise TaskError(f"is no JSON: {error}", where=where) from None
    return values


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _csv(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            _distinct(reader.fieldnames or (), f"{path}:1")
            for values in reader:
                where = f"{path}:{reader.line_num}"
                if None in values:
                    raise TaskError("has more fields than the header", where=where)
                if None in values.values():
                    raise TaskError("has fewer fields than the header", where=where)
                yield _Row(reader.line_num, dict(values))
        except csv.Error as error:
            raise TaskError(f"is no CSV: {error}", where=f"{path}:{reader.line_num}") from None


def _distinct(names: Sequence[str], where: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TaskError(f"the header names {twice!r} twice", where=where)


# -- splitting -------------------------------------------------------------------------------------


def _scaled(shares: Mapping[Split, float]) -> dict[Split, float]:
    if set(shares) != set(SHARES) or not all(share > 0 for share in shares.values()):
        raise TaskError(f"shares {dict(shares)} must give each of {', '.join(SHARES)} more than 0")
    total = sum(shares.values())
    return {split: shares[split] / total for split in SHARES}


def _place(item: Item) -> float:
    """Where an item (or its group) falls in [0, 1), for good."""
    key = f"question {item.question}" if item.group is None else f"group {item.group}"
    hashed = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64


def _split(
    items: Sequence[Item], shares: Mapping[Split, float], most: int | None, path: Path
) -> dict[Split, Sequence[Item]]:
    found: dict[Split, list[Item]] = {split: [] for split in shares}
    names = list(shares)
    edges = list(accumulate(shares.values()))[:-1]
    for item in sorted(items, key=lambda item: (_place(item), item.id)):
        found[names[bisect(edges, _place(item))]].append(item)
    empty = [split for split, chosen in found.items() if not chosen]
    if empty:
        raise TaskError(
            f"{len(items)} questions leave the {empty[0]} split empty; give more questions or a "
            "larger share",
            where=str(path),
        )
    return {split: tuple(chosen[:most]) for split, chosen in found.items()}


def _profile(items: Sequence[Item]) -> TokenProfile:
    length = sum(len(item.question.encode()) for item in items) / len(items)
    return TokenProfile(math.ceil(length / _BYTES_PER_TOKEN) + _PROMPT_TOKENS, _ANSWER_TOKENS)
