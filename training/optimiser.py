"""Muon for the matrices, Adam for embedding and norms; the state is plain named tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

_NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)  # coefficients of Jordan et al. 2024


def orthogonalise(matrices: Tensor, *, rounds: int = 5) -> Tensor:
    """Nearest orthogonal matrices, roughly, of a stack [count, rows, columns] (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    wide = x.shape[1] <= x.shape[2]
    if not wide:
        x = x.transpose(1, 2)
    for _ in range(rounds):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.transpose(1, 2)


class Optimiser:
    """Both rules over one model.

    Args:
        named: the model's named parameters.
        matrix_rate: peak rate of Muon (momentum 0.95, Nesterov).
        other_rate: peak rate of Adam (betas 0.9, 0.98; gradient clipped to norm 1; no decay).
    """

    def __init__(
        self,
        named: Iterable[tuple[str, torch.nn.Parameter]],
        *,
        matrix_rate: float,
        other_rate: float,
    ) -> None:
        self.matrix_rate, self.other_rate = matrix_rate, other_rate
        parameters = dict(named)
        self.matrices = {n: p for n, p in parameters.items() if p.dim() == 2 and "embed" not in n}
        self.others = {n: p for n, p in parameters.items() if n not in self.matrices}
        self.momentum = {n: torch.zeros_like(p) for n, p in self.matrices.items()}
        self.first = {n: torch.zeros_like(p) for n, p in self.others.items()}
        self.second = {n: torch.zeros_like(p) for n, p in self.others.items()}
        self.steps = 0
        shapes = sorted({tuple(p.shape) for p in self.matrices.values()})
        self._stacks = [
            [n for n, p in self.matrices.items() if tuple(p.shape) == s] for s in shapes
        ]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, scale: float) -> None:
        """Move all parameters; `scale` in [0, 1] is the schedule's place. Gradients are cleared."""
        self.steps += 1
        for names in self._stacks:
            self._muon(names, self.matrix_rate * scale)
        self._adam(self.other_rate * scale)
        for parameter in (*self.matrices.values(), *self.others.values()):
            parameter.grad = None

    def _muon(self, names: list[str], rate: float) -> None:
        directions = []
        for name in names:
            gradient = self.matrices[name].grad
            assert gradient is not None
            momentum = self.momentum[name].lerp_(gradient, 0.05)
            directions.append(gradient.lerp(momentum, 0.95))
        moves = orthogonalise(torch.stack(directions))
        rows, columns = moves.shape[1:]
        for name, move in zip(names, moves, strict=True):
            self.matrices[name].sub_(move, alpha=rate * max(1.0, rows / columns) ** 0.5)

    def _adam(self, rate: float) -> None:
        gradients = {n: p.grad for n, p in self.others.items() if p.grad is not None}
        norm = torch.stack([g.norm() for g in gradients.values()]).norm()
        clip = 1.0 / max(1.0, float(norm))
        early, late = 1 - 0.9**self.steps, 1 - 0.98**self.steps
        for name, gradient in gradients.items():
            gradient = gradient * clip
            first = self.first[name].lerp_(gradient, 0.1)
            second = self.second[name].lerp_(gradient.square(), 0.02)
            self.others[name].sub_(rate * (first / early) / ((second / late).sqrt() + 1e-10))

    def state(self) -> dict[str, Tensor]:
        """Named tensors that `load` takes back."""
        groups = {"momentum": self.momentum, "first": self.first, "second": self.second}
        return {f"{g}.{n}": t for g, tensors in groups.items() for n, t in tensors.items()}

    def load(self, state: dict[str, Tensor], *, steps: int) -> None:
        """Take back what `state` gave after `steps` steps."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.steps = steps
