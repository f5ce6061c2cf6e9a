"""The forward pass of a Llama model: prompts in bulk, then one token for every running sequence.

Dense products run over all rows of the batch at once, in tiles (`tiles.py`). Attention runs a
sequence at a time inside one batched product, with shapes that follow from the sequence's own
length. Everything else is element by element or along a row. So no number a row sees depends on
the rows beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphsearch.engines.embedded.cache import Slab, bucket_of
from graphsearch.engines.embedded.checkpoint import Array, Checkpoint, Shape
from graphsearch.engines.embedded.tiles import TILE_ROWS, TiledMatrix

__all__ = ["Decoder", "Prefilled"]

_PROMPT_STEP = 8  # prompts are padded to a multiple of this
_QUERY_STEP = 16  # prompt positions whose attention is computed in one product
_KEY_STEP = 256  # cached positions in one product; a longer one would wake OpenBLAS's threads

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One block's matrices; norm weights and the attention's scale are folded into them."""

    query_key: TiledMatrix
    value: TiledMatrix
    mix: TiledMatrix
    gate: TiledMatrix
    up: TiledMatrix
    down: TiledMatrix


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Prompts of about equal length after the model read them.

    Attributes:
        indices: which of the given prompts, [n].
        keys: [layers, n, kv heads, head_dim, padded length].
        values: [layers, n, kv heads, padded length, head_dim].
        logits: of the word after each prompt, [n, words].
    """

    indices: list[int]
    keys: Array
    values: Array
    logits: Array


class Decoder:
    """A model ready to compute. Read-only: threads may share it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        shape = checkpoint.shape
        tensors = checkpoint.tensors
        self.shape: Shape = shape
        self._words = tensors["model.embed_tokens.weight"]
        self._layers = [_layer(checkpoint, layer) for layer in range(shape.layers)]
        head = tensors.get("lm_head.weight", self._words)
        self._head = TiledMatrix.of((head * tensors["model.norm.weight"]).T)
        self._cos, self._sin = _rotations(shape)

    def decode(self, slabs: Sequence[Slab]) -> Array:
        """Read the last token of every live row and return the logits after it, [rows, words].

        Rows are those of the slabs, one slab after another. Keys and values are written into the
        slabs; the rows' positions are the caller's to advance.
        """
        rows = np.concatenate([slab.live for slab in slabs])
        x = self._embed(rows["token"])
        position = np.ascontiguousarray(rows["position"])
        starts = np.cumsum([0, *(slab.count for slab in slabs)]).tolist()
        masks = [_mask(slab) for slab in slabs]
        for layer, block in enumerate(self._layers):
            q, k, v = self._project(block, x, position)
            mixed = np.zeros((len(x), self.shape.heads * self.shape.head_dim), np.float32)
            for slab, mask, start in zip(slabs, masks, starts, strict=False):
                stop = start + slab.count
                part = _attend_cached(
                    slab, layer, q[start:stop], k[start:stop], v[start:stop], mask
                )
                mixed[start:stop] = part.reshape(slab.count, -1)
            x = self._finish(block, x, mixed)
        return self._logits(x)[: len(rows)]

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[Prefilled]:
        """Read prompts (each at least one token), grouped by length."""
        groups = _by_length(prompts)
        tokens = [_padded(prompts, indices, length) for length, indices in groups]
        x = self._embed(np.concatenate([part.ravel() for part in tokens]))
        position = np.concatenate([np.tile(np.arange(p.shape[1]), p.shape[0]) for p in tokens])
        keys: list[list[Array]] = [[] for _ in groups]
        values: list[list[Array]] = [[] for _ in groups]
        for block in self._layers:
            q, k, v = self._project(block, x, position)
            mixed = np.zeros((len(x), self.shape.heads * self.shape.head_dim), np.float32)
            start = 0
            for group, part in enumerate(tokens):
                stop, n = start + part.size, len(part)
                key = _heads(k[start:stop], n).transpose(0, 2, 3, 1).copy()
                value = _heads(v[start:stop], n).transpose(0, 2, 1, 3).copy()
                keys[group].append(key)
                values[group].append(value)
                out = _attend_prompt(_heads(q[start:stop], n), key, value, self.shape.group)
                mixed[start:stop] = out.reshape(part.size, -1)
                start = stop
            x = self._finish(block, x, mixed)
        logits = self._logits(_last_rows(x, prompts, groups))
        return _split(groups, keys, values, logits)

    def _embed(self, tokens: Ids) -> Array:
        """Hidden states of words; rows beyond them, up to a whole number of tiles, are zero."""
        rows = -(-len(tokens) // TILE_ROWS) * TILE_ROWS
        x = np.zeros((rows, self.shape.width), np.float32)
        x[: len(tokens)] = self._words[tokens]
        return x

    def _project(
        self, block: _Layer, x: Array, position: npt.NDArray[np.integer]
    ) -> tuple[Array, Array, Array]:
        """Queries, keys (both rotated) and values, each [rows, heads, head_dim]."""
        shape, n = self.shape, len(position)
        h = _normed(x, shape.norm_eps)
        both = block.query_key(h)[:n].reshape(n, -1, 2, shape.head_dim // 2)
        cos, sin = self._cos[position][:, None], self._sin[position][:, None]
        left, right = both[:, :, 0], both[:, :, 1]
        turned = np.empty_like(both)
        np.subtract(left * cos, right * sin, out=turned[:, :, 0])
        np.add(right * cos, left * sin, out=turned[:, :, 1])
        heads = turned.reshape(n, -1, shape.head_dim)
        v = block.value(h)[:n].reshape(n, shape.kv_heads, shape.head_dim)
        return heads[:, : shape.heads], heads[:, shape.heads :], v

    def _finish(self, block: _Layer, x: Array, mixed: Array) -> Array:
        """What follows attention in a block: mixing of heads, feed-forward, both residuals."""
        x = x + block.mix(mixed)
        h = _normed(x, self.shape.norm_eps)
        gate = block.gate(h)
        slope = np.negative(gate)
        with np.errstate(over="ignore"):  # exp(-gate) may be inf: gate / inf is 0, as it should
            np.exp(slope, out=slope)
        slope += 1
        gate /= slope
        gate *= block.up(h)
        x += block.down(gate)
        return x

    def _logits(self, x: Array) -> Array:
        return self._head(_normed(x, self.shape.norm_eps))


def _layer(checkpoint: Checkpoint, layer: int) -> _Layer:
    shape, tensors = checkpoint.shape, checkpoint.tensors
    prefix = f"model.layers.{layer}."

    def weight(name: str) -> Array:
        return tensors[f"{prefix}{name}.weight"]

    before, after = weight("input_layernorm"), weight("post_attention_layernorm")
    query = weight("self_attn.q_proj") * before * np.float32(shape.head_dim**-0.5)
    key = weight("self_attn.k_proj") * before
    return _Layer(
        query_key=TiledMatrix.of(np.concatenate([query, key]).T),
        value=TiledMatrix.of((weight("self_attn.v_proj") * before).T),
        mix=TiledMatrix.of(weight("self_attn.o_proj").T),
        gate=TiledMatrix.of((weight("mlp.gate_proj") * after).T),
        up=TiledMatrix.of((weight("mlp.up_proj") * after).T),
        down=TiledMatrix.of(weight("mlp.down_proj").T),
    )


def _rotations(shape: Shape) -> tuple[Array, Array]:
    """Cosines and sines by position, [positions, head_dim / 2]."""
    half = shape.head_dim // 2
    rates = shape.rope_theta ** (-np.arange(half) / half)
    angles = np.outer(np.arange(bucket_of(shape.context)), rates)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _normed(x: Array, eps: float) -> Array:
    """RMSNorm without its weight, which is folded into the next matrix."""
    scale = np.einsum("ij,ij->i", x, x)
    scale /= x.shape[1]
    scale += np.float32(eps)
    np.sqrt(scale, out=scale)
    normed: Array = x / scale[:, None]
    return normed


def _heads(x: Array, n: int) -> Array:
    """[n * length, heads, head_dim] -> [n, length, heads, head_dim]."""
    return x.reshape(n, -1, *x.shape[1:])


def _softmaxed(scores: Array) -> Array:
    """Exponentials of the scores in place, and the sums that make them weights."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    total: Array = scores.sum(axis=-1, keepdims=True)
    return total


def _mask(slab: Slab) -> Array:
    """0 where a row may look, -inf beyond its own position: [rows, 1, 1, length]."""
    beyond = np.arange(slab.length) > slab.live["position"][:, None]
    return np.where(beyond, np.float32(-np.inf), np.float32(0))[:, None, None]


def _attend_cached(slab: Slab, layer: int, q: Array, k: Array, v: Array, mask: Array) -> Array:
    """Attention of one new token a row: [rows, kv heads, group, head_dim]."""
    n, position = slab.count, slab.live["position"]
    keys, values = slab.keys[layer, :n], slab.values[layer, :n]
    each = np.arange(n)
    keys[each, :, :, position] = k
    values[each, :, position] = v
    queries = q.reshape(n, keys.shape[1], -1, q.shape[-1])
    cuts = [slice(at, at + _KEY_STEP) for at in range(0, slab.length, _KEY_STEP)]
    if len(cuts) == 1:
        scores: Array = queries @ keys
    else:
        scores = np.concatenate([queries @ keys[..., cut] for cut in cuts], axis=-1)
    scores += mask
    total = _softmaxed(scores)
    out: Array = scores[..., cuts[0]] @ values[:, :, cuts[0]]
    for cut in cuts[1:]:
        out += scores[..., cut] @ values[:, :, cut]
    out /= total
    return out


def _attend_prompt(q: Array, keys: Array, values: Array, group: int) -> Array:
    """Causal attention inside prompts.

    Args:
        q: [n, length, heads, head_dim].
        keys: [n, kv heads, head_dim, length].
        values: [n, kv heads, length, head_dim].
        group: query heads for each key head.

    Returns:
        [n, length, heads, head_dim].
    """
    n, length, heads, size = q.shape
    queries = q.reshape(n, length, heads // group, group, size).transpose(0, 2, 3, 1, 4).copy()
    out = np.empty_like(queries)
    for start in range(0, length, _QUERY_STEP):
        stop = min(start + _QUERY_STEP, length)
        scores = queries[:, :, :, start:stop] @ keys[:, :, None, :, :stop]
        later = np.arange(stop) > np.arange(start, stop)[:, None]
        scores += np.where(later, np.float32(-np.inf), np.float32(0))
        total = _softmaxed(scores)
        out[:, :, :, start:stop] = (scores @ values[:, :, None, :stop]) / total
    return out.transpose(0, 3, 1, 2, 4).reshape(n, length, heads, size)


def _by_length(prompts: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
    """Padded lengths, ascending, each with the indices of its prompts."""
    groups: dict[int, list[int]] = {}
    for index, prompt in enumerate(prompts):
        length = -(-len(prompt) // _PROMPT_STEP) * _PROMPT_STEP
        groups.setdefault(length, []).append(index)
    return sorted(groups.items())


def _padded(prompts: Sequence[Sequence[int]], indices: list[int], length: int) -> Ids:
    tokens = np.zeros((len(indices), length), np.int32)
    for row, index in enumerate(indices):
        tokens[row, : len(prompts[index])] = prompts[index]
    return tokens


def _last_rows(
    x: Array, prompts: Sequence[Sequence[int]], groups: list[tuple[int, list[int]]]
) -> Array:
    """Hidden states of each prompt's last word, in group order, padded to whole tiles."""
    wanted: list[int] = []
    start = 0
    for length, indices in groups:
        for index in indices:
            wanted.append(start + len(prompts[index]) - 1)
            start += length
    rows = -(-len(wanted) // TILE_ROWS) * TILE_ROWS
    last = np.zeros((rows, x.shape[1]), np.float32)
    last[: len(wanted)] = x[wanted]
    return last


def _split(
    groups: list[tuple[int, list[int]]],
    keys: list[list[Array]],
    values: list[list[Array]],
    logits: Array,
) -> list[Prefilled]:
    done = []
    start = 0
    for (_, indices), key, value in zip(groups, keys, values, strict=True):
        stop = start + len(indices)
        done.append(Prefilled(indices, np.stack(key), np.stack(value), logits[start:stop]))
        start = stop
    return done
