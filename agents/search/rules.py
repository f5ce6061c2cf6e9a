"""An agent without a model: reads the trials as a careful person would, and says so in words.

Each rule compares trials that have something (a kind of sink, many nodes of a model, a wide sink,
long chains) with those that have less of it, and asks for a change in log-odds in proportion to
how sure the difference is: `z / 2`, at most 1, nothing below one standard error. The trials are
those of the view (best and worst), so the rules look at the direction of a difference, never at
its size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphsearch.agents.search.registry import Complete
from graphsearch.searchers.base import Advice, AgentView, Edit
from graphsearch.searchers.options import read_options

__all__ = ["RulesAgent", "make"]

LEAST_TRIALS = 4
FULL_USE = 0.6


@dataclass(frozen=True, slots=True)
class _Finding:
    """How surely the score rises (z > 0) or falls with something, in standard errors."""

    z: float

    @property
    def delta(self) -> float:
        return max(-1.0, min(1.0, self.z / 2))

    @property
    def counts(self) -> bool:
        return abs(self.z) >= 1.0


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules, over a view and its trials with a score."""

    view: AgentView
    trials: Sequence[dict[str, Any]]

    def sinks(self) -> list[Edit]:
        """Kinds of sink that did better or worse than the rest."""
        edits: list[Edit] = []
        for name in self.view.space["sinks"]:
            found = self._compare([float(trial["sink_name"] == name) for trial in self.trials])
            if name in self.view.table and found.counts:
                better = "better" if found.z > 0 else "worse"
                edits.append(Edit(name, found.delta, f"Teams that end in {name} did {better}."))
        return edits

    def models(self) -> list[Edit]:
        """Models whose share of the nodes goes with the score."""
        asked = [[node["model"] for node in trial["nodes"]] for trial in self.trials]
        speaking = [[name for name in names if name is not None] for names in asked]
        edits: list[Edit] = []
        for model in self.view.space["models"]:
            name = model["name"]
            shares = [names.count(name) / len(names) if names else 0.0 for names in speaking]
            found = self._compare(shares)
            if found.counts:
                more = "more" if found.z > 0 else "fewer"
                words = f"Teams with {more} nodes of {name} did better."
                slots = [target for target in self.view.table if target.partition(":")[0].isdigit()]
                edits += [Edit(t, found.delta, words) for t in slots if t.endswith(f":{name}")]
        return edits

    def fusers(self) -> list[Edit]:
        """Where a bigger model reads at the sink, more parents are worth it; a small one drowns."""
        sizes = {model["name"]: model["gamma"] for model in self.view.space["models"]}
        readers = [t for t in self.trials if t["sink_model"] in sizes and t["sink_parents"] > 0]
        if len(readers) < LEAST_TRIALS:
            return []
        found = self._compare([math.log(sizes[t["sink_model"]]) for t in readers], readers)
        if not found.counts:
            return []
        words = f"A {'bigger' if found.z > 0 else 'smaller'} reader at the sink did better."
        middle = sorted(sizes.values())[len(sizes) // 2]
        edits: list[Edit] = []
        for name in self.view.space["sinks"]:
            model = name.partition(":")[2]
            if model in sizes and sizes[model] != middle and name in self.view.table:
                sign = 1.0 if sizes[model] > middle else -1.0
                edits.append(Edit(name, 0.5 * sign * found.delta, words))
        return edits

    def width(self) -> list[Edit]:
        """Number of answers that the sink reads."""
        found = self._compare([math.log1p(t["sink_parents"]) for t in self.trials])
        if not found.counts:
            return []
        words = f"{'More' if found.z > 0 else 'Fewer'} answers into the sink did better."
        return [
            Edit(name, found.delta, words) for name in self.view.table if name.endswith("->sink")
        ]

    def depth(self) -> list[Edit]:
        """Edges among the slots themselves."""
        found = self._compare([float(len(t["edges"]) - t["sink_parents"]) for t in self.trials])
        if not found.counts:
            return []
        more = "More" if found.z > 0 else "Less"
        words = f"{more} reading of one another before the sink did better."
        inner = [name for name in self.view.table if "->" in name and not name.endswith("->sink")]
        return [Edit(name, found.delta, words) for name in inner]

    def leftover(self) -> list[Edit]:
        """Budget that the best teams leave unused."""
        budget = self.view.space["budget_value"]
        leaders = sorted(self.trials, key=lambda t: -t["mean"])[:3]
        used = sum(t["cost"] for t in leaders) / len(leaders) / budget
        wider_lost = self._compare([math.log1p(t["sink_parents"]) for t in self.trials]).z <= -1.0
        if used >= FULL_USE or wider_lost:
            return []
        words = (
            f"The best teams use {used:.0%} of the graph budget; there is room for more answers."
        )
        return [Edit(name, 0.3, words) for name in self.view.table if name.endswith("->sink")]

    def _compare(
        self, xs: Sequence[float], among: Sequence[dict[str, Any]] | None = None
    ) -> _Finding:
        """How surely the score rises with `xs`: the z of a weighted regression slope."""
        trials = self.trials if among is None else among
        weights = [float(t["n"]) for t in trials]
        ys = [float(t["mean"]) for t in trials]
        total = sum(weights)
        x_mean = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
        y_mean = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
        spread = sum(w * (x - x_mean) ** 2 for w, x in zip(weights, xs, strict=True))
        if spread <= 1e-12 * total:
            return _Finding(0.0)
        cross = sum(
            w * (x - x_mean) * (y - y_mean) for w, x, y in zip(weights, xs, ys, strict=True)
        )
        slope = cross / spread
        rest = sum(
            w * (y - y_mean - slope * (x - x_mean)) ** 2
            for w, x, y in zip(weights, xs, ys, strict=True)
        )
        # The answers' own noise bounds the error from below where a few trials fit by chance.
        noise = max(rest / max(len(trials) - 2, 1), y_mean * (1 - y_mean))
        return _Finding(slope / math.sqrt(max(noise, 1e-9) / spread))


class RulesAgent:
    """Rules of thumb over the view; the same view always brings the same advice."""

    name = "rules"

    async def advise(self, view: AgentView) -> Advice | None:
        """Edits with reasons; none while there is too little to read."""
        return self.read(view)

    def read(self, view: AgentView) -> Advice:
        """The same as `advise`, for callers without an event loop."""
        seen: dict[str, dict[str, Any]] = {}
        for trial in (*view.best, *view.worst):
            if trial.get("mean") is not None:
                seen.setdefault(repr((trial["nodes"], trial["edges"], trial["sink"])), trial)
        trials = list(seen.values())
        if len(trials) < LEAST_TRIALS:
            return Advice(summary=f"{len(trials)} trials so far: too few to say anything.")
        on = _Rules(view, trials)
        rules = (on.sinks, on.models, on.fusers, on.width, on.depth, on.leftover)
        edits = [edit for rule in rules for edit in rule()]
        reasons = list(dict.fromkeys(edit.reason for edit in edits))
        return Advice(tuple(edits), summary=" ".join(reasons) or "No difference stands out yet.")


def make(options: dict[str, Any], complete: Complete | None) -> RulesAgent:
    """From options: there are none."""
    del complete  # speaks through no model
    read_options("agent rules", options)
    return RulesAgent()
