"""The ledger: nothing passes a limit, nothing is lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.ledger import NOTHING, Booked, Ledger, Limit, Spend
from graphsearch.records.errors import BudgetReached, BudgetRefused

TOKENS = CURRENCIES.index("tokens")


def tokens(count):
    return Spend.of(dict.fromkeys(CURRENCIES, count))


def test_a_spend_is_reserved_then_settled():
    ledger = Ledger([Amount(100, "tokens")])
    reservation = ledger.reserve("search", {"tokens": 60})
    assert ledger.left("tokens") == 40
    assert ledger.reserved("tokens") == 60
    ledger.settle(reservation, {"tokens": 25})
    assert (ledger.spent("tokens"), ledger.left("tokens"), ledger.reserved("tokens")) == (25, 75, 0)
    assert ledger.spent("tokens", "search") == 25
    assert ledger.spent("tokens", "agent") == 0


def test_a_release_gives_all_of_it_back_and_may_come_after_the_settling():
    ledger = Ledger([Amount(100, "tokens")])
    first = ledger.reserve("search", {"tokens": 60})
    ledger.release(first)
    ledger.release(first)
    assert ledger.left("tokens") == 100
    second = ledger.reserve("search", {"tokens": 60})
    ledger.settle(second, {"tokens": 10})
    ledger.release(second)
    assert ledger.left("tokens") == 90
    with pytest.raises(ValueError, match="already"):
        ledger.settle(second, {"tokens": 1})


def test_what_does_not_fit_is_refused_and_says_what_is_left():
    ledger = Ledger([Amount(100, "tokens")])
    ledger.reserve("search", {"tokens": 90})
    with pytest.raises(BudgetReached, match="100 tokens has 10 left; the next call may take 11"):
        ledger.reserve("search", {"tokens": 11})
    assert not ledger.would_cover({"tokens": 11})
    assert ledger.would_cover({"tokens": 10})
    assert ledger.reserved("tokens") == 90


def test_a_limit_covers_its_accounts_only():
    ledger = Ledger(
        [Amount(100, "calls"), Limit(Amount(30, "calls"), frozenset({"search", "agent"}))]
    )
    ledger.settle(ledger.reserve("search", {"calls": 20}), {"calls": 20})
    assert not ledger.would_cover({"calls": 11}, "agent")
    assert ledger.would_cover({"calls": 80}, "test")
    assert ledger.left("calls", "agent") == 10
    assert ledger.left("calls") == 80
    assert ledger.left("usd") is None


def test_an_unknown_cost_is_refused_where_its_currency_is_limited_and_counted_elsewhere():
    limited = Ledger([Amount(Decimal(1), "usd")])
    with pytest.raises(BudgetRefused, match="usd is unknown"):
        limited.reserve("search", {"tokens": 5})
    free = Ledger([Amount(100, "tokens")])
    free.settle(free.reserve("search", {"tokens": 5}), {"tokens": 5})
    assert free.spent("usd") == 0
    assert free.unknown("usd") == 1
    assert free.unknown("tokens") == 0


def test_a_failed_call_can_be_settled_in_another_account():
    ledger = Ledger([Amount(100, "tokens")])
    reservation = ledger.reserve("search", {"tokens": 60})
    ledger.settle(reservation, {"tokens": 7}, account="waste")
    assert (ledger.spent("tokens", "search"), ledger.spent("tokens", "waste")) == (0, 7)
    assert ledger.left("tokens") == 93


def test_using_more_than_the_worst_case_is_booked_and_counted():
    ledger = Ledger([Amount(100, "tokens")])
    ledger.settle(ledger.reserve("search", {"tokens": 10}), {"tokens": 12})
    assert ledger.spent("tokens") == 12
    assert ledger.overruns == 1


def test_sums_are_exact_where_floats_are_not():
    ledger = Ledger()
    for _ in range(10):
        ledger.book("search", Spend.of({"usd": Decimal("0.1"), "units": 0.1, "flops": 10**18}))
    assert ledger.spent("usd") == 1
    assert ledger.spent("units") == 1
    assert ledger.spent("flops") == 10**19


def test_unknown_currencies_are_named():
    with pytest.raises(BudgetRefused, match="unknown currency 'yen'"):
        Spend.of({"yen": 1})
    with pytest.raises(BudgetRefused, match="unknown currency 'yen'"):
        Ledger().spent("yen")


def test_a_sum_with_an_unknown_part_is_unknown():
    total = Spend.total([Spend.of({"tokens": 1, "usd": 1}), Spend.of({"tokens": 2})])
    assert total.get("tokens") == 3
    assert total.get("usd") is None
    assert "usd" not in total.values()
    assert NOTHING + NOTHING == NOTHING


def test_what_was_booked_can_be_restored_once():
    ledger = Ledger([Amount(100, "tokens")])
    ledger.book("search", Spend.of({"tokens": 40}))
    ledger.book("waste", Spend.of({"tokens": 2, "usd": 1}))
    again = Ledger([Amount(100, "tokens")])
    again.restore(ledger.booked())
    assert again.booked() == ledger.booked()
    assert again.left("tokens") == 58
    assert again.unknown("usd", "search") == 1
    with pytest.raises(ValueError, match="before its first booking"):
        again.restore({"search": Booked(NOTHING)})


@given(
    limit=st.integers(0, 200),
    part=st.integers(0, 200),
    moves=st.lists(
        st.tuples(
            st.sampled_from(["reserve", "settle", "release", "fail"]),
            st.sampled_from(["search", "agent", "test"]),
            st.integers(0, 60),
            st.fractions(0, 1),
            st.integers(0, 10),
        ),
        max_size=60,
    ),
)
def test_no_limit_is_ever_passed_and_sums_agree(limit, part, moves):
    inner = frozenset({"search", "agent"})
    ledger = Ledger([Amount(limit, "tokens"), Limit(Amount(part, "tokens"), inner)])
    held, booked = [], []
    for move, account, count, share, pick in moves:
        if move == "reserve":
            fits = ledger.would_cover(tokens(count), account)
            try:
                held.append((ledger.reserve(account, tokens(count)), count))
            except BudgetReached:
                assert not fits
            else:
                assert fits
        elif held:
            reservation, most = held.pop(pick % len(held))
            used = int(Fraction(share) * most)
            if move == "release":
                ledger.release(reservation)
            else:
                ledger.settle(reservation, tokens(used))
                booked.append((reservation.account, used))
        outstanding = sum(count for _, count in held)
        spent = sum(used for _, used in booked)
        assert ledger.spent("tokens") == spent
        assert spent + outstanding <= limit
        of_inner = sum(count for r, count in held if r.account in inner)
        of_inner += sum(used for account, used in booked if account in inner)
        assert of_inner <= part
        assert ledger.left("tokens") == limit - spent - outstanding
        assert ledger.open_reservations == len(held)
