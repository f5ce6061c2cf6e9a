"""Sampling from the PyTorch models, for evaluation beside the training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from graphsearch.engines.embedded.vocabulary import EOS, IDS, decode, encode
from training.model import Cache, Llama

MAX_NEW_TOKENS: Final = 24
_ROWS: Final = 512


@torch.inference_mode()  # type: ignore[untyped-decorator]
def generate(
    model: Llama, prompts: Sequence[str], *, temperature: float, seed: int
) -> list[tuple[str, int]]:
    """Answer prompts.

    Args:
        model: the model.
        prompts: texts in the fleet's words.
        temperature: 0 is greedy.
        seed: of the draws.

    Returns:
        For each prompt the reply without its end mark, and the tokens it took, end mark included.
    """
    random = torch.Generator().manual_seed(seed)
    by_length: dict[int, list[int]] = defaultdict(list)
    encoded = [encode(prompt) for prompt in prompts]
    for place, ids in enumerate(encoded):
        by_length[len(ids)].append(place)
    replies: list[tuple[str, int]] = [("", 0)] * len(prompts)
    for places in by_length.values():
        for begin in range(0, len(places), _ROWS):
            chosen = places[begin : begin + _ROWS]
            rows = torch.tensor([encoded[place] for place in chosen])
            for place, ids in zip(chosen, _answers(model, rows, temperature, random), strict=True):
                used = ids.index(IDS[EOS]) + 1 if IDS[EOS] in ids else len(ids)
                replies[place] = decode(ids), used
    return replies


def _answers(
    model: Llama, ids: Tensor, temperature: float, random: torch.Generator
) -> list[list[int]]:
    cache, written = Cache(), []
    open_rows = torch.ones(len(ids), dtype=torch.bool)
    for _ in range(MAX_NEW_TOKENS):
        logits = model.logits(model(ids, cache)[:, -1])
        ids = _draw(logits, temperature, random)
        written.append(ids)
        open_rows &= ids[:, 0] != IDS[EOS]
        if not open_rows.any():
            break
    rows: list[list[int]] = torch.cat(written, dim=1).tolist()
    return rows


def _draw(logits: Tensor, temperature: float, random: torch.Generator) -> Tensor:
    """Next tokens [rows, 1]."""
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    return torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=random)
