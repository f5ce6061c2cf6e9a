"""Verdicts on answers: on the spot, in threads, or with calls of a model; each text once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from cachetools import LRUCache

from graphsearch.cores import usable_cores
from graphsearch.records.calls import Outcome, digest
from graphsearch.records.errors import GraphsearchError, TaskError
from graphsearch.records.tasks import AskingGrader, AskModel, BlockingGrader, Grader, Item, Verdict
from graphsearch.store import Verdicts

__all__ = ["Grading", "grade_answer", "is_inline", "judge_account"]

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


def grade_answer(grader: Grader, item: Item, text: str, outcome: Outcome) -> Verdict:
    """The verdict on an answer: 0 unless it was answered, else what the grader says.

    Args:
        grader: the grader.
        item: the question.
        text: the answer.
        outcome: how the call that gave it ended.

    Raises:
        GraderFailed: the grader's machinery failed.
        TaskError: the grader broke, or gave something that is no verdict; grader and item are
            named.
    """
    if outcome is not Outcome.ANSWERED:
        return Verdict(0.0, outcome, reason=f"the reply was {outcome.value}")
    try:
        verdict: Any = grader.grade(item, text)
    except GraphsearchError:
        raise
    except Exception as error:
        raise _broken(grader, item, f"failed: {error!r}") from error
    return _checked(grader, item, verdict)


def _broken(grader: Grader, item: Item, how: str) -> TaskError:
    return TaskError(f"grader {grader.name!r} on item {item.id!r} {how}")


def _checked(grader: Grader, item: Item, verdict: Any) -> Verdict:
    """What a grader gave, if a verdict may be that; `TaskError` where not."""
    if not isinstance(verdict, Verdict):
        raise _broken(grader, item, f"returned {type(verdict).__name__}, not a Verdict")
    score: Any = verdict.score
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise _broken(grader, item, f"gave the score {score!r}; a score lies from 0 to 1")
    if not verdict.outcome.is_graded:
        how = f"gave the outcome {verdict.outcome}, which is the infrastructure's to give"
        raise _broken(grader, item, how)
    if score and verdict.outcome is not Outcome.ANSWERED:
        how = f"gave the score {score!r} to an answer that is {verdict.outcome}; that scores 0"
        raise _broken(grader, item, how)
    return verdict


class _Flight:
    """A grading under way and how many wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[Verdict]) -> None:
        self.task = task
        self.waiting = 0


class Grading:
    """Graders that are not called inline, for one executor, on one event loop at a time.

    One that blocks runs in threads, and its verdicts are on disk before they are used. One that
    asks a model is given `ask`; its verdicts follow from the judge's replies in the journal.
    Equal answers are graded once; failures are not remembered.

    Args:
        asker: makes the calls of an asking grader about an item, booked to an account.
        verdicts: keeps what graders say that block.
    """

    def __init__(self, asker: Callable[[Item, str], AskModel], verdicts: Verdicts) -> None:
        self._asker = asker
        self._verdicts = verdicts
        self._flights: dict[Key, _Flight] = {}
        # A grader stands beside its verdict, so that no other one can come to have its `id`.
        self._known: LRUCache[Key, tuple[Grader, Verdict]] = LRUCache(_KEPT_VERDICTS)
        self._threads: ThreadPoolExecutor | None = None

    def enter_loop(self) -> None:
        """Forget what belongs to an event loop that is no more."""
        self._flights.clear()
        self._verdicts.catch_up()

    async def verdict(
        self, grader: Grader, item: Item, text: str, outcome: Outcome, *, account: str
    ) -> Verdict:
        """The verdict on an answer.

        Args:
            grader: the grader.
            item: the question.
            text: the answer.
            outcome: how the call that gave it ended.
            account: of the graph; calls of the judge are booked to its `judge_account`.

        Raises:
            EngineError: the grader's machinery or one of its calls failed.
            BudgetReached: the ledger does not cover a call of the judge.
            TaskError: the grader broke, or gave something that is no verdict.
            StoreError: the verdict could not be written.
        """
        if outcome is not Outcome.ANSWERED:
            return grade_answer(grader, item, text, outcome)
        content = digest([item.question, item.gold, item.meta])
        key = (id(grader), item.id, content, digest(text))
        known = self._known.get(key)
        if known is not None:
            return known[1]
        flight = self._flights.get(key)
        if flight is None:
            if isinstance(grader, AskingGrader):
                work = self._ask(grader, item, text, account)
            else:
                work = self._block(grader, item, text, content)
            flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work))
        flight.waiting += 1
        try:
            verdict = await asyncio.shield(flight.task)
            self._known[key] = (grader, verdict)
            return verdict
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._flights.pop(key, None)
                flight.task.cancel()  # does nothing to one that has ended

    async def _ask(self, grader: AskingGrader, item: Item, text: str, account: str) -> Verdict:
        ask = self._asker(item, judge_account(account))
        try:
            found = await grader.judge(item, text, ask)
        except GraphsearchError:
            raise
        except Exception as error:
            raise _broken(grader, item, f"failed: {error!r}") from error
        return _checked(grader, item, found)

    async def _block(self, grader: Grader, item: Item, text: str, content: str) -> Verdict:
        """What is on disk, else what the grader says now, once that is on disk."""
        kind = type(grader)
        told: str | None = getattr(grader, "fingerprint", None)
        fingerprint = told or f"{grader.name} {kind.__module__}.{kind.__qualname__}"
        key = digest([fingerprint, item.id, content, text])
        known = self._verdicts.get(key)
        if known is not None:
            return known
        if self._threads is None:
            cores = usable_cores() or 1
            self._threads = ThreadPoolExecutor(cores, thread_name_prefix="graphsearch-grader")
        work = partial(grade_answer, grader, item, text, Outcome.ANSWERED)
        verdict = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        return await self._verdicts.keep(key, item.id, verdict)

    def close(self, grader: Grader) -> None:
        """Drop what has not begun, end a grader's processes; may be called twice."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        end = getattr(grader, "close", None)
        if callable(end):
            end()
