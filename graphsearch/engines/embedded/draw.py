"""Draws words from logits: greedy, temperature, top-p, each row from its own random stream.

The randomness of a draw is a hash of the row's key and of how many words it has drawn. There is no
generator that rows would share, so neither order nor company can change a draw.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from graphsearch.engines.embedded.cache import Rows
from graphsearch.engines.embedded.checkpoint import Array

__all__ = ["draw_words", "stream_key", "uniforms"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stream_key(seed: int, *parts: str) -> int:
    """Key of a random stream: 64 bits of BLAKE2b over the seed and the parts.

    The parts (weights digest, prompt, sampling) keep calls apart that were given equal seeds: two
    models asked the same question would otherwise draw with the same random numbers.
    """
    text = "\x1f".join([str(seed), *parts])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def uniforms(
    keys: npt.NDArray[np.uint64], counters: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1), a pure function of key and counter.

    SplitMix64 (Steele, Lea and Flood 2014): state `counter` of the generator started at `key`. 52
    bits are kept, so that a number times a float32 total stays below the total.
    """
    z = keys + (counters.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z ^= z >> np.uint64(31)
    drawn: npt.NDArray[np.float64] = (z >> np.uint64(12)).astype(np.float64) * 2.0**-52
    return drawn


def draw_words(logits: Array, rows: Rows) -> npt.NDArray[np.intp]:
    """The next word of each row, [rows].

    Args:
        logits: [rows, words]; overwritten.
        rows: what is drawn how (`cache.ROW`): temperature 0 is the likeliest word, the first among
            equals; else a draw from softmax(logits / temperature), from the smallest set of
            words that holds `top_p` of it.
    """
    words: npt.NDArray[np.intp] = logits.argmax(axis=1)
    warm = np.flatnonzero(rows["temperature"] > 0)
    if warm.size == len(rows):
        return _sampled(logits, rows, words)
    if warm.size:
        words[warm] = _sampled(logits[warm], rows[warm], words[warm])
    return words


def _sampled(logits: Array, rows: Rows, likeliest: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    logits -= np.take_along_axis(logits, likeliest[:, None], axis=1)
    with np.errstate(over="ignore"):  # -inf is right for a temperature near 0: weight 0
        logits /= rows["temperature"][:, None]
    np.exp(logits, out=logits)
    narrow = np.flatnonzero(rows["top_p"] < 1)
    if narrow.size:
        # All words outside the nucleus get weight 0.
        weights, top_p = logits[narrow], rows["top_p"][narrow]
        order = np.argsort(-weights, axis=1, kind="stable")
        falling = np.take_along_axis(weights, order, axis=1)
        reached = np.cumsum(falling, axis=1)
        outside = reached - falling >= top_p[:, None] * reached[:, -1:]
        outside[:, 0] = False  # the likeliest word always stays
        np.put_along_axis(weights, order, np.where(outside, np.float32(0), falling), axis=1)
        logits[narrow] = weights
    reached = np.cumsum(logits, axis=1)
    wanted = uniforms(rows["key"], rows["drawn"]) * reached[:, -1]
    drawn: npt.NDArray[np.intp] = (reached > wanted[:, None]).argmax(axis=1)
    return drawn
