"""What the trained fleet can do on held-out items, as one JSON object.

``python -m training.evaluate --weights FOLDER --items 1000``

Every row is one configuration on one task: mean score with a 95 % interval clustered by item group,
and the mean FLOPs of a question (2 x parameters x tokens read or written, cache reused) in units
of one solve by the smallest model. Paired rows compare two configurations on the same items.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from graphsearch.engines.embedded.checkpoint import builtin_folder
from graphsearch.engines.embedded.vocabulary import CANDIDATE_TAGS, normalise, relabel
from graphsearch.evaluators.graders.puzzle import PuzzleGrader
from graphsearch.evaluators.graders.recall import RecallGrader
from graphsearch.evaluators.tasks import puzzle, recall
from graphsearch.records.tasks import Grader, Item
from graphsearch.stats import mean_estimate, paired_difference
from training.files import load_weights
from training.generate import generate
from training.model import SIZES, Llama

TASKS: Final = ("puzzle", "recall")
WARM: Final = 0.8
SAMPLES: Final = (1, 2, 4, 8, 16)
WIDTHS: Final = (1, 2, 3, 4, 6, 8)
FUSIONS: Final = (
    *(("nano", "nano"), ("xs", "xs"), ("s", "s"), ("m", "m")),
    *(("s", "xs"), ("m", "xs"), ("m", "s"), ("nano", "m"), ("xs", "m"), ("xs", "nano")),
)


@dataclass(slots=True)
class Answers:
    """One answer an item: message, score and cost (FLOPs) so far."""

    messages: list[str]
    scores: list[float]
    cost: list[float]


@dataclass(slots=True)
class Bench:
    """Runs configurations on the items of one task and keeps their rows."""

    task: str
    items: Sequence[Item]
    grader: Grader
    models: dict[str, Llama]
    rows: dict[str, Answers] = field(default_factory=dict)
    _seed: int = 0

    def call(self, size: str, prompts: Sequence[str], temperature: float) -> Answers:
        """One call of a model for each item."""
        self._seed += 1
        replies = generate(self.models[size], prompts, temperature=temperature, seed=self._seed)
        double = 2.0 * sum(p.numel() for p in self.models[size].parameters())
        cost = [
            double * (len(prompt.split()) + used)
            for prompt, (_, used) in zip(prompts, replies, strict=True)
        ]
        return self.graded([normalise(text) for text, _ in replies], cost)

    def graded(self, messages: list[str], cost: list[float]) -> Answers:
        """Messages with their scores."""
        pairs = zip(self.items, messages, strict=True)
        return Answers(messages, [self.grader.grade(i, m).score for i, m in pairs], cost)

    def solve(self, size: str, temperature: float) -> Answers:
        """The questions alone."""
        return self.call(size, [f"S {item.question} :" for item in self.items], temperature)

    def weigh(
        self,
        size: str,
        parents: Sequence[Answers],
        temperature: float,
        *,
        verdict: bool = True,
    ) -> Answers:
        """Refine (one parent) or fuse (several); cost includes the parents'."""
        role = "R" if len(parents) == 1 else "F"
        prompts = [
            " ".join([role, item.question, *_shown(parents, place, verdict=verdict), ":"])
            for place, item in enumerate(self.items)
        ]
        answers = self.call(size, prompts, temperature)
        answers.cost = _sums([answers.cost, *(parent.cost for parent in parents)])
        return answers

    def combine(
        self, rule: Callable[[Item, list[str]], str], parents: Sequence[Answers]
    ) -> Answers:
        """A rule without a model: `vote` or `select`."""
        messages = [
            rule(item, [parent.messages[place] for parent in parents])
            for place, item in enumerate(self.items)
        ]
        return self.graded(messages, _sums([parent.cost for parent in parents]))

    def vote(self, item: Item, messages: list[str]) -> str:
        """The message with the most frequent parsed answer, the earliest on a tie."""
        parsed = [self.grader.parse(item, message) for message in messages]
        counts = Counter(answer for answer in parsed if answer is not None)
        if not counts:
            return messages[0]
        return messages[parsed.index(max(counts, key=lambda answer: counts[answer]))]

    def select(self, item: Item, messages: list[str]) -> str:
        """The first message that claims success, else the first."""
        return next((m for m in messages if self.grader.claims(item, m)), messages[0])


def _shown(parents: Sequence[Answers], place: int, *, verdict: bool) -> list[str]:
    pairs = zip(CANDIDATE_TAGS, parents, strict=False)
    return [f"{tag} {relabel(p.messages[place], tag, verdict=verdict)} {tag}" for tag, p in pairs]


def _sums(columns: Sequence[list[float]]) -> list[float]:
    return [sum(values) for values in zip(*columns, strict=True)]


def _mean(samples: Sequence[Answers]) -> Answers:
    """Mean score over samples: pass@1."""
    count = len(samples)
    scores = [value / count for value in _sums([sample.scores for sample in samples])]
    return Answers(samples[0].messages, scores, samples[0].cost)


def _best(samples: Sequence[Answers]) -> Answers:
    """Score of an oracle's pick."""
    scores = [max(values) for values in zip(*(sample.scores for sample in samples), strict=True)]
    return Answers(samples[0].messages, scores, _sums([sample.cost for sample in samples]))


