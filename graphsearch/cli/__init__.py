"""The command line: `graphsearch run`, `quote`, `report` and the rest.

Commands import what they use when they run, so that help comes at once.
"""

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    import typer

    app: typer.Typer

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    """`app`, the application that `main` runs; loaded when asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from graphsearch.cli._app import app

    return app


def main() -> None:
    """Entry point of the `graphsearch` command; Ctrl-C ends it plainly while it still loads."""

    def interrupt(number: int, frame: "FrameType | None") -> None:
        # What Ctrl-C does, also in a background job, whose shell had it ignored.
        del number, frame
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    # A service manager or a closed terminal stops a search as Ctrl-C does, with all kept.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
    try:
        from graphsearch.cli._app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
