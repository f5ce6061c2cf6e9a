"""The hard cap on what one question may really use."""

import asyncio
from collections.abc import Sequence

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.ledger import Spend
from graphsearch.records.errors import BudgetRefused

__all__ = ["QuestionCap"]


class QuestionCap:
    """Admits the nodes of one run, in node order, while the cap surely holds.

    Node i is admitted exactly if what all lower nodes really used, plus its own worst case, is
    within the cap. That does not depend on which call finishes first, so equal runs stop at equal
    nodes; and since each admission counts the worst case of everything lower that is still in
    flight, the cap is never passed. Where worst cases alone already fit nobody waits.

    A cap in seconds is one on the longest path: a node's start plus its own worst case.
    """

    def __init__(self, cap: Amount, count: int) -> None:
        self._cap = cap
        self._most = Spend.of({cap.currency: cap.value})
        self._place = CURRENCIES.index(cap.currency)
        self._is_path = cap.currency == "seconds"
        self._worst = [0] * count
        self._used: list[int | None] = [None] * count
        self._ends = [0] * count
        loop = asyncio.get_running_loop()
        self._decided: list[asyncio.Future[bool]] = [loop.create_future() for _ in range(count)]
        self._finished: list[asyncio.Future[None]] = [loop.create_future() for _ in range(count)]

    async def admit(self, node: int, worst: Spend, parents: Sequence[int]) -> bool:
        """Whether a node may make its call; once False, False for every higher node.

        Raises:
            BudgetRefused: the call has no known cost in the cap's currency.
        """
        self._worst[node] = self._part(worst)
        if self._is_path:
            start = max((self._ends[parent] for parent in parents), default=0)
            return start + self._worst[node] <= self._limit
        if node and not await self._decided[node - 1]:
            return False
        if self._fits(node):
            return True
        await asyncio.gather(*self._finished[:node])
        return self._fits(node)

    def decide(self, node: int, *, admitted: bool) -> None:
        """Let higher nodes know; nodes that make no call are admitted."""
        if not self._decided[node].done():
            self._decided[node].set_result(admitted)

    def finish(self, node: int, spend: Spend, parents: Sequence[int]) -> None:
        """Take in what a node has used: nothing, when it made no call; all, when nobody knows."""
        known = spend.quanta[self._place]
        used = self._worst[node] if known is None else known
        self._used[node] = used
        self._ends[node] = used + max((self._ends[parent] for parent in parents), default=0)
        if not self._finished[node].done():
            self._finished[node].set_result(None)

    def _fits(self, node: int) -> bool:
        lower = zip(self._used[:node], self._worst[:node], strict=True)
        taken = sum(worst if used is None else used for used, worst in lower)
        return taken + self._worst[node] <= self._limit

    @property
    def _limit(self) -> int:
        limit = self._most.quanta[self._place]
        assert limit is not None
        return limit

    def _part(self, spend: Spend) -> int:
        part = spend.quanta[self._place]
        if part is None:
            raise BudgetRefused(
                f"the cap of {self._cap} a question cannot be kept: the cost of a call in "
                f"{self._cap.currency} is unknown"
            )
        return part
