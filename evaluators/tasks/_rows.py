"""Rows of files: JSONL, CSV, JSON, Parquet and Arrow, with the place each row stands in.

Nothing is repaired and nothing skipped in silence: whatever cannot be read is one complaint, in the
same words for every format.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

from graphsearch.errors import TaskError

__all__ = [
    "ENDINGS",
    "LONGEST_LINE",
    "Faults",
    "Row",
    "checked_rows",
    "ending",
    "read_rows",
]

LONGEST_LINE: Final = 16_000_000
"""Bytes; a longer line is no question but another kind of file, and would fill the memory."""

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

    Attributes:
        errors: those kept.
        more: how many more there were.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.errors: list[TaskError] = []
        self.more = 0

    def add(self, message: str, where: str) -> None:
        """Take a complaint.

        Raises:
            TaskError: when complaints are not kept.
        """
        self.keep(TaskError(message, where=where))

    def keep(self, error: TaskError) -> None:
        """Take a complaint that was raised already.

        Raises:
            TaskError: when complaints are not kept.
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


def ending(path: Path) -> str:
    """The ending that tells a file's format: `.jsonl`, also of `questions.jsonl.gz`."""
    endings = [part.lower() for part in path.suffixes]
    if endings[-1:] == [".gz"]:
        endings.pop()
    return endings[-1] if endings else ""


def read_rows(path: Path, faults: Faults, *, header: Sequence[str] | None = None) -> Iterator[Row]:
    """All rows of a file that can be read; what cannot goes to `faults`.

    Args:
        path: the file; its ending tells the format.
        faults: takes complaints.
        header: names of the columns of a CSV file whose first line is data already.
    """
    reader = _READERS.get(ending(path))
    if reader is None:
        if path.exists():
            faults.add(f"is none of {', '.join(ENDINGS)}", str(path))
        else:
            faults.add("cannot be read: No such file or directory", str(path))
        return
    try:
        if reader is _csv:
            yield from _csv(path, faults, header)
        else:
            yield from reader(path, faults)
    except (OSError, EOFError, zlib.error) as error:  # the last two: damaged gzip
        reason = getattr(error, "strerror", None) or error
        faults.add(f"cannot be read: {reason}", str(path))
    except ValueError as error:  # a null byte in the path
        faults.add(f"cannot be read: {error}", str(path))


# -- text ------------------------------------------------------------------------------------------


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """Numbered lines of text, without a byte order mark."""
    with _open(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                faults.add(f"is longer than {LONGEST_LINE:,} bytes", place(path, number))
                _skip_rest(file, line)
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                faults.add(f"is not UTF-8 text ({error.reason})", place(path, number))
                continue
            yield number, text


def _skip_rest(file: IO[bytes] | gzip.GzipFile, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(LONGEST_LINE)


def _jsonl(path: Path, faults: Faults) -> Iterator[Row]:
    for number, line in _lines(path, faults):
        if not line.strip():
            continue
        values = _value(line, place(path, number), faults)
        if isinstance(values, dict):
            yield Row(path, number, "line", values)
        elif values is not _BAD:
            faults.add("must be a JSON object", place(path, number))


_BAD: Final = object()


def _value(text: str, where: str, faults: Faults) -> Any:
    """A value that can be written again: no infinite numbers, no halves of characters."""
    try:
        values = json.loads(text, parse_constant=_no_number)
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        faults.add(f"is no JSON: {error.msg}", where)
    except RecursionError:
        faults.add("is no JSON: nested too deeply", where)
    except UnicodeEncodeError:
        faults.add("holds half a character (a lone surrogate)", where)
    except ValueError as error:  # a number with more digits than Python reads, or none at all
        faults.add(f"is no JSON: {_shorter(error)}", where)
    else:
        return values
    return _BAD


def _shorter(error: ValueError) -> str:
    """What Python says of numbers, in fewer words."""
    said = str(error)
    return "a number is too large" if "JSON compliant" in said or "limit" in said else said


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _whole_json(path: Path, faults: Faults) -> Any:
    """The one value of a JSON file, or None where it cannot be read."""
    try:
        with _open(path) as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.add(f"is not UTF-8 text ({error.reason})", place(path, line))
        return None
    value = _value(text, str(path), faults)
    return None if value is _BAD else value


_LISTS: Final = ("examples", "data", "questions", "rows")


def _json(path: Path, faults: Faults) -> Iterator[Row]:
    """A list of objects; it may stand under a name of its own (`examples`)."""
    before = faults.count
    value = _whole_json(path, faults)
    if faults.count > before:
        return
    if isinstance(value, dict):
        value = next((value[key] for key in _LISTS if isinstance(value.get(key), list)), [value])
    if not isinstance(value, list):
        faults.add("must hold a list of JSON objects", str(path))
        return
    for number, values in enumerate(value, start=1):
        if isinstance(values, dict):
            yield Row(path, number, "row", values)
        else:
            faults.add("must be a JSON object", place(path, number, "row"))


def _csv(path: Path, faults: Faults, header: Sequence[str] | None = None) -> Iterator[Row]:
    lines = (text for _, text in _lines(path, faults))
    reader = csv.reader(lines, strict=True)
    names = header
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            faults.add(f"is no CSV: {error}", place(path, start))
            return  # where the next row begins is unknown
        if cells is None:
            return
        if cells and names is None:
            names = cells
            _distinct(names, place(path, start), faults)
        elif cells and names is not None:
            if len(cells) == len(names):
                yield Row(path, start, "line", dict(zip(names, cells, strict=True)))
            else:
                word = "more" if len(cells) > len(names) else "fewer"
                faults.add(f"has {word} fields than the header", place(path, start))
        start = reader.line_num + 1


def _distinct(names: Sequence[str], where: str, faults: Faults) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        faults.add(f"the header names {twice!r} twice", where)


# -- columns ---------------------------------------------------------------------------------------


def _parquet(path: Path, faults: Faults) -> Iterator[Row]:
    from graphsearch.evaluators.tasks._columns import parquet_rows

    return checked_rows(path, parquet_rows(path), faults)


def _arrow(path: Path, faults: Faults) -> Iterator[Row]:
    from graphsearch.evaluators.tasks._columns import arrow_rows

    return checked_rows(path, arrow_rows(path), faults)


def checked_rows(path: Path, rows: Iterable[Any], faults: Faults) -> Iterator[Row]:
    """Rows whose values JSON can hold: no NaN, no bytes, no dates."""
    try:
        for number, values in enumerate(rows, start=1):
            if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
                faults.add("must be a mapping of names to values", place(path, number, "row"))
                continue
            row = Row(path, number, "row", values)
            bad = next((name for name, value in values.items() if not _is_json(value)), None)
            if bad is None:
                yield row
            else:
                shown = f"{type(values[bad]).__name__} {values[bad]!r}"[:80]
                faults.add(f"field {bad!r} holds what JSON cannot: {shown}", row.where)
    except TaskError as error:
        faults.keep(error)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


_READERS: Final[dict[str, Callable[..., Iterator[Row]]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
ENDINGS: Final = tuple(_READERS)
"""Endings of files that hold questions; text files may be gzipped (`.jsonl.gz`)."""
