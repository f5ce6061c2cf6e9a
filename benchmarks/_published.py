"""Figures published for recorded answers, beside what graphs run on them bring.

Every function here yields rows (name, published, ours). Where nothing else is said the tie rule is
the published one too, so the two must be equal but for rounding.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._replayed import Replayed, replayed, share
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.stats import pass_at_k

__all__ = ["SETS", "Row", "rows"]

CLIPPED = "weighted-vote(log-odds, 0.05)"


class Row(NamedTuple):
    """One figure.

    Attributes:
        name: what it is.
        published: in percent, rounded.
        ours: in percent.
        digits: to which it was rounded.
        exact: whether the tie rule is the same, so that it must be equal.
    """

    name: str
    published: float
    ours: float
    digits: int = 2
    exact: bool = True

    @property
    def agrees(self) -> bool:
        """Equal as far as the published figure was rounded."""
        return abs(self.published - self.ours) <= 0.5 * 10**-self.digits + 1e-9


def rows(data: Path, name: str, *, quick: bool = False) -> Iterator[Row]:
    """All figures of a set; `quick` takes a few of each kind."""
    folder = data / name
    reference = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    for row in SETS[name](folder, reference, quick):
        yield row._replace(name=f"{name}: {row.name}")


def _named(models: Sequence[str]) -> dict[str, str]:
    """Names whose alphabetical order is the given one: the order that decides ties."""
    return {f"{place:02}-{model}": model for place, model in enumerate(models)}


def _cascade(parents: Sequence[str], rule: str, model: str) -> CollaborationGraph:
    return CollaborationGraph.fan_in(parents, f"cascade({rule})", model)


def _escalated(ready: Replayed, graph: CollaborationGraph) -> tuple[float, float]:
    """Accuracy, and how often the sink's model was called, in percent."""
    runs = ready.run(graph)
    right = share(run.verdict is not None and run.verdict.score == 1 for run in runs)
    return right, share(run.nodes[-1].passed is None for run in runs)


# -- zeroeval-gsm8k ------------------------------------------------------------------------------

_SHORT = "gemini-1.5-flash-exp-0827"
"""Answered half of the questions only."""


