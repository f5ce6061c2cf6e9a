"""Text of files: unzipped, decoded, in lines; what a file is that is no such text, said once."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

from graphsearch.rows._row import Faults, place

__all__ = ["LONGEST_LINE", "Tap", "not_readable", "text_lines", "whole_text"]

LONGEST_LINE: Final = 16_000_000
"""Bytes; a longer line is no question but another kind of file, and would fill the memory."""

Tap = Callable[[bytes], object]
"""Is given bytes as they are read."""

_Stream = BufferedReader | gzip.GzipFile

_MARKS: Final = {
    b"\xff\xfe\x00\x00": "is UTF-32 text; save it as UTF-8",
    b"\x00\x00\xfe\xff": "is UTF-32 text; save it as UTF-8",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
    b"PK\x03\x04": "is a zip archive, as workbooks of Excel are; save the table as CSV (UTF-8)",
    b"\x1f\x8b": "is gzipped; let its name end in .gz",
    b"PAR1": "is a Parquet file; let its name end in .parquet",
    b"ARROW1": "is an Arrow file; let its name end in .arrow",
}
"""What files are that begin so."""


@contextmanager
def not_readable(path: Path, faults: Faults) -> Iterator[None]:
    """Make a complaint of a file that cannot be opened or unzipped."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:  # the last two: damaged gzip
        reason = getattr(error, "strerror", None) or error
        faults.add(f"cannot be read: {reason}", str(path))
    except ValueError as error:  # a null byte in the path
        faults.add(f"cannot be read: {error}", str(path))


def text_lines(path: Path, faults: Faults, tap: Tap | None) -> Iterator[tuple[int, str]]:
    """Numbered lines of text, without a byte order mark."""
    is_said, number = False, 0
    with _open(path) as file:
        if not _is_text(file, path, faults):
            return
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if tap is not None:
                tap(line)
            if len(line) > LONGEST_LINE:
                faults.add(f"is longer than {LONGEST_LINE:,} bytes", place(path, number))
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_LINE)
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                if not is_said:  # most likely all of the file, which needs no line each
                    faults.add(_no_utf8(error), place(path, number))
                is_said = True
            else:
                yield number, text


def whole_text(path: Path, faults: Faults, tap: Tap | None) -> str | None:
    """All text of a file, without a byte order mark; None where it cannot be read."""
    with _open(path) as file:
        if not _is_text(file, path, faults):
            return None
        data = file.read()
    if tap is not None:
        tap(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.add(_no_utf8(error), place(path, line))
        return None


def _open(path: Path) -> _Stream:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _is_text(file: _Stream, path: Path, faults: Faults) -> bool:
    """Whether a file may be text in UTF-8, by its first bytes."""
    head = file.peek(4)[:6]
    said = next((said for mark, said in _MARKS.items() if head.startswith(mark)), None)
    if said is None and 0 in head[:2] and any(head[:2]):  # ASCII in two bytes a letter
        said = _MARKS[b"\xff\xfe"]
    if said is not None:
        faults.add(said, str(path))
    return said is None


def _no_utf8(error: UnicodeDecodeError) -> str:
    return f"is not UTF-8 text ({error.reason}); save the whole file as UTF-8"
