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

_READERS: Final[dict[str, Callable[..., Iterator[Row]]]] = {
    ".jsonl": jsonl_rows,
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".json": json_rows,
    ".parquet": parquet_rows,
    ".arrow": arrow_rows,
}
_ADVICE: Final = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "; save the table as CSV (UTF-8)"),
    **dict.fromkeys((".txt", ".ndjson"), "; name it .jsonl if it holds one JSON object a line"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".bz2", ".xz", ".zst"), "; unpack it first"),
}
ENDINGS: Final = tuple(_READERS)
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
        elif found in _READERS:
            yield from _READERS[found](path, faults, tap)
        elif path.exists():
            advice = _ADVICE.get(found, "")
            faults.add(f"is none of {', '.join(ENDINGS)}{advice}", str(path))
        else:
            faults.add("cannot be read: No such file or directory", str(path))


def read_jsonl(path: Path, faults: Faults, *, tap: Tap | None = None) -> Iterator[Row]:
    """The rows of a file of JSON lines, whatever its name; see `read_rows`."""
    with not_readable(path, faults):
        yield from jsonl_rows(path, faults, tap)
