"""The command line: `graphsearch run`, `quote`, `report` and the rest.

Commands import what they use when they run, so that help comes at once.
"""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `graphsearch` command; Ctrl-C ends it plainly while it still loads."""
    try:
        from graphsearch.cli._app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
