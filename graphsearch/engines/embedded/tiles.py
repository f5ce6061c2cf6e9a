"""Matrix products whose rows do not know their neighbours.

A BLAS picks its kernel by the shapes it is given, and a kernel may add up the rows at the edge of a
block in another order than the rows inside. So `x @ w` for 3 rows and for 300 rows differ in the
last bits, and with them the tokens. Here every product is cut into tiles of a constant number of
rows, and that number is one for which the BLAS at hand is *seen* to treat all rows of a tile alike
(`safe_rows`, checked once a shape and process). Then a row's result depends on the row alone.

Tiles have a second reason: OpenBLAS hands a product to its threads when rows * inputs * outputs
passes `SINGLE_THREAD_LIMIT`, and waking threads for products this small costs a hundred times the
product itself. Below the limit it stays in the calling thread, whatever its settings are.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from graphsearch.engines.embedded.checkpoint import Array

__all__ = [
    "SINGLE_THREAD_LIMIT",
    "TILE_ROWS",
    "VECTOR_THREAD_LIMIT",
    "TiledMatrix",
    "safe_rows",
]

SINGLE_THREAD_LIMIT = 262_144
"""Largest rows * inputs * outputs that OpenBLAS computes in the calling thread
(`SMP_THRESHOLD_MIN` 65,536 times `GEMM_MULTITHREAD_THRESHOLD` 4 in its `interface/gemm.c`)."""

VECTOR_THREAD_LIMIT = 9_215
"""The same for inputs * outputs where one side is a vector (less than 2,304 times the latter
constant, in `interface/gemv.c`)."""

TILE_ROWS = 32
"""Row counts are padded to a multiple of this; the rows of a tile divide it."""

_CANDIDATES = (32, 16, 8, 4, 2)
_SMALLEST_PANEL = 16


@dataclass(frozen=True, slots=True)
class TiledMatrix:
    """A weight matrix, cut so that products with it are independent of the batch.

    Attributes:
        panels: the matrix [inputs, outputs], cut by columns.
        rows: rows of `x` that go into one product.
    """

    panels: tuple[Array, ...]
    rows: int

    @classmethod
    def of(cls, weight: Array) -> "TiledMatrix":
        """Cut a weight [inputs, outputs]."""
        inputs, outputs = weight.shape
        rows = safe_rows(inputs, outputs)
        width = _panel_width(rows, inputs, outputs)
        cuts = range(width, outputs, width)
        return cls(tuple(np.ascontiguousarray(p) for p in np.split(weight, cuts, axis=1)), rows)

    def __call__(self, x: Array) -> Array:
        """`x` [n, inputs] times the matrix: [n, outputs]; n is a multiple of `TILE_ROWS`."""
        outputs = sum(panel.shape[1] for panel in self.panels)
        y = np.empty((x.shape[0], outputs), np.float32)
        tiles = x.reshape(-1, self.rows, x.shape[1])
        out = y.reshape(-1, self.rows, outputs)
        start = 0
        for panel in self.panels:
            stop = start + panel.shape[1]
            np.matmul(tiles, panel, out=out[:, :, start:stop])
            start = stop
        return y


def _panel_width(rows: int, inputs: int, outputs: int) -> int:
    """Columns of a panel: the fewest equal panels (multiples of 8 wide) that stay in one thread."""
    limit = SINGLE_THREAD_LIMIT // rows if rows > 1 else VECTOR_THREAD_LIMIT
    widest = max(limit // inputs, 1)
    if outputs <= widest:
        return outputs
    panels = -(-outputs // widest)
    width = -(-outputs // (8 * panels)) * 8
    return width if width <= widest else max(widest // 8 * 8, 1)


@cache
def safe_rows(inputs: int, outputs: int) -> int:
    """The largest tile in which this process's BLAS treats all rows alike; 1 always is one."""
    for rows in _CANDIDATES:
        width = _panel_width(rows, inputs, outputs)
        widths = {width, outputs % width or width}
        if min(widths) >= min(_SMALLEST_PANEL, outputs) and all(
            _treats_rows_alike(rows, inputs, width) for width in widths
        ):
            return rows
    return 1


def _treats_rows_alike(rows: int, inputs: int, outputs: int) -> bool:
    """True when a row's product is the same to the bit at each place of a tile.

    The operands are also shifted by one element, so that an alignment that matters is seen too.
    """
    draw = np.random.Generator(np.random.PCG64(0))
    weight = draw.standard_normal((inputs, outputs), dtype=np.float32)
    x = draw.standard_normal((2 * rows, inputs), dtype=np.float32)
    wanted = np.matmul(x.reshape(2, rows, inputs), weight).reshape(2 * rows, outputs)
    shifted = np.empty(x.size + 1, np.float32)[1:].reshape(x.shape)
    for turn in range(rows):
        order = np.roll(np.arange(2 * rows), turn)
        shifted[:] = x[order]
        got = np.matmul(shifted.reshape(2, rows, inputs), weight).reshape(2 * rows, outputs)
        if not np.array_equal(got, wanted[order]):
            return False
    return True
