"""Training of one size: same tokens, schedule and rows for all sizes, resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.files import (
    Card,
    load_checkpoint,
    read_card,
    save_checkpoint,
    save_weights,
)
from training.mixture import Mixture
from training.model import SIZES, Llama
from training.optimiser import Optimiser
from training.rows import Batch

MATRIX_RATE: Final = 0.02
OTHER_RATE: Final = 0.005
WARM_UP_STEPS: Final = 30
LAST_RATE: Final = 0.02
CHECKPOINT_SECONDS: Final = 60.0
CHECKPOINT: Final = "training.checkpoint"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is; `losses` are the last mean losses by kind of row."""

    size: str
    steps: int
    tokens: int
    planned_tokens: int
    losses: dict[str, float]


Callback = Callable[[Progress], None]


def rate_scale(steps: int, progress: float) -> float:
    """Share of the peak rate: linear warm-up by steps, then a cosine over tokens down to 2 %."""
    warm = min(1.0, (steps + 1) / WARM_UP_STEPS)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    return warm * (LAST_RATE + (1.0 - LAST_RATE) * cosine)


def batch_loss(model: Llama, batch: Batch) -> Tensor:
    """Weighted mean cross-entropy over the tokens of a batch that carry weight."""
    ids = torch.from_numpy(batch.ids)
    weights = torch.from_numpy(batch.weights)[:, 1:]
    trained = weights > 0
    hidden = model(ids)[:, :-1][trained]  # logits only where they are needed: prompts are long
    losses = F.cross_entropy(model.logits(hidden), ids[:, 1:][trained], reduction="none")
    chosen = weights[trained]
    return (losses * chosen).sum() / chosen.sum()


class Trainer:
    """One size in training.

    Args:
        size: key of `SIZES`.
        folder: where weights, card and checkpoint go.
        tokens: planned tokens, prompts included.
        seed: of the initial weights and of the stream of rows.
    """

    def __init__(self, size: str, folder: Path, *, tokens: int, seed: int) -> None:
        self.size, self.folder, self.planned, self.seed = size, folder, tokens, seed
        self.steps = self.tokens = 0
        torch.manual_seed(seed)
        self.model = Llama(SIZES[size])
        self.optimiser = Optimiser(
            self.model.named_parameters(), matrix_rate=MATRIX_RATE, other_rate=OTHER_RATE
        )
        self.losses: dict[str, float] = {}

    @property
    def card(self) -> Card:
        """What the weights are at this moment."""
        parameters = sum(p.numel() for p in self.model.parameters())
        return Card(self.size, parameters, self.seed, self.steps, self.tokens, self.planned)

    def resume(self) -> bool:
        """Take up the checkpoint of the same training, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        tensors, card = load_checkpoint(path)
        if (card.size, card.seed, card.planned_tokens) != (self.size, self.seed, self.planned):
            return False
        self.model.load_state_dict(_group(tensors, "model"))
        self.optimiser.load(_group(tensors, "optimiser"), steps=card.steps)
        self.steps, self.tokens = card.steps, card.tokens
        return True

    def save(self) -> None:
        """Export the weights and write the checkpoint (none once finished)."""
        path = self.folder / CHECKPOINT
        if not self.card.finished:
            model = {f"model.{n}": t for n, t in self.model.state_dict().items()}
            state = {f"optimiser.{n}": t for n, t in self.optimiser.state().items()}
            save_checkpoint(path, {**model, **state}, self.card)
        save_weights(self.model, self.folder, self.card)
        if self.card.finished:
            path.unlink(missing_ok=True)

    def step(self, mixture: Mixture) -> None:
        """One optimiser step over all parts of the mixture."""
        progress = self.tokens / self.planned
        for part in mixture.parts(self.steps, progress):
            loss = batch_loss(self.model, part.batch)
            (part.weight * loss).backward()
            self.losses[part.batch.kind] = loss.item()
            self.tokens += part.batch.ids.size
        self.optimiser.step(rate_scale(self.steps, progress))
        self.steps += 1

    def run(self, mixture: Mixture, progress: Callback | None = None) -> None:
        """Train to the end, saving about once a minute."""
        saved = time.monotonic()
        while self.tokens < self.planned:
            self.step(mixture)
            if progress is not None:
                state = Progress(
                    self.size, self.steps, self.tokens, self.planned, dict(self.losses)
                )
                progress(state)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()


def _group(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def is_finished(folder: Path, *, size: str, tokens: int, seed: int) -> bool:
    """Whether a folder holds the end of this very training."""
    card = read_card(folder)
    return (
        card is not None
        and card.finished
        and (card.size, card.seed, card.planned_tokens) == (size, seed, tokens)
    )
