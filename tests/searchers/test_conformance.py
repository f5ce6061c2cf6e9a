"""Every searcher keeps the promises of the protocol."""

import pytest

from graphsearch.searchers import make_searcher
from graphsearch.testing.searchers import SearcherConformance


class TestRandom(SearcherConformance):
    def make(self, space, seed):
        return make_searcher("random", space, seed=seed)


class TestExhaustive(SearcherConformance):
    seeded = False

    def make(self, space, seed):
        return make_searcher("exhaustive", space, seed=seed)

    def space(self):
        return self.tiny_space()

    rounds = 2
    per_round = 1


class TestReinforce(SearcherConformance):
    def make(self, space, seed):
        return make_searcher("reinforce", space, seed=seed)


class TestReinforceWithBaseline(SearcherConformance):
    def make(self, space, seed):
        return make_searcher("reinforce", space, seed=seed, options={"baseline": "leave_one_out"})


class TestAgentReinforce(SearcherConformance):
    rounds = 6  # past the plain graphs, which are the same for all seeds

    def make(self, space, seed):
        return make_searcher("agent-reinforce", space, seed=seed)


class TestAgentReinforceWithoutStarts(SearcherConformance):
    rounds = 6

    def make(self, space, seed):
        options = {"starts": 0, "mode_every": 2, "batch": 3}
        return make_searcher("agent-reinforce", space, seed=seed, options=options)


class TestPublished(SearcherConformance):
    def make(self, space, seed):
        return make_searcher("agent-reinforce", space, seed=seed, options={"preset": "published"})


class TestOptuna(SearcherConformance):
    def make(self, space, seed):
        return make_searcher("optuna", space, seed=seed)


class TestOptunaJournal(SearcherConformance):
    """With a journal file: a new searcher finds its predecessor's trials in it."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def make(self, space, seed):
        folder = self.folder / f"{seed}-{space.slots}"
        folder.mkdir(exist_ok=True)
        return make_searcher("optuna", space, seed=seed, folder=folder)


class TestOptunaNSGA2(SearcherConformance):
    rounds = 6  # past the first generation of 20

    def make(self, space, seed):
        return make_searcher("optuna", space, seed=seed, options={"sampler": "nsga2"})
