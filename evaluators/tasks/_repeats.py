"""What to do with a question that comes again, and with one that has two known answers."""

from typing import Any, Literal, NamedTuple

from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item
from graphsearch.rows import Row

__all__ = ["Contradictions", "Entry", "Questions", "Repeats", "Seen"]

Repeats = Literal["refuse", "fold", "keep"]
"""A question that is there twice with one known answer is a mistake, is taken once, or is kept as
two, which their ids tell apart."""

Contradictions = Literal["refuse", "leave-out"]
"""A question with two known answers is a mistake, or all that ask it are left out, which is told.

Ids do not make such questions different: no model ever sees an id, so whatever it answers, one of
them is judged wrong. A question with several right answers is one item with a list of them.
"""

_LONGEST_SHOWN = 60


class Entry(NamedTuple):
    """A question that was read.

    Attributes:
        item: the question.
        row: where it stands.
        draft: what its row says.
    """

    item: Item
    row: Row
    draft: Draft


class Questions(NamedTuple):
    """All questions of a source that are as they should be.

    Attributes:
        entries: in the order of the files.
        folded: how many more there are, which were there before and so are taken once.
        left_out: where questions stand that contradict each other, a tuple a question.
    """

    entries: list[Entry]
    folded: int
    left_out: tuple[tuple[str, ...], ...]


class Seen:
    """Questions so far.

    Args:
        repeats: what becomes of one that comes again.
        contradictions: what becomes of one with two known answers; None where golds are no known
            answers of theirs but what else was recorded.
    """

    def __init__(self, repeats: Repeats, contradictions: Contradictions | None) -> None:
        self._repeats = repeats
        self._contradictions = contradictions
        self._entries: list[Entry] = []
        self._asked: dict[str, Entry] = {}
        self._ids: dict[str, Entry] = {}
        self._folded = 0
        self._left_out: dict[str, list[str]] = {}

    def add(self, entry: Entry) -> None:
        """Take a question.

        Raises:
            TaskError: it is there already, or its id is, and may not be.
        """
        asked, item, where = _asked(entry), entry.item, entry.row.where
        first = self._asked.setdefault(asked, entry)
        before = first.row.seen_from(entry.row)
        if asked in self._left_out:
            self._left_out[asked].append(where)
            return
        if first is not entry:
            if self._contradictions is not None and first.item.gold != item.gold:
                if self._contradictions == "refuse":
                    raise TaskError(
                        f"question {_short(asked)} has the known answer {_short(item.gold)} here "
                        f"and {_short(first.item.gold)} in {before}; several right answers belong "
                        "into one question, as a list, and contradictions: leave-out leaves such "
                        "questions out",
                        where=where,
                    )
                self._left_out[asked] = [first.row.where, where]
                return
            if self._repeats == "refuse":
                raise TaskError(f"question {_short(asked)} is already in {before}", where=where)
            same = first.item.gold == item.gold and first.item.meta == item.meta
            if self._repeats == "fold" and same:
                self._folded += 1
                return
        named = self._ids.setdefault(item.id, entry)
        if named is not entry:
            raise TaskError(
                f"id {_short(item.id)} is already in {named.row.seen_from(entry.row)}", where=where
            )
        self._entries.append(entry)

    def found(self) -> Questions:
        """What is to be used of all that was taken."""
        left_out = tuple(tuple(places) for places in self._left_out.values())
        kept = [entry for entry in self._entries if _asked(entry) not in self._left_out]
        return Questions(kept, self._folded, left_out)


def _asked(entry: Entry) -> str:
    return " ".join(entry.item.question.split())


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return repr(value[: _LONGEST_SHOWN - 3] + "...")
    said = repr(value)
    return said if isinstance(value, str) or len(said) <= 80 else said[:77] + "..."
