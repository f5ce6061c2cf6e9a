"""Rows of columnar files, by pyarrow (extra `data`), which is loaded when such a file is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphsearch.errors import TaskError

__all__ = ["arrow_rows", "parquet_rows"]

_BATCH = 1024


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet file, a batch in memory at a time.

    Raises:
        TaskError: pyarrow is not installed, or the file is damaged.
    """
    arrow = _pyarrow(path)
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
    except arrow.ArrowException as error:
        raise TaskError(f"is no Parquet file: {_first(error)}", where=str(path)) from None


def arrow_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of an Arrow file: the stream format that `datasets` saves, or the file format.

    Raises:
        TaskError: pyarrow is not installed, or the file is damaged.
    """
    arrow = _pyarrow(path)
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
        raise TaskError(f"is no Arrow file: {_first(error)}", where=str(path)) from None


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise TaskError(
            "needs the package pyarrow: pip install 'graphsearch[data]'", where=str(path)
        ) from None
    return pyarrow


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
