"""Rows of columnar files, by pyarrow (extra `data`), which is loaded when such a file is read."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from graphsearch.rows._json import is_json
from graphsearch.rows._row import Faults, Row, place
from graphsearch.rows._text import Tap

__all__ = ["arrow_rows", "checked_rows", "parquet_rows"]

_BATCH = 1024


class _Unread(Exception):
    """A file that cannot be read, and why."""


def parquet_rows(path: Path, faults: Faults, tap: Tap | None = None) -> Iterator[Row]:
    """Rows of a Parquet file, a batch in memory at a time."""
    return checked_rows(path, _values(path, "Parquet", _parquet), faults)


def arrow_rows(path: Path, faults: Faults, tap: Tap | None = None) -> Iterator[Row]:
    """Rows of an Arrow file: the stream format that `datasets` saves, or the file format."""
    return checked_rows(path, _values(path, "Arrow", _arrow), faults)


def checked_rows(path: Path, rows: Iterable[Any], faults: Faults) -> Iterator[Row]:
    """Rows whose values JSON can hold: no NaN, no bytes, no dates."""
    try:
        for number, values in enumerate(rows, start=1):
            if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
                faults.add("must be a mapping of names to values", place(path, number, "row"))
                continue
            row = Row(path, number, "row", values)
            bad = next((name for name, value in values.items() if not is_json(value)), None)
            if bad is None:
                yield row
            else:
                shown = f"{type(values[bad]).__name__} {values[bad]!r}"[:80]
                faults.add(f"field {bad!r} holds what JSON cannot: {shown}", row.where)
    except _Unread as error:
        faults.add(str(error), str(path))


def _values(
    path: Path, kind: str, batches: Callable[[Path], Iterator[Any]]
) -> Iterator[dict[str, Any]]:
    """The rows of a file as mappings of names to values."""
    try:
        import pyarrow
    except ImportError:
        raise _Unread("needs the package pyarrow: pip install 'graphsearch[data]'") from None
    try:
        for batch in batches(path):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise _Unread(f"is no {kind} file: {said[0]}") from None


def _parquet(path: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(_BATCH)


def _arrow(path: Path) -> Iterator[Any]:
    import pyarrow
    from pyarrow import ipc

    with pyarrow.memory_map(str(path)) as source:
        try:
            stream = ipc.open_stream(source)
        except pyarrow.ArrowInvalid:  # the file format, then
            source.seek(0)
            with ipc.open_file(source) as file:
                yield from (file.get_batch(i) for i in range(file.num_record_batches))
        else:
            with stream:
                yield from stream
