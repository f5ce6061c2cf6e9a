"""How many calls go out: a limit that adapts to an endpoint, and a model's limits per minute.

The rule for an endpoint is that of TCP (slow start, then additive increase and multiplicative
decrease), with the server's 429 in the place of a lost packet:

    a reply                      one more call at a time, until the limit of the last cut; from
                                 there on one more for each full round
    429                          half as many, and a pause: as long as it asks for, or growing
    single failures              nothing: one broken reply says little about an endpoint
    mostly failures              one call at a time after growing pauses, until one succeeds
    no connection                the same at once
    nothing else for too long    it is dead: all waiting calls fail at once; one call is let
                                 through now and then, and one that succeeds opens it again

A cut counts once for all calls that were under way when it was made.

A reply that has come makes room for the next call while it is being written. A slow disk must not
let replies pile up that a kill would lose, so beyond as many as there may be calls each takes a
call's place.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from graphsearch.execution._retries import RetryPolicy, jittered
from graphsearch.records.errors import (
    CallTimeout,
    EndpointDown,
    EngineError,
    RateLimited,
    Unavailable,
    Unreachable,
)

__all__ = ["AdaptiveLimiter", "LimiterState", "ModelHealth", "RateLimiter"]

_FIRST_LIMIT: Final = 8
_MEMORY: Final = 0.9
_UNWELL: Final = 0.35
"""Share of replies, weighted towards the last ten or so, below which an endpoint is in trouble."""
_BURST_S: Final = 5.0
"""Seconds' worth that may go at once; providers count in windows shorter than a minute."""


@dataclass(frozen=True, slots=True)
class LimiterState:
    """How an endpoint stands.

    Attributes:
        name: of the endpoint.
        limit: calls it gets at a time.
        most: the highest that limit may become.
        in_flight: calls under way.
        waiting: calls that wait for their turn.
        paused_s: seconds for which it gets none, 0 when it does.
        why: the failure that limits it, "" when nothing does.
        is_down: whether it counts as dead.
    """

    name: str
    limit: int
    most: int
    in_flight: int
    waiting: int
    paused_s: float
    why: str
    is_down: bool


class AdaptiveLimiter:
    """Limits the calls in flight to one endpoint, by what became of earlier ones.

    Every `enter` needs one `leave`, and a `leave` whose reply is still to be written one `written`
    after it.

    Args:
        name: of the endpoint, for messages.
        most: most calls in flight.
        is_remote: False for engines of this process, whose limit is known from the start.
        policy: how long to wait for an endpoint that fails.
        changed: called with the state when the endpoint was cut, paused, dead or well again.
    """

    def __init__(
        self,
        name: str,
        most: int,
        *,
        is_remote: bool,
        policy: RetryPolicy,
        changed: Callable[[LimiterState], None],
    ) -> None:
        self._name = name
        self._most = most
        self._policy = policy
        self._changed = changed
        self._limit = float(min(most, _FIRST_LIMIT) if is_remote else most)
        self._steep_until = float(most)
        self._in_flight = 0
        self._writing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._health = 1.0
        self._pauses = 0
        self._paused_until = 0.0
        self._cuts = 0
        self._bad_since: float | None = None
        self._why = ""
        self._probing = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.down: EndpointDown | None = None

    @property
    def state(self) -> LimiterState:
        """How the endpoint stands."""
        return LimiterState(
            self._name,
            1 if self._probing else int(self._limit),
            self._most,
            self._in_flight,
            sum(not place.done() for place in self._waiting),
            max(0.0, self._paused_until - self._loop.time()),
            self._why,
            self.down is not None,
        )

    async def enter(self) -> int:
        """Wait for a turn; returns the number of cuts so far, which `leave` wants back.

        Raises:
            EndpointDown: it is dead, and not due for another try.
        """
        if not self._waiting and self._has_room(self._loop.time()):
            self._in_flight += 1
            return self._cuts
        if self.down is not None:
            raise EndpointDown(str(self.down))
        place: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(place)
        self._let_in()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._in_flight -= 1
                self._let_in()
            raise
        return self._cuts

    def leave(
        self,
        entered: int,
        error: EngineError | None,
        *,
        is_known: bool = True,
        is_written: bool = True,
    ) -> None:
        """End a turn.

        Args:
            entered: what `enter` returned.
            error: how the call failed, None when it did not.
            is_known: False when it was given up, which says nothing about the endpoint.
            is_written: False when its reply still has to be; `written` is called after that.
        """
        self._in_flight -= 1
        if not is_written:
            self._writing += 1
        if is_known:
            now = self._loop.time()
            if isinstance(error, RateLimited):
                self._after_refusal(entered, now, error)
            elif isinstance(error, Unavailable | CallTimeout):
                self._after_failure(entered, now, error)
            else:
                self._after_reply(entered, now)
        if self._waiting:
            self._let_in()

    def written(self) -> None:
        """A reply is on disk, or cannot be."""
        self._writing -= 1
        if self._waiting and self._writing >= self._most:  # it had taken a place
            self._let_in()

    # -- what it learns ------------------------------------------------------------------------

    def _after_reply(self, entered: int, now: float) -> None:
        self._health = _MEMORY * self._health + 1 - _MEMORY
        if entered < self._cuts:
            if self._bad_since is not None:
                self._bad_since = now  # it was alive until just now
            return
        if self._in_flight + 1 >= int(self._limit) < self._most:
            step = 1.0 if self._limit < self._steep_until else 1.0 / self._limit
            self._limit = min(self._limit + step, float(self._most))
        if self._bad_since is not None:
            self._health = max(self._health, 0.5)
            self._pauses, self._bad_since, self._why = 0, None, ""
            self._probing, self.down = False, None
            self._paused_until = min(self._paused_until, now)
            self._changed(self.state)

    def _after_refusal(self, entered: int, now: float, error: RateLimited) -> None:
        asked = error.retry_after
        if entered < self._cuts and (asked or 0.0) <= self._policy.trouble_s:
            self._paused_until = max(self._paused_until, now + (asked or 0.0))
            return
        bad_since = self._begin_trouble(now, error)
        self._cut(max(1.0, self._limit / 2))
        if asked is not None and asked > self._policy.trouble_s:
            self._die(f"asks to come back in {asked:g} s", error)
        elif now - bad_since >= self._policy.trouble_s:
            self._die(f"has refused every call for {self._policy.trouble_s:g} s", error)
        backoff = jittered(self._policy.backoff(self._pauses))
        pause = backoff if asked is None else max(asked, backoff * 0.1)
        self._paused_until = max(self._paused_until, now + pause)
        self._changed(self.state)

    def _after_failure(self, entered: int, now: float, error: EngineError) -> None:
        self._health *= _MEMORY
        is_gone = isinstance(error, Unreachable)
        if not is_gone and self._health >= _UNWELL:
            return
        bad_for = now - self._begin_trouble(now, error)
        self._probing = True
        patience = self._policy.unreachable_s if is_gone else self._policy.trouble_s
        if bad_for >= patience:
            what = "cannot be reached" if is_gone else "has only failed"
            self._die(f"{what} for {bad_for:.0f} s", error)
        if entered >= self._cuts:
            self._cut(1.0)
            backoff = jittered(self._policy.backoff(self._pauses))
            # As good as dead soon enough: the last try comes when patience ends.
            left = patience - bad_for
            pause = min(backoff, left) if left > 0 else backoff
            self._paused_until = max(self._paused_until, now + pause)
            self._changed(self.state)

    def _begin_trouble(self, now: float, error: EngineError) -> float:
        """Note a failure; returns since when there is trouble."""
        if self._bad_since is None:
            self._bad_since = now
        self._why = str(error)
        return self._bad_since

    def _cut(self, limit: float) -> None:
        if self._pauses == 0:
            self._steep_until = max(1.0, self._limit / 2)
        self._cuts += 1
        self._limit = limit
        self._pauses += 1

    def _die(self, how: str, error: EngineError) -> None:
        self.down = EndpointDown(f"{self._name} {how} (the last time: {error})")
        waiting, self._waiting = self._waiting, deque()
        for place in waiting:
            if not place.done():
                place.set_exception(EndpointDown(str(self.down)))

    # -- who goes ------------------------------------------------------------------------------

    def _has_room(self, now: float) -> bool:
        if now < self._paused_until:
            return False
        taken = self._in_flight + max(0, self._writing - self._most)
        return taken < (1 if self._probing else int(self._limit))

    def _let_in(self) -> None:
        now = self._loop.time()
        while self._waiting and self._has_room(now):
            place = self._waiting.popleft()
            if not place.done():
                self._in_flight += 1
                place.set_result(None)
        if self._waiting and now < self._paused_until:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._paused_until, self._let_in)


