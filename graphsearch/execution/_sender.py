"""Sends calls: in turn, within the budget, again where that can help, every attempt booked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from graphsearch.engines.base import Engine, EngineInfo, TakesTurns
from graphsearch.execution._attempts import Attempts, RetryPolicy
from graphsearch.execution._lane import Lane, LimiterState
from graphsearch.execution._rate import RateLimit
from graphsearch.execution._replies import usable
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
    Unavailable,
)
from graphsearch.records.models import Fleet
from graphsearch.store import Journal

__all__ = ["Order", "Sender"]

Written = Callable[[Reply, StoreError | None], None]
"""Told that a reply is on disk, or why it cannot be."""

_ONE_CALL = Spend((0, 0, 0, 0, 0, 0, 1))


class Order(NamedTuple):
    """A call to be answered, and who pays if it must be made."""

    key: str
    call: Call
    account: str


class _Trouble:
    """Whether a model only fails, at an endpoint that answers others well.

    Its lane belongs to the endpoint and recovers with each reply to another model.

    Args:
        who: model and endpoint, for messages.
        patience: seconds with nothing but failures after which it counts as dead.
    """

    __slots__ = ("_patience", "_since", "_who", "down")

    def __init__(self, who: str, patience: float) -> None:
        self._who = who
        self._patience = patience
        self._since: float | None = None
        self.down: EndpointDown | None = None

    def end(self) -> None:
        """It has answered."""
        self._since = self.down = None

    def hear(self, error: EngineError, now: float) -> None:
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


class _Route(NamedTuple):
    """Where the calls of a model go."""

    engine: Engine
    info: EngineInfo
    lane: Lane
    trouble: _Trouble
    rate: RateLimit | None
    turns: TakesTurns | None


class _Alarm:
    """Cancels a task when its time is over, and tells this from any other cancelling."""

    __slots__ = ("_rang", "_task")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task
        self._rang = False

    def ring(self) -> None:
        """The time is over."""
        if self._task is not None:
            self._rang = True
            self._task.cancel()

    def is_the_reason(self) -> bool:
        """Whether a task that was cancelled has only this alarm to blame, and may go on."""
        if not self._rang or self._task is None:
            return False
        self._rang = False
        return self._task.uncancel() == 0

    def settle(self) -> None:
        """Take the cancelling back where an engine answered it with something else."""
        if self._rang and self._task is not None:
            self._rang = False
            self._task.uncancel()


class Sender:
    """Makes calls on one event loop; `enter_loop` lets a later loop take over.

    Args:
        engines: the engine of each model.
        fleet: the models' limits a minute.
        pricer: what calls cost.
        journal: keeps replies and failed attempts.
        ledger: pays for all attempts.
        policy: how long and how often a call is tried.
        concurrency: most calls in flight to a model whose engine has no opinion.
        halts: whether no call is sent any more, to whatever endpoint, once one is dead.
        changed: hears of endpoints that are cut, paused, dead or well again.
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
        changed: Callable[[LimiterState], None],
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
        self._lanes: dict[str, Lane] = {}
        self._places: list[Lane | _Trouble] = []
        self._freed: list[asyncio.Future[None]] = []
        self._held = 0
        self._unheard: Exception | None = None

    @property
    def lanes(self) -> tuple[LimiterState, ...]:
        """How the endpoints stand that were asked so far."""
        return tuple(lane.state for lane in self._lanes.values())

    @property
    def down(self) -> EndpointDown | None:
        """Why an endpoint, or a model at one, counts as dead; None when none does."""
        return next((place.down for place in self._places if place.down), None)

    def raise_unheard(self) -> None:
        """Raise what a listener raised while calls were under way, once."""
        error, self._unheard = self._unheard, None
        if error is not None:
            raise error

    def _tell(self, state: LimiterState) -> None:
        try:
            self._changed(state)
        except Exception as error:  # raised between two calls: one under way may be paid for
            self._unheard = error

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._routes.clear()
        self._lanes.clear()
        self._places.clear()
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

    async def send(self, order: Order, landed: Written) -> None:
        """Make a call; its cost is booked, and `landed` hears of its reply once it is on disk.

        Where more replies wait for the disk than the endpoint may have calls, fewer calls are sent:
        what a kill can lose has a bound, twice what the endpoint may have under way.

        Raises:
            EngineError: the infrastructure failed, also after retries.
            BudgetReached: the ledger does not cover the call.
            BudgetRefused: its cost is unknown in a currency that is limited.
            StoreError: the store is broken or closed.
        """
        self.raise_unheard()
        call = order.call
        worst = self.worst_of(call.model, call.messages, call.sampling.max_tokens)
        route = self._route(call.model)
        attempts: Attempts | None = None
        loop = asyncio.get_running_loop()
        while True:
            if self._halts and (down := self.down) is not None:
                raise EndpointDown(str(down))
            if route.rate is not None:
                await route.rate.wait(_tokens(worst))
            try:
                entered = await route.lane.enter()
            except BaseException:
                if route.rate is not None:
                    route.rate.take_back(_tokens(worst))
                raise
            attempts = attempts or Attempts(self._policy, loop.time())
            try:
                reply, spend = await self._attempt(route, order, worst, attempts.made)
                self._post(route.lane, order, reply, spend, landed)
            except EngineError as failure:
                error = failure
                route.lane.leave(entered, error)
                route.trouble.hear(error, loop.time())
            except BaseException:
                route.lane.leave(entered, None, is_known=False)
                raise
            else:
                route.lane.leave(entered, None, is_written=False)
                route.trouble.end()
                return
            if route.trouble.down is not None:
                raise EndpointDown(str(route.trouble.down)) from error
            wait = attempts.wait_after(error, loop.time())
            if wait is None:
                raise error
            if wait:
                await asyncio.sleep(wait)

    def _post(self, lane: Lane, order: Order, reply: Reply, spend: Spend, landed: Written) -> None:
        def tell(problem: StoreError | None) -> None:
            lane.written()
            landed(reply, problem)

        self._journal.post(
            order.key, order.call, reply, account=order.account, spend=spend, landed=tell
        )

    # -- one attempt ---------------------------------------------------------------------------

    async def _attempt(
        self, route: _Route, order: Order, worst: Spend, number: int
    ) -> tuple[Reply, Spend]:
        reservation = await self._reserve(order.account, worst)
        try:
            reply = usable(await self._reply(route, order.call), order.call)
            # What the server did not tell may be all that was held back for it.
            spend = self._pricer.spend(order.call.model, reply.usage).or_else(worst)
            self._ledger.settle(reservation, spend)
        except EngineError as error:
            await self._book_failure(order, reservation, error, number)
            raise
        except asyncio.CancelledError:
            if route.info.endpoint:
                self._book_given_up(order, reservation, number)
            raise
        finally:
            self._free(reservation)
        if route.rate is not None:
            route.rate.give_back(_tokens(worst) - _tokens(spend))
        return reply, spend

    async def _reply(self, route: _Route, call: Call) -> Reply:
        """The engine's reply, its time counted from when its turn has come."""
        if route.turns is None:
            return await self._within_time(route, route.engine.generate, call)
        async with route.turns.turn(call.model) as generate:
            return await self._within_time(route, generate, call)

    async def _within_time(
        self, route: _Route, generate: Callable[[Call], Awaitable[Reply]], call: Call
    ) -> Reply:
        """What `asyncio.timeout` does, at a third of its price."""
        limit = self._policy.attempt_s
        if limit is None:
            return await generate(call)
        loop = asyncio.get_running_loop()
        late = _Alarm(asyncio.current_task())
        timer = loop.call_later(limit, late.ring)
        try:
            return await generate(call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not late.is_the_reason():
                if task is None or task.cancelling():
                    raise
                # Nobody asked for it: the engine gave its own work up.
                raise BrokenReply(f"{route.info.name} gave a call up by itself") from None
        finally:
            timer.cancel()
            late.settle()
        raise CallTimeout(f"{route.info.endpoint or route.info.name}: no reply in {limit:g} s")

    async def _book_failure(
        self, order: Order, reservation: Reservation, error: EngineError, number: int
    ) -> None:
        if not error.was_sent:
            return
        # Nobody knows what a call that was lost on its way has used: it may be all of it.
        spend = reservation.spend if error.may_have_cost else _ONE_CALL
        self._ledger.settle(reservation, spend, account="waste")
        await self._journal.put_failure(
            order.key, order.call, error, account="waste", spend=spend, attempt=number
        )

    def _book_given_up(self, order: Order, reservation: Reservation, number: int) -> None:
        """A call given up on its way may be charged for all the same."""
        self._ledger.settle(reservation, reservation.spend, account="waste")
        self._journal.post_failure(
            order.key,
            order.call,
            Cancelled("given up on its way"),
            account="waste",
            spend=reservation.spend,
            attempt=number,
        )

    # -- the budget ----------------------------------------------------------------------------

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
        if self._freed:
            freed, self._freed = self._freed, []
            for future in freed:
                if not future.done():
                    future.set_result(None)

    # -- where calls go ------------------------------------------------------------------------

    def _route(self, model: str) -> _Route:
        route = self._routes.get(model)
        if route is None:
            engine = self.engine(model)
            info = engine.info(model)
            turns = engine if isinstance(engine, TakesTurns) else None
            trouble = _Trouble(f"{model} at {info.endpoint or info.name}", self._policy.trouble_s)
            lane, rate = self._lane(model, info), self._rate(model)
            route = _Route(engine, info, lane, trouble, rate, turns)
            self._routes[model] = route
            self._places += [lane, trouble]
        return route

    def _lane(self, model: str, info: EngineInfo) -> Lane:
        name = info.endpoint or model
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(
                name,
                info.concurrency or self._concurrency,
                is_remote=bool(info.endpoint),
                policy=self._policy,
                changed=self._tell,
            )
        return lane

    def _rate(self, model: str) -> RateLimit | None:
        spec = self._fleet.model(model)
        if spec.requests_per_minute is None and spec.tokens_per_minute is None:
            return None
        return RateLimit(spec.requests_per_minute, spec.tokens_per_minute)


def _tokens(spend: Spend) -> int:
    """Tokens of a spend; they are known where a call has a bound."""
    tokens = spend.get("tokens")
    return 0 if tokens is None else int(tokens)
