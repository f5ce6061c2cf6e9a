"""Rows of columnar files, by pyarrow (extra `data`), which is loaded when such a file is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
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
            parts = {f.name: made for f in batch.schema if (made := _as_written(f.type))}
            for row in batch.to_pylist():
                yield {**row, **_made(row, parts)} if parts else row
    except pyarrow.ArrowException as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise _Unread(f"is no {kind} file: {said[0]}") from None


def _as_written(kind: Any) -> Callable[[Any], Any] | None:
    """What makes the number of it that people wrote, of a value of a column; None for most kinds.

    A float of 16 or 32 bits becomes the shortest decimal that stands for it (96.1, and not
    96.0999984741211), a decimal the number it is, or its text where no float is that number. So do
    those within lists and structures.
    """
    import numpy as np
    from pyarrow import types

    if types.is_float16(kind) or types.is_float32(kind):
        width = np.float16 if types.is_float16(kind) else np.float32
        return lambda found: None if found is None else float(str(width(found)))
    if types.is_decimal(kind):

        def exactly(found: Decimal | None) -> int | float | str | None:
            if found is None:
                return None
            if found == found.to_integral_value():
                return int(found)
            return float(found) if Decimal(str(float(found))) == found else str(found)

        return exactly
    if types.is_dictionary(kind):
        return _as_written(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        part = _as_written(kind.value_type)
        return part and (lambda found: None if found is None else [part(one) for one in found])
    if types.is_struct(kind):
        parts = {f.name: made for f in kind if (made := _as_written(f.type)) is not None}
        return (lambda found: found and {**found, **_made(found, parts)}) if parts else None
    return None


def _made(found: dict[str, Any], parts: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {name: made(found[name]) for name, made in parts.items()}


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
