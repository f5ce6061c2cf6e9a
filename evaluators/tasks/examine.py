"""Questions as a whole: all that is wrong with them, and what is nearly the same."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from graphsearch.evaluators.tasks.source import Source
from graphsearch.records.calls import canonical_json
from graphsearch.records.errors import InputError, TaskError
from graphsearch.records.tasks import BYTES_PER_TOKEN, Task
from graphsearch.rows import Faults

__all__ = ["Examination", "NearGroup", "Outlier", "examine"]

_FAR: Final = 100
"""Times the median from which on a row is an outlier,"""
_LONG: Final = 50_000
"""and bytes; a context of that many is still read by most models."""


@dataclass(frozen=True, slots=True)
class NearGroup:
    """Questions that count as one.

    Attributes:
        where: where each stands, in the order of the file.
        splits: the splits they are in: one, unless the file itself gives several.
    """

    where: tuple[str, ...]
    splits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {"where": list(self.where), "splits": list(self.splits)}


@dataclass(frozen=True, slots=True)
class Outlier:
    """A question that is far longer than the others: a slip in the file, as a rule.

    Attributes:
        where: where it stands.
        size: bytes of its row as JSON.
        median: bytes of the row in the middle.
    """

    where: str
    size: int
    median: int

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {"where": self.where, "size": self.size, "median": self.median}


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is to say of questions in files.

    Attributes:
        questions: how many are as they should be.
        errors: what is wrong, in the order of the file, the first of them only.
        more_errors: how many more there are.
        folded: questions that are there more than once, with one answer, and are taken once.
        left_out: where questions stand that are there with different answers and are left out.
        near: groups of near-duplicates, the first of them only.
        more_near: how many more groups there are.
        outliers: questions that are far longer than the others, the longest first.
        task: the task, where nothing is wrong.
        worked_tokens: mean tokens of the worked answers in the files, at 4 bytes a token; None
            where there are none.
        warnings: what is likely not meant as it was given, in sentences.
    """

    questions: int
    errors: tuple[InputError, ...]
    more_errors: int
    folded: int
    left_out: tuple[tuple[str, ...], ...]
    near: tuple[NearGroup, ...]
    more_near: int
    outliers: tuple[Outlier, ...]
    task: Task | None
    worked_tokens: float | None
    warnings: tuple[str, ...] = ()


def examine(source: Source, *, most: int = 20) -> Examination:
    """Read everything, and keep complaints instead of ending at the first.

    Args:
        source: the questions.
        most: most errors and most groups of near-duplicates to keep.

    Raises:
        TaskError: an option is wrong, or the files are not there at all.
    """
    source.check_options()
    grader = source.make_grader()
    faults = Faults(most)
    entries, folded, left_out = source.questions(grader, faults)
    task = None
    placed = source.placed(entries)
    # Groups that near-duplicates make, not those that the file names itself.
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(placed.groups):
        members[group].append(i)
    groups = []
    for together in members.values():
        names = {entries[i].item.group for i in together}
        if len(together) > 1 and (len(names) > 1 or names == {None}):
            where = tuple(entries[i].row.where for i in together)
            splits = tuple(dict.fromkeys(placed.splits[i] for i in together))
            groups.append(NearGroup(where, splits))
    worked = [len(e.draft.worked.encode()) for e in entries if e.draft.worked is not None]
    if not faults.count:
        try:
            task = source.task(grader, entries, placed)
        except TaskError as error:
            faults.keep(error)
    sizes = [len(canonical_json(entry.row.values).encode()) for entry in entries]
    middle = int(median(sizes)) if sizes else 0
    outliers = [
        Outlier(entry.row.where, size, middle)
        for entry, size in zip(entries, sizes, strict=True)
        if size > max(_LONG, _FAR * middle)
    ]
    return Examination(
        len(entries),
        tuple(faults.errors),
        faults.more,
        folded,
        left_out,
        tuple(groups[:most]),
        max(0, len(groups) - most),
        tuple(sorted(outliers, key=lambda outlier: -outlier.size)[:most]),
        task,
        sum(worked) / len(worked) / BYTES_PER_TOKEN if worked else None,
        source.warnings(),
    )
