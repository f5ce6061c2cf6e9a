"""Keys and values of running sequences, in slabs of equal length.

A slab holds all sequences whose length lies in one bucket (1-32 tokens, 33-64, ...). Attention over
a slab is one product per sequence and head, with shapes that follow from the bucket alone, so from
the sequence's own length alone. The live rows of a slab are its first `count`: one contiguous view,
nothing is gathered to compute with it. A row that leaves is filled by the last one; a row that
outgrows its slab moves to the next.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from graphsearch.engines.embedded.checkpoint import Array, Shape

__all__ = ["BUCKET", "ROW", "Rows", "Slab", "bucket_of"]

BUCKET = 32
"""Lengths of slabs are multiples of this."""

ROW = np.dtype(
    [
        ("token", np.int32),  # drawn last, not yet read by the model
        ("position", np.int32),  # where `token` belongs: the number of tokens read so far
        ("drawn", np.int32),  # tokens drawn so far
        ("limit", np.int32),  # most tokens to draw
        ("temperature", np.float32),
        ("top_p", np.float32),
        ("key", np.uint64),  # names the row's random stream
    ]
)
"""What the batch knows of a running sequence besides its keys and values."""

Rows = npt.NDArray[np.void]


def bucket_of(length: int) -> int:
    """Length of the slab that holds a sequence of `length` tokens."""
    return -(-length // BUCKET) * BUCKET


class Slab:
    """All running sequences of one bucket.

    Attributes:
        length: tokens a row has room for.
        count: live rows.
        keys: [layers, room, kv heads, head_dim, length]; transposed, as scores want them.
        values: [layers, room, kv heads, length, head_dim].
        rows: [room] of `ROW`.
        owners: the sequences the rows belong to, in row order.
    """

    def __init__(self, shape: Shape, length: int, *, room: int = 8) -> None:
        self.length = length
        self.count = 0
        heads = (shape.layers, room, shape.kv_heads)
        # Zeros, not garbage: rows beyond a sequence's end are weighed with 0, and 0 * nan is nan.
        self.keys = np.zeros((*heads, shape.head_dim, length), np.float32)
        self.values = np.zeros((*heads, length, shape.head_dim), np.float32)
        self.rows: Rows = np.zeros(room, ROW)
        self.owners: list[Any] = []

    @property
    def live(self) -> Rows:
        """The rows in use (a view)."""
        return self.rows[: self.count]

    def add(self, keys: Array, values: Array, rows: Rows, owners: list[Any]) -> None:
        """Append sequences.

        Args:
            keys: [layers, n, kv heads, head_dim, m], m at most `length`.
            values: [layers, n, kv heads, m, head_dim].
            rows: [n] of `ROW`.
            owners: n sequences.
        """
        start, stop = self.count, self.count + len(owners)
        self._make_room(stop)
        self.keys[:, start:stop, :, :, : keys.shape[-1]] = keys
        self.values[:, start:stop, :, : values.shape[-2]] = values
        self.rows[start:stop] = rows
        self.owners += owners
        self.count = stop

    def write(self, layer: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Put one token's key and value into each row, at the row's position.

        Args:
            layer: which layer's.
            k: [rows, kv heads, head_dim].
            v: [rows, kv heads, head_dim].

        Returns:
            The layer's keys and values of the live rows (views).
        """
        keys, values = self.keys[layer, : self.count], self.values[layer, : self.count]
        each, position = np.arange(self.count), self.live["position"]
        keys[each, :, :, position] = k
        values[each, :, position] = v
        return keys, values

    def remove(self, indices: npt.NDArray[np.intp]) -> None:
        """Drop rows; `indices` ascend. The last rows fill the holes."""
        for index in indices[::-1].tolist():
            last = self.count - 1
            if index != last:
                self.keys[:, index] = self.keys[:, last]
                self.values[:, index] = self.values[:, last]
                self.rows[index] = self.rows[last]
                self.owners[index] = self.owners[last]
            self.owners.pop()
            self.count = last

    def move(self, indices: npt.NDArray[np.intp], target: "Slab") -> None:
        """Move rows to a longer slab; `indices` ascend."""
        owners = [self.owners[index] for index in indices.tolist()]
        target.add(self.keys[:, indices], self.values[:, indices], self.rows[indices], owners)
        self.remove(indices)

    def _make_room(self, wanted: int) -> None:
        room = self.rows.shape[0]
        if wanted <= room:
            return
        more = max(wanted, 2 * room) - room
        self.keys = _grown(self.keys, more, axis=1)
        self.values = _grown(self.values, more, axis=1)
        self.rows = np.concatenate([self.rows, np.zeros(more, ROW)])


def _grown(array: Array, more: int, *, axis: int) -> Array:
    shape = list(array.shape)
    shape[axis] = more
    return np.concatenate([array, np.zeros(shape, np.float32)], axis=axis)
