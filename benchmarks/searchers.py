"""Searchers: time of one ask and tell, and what they reach on landscapes.

`speed` plays single asks and tells in a space of 53 discrete choices (8 slots: 36 edges, 8 models,
8 roles, the sink), each followed by the durable write of the trial and of the searcher's state, as
a study does it. The promise is under 2 ms of CPU, writes included, with 5,000 finished trials, for
our own searchers; `optuna` is there for comparison, with fewer trials.

`quality` is the simple regret of searchers after equal evaluations, on average over seeds.

    python -m benchmarks.searchers [--seeds 10] [--trials 5000]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from graphsearch.agents.search import RulesAgent
from graphsearch.cost import PROFILES, CostModel
from graphsearch.fleet import Fleet
from graphsearch.searchers import make_searcher
from graphsearch.space import Distribution, Space
from graphsearch.store import Store
from graphsearch.testing.landscape import LANDSCAPES, Landscape
from graphsearch.testing.simulation import simulate

TRIALS = 5000
TIMED = 400
OPTUNA_TRIALS = 200
SEEDS = 10
ROUNDS = 12

CONTENDERS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "random": ("random", {}, False),
    "reinforce": ("reinforce", {}, False),
    "reinforce, leave-one-out": ("reinforce", {"baseline": "leave_one_out"}, False),
    "optuna tpe": ("optuna", {}, False),
    "optuna nsga2": ("optuna", {"sampler": "nsga2"}, False),
    "agent-reinforce, numbers": ("agent-reinforce", {}, False),
    "agent-reinforce, numbers, no starts": ("agent-reinforce", {"starts": 0}, False),
    "agent-reinforce, rules": ("agent-reinforce", {}, True),
}


def space_of(budget: str = "42 units") -> Space:
    """Eight slots, four models."""
    cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units")
    return Space.build(cost, budget, slots=8)


def measure(trials: int = TRIALS) -> dict[str, Any]:
    """Milliseconds of CPU for one ask, tell and write, by searcher."""
    space = space_of()
    names = ("random", "reinforce", "agent-reinforce")
    result = {name: one_at_a_time(name, space, trials, TIMED) for name in names}
    result["optuna"] = one_at_a_time("optuna", space, OPTUNA_TRIALS, 50)
    return result


def one_at_a_time(name: str, space: Space, trials: int, timed: int) -> dict[str, float]:
    """Play `trials` trials; time the last `timed` of them.

    The first ones are told in rounds of 50 and not written, which only saves waiting: what a
    searcher holds afterwards is the same in size.
    """
    landscape = LANDSCAPES["mixing"]
    searcher = make_searcher(name, space, seed=0)
    number = 0
    while number < trials - timed:
        proposals = searcher.ask(min(50, trials - timed - number))
        items = range(number % 4000, number % 4000 + 16)
        told = [
            landscape.trial(p, number + i, 0, items, space.cost.graph(p.graph))
            for i, p in enumerate(proposals)
        ]
        searcher.tell(told)
        number += len(told)
    cpu = 0.0
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "study.db") as store:
        for number in range(trials - timed, trials):
            begun = time.process_time()
            proposal = searcher.ask(1)[0]
            cpu += time.process_time() - begun
            items = range(number % 4000, number % 4000 + 16)
            cost = space.cost.graph(proposal.graph)
            trial = landscape.trial(proposal, number, number, items, cost)
            begun = time.process_time()
            searcher.tell([trial])
            state = searcher.state()
            store.put_checkpoint("searcher", state, trials=[trial])
            cpu += time.process_time() - begun
    return {
        "trials": trials,
        "cpu_ms": round(1000 * cpu / timed, 3),
        "state_kb": round(len(json.dumps(state)) / 1000, 1),
    }


def best_known(
    landscape: Landscape, space: Space, *, starts: int = 12, patience: int = 250
) -> float:
    """The best true accuracy that hill climbing without noise finds."""
    from graphsearch.searchers._moves import mutate, plain_graphs

    rng = np.random.default_rng(0)
    begin = [trace.graph for trace in Distribution(space).sample_many(rng, starts)]
    best = 0.0
    for graph in [*begin, *plain_graphs(space)[:8]]:
        now, stuck = graph, 0
        while stuck < patience:
            changed = mutate(now, space, rng)
            if changed is not None and rng.random() < 0.3:
                changed = mutate(changed, space, rng)
            better = changed is not None and landscape.accuracy(changed) > landscape.accuracy(now)
            now, stuck = (changed, 0) if better and changed is not None else (now, stuck + 1)
        best = max(best, landscape.accuracy(now))
    return best


def quality(seeds: int = SEEDS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Simple regret (best known accuracy less the winner's) by landscape and searcher."""
    space = space_of()
    rules = RulesAgent()
    result: dict[str, Any] = {"rounds": rounds, "graphs_per_round": 8, "items": 32, "seeds": seeds}
    for landscape in LANDSCAPES.values():
        top = best_known(landscape, space)
        rows: dict[str, Any] = {"best_known": round(top, 4)}
        for label, (name, options, advised) in CONTENDERS.items():
            regrets = []
            for seed in range(seeds):
                searcher = make_searcher(name, space, seed=seed, options=options)
                played = simulate(
                    searcher,
                    landscape.with_seed(seed),
                    space,
                    rounds=rounds,
                    agent=rules.read if advised else None,
                )
                regrets.append(top - landscape.accuracy(played.winner))
            error = float(np.std(regrets, ddof=1) / np.sqrt(seeds))
            rows[label] = {"regret": round(float(np.mean(regrets)), 4), "error": round(error, 4)}
        result[landscape.name] = rows
    return result


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--trials", type=int, default=TRIALS)
    given = parser.parse_args()
    print(json.dumps({"speed": measure(given.trials), "quality": quality(given.seeds)}))


if __name__ == "__main__":
    main()