class ModelHealth:
    """Whether a model only fails, at an endpoint that answers others well.

    The adaptive limiter belongs to the endpoint and recovers with each reply to another model.

    Args:
        who: model and endpoint, for messages.
        patience: seconds with nothing but failures after which the model counts as dead.
    """

    __slots__ = ("_patience", "_since", "_who", "down")

    def __init__(self, who: str, patience: float) -> None:
        self._who = who
        self._patience = patience
        self._since: float | None = None
        self.down: EndpointDown | None = None

    def succeeded(self) -> None:
        """The model has answered."""
        self._since = self.down = None

    def failed(self, error: EngineError, now: float) -> None:
        """A call failed; refusals and mistakes of the caller say nothing of the model's health."""
        if not isinstance(error, Unavailable | CallTimeout):
            return
        if self._since is None:
            self._since = now
        if now - self._since >= self._patience:
            failed_for = f"{now - self._since:.0f} s"
            self.down = EndpointDown(
                f"{self._who} has only failed for {failed_for} (the last time: {error})"
            )


class RateLimiter:
    """Limits requests and tokens per minute of one model, before a provider has to.

    Amounts pass at a steady rate, in the order they come (a leaky bucket each).

    Args:
        requests: most requests a minute, None for no limit.
        tokens: most tokens a minute, prompt and reply together, None for no limit.
    """

    def __init__(self, requests: int | None, tokens: int | None) -> None:
        self._requests = None if requests is None else _Bucket(requests)
        self._tokens = None if tokens is None else _Bucket(tokens)

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
        """A call was never sent."""
        if self._requests is not None:
            self._requests.give_back(1)
        self.give_back(tokens)

    def give_back(self, tokens: int) -> None:
        """A call did not use so many of its tokens after all."""
        if self._tokens is not None:
            self._tokens.give_back(tokens)


class _Bucket:
    """What may pass of one thing per minute."""

    __slots__ = ("_at", "_capacity", "_level", "_rate")

    def __init__(self, most: int) -> None:
        self._rate = most / 60.0
        self._capacity = max(1.0, self._rate * _BURST_S)
        self._level = self._capacity
        self._at = 0.0

    def take(self, amount: int, now: float) -> float:
        """Take an amount; returns the seconds until it may pass."""
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._level / self._rate)

    def give_back(self, amount: int) -> None:
        self._level = min(self._capacity, self._level + amount)
