"""Attention, one sequence at a time inside one batched product.

All shapes follow from a sequence's own length (padded), and sums run over that length alone. Shapes
are also kept so small that OpenBLAS stays in the calling thread (see `tiles.py`), which is why
longer ones are cut.
"""

import numpy as np
import numpy.typing as npt

from graphsearch.engines.embedded.checkpoint import Array, Shape
from graphsearch.engines.embedded.tiles import SINGLE_THREAD_LIMIT, VECTOR_THREAD_LIMIT

__all__ = ["Rotations", "attend_causal", "attend_last", "mask_beyond"]

_MOST_QUERIES = 16  # positions whose attention is one product


class Rotations:
    """Rotary position embedding (Su et al. 2021), halves paired as Hugging Face's Llama does.

    Args:
        shape: the model's sizes.
        positions: how many positions to prepare.
    """

    def __init__(self, shape: Shape, positions: int) -> None:
        self._half = half = shape.head_dim // 2
        rates = shape.rope_theta ** (-np.arange(half) / half)
        angles = np.outer(np.arange(positions), rates)
        self._cos = np.cos(angles).astype(np.float32)
        self._sin = np.sin(angles).astype(np.float32)

    def __call__(self, x: Array, position: npt.NDArray[np.integer]) -> Array:
        """Rotate [rows, heads * head_dim] by each row's position: [rows, heads, head_dim]."""
        halves = x.reshape(len(x), -1, 2, self._half)
        cos, sin = self._cos[position][:, None], self._sin[position][:, None]
        left, right = halves[:, :, 0], halves[:, :, 1]
        turned = np.empty_like(halves)
        np.subtract(left * cos, right * sin, out=turned[:, :, 0])
        np.add(right * cos, left * sin, out=turned[:, :, 1])
        return turned.reshape(len(x), -1, 2 * self._half)


def mask_beyond(position: npt.NDArray[np.integer], length: int) -> Array:
    """0 up to each row's own position, -inf beyond it: [rows, 1, 1, length]."""
    beyond = np.arange(length) > position[:, None]
    return np.where(beyond, np.float32(-np.inf), np.float32(0))[:, None, None]


def attend_last(q: Array, keys: Array, values: Array, mask: Array) -> Array:
    """Attention of one position a row to those before it and to itself.

    Args:
        q: [rows, heads, head_dim].
        keys: [rows, kv heads, head_dim, length].
        values: [rows, kv heads, length, head_dim].
        mask: [rows, 1, 1, length], 0 or -inf.

    Returns:
        [rows, heads * head_dim].
    """
    rows, kv_heads, size, length = keys.shape
    queries = q.reshape(rows, kv_heads, -1, size)
    step = max(VECTOR_THREAD_LIMIT // size, 1)
    cuts = [slice(at, at + step) for at in range(0, length, step)]
    parts = [queries @ keys[..., cut] for cut in cuts]
    scores: Array = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    scores += mask
    total = _exponentials(scores)
    out: Array = scores[..., cuts[0]] @ values[:, :, cuts[0]]
    for cut in cuts[1:]:
        out += scores[..., cut] @ values[:, :, cut]
    out /= total
    return out.reshape(rows, -1)


def attend_causal(q: Array, keys: Array, values: Array) -> Array:
    """Attention of every position to those before it and to itself.

    Args:
        q: [rows, length, heads, head_dim].
        keys: [rows, kv heads, head_dim, length].
        values: [rows, kv heads, length, head_dim].

    Returns:
        [rows * length, heads * head_dim].
    """
    rows, kv_heads, size, length = keys.shape
    grouped = q.reshape(rows, length, kv_heads, -1, size).transpose(0, 2, 3, 1, 4)
    queries = np.ascontiguousarray(grouped)
    out = np.empty_like(queries)
    step = max(min(_MOST_QUERIES, SINGLE_THREAD_LIMIT // (size * length)), 1)
    for start in range(0, length, step):
        stop = min(start + step, length)
        scores = queries[:, :, :, start:stop] @ keys[:, :, None, :, :stop]
        later = np.arange(stop) > np.arange(start, stop)[:, None]
        scores += np.where(later, np.float32(-np.inf), np.float32(0))
        total = _exponentials(scores)
        part = scores @ values[:, :, None, :stop]
        part /= total
        out[:, :, :, start:stop] = part
    return out.transpose(0, 3, 1, 2, 4).reshape(rows * length, -1)


def _exponentials(scores: Array) -> Array:
    """Softmax in two halves: exponentials in place, and the sums to divide by."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    total: Array = scores.sum(axis=-1, keepdims=True)
    return total
