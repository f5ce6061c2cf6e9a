"""Rows of files that users bring: JSONL, JSON, CSV, TSV, Parquet and Arrow, one reader for all.

Nothing is repaired and nothing skipped in silence: whatever cannot be read is one complaint, in the
same words for every format, with its file and line (and column, in JSON). What is wrong with a file
as a whole, such as its encoding, is said once and not for each line.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from graphsearch.rows._columns import arrow_rows, checked_rows, parquet_rows
from graphsearch.rows._json import json_rows, jsonl_rows
from graphsearch.rows._row import Faults, Row, Unit
from graphsearch.rows._table import csv_rows, tsv_rows
from graphsearch.rows._text import LONGEST_LINE, Tap, not_readable

__all__ = [
    "ENDINGS",
    "LONGEST_LINE",
    "Faults",
    "Row",
    "Tap",
    "Unit",
    "checked_rows",
    "ending",
    "read_jsonl",
    "read_rows",
]

_TEXT: Final[dict[str, Callable[[Path, Faults, Tap | None], Iterator[Row]]]] = {
    ".jsonl": jsonl_rows,
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".json": json_rows,
}
_COLUMNS: Final[dict[str, Callable[[Path, Faults], Iterator[Row]]]] = {
    ".parquet": parquet_rows,
    ".arrow": arrow_rows,
}
ENDINGS: Final = (*_TEXT, *_COLUMNS)
"""Endings of files that are read, in small letters; text may be gzipped (`.jsonl.gz`)."""


def ending(path: str | Path) -> str:
    """The ending that tells a file's format: `.jsonl`, also of `Questions.JSONL.gz`."""
    endings = [part.lower() for part in Path(path).suffixes]
    if endings[-1:] == [".gz"]:
        endings.pop()
    return endings[-1] if endings else ""


def read_rows(
    path: Path,
    faults: Faults,
    *,
    header: Sequence[str] | None = None,
    tap: Tap | None = None,
) -> Iterator[Row]:
    """All rows of a file that can be read; what cannot goes to `faults`.

    Args:
        path: the file; its ending tells the format.
        faults: takes complaints.
        header: names of the columns of a CSV file whose first line is data already.
        tap: is given all bytes of a text file as they are read, unzipped.
    """
    found = ending(path)
    with not_readable(path, faults):
        if header is not None and found == ".csv":
            yield from csv_rows(path, faults, tap, header)
        elif found in _TEXT:
            yield from _TEXT[found](path, faults, tap)
        elif found in _COLUMNS:
            yield from _COLUMNS[found](path, faults)
        elif path.exists():
            faults.add(f"is none of {', '.join(ENDINGS)}{_advice(found)}", str(path))
        else:
            faults.add("cannot be read: No such file or directory", str(path))


def read_jsonl(path: Path, faults: Faults, *, tap: Tap | None = None) -> Iterator[Row]:
    """The rows of a file of JSON lines, whatever its name; see `read_rows`."""
    with not_readable(path, faults):
        yield from jsonl_rows(path, faults, tap)


def _advice(found: str) -> str:
    if found in (".xlsx", ".xls", ".ods"):
        return "; save the table as CSV (UTF-8)"
    if found in (".txt", ".ndjson"):
        return "; name it .jsonl if it holds one JSON object a line"
    if found in (".zip", ".tar", ".tgz", ".7z", ".bz2", ".xz", ".zst"):
        return "; unpack it first"
    return ""
