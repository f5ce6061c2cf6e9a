"""Progress of a training: one bar for each size, or a plain line now and then."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from graphsearch.engines.embedded.train.trainer import Progress

__all__ = ["Bars"]

_EVERY = 0.05


class Bars:
    """Shows a training on the terminal; a context manager.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._quiet = quiet
        self._live = not quiet and Console(stderr=True).is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, float] = {}
        self._bars = Progress(
            TextColumn("{task.description:>5}"),
            BarColumn(),
            TextColumn("{task.percentage:>5.1f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._bars.stop()

    def update(self, progress: "Progress") -> None:
        """Take in where a training stands."""
        losses = "  ".join(f"{name} {loss:.3f}" for name, loss in progress.losses.items())
        if self._live:
            self._draw(progress, losses)
        elif not self._quiet:
            self._line(progress, losses)

    def _draw(self, progress: "Progress", losses: str) -> None:
        size = progress.size
        if size not in self._tasks:
            total = progress.planned_tokens
            self._tasks[size] = self._bars.add_task(size, total=total, losses="")
        self._bars.update(self._tasks[size], completed=progress.tokens, losses=losses)

    def _line(self, progress: "Progress", losses: str) -> None:
        share = progress.tokens / progress.planned_tokens
        if share - self._shown.get(progress.size, -1.0) < _EVERY and share < 1:
            return
        self._shown[progress.size] = share
        typer.echo(f"{progress.size:>5} {100 * share:5.1f} %  {losses}", err=True)
