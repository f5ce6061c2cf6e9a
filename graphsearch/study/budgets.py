"""Which accounts the budgets of a study cover."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from graphsearch.ledger import Ledger, Limit
from graphsearch.records.events import BudgetState

if TYPE_CHECKING:
    from graphsearch.cost import Amount

__all__ = [
    "ASKED_ONCE",
    "EVALUATION",
    "SEARCH",
    "SELECTION",
    "SELECTION_SHARE",
    "limits_of",
    "standing",
    "states_of",
]

SEARCH: Final = frozenset({"search", "agent", "judge", "waste"})
"""Accounts of the search itself."""
SELECTION: Final = frozenset({"selection", "judge-selection"})
"""Accounts of the selection."""
EVALUATION: Final = frozenset({"test", "judge-test", "baseline", "judge-baseline"})
"""Accounts of what is measured after the winner is fixed."""
ASKED_ONCE: Final = frozenset(
    {"agent", "waste", "judge", "judge-selection", "judge-test", "judge-baseline"}
)
"""Accounts whose calls are no graph's."""

SELECTION_SHARE: Final = 0.3
"""Part of the reserve that selection may take, so that the test always keeps the rest."""


def limits_of(
    search: "Sequence[Amount]", evaluation: "Sequence[Amount]", *, reserve: float
) -> list[Limit]:
    """The limits of a study's ledger.

    The search budget limits everything (or, with an evaluation budget, everything but test and
    baselines). Inside it the search leaves the reserve alone, and the selection leaves the test's
    part of the reserve alone.

    Args:
        search: the search budget, one amount a currency.
        evaluation: budget of test and baselines; empty: they are part of the search budget.
        reserve: share of the search budget kept from the search.
    """
    kept = Decimal(str(reserve))
    selection = kept * Decimal(str(SELECTION_SHARE))
    limits: list[Limit] = []
    for amount in search:
        if evaluation:
            limits.append(Limit(amount, SEARCH | SELECTION))
            limits.append(Limit(_part(amount, 1 - selection), SEARCH))
        else:
            limits.append(Limit(amount))
            limits.append(Limit(_part(amount, 1 - kept + selection), SEARCH | SELECTION))
            limits.append(Limit(_part(amount, 1 - kept), SEARCH))
    return limits + [Limit(amount, EVALUATION) for amount in evaluation]


def standing(
    ledger: Ledger, search: "Sequence[Amount]", evaluation: "Sequence[Amount]"
) -> tuple[BudgetState, ...]:
    """The budgets of a study as they stand: search first, then evaluation where it has its own."""
    if not evaluation:
        return states_of(ledger, search)
    return (
        *states_of(ledger, search, sorted(SEARCH | SELECTION)),
        *states_of(ledger, evaluation, sorted(EVALUATION)),
    )


def states_of(
    ledger: Ledger, amounts: "Sequence[Amount]", accounts: Sequence[str] | None = None
) -> tuple[BudgetState, ...]:
    """Allowed, spent and left of budgets that cover `accounts` (None: all of them)."""
    states = []
    for amount in amounts:
        names = ledger.accounts if accounts is None else accounts
        spent = sum(Decimal(ledger.spent(amount.currency, name)) for name in names)
        allowed = amount.exact
        states.append(
            BudgetState(amount.currency, float(allowed), float(spent), float(allowed - spent))
        )
    return tuple(states)


def _part(amount: "Amount", share: Decimal) -> "Amount":
    from graphsearch.cost import Amount

    value = amount.exact * share
    if amount.currency in {"flops", "flops_plain", "tokens", "calls"}:
        return Amount(int(value), amount.currency)
    return Amount(value, amount.currency)
