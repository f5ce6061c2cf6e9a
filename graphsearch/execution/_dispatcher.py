"""Sends calls: in turn, within the budget, again where that can help, every attempt booked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

from graphsearch.engines.base import Engine, EngineInfo, TakesTurns
from graphsearch.execution._limiters import (
    AdaptiveLimiter,
    LimiterState,
    ModelHealth,
    RateLimiter,
)
from graphsearch.execution._replies import usable
from graphsearch.execution._retries import Attempts, RetryPolicy
from graphsearch.execution.pricing import Pricer, prompt_bound
from graphsearch.ledger import Ledger, Reservation, Spend
from graphsearch.records.calls import Call, Message, Reply
from graphsearch.records.errors import (
    BrokenReply,
    BudgetReached,
    BudgetRefused,
    CallTimeout,
    Cancelled,
    EndpointDown,
    EngineError,
    FleetError,
    StoreError,
)
from graphsearch.records.models import Fleet
from graphsearch.store import Journal

__all__ = ["Dispatcher", "Order"]

Landed = Callable[[Reply | StoreError], None]
"""Called with a reply once it is on disk, or with the reason why it cannot be."""

_ONE_CALL = Spend((0, 0, 0, 0, 0, 0, 1))


class Order(NamedTuple):
    """A call to be answered, and who pays if it must be made."""

    key: str
    call: Call
    account: str


class _Route(NamedTuple):
    """Where the calls of a model go."""

    engine: Engine
    info: EngineInfo
    limiter: AdaptiveLimiter
    health: ModelHealth
    rate: RateLimiter | None
    turns: TakesTurns | None


class Dispatcher:
    """Sends calls on one event loop; `enter_loop` lets a later loop take over.

    Args:
        engines: the engine of each model.
        fleet: the models' limits per minute.
        pricer: what calls cost.
        journal: keeps replies and failed attempts.
        ledger: pays for all attempts.
        policy: how long and how often a call is tried.
        concurrency: most calls in flight to a model whose engine has no opinion.
        halts: whether no call is sent any more, to whatever endpoint, once one is dead.
        changed: called with the state of an endpoint that is cut, paused, dead or well again.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        fleet: Fleet,
        *,
        pricer: Pricer,
        journal: Journal,
        ledger: Ledger,
        policy: RetryPolicy,
        concurrency: int,
        halts: bool,
        changed: Callable[[LimiterState], None] | None,
    ) -> None:
        self._engines = engines
        self._fleet = fleet
        self._pricer = pricer
        self._journal = journal
        self._ledger = ledger
        self._policy = policy
        self._concurrency = concurrency
        self._halts = halts
        self._changed = changed
        self._routes: dict[str, _Route] = {}
        self._limiters: dict[str, AdaptiveLimiter] = {}
        self._freed: list[asyncio.Future[None]] = []
        self._held = 0
        self._listener_error: Exception | None = None

    @property
    def states(self) -> tuple[LimiterState, ...]:
        """How the endpoints stand that were asked so far."""
        return tuple(limiter.state for limiter in self._limiters.values())

    @property
    def down(self) -> EndpointDown | None:
        """Why an endpoint, or a model at one, counts as dead; None when none does."""
        for route in self._routes.values():
            error = route.limiter.down or route.health.down
            if error is not None:
                return error
        return None

    def raise_listener_error(self) -> None:
        """Raise what `changed` raised while calls were in flight, once.

        It is kept until then, because a call in flight may be paid for.
        """
        error, self._listener_error = self._listener_error, None
        if error is not None:
            raise error

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._routes.clear()
        self._limiters.clear()
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
        route = self._route(model)
        prompt = prompt_bound(route.engine, model, messages, route.info.message_overhead)
        return self._pricer.worst(model, prompt + more_prompt, max_tokens)

    async def send(self, order: Order, landed: Landed) -> None:
        """Send a call until it is answered; `landed` is called once its reply is on disk.

        Returns when the reply has come and is being written. Where more replies wait for the disk
        than the endpoint may have calls, fewer calls are sent: what a kill can lose has a bound,
        twice what the endpoint may have under way.

        Raises:
            EngineError: the infrastructure failed, also after retries.
            BudgetReached: the ledger does not cover the call.
            BudgetRefused: its cost is unknown in a currency that is limited.
            StoreError: the store is broken or closed.
        """
        self.raise_listener_error()
        call = order.call
        worst = self.worst_of(call.model, call.messages, call.sampling.max_tokens)
        route = self._route(call.model)
        limiter, health, rate = route.limiter, route.health, route.rate
        attempts: Attempts | None = None
        loop = asyncio.get_running_loop()
        while True:
            if self._halts and (down := self.down) is not None:
                raise EndpointDown(str(down))
            # Wait for the model's limits per minute, then for a turn at its endpoint.
            if rate is not None:
                await rate.wait(_tokens(worst))
            try:
                entered = await limiter.enter()
            except BaseException:
                if rate is not None:
                    rate.take_back(_tokens(worst))
                raise
            attempts = attempts or Attempts(self._policy, loop.time())
            try:
                reply, spend = await self._attempt(route, order, worst, attempts.failed)
                written = partial(self._written, limiter, reply, landed)
                self._journal.post(
                    order.key, call, reply, account=order.account, spend=spend, landed=written
                )
            except EngineError as failure:
                error = failure
                # The limiter first: a commit gathers failures, which would seem to come in a row.
                limiter.leave(entered, error)
                health.failed(error, loop.time())
                if error.was_sent:
                    waste, number = _waste(error, worst), attempts.failed
                    await self._journal.put_failure(
                        order.key, call, error, account="waste", spend=waste, attempt=number
                    )
            except BaseException:
                limiter.leave(entered, None, is_known=False)
                raise
            else:
                limiter.leave(entered, None, is_written=False)
                health.succeeded()
                return
            # It failed: for good, or until the next attempt.
            if health.down is not None:
                raise EndpointDown(str(health.down)) from error
            wait = attempts.wait_after(error, loop.time())
            if wait is None:
                raise error
            if wait:
                await asyncio.sleep(wait)

    async def _attempt(
        self, route: _Route, order: Order, worst: Spend, number: int
    ) -> tuple[Reply, Spend]:
        """One attempt, from the reservation of its worst case to the booking of its end."""
        call = order.call
        reservation = await self._reserve(order.account, worst)
        try:
            # An attempt's time counts from when its turn in a GPU has come.
            turns = route.turns
            turn = nullcontext(route.engine.generate) if turns is None else turns.turn(call.model)
            async with turn as generate:
                reply = usable(await self._within_time(route, generate(call)), call)
            # What the server did not tell may be all that was held back for it.
            spend = self._pricer.spend(call.model, reply.usage).or_else(worst)
            self._ledger.settle(reservation, spend)
        except EngineError as error:
            if error.was_sent:
                self._ledger.settle(reservation, _waste(error, worst), account="waste")
            raise
        except asyncio.CancelledError:
            if route.info.endpoint:
                # A call given up on its way to another process may be charged for all the same.
                self._ledger.settle(reservation, worst, account="waste")
                given_up = Cancelled("given up on its way")
                self._journal.post_failure(
                    order.key, call, given_up, account="waste", spend=worst, attempt=number
                )
            raise
        finally:
            self._free(reservation)
        if route.rate is not None:
            route.rate.give_back(_tokens(worst) - _tokens(spend))
        return reply, spend

    async def _within_time(self, route: _Route, reply: Awaitable[Reply]) -> Reply:
        """What an engine replies within the time that an attempt may take."""
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(self._policy.attempt_s) as clock:
                try:
                    return await reply
                except asyncio.CancelledError:
                    if task is not None and task.cancelling():
                        raise
                    # Nobody asked for it: the engine gave its own work up.
                    why = f"{route.info.name} gave a call up by itself"
                    raise BrokenReply(why) from None
        except TimeoutError:
            if not clock.expired():  # the engine's own
                raise
        limit = self._policy.attempt_s
        raise CallTimeout(f"{route.info.endpoint or route.info.name}: no reply in {limit:g} s")

    async def _reserve(self, account: str, worst: Spend) -> Reservation:
        """Hold back the worst case, waiting while only reservations stand in the way."""
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
        if self._freed:
            freed, self._freed = self._freed, []
            for future in freed:
                if not future.done():
                    future.set_result(None)

    @staticmethod
    def _written(
        limiter: AdaptiveLimiter, reply: Reply, landed: Landed, problem: StoreError | None
    ) -> None:
        limiter.written()
        landed(reply if problem is None else problem)

    def _route(self, model: str) -> _Route:
        """Where a model's calls go; models at one endpoint share its limiter."""
        route = self._routes.get(model)
        if route is not None:
            return route
        engine = self.engine(model)
        info = engine.info(model)
        place = info.endpoint or model
        limiter = self._limiters.get(place)
        if limiter is None:
            limiter = self._limiters[place] = AdaptiveLimiter(
                place,
                info.concurrency or self._concurrency,
                is_remote=bool(info.endpoint),
                policy=self._policy,
                changed=self._notify,
            )
        health = ModelHealth(f"{model} at {info.endpoint or info.name}", self._policy.trouble_s)
        spec = self._fleet.model(model)
        rate = None
        if spec.requests_per_minute is not None or spec.tokens_per_minute is not None:
            rate = RateLimiter(spec.requests_per_minute, spec.tokens_per_minute)
        turns = engine if isinstance(engine, TakesTurns) else None
        route = self._routes[model] = _Route(engine, info, limiter, health, rate, turns)
        return route

    def _notify(self, state: LimiterState) -> None:
        if self._changed is not None:
            try:
                self._changed(state)
            except Exception as error:  # raised between two calls, see `raise_listener_error`
                self._listener_error = error


def _waste(error: EngineError, worst: Spend) -> Spend:
    """What a failed attempt costs; nobody knows what one lost on its way used: maybe all of it."""
    return worst if error.may_have_cost else _ONE_CALL


def _tokens(spend: Spend) -> int:
    """Tokens of a spend; they are known where a call has a bound."""
    tokens = spend.get("tokens")
    return 0 if tokens is None else int(tokens)
