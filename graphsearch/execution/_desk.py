"""The desk where calls are made: each one once, paid for, on disk before anyone reads it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphsearch.calls import Call, Message, Reply
from graphsearch.engines.base import Engine
from graphsearch.errors import (
    BudgetReached,
    BudgetRefused,
    Cancelled,
    EngineError,
    FleetError,
)
from graphsearch.execution._attempts import RetryPolicy, with_retries
from graphsearch.execution._replies import usable
from graphsearch.execution.pricing import Pricer, prompt_bound
from graphsearch.ledger import Ledger, Reservation, Spend
from graphsearch.store import Journal

__all__ = ["Desk", "Fetched", "Order", "Traffic"]

_ONE_CALL = Spend((0, 0, 0, 0, 0, 0, 1))


class Order(NamedTuple):
    """A call to be answered, and who pays if it must be made."""

    key: str
    call: Call
    account: str


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
    """

    asked: int
    made: int
    recalled: int
    shared: int


class _Flight:
    """A call under way and who waits for it."""

    __slots__ = ("arrived", "task", "waiters")

    def __init__(self) -> None:
        self.task: asyncio.Task[Reply]
        self.waiters: list[asyncio.Future[Reply]] = []
        self.arrived = False


class Desk:
    """Answers orders from the journal, from calls under way, or by making the call.

    All of it happens on one event loop; `enter_loop` lets a later loop take over.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        *,
        pricer: Pricer,
        journal: Journal,
        ledger: Ledger,
        policy: RetryPolicy,
        concurrency: int,
    ) -> None:
        self._engines = engines
        self._pricer = pricer
        self._journal = journal
        self._ledger = ledger
        self._policy = policy
        self._concurrency = concurrency
        self._flights: dict[str, _Flight] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._overheads: dict[str, int] = {}
        self._freed: list[asyncio.Future[None]] = []
        self._held = 0
        self._asked = self._made = self._recalled = self._shared = 0

    @property
    def traffic(self) -> Traffic:
        """What became of all orders so far."""
        return Traffic(self._asked, self._made, self._recalled, self._shared)

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._flights.clear()
        self._slots.clear()
        self._freed.clear()

    def engine(self, model: str) -> Engine:
        """The engine of a model.

        Raises:
            FleetError: no engine serves it.
        """
        engine = self._engines.get(model)
        if engine is None:
            known = ", ".join(sorted(self._engines))
            raise FleetError(f"no engine for model {model!r}; models with one: {known}")
        return engine

    def worst(self, call: Call) -> Spend:
        """Most that one attempt of a call can cost."""
        return self.worst_of(call.model, call.messages, call.sampling.max_tokens)

    def worst_of(
        self,
        model: str,
        messages: tuple[Message, ...],
        max_tokens: int | None,
        *,
        more_prompt: int = 0,
    ) -> Spend:
        """Most that a call can cost whose prompt may have `more_prompt` tokens beside these.

        Raises:
            BudgetRefused: the reply has no bound, so its cost has none.
        """
        if max_tokens is None:
            raise BudgetRefused(f"a call of {model!r} sets no max_tokens, so its cost has no bound")
        overhead = self._overheads.get(model)
        if overhead is None:
            overhead = self._overheads[model] = self.engine(model).info(model).message_overhead
        prompt = prompt_bound(self.engine(model), model, messages, overhead) + more_prompt
        return self._pricer.worst(model, prompt, max_tokens)

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
            flight = self._take_off(order)
        else:
            self._shared += 1
        return Fetched(await self._wait(flight, order.key), made)

    def _take_off(self, order: Order) -> _Flight:
        flight = self._flights[order.key] = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._make(order, flight))

        flight.task.add_done_callback(lambda task: self._land(order.key, flight, task))
        return flight

    def _land(self, key: str, flight: _Flight, task: asyncio.Task[Reply]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        error = None if task.cancelled() else task.exception()
        for waiter in flight.waiters:
            if waiter.done():
                continue
            if error is not None:
                waiter.set_exception(error)
            elif task.cancelled():
                waiter.cancel()
            else:
                waiter.set_result(task.result())

    async def _wait(self, flight: _Flight, key: str) -> Reply:
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        flight.waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The last one to leave gives the call up, unless it is paid for and being written.
            if not flight.arrived and all(other.cancelled() for other in flight.waiters):
                self._flights.pop(key, None)
                flight.task.cancel()
            raise

    async def _make(self, order: Order, flight: _Flight) -> Reply:
        worst = self.worst(order.call)
        async with self._slot(order.call.model):
            reply, spend = await with_retries(
                lambda attempt: self._attempt(order, worst, attempt), self._policy
            )
            flight.arrived = True
        await self._journal.put(order.key, order.call, reply, account=order.account, spend=spend)
        return reply

    async def _attempt(self, order: Order, worst: Spend, attempt: int) -> tuple[Reply, Spend]:
        reservation = await self._reserve(order.account, worst)
        try:
            reply = await self.engine(order.call.model).generate(order.call)
            reply = usable(reply, order.call)
            # What the server did not tell may be all that was held back for it.
            spend = self._pricer.spend(order.call.model, reply.usage).or_else(worst)
            self._ledger.settle(reservation, spend)
        except EngineError as error:
            await self._book_failure(order, reservation, error, attempt)
            raise
        finally:
            self._free(reservation)
        return reply, spend

    async def _book_failure(
        self, order: Order, reservation: Reservation, error: EngineError, attempt: int
    ) -> None:
        if isinstance(error, Cancelled):
            return
        # Nobody knows what a call that was lost on its way has used: it may be all of it.
        spend = reservation.spend if error.may_have_cost else _ONE_CALL
        self._ledger.settle(reservation, spend, account="waste")
        await self._journal.put_failure(
            order.key, order.call, error, account="waste", spend=spend, attempt=attempt
        )

    async def _reserve(self, account: str, worst: Spend) -> Reservation:
        while True:
            try:
                reservation = self._ledger.reserve(account, worst)
            except BudgetReached:
                # What calls in flight hold back beyond their use will come free.
                if self._held == 0:
                    raise
                freed = asyncio.get_running_loop().create_future()
                self._freed.append(freed)
                await freed
            else:
                self._held += 1
                return reservation

    def _free(self, reservation: Reservation) -> None:
        self._ledger.release(reservation)
        self._held -= 1
        freed, self._freed = self._freed, []
        for future in freed:
            if not future.done():
                future.set_result(None)

    def _slot(self, model: str) -> asyncio.Semaphore:
        slot = self._slots.get(model)
        if slot is None:
            most = self.engine(model).info(model).concurrency
            slot = self._slots[model] = asyncio.Semaphore(most or self._concurrency)
        return slot
