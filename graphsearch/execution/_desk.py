"""The desk where calls are asked for: each one made once, on disk before anyone reads it."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from graphsearch.execution._lane import LimiterState
from graphsearch.execution._sender import Order, Sender
from graphsearch.records.calls import Reply
from graphsearch.records.errors import StoreError
from graphsearch.store import Journal

__all__ = ["Desk", "Fetched", "Traffic"]


class Fetched(NamedTuple):
    """A reply, and whether this order made the call."""

    reply: Reply
    made: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """What became of all orders so far.

    Attributes:
        asked: orders.
        made: calls made for them, retries not counted.
        recalled: found in the journal.
        shared: joined a call that was under way.
        endpoints: how the endpoints stand.
    """

    asked: int
    made: int
    recalled: int
    shared: int
    endpoints: tuple[LimiterState, ...] = field(default=())


class _Flight:
    """A call under way and who waits for it."""

    __slots__ = ("arrived", "task", "waiters")

    def __init__(self) -> None:
        self.task: asyncio.Task[None]
        self.waiters: list[asyncio.Future[Reply]] = []
        self.arrived = False


class Desk:
    """Answers orders from the journal, from calls under way, or by having the call made.

    All of it happens on one event loop; `enter_loop` lets a later loop take over.
    """

    def __init__(self, sender: Sender, journal: Journal) -> None:
        self._sender = sender
        self._journal = journal
        self._flights: dict[str, _Flight] = {}
        self._asked = self._made = self._recalled = self._shared = 0

    @property
    def traffic(self) -> Traffic:
        """What became of all orders so far."""
        lanes = self._sender.lanes
        return Traffic(self._asked, self._made, self._recalled, self._shared, lanes)

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._flights.clear()
        self._journal.catch_up()
        self._sender.enter_loop()

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
            self._recalled += 1
            return Fetched(reply, made=False)
        flight = self._flights.get(order.key)
        made = flight is None
        if flight is None:
            self._made += 1
            flight = self._flights[order.key] = _Flight()
            flight.task = asyncio.get_running_loop().create_task(self._fly(order, flight))
        else:
            self._shared += 1
        return Fetched(await self._wait(flight, order.key), made)

    async def _wait(self, flight: _Flight, key: str) -> Reply:
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        flight.waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The last one to leave gives the call up, unless it is paid for and being written.
            if not flight.arrived and all(other.cancelled() for other in flight.waiters):
                self._forget(flight, key)
                flight.task.cancel()
            raise

    async def _fly(self, order: Order, flight: _Flight) -> None:
        """Make a call. Its end, good or bad, is for those who wait; nobody awaits this task."""
        try:
            await self._sender.send(order, partial(self._land, order.key, flight))
            flight.arrived = True
        except asyncio.CancelledError:
            self._forget(flight, order.key)
            for waiter in flight.waiters:
                waiter.cancel()
            raise
        except Exception as error:  # whatever it is, it belongs to those who wait
            self._fail(flight, order.key, error)

    def _land(self, key: str, flight: _Flight, reply: Reply, problem: StoreError | None) -> None:
        """The reply is on disk, or could not be written."""
        if problem is not None:
            self._fail(flight, key, problem)
            return
        self._forget(flight, key)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(reply)

    def _fail(self, flight: _Flight, key: str, error: Exception) -> None:
        self._forget(flight, key)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _forget(self, flight: _Flight, key: str) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
