"""Small random models as folders: to test what loads and runs models, without training one."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphsearch.engines.embedded.checkpoint import Array, Shape

__all__ = ["SMALL_SHAPE", "write_random_model"]

SMALL_SHAPE = Shape(
    words=40,
    width=16,
    layers=2,
    heads=2,
    kv_heads=1,
    head_dim=32,
    feed_forward=48,
    context=128,
    rope_theta=10_000.0,
    norm_eps=1e-5,
    ends=(1,),
)
"""The shape of the fleet's smallest model, with a small vocabulary."""


def write_random_model(
    folder: Path | str,
    shape: Shape = SMALL_SHAPE,
    *,
    seed: int = 0,
    spread: float = 1.0,
    words: Sequence[str] | None = None,
) -> Path:
    """Write a Llama with random weights as a Hugging Face folder.

    Args:
        folder: where to; made if absent.
        shape: sizes of the model.
        seed: of the weights.
        spread: scale of the weights; a larger one makes the next word more certain.
        words: the vocabulary; by default `<pad> <eos> <unk> w3 w4 ...`.

    Returns:
        The folder.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if words is None:
        words = ["<pad>", "<eos>", "<unk>", *(f"w{index}" for index in range(3, shape.words))]
    config = {
        "model_type": "llama",
        "vocab_size": shape.words,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": True,
        "eos_token_id": list(shape.ends),
        "pad_token_id": 0,
    }
    _write_json(folder / "config.json", config)
    special = [
        {"id": index, "content": word, "special": True}
        for index, word in enumerate(words)
        if word.startswith("<")
    ]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": special,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    _write_json(folder / "tokenizer.json", tokenizer)
    save_file(_weights(shape, seed=seed, spread=spread), folder / "model.safetensors")
    return folder


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _weights(shape: Shape, *, seed: int, spread: float) -> dict[str, np.ndarray]:
    draw = np.random.Generator(np.random.PCG64(seed))
    inner, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim

    def matrix(outputs: int, inputs: int) -> np.ndarray:
        drawn: Array = draw.standard_normal((outputs, inputs), dtype=np.float32)
        return (drawn * np.float32(spread * inputs**-0.5)).astype(np.float16)

    def norm() -> np.ndarray:
        return draw.uniform(0.5, 1.5, shape.width).astype(np.float16)

    tensors = {"model.embed_tokens.weight": matrix(shape.words, shape.width)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}"
        tensors |= {
            f"{prefix}.input_layernorm.weight": norm(),
            f"{prefix}.self_attn.q_proj.weight": matrix(inner, shape.width),
            f"{prefix}.self_attn.k_proj.weight": matrix(kv, shape.width),
            f"{prefix}.self_attn.v_proj.weight": matrix(kv, shape.width),
            f"{prefix}.self_attn.o_proj.weight": matrix(shape.width, inner),
            f"{prefix}.post_attention_layernorm.weight": norm(),
            f"{prefix}.mlp.gate_proj.weight": matrix(shape.feed_forward, shape.width),
            f"{prefix}.mlp.up_proj.weight": matrix(shape.feed_forward, shape.width),
            f"{prefix}.mlp.down_proj.weight": matrix(shape.width, shape.feed_forward),
        }
    tensors["model.norm.weight"] = norm()
    return tensors
