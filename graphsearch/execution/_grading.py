"""Grading that takes time: in threads or with calls of a model, each text of an item once."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from graphsearch.execution._judge import checked, judge, who
from graphsearch.execution._memory import Memory
from graphsearch.records.calls import Outcome, digest
from graphsearch.records.errors import GraphsearchError, TaskError
from graphsearch.records.tasks import Ask, AskingGrader, BlockingGrader, Grader, Item, Verdict
from graphsearch.store import Verdicts

__all__ = ["Grading", "is_inline", "judge_account"]

_KEPT_VERDICTS: Final = 65_536

Key = tuple[int, str, str, str]
"""Grader (its `id`), item, digest of the item's content, digest of the text."""


def is_inline(grader: Grader) -> bool:
    """Whether a grader is quick and asks nobody, so that it is called on the event loop."""
    if isinstance(grader, AskingGrader):
        return False
    return not (isinstance(grader, BlockingGrader) and grader.blocking)


def judge_account(account: str) -> str:
    """Where the calls are booked that judge answers of an account.

    The search's are on `judge`. Those of the phases after it have accounts of their own, because
    the budgets that cover these phases are others.
    """
    return "judge" if account == "search" else f"judge-{account}"


class _Flight:
    """A grading under way and how many wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[Verdict]) -> None:
        self.task = task
        self.waiting = 0


class Grading:
    """Graders that are not called inline, for one executor, on one event loop at a time.

    Args:
        asker: makes the calls of an asking grader about an item, booked to an account.
        verdicts: keeps what graders say that block; a judge's calls are in the journal.
    """

    def __init__(self, asker: Callable[[Item, str], Ask], verdicts: Verdicts) -> None:
        self._asker = asker
        self._verdicts = verdicts
        self._flights: dict[Key, _Flight] = {}
        # A grader stands beside its verdict, so that no other one can come to have its `id`.
        self._known: Memory[Key, tuple[Grader, Verdict]] = Memory(_KEPT_VERDICTS)
        self._threads: ThreadPoolExecutor | None = None

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._flights.clear()
        self._verdicts.catch_up()

    async def verdict(
        self, grader: Grader, item: Item, text: str, outcome: Outcome, *, account: str
    ) -> Verdict:
        """What an answer is worth; failures are not remembered.

        Args:
            grader: who judges.
            item: the question.
            text: the answer.
            outcome: how the call that gave it ended.
            account: of the graph; calls of the judge are booked beside it (`judge_account`).

        Raises:
            EngineError: the grader's machinery or one of its calls failed.
            BudgetReached: the ledger does not cover a call of the judge.
            TaskError: the grader broke, or gave something that is no verdict.
            StoreError: the verdict could not be written.
        """
        if outcome is not Outcome.ANSWERED:
            return judge(grader, item, text, outcome)
        key = (id(grader), item.id, _content(item), digest(text))
        known = self._known.find(key)
        if known is not None:
            return known[1]
        flight = self._flights.get(key)
        if flight is None:
            work = self._work(key, grader, item, text, account)
            flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work))
        return await self._wait(key, flight)

    async def _wait(self, key: Key, flight: _Flight) -> Verdict:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._flights.pop(key, None)
                flight.task.cancel()  # does nothing to one that has ended

    async def _work(self, key: Key, grader: Grader, item: Item, text: str, account: str) -> Verdict:
        if isinstance(grader, AskingGrader):
            verdict = await self._asked(grader, item, text, account)
        else:
            verdict = await self._blocked(grader, item, text)
        self._known.keep(key, (grader, verdict))
        return verdict

    async def _asked(self, grader: AskingGrader, item: Item, text: str, account: str) -> Verdict:
        ask = self._asker(item, judge_account(account))
        try:
            found = await grader.judge(item, text, ask)
        except GraphsearchError:
            raise
        except Exception as error:
            raise TaskError(f"{who(grader, item)} failed: {error!r}") from error
        return checked(grader, item, found)

    async def _blocked(self, grader: Grader, item: Item, text: str) -> Verdict:
        """What is on disk, else what the grader says now, once that is on disk."""
        key = digest([_fingerprint(grader), item.id, _content(item), text])
        known = self._verdicts.get(key)
        if known is not None:
            return known
        work = partial(judge, grader, item, text, Outcome.ANSWERED)
        verdict = await asyncio.get_running_loop().run_in_executor(self._pool(), work)
        return await self._verdicts.keep(key, item.id, verdict)

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_cores(), thread_name_prefix="graphsearch-grader")
        return self._threads

    def close(self, grader: Grader) -> None:
        """Drop what has not begun, end a grader's processes; may be called twice."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        end = getattr(grader, "close", None)
        if callable(end):
            end()


def _fingerprint(grader: Grader) -> str:
    """What a grader's verdicts depend on, beside item and text."""
    kind = type(grader)
    told: str | None = getattr(grader, "fingerprint", None)
    return told or f"{grader.name} {kind.__module__}.{kind.__qualname__}"


def _content(item: Item) -> str:
    return digest([item.question, item.gold, item.meta])


def _cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not everywhere
        return os.cpu_count() or 1
