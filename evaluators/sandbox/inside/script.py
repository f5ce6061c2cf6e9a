"""Runs one program from its text, as `python FILE` would, and ends as it ends."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from typing import Any

__all__ = ["main"]


def main(arguments: dict[str, Any]) -> None:
    """Run a program.

    Args:
        arguments: `program` (text) and `writes` (a descriptor on which the start is told).
    """
    os.write(arguments["writes"], b"s")
    os.close(arguments["writes"])
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    sys.argv = ["program.py"]
    exec(compile(arguments["program"], "program.py", "exec"), names)
