"""The forward pass of a Llama model: prompts in bulk, then one token for every running sequence.

Dense products run over all rows of the batch at once, in tiles (`tiles.py`). Attention runs a
sequence at a time (`attention.py`). Everything else is element by element or along a row. So no
number a row sees depends on the rows beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphsearch.engines.embedded.attention import (
    Rotations,
    attend_causal,
    attend_last,
    mask_beyond,
)
from graphsearch.engines.embedded.cache import Slab, bucket_of
from graphsearch.engines.embedded.checkpoint import Array, Checkpoint, Shape
from graphsearch.engines.embedded.tiles import TILE_ROWS, TiledMatrix

__all__ = ["Decoder", "Prefilled"]

_PROMPT_STEP = 8  # prompts are padded to a multiple of this


@dataclass(frozen=True, slots=True)
class _Layer:
    """One block's matrices; norm weights and the attention's scale are folded into them."""

    query: TiledMatrix
    key: TiledMatrix
    value: TiledMatrix
    mix: TiledMatrix
    gate: TiledMatrix
    up: TiledMatrix
    down: TiledMatrix

    @classmethod
    def of(cls, checkpoint: Checkpoint, layer: int) -> "_Layer":
        """The block of that number."""
        shape, tensors = checkpoint.shape, checkpoint.tensors
        prefix = f"model.layers.{layer}."

        def weight(name: str) -> Array:
            return tensors[f"{prefix}{name}.weight"]

        before, after = weight("input_layernorm"), weight("post_attention_layernorm")
        scale = np.float32(shape.head_dim**-0.5)
        return cls(
            query=TiledMatrix.of((weight("self_attn.q_proj") * before * scale).T),
            key=TiledMatrix.of((weight("self_attn.k_proj") * before).T),
            value=TiledMatrix.of((weight("self_attn.v_proj") * before).T),
            mix=TiledMatrix.of(weight("self_attn.o_proj").T),
            gate=TiledMatrix.of((weight("mlp.gate_proj") * after).T),
            up=TiledMatrix.of((weight("mlp.up_proj") * after).T),
            down=TiledMatrix.of(weight("mlp.down_proj").T),
        )


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


@dataclass(frozen=True, slots=True)
class _Group:
    """Prompts of one padded length on their way through the layers.

    Attributes:
        indices: which prompts.
        tokens: [n, padded length].
        rows: where their tokens lie among all rows of the pass.
        last: position of each prompt's last word, [n].
        keys: of each layer so far.
        values: of each layer so far.
    """

    indices: list[int]
    tokens: npt.NDArray[np.int32]
    rows: slice
    last: npt.NDArray[np.intp]
    keys: list[Array]
    values: list[Array]

    @property
    def last_rows(self) -> npt.NDArray[np.intp]:
        """Rows of the last words."""
        first = np.arange(self.rows.start, self.rows.stop, self.tokens.shape[1])
        return first + self.last

    def keep(self, k: Array, v: Array) -> None:
        """Add a layer's keys and values, given those of all rows, [rows, kv heads, head_dim]."""
        n = len(self.tokens)
        key, value = (part[self.rows].reshape(n, -1, *part.shape[1:]) for part in (k, v))
        self.keys.append(np.ascontiguousarray(key.transpose(0, 2, 3, 1)))
        self.values.append(np.ascontiguousarray(value.transpose(0, 2, 1, 3)))

    def attend(self, q: Array) -> Array:
        """What the last layer kept, as the group's rows among all queries read it."""
        own = q[self.rows].reshape(*self.tokens.shape, *q.shape[1:])
        return attend_causal(own, self.keys[-1], self.values[-1])


