"""A race stops the clearly worse, never for sure the better, and everybody runs the same items."""

import random

import pytest

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome
from graphsearch.records.tasks import Item
from graphsearch.records.trials import ItemResult
from graphsearch.study.race import Contestant, blocks_of, race, split_losers

ITEMS = [Item(id=f"q{i}", question=f"{i}?", gold=str(i)) for i in range(56)]
BLOCKS = blocks_of(ITEMS, (8, 16, 32))


def graphs(names):
    return [CollaborationGraph.single(name) for name in names]


def runner(score, log=None, afford=None):
    async def run_block(number, alive, items):
        if log is not None:
            log.append((number, [g.nodes[0].model for g in alive], len(items)))
        items = items if afford is None else items[: afford.pop(0)]
        return [[result(score(g.nodes[0].model, item), item) for item in items] for g in alive]

    return run_block


def result(score, item):
    outcome = Outcome.TIMEOUT if score is None else Outcome.ANSWERED
    return ItemResult(item=item.id, score=score, outcome=outcome)


def coin(share, seed):
    def score(model, item):
        return float(random.Random(f"{seed}{model}{item.id}").random() < share[model])

    return score


def test_blocks_are_cut_in_order_and_never_empty():
    assert [len(block) for block in BLOCKS] == [8, 16, 32]
    assert [len(block) for block in blocks_of(ITEMS[:10], (8, 16, 32))] == [8, 2]
    assert [item for block in BLOCKS for item in block] == ITEMS


async def test_the_clearly_worse_stops_early():
    log = []
    score = coin({"good": 0.95, "bad": 0.05, "fair": 0.9}, 1)
    ended = await race(graphs(["good", "bad", "fair"]), BLOCKS, runner(score, log), alpha=0.1)
    assert [c.stopped for c in ended] == [False, True, False]
    assert [len(c.results) for c in ended] == [56, 8, 56]
    assert log[-1] == (2, ["good", "fair"], 32)


async def test_a_lone_survivor_runs_no_further():
    score = coin({"good": 1.0, "bad": 0.0}, 1)
    ended = await race(graphs(["good", "bad"]), BLOCKS, runner(score), alpha=0.5)
    assert [len(c.results) for c in ended] == [8, 8]


async def test_a_single_graph_runs_its_first_block_only():
    ended = await race(graphs(["one"]), BLOCKS, runner(coin({"one": 0.5}, 1)), alpha=0.1)
    assert len(ended[0].results) == 8


async def test_equal_graphs_are_rarely_stopped():
    """At most `alpha` of the graphs may be stopped when nobody is better."""
    stopped = 0
    names = [f"m{i}" for i in range(6)]
    for seed in range(40):
        score = coin(dict.fromkeys(names, 0.5), seed)
        ended = await race(graphs(names), BLOCKS, runner(score), alpha=0.1)
        stopped += sum(c.stopped for c in ended)
    assert stopped <= 0.1 * 40 * 6


async def test_the_budget_shrinks_a_block_for_all_alike():
    heard = []
    ended = await race(
        graphs(["a", "b"]),
        BLOCKS,
        runner(coin({"a": 0.5, "b": 0.5}, 3), afford=[8, 5]),
        alpha=0.1,
        on_block=lambda number, field: heard.append((number, len(field[0].results))),
    )
    assert [len(c.results) for c in ended] == [13, 13]
    assert heard == [(0, 8), (1, 13)]


async def test_items_that_failed_are_left_out_of_the_comparison():
    def score(model, item):
        return None if model == "bad" and int(item.id[1:]) % 2 else float(model == "good")

    ended = await race(graphs(["good", "bad"]), BLOCKS, runner(score), alpha=0.05)
    assert ended[1].stopped
    assert len(ended[1].results) == 24


@pytest.mark.parametrize("alpha", [0.5, 0.01])
def test_somebody_always_remains(alpha):
    # a beats b on the items they share, b beats c, c beats a: only failures can make such a circle
    scores = {"a": (1, 0, None), "b": (0, None, 1), "c": (None, 1, 0)}
    field = []
    for graph in graphs(scores):
        contestant = Contestant(graph)
        for share, of in enumerate(scores[graph.nodes[0].model]):
            part = ITEMS[16 * share : 16 * share + 16]
            contestant.results += [result(None if of is None else float(of), i) for i in part]
        field.append(contestant)
    assert len(split_losers(field, alpha)) < 3
