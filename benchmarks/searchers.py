"""Searchers: time of one ask and tell, and what they reach on landscapes.

`speed` plays single asks and tells in a space of 53 discrete choices (8 slots: 36 edges, 8 models,
8 roles, the sink), each followed by the durable write of the trial and of the searcher's state, as
a study does it. The promise is under 2 ms of CPU, writes included, with 5,000 finished trials, for
our own searchers; `optuna` is there for comparison, with fewer trials.

`quality` is the simple regret of searchers after equal evaluations, on average over seeds.

    python -m benchmarks searchers                          speed
    python -m benchmarks.searchers [--seeds 10] [--only random optuna]    quality
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from graphsearch.agents.roles import get_roles
from graphsearch.agents.search import RulesAgent
from graphsearch.cost import PROFILES, CostModel
from graphsearch.records.models import Fleet
from graphsearch.searchers import make_searcher
from graphsearch.searchers.base import Restorable
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
    "reinforce, baseline": ("reinforce", {"baseline": "leave_one_out"}, False),
    "optuna": ("optuna", {}, False),
    "agent-reinforce": ("agent-reinforce", {}, False),
    "agent-reinforce, no starts": ("agent-reinforce", {"starts": 0}, False),
    "agent-reinforce, rules": ("agent-reinforce", {}, True),
}


def space_of(budget: str = "42 units") -> Space:
    """Eight slots, four models."""
    cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))
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
            state = searcher.state() if isinstance(searcher, Restorable) else {}
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
    from graphsearch.searchers.moves import mutate, plain_graphs

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


def worlds(space: Space) -> dict[str, Callable[[int], Landscape]]:
    """Landscapes by seed: the fixed ones with other items, and one drawn anew for each seed."""
    fixed: dict[str, Callable[[int], Landscape]] = {
        name: landscape.with_seed for name, landscape in LANDSCAPES.items()
    }
    return {**fixed, "drawn": partial(Landscape.drawn, space.models)}


def quality(
    seeds: int = SEEDS, rounds: int = ROUNDS, contenders: Sequence[str] = tuple(CONTENDERS)
) -> dict[str, Any]:
    """Regrets (best known accuracy less the graph's) by landscape and searcher.

    `regret` is the winner's, with its standard error over seeds; `tried` that of the best graph
    tried, which a selection without noise would find; `late` the mean of the last quarter of the
    graphs tried, which says where the searcher looks.
    """
    space = space_of()
    result: dict[str, Any] = {"rounds": rounds, "graphs_per_round": 8, "items": 32, "seeds": seeds}
    for name, world in worlds(space).items():
        landscapes = [world(seed) for seed in range(seeds)]
        known = {w.name: best_known(w, space) for w in {w.name: w for w in landscapes}.values()}
        result[name] = {
            label: _regrets(label, [(w, known[w.name]) for w in landscapes], space, rounds)
            for label in contenders
        }
        print(json.dumps({name: result[name]}), file=sys.stderr, flush=True)
    return result


def _regrets(
    label: str, landscapes: Sequence[tuple[Landscape, float]], space: Space, rounds: int
) -> dict[str, float]:
    name, options, advised = CONTENDERS[label]
    agent = RulesAgent().read if advised else None
    rows = []
    for seed, (landscape, top) in enumerate(landscapes):
        searcher = make_searcher(name, space, seed=seed, options=options)
        played = simulate(searcher, landscape, space, rounds=rounds, agent=agent)
        late = played.trials[-len(played.trials) // 4 :]
        looked = [landscape.accuracy(trial.proposal.graph) for trial in late]
        won = landscape.accuracy(played.winner)
        rows.append(top - np.array([won, played.best[-1], np.mean(looked)]))
    regret, tried, late_regret = np.mean(rows, axis=0).round(4).tolist()
    error = float(np.std([row[0] for row in rows], ddof=1) / np.sqrt(len(rows)))
    return {"regret": regret, "error": round(error, 4), "tried": tried, "late": late_regret}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, default=tuple(CONTENDERS))
    given = parser.parse_args()
    print(json.dumps(quality(given.seeds, contenders=given.only)))


if __name__ == "__main__":
    main()
