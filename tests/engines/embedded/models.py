"""Random models and a slow, plain Llama to compare with."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from graphsearch.engines.embedded.checkpoint import Checkpoint, Shape
from graphsearch.testing.models import SMALL_SHAPE, write_random_model

# Grouped heads as in the small sizes, one head a group and wide panels as in the large ones.
GROUPED = SMALL_SHAPE
WIDE = replace(SMALL_SHAPE, width=96, layers=1, heads=3, kv_heads=3, feed_forward=256, words=262)


@cache
def checkpoint(shape: Shape, spread: float = 1.0) -> Checkpoint:
    return Checkpoint.load(write_random_model(Path(mkdtemp()), shape, spread=spread))


def plain_logits(model: Checkpoint, tokens: list[int]) -> np.ndarray:
    """Logits after each token, [tokens, words], in float64 and as the textbook has it."""
    shape = model.shape
    w = {name: tensor.astype(np.float64) for name, tensor in model.tensors.items()}
    x = w["model.embed_tokens.weight"][tokens]
    half = shape.head_dim // 2
    angles = np.outer(np.arange(len(tokens)), shape.rope_theta ** (-np.arange(half) / half))
    cos, sin = (np.concatenate([f(angles)] * 2, axis=1)[:, None] for f in (np.cos, np.sin))

    def norm(x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + shape.norm_eps) * w[name + ".weight"]

    def heads(x, count):
        return x.reshape(len(tokens), count, shape.head_dim)

    def turned(x):
        return x * cos + np.concatenate([-x[..., half:], x[..., :half]], axis=-1) * sin

    for layer in range(shape.layers):
        name = f"model.layers.{layer}."
        h = norm(x, name + "input_layernorm")
        q = turned(heads(h @ w[name + "self_attn.q_proj.weight"].T, shape.heads))
        k = turned(heads(h @ w[name + "self_attn.k_proj.weight"].T, shape.kv_heads))
        v = heads(h @ w[name + "self_attn.v_proj.weight"].T, shape.kv_heads)
        k, v = (np.repeat(part, shape.group, axis=1) for part in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(shape.head_dim)
        scores[:, np.triu(np.ones(scores.shape[1:], bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", weights, v).reshape(len(tokens), -1)
        x = x + mixed @ w[name + "self_attn.o_proj.weight"].T
        h = norm(x, name + "post_attention_layernorm")
        gate = h @ w[name + "mlp.gate_proj.weight"].T
        up = h @ w[name + "mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[name + "mlp.down_proj.weight"].T
    return norm(x, "model.norm") @ w["model.embed_tokens.weight"].T
