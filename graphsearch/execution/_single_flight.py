"""Each call made once: found in the journal, shared while it is under way, or sent."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from graphsearch.execution._dispatcher import Dispatcher, Order
from graphsearch.execution._limiters import LimiterState
from graphsearch.records.calls import Reply
from graphsearch.store import Journal

__all__ = ["Fetched", "SingleFlight", "Traffic"]


class Fetched(NamedTuple):
    """A reply, and whether this order made the call."""

    reply: Reply
    made: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """What became of all calls asked for so far.

    Attributes:
        asked: calls asked for.
        made: calls sent for them, retries not counted.
        cache_hits: replies found in the journal.
        shared: asked for while the same call was in flight already.
        endpoints: how the endpoints stand.
    """

    asked: int
    made: int
    cache_hits: int
    shared: int
    endpoints: tuple[LimiterState, ...] = ()


class _Flight:
    """A call under way and who waits for it."""

    __slots__ = ("is_paid", "task", "waiters")

    def __init__(self) -> None:
        self.task: asyncio.Task[None]
        self.waiters: list[asyncio.Future[Reply]] = []
        self.is_paid = False


class SingleFlight:
    """Answers orders: from the journal, from the same call in flight, or by having it sent.

    A call in flight belongs to none of those who wait for it. It goes on while one of them waits,
    and is given up when the last one leaves, unless its reply has come and is being written: then
    it is paid for. Everything happens on one event loop; `enter_loop` lets a later loop take over.
    """

    def __init__(self, dispatcher: Dispatcher, journal: Journal) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._flights: dict[str, _Flight] = {}
        self._asked = self._made = self._cache_hits = self._shared = 0

    @property
    def traffic(self) -> Traffic:
        """What became of all orders so far."""
        states = self._dispatcher.states
        return Traffic(self._asked, self._made, self._cache_hits, self._shared, states)

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._flights.clear()
        self._journal.catch_up()
        self._dispatcher.enter_loop()

    async def fetch(self, order: Order) -> Fetched:
        """The reply to an order.

        Raises:
            EngineError: the infrastructure failed, also after retries.
            BudgetReached: the ledger does not cover the call.
            BudgetRefused: its cost is unknown in a currency that is limited.
            StoreError: the reply could not be written.
        """
        self._asked += 1
        reply = self._journal.get(order.key)
        if reply is not None:
            self._cache_hits += 1
            return Fetched(reply, made=False)
        loop = asyncio.get_running_loop()
        flight = self._flights.get(order.key)
        made = flight is None
        if flight is None:
            self._made += 1
            flight = self._flights[order.key] = _Flight()
            flight.task = loop.create_task(self._fly(order, flight))
        else:
            self._shared += 1
        waiter: asyncio.Future[Reply] = loop.create_future()
        flight.waiters.append(waiter)
        try:
            return Fetched(await waiter, made)
        except asyncio.CancelledError:
            if not flight.is_paid and all(other.cancelled() for other in flight.waiters):
                self._forget(flight, order.key)
                flight.task.cancel()
            raise

    async def _fly(self, order: Order, flight: _Flight) -> None:
        """Have a call sent. How it ends, well or not, is for those who wait for it."""
        try:
            await self._dispatcher.send(order, partial(self._land, order.key, flight))
            flight.is_paid = True
        except asyncio.CancelledError:
            self._forget(flight, order.key)
            for waiter in flight.waiters:
                waiter.cancel()
            raise
        except Exception as error:  # whatever it is, it belongs to those who wait
            self._land(order.key, flight, error)

    def _land(self, key: str, flight: _Flight, end: Reply | Exception) -> None:
        """The reply is on disk, or there is none, and why."""
        self._forget(flight, key)
        for waiter in flight.waiters:
            if waiter.done():
                continue
            if isinstance(end, Reply):
                waiter.set_result(end)
            else:
                waiter.set_exception(end)

    def _forget(self, flight: _Flight, key: str) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
