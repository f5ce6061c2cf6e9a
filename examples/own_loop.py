"""A loop of one's own: ask a searcher, race what it proposes, add graphs by hand, tell it.

python examples/own_loop.py runs/own
"""

import asyncio
import sys

from graphsearch import CollaborationGraph, Study


async def main(folder: str) -> None:
    mine = CollaborationGraph.combine("select", ["xs"] * 8)
    study = Study.create(
        task="puzzle",
        fleet="embedded",
        graph_budget="18 units",
        search_budget="40000 units",
        space={"sinks": ("assistant", "fuser", "select")},
        searcher="reinforce",
        settings={"test_items": 100},
        seed=3,
        out=folder,
    )
    async with study:
        while len(study.rounds) < 3:  # a folder that holds two rounds already runs one more
            proposals = study.ask(6)
            *records, by_hand = await study.evaluate([*proposals, mine])
            await study.tell(records)
            print(len(study.rounds), "best of its own:", study.archive.best().graph.describe())
            print("  by hand:", by_hand.mean, "on", len(by_hand.graded), "items")
        print(await study.finish())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "runs/own"))
