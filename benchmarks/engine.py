"""Speed of the embedded engine, alone and beside PyTorch; prints one JSON object.

    python -m benchmarks.engine [--sizes nano,xs,s,m] [--rounds 3] [--torch-threads 1,2]

Work: puzzle-like prompts of 8 to 78 words, 18 tokens generated for each, none ended early, so that
all contestants do the same. PyTorch (where it can be imported) runs the same weights in a plain
loop with a preallocated KV cache, in batches of prompts of about equal length, which is kind to it.
The contestants take turns and the best round of each counts, since other work may share the
machine; `cpu` is tokens per CPU second, which suffers less from that.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from graphsearch.engines.embedded import Checkpoint, EmbeddedEngine, builtin_folder
from graphsearch.engines.embedded.generate import generate_batch
from graphsearch.records.calls import Call, Message, Sampling

SIZES = ("nano", "xs", "s", "m")
SAMPLING = Sampling(temperature=0.8, max_tokens=18)


def prompts(count: int, *, seed: int = 0) -> list[str]:
    """Puzzle questions with 0 to 4 candidates: 8 to 78 words."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        numbers = draw.integers(1, 14, draw.integers(3, 5))
        words = ["F", "P", *map(str, numbers), ">", str(draw.integers(6, 50))]
        for tag in "abcd"[: draw.integers(0, 5)]:
            words.append(tag)
            for step in range(len(numbers) - 1):
                left, right, result = draw.integers(1, 14, 3)
                words += [f"{tag}{step + 1}", str(left), "+", str(right), str(result)]
            words.append(tag)
        made.append(" ".join([*words, ":"]))
    return made


