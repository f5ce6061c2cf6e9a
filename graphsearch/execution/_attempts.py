"""The one place where a call is tried again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from graphsearch.errors import EngineError

__all__ = ["RetryPolicy", "with_retries"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed call is tried again; only errors that are retryable are.

    Attributes:
        attempts: most attempts, the first included.
        first_wait: seconds before the second attempt; doubled each time.
        longest_wait: most seconds between two attempts.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, attempt: int, error: EngineError) -> float:
        """Seconds to wait after attempt number `attempt` (0, 1, ...) failed."""
        backoff = min(self.first_wait * 2.0**attempt, self.longest_wait)
        return backoff if error.retry_after is None else max(backoff, error.retry_after)


async def with_retries(send: Callable[[int], Awaitable[T]], policy: RetryPolicy) -> T:
    """The result of the first attempt that brings one.

    Args:
        send: makes attempt number 0, 1, ...
        policy: when to try again.

    Raises:
        EngineError: that of the last attempt.
    """
    attempt = 0
    while True:
        try:
            return await send(attempt)
        except EngineError as error:
            if not error.retryable or attempt + 1 >= policy.attempts:
                raise
            wait = policy.wait(attempt, error)
        await asyncio.sleep(wait)
        attempt += 1
