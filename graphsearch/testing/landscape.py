"""A made-up world to compare searchers in: the accuracy of a graph as a formula, with noise.

It copies what is known of teams of models in kind, not in size: several answers beat one, with
falling gains because errors are shared; a reader gains from what it reads until it reads too much,
the smaller it is the sooner; each reading loses a few right answers. What a searcher reaches here
says how well it searches, and nothing about models.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState

__all__ = ["LANDSCAPES", "Landscape", "Traits"]

_NORMAL = NormalDist()
POOL = 4096
KEPT_WHEN_READ = 0.985
DIVERSITY_OF_READERS = 0.35  # who reads the same answers errs alike
CHANCE_OF_THE_COMMONEST_ERROR = 0.28
ITEM_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model can do here.

    Attributes:
        skill: accuracy of one call without parents.
        reading: share of what its parents found (beyond what they agree on) that it picks out.
        capacity: answers it can read before they crowd it.
    """

    skill: float
    reading: float
    capacity: float


@dataclass(frozen=True, slots=True)
class Landscape:
    """Accuracies of graphs, and noisy measurements of them.

    Attributes:
        name: its name.
        traits: by model.
        diversity: share of an error that is a call's own and not the question's, in [0, 1].
        honesty: how well a `select` sink tells right answers by their claims, in [0, 1].
        seed: seed of items and noise.
    """

    name: str
    traits: Mapping[str, Traits]
    diversity: float
    honesty: float = 0.3
    seed: int = 0

    def accuracy(self, graph: CollaborationGraph) -> float:
        """The true accuracy of a graph, in (0, 1)."""
        answers: dict[int, _Answer] = {}
        for node in graph.topological():
            answers[node] = self._node(graph, node, [answers[p] for p in graph.parents(node)])
        return answers[graph.sink].right

    def measure(self, graph: CollaborationGraph, items: Sequence[int]) -> tuple[ItemResult, ...]:
        """Right or wrong on `items`; the same graph and item always bring the same result.

        An answer is right when `Phi^-1(accuracy)` is above `sqrt(s) * difficulty + sqrt(1 - s) *
        luck`, both standard normal: so items are easy or hard for all graphs alike, and the share
        of right answers is the accuracy.
        """
        level = _NORMAL.inv_cdf(self.accuracy(graph))
        hard = self._normals("items")[list(items)]
        luck = self._normals(graph.key)[list(items)]
        right = level > math.sqrt(ITEM_SHARE) * hard + math.sqrt(1 - ITEM_SHARE) * luck
        return tuple(
            ItemResult(item=f"item-{i}", score=float(r), outcome=Outcome.ANSWERED)
            for i, r in zip(items, right, strict=True)
        )

    def trial(
        self, proposal: Proposal, number: int, round_: int, items: Sequence[int], cost: float
    ) -> TrialRecord:
        """A finished trial of `proposal` on `items`."""
        return TrialRecord(
            number=number,
            round=round_,
            proposal=proposal,
            state=TrialState.COMPLETE,
            results=self.measure(proposal.graph, items),
            expected_cost=cost,
        )

    def with_seed(self, seed: int) -> "Landscape":
        """The same world with other items and other luck."""
        return replace(self, seed=seed)

    @classmethod
    def drawn(cls, models: Sequence[str], seed: int) -> "Landscape":
        """A world drawn at random: traits rise along `models`, nothing else is arranged."""
        rng = np.random.default_rng([seed, 1])
        skills = np.sort(rng.uniform(0.2, 0.85, len(models)))
        readings = np.sort(rng.uniform(0.05, 0.9, len(models)))
        capacities = np.sort(rng.uniform(2.0, 12.0, len(models)))
        rows = zip(skills.tolist(), readings.tolist(), capacities.tolist(), strict=True)
        return cls(
            f"drawn-{seed}",
            {model: Traits(*row) for model, row in zip(models, rows, strict=True)},
            diversity=float(rng.uniform(0.15, 0.9)),
            honesty=float(rng.uniform(0.1, 0.8)),
            seed=seed,
        )

    def _normals(self, name: str) -> NDArray[np.float64]:
        text = f"{self.name}/{self.seed}/{name}".encode()
        seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return np.random.default_rng(seed).standard_normal(POOL)

    def _node(self, graph: CollaborationGraph, i: int, parents: list["_Answer"]) -> "_Answer":
        node = graph.nodes[i]
        if not parents:
            assert node.model is not None
            return _Answer(self.traits[node.model].skill, self.diversity)
        own = self.diversity * DIVERSITY_OF_READERS
        if node.role == "vote":
            return _Answer(_vote(parents), own)
        agreed = sum(p.right for p in parents) / len(parents)
        # The probability that some parent is right.
        alone = sum(p.own for p in parents) / len(parents)
        missed = math.prod(1.0 - p.right for p in parents)
        found = alone * (1.0 - missed) + (1.0 - alone) * max(p.right for p in parents)
        if node.model is None:
            return _Answer(_inside(agreed + (found - agreed) * self.honesty), own)
        right = _read(node.role, self.traits[node.model], agreed, found, len(parents))
        return _Answer(right, own)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Probability of being right, and the share of its error that no sibling has."""

    right: float
    own: float


def _vote(parents: list[_Answer]) -> float:
    """Majority: as if of fewer voters the more their errors are shared."""
    mean = sum(p.right for p in parents) / len(parents)
    shared = 1.0 - sum(p.own for p in parents) / len(parents)
    independent = len(parents) / (1.0 + (len(parents) - 1) * shared)
    lead = (mean - CHANCE_OF_THE_COMMONEST_ERROR) / math.sqrt(mean * (1.0 - mean))
    level = _NORMAL.inv_cdf(mean) + (math.sqrt(independent) - 1.0) * lead
    return _inside(_NORMAL.cdf(level))


def _read(role: str, traits: Traits, agreed: float, found: float, count: int) -> float:
    """A model that reads `count` answers."""
    crowd = max(0.0, count - traits.capacity) / traits.capacity
    picked = agreed + (found - agreed) * traits.reading * math.exp(-crowd)
    if role == "assistant":  # answers anew as well, which a fuser does not
        anew = traits.skill + (1.0 - traits.skill) * found * traits.reading * 0.3
        picked = 0.6 * picked + 0.4 * anew
    return _inside(KEPT_WHEN_READ * picked / (1.0 + 0.15 * crowd))


def _inside(value: float) -> float:
    return min(max(value, 0.005), 0.995)


_LLAMA_LIKE = {
    "llama-1b": Traits(0.31, 0.25, 3.0),
    "llama-3b": Traits(0.42, 0.55, 5.0),
    "llama-8b": Traits(0.50, 0.70, 7.0),
    "llama-70b": Traits(0.68, 0.85, 12.0),
}

LANDSCAPES: Mapping[str, Landscape] = {
    # Several small models that read one another win; a large one cannot be afforded often.
    "mixing": Landscape("mixing", _LLAMA_LIKE, diversity=0.75),
    # Errors are shared (missing knowledge), so one large model wins.
    "knowledge": Landscape(
        "knowledge",
        {
            "llama-1b": Traits(0.31, 0.15, 2.0),
            "llama-3b": Traits(0.43, 0.30, 4.0),
            "llama-8b": Traits(0.64, 0.45, 6.0),
            "llama-70b": Traits(0.84, 0.60, 10.0),
        },
        diversity=0.2,
    ),
    # Weak fusers drown: votes win, and the mix of voters matters.
    "voting": Landscape(
        "voting",
        {name: Traits(t.skill, 0.1, 2.0) for name, t in _LLAMA_LIKE.items()},
        diversity=0.6,
    ),
}
