"""`Executor`: many graphs on many items at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from cachetools import LRUCache

from graphsearch.cost import Amount
from graphsearch.engines.base import Engine
from graphsearch.execution._bounds import WorstCases
from graphsearch.execution._dispatcher import Dispatcher, Order
from graphsearch.execution._fitting import Parameters, fit_plan
from graphsearch.execution._grading import Grading, grade_answer, is_inline
from graphsearch.execution._item_run import ItemRun
from graphsearch.execution._limiters import LimiterState
from graphsearch.execution._plan import (
    Identity,
    Plan,
    Prompts,
    draw_of,
    encode,
    make_plan,
    prompt_body,
)
from graphsearch.execution._retries import RetryPolicy
from graphsearch.execution._single_flight import SingleFlight, Traffic
from graphsearch.execution.pricing import Pricer
from graphsearch.execution.records import FitRun, GraphRun, NodeRun
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling
from graphsearch.records.errors import GraphError
from graphsearch.records.fits import Fit
from graphsearch.records.models import Fleet
from graphsearch.records.roles import Role
from graphsearch.records.tasks import AskModel, Grader, Item, TokenProfile, Verdict
from graphsearch.store import Store

__all__ = ["Executor"]

T = TypeVar("T")

_KEPT_PLANS: Final = 1024


class Executor:
    """Runs graphs on items through engines, journal and ledger.

    Any number of `run`s may be under way at once on one event loop; they share calls. What they
    return does not depend on which of them, or which call, finishes first.

    Args:
        engines: the engine of each model.
        roles: roles by name.
        fleet: the models' constants and revisions.
        store: keeps every reply, and the verdicts of graders that block.
        ledger: pays for every call made.
        seed: the study's seed; with stream, item, prompt and draw it fixes each call's seed.
        profile: the task's mean token lengths; they fix what a unit is.
        grader: judges sinks, and helps combining roles to read answers; `close` ends it.
        concurrency: most calls in flight to a model whose engine has no opinion, and half the
            number of items under way at once.
        policy: how long and how often things are tried, and when an endpoint counts as dead.
        halts: send no call any more, to whatever endpoint, once one counts as dead.
        changed: called with the state of an endpoint that gets fewer calls, is paused, dead or
            well again.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        roles: Mapping[str, Role],
        fleet: Fleet,
        store: Store,
        ledger: Ledger,
        *,
        seed: int,
        profile: TokenProfile,
        grader: Grader,
        concurrency: int = 64,
        policy: RetryPolicy | None = None,
        halts: bool = False,
        changed: Callable[[LimiterState], None] | None = None,
    ) -> None:
        policy = policy or RetryPolicy()
        self.pricer = Pricer(fleet, profile)
        self.roles = roles
        self._fleet = fleet
        self._grader = grader
        self._seed = seed
        self._concurrency = concurrency
        self._item_s = policy.item_s
        self._dispatcher = Dispatcher(
            engines,
            fleet,
            pricer=self.pricer,
            journal=store.journal,
            ledger=ledger,
            policy=policy,
            concurrency=concurrency,
            halts=halts,
            changed=changed,
        )
        self._flights = SingleFlight(self._dispatcher, store.journal)
        self._grading = Grading(self._asker, store.verdicts)
        self._worst = WorstCases(self._dispatcher, grader)
        self._prompts = Prompts()
        self._plans: LRUCache[tuple[str, str], Plan] = LRUCache(_KEPT_PLANS)
        self._fits: dict[str, Fit] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._window = asyncio.Semaphore(2 * concurrency)

    @property
    def traffic(self) -> Traffic:
        """Calls asked for, made, found in the journal and shared so far."""
        return self._flights.traffic

    @property
    def down(self) -> str | None:
        """Why an endpoint counts as dead, None when none does."""
        error = self._dispatcher.down
        return None if error is None else str(error)

    async def run(
        self,
        graph: CollaborationGraph,
        items: Sequence[Item],
        *,
        stream: str,
        account: str,
        grader: Grader | None = None,
        cap: Amount | None = None,
    ) -> list[GraphRun]:
        """Run a graph on items.

        An item whose calls or whose grading fail for a reason of the infrastructure, or are not
        covered by the ledger or the cap, comes back without a verdict; it does not end the run.

        Args:
            graph: run in canonical form.
            items: the questions.
            stream: draws of different streams are never shared.
            account: where calls that must be made are booked. Runs that share calls and are
                under way at once should name the same account, or who pays is a matter of luck.
            grader: judges in place of the executor's own.
            cap: most that one question may really use; the graph's full price counts, whoever
                made its calls.

        Returns:
            One run an item, in the order of `items`.

        Raises:
            GraphError: the graph is not valid, or has parts that were not fitted.
            FleetError: a model has no engine.
            BudgetRefused: a call has no known cost in a currency that is limited.
            StoreError: a reply could not be written.
        """
        self._enter_loop()
        plan = self._plan(graph, stream)
        fitted: Parameters = {}
        if plan.fitted:
            fit = self._fits.get(plan.graph.key)
            if fit is None or set(fit.nodes) != set(plan.fitted):
                raise GraphError(
                    f"{plan.graph.describe()} has parts that are fitted on calibration questions "
                    f"(nodes {', '.join(map(str, plan.fitted))}); call fit and set_fit before run"
                )
            fitted = fit.nodes
        item_run = self._item_runs(plan, grader or self._grader, account=account, cap=cap)

        async def run(item: Item) -> GraphRun:
            return await item_run(item, fitted).run(self._item_s)

        return await self._each(items, run)

    def _item_runs(
        self, plan: Plan, grader: Grader, *, account: str, cap: Amount | None = None
    ) -> Callable[[Item, Parameters], ItemRun]:
        """Makes runs of a plan, each for an item and what is fitted."""
        return partial(
            ItemRun,
            plan,
            flights=self._flights,
            dispatcher=self._dispatcher,
            pricer=self.pricer,
            prompts=self._prompts,
            grader=grader,
            grading=None if is_inline(grader) else self._grading,
            account=account,
            cap=cap,
        )

    async def _each(self, items: Sequence[Item], work: Callable[[Item], Awaitable[T]]) -> list[T]:
        """What `work` brings for each item, as many at a time as the window lets in."""
        found: dict[int, T] = {}
        queue = iter(enumerate(items))

        async def worker(queue: Iterator[tuple[int, Item]]) -> None:
            for place, item in queue:
                async with self._window:
                    found[place] = await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(items), 2 * self._concurrency)):
                    group.create_task(worker(queue))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        self._dispatcher.raise_listener_error()
        return [found[place] for place in range(len(items))]

    # -- fitted parts --------------------------------------------------------------------------

    def needs_fit(self, graph: CollaborationGraph) -> bool:
        """Whether a graph has parts that must be fitted, and were not yet.

        Raises:
            GraphError: the graph is not valid.
        """
        return bool(self._plan(graph, "search").fitted) and graph.key not in self._fits

    def set_fit(self, graph: CollaborationGraph, fit: Fit) -> None:
        """Use what was fitted for a graph from now on."""
        self._fits[graph.key] = fit

    def get_fit(self, graph: CollaborationGraph) -> Fit | None:
        """What is used for a graph, None when nothing is, or it has no such parts."""
        return self._fits.get(graph.key)

    async def fit(
        self, graph: CollaborationGraph, items: Sequence[Item], *, stream: str, account: str
    ) -> FitRun:
        """Work out the parameters of a graph's fitted parts; `set_fit` has them used.

        What is below such a part is run on the items; parts that read other fitted parts come
        after these. Equal calls are shared with all other runs of the stream.

        Args:
            graph: run in canonical form.
            items: calibration questions.
            stream: of the draws.
            account: where calls that must be made are booked.

        Returns:
            The parameters, and the questions that could not teach any.

        Raises:
            As `run`.
        """
        self._enter_loop()
        plan = self._plan(graph, stream)

        async def verdict(item: Item, run: NodeRun) -> Verdict:
            return await self.verdict(item, run.message, run.outcome, account=account)

        return await fit_plan(
            plan,
            items,
            grader=self._grader,
            each=self._each,
            item_run=self._item_runs(plan, self._grader, account=account),
            verdict=verdict,
        )

    def worst_fit(self, graph: CollaborationGraph, item: Item) -> Spend:
        """Most that fitting a graph's parts can cost for a calibration question, as `worst_case`.

        Raises:
            GraphError: the graph is not valid.
        """
        return self._worst.of_fit(self._plan(graph, "search"), item)

    # -- single calls and verdicts -------------------------------------------------------------

    async def ask(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        sampling: Sampling,
        stream: str,
        account: str,
        sample: int = 0,
        item: str = "",
        prompt_version: str = "",
    ) -> Reply:
        """Make a single call, of an agent or a judge, through journal and ledger.

        Args:
            model: who is asked.
            messages: the prompt.
            sampling: how to draw; needs `max_tokens`.
            stream: of the draw, for instance `agent`.
            account: where it is booked.
            sample: which draw of this very call.
            item: id of the item it is about, "" for none.
            prompt_version: version of the prompts, part of the call's key.

        Raises:
            EngineError: the infrastructure failed, also after retries.
            BudgetReached: the ledger does not cover the call.
        """
        self._enter_loop()
        prompt = tuple(messages)
        prefixes = self._identity(stream).prefixes(model, sampling, prompt_version)
        seed, key = draw_of(*prefixes, sample, prompt_body(item, prompt))
        call = Call(model, prompt, sampling, sample, seed, prompt_version, stream, item)
        order = Order(key, call, account)
        return (await self._flights.fetch(order)).reply

    async def verdict(
        self, item: Item, text: str, outcome: Outcome = Outcome.ANSWERED, *, account: str
    ) -> Verdict:
        """The verdict on an answer, judged as the answer of a graph would be.

        Args:
            item: the question.
            text: the answer.
            outcome: how the call that gave it ended.
            account: of the graph it comes from; a judge's calls go to its `judge_account`.

        Raises:
            EngineError: the grader's machinery or a call of the judge failed.
            BudgetReached: the ledger does not cover a call of the judge.
        """
        if is_inline(self._grader):
            return grade_answer(self._grader, item, text, outcome)
        self._enter_loop()
        return await self._grading.verdict(self._grader, item, text, outcome, account=account)

    def close(self) -> None:
        """End what the grader holds; may be called twice, and used again afterwards."""
        self._grading.close(self._grader)

    def worst_case(self, graph: CollaborationGraph, item: Item) -> Spend:
        """Most that a graph's calls for an item, and their judge's, can cost, retries not counted.

        A parent's message is taken to be as long as its reply may be; where parent and child
        are models that count tokens differently, twice as long. (The ledger does not lean on
        this: it reserves for each call by its real prompt.)

        Raises:
            GraphError: the graph is not valid.
        """
        return self._worst.of_graph(self._plan(graph, "search"), item)

    def worst_verdict(self, graph: CollaborationGraph, item: Item) -> Spend:
        """Most that one more verdict on a message of the graph can cost: a judge's calls.

        Raises:
            GraphError: the graph is not valid.
        """
        return self._worst.of_verdict(self._plan(graph, "search"), item)

    # -- inside --------------------------------------------------------------------------------

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._window = asyncio.Semaphore(2 * self._concurrency)
            self._flights.enter_loop()
            self._grading.enter_loop()

    def _asker(self, item: Item, account: str) -> AskModel:
        async def ask(
            model: str,
            messages: Sequence[Message],
            *,
            sampling: Sampling,
            sample: int = 0,
            prompt_version: str = "",
        ) -> Reply:
            return await self.ask(
                model,
                messages,
                sampling=sampling,
                stream="judge",
                account=account,
                sample=sample,
                item=item.id,
                prompt_version=prompt_version,
            )

        return ask

    def _identity(self, stream: str) -> Identity:
        return Identity(self._seed, stream, self._version)

    def _version(self, model: str) -> str:
        """What may change a model's replies: its revision, and whatever serves it."""
        revision = self._fleet.model(model).revision or ""
        return encode([revision, self._dispatcher.engine(model).info(model).fingerprint])

    def _plan(self, graph: CollaborationGraph, stream: str) -> Plan:
        plan = self._plans.get((graph.key, stream))
        if plan is None:
            plan = make_plan(graph, self.roles, self._identity(stream))
            self._plans[graph.key, stream] = plan
        return plan
