"""The worlds: arguments of one search each, and where it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.golden import fakes, product

Arguments = dict[str, Any]


@dataclass(frozen=True)
class World:
    """One small search.

    Attributes:
        make: arguments of `graphsearch.optimize`, made anew for each run; it gets a folder for the
            files it needs.
        steps: a loop of one's own in place of `optimize`: called with the open study.
        by_command: `make` gives a configuration, which the command line runs.
        stops: events (counted from 1) at which the listener raises; the run is then resumed.
        exits: events at which the process ends without a word.
        deaths: calls (counted from 1) in the midst of which it ends, so in the middle of a block.
    """

    make: Callable[[Path], Arguments]
    steps: Callable[[Any], Any] | None = None
    by_command: bool = False
    stops: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()
    deaths: tuple[int, ...] = ()

    def run(
        self,
        files: Path,
        folder: Path,
        listener: product.Listener = None,
        on_call: Callable[[], None] | None = None,
    ) -> None:
        """The search in a run folder, from its begin or from where it was stopped."""
        given = self.make(files)
        if on_call is not None:
            engines = {name: product.Counted(e, on_call) for name, e in given["engines"].items()}
            given |= {"engines": engines}
        if self.steps is None:
            product.search(given, folder, listener)
        else:
            product.own_loop(self.steps, given, folder, listener)

    def quote(self, files: Path) -> Any:
        """Its quote, as JSON."""
        return product.quote(self.make(files))


def settings(**changes: Any) -> Arguments:
    """The suite's settings with some changed."""
    return {**fakes.SETTINGS, **changes}


def engines(script: Any = fakes.answer, *more: str) -> Arguments:
    """One scripted engine for both models, and for more by name."""
    return dict.fromkeys((*fakes.SIZES, *more), product.ScriptedEngine(script))


def scripted(files: Path, **changes: Any) -> Arguments:
    """A search on a file of sums with two scripted models."""
    return {
        "task": {"file": fakes.sums_file(files), "options": {"grader": "numeric"},
                 "profile": {"question": 40, "answer": 5}},
        "fleet": fakes.fleet(),
        "graph_budget": "6 units",
        "search_budget": "2000000 units",
        "space": {"slots": 4},
        "engines": engines(),
        "settings": settings(),
        **changes,
    }  # fmt: skip


def puzzle(files: Path) -> Arguments:
    return {
        "task": "puzzle",
        "fleet": "embedded",
        "graph_budget": "18 units",
        "search_budget": "20000 units",
        "space": {"slots": 6, "sinks": ["assistant", "fuser", "vote", "select"]},
        "settings": settings(rounds=2, blocks=[8, 8], search_items=16, baselines=[
            "single", "sampled", "self_consistency", "select", "best_of_n", "fuser"]),
    }  # fmt: skip


def recall(files: Path) -> Arguments:
    return {
        "task": "recall",
        "fleet": "embedded",
        "graph_budget": "12 units",
        "search_budget": "20000 units",
        "space": {"slots": 4},
        "searcher": "reinforce",
        "agent": None,
        "settings": settings(),
        "seed": 1,
    }


def replay(files: Path) -> Arguments:
    models = [
        {"name": name, "engine": "replay", "endpoint": "?repeat=true", "parameters": size}
        for name, size in (("cheap", 10**6), ("other", 10**6), ("dear", 10**8))
    ]
    return {
        "task": {"name": "replay",
                 "options": {"read": "number", "path": fakes.record_folder(files)}},
        "fleet": {"name": "recorded", "unit_model": "cheap", "models": models},
        "space": {"slots": 3, "edges": "star", "roles": ["assistant"],
                  "sinks": ["vote", "weighted-vote(log-odds, 0.05)", "cascade(share, 0.5):dear",
                            "cascade(share>=0.7):dear",
                            "cascade(share, 0.4, log-odds, 0.05):dear"]},
        "graph_budget": "1.6e9 flops_plain",
        "search_budget": "1e15 flops_plain",
        "searcher": {"name": "agent-reinforce", "options": {"starts": 6}},
        "settings": settings(per_round=6, blocks=[8, 16], calibration_items=16, rounds=2,
                             baselines=["single"], finalists=3),
    }  # fmt: skip


def judge(files: Path) -> Arguments:
    own = {"name": "wise", "parameters": 2_000_000, "layers": 2, "width": 64, "engine": "scripted"}
    grader = product.get_grader(
        "llm-judge", model=own, reads="numeric", max_tokens=64, labelled=fakes.labelled_file(files)
    )
    return scripted(
        files,
        task=fakes.sums_task(grader),
        searcher="random",
        agent=None,
        search_budget="9000000 units",
        engines=engines(fakes.judged, "wise"),
        settings=settings(rounds=2),
    )


def narrow(files: Path) -> Arguments:
    return scripted(files, search_budget="1200 units", settings=settings(per_round=6))


def failing(files: Path) -> Arguments:
    return scripted(
        files,
        engines=engines(fakes.failing),
        retries={"attempts": 1},
        settings=settings(infra_share=0.6, baselines=["single"]),
    )


