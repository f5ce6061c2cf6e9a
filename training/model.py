"""The fleet's models in PyTorch: a plain Llama (RMSNorm, RoPE, SwiGLU, tied embedding)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from graphsearch.engines.embedded.vocabulary import WORDS

ROPE_THETA: Final = 10_000.0
NORM_EPS: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Shape:
    """Width, depth and heads of one size."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    head_dim: int = 32


SIZES: Final[dict[str, Shape]] = {
    "nano": Shape(width=16, layers=2, heads=2, kv_heads=1, feed_forward=48),
    "xs": Shape(width=32, layers=3, heads=2, kv_heads=1, feed_forward=64),
    "s": Shape(width=64, layers=3, heads=2, kv_heads=2, feed_forward=160),
    "m": Shape(width=96, layers=3, heads=3, kv_heads=3, feed_forward=256),
}


def rotary(length: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding, each [length, head_dim]."""
    rates = ROPE_THETA ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.outer(torch.arange(length, dtype=torch.float32), rates)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate heads [..., length, head_dim], halves paired as Hugging Face's Llama pairs them."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


class Cache:
    """Keys and values of the tokens read so far, by attention module."""

    def __init__(self) -> None:
        self.length = 0
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, owner: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of `owner`, the new ones last; each [rows, heads, length, size]."""
        if owner in self._kept:
            old_keys, old_values = self._kept[owner]
            keys, values = torch.cat([old_keys, keys], 2), torch.cat([old_values, values], 2)
        self._kept[owner] = keys, values
        return keys, values


class Attention(nn.Module):  # type: ignore[misc]
    """Causal self-attention with grouped keys."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        inner, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.width, inner, bias=False)
        self.k_proj = nn.Linear(shape.width, kv, bias=False)
        self.v_proj = nn.Linear(shape.width, kv, bias=False)
        self.o_proj = nn.Linear(inner, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None = None) -> Tensor:
        """[rows, length, width] -> the same shape."""
        rows, length, _ = x.shape
        heads = (rows, length, -1, self.shape.head_dim)
        q = rotate(self.q_proj(x).view(heads).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(heads).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(heads).transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(id(self), k, v)
        groups = self.shape.heads // self.shape.kv_heads
        if groups > 1:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1))
        return out


class FeedForward(nn.Module):  # type: ignore[misc]
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same shape."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):  # type: ignore[misc]
    """One block: attention and feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = nn.RMSNorm(shape.width, eps=NORM_EPS)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=NORM_EPS)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None = None) -> Tensor:
        """[rows, length, width] -> the same shape."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Llama(nn.Module):  # type: ignore[misc]
    """The whole model; parameter names (without ``model.``) are those of Hugging Face's Llama."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(len(WORDS), shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=NORM_EPS)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embed_tokens.weight, std=self.shape.width**-0.5)
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)  # every block starts as the identity
            elif parameter.dim() == 2 and "embed" not in name:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Hidden states [rows, length, width] of token ids [rows, length].

        With a cache, `ids` follow on what it holds: the whole prompt first, then single tokens.
        """
        start = cache.length if cache is not None else 0
        cos, sin = rotary(start + ids.shape[1], self.shape.head_dim)
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos[start:], sin[start:], cache)
        if cache is not None:
            cache.length += ids.shape[1]
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., width] -> [..., words]."""
        return hidden @ self.embed_tokens.weight.T


def hugging_face_config(shape: Shape, *, positions: int) -> dict[str, object]:
    """The ``config.json`` with which transformers and vLLM load the weights."""
    sizes = asdict(shape)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(WORDS),
        "hidden_size": sizes["width"],
        "intermediate_size": sizes["feed_forward"],
        "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"],
        "num_key_value_heads": sizes["kv_heads"],
        "head_dim": sizes["head_dim"],
        "hidden_act": "silu",
        "max_position_embeddings": positions,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "torch_dtype": "float16",
    }