def run_bench(bench: Bench, fusions: Sequence[tuple[str, str]] = FUSIONS) -> None:
    """Fill the rows of a bench."""
    solves = {size: [bench.solve(size, WARM) for _ in range(max(SAMPLES))] for size in bench.models}
    for size, samples in solves.items():
        bench.rows[f"{size} pass@1"] = _mean(samples)
        bench.rows[f"{size} greedy"] = bench.solve(size, 0)
        for count in SAMPLES:
            bench.rows[f"vote {count} {size}"] = bench.combine(bench.vote, samples[:count])
            bench.rows[f"oracle {count} {size}"] = _best(samples[:count])
        for count in (*SAMPLES, 3, 6):
            if bench.task == "puzzle":
                bench.rows[f"select {count} {size}"] = bench.combine(bench.select, samples[:count])
        for temperature in (WARM, 0.0):
            answers = samples[0]
            for step in (1, 2, 3):
                answers = bench.weigh(size, [answers], temperature)
                bench.rows[f"{size} refine {step} T{temperature:g}"] = answers
    for fuser, source in fusions:
        if fuser in solves and source in solves:
            for width in WIDTHS:
                _fuse(bench, fuser, source, solves[source][:width])


def _fuse(bench: Bench, fuser: str, source: str, parents: Sequence[Answers]) -> None:
    name = f"{len(parents)} {source} -> {fuser}"
    bench.rows[name] = bench.weigh(fuser, parents, 0)
    if bench.task == "puzzle" and fuser == source and len(parents) in (1, 2, 4):
        bench.rows[f"{name} (verdicts hidden)"] = bench.weigh(fuser, parents, 0, verdict=False)


def summary(bench: Bench, unit: float, keep: Callable[[Item], bool] = lambda _: True) -> Any:
    """Rows as JSON: mean, interval, items, groups and cost in units, over the items kept."""
    places = [place for place, item in enumerate(bench.items) if keep(item)]
    groups = [bench.items[place].group for place in places]
    table = {}
    for name, answers in bench.rows.items():
        estimate = mean_estimate([answers.scores[place] for place in places], groups)
        cost = sum(answers.cost[place] for place in places) / len(places) / unit
        table[name] = {
            "mean": round(estimate.mean or 0.0, 4),
            "interval": [round(estimate.low, 4), round(estimate.high, 4)],
            "cost": round(cost, 2),
        }
    return {"n": len(places), "groups": len(set(groups)), "rows": table}


def compare(bench: Bench, first: str, second: str) -> Any:
    """Paired difference of two rows on the same items, as JSON."""
    groups = [item.group for item in bench.items]
    a, b = bench.rows[first], bench.rows[second]
    estimate = paired_difference(a.scores, b.scores, groups)
    return {
        "difference": round(estimate.mean or 0.0, 4),
        "interval": [round(estimate.low, 4), round(estimate.high, 4)],
    }


def pairs(task: str, sizes: Sequence[str]) -> list[tuple[str, str]]:
    """The comparisons that the fleet's promises hang on."""
    found = [(f"{big} greedy", f"{small} greedy") for small, big in pairwise(sizes)]
    found += [(f"{big} pass@1", f"{small} pass@1") for small, big in pairwise(sizes)]
    for size in sizes:
        found += [
            (f"vote {more} {size}", f"vote {less} {size}") for less, more in pairwise(SAMPLES)
        ]
        for t in ("T0.8", "T0"):
            found += [(f"{size} refine 1 {t}", f"vote 1 {size}")]
            found += [(f"{size} refine {n + 1} {t}", f"{size} refine {n} {t}") for n in (1, 2)]
        for width in WIDTHS[1:]:
            own = f"{width} {size} -> {size}"
            found += [(own, f"{size} greedy"), (own, f"{size} pass@1")]
            if task == "puzzle":
                found += [(own, f"select {width} {size}")]
            else:
                found += [(own, f"vote {width} {size}")] if width in SAMPLES else []
        found += [(f"{b} {size} -> {size}", f"{a} {size} -> {size}") for a, b in pairwise(WIDTHS)]
    for small, big in pairwise(sizes):
        for rule in ("select", "vote") if task == "puzzle" else ("vote",):
            found += [(f"{rule} {count} {small}", f"{big} greedy") for count in (2, 4, 8, 16)]
    return found


def evaluate(
    weights: Path, sizes: Sequence[str], *, tasks: Sequence[str] = TASKS, items: int
) -> dict[str, Any]:
    """All tables of the tasks for the weights in a folder."""
    models = {size: load_weights(Llama(SIZES[size]), weights / size) for size in sizes}
    known: dict[str, tuple[Sequence[Item], Grader]] = {
        "puzzle": (puzzle.draw_items("test", items), PuzzleGrader()),
        "recall": (recall.draw_items("test", items), RecallGrader()),
    }
    result: dict[str, Any] = {}
    for name in tasks:
        bench = Bench(name, *known[name], models)
        run_bench(bench)
        costs = bench.rows[f"{sizes[0]} pass@1"].cost
        unit = sum(costs) / len(costs)
        result[name] = summary(bench, unit)
        result[name]["paired"] = {
            f"{a} - {b}": compare(bench, a, b)
            for a, b in pairs(name, sizes)
            if a in bench.rows and b in bench.rows
        }
        if name == "puzzle":
            for count in puzzle.COUNTS:
                part = summary(bench, unit, lambda item, n=count: len(item.meta["numbers"]) == n)  # type: ignore[misc]
                result[f"puzzle of {count}"] = part
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the evaluation of a weights folder as JSON."""
    parser = argparse.ArgumentParser(description="Evaluate weights on held-out test items.")
    parser.add_argument("--weights", type=Path, default=builtin_folder("nano").parent)
    parser.add_argument("--size", action="append", choices=list(SIZES), help="repeatable")
    parser.add_argument("--task", action="append", choices=TASKS, help="repeatable")
    parser.add_argument("--items", type=int, default=1000)
    options = parser.parse_args(arguments)
    sizes, tasks = options.size or list(SIZES), options.task or TASKS
    result = evaluate(options.weights, sizes, tasks=tasks, items=options.items)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
