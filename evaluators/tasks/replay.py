"""The questions of a record of real models, to be answered by the engine `replay`."""

import hashlib
import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from graphsearch.calls import digest
from graphsearch.engines.records import Record, read_record
from graphsearch.errors import FleetError, TaskError
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.recorded import Reading
from graphsearch.evaluators.tasks._splits import ORDER, SHARES, scaled
from graphsearch.tasks import BYTES_PER_TOKEN, Grader, Item, Split, Task, TokenProfile

__all__ = ["load_replay"]

_KEPT_OUT: Final = ("qid", "question", "gold")


def load_replay(
    *,
    path: str | Path,
    read: Reading = "text",
    field: str | None = None,
    grader: str | Grader | None = None,
    grader_options: Mapping[str, Any] | None = None,
    group_field: str | None = None,
    models: Sequence[str] | None = None,
    shares: Mapping[Split, float] = SHARES,
    most: int | None = None,
    salt: str | int = "",
    prompt_set: str = "replay",
) -> Task:
    """The questions of a record, with what was recorded as right for their gold answers.

    Answers are judged as they were when they were recorded, so that figures published for a record
    come out again; or by a grader, against the record's own `gold`.

    Args:
        path: the record: a folder with `records.jsonl` (`graphsearch.engines.replay`).
        read: which answers are the same to a vote (`graphsearch.evaluators.graders.recorded`).
        field: field of a sample that is its answer, where it is not `text` or `answer`.
        grader: a grader or its name, in place of the recorded judgement.
        grader_options: options of the named grader.
        group_field: field of the questions whose equal values mark those that are not independent.
        models: keep only questions that all these models answered; None keeps all.
        shares: share of each split.
        most: most questions a split keeps, the first of them by hash; None keeps all.
        salt: of the hash that splits the questions: another salt, other splits.
        prompt_set: prompts the roles use; a record answers the bare question alone.

    Raises:
        TaskError: it is no record, or the options leave a split empty.
    """
    try:
        record = read_record(Path(path), field=field)
    except FleetError as error:
        raise TaskError(str(error).removeprefix(f"{error.where}: "), where=error.where) from None
    judge: Grader
    if grader is None:
        judge = get_grader("recorded", read=read)
    else:
        judge = get_grader(grader, **(grader_options or {})) if isinstance(grader, str) else grader
    items = _items(record, group_field, models, recorded=grader is None)
    splits = _splits(items, scaled(shares), most, str(salt), Path(path))
    return Task(
        name=Path(path).name.partition(".")[0] or "replay",
        splits=splits,
        grader=judge,
        profile=_profile(record, items),
        prompt_set=prompt_set,
        fingerprint=digest(
            [record.mark, read, field, [[i.id for i in splits[split]] for split in ORDER]]
        ),
    )


def _items(
    record: Record, group_field: str | None, models: Sequence[str] | None, *, recorded: bool
) -> list[Item]:
    unknown = sorted(set(models or ()) - set(record.models))
    if unknown:
        raise TaskError(f"no model {unknown[0]!r} was recorded", where="task.options.models")
    right = _right_texts(record) if recorded else {}
    items = []
    for qid, row in record.questions.items():
        if any((model, qid) not in record.samples for model in models or ()):
            continue
        group = None
        if group_field is not None:
            if group_field not in row:
                raise TaskError(f"question {qid!r} has no {group_field!r}")
            group = str(row[group_field])
        gold = right.get(qid, []) if recorded else row.get("gold")
        meta = {k: v for k, v in row.items() if k not in (*_KEPT_OUT, group_field)}
        items.append(Item(qid, str(row["question"]), gold, group, meta))
    return items


def _right_texts(record: Record) -> dict[str, list[str]]:
    """What was recorded as right, by question."""
    found: dict[str, dict[str, None]] = {}
    for (_, qid), samples in record.samples.items():
        for sample in samples:
            if sample.correct is None:
                raise TaskError("the record does not tell which answers are right; give a grader")
            if sample.correct and sample.text is not None:
                found.setdefault(qid, {})[sample.text] = None
    return {qid: sorted(texts) for qid, texts in found.items()}


def _splits(
    items: Sequence[Item], shares: Mapping[Split, float], most: int | None, salt: str, path: Path
) -> dict[Split, Sequence[Item]]:
    """By hash of the question's id, or of its group, and the salt."""
    edges = list(accumulate(shares[split] for split in ORDER))[:-1]
    found: dict[Split, list[Item]] = {split: [] for split in ORDER}
    for place, item in sorted(
        ((_place(item, salt), item) for item in items), key=lambda pair: (pair[0], pair[1].id)
    ):
        found[ORDER[bisect(edges, place)]].append(item)
    empty = [split for split in ORDER if not found[split]]
    if empty:
        message = f"its {len(items)} questions leave the {empty[0]} split empty"
        raise TaskError(message, where=str(path))
    return {split: tuple(chosen[:most]) for split, chosen in found.items()}


def _place(item: Item, salt: str) -> float:
    key = f"{salt} question {item.id}" if item.group is None else f"{salt} group {item.group}"
    hashed = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64


def _profile(record: Record, items: Sequence[Item]) -> TokenProfile:
    """Mean lengths as the engine estimates them; over all models, since a task knows no fleet."""
    asked = sum(len(item.question) for item in items) / max(len(items), 1)
    lengths = [sample.characters for samples in record.samples.values() for sample in samples]
    said = sum(lengths) / max(len(lengths), 1)
    return TokenProfile(
        max(1, math.ceil(asked / BYTES_PER_TOKEN)), max(1, math.ceil(said / BYTES_PER_TOKEN))
    )
