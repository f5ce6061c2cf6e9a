"""Which graphs to try next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graphsearch.graph import CollaborationGraph
from graphsearch.searchers.agent_reinforce._options import Options
from graphsearch.searchers.features import FeatureMap
from graphsearch.searchers.moves import mutate
from graphsearch.searchers.surrogate import Surrogate
from graphsearch.space import Distribution, Space, Trace

__all__ = ["Candidate", "Proposer"]

TRIES = 500
FEWEST_TRIALS = 4


@dataclass(frozen=True)
class Candidate:
    """A graph that may be proposed, with the trace that made it where there is one."""

    graph: CollaborationGraph
    origin: str
    trace: Trace | None = None


class Proposer:
    """Draws a pool of graphs, screens it by the surrogate, and keeps what is new.

    The pool is made of samples of the distribution and of small changes of the best graphs. For
    each place the surrogate's weights are drawn from their posterior and the pool's best graph
    under that draw is taken (Thompson sampling: what might be best gets a chance in proportion, and
    one batch holds different guesses). Some places go to plain samples whatever it says.
    """

    def __init__(self, space: Space, features: FeatureMap, options: Options) -> None:
        self._space = space
        self._features = features
        self._options = options

    def candidates(
        self,
        count: int,
        rng: np.random.Generator,
        *,
        distribution: Distribution,
        surrogate: Surrogate,
        elites: Sequence[CollaborationGraph],
        known: set[str],
    ) -> list[Candidate]:
        """Up to `count` graphs; their keys are added to `known`."""
        options = self._options
        screened = options.pool > 0 and surrogate.trials >= FEWEST_TRIALS
        mutants = round(options.pool * options.mutants) if screened and elites else 0
        samples = [
            Candidate(trace.graph, "sample", trace)
            for trace in distribution.sample_many(rng, max(options.pool - mutants, 2 * count))
        ]
        if options.repeats:
            return samples[:count]
        plain = count
        taken: list[Candidate] = []
        if screened:
            plain = int(rng.binomial(count, options.explore))
            # The rest of the samples costs little to draw, and takes the place of known graphs.
            screened_samples = samples[: options.pool - mutants]
            pool = [*screened_samples, *self._mutants(mutants, elites, rng)]
            taken += self._screened(count - plain, pool, rng, surrogate, known)
        taken += _new(samples, count - len(taken), known)
        if len(taken) < count:
            taken += _new(self._strays(rng), count - len(taken), known)
        return taken

    def _mutants(
        self, count: int, elites: Sequence[CollaborationGraph], rng: np.random.Generator
    ) -> list[Candidate]:
        """Graphs one to three changes away from good ones, the better the more often."""
        found: list[Candidate] = []
        for _ in range(count):
            rank = int(len(elites) * rng.random() ** 2)
            graph: CollaborationGraph | None = elites[rank]
            for _ in range(min(int(rng.geometric(0.6)), 3)):
                graph = mutate(graph, self._space, rng) if graph is not None else None
            if graph is not None:
                found.append(Candidate(graph, "mutant"))
        return found

    def _screened(
        self,
        count: int,
        pool: Sequence[Candidate],
        rng: np.random.Generator,
        surrogate: Surrogate,
        known: set[str],
    ) -> list[Candidate]:
        features = self._matrix(pool)
        taken: list[Candidate] = []
        out = np.zeros(len(pool), dtype=bool)
        while len(taken) < count and not out.all():
            guessed = surrogate.draw(features, rng.standard_normal(len(self._features)))
            fresh = False
            while not fresh and not out.all():
                best = int(np.argmax(np.where(out, -np.inf, guessed)))
                out[best] = True
                key = pool[best].graph.key
                fresh = key not in known
                if fresh:
                    known.add(key)
                    taken.append(pool[best])
        return [replace(c, origin="screen") if c.origin == "sample" else c for c in taken]

    def _matrix(self, pool: Sequence[Candidate]) -> NDArray[np.float64]:
        graphs = [candidate.graph for candidate in pool]
        return self._features.matrix(graphs, [self._space.cost.graph(graph) for graph in graphs])

    def _strays(self, rng: np.random.Generator) -> Iterator[Candidate]:
        """Samples of the initial distribution, when the current one brings nothing new."""
        for trace in Distribution(self._space).sample_many(rng, TRIES):
            yield Candidate(trace.graph, "stray", trace)


def _new(
    candidates: Sequence[Candidate] | Iterator[Candidate], count: int, known: set[str]
) -> list[Candidate]:
    """The first `count` graphs that are not known, which they are then."""
    taken: list[Candidate] = []
    if count <= 0:
        return taken
    for candidate in candidates:
        if candidate.graph.key not in known:
            known.add(candidate.graph.key)
            taken.append(candidate)
            if len(taken) == count:
                break
    return taken
