"""`Executor`: many graphs on many items at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from graphsearch.cost import Amount
from graphsearch.engines.base import Engine
from graphsearch.execution._attempts import RetryPolicy
from graphsearch.execution._desk import Desk, Traffic
from graphsearch.execution._fitting import Fitter, Parameters
from graphsearch.execution._grading import Grading, is_inline
from graphsearch.execution._judge import judge
from graphsearch.execution._lane import LimiterState
from graphsearch.execution._memory import Memory
from graphsearch.execution._plan import (
    Identity,
    Plan,
    Step,
    draw_of,
    encode,
    make_plan,
    prompt_body,
)
from graphsearch.execution._sender import Order, Sender
from graphsearch.execution._tasks import together
from graphsearch.execution._walk import Walk
from graphsearch.execution._worst import WorstCases
from graphsearch.execution.pricing import Pricer
from graphsearch.execution.records import FitRun, GraphRun, NodeRun
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling
from graphsearch.records.fits import Fit
from graphsearch.records.models import Fleet
from graphsearch.records.roles import Role
from graphsearch.records.tasks import Ask, Grader, Item, TokenProfile, Verdict
from graphsearch.store import Store

__all__ = ["Executor"]

T = TypeVar("T")

_KEPT_PLANS: Final = 1024
_KEPT_PROMPTS: Final = 4096
_JUDGE: Final = "judge"
"""Stream of a judge's draws."""


