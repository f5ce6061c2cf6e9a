"""A row, where it stands, and what takes the complaints about rows."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from graphsearch.records.errors import InputError, TaskError

__all__ = ["Faults", "Row", "Unit", "place"]

Unit = Literal["line", "row"]


class Row(NamedTuple):
    """One row, and where it stands.

    Attributes:
        path: its file.
        number: counted from 1.
        unit: what is counted: lines of a text file, rows of any other.
        values: fields by name.
    """

    path: Path
    number: int
    unit: Unit
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """For messages: `questions.jsonl:17`."""
        return place(self.path, self.number, self.unit)

    def seen_from(self, other: "Row") -> str:
        """For messages about `other`: `line 17`, or with the path where that is another file."""
        return f"{self.unit} {self.number}" if self.path == other.path else self.where


def place(path: Path, number: int, unit: Unit = "line") -> str:
    """Where something stands, for messages."""
    return f"{path}:{number}" if unit == "line" else f"{path}: row {number}"


class Faults:
    """Takes complaints: raises the first, or keeps as many as are wanted.

    Args:
        most: most complaints to keep; None raises the first one.
        error: what is raised or kept.

    Attributes:
        errors: those kept.
        more: how many more there were.
    """

    def __init__(self, most: int | None = None, *, error: type[InputError] = TaskError) -> None:
        self.most = most
        self.errors: list[InputError] = []
        self.more = 0
        self._error = error

    def add(self, message: str, where: str) -> None:
        """Take a complaint.

        Raises:
            InputError: when complaints are not kept.
        """
        self.keep(self._error(message, where=where))

    def keep(self, error: InputError) -> None:
        """Take a complaint that was raised already.

        Raises:
            InputError: when complaints are not kept.
        """
        if self.most is None:
            raise error
        if len(self.errors) < self.most:
            self.errors.append(error)
        else:
            self.more += 1

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.errors) + self.more