def faulty(files: Path) -> Arguments:
    rates = {"unavailable": 0.05, "timeout": 0.05, "empty": 0.05, "truncated": 0.05}
    engine = product.FaultyEngine(product.ScriptedEngine(fakes.answer), rates, seed=5)
    return scripted(
        files,
        engines=dict.fromkeys(fakes.SIZES, engine),
        retries={"attempts": 2, "first_wait": 0.001, "longest_wait": 0.001},
        settings=settings(rounds=2, baselines=["single"]),
    )


def apart(files: Path) -> Arguments:
    return scripted(
        files,
        search_budget=["6000 units", "250 calls"],
        evaluation_budget="1500 units",
        settings=settings(rounds=9, baselines=["single", "self_consistency"]),
    )


def money(files: Path) -> Arguments:
    models = fakes.fleet()["models"]
    prices = ((0.1, 0.4), (0.3, 1.2))
    for model, (read, written) in zip(models, prices, strict=True):
        model |= {"input_price": read, "output_price": written, "price_source": "made up"}
    return scripted(
        files,
        fleet={"name": "priced", "unit_model": "small", "models": models},
        graph_budget="0.00004 usd",
        search_budget="2 usd",
        agent={"name": "chat", "model": "large"},
        engines=engines(fakes.advised),
    )


def own(files: Path) -> Arguments:
    return scripted(
        files, task=fakes.sums_task(), searcher="reinforce", agent=None, settings=settings(), seed=3
    )


async def own_steps(study: Any) -> None:
    """Three rounds by hand with a graph of one's own in each; a resumed study does the rest."""
    mine = product.CollaborationGraph.combine("vote", ["small"] * 3)
    while len(study.rounds) < 3:
        proposals = study.ask(4)
        *records, _ = await study.evaluate([*proposals, mine])
        await study.tell(records)
    await study.finish()


def python(files: Path) -> Arguments:
    grader = {"function": fakes.grader_file(files), "workers": 1}
    return scripted(
        files,
        task={"file": fakes.sums_file(files), "profile": {"question": 40, "answer": 5},
              "options": {"grader": "python", "grader_options": grader}},
        searcher="random",
        settings=settings(rounds=2, baselines=["single"]),
    )  # fmt: skip


def optuna(files: Path) -> Arguments:
    return scripted(files, searcher="optuna", agent=None, settings=settings(baselines=["single"]))


def exhaustive(files: Path) -> Arguments:
    return scripted(
        files,
        graph_budget="3 units",
        searcher="exhaustive",
        agent=None,
        settings=settings(rounds=4, baselines=["single"]),
    )


def published(files: Path) -> Arguments:
    return scripted(
        files,
        space={"slots": 4, "preset": "published", "sink_model": "small"},
        searcher={"name": "agent-reinforce", "options": {"preset": "published"}},
        settings=settings(baselines=["single"]),
    )


def lengths(files: Path) -> Arguments:
    return scripted(
        files,
        engines=engines(fakes.wordy),
        searcher="random",
        settings=settings(length_items=6, patience=2, rounds=5, baselines=["single", "fuser"]),
        seed=2,
    )


def race(files: Path) -> Arguments:
    return scripted(
        files,
        searcher="random",
        agent=None,
        settings=settings(
            per_round=8, blocks=[8] * 6, search_items=60, race_alpha=0.5, rounds=2, incumbents=1
        ),
        seed=4,
    )


def yaml(files: Path) -> Arguments:
    return {
        "schema_version": 1,
        "task": {"name": "recall"},
        "fleet": "embedded",
        "space": {"slots": 3, "sinks": ["assistant", "vote"], "models": ["nano", "xs", "s"]},
        "graph_budget": "8 units",
        "search_budget": "4000 units",
        "evaluation_budget": "2000 units",
        "searcher": {"name": "agent-reinforce", "options": {"starts": 4}},
        "agent": "rules",
        "evaluation": settings(rounds=2, baselines=["single"]),
        "seed": 6,
    }


WORLDS: dict[str, World] = {
    "puzzle": World(puzzle, stops=(3, 12), exits=(24,)),
    "recall": World(recall, stops=(10,)),
    "replay": World(replay, stops=(5, 20)),
    "scripted": World(scripted, stops=(1, 4, 9, 17, 25), exits=(13,), deaths=(100, 700)),
    "race": World(race, stops=(3,), deaths=(333,)),
    "judge": World(judge, stops=(4, 22)),
    "narrow": World(narrow, stops=(6, 14), deaths=(25,)),
    "failing": World(failing, stops=(8,)),
    "faulty": World(faulty),
    "apart": World(apart, stops=(14,)),
    "money": World(money, stops=(9, 18), exits=(10,), deaths=(60,)),
    "own": World(own, steps=own_steps, stops=(7, 16)),
    "python": World(python, stops=(12,)),
    "optuna": World(optuna, stops=(12, 20)),
    "exhaustive": World(exhaustive, stops=(12,)),
    "published": World(published, stops=(8,)),
    "lengths": World(lengths, stops=(2, 11)),
    "yaml": World(yaml, by_command=True),
}
