"""Recorded answers of real models: published figures, and searches beside an exhaustive yardstick.

The yardstick is written apart from everything that searches: it reads the records, forms every team
of the space with NumPy, and takes the best on all questions but the sealed ones.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

import graphsearch
from benchmarks._published import SETS, rows
from graphsearch.agents.roles import CascadeRole, VoteRole, WeightedVoteRole, get_roles
from graphsearch.cost import CostModel
from graphsearch.engines.records import read_record
from graphsearch.engines.replay import at_record
from graphsearch.evaluators.tasks import get_task
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import Task
from graphsearch.spec import SpaceSpec, Spec, load_spec

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "replay"
SEEDS = range(5)
SEARCHES = {"gsm8k": "zeroeval-gsm8k", "mmlu-pro": "mmlu-pro-preds"}

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def measure() -> dict[str, Any]:
    """All published figures, then the searches."""
    found: dict[str, Any] = {"published": {name: _published(name) for name in SETS}}
    for name, data in SEARCHES.items():
        found[name] = searches(name, DATA / data, SEEDS)
    return found


def _published(name: str) -> dict[str, Any]:
    begun = time.process_time()
    all_rows = list(rows(DATA, name))
    differ = [row for row in all_rows if not row.agrees]
    print(f"  {name}: {len(all_rows)} figures, {len(differ)} differ", file=sys.stderr, flush=True)
    return {
        "figures": len(all_rows),
        "agree": len(all_rows) - len(differ),
        "differ_with_the_same_tie_rule": [row.name for row in differ if row.exact],
        "differ_by_their_tie_rule": {
            row.name: [row.published, round(row.ours, row.digits)] for row in differ
        },
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


# -- searches --------------------------------------------------------------------------------------


def searches(name: str, data: Path, seeds: Sequence[int] | range) -> dict[str, Any]:
    """One search a seed, each on splits of its own, beside the yardstick on the same splits."""
    runs = [_search(name, data, seed) for seed in seeds]
    gaps = [run["gap_points"] for run in runs]
    middle = mean(gaps)
    reach = 0.0
    if len(gaps) > 1:
        reach = NormalDist().inv_cdf(0.975) * stdev(gaps) / len(gaps) ** 0.5
    return {
        "runs": runs,
        "gap_mean": round(middle, 3),
        "gap_interval": [round(middle - reach, 3), round(middle + reach, 3)],
        "gap_worst": max(gaps),
        "gap_to_hindsight_mean": round(mean(run["hindsight_gap_points"] for run in runs), 3),
        "gain_over_best_single_mean": round(
            mean(run["gain_over_single_points"] for run in runs), 3
        ),
        "slowest_seconds": max(run["seconds"] for run in runs),
        "slowest_cpu_seconds": max(run["cpu_seconds"] for run in runs),
    }


def _search(name: str, data: Path, seed: int) -> dict[str, Any]:
    spec = load_spec(ROOT / "configs" / f"replay-{name}.yaml")
    task = get_task("replay", **{**spec.task.options, "path": data, "salt": seed})
    fleet = at_record(Fleet.load(str(spec.fleet)), data)
    begun, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = graphsearch.optimize(spec, task=task, fleet=fleet, seed=seed, out=folder)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    assert result.test is not None
    yardstick = Yardstick.of(task, fleet, data, spec)
    best = yardstick.best()
    ours = 100 * float(result.test.accuracy or 0.0)
    run = {
        "seed": seed,
        "winner": result.winner.graph.describe(),
        "test_percent": round(ours, 3),
        "test_n": result.test.n,
        "exhaustive": best.name,
        "exhaustive_test_percent": round(best.test, 3),
        "gap_points": round(best.test - ours, 3),
        "hindsight": best.hindsight_name,
        "hindsight_gap_points": round(best.hindsight - ours, 3),
        "best_single": best.single_name,
        "gain_over_single_points": round(ours - best.single, 3),
        "teams": best.teams,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "graphs_tried": len(result.archive),
    }
    print(f"  {name} {json.dumps(run)}", file=sys.stderr, flush=True)
    return run


# -- the yardstick ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Best:
    """What an exhaustive search finds; accuracies on the sealed test, in percent.

    Attributes:
        name: the team that is best on all other questions; the cheaper one of equals.
        test: its accuracy.
        hindsight_name, hindsight: the best on the test itself, which nobody could have chosen.
        single_name, single: the best single model on all other questions.
        teams: how many were formed.
    """

    name: str
    test: float
    hindsight_name: str
    hindsight: float
    single_name: str
    single: float
    teams: int


@dataclass(frozen=True, slots=True)
class _Team:
    name: str
    known: float
    test: float
    cost: float


@dataclass(frozen=True, slots=True)
class Yardstick:
    """All teams of a star space over a record.

    Attributes:
        names: models in alphabetical order, which decides ties.
        answers: [models, questions] which answer each gave, -1 for none.
        right: [models, questions] whether it was right.
        cost: [models] expected cost of a call.
        fitted, known, test: questions for thresholds and weights, for choosing, and sealed ones.
        sinks: names of sinks, without models.
        slots: most members beside the sink.
        budget: most a team may cost.
    """

    names: tuple[str, ...]
    answers: NDArray[np.int64]
    right: Bools
    cost: Floats
    fitted: NDArray[np.int64]
    known: NDArray[np.int64]
    test: NDArray[np.int64]
    sinks: tuple[str, ...]
    slots: int
    budget: float

    @classmethod
    def of(cls, task: Task, fleet: Fleet, data: Path, spec: Spec) -> "Yardstick":
        """From what a search is made of."""
        record = read_record(data)
        budget = spec.graph_budget
        prices = CostModel(fleet, task.profile, budget.currency)
        names = tuple(sorted(fleet.names))
        served = [fleet.model(name).served_name or name for name in names]
        items = [item for split in task.splits.values() for item in split]
        answers = np.full((len(names), len(items)), -1, dtype=np.int64)
        right = np.zeros(answers.shape, dtype=bool)
        for column, item in enumerate(items):
            codes: dict[str, int] = {}
            for row, model in enumerate(served):
                sample = record.samples[model, item.id][0]
                said = None if sample.text is None else task.grader.parse(item, sample.text)
                if said is not None:
                    answers[row, column] = codes.setdefault(said, len(codes))
                right[row, column] = bool(sample.correct)
        ends = np.cumsum([len(task.splits[split]) for split in task.splits])
        places = np.split(np.arange(len(items)), ends[:-1])
        by_split = dict(zip(task.splits, places, strict=True))
        space = spec.space
        assert isinstance(space, SpaceSpec)
        assert space.slots is not None
        return cls(
            names,
            answers,
            right,
            np.array([prices.gamma(name) for name in names]),
            by_split["search"],
            np.concatenate([by_split["search"], by_split["selection"]]),
            by_split["test"],
            tuple(map(str, space.sinks)),
            space.slots,
            float(budget) * (1 + 1e-9),
        )

    def best(self) -> Best:
        """The best team, the best in hindsight, the best single model."""
        teams = list(self._teams())
        chosen = min(teams, key=lambda team: (-team.known, team.cost))
        after = max(teams, key=lambda team: team.test)
        singles = [team for team in teams if team.name in self.names]
        single = min(singles, key=lambda team: (-team.known, team.cost))
        return Best(
            chosen.name, chosen.test, after.name, after.test, single.name, single.test, len(teams)
        )

    def _teams(self) -> Iterator[_Team]:
        roles = get_roles("chat")
        rules = [roles[sink] for sink in self.sinks]
        for count in range(1, self.slots + 1):
            for members in combinations_with_replacement(range(len(self.names)), count):
                price = float(self.cost[list(members)].sum())
                if price > self.budget:
                    continue
                who = ", ".join(self.names[m] for m in members)
                if count == 1:
                    yield self._team(who, self.right[members[0]], price)
                polls: dict[str, tuple[Bools, Floats]] = {}
                for rule in rules:
                    if isinstance(rule, CascadeRole):
                        right, sure = self._poll(members, str(rule.gate.weighting or ""), polls)
                        yield from self._gated(who, right, sure, price, rule)
                    elif isinstance(rule, VoteRole | WeightedVoteRole) and count > 1:
                        weighting = getattr(rule, "weighting", "")
                        right, _ = self._poll(members, str(weighting), polls)
                        yield self._team(f"{who} -> {rule.name}", right, price)

    def _gated(
        self, who: str, right: Bools, sure: Floats, price: float, role: CascadeRole
    ) -> Iterator[_Team]:
        share = float(role.call_share)
        ordered = np.sort(sure[self.fitted])
        asked = sure < ordered[int(share * len(ordered))]
        for model, name in enumerate(self.names):
            cost = price + share * float(self.cost[model])
            if cost <= self.budget:
                found = np.where(asked, self.right[model], right)
                yield self._team(f"{who} -> {role.name} {name}", found, cost)

    def _poll(
        self, members: Sequence[int], weighting: str, polls: dict[str, tuple[Bools, Floats]]
    ) -> tuple[Bools, Floats]:
        """Whether the winner of a vote is right, and its share of the votes, by question."""
        if weighting not in polls:
            rows = list(members)
            said, weights = self.answers[rows], np.ones(len(rows))
            if weighting:
                weights = self._weights(rows)
            read = said >= 0
            votes = np.stack([((said == one) * weights[:, None]).sum(0) for one in said])
            votes = np.where(read, votes, -np.inf)
            winner = votes.argmax(0)
            every = np.arange(said.shape[1])
            total = weights.sum()
            sure = np.where(read.any(0), votes[winner, every] / total, 0.0)
            polls[weighting] = self.right[rows][winner, every], sure
        return polls[weighting]

    def _weights(self, rows: Sequence[int]) -> Floats:
        """Log-odds, 0.05 at least: the one weighting that the configurations use."""
        shares = np.clip(self.right[rows][:, self.fitted].mean(1), 1e-3, 1 - 1e-3)
        weights: Floats = np.maximum(np.log(shares / (1 - shares)), 0.05)
        return weights

    def _team(self, name: str, right: Bools, cost: float) -> _Team:
        known, test = right[self.known].mean(), right[self.test].mean()
        return _Team(name, float(known), 100 * float(test), cost)
