"""A limit per minute, kept before a provider has to enforce it."""

import asyncio
from typing import Final

__all__ = ["PerMinute", "RateLimit"]

_BURST_S: Final = 5.0
"""Seconds' worth that may go at once; providers count in windows shorter than a minute."""


class PerMinute:
    """Lets amounts pass at a steady rate, in the order they come (a leaky bucket).

    Args:
        most: the most a minute.
    """

    __slots__ = ("_at", "_capacity", "_level", "_rate")

    def __init__(self, most: int) -> None:
        self._rate = most / 60.0
        self._capacity = max(1.0, self._rate * _BURST_S)
        self._level = self._capacity
        self._at = 0.0

    def take(self, amount: int, now: float) -> float:
        """Seconds until an amount may pass; it counts from now on."""
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._level / self._rate)

    def give_back(self, amount: int) -> None:
        """An amount that was taken and not used."""
        self._level = min(self._capacity, self._level + amount)


class RateLimit:
    """Requests and tokens a minute of one model.

    Args:
        requests: most requests a minute, None for no limit.
        tokens: most tokens a minute, prompt and reply together, None for no limit.
    """

    def __init__(self, requests: int | None, tokens: int | None) -> None:
        self._requests = None if requests is None else PerMinute(requests)
        self._tokens = None if tokens is None else PerMinute(tokens)

    async def wait(self, tokens: int) -> None:
        """Wait for the turn of a call that may use so many tokens."""
        now = asyncio.get_running_loop().time()
        wait = 0.0
        if self._requests is not None:
            wait = self._requests.take(1, now)
        if self._tokens is not None:
            wait = max(wait, self._tokens.take(tokens, now))
        if wait > 0:
            try:
                await asyncio.sleep(wait)
            except asyncio.CancelledError:
                self.take_back(tokens)
                raise

    def take_back(self, tokens: int) -> None:
        """A call that was never sent."""
        if self._requests is not None:
            self._requests.give_back(1)
        self.give_back(tokens)

    def give_back(self, tokens: int) -> None:
        """Tokens of a call that it did not use after all."""
        if self._tokens is not None:
            self._tokens.give_back(tokens)
