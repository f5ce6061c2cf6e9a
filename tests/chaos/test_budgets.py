"""Randomised runs never pass their budget; `python -m benchmarks.budgets` makes a thousand."""

import pytest

from benchmarks import budgets
from graphsearch.ledger import NOTHING, Ledger


@pytest.mark.parametrize(("kind", "runs"), [("engine", 10), ("http", 6), ("search", 4)])
def test_no_budget_is_passed(kind, runs):
    seen = budgets.measure(runs, only=kind)
    assert seen["kinds"] == {kind: runs}
    assert seen["stopped_by_the_budget"] > 0
    assert seen["overruns"] == 0, seen["overrun_by"]
    assert seen["used_at_most"] > 0.5, "the budgets were far away"
    assert seen["runs_with_unbooked_tokens"] == 0
    assert seen["reservations_left_open"] == 0
    assert seen["ledgers_that_differ_from_journals"] == 0


def test_an_overrun_would_be_seen(monkeypatch):
    def reserve(self, account, estimate):
        """Looks at what was spent, but holds nothing back for what is under way."""
        self.release(real(self, account, estimate))
        return real(self, account, NOTHING)

    real = Ledger.reserve
    monkeypatch.setattr(Ledger, "reserve", reserve)
    assert budgets.measure(10, only="engine")["overruns"] > 0
