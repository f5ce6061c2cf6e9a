"""The job of the regex grader: does a pattern match? Runs in a worker, since it may hang."""

import re
from collections.abc import Callable
from typing import Any

__all__ = ["start"]


def start(setup: Any) -> Callable[[Any], str | None]:
    """The function that gives what the first of the patterns to match has matched, or None.

    Args:
        setup: nothing.
    """

    def match(request: Any) -> str | None:
        patterns, flags, full, text = request
        for pattern in patterns:
            compiled = re.compile(pattern, flags)
            found = compiled.fullmatch(text) if full else compiled.search(text)
            if found is not None:
                return str(found[0])[:1000]
        return None

    return match
