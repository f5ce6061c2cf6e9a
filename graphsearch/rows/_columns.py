"""Rows of columnar files, by pyarrow (extra `data`), which is loaded when such a file is read."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from graphsearch.rows._json import is_json
from graphsearch.rows._row import Faults, Row, place

__all__ = ["arrow_rows", "checked_rows", "parquet_rows"]

_BATCH = 1024


class _Unread(Exception):
    """A file that cannot be read, and why."""


def parquet_rows(path: Path, faults: Faults) -> Iterator[Row]:
    """Rows of a Parquet file, a batch in memory at a time."""
    return checked_rows(path, _parquet(path), faults)


def arrow_rows(path: Path, faults: Faults) -> Iterator[Row]:
    """Rows of an Arrow file: the stream format that `datasets` saves, or the file format."""
    return checked_rows(path, _arrow(path), faults)


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


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    arrow = _pyarrow()
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
    except arrow.ArrowException as error:
        raise _Unread(f"is no Parquet file: {_first(error)}") from None


def _arrow(path: Path) -> Iterator[dict[str, Any]]:
    arrow = _pyarrow()
    from pyarrow import ipc

    try:
        with arrow.memory_map(str(path)) as source:
            try:
                with ipc.open_stream(source) as batches:
                    for batch in batches:
                        yield from batch.to_pylist()
            except arrow.ArrowInvalid:
                source.seek(0)
                with ipc.open_file(source) as file:
                    for i in range(file.num_record_batches):
                        yield from file.get_batch(i).to_pylist()
    except arrow.ArrowException as error:
        raise _Unread(f"is no Arrow file: {_first(error)}") from None


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise _Unread("needs the package pyarrow: pip install 'graphsearch[data]'") from None
    return pyarrow


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
