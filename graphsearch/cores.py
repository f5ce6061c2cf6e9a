"""How many cores this process may use."""

import os

__all__ = ["usable_cores"]


def usable_cores() -> int | None:
    """Cores that this process may run on; all of the machine's where the system does not tell.

    Returns:
        At least 1; None where even the machine's are unknown.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