def endless(size: str, home: Path) -> Path:
    """A copy of a model that never draws an end of reply."""
    folder = home / size
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        shutil.copy(builtin_folder(size) / name, folder)
    config = json.loads((builtin_folder(size) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": []}))
    return folder


def speeds(
    contestants: dict[str, Callable[[], int]], *, rounds: int
) -> dict[str, dict[str, float]]:
    """Best tokens per second and per CPU second of functions that return how many they made."""
    best = {name: {"wall": 0.0, "cpu": 0.0} for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            tokens = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            best[name]["wall"] = max(best[name]["wall"], round(tokens / wall))
            best[name]["cpu"] = max(best[name]["cpu"], round(tokens / cpu))
    return best


def numpy_run(model: Checkpoint, texts: list[str], batch: int) -> Callable[[], int]:
    def run() -> int:
        done = generate_batch(model, texts, sampling=SAMPLING, batch_size=batch)
        return sum(len(generation.tokens) for generation in done)

    return run


def engine_run(folder: Path, texts: list[str], batch: int, workers: int) -> Callable[[], int]:
    """Through the asynchronous engine, loading of the model included."""
    calls = [
        Call("it", (Message("user", text),), SAMPLING, seed=seed) for seed, text in enumerate(texts)
    ]

    async def main() -> int:
        engine = EmbeddedEngine({"it": folder}, batch_size=batch, workers=workers)
        replies = await asyncio.gather(*(engine.generate(call) for call in calls))
        await engine.aclose()
        return sum(reply.usage.completion_tokens for reply in replies)

    return lambda: asyncio.run(main())


class TorchRun:
    """A PyTorch loop over static batches of prompts sorted by length; a call returns its tokens."""

    def __init__(self, model: Checkpoint, texts: list[str], batch: int, threads: int) -> None:
        import torch

        self._shape = shape = model.shape
        self._threads = threads
        self._weights = {name: torch.from_numpy(t) for name, t in model.tensors.items()}
        self._words = self._weights["model.embed_tokens.weight"]
        half = shape.head_dim // 2
        rates = shape.rope_theta ** (-torch.arange(half) / half)
        angles = torch.outer(torch.arange(shape.context), rates).repeat(1, 2)
        self._cos, self._sin = angles.cos(), angles.sin()
        order = sorted((model.tokenizer.encode(text) for text in texts), key=len)
        self._batches = [order[at : at + batch] for at in range(0, len(order), batch)]

    def __call__(self) -> int:
        import torch

        torch.set_num_threads(self._threads)
        with torch.inference_mode():
            return sum(self._generated(prompts_) for prompts_ in self._batches)

    def _generated(self, prompts_: list[list[int]]) -> int:
        """Tokens written for one batch: 18 a prompt."""
        import torch

        shape, rows = self._shape, len(prompts_)
        lengths = torch.tensor([len(prompt) for prompt in prompts_])
        longest = int(lengths.max())
        tokens = torch.zeros(rows, longest, dtype=torch.long)
        for row, prompt in enumerate(prompts_):
            tokens[row, : len(prompt)] = torch.tensor(prompt)
        room = (shape.layers, rows, shape.kv_heads, longest + 18, shape.head_dim)
        keys, values = torch.zeros(room), torch.zeros(room)
        position = torch.arange(longest).expand(rows, -1)
        causal = torch.ones(longest, longest, dtype=torch.bool).tril()
        x = self._forward(tokens, position, keys, values, causal)
        token = self._drawn(x[torch.arange(rows), lengths - 1])
        out = [token]
        for step in range(17):
            position = (lengths + step)[:, None]
            seen = torch.arange(longest + step + 1) <= position
            x = self._forward(token, position, keys, values, seen[:, None, None])
            token = self._drawn(x[:, 0])
            out.append(token)
        return torch.cat(out, dim=1).numel()

    def _forward(self, tokens, position, keys, values, mask):
        """[rows, n] tokens at [rows, n] positions; writes the cache, returns [rows, n, width]."""
        from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

        shape = self._shape
        rows, n = tokens.shape
        x = self._words[tokens]
        length = mask.shape[-1]
        for layer in range(shape.layers):
            name = f"model.layers.{layer}."
            w = {key: self._weights[f"{name}{key}.weight"] for key in NAMES}
            h = rms_norm(x, (shape.width,), w["input_layernorm"], shape.norm_eps)
            q, k, v = (
                (h @ w[f"self_attn.{part}_proj"].T)
                .view(rows, n, -1, shape.head_dim)
                .transpose(1, 2)
                for part in "qkv"
            )
            q, k = self._turned(q, position), self._turned(k, position)
            index = position[:, None, :, None].expand_as(k)
            keys[layer].scatter_(2, index, k)
            values[layer].scatter_(2, index, v)
            mixed = scaled_dot_product_attention(
                q,
                keys[layer][:, :, :length],
                values[layer][:, :, :length],
                attn_mask=mask,
                enable_gqa=shape.group > 1,
            )
            x = x + mixed.transpose(1, 2).reshape(rows, n, -1) @ w["self_attn.o_proj"].T
            h = rms_norm(x, (shape.width,), w["post_attention_layernorm"], shape.norm_eps)
            inner = silu(h @ w["mlp.gate_proj"].T) * (h @ w["mlp.up_proj"].T)
            x = x + inner @ w["mlp.down_proj"].T
        return x

    def _turned(self, x, position):
        import torch

        left, right = x.chunk(2, dim=-1)
        swapped = torch.cat([-right, left], dim=-1)
        return x * self._cos[position][:, None] + swapped * self._sin[position][:, None]

    def _drawn(self, hidden):
        import torch
        from torch.nn.functional import rms_norm

        weight = self._weights["model.norm.weight"]
        h = rms_norm(hidden, (self._shape.width,), weight, self._shape.norm_eps)
        odds = torch.softmax(h @ self._words.T / SAMPLING.temperature, dim=-1)
        return torch.multinomial(odds, 1)


NAMES = (
    "input_layernorm",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "post_attention_layernorm",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


def compare(size: str, *, rounds: int, torch_threads: tuple[int, ...]) -> dict[str, Any]:
    """All figures of one size."""
    with TemporaryDirectory() as home:
        folder = endless(size, Path(home))
        return _compare(folder, rounds=rounds, torch_threads=torch_threads)


def _compare(folder: Path, *, rounds: int, torch_threads: tuple[int, ...]) -> dict[str, Any]:
    model, many, few = Checkpoint.load(folder), prompts(1024), prompts(256, seed=1)
    contestants = {
        "numpy_256": numpy_run(model, many, 256),
        "engine_256": engine_run(folder, many, 256, 1),
        "engine_256_2_workers": engine_run(folder, many, 256, 2),
        "numpy_64": numpy_run(model, few, 64),
    }
    rivals = []
    for threads in torch_threads if find_spec("torch") else ():
        rivals.append(f"torch_64_threads_{threads}")
        contestants[rivals[-1]] = TorchRun(model, few, 64, threads)
    found = speeds(contestants, rounds=rounds)
    ratios = {f"to_torch_{kind}": _ratio(found, rivals, kind) for kind in ("wall", "cpu")}
    return {"tokens_per_second": found, **ratios}


def _ratio(found: dict[str, dict[str, float]], rivals: list[str], kind: str) -> float | None:
    if not rivals:
        return None
    return round(found["numpy_64"][kind] / max(found[name][kind] for name in rivals), 2)


def measure() -> dict[str, Any]:
    """Figures of all sizes; beside PyTorch where this interpreter, or the one named by the
    environment variable `GRAPHSEARCH_TORCH_PYTHON`, has it.
    """
    other = os.environ.get("GRAPHSEARCH_TORCH_PYTHON")
    if other and not find_spec("torch"):
        done = subprocess.run(
            [other, "-m", "benchmarks.engine"], check=True, stdout=subprocess.PIPE, text=True
        )
        return dict(json.loads(done.stdout)["engine"])
    return figures(SIZES, rounds=3, torch_threads=(1, 2))


def figures(sizes: Sequence[str], *, rounds: int, torch_threads: tuple[int, ...]) -> dict[str, Any]:
    """Figures of some sizes, and what the engine makes of the smallest at batch 256."""
    found = {size: compare(size, rounds=rounds, torch_threads=torch_threads) for size in sizes}
    nano = found.get("nano", {}).get("tokens_per_second", {})
    engine = [speed["wall"] for name, speed in nano.items() if name.startswith("engine_256")]
    return {"nano_256": max(engine, default=None), "sizes": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--torch-threads", default="1,2", help="thread counts PyTorch may choose from"
    )
    options = parser.parse_args()
    threads = tuple(int(count) for count in options.torch_threads.split(","))
    found = figures(options.sizes.split(","), rounds=options.rounds, torch_threads=threads)
    print(json.dumps({"engine": found, "cores": os.cpu_count()}, indent=2))


if __name__ == "__main__":
    main()