class _Prompt(NamedTuple):
    """A prompt that depends on the item alone, written once."""

    item: Item
    messages: tuple[Message, ...]
    body: str


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
        changed: hears of endpoints that get fewer calls, are paused, dead or well again.
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
        self._roles = roles
        self._fleet = fleet
        self._grader = grader
        self._pure = is_inline(grader)
        self._seed = seed
        self._concurrency = concurrency
        self.pricer = Pricer(fleet, profile)
        policy = policy or RetryPolicy()
        self._item_s = policy.item_s
        self._sender = Sender(
            engines,
            fleet,
            pricer=self.pricer,
            journal=store.journal,
            ledger=ledger,
            policy=policy,
            concurrency=concurrency,
            halts=halts,
            changed=changed or _unheard,
        )
        self._desk = Desk(self._sender, store.journal)
        self._grading = Grading(self._asker, store.verdicts)
        self._worst = WorstCases(self._sender, grader)
        self._fitter = Fitter(grader, self._each)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._window = asyncio.Semaphore(2 * concurrency)
        self._plans: Memory[tuple[str, str], Plan] = Memory(_KEPT_PLANS)
        self._prompts: Memory[tuple[str, bool, str], _Prompt] = Memory(_KEPT_PROMPTS)

    @property
    def traffic(self) -> Traffic:
        """Calls asked for, made, found in the journal and shared so far."""
        return self._desk.traffic

    @property
    def down(self) -> str | None:
        """Why an endpoint counts as dead, None when none does."""
        error = self._sender.down
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
        walk = self._walks(plan, grader or self._grader, account=account, cap=cap)
        fitted = self._fitter.of(plan)

        async def run(item: Item) -> GraphRun:
            return await walk(item, fitted).run(self._item_s)

        return await self._each(items, run)

    def _walks(
        self, plan: Plan, grader: Grader, *, account: str, cap: Amount | None = None
    ) -> Callable[[Item, Parameters], Walk]:
        """Makes walks of a plan, each for an item and what is fitted."""
        grading = None if is_inline(grader) else self._grading

        def make(item: Item, fitted: Parameters) -> Walk:
            return Walk(
                plan,
                item,
                desk=self._desk,
                sender=self._sender,
                pricer=self.pricer,
                grader=grader,
                grading=grading,
                account=account,
                speak=self._speak,
                cap=cap,
                fitted=fitted,
            )

        return make

    async def _each(self, items: Sequence[Item], work: Callable[[Item], Awaitable[T]]) -> list[T]:
        """What `work` brings for each item, as many at a time as the window lets in."""
        found: dict[int, T] = {}
        queue = iter(enumerate(items))

        async def worker(queue: Iterator[tuple[int, Item]]) -> None:
            for place, item in queue:
                async with self._window:
                    found[place] = await work(item)

        await together([worker(queue) for _ in range(min(len(items), 2 * self._concurrency))])
        self._sender.raise_unheard()
        return [found[place] for place in range(len(items))]

    # -- fitted parts --------------------------------------------------------------------------

    def needs_fit(self, graph: CollaborationGraph) -> bool:
        """Whether a graph has parts that must be fitted, and were not yet.

        Raises:
            GraphError: the graph is not valid.
        """
        return bool(self._plan(graph, "search").fitted) and graph.key not in self._fitter.known

    def set_fit(self, graph: CollaborationGraph, fit: Fit) -> None:
        """Use what was fitted for a graph from now on."""
        self._fitter.known[graph.key] = fit

    def get_fit(self, graph: CollaborationGraph) -> Fit | None:
        """What is used for a graph, None when nothing is, or it has no such parts."""
        return self._fitter.known.get(graph.key)

    async def fit(
        self, graph: CollaborationGraph, items: Sequence[Item], *, stream: str, account: str
    ) -> FitRun:
        """Work out the parameters of a graph's fitted parts; `set_fit` has them used.

        What is below such a part is run on the items; parts that hear other fitted parts come
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

        walk = self._walks(plan, self._grader, account=account)
        return await self._fitter.work_out(plan, items, walk=walk, verdict=verdict)

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
        return (await self._desk.fetch(order)).reply

    async def verdict(
        self, item: Item, text: str, outcome: Outcome = Outcome.ANSWERED, *, account: str
    ) -> Verdict:
        """What an answer is worth, judged as the answer of a graph would be.

        Args:
            item: the question.
            text: the answer.
            outcome: how the call that gave it ended.
            account: of the graph it comes from; a judge's calls are booked beside it.

        Raises:
            EngineError: the grader's machinery or a call of the judge failed.
            BudgetReached: the ledger does not cover a call of the judge.
        """
        if self._pure:
            return judge(self._grader, item, text, outcome)
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

    # -- parts ---------------------------------------------------------------------------------

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._window = asyncio.Semaphore(2 * self._concurrency)
            self._desk.enter_loop()
            self._grading.enter_loop()

    def _asker(self, item: Item, account: str) -> Ask:
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
                stream=_JUDGE,
                account=account,
                sample=sample,
                item=item.id,
                prompt_version=prompt_version,
            )

        return ask

    def _identity(self, stream: str) -> Identity:
        return Identity(self._seed, stream, self._version)

    def _version(self, model: str) -> str:
        revision = self._fleet.model(model).revision or ""
        return encode([revision, self._sender.engine(model).info(model).fingerprint])

    def _plan(self, graph: CollaborationGraph, stream: str) -> Plan:
        return self._plans.get(
            (graph.key, stream), lambda: make_plan(graph, self._roles, self._identity(stream))
        )

    def _speak(
        self, step: Step, item: Item, texts: Sequence[str]
    ) -> tuple[tuple[Message, ...], str]:
        if texts:
            return self._write(step, item, texts)
        key = (step.role.name, step.context.is_sink, item.id)
        prompt = self._prompts.get(key, lambda: _Prompt(item, *self._write(step, item, ())))
        if prompt.item is not item and prompt.item != item:
            # Another item of the same id: of another task, say.
            return self._write(step, item, ())
        return prompt.messages, prompt.body

    @staticmethod
    def _write(step: Step, item: Item, texts: Sequence[str]) -> tuple[tuple[Message, ...], str]:
        assert step.speaker is not None
        messages = step.speaker.prompt(item, texts, step.context)
        return messages, prompt_body(item.id, messages)


def _unheard(state: LimiterState) -> None:
    """Nobody listens."""
