"""Arrays in a searcher's state: exact, and quick to write."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphsearch.records.errors import StoreError

__all__ = ["pack", "unpack"]


def pack(array: NDArray[np.float64], *, kind: str = "f8") -> dict[str, Any]:
    """An array as JSON: shape, and its little-endian bytes in base64.

    A list of decimal numbers would be as exact, but takes some fifty times as long to write, and
    the state is written after every round.

    Args:
        array: the array.
        kind: `f8`, or `f4` for numbers that are kept in single precision.
    """
    data = np.ascontiguousarray(array, dtype=f"<{kind}").tobytes()
    return {"shape": list(array.shape), kind: base64.b64encode(data).decode("ascii")}


def unpack(value: Mapping[str, Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The array that `pack` wrote.

    Raises:
        StoreError: the state was written for a space of another shape, or is damaged.
    """
    try:
        found = tuple(value["shape"])
        kind = "f8" if "f8" in value else "f4"
        array = np.frombuffer(base64.b64decode(value[kind]), dtype=f"<{kind}").reshape(found)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"searcher state holds a damaged array: {error}") from error
    if found != shape:
        raise StoreError(f"searcher state is of another space: array {found}, expected {shape}")
    return array.astype(np.float64)
