"""How often, when and for how long a call is tried: the one place for it."""

import random
from dataclasses import dataclass

from graphsearch.records.errors import ConfigError, EngineError, RateLimited, Unreachable

__all__ = ["Attempts", "RetryPolicy", "jittered"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed call is tried again, and when an endpoint counts as dead.

    Only errors that are retryable are tried again; which are, and when a server asks to be asked
    again, is told by the error.

    Attributes:
        attempts: most attempts of a call that a server has spoilt, the first included.
        refusals: most attempts that reached nobody or were told to come back later; they cost
            nothing but time.
        first_wait: seconds before the second attempt; doubled each time, less a random part.
        longest_wait: most seconds between two attempts that nobody asked to keep apart.
        attempt_s: seconds after which an attempt is given up, None for no limit.
        call_s: seconds after which a call is not tried again, None for no limit. Waiting for its
            turn does not count, nor for a pause that the whole endpoint takes.
        item_s: seconds that a graph may take for one item, all its calls and their waits
            together; None for no limit.
        unreachable_s: seconds without any connection after which an endpoint counts as dead.
        trouble_s: seconds with nothing but failures after which it does, and the longest wait it
            may ask for.
    """

    attempts: int = 8
    refusals: int = 100
    first_wait: float = 0.5
    longest_wait: float = 30.0
    attempt_s: float | None = 600.0
    call_s: float | None = 3600.0
    item_s: float | None = None
    unreachable_s: float = 10.0
    trouble_s: float = 300.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name in {"attempts", "refusals"}:
                if type(value) is not int or value < 1:
                    raise ConfigError(f"must be a whole number from 1, got {value!r}", where=name)
            elif value is None and name in {"attempt_s", "call_s", "item_s"}:
                continue
            elif type(value) not in (int, float) or not value >= 0:
                raise ConfigError(f"must be a number of seconds, got {value!r}", where=name)

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
