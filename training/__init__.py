"""How the embedded models were made. Not installed: run it in a clone, by `make train`.

The only part that needs PyTorch (the `train` extra).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from training.trainer import Progress

__all__ = ["DEFAULT_TOKENS", "FLEET_SIZES", "train_fleet"]

FLEET_SIZES: Final = ("nano", "xs", "s", "m")
DEFAULT_TOKENS: Final = 16_000_000


def train_fleet(
    sizes: Sequence[str] = FLEET_SIZES,
    out: Path | str = "weights",
    *,
    tokens: int = DEFAULT_TOKENS,
    seed: int = 0,
    threads: int = 1,
    resume: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train sizes one after the other, each into a folder of its own below `out`.

    Weights are exported about once a minute, with a checkpoint beside them; a training that was
    killed goes on with the same stream of rows. One thread is the quickest for models this small:
    to use more cores, train sizes in processes side by side.

    Args:
        sizes: of `FLEET_SIZES`.
        out: folder for the weights.
        tokens: trained tokens of each size, prompts included.
        seed: of initial weights and rows; equal for all sizes.
        threads: PyTorch threads.
        resume: take up checkpoints, and leave finished sizes alone.
        progress: called after each optimiser step.

    Raises:
        FleetError: a size is unknown.
        ModuleNotFoundError: PyTorch is not installed.
    """
    from graphsearch.records.errors import FleetError

    for size in sizes:
        if size not in FLEET_SIZES:
            raise FleetError(f"size {size!r} is not one of {', '.join(FLEET_SIZES)}", where="sizes")
    import torch

    from training.mixture import Mixture
    from training.trainer import Trainer, is_finished

    torch.set_num_threads(threads)
    mixture: Mixture | None = None
    for size in sizes:
        folder = Path(out) / size
        if resume and is_finished(folder, size=size, tokens=tokens, seed=seed):
            continue
        mixture = mixture or Mixture(seed)
        trainer = Trainer(size, folder, tokens=tokens, seed=seed)
        if resume:
            trainer.resume()
        trainer.run(mixture, progress)
