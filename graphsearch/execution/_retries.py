"""How often, when and for how long a call is tried: the one place for it."""

import random
from typing import Annotated

from pydantic import Field

from graphsearch.checked import Checked
from graphsearch.records.errors import EngineError, RateLimited, Unreachable

__all__ = ["Attempts", "RetryPolicy", "jittered"]


Attempt = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0)]


class RetryPolicy(Checked):
    """When a failed call is tried again, and when an endpoint counts as dead.

    Only errors that are retryable are tried again; which are, and when a server asks to be asked
    again, is told by the error.
    """

    attempts: Attempt = 8
    """Most attempts of a call that a server has spoilt, the first included."""
    refusals: Attempt = 100
    """Most attempts that reached nobody or were told to come back later."""
    first_wait: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second attempt; doubled each time, less a random part."""
    longest_wait: Annotated[float, Field(ge=0)] = 30.0
    """Most seconds between two attempts that nobody asked to keep apart."""
    attempt_s: Seconds | None = 600.0
    """Seconds after which an attempt is given up; no limit when null."""
    call_s: Seconds | None = 3600.0
    """Seconds after which a call is not tried again; no limit when null."""
    item_s: Seconds | None = None
    """Seconds that a graph may take for one item; no limit when null."""
    unreachable_s: Seconds = 10.0
    """Seconds without any connection after which an endpoint counts as dead."""
    trouble_s: Seconds = 300.0
    """Seconds with nothing but failures after which it does, and the longest wait it may ask."""

    def backoff(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, without the random part."""
        return min(self.first_wait * 2.0 ** min(failures - 1, 60), self.longest_wait)


def jittered(seconds: float) -> float:
    """A little less, so that those who failed together do not come back together."""
    return seconds * (0.5 + 0.5 * random.random())


class Attempts:
    """Counts the attempts of one call.

    Args:
        policy: what is allowed.
        began: time of the first attempt, in seconds of the event loop.

    Attributes:
        failed: attempts that have failed so far.
    """

    __slots__ = ("_began", "_policy", "_refused", "failed")

    def __init__(self, policy: RetryPolicy, began: float) -> None:
        self._policy = policy
        self._began = began
        self._refused = 0
        self.failed = 0

    def wait_after(self, error: EngineError, now: float) -> float | None:
        """Seconds to wait before the next attempt, None when there is to be none.

        A call that was told to come back later, or reached nobody, waits with its whole endpoint,
        so there is nothing more to wait for here.
        """
        policy = self._policy
        if not error.retryable:
            return None
        if policy.call_s is not None and now - self._began >= policy.call_s:
            return None
        self.failed += 1
        if isinstance(error, RateLimited | Unreachable):
            self._refused += 1
            return 0.0 if self._refused < policy.refusals else None
        spoilt = self.failed - self._refused
        if spoilt >= policy.attempts:
            return None
        wait = jittered(policy.backoff(spoilt))
        if error.retry_after is None:
            return wait
        return None if error.retry_after > policy.trouble_s else max(wait, error.retry_after)