class Decoder:
    """A model ready to compute. Read-only: threads may share it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.shape: Shape = checkpoint.shape
        tensors = checkpoint.tensors
        self._words = tensors["model.embed_tokens.weight"]
        self._layers = [_Layer.of(checkpoint, layer) for layer in range(self.shape.layers)]
        head = tensors.get("lm_head.weight", self._words)
        self._head = TiledMatrix.of((head * tensors["model.norm.weight"]).T)
        self._turned = Rotations(self.shape, bucket_of(self.shape.context))

    def decode(self, slabs: Sequence[Slab]) -> Array:
        """Read the last token of every live row and return the logits after it, [rows, words].

        Rows are those of the slabs, one slab after another. Keys and values are written into the
        slabs; the rows' positions are the caller's to advance.
        """
        rows = np.concatenate([slab.live for slab in slabs])
        position = np.ascontiguousarray(rows["position"])
        masks = [mask_beyond(slab.live["position"], slab.length) for slab in slabs]
        x = self._embed(rows["token"])
        for layer, block in enumerate(self._layers):
            h = self._normed(x)
            q = self._turned(block.query(h)[: len(rows)], position)
            k = self._turned(block.key(h)[: len(rows)], position)
            v = block.value(h)[: len(rows)].reshape(k.shape)
            parts, start = [], 0
            for slab, mask in zip(slabs, masks, strict=True):
                here = slice(start, start + slab.count)
                keys, values = slab.write(layer, k[here], v[here])
                parts.append(attend_last(q[here], keys, values, mask))
                start = here.stop
            x = self._finish(block, x, _stacked(parts))
        return self._logits(x)[: len(rows)]

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[Prefilled]:
        """Read prompts (each at least one token), grouped by length."""
        # By padded length; the groups' rows lie one after another.
        by_length: dict[int, list[int]] = {}
        for index, prompt in enumerate(prompts):
            length = -(-len(prompt) // _PROMPT_STEP) * _PROMPT_STEP
            by_length.setdefault(length, []).append(index)
        groups: list[_Group] = []
        start = 0
        for length, indices in sorted(by_length.items()):
            tokens = np.zeros((len(indices), length), np.int32)
            for row, index in enumerate(indices):
                tokens[row, : len(prompts[index])] = prompts[index]
            last = np.array([len(prompts[index]) - 1 for index in indices])
            rows = slice(start, start + tokens.size)
            groups.append(_Group(indices, tokens, rows, last, [], []))
            start = rows.stop
        position = np.concatenate(
            [np.tile(np.arange(part.tokens.shape[1]), len(part.tokens)) for part in groups]
        )
        x = self._embed(np.concatenate([part.tokens.ravel() for part in groups]))
        for block in self._layers[:-1]:
            h = self._normed(x)
            self._keep(block, h, position, groups)
            q = self._turned(block.query(h)[: len(position)], position)
            x = self._finish(block, x, _stacked([part.attend(q) for part in groups]))
        logits = self._last_layer(x, position, groups)
        done, start = [], 0
        for part in groups:
            here = slice(start, start + len(part.indices))
            keys, values = np.stack(part.keys), np.stack(part.values)
            done.append(Prefilled(part.indices, keys, values, logits[here]))
            start = here.stop
        return done

    def _last_layer(
        self, x: Array, position: npt.NDArray[np.integer], groups: list[_Group]
    ) -> Array:
        """Logits after each prompt: beyond keys and values, no other row is needed any more."""
        block = self._layers[-1]
        h = self._normed(x)
        self._keep(block, h, position, groups)
        wanted = np.concatenate([part.last_rows for part in groups])
        q = block.query(_stacked([h[wanted]]))[: len(wanted)]
        q = self._turned(q, position[wanted])
        parts, start = [], 0
        for part in groups:
            here = slice(start, start + len(part.indices))
            mask = mask_beyond(part.last, part.tokens.shape[1])
            parts.append(attend_last(q[here], part.keys[-1], part.values[-1], mask))
            start = here.stop
        return self._logits(self._finish(block, _stacked([x[wanted]]), _stacked(parts)))

    def _keep(
        self,
        block: _Layer,
        h: Array,
        position: npt.NDArray[np.integer],
        groups: list[_Group],
    ) -> None:
        k = self._turned(block.key(h)[: len(position)], position)
        v = block.value(h)[: len(position)].reshape(k.shape)
        for part in groups:
            part.keep(k, v)

    def _embed(self, tokens: npt.NDArray[np.int32]) -> Array:
        return _stacked([self._words[tokens]])

    def _finish(self, block: _Layer, x: Array, mixed: Array) -> Array:
        """What follows attention in a block: mixing of heads, feed-forward, both residuals."""
        x = x + block.mix(mixed)
        h = self._normed(x)
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
        return self._head(self._normed(x))

    def _normed(self, x: Array) -> Array:
        """RMSNorm (Zhang and Sennrich 2019) without its weight, folded into the next matrix."""
        scale = np.einsum("ij,ij->i", x, x)
        scale /= x.shape[1]
        scale += np.float32(self.shape.norm_eps)
        np.sqrt(scale, out=scale)
        normed: Array = x / scale[:, None]
        return normed


def _stacked(parts: list[Array]) -> Array:
    """Parts [n, width] below each other, with rows of zeros up to a whole number of tiles."""
    count = sum(len(part) for part in parts)
    rows = -(-count // TILE_ROWS) * TILE_ROWS
    stacked = np.empty((rows, parts[0].shape[1]), np.float32)
    np.concatenate(parts, out=stacked[:count])
    stacked[count:] = 0
    return stacked
