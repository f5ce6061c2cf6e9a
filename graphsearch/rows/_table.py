"""Rows of text in columns: CSV with commas, or whatever else plainly separates its fields; TSV."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final

from graphsearch.rows._row import Faults, Row, place
from graphsearch.rows._text import LONGEST_LINE, Tap, text_lines

__all__ = ["csv_rows", "tsv_rows"]

_SEPARATORS: Final = ",;\t|"
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')


def tsv_rows(path: Path, faults: Faults, tap: Tap | None = None) -> Iterator[Row]:
    """Rows of a file whose fields are separated by tabs."""
    lines = (text for _, text in text_lines(path, faults, tap))
    return _rows(path, lines, "\t", None, faults)


def csv_rows(
    path: Path, faults: Faults, tap: Tap | None = None, header: Sequence[str] | None = None
) -> Iterator[Row]:
    """Rows of a CSV file, with a header unless one is given.

    Fields are separated by commas; where the header has none, by the semicolon, tab or bar that it
    has, as spreadsheets write them in many countries.
    """
    lines = (text for _, text in text_lines(path, faults, tap))
    if header is not None:
        return _rows(path, lines, ",", header, faults)
    first = list(islice(lines, 2))
    bare = [_QUOTED.sub("", line) for line in first] or [""]
    found = [sign for sign in _SEPARATORS if sign in bare[0]]
    if len(found) > 1 and len(bare) > 1:
        alike = [sign for sign in found if bare[0].count(sign) == bare[1].count(sign)]
        found = alike if len(alike) == 1 else found
    if len(found) > 1 and "," not in found:  # anybody's guess
        faults.add("has neither commas nor one other sign between its fields", place(path, 1))
        return iter(())
    separator = found[0] if len(found) == 1 else ","
    return _rows(path, chain(first, lines), separator, None, faults)


def _rows(
    path: Path,
    lines: Iterator[str],
    separator: str,
    header: Sequence[str] | None,
    faults: Faults,
) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))  # the module's own is 128 KiB
    reader = csv.reader(lines, delimiter=separator, strict=True)
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
            names = [cell.strip() for cell in cells]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                faults.add(f"the header names {twice!r} twice", place(path, start))
        elif cells and names is not None:
            if len(cells) == len(names):
                yield Row(path, start, "line", dict(zip(names, cells, strict=True)))
            else:
                word = "more" if len(cells) > len(names) else "fewer"
                faults.add(f"has {word} fields than the header", place(path, start))
        start = reader.line_num + 1
