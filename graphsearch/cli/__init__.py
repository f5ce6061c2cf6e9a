"""The command line: `graphsearch run`, `quote`, `report` and the rest.

Commands import what they use when they run, so that help comes at once.
"""

from graphsearch.cli._app import main

__all__ = ["main"]