def _gsm8k(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    groups = reference["vote"]
    names = [m for m in reference["accuracy"] if m != _SHORT]
    singles = names[::22] if quick else names
    models = {m: m for m in singles}
    for group in groups.values():
        models |= _named(group["models"])
    for cascade in reference["cascade"].values():
        models |= {m: m for m in (*cascade["agree"], cascade["escalate_to"])}
    with replayed(folder, models, task={"read": "number"}, repeat=True) as ready:
        for model in singles:
            ours = ready.accuracy(CollaborationGraph.single(model))
            yield Row(f"single {model}", reference["accuracy"][model], ours)
        for name, group in groups.items():
            if not quick or name == "small3":
                yield from _gsm8k_votes(ready, name, group)
        for name, found in reference["cascade"].items():
            graph = _cascade(found["agree"], "share>=1", found["escalate_to"])
            accuracy, escalated = _escalated(ready, graph)
            yield Row(f"cascade {name}", found["accuracy"], accuracy)
            yield Row(f"cascade {name}, escalated", found["escalation_rate"], escalated)


def _gsm8k_votes(ready: Replayed, name: str, group: Mapping[str, Any]) -> Iterator[Row]:
    """Weights are measured on even questions and used on odd ones."""
    models = list(_named(group["models"]))
    even, odd = ready.items[::2], ready.items[1::2]
    vote = CollaborationGraph.combine("vote", models)
    yield Row(f"vote {name}", group["majority_all"], ready.accuracy(vote))
    yield Row(f"vote {name}, odd", group["majority_odd"], ready.accuracy(vote, odd))
    for role, key in (
        ("weighted-vote(accuracy)", "weighted_by_accuracy_odd"),
        ("weighted-vote(log-odds)", "weighted_by_logodds_odd"),
        (CLIPPED, "weighted_by_logodds_clipped_at_0_05_odd"),
    ):
        graph = CollaborationGraph.combine(role, models)
        ready.fit(graph, even)
        yield Row(f"{role} {name}, odd", group[key], ready.accuracy(graph, odd))


# -- sets with several samples --------------------------------------------------------------------


def _curves(
    ready: Replayed, model: str, found: Mapping[str, Any], name: str, *, quick: bool
) -> Iterator[Row]:
    """Votes of the first K samples, and pass@k from all of them."""
    votes = {int(k): value for k, value in found["vote_first_K"].items()}
    chosen = [k for k in votes if k > 1 and (not quick or k in (3, 10))]
    for k in chosen:
        graph = CollaborationGraph.combine("vote", [model] * k)
        yield Row(f"{name}, vote of the first {k}", votes[k], ready.accuracy(graph), 3)
    yield Row(
        f"{name}, first sample", votes[1], ready.accuracy(CollaborationGraph.single(model)), 3
    )
    passed = {int(k): value for k, value in found["pass@k"].items()}
    yield from _passed(ready, model, passed, name, digits=3, quick=quick)


def _passed(
    ready: Replayed,
    model: str,
    passed: Mapping[int, float],
    name: str,
    *,
    digits: int,
    quick: bool = False,
) -> Iterator[Row]:
    """pass@k: all samples of each question are drawn and judged, then the unbiased estimate."""
    most = max(passed)
    if quick and most > 10:
        return
    counts = _right_draws(ready, model, most)
    for k, value in passed.items():
        mean = sum(pass_at_k(most, right, k) for right in counts) / len(counts)
        yield Row(f"{name}, pass@{k}", value, 100 * mean, digits)


def _right_draws(ready: Replayed, model: str, count: int) -> list[int]:
    """How many of the draws are right, by question."""
    graph = (
        CollaborationGraph.combine("vote", [model] * count)
        if count > 1
        else CollaborationGraph.single(model)
    )
    grade = ready.task.grader.grade
    return [
        sum(grade(item, node.message).score == 1 for node in run.nodes if node.model is not None)
        for item, run in zip(ready.items, ready.run(graph), strict=True)
    ]


def _letters(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    with replayed(folder, {"gpt-3.5": "gpt-3.5-turbo"}, task={"read": "exact"}) as ready:
        yield from _curves(ready, "gpt-3.5", reference, "gpt-3.5", quick=quick)


def _dates(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    rules: dict[str, dict[str, Any]] = {"date": {"field": "date"}, "recorded": {}}
    for rule, engine in list(rules.items())[: 1 if quick else 2]:
        models = {m: m for m in ("llama-2-13b", "gpt-3.5-turbo", "gpt-4", "gpt-4-greedy")}
        with replayed(folder, models, task={"read": "exact"}, **engine) as ready:
            found = reference[rule]
            for model, curves in found["models"].items():
                if not quick or model == "llama-2-13b":
                    yield from _curves(ready, model, curves, f"{rule}, {model}", quick=quick)
            yield from _two_tiers(ready, found, rule, quick)
            yield from _three_tiers(ready, found, rule, quick)


def _two_tiers(ready: Replayed, found: Mapping[str, Any], rule: str, quick: bool) -> Iterator[Row]:
    for name, parents in (
        ("cascade_gpt35_first20_to_gpt4_greedy", ["gpt-3.5-turbo"] * 20),
        ("cascade_gpt35_all40_to_gpt4_greedy", ["gpt-3.5-turbo"] * 40),
        ("cascade_llama10_to_gpt4_greedy", ["llama-2-13b"] * 10),
    ):
        if quick and len(parents) != 10:
            continue
        for threshold, row in found[name].items():
            if quick and threshold not in ("0", "0.7", "1.0"):
                continue
            graph = _cascade(parents, f"share>={float(threshold):g}", "gpt-4-greedy")
            accuracy, escalated = _escalated(ready, graph)
            yield Row(f"{rule}, {name} at {threshold}", row["accuracy"], accuracy)
            told = row["reach_percent"][1]
            yield Row(f"{rule}, {name} at {threshold}, escalated", told, escalated)
    if not quick:
        yield from _to_three_draws(ready, found, rule)


def _to_three_draws(ready: Replayed, found: Mapping[str, Any], rule: str) -> Iterator[Row]:
    """Three gates on the same parents, then a vote: where they open, three draws of GPT-4 vote."""
    name = "cascade_gpt35_first20_to_gpt4_vote3"
    for threshold, row in found[name].items():
        gate = Node(f"cascade(share>={float(threshold):g})", "gpt-4")
        nodes = (*[Node("assistant", "gpt-3.5-turbo")] * 20, *[gate] * 3, Node("vote", None))
        edges = [(i, 20 + j) for i in range(20) for j in range(3)]
        edges += [(20 + j, 23) for j in range(3)]
        accuracy = ready.accuracy(CollaborationGraph(nodes, tuple(edges), 23))
        yield Row(f"{rule}, {name} at {threshold}", row["accuracy"], accuracy)


def _three_tiers(
    ready: Replayed, found: Mapping[str, Any], rule: str, quick: bool
) -> Iterator[Row]:
    """Twenty GPT-3.5 gates on ten Llamas, then GPT-4 gated on those twenty."""
    name = "cascade_llama10_to_gpt35_first20_to_gpt4_greedy"
    for thresholds, row in found[name].items():
        if quick and thresholds != "0.7|0.7":
            continue
        first, second = (f"cascade(share>={float(t):g})" for t in thresholds.split("|"))
        nodes = [Node("assistant", "llama-2-13b")] * 10 + [Node(first, "gpt-3.5-turbo")] * 20
        edges = [(i, 10 + j) for i in range(10) for j in range(20)]
        edges += [(10 + j, 30) for j in range(20)]
        graph = CollaborationGraph((*nodes, Node(second, "gpt-4-greedy")), tuple(edges), 30)
        accuracy, escalated = _escalated(ready, graph)
        yield Row(f"{rule}, {name} at {thresholds}", row["accuracy"], accuracy)
        yield Row(f"{rule}, {name} at {thresholds}, reach", row["reach_percent"][2], escalated)


# -- many tasks, letters, expressions, programs ----------------------------------------------------


def _gym(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    models = {m: m for m in reference["overall"]}
    votes = reference["cross_model_vote_on_votable_tasks"]
    for group in votes.values():
        models |= _named(group["models"])
    votable = set(reference["votable_tasks"])
    with replayed(folder, models, task={"read": "text"}) as ready:
        short = [item for item in ready.items if item.meta["task"] in votable]
        for model, found in reference["overall"].items():
            if "pass@3" not in found or (quick and "qwq" not in model):
                continue
            passed = {int(k[5:]): v for k, v in found.items() if k in ("pass@1", "pass@3")}
            yield from _passed(ready, model, passed, model, digits=2)
            graph = CollaborationGraph.combine("vote", [model] * 3)
            yield Row(f"{model}, maj@3", found["maj@3_on_votable"], ready.accuracy(graph, short))
        for name, group in votes.items():
            named = list(_named(group["models"]))
            graph = CollaborationGraph.combine("vote", named)
            ours = ready.accuracy(graph, short)
            yield Row(f"{name}, first samples", group["vote_first_samples"], ours)
            if not quick:
                graph = CollaborationGraph.combine("vote", [m for m in named for _ in range(3)])
                ours = ready.accuracy(graph, short)
                yield Row(f"{name}, 3 samples each", group["vote_all_3_samples_each"], ours)


def _mmlu_pro(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    models = {m: m for m in reference["accuracy"]}
    for group in reference["vote"].values():
        models |= _named(group["models"])
    with replayed(folder, models, task={"read": "exact"}, repeat=True) as ready:
        chosen = list(reference["accuracy"])[::13] if quick else list(reference["accuracy"])
        for model in chosen:
            ours = ready.accuracy(CollaborationGraph.single(model))
            yield Row(f"single {model}", reference["accuracy"][model], ours)
        for name, group in reference["vote"].items():
            if quick and name != "size70":
                continue
            graph = CollaborationGraph.combine("vote", list(_named(group["models"])))
            yield Row(f"vote {name}", group["majority"], ready.accuracy(graph))


def _game24(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    models = {name: f"gpt-4/{name}" for name in ("io", "cot", "tot-bfs-b5")}
    with replayed(folder, models, task={"read": "exact"}) as ready:
        first = CollaborationGraph.single("tot-bfs-b5")
        told = reference["tot-bfs-b5"]["first_final_state"]
        yield Row("tot-bfs-b5, first final state", told, ready.accuracy(first))
        for model in ("io",) if quick else ("io", "cot"):
            found = reference[model]
            passed = {int(k[5:]): v for k, v in found.items() if k.startswith("pass@")}
            yield from _passed(ready, model, passed, model, digits=2)
            graph = CollaborationGraph.combine("vote", [model] * 100)
            yield Row(
                f"{model}, vote of 100", found["maj@100_by_expression_text"], ready.accuracy(graph)
            )


def _programs(folder: Path, reference: Mapping[str, Any], quick: bool) -> Iterator[Row]:
    """Best of 100 takes the earliest of equals; the published one scores ties by expectation."""
    models = {"codegen": "codegen-16B-mono"}
    with replayed(folder, models, task={"read": "exact"}, score="tests_passed") as ready:
        passed = {int(k[5:]): v for k, v in reference.items() if k.startswith("pass@")}
        yield from _passed(ready, "codegen", passed, "codegen", digits=2)
        best = CollaborationGraph.combine("best", ["codegen"] * 100)
        told = reference["best_of_100_by_generated_tests"]
        yield Row("best of 100 by its own tests", told, ready.accuracy(best), exact=False)


SETS = {
    "zeroeval-gsm8k": _gsm8k,
    "mot-date": _dates,
    "esc-last-letters": _letters,
    "reasoning-gym-easy": _gym,
    "mmlu-pro-preds": _mmlu_pro,
    "tot-game24": _game24,
    "codet-humaneval": _programs,
}
