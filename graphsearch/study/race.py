"""A race: graphs run the same items in growing blocks; one that is clearly worse stops early."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from graphsearch import stats
from graphsearch.records.tasks import Item
from graphsearch.records.trials import ItemResult

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph

__all__ = [
    "Contestant",
    "Losers",
    "RunBlock",
    "blocks_of",
    "chunks",
    "race",
    "said_block",
    "split_losers",
]

T = TypeVar("T")

RunBlock = Callable[
    [int, Sequence["CollaborationGraph"], Sequence[Item]],
    Awaitable[Sequence[Sequence[ItemResult]]],
]
"""Runs a block: its number, the graphs alive, its items. Brings one list of results a graph, all
on the same items; fewer items than asked for when the budget covers no more, none when it is used
up."""


@dataclass(slots=True)
class Contestant:
    """One graph in a race.

    Attributes:
        graph: the graph.
        results: on the items of the race, in their order.
        stopped: True when it lost to another before the end.
    """

    graph: "CollaborationGraph"
    results: list[ItemResult] = field(default_factory=list)
    stopped: bool = False

    def beats(self, other: "Contestant", alpha: float) -> bool:
        """Whether it is better by the anytime-valid test, on items both were graded on."""
        pairs = [
            (mine.score - theirs.score, theirs.group)
            for mine, theirs in zip(self.results, other.results, strict=True)
            if mine.score is not None and theirs.score is not None
        ]
        differences = [difference for difference, _ in pairs]
        # Who is not ahead in plain numbers stops nobody; it also saves half of the logarithms.
        if math.fsum(differences) <= 0:
            return False
        return stats.evidence_above_zero(differences, [group for _, group in pairs], alpha=alpha)


Losers = Callable[[Sequence[Contestant], float], list[Contestant]]
"""Which of those in a race have lost it, at a level."""


def said_block(phase: str, number: int, field: Sequence[Contestant]) -> dict[str, Any]:
    """What the event of a block that ended says of it."""
    stopped = sum(contestant.stopped for contestant in field)
    return {
        "phase": phase,
        "block": number,
        "items": max(len(contestant.results) for contestant in field),
        "alive": len(field) - stopped,
        "stopped": stopped,
    }


def blocks_of(items: Sequence[T], sizes: Sequence[int]) -> list[Sequence[T]]:
    """Cut `items` into blocks of the given sizes; the last may be shorter, none is empty."""
    blocks: list[Sequence[T]] = []
    start = 0
    for size in sizes:
        if start < len(items):
            blocks.append(items[start : start + size])
        start += size
    return blocks


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Blocks of equal size; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


async def race(
    graphs: Sequence["CollaborationGraph"],
    blocks: Sequence[Sequence[Item]],
    run_block: RunBlock,
    *,
    alpha: float,
    losers: Losers | None = None,
    on_block: Callable[[int, Sequence[Contestant]], None] | None = None,
) -> list[Contestant]:
    """Run the graphs on all blocks, or until one is left or the budget is used up.

    A graph is stopped when an anytime-valid test finds some rival better on the items both ran.
    Its level is `alpha` divided by the number of rivals, so a graph that no rival beats is stopped
    with probability at most `alpha` in the whole race, however many blocks there are.

    Args:
        graphs: different graphs.
        blocks: items of each block.
        run_block: runs a block.
        alpha: probability, for each graph, of stopping it wrongly.
        losers: says who has lost; None: the paired test of `split_losers`.
        on_block: called after every block, with its number and all contestants.

    Returns:
        One contestant a graph, in the order given.
    """
    field_ = [Contestant(graph) for graph in graphs]
    for number, items in enumerate(blocks):
        alive = [c for c in field_ if not c.stopped]
        if len(alive) < (2 if number else 1):
            break
        found = await run_block(number, [c.graph for c in alive], items)
        done = min((len(results) for results in found), default=0)
        for contestant, results in zip(alive, found, strict=True):
            contestant.results.extend(results[:done])
        for loser in (losers or split_losers)(alive, alpha / max(len(field_) - 1, 1)):
            loser.stopped = True
        if on_block is not None:
            on_block(number, field_)
        if done < len(items):
            break
    return field_


def split_losers(alive: Sequence[Contestant], alpha: float) -> list[Contestant]:
    """Those that some rival beats by the test at level `alpha`, on items both were graded on."""
    losers = [c for c in alive if any(rival.beats(c, alpha) for rival in alive if rival is not c)]
    # Rivals cannot beat each other in a circle on the same items, so somebody always remains; on
    # different items (failures of the infrastructure) they could, and then nobody stops.
    return losers if len(losers) < len(alive) else []
