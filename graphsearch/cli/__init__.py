"""The command line: `graphsearch run`, `quote`, `report` and the rest.

Commands import what they use when they run, so that help comes at once.
"""

import signal

__all__ = ["main"]


def main() -> None:
    """Entry point of the `graphsearch` command; Ctrl-C ends it plainly while it still loads."""
    # A service manager or a closed terminal stops a search as Ctrl-C does, with all kept.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        from graphsearch.cli._app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
