"""What every searcher must do, as tests that outside searchers can import.

class TestMine(SearcherConformance):
    def make(self, space, seed):
        return MySearcher(space, seed=seed)
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from graphsearch.cost import PROFILES, CostModel
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import StoreError
from graphsearch.records.models import Fleet
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState
from graphsearch.searchers.base import Advice, Advisable, Edit, Restorable, Searcher
from graphsearch.space import Space
from graphsearch.testing.landscape import LANDSCAPES
from graphsearch.testing.roles import stand_in_roles

__all__ = ["SearcherConformance"]


class SearcherConformance:
    """Tests of the `Searcher` protocol; subclasses say how to make one.

    Attributes:
        seeded: whether other seeds bring other proposals.
        rounds, per_round: how much of a search the tests play.
        state_limit: most bytes a state may have after that.
    """

    seeded = True
    rounds = 4
    per_round = 4
    state_limit = 150_000

    def make(self, space: Space, seed: int) -> Searcher:
        """A new searcher."""
        raise NotImplementedError

    def space(self) -> Space:
        """A space of middling size."""
        cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=stand_in_roles())
        return Space.build(cost, "18 units", slots=3, models=("llama-1b", "llama-3b", "llama-8b"))

    def tiny_space(self) -> Space:
        """A space of a few graphs."""
        cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=stand_in_roles())
        return Space.build(cost, "3 units", slots=2, models=("llama-1b",))

    # -- helpers -------------------------------------------------------------------------------

    def play(
        self, searcher: Searcher, space: Space, *, rounds: int, first: int = 0
    ) -> list[list[Proposal]]:
        """Rounds of ask and tell on a landscape; the proposals of each."""
        asked: list[list[Proposal]] = []
        for round_ in range(first, first + rounds):
            proposals = list(searcher.ask(self.per_round))
            searcher.tell(self.trials(proposals, space, round_))
            asked.append(proposals)
        return asked

    def trials(self, proposals: Sequence[Proposal], space: Space, round_: int) -> list[TrialRecord]:
        """Finished trials of proposals."""
        landscape = LANDSCAPES["mixing"]
        items = range(8 * round_, 8 * round_ + 8)
        return [
            landscape.trial(
                p, round_ * self.per_round + i, round_, items, space.cost.graph(p.graph)
            )
            for i, p in enumerate(proposals)
        ]

    @staticmethod
    def keys(asked: Sequence[Sequence[Proposal]]) -> list[list[str]]:
        """Canonical keys of proposals."""
        return [[p.graph.key for p in proposals] for proposals in asked]

    # -- what is promised ----------------------------------------------------------------------

    def test_proposals_are_in_the_space_and_within_the_budget(self) -> None:
        """Promise 1: nothing outside the space, nothing over the budget."""
        space = self.space()
        for proposals in self.play(self.make(space, 0), space, rounds=self.rounds):
            assert 0 < len(proposals) <= self.per_round
            for proposal in proposals:
                assert space.why_not(proposal.graph) is None

    def test_info_is_json(self) -> None:
        """A proposal goes through the store and comes back."""
        space = self.space()
        for proposal in self.make(space, 0).ask(self.per_round):
            assert json.loads(json.dumps(proposal.info)) == proposal.info

    def test_same_seed_same_search(self) -> None:
        """Promise 6."""
        space = self.space()
        first = self.play(self.make(space, 3), space, rounds=self.rounds)
        again = self.play(self.make(space, 3), space, rounds=self.rounds)
        assert self.keys(first) == self.keys(again)
        assert [[p.info for p in r] for r in first] == [[p.info for p in r] for r in again]

    def test_other_seed_other_search(self) -> None:
        """A seed is used."""
        if not self.seeded:
            pytest.skip("this searcher has no randomness")
        space = self.space()
        first = self.play(self.make(space, 1), space, rounds=self.rounds)
        other = self.play(self.make(space, 2), space, rounds=self.rounds)
        assert self.keys(first) != self.keys(other)

    def test_asked_and_told_the_same_it_stands_where_the_first_one_stands(self) -> None:
        """Promise 5: so a search goes on, from records that have been on disk."""
        space = self.space()
        for k in (self.per_round, 1):
            first, again = self.make(space, 5), self.make(space, 5)
            for round_ in range(self.rounds):
                asked, repeated = list(first.ask(k)), list(again.ask(k))
                assert self.keys([asked]) == self.keys([repeated])
                told = self.trials(asked, space, round_)
                first.tell(told)
                kept = []
                for trial in told:  # as records come back from a store
                    given = trial.proposal
                    graph = CollaborationGraph.from_json(given.graph.to_json())
                    info = json.loads(json.dumps(given.info))
                    kept.append(replace(trial, proposal=Proposal(graph, given.origin, info)))
                again.tell(kept)

    def restorable(self, space: Space, seed: int) -> Restorable:
        """A searcher that keeps a state; others skip the test."""
        searcher = self.make(space, seed)
        if not isinstance(searcher, Restorable):
            pytest.skip("this searcher is asked and told its history again")
        return searcher

    def test_a_state_goes_on_where_it_was_taken(self) -> None:
        """A searcher made anew from a state proposes what the first one would."""
        space = self.space()
        searcher: Any = self.restorable(space, 5)
        for k in (self.per_round, 1):
            for round_ in range(self.rounds):
                state = json.loads(json.dumps(searcher.state()))
                resumed: Any = self.make(space, 5)
                resumed.load_state(state)
                assert resumed.state() == searcher.state()
                asked, again = list(searcher.ask(k)), list(resumed.ask(k))
                assert self.keys([asked]) == self.keys([again])
                told = self.trials(asked, space, round_)
                searcher.tell(told)
                resumed.tell(told)
                assert resumed.state() == searcher.state()

    def test_a_state_stays_small(self) -> None:
        """It is written after every round."""
        space = self.space()
        searcher: Any = self.restorable(space, 0)
        self.play(searcher, space, rounds=self.rounds * 2)
        assert len(json.dumps(searcher.state())) <= self.state_limit

    @pytest.mark.parametrize("change", [{"version": 999}, {"searcher": "another"}])
    def test_a_foreign_state_is_refused(self, change: dict[str, Any]) -> None:
        """Never half understood."""
        searcher = self.restorable(self.space(), 0)
        with pytest.raises(StoreError):
            searcher.load_state({**searcher.state(), **change})

    def test_trials_without_scores_teach_nothing_and_break_nothing(self) -> None:
        """Promise 4: an infrastructure error is never a score."""
        space = self.space()
        searcher = self.make(space, 0)
        proposals = list(searcher.ask(self.per_round))
        failed = [
            TrialRecord(
                number=i,
                round=0,
                proposal=p,
                state=TrialState.FAILED,
                results=(ItemResult("item-0", None, Outcome.TIMEOUT),),
                expected_cost=space.cost.graph(p.graph),
            )
            for i, p in enumerate(proposals)
        ]
        searcher.tell(failed)
        assert len(self.play(searcher, space, rounds=1, first=1)[0]) > 0

    def test_trials_stopped_early_are_taken(self) -> None:
        """A race leaves trials with fewer items than their rivals."""
        space = self.space()
        searcher = self.make(space, 0)
        told = self.trials(list(searcher.ask(self.per_round)), space, 0)
        short = [
            replace(trial, state=TrialState.STOPPED, results=trial.results[: 2 + i])
            for i, trial in enumerate(told)
        ]
        searcher.tell(short)
        assert len(self.play(searcher, space, rounds=1, first=1)[0]) > 0

    def test_a_tiny_space_comes_to_an_end_or_repeats(self) -> None:
        """Asking never hangs, and what is proposed is always allowed."""
        space = self.tiny_space()
        searcher = self.make(space, 0)
        for proposals in self.play(searcher, space, rounds=self.rounds):
            assert all(space.why_not(p.graph) is None for p in proposals)

    def test_advice_is_taken_and_bad_advice_survived(self) -> None:
        """For searchers that can be advised."""
        space = self.space()
        searcher = self.make(space, 0)
        if not isinstance(searcher, Advisable):
            pytest.skip("this searcher takes no advice")
        self.play(searcher, space, rounds=1)
        view = searcher.view({"budgets": {"units": {"left": 5.0}}})
        json.dumps([view.space, view.budgets, view.table, view.best, view.worst, view.extra])
        assert view.best
        assert all(0.0 <= p <= 1.0 for p in view.table.values())
        for advice in (
            None,
            Advice(),
            Advice(edits=(Edit("no such name", 1.0), Edit("1->sink", 1e9), Edit("1->2", -1e9))),
        ):
            searcher.take_advice(advice)
            searcher.view({})
            assert self.play(searcher, space, rounds=1, first=1)[0]
