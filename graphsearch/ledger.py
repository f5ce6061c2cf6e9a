"""The ledger: what may be spent, what is held back for calls in flight, what was spent.

Every amount is kept as a whole number of quanta of its currency (`Spend`), so sums do not depend
on the order in which calls finish, and the ledger's totals equal the journal's sums to the last
digit. A spend takes three steps: `reserve` the worst case before a call is sent, then `settle`
with what it really used, or `release` when nothing was used. Spent plus reserved never passes a
limit; that is promise 2.

A ledger belongs to one event loop (or one thread). It writes nothing itself: a spend becomes
durable as part of the journal row of its call, and `restore` reads the totals back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.records.errors import BudgetReached, BudgetRefused

__all__ = [
    "ACCOUNTS",
    "NOTHING",
    "Booked",
    "Ledger",
    "Limit",
    "Reservation",
    "Spend",
    "Value",
]

Value = Decimal | int | float
"""An amount in natural units of its currency: whole tokens, dollars, seconds, ..."""

ACCOUNTS: Final = (
    "search",
    "agent",
    "judge",
    "selection",
    "judge-selection",
    "test",
    "judge-test",
    "baseline",
    "judge-baseline",
    "waste",
)
"""Accounts a study uses. Others may be booked too; an account exists once it is named."""

_INDEX: Final[dict[str, int]] = {name: place for place, name in enumerate(CURRENCIES)}
_SCALE: Final = (10**9, 1, 1, 1, 10**12, 10**9, 1)
assert len(_SCALE) == len(CURRENCIES)
_WHOLE: Final = frozenset({"flops", "flops_plain", "tokens", "calls"})


def _place(currency: str) -> int:
    try:
        return _INDEX[currency]
    except KeyError:
        known = ", ".join(CURRENCIES)
        raise BudgetRefused(f"unknown currency {currency!r}; known: {known}") from None


def _to_quanta(value: Value, scale: int) -> int:
    if isinstance(value, int):
        return value * scale
    exact = Decimal(value) * scale if isinstance(value, Decimal) else Decimal(repr(value)) * scale
    return int(exact.to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Spend:
    """One spend in every currency.

    Attributes:
        quanta: whole quanta by currency, in the order of `CURRENCIES`; None is unknown. A quantum
            is 1e-9 units, 1e-12 dollars, 1e-9 seconds, and one of each of the others.
    """

    quanta: tuple[int | None, ...]

    @classmethod
    def of(cls, values: Mapping[str, Value | None]) -> "Spend":
        """From natural amounts; fractions of a quantum are rounded up, absent ones are unknown."""
        for currency in values:
            _place(currency)
        return cls(
            tuple(
                None if (value := values.get(name)) is None else _to_quanta(value, scale)
                for name, scale in zip(CURRENCIES, _SCALE, strict=True)
            )
        )

    @classmethod
    def total(cls, spends: Iterable["Spend"]) -> "Spend":
        """The sum; a currency that is unknown in one of them is unknown in the sum."""
        sums: list[int | None] = [0] * len(CURRENCIES)
        for spend in spends:
            for place, part in enumerate(spend.quanta):
                known = sums[place]
                sums[place] = None if part is None or known is None else known + part
        return cls(tuple(sums))

    def __add__(self, other: "Spend") -> "Spend":
        return Spend.total((self, other))

    def or_else(self, other: "Spend") -> "Spend":
        """This spend, with the parts of `other` where it is unknown."""
        if None not in self.quanta:
            return self
        pairs = zip(self.quanta, other.quanta, strict=True)
        return Spend(tuple(theirs if mine is None else mine for mine, theirs in pairs))

    def get(self, currency: str) -> Decimal | int | None:
        """The amount in one currency: `int` for flops, tokens and calls, else `Decimal`."""
        place = _place(currency)
        part = self.quanta[place]
        return None if part is None else _natural(part, place)

    def values(self) -> dict[str, Decimal | int]:
        """All known amounts by currency."""
        return {
            name: _natural(part, place)
            for place, (name, part) in enumerate(zip(CURRENCIES, self.quanta, strict=True))
            if part is not None
        }

    def floats(self) -> dict[str, float]:
        """All known amounts by currency as floats, for records and plots."""
        return {name: float(value) for name, value in self.values().items()}


NOTHING: Final = Spend((0,) * len(CURRENCIES))
"""The spend of a call that was not made."""


def _natural(quanta: int, place: int) -> Decimal | int:
    if CURRENCIES[place] in _WHOLE:
        return quanta
    return Decimal(quanta) / _SCALE[place]


@dataclass(frozen=True, slots=True)
class Booked:
    """What an account holds, as a store sums it up.

    Attributes:
        known: sum of the parts that are known; never has an unknown one.
        unknown: by currency, in the order of `CURRENCIES`: spends whose part is unknown.
    """

    known: Spend
    unknown: tuple[int, ...] = (0,) * len(CURRENCIES)


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget over some accounts only.

    Attributes:
        amount: the most that may be spent.
        accounts: the accounts it covers; None covers all of them.
    """

    amount: Amount
    accounts: frozenset[str] | None = None

    def covers(self, account: str | None) -> bool:
        """Whether spends of `account` count; None asks whether it covers every account."""
        return self.accounts is None or account in self.accounts


class _Meter:
    """Running totals of one limit, in quanta of its currency."""

    __slots__ = ("limit", "most", "place", "reserved", "spent")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.place = _place(limit.amount.currency)
        self.most = _to_quanta(limit.amount.value, _SCALE[self.place])
        self.spent = 0
        self.reserved = 0

    def part(self, spend: Spend) -> int:
        """What `spend` takes of this limit."""
        part = spend.quanta[self.place]
        if part is None:
            currency = CURRENCIES[self.place]
            raise BudgetRefused(
                f"the budget of {self.limit.amount} cannot be kept: the cost of a call in "
                f"{currency} is unknown; give the model's prices or rates, or another budget"
            )
        return part


class Reservation:
    """Held-back budget of one call. Ends by `Ledger.settle` or `Ledger.release`, once."""

    __slots__ = ("account", "is_open", "spend")

    def __init__(self, account: str, spend: Spend) -> None:
        self.account = account
        self.spend = spend
        self.is_open = True


class Ledger:
    """The budgets of a study and what became of them.

    Args:
        budgets: limits in any currencies; a plain `Amount` covers all accounts. None at all is
            fine: then everything is booked and nothing refused.
    """

    def __init__(self, budgets: Sequence[Amount | Limit] = ()) -> None:
        limits = [b if isinstance(b, Limit) else Limit(b) for b in budgets]
        self._meters = [_Meter(limit) for limit in limits]
        self._by_account: dict[str, list[_Meter]] = {}
        self._spent: dict[str, list[int]] = {}
        self._unknown: dict[str, list[int]] = {}
        self._open = 0
        self.overruns = 0
        """Calls that used more than their worst case, which an engine should make impossible."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits in force."""
        return tuple(meter.limit for meter in self._meters)

    @property
    def open_reservations(self) -> int:
        """Reservations that are neither settled nor released."""
        return self._open

    @property
    def accounts(self) -> tuple[str, ...]:
        """Accounts with a booking, sorted."""
        return tuple(sorted(self._spent))

    def _covering(self, account: str) -> list[_Meter]:
        meters = self._by_account.get(account)
        if meters is None:
            meters = [meter for meter in self._meters if meter.limit.covers(account)]
            self._by_account[account] = meters
        return meters

    def reserve(self, account: str, estimate: Spend | Mapping[str, Value | None]) -> Reservation:
        """Hold back the worst case of a call.

        Raises:
            BudgetReached: a limit does not cover it; nothing is held back.
            BudgetRefused: it is unknown in the currency of a limit.
        """
        spend = estimate if isinstance(estimate, Spend) else Spend.of(estimate)
        meters = self._covering(account)
        for meter in meters:
            if meter.spent + meter.reserved + meter.part(spend) > meter.most:
                raise BudgetReached(self._reached(meter, spend))
        for meter in meters:
            meter.reserved += meter.part(spend)
        self._open += 1
        return Reservation(account, spend)

    @staticmethod
    def _reached(meter: _Meter, spend: Spend) -> str:
        need = _natural(meter.part(spend), meter.place)
        free = _natural(meter.most - meter.spent - meter.reserved, meter.place)
        return f"the budget of {meter.limit.amount} has {free} left; the next call may take {need}"

    def settle(
        self,
        reservation: Reservation,
        actual: Spend | Mapping[str, Value | None],
        *,
        account: str | None = None,
    ) -> None:
        """Book what the call really used, and free the rest of what was held back.

        Args:
            reservation: what `reserve` gave.
            actual: what was used.
            account: where to book it, when not where it was reserved (`waste`, say).

        Raises:
            ValueError: the reservation has already ended.
        """
        spend = actual if isinstance(actual, Spend) else Spend.of(actual)
        self._close(reservation)
        for used, held in zip(spend.quanta, reservation.spend.quanta, strict=True):
            if used is not None and held is not None and used > held:
                self.overruns += 1
                break
        self.book(reservation.account if account is None else account, spend)

    def release(self, reservation: Reservation) -> None:
        """Give all of it back; does nothing to a reservation that has already ended."""
        if reservation.is_open:
            self._close(reservation)

    def _close(self, reservation: Reservation) -> None:
        if not reservation.is_open:
            raise ValueError("this reservation has already been settled or released")
        reservation.is_open = False
        self._open -= 1
        for meter in self._covering(reservation.account):
            meter.reserved -= meter.part(reservation.spend)

    def book(self, account: str, spend: Spend) -> None:
        """Book a spend that has happened, whatever the limits say."""
        sums = self._spent.get(account)
        if sums is None:
            sums = self._spent[account] = [0] * len(CURRENCIES)
        for place, part in enumerate(spend.quanta):
            if part is None:
                self._unknown.setdefault(account, [0] * len(CURRENCIES))[place] += 1
            else:
                sums[place] += part
        for meter in self._covering(account):
            part = spend.quanta[meter.place]
            if part is not None:
                meter.spent += part

    def restore(self, totals: Mapping[str, Booked]) -> None:
        """Start from totals by account that a store has kept.

        Raises:
            ValueError: something has already been booked or reserved.
        """
        if self._spent or self._open:
            raise ValueError("a ledger can only be restored before its first booking")
        for account, booked in totals.items():
            self.book(account, booked.known)
            if any(booked.unknown):
                self._unknown[account] = list(booked.unknown)

    def booked(self) -> dict[str, Booked]:
        """Everything booked so far, by account; what `restore` takes."""
        nothing = [0] * len(CURRENCIES)
        return {
            account: Booked(Spend(tuple(sums)), tuple(self._unknown.get(account, nothing)))
            for account, sums in sorted(self._spent.items())
        }

    def spent(self, currency: str, account: str | None = None) -> Decimal | int:
        """Everything booked in a currency, of one account or of all."""
        place = _place(currency)
        sums = self._spent
        accounts = sums if account is None else [account] if account in sums else []
        return _natural(sum(sums[name][place] for name in accounts), place)

    def unknown(self, currency: str, account: str | None = None) -> int:
        """Spends that could not be priced in a currency, and so are missing from `spent`."""
        place = _place(currency)
        rows = self._unknown
        accounts = rows if account is None else [account] if account in rows else []
        return sum(rows[name][place] for name in accounts)

    def reserved(self, currency: str) -> Decimal | int:
        """Most that is held back now by any limit of this currency."""
        place = _place(currency)
        held = [meter.reserved for meter in self._meters if meter.place == place]
        return _natural(max(held, default=0), place)

    def left(self, currency: str, account: str | None = None) -> Decimal | int | None:
        """What can still be reserved, or None where no limit of this currency applies.

        Args:
            currency: the currency asked about.
            account: the account that would spend; None looks at limits over all accounts only.
        """
        place = _place(currency)
        free = [
            meter.most - meter.spent - meter.reserved
            for meter in self._meters
            if meter.place == place and meter.limit.covers(account)
        ]
        return _natural(min(free), place) if free else None

    def would_cover(
        self, estimate: Spend | Mapping[str, Value | None], account: str = "search"
    ) -> bool:
        """Whether `reserve` would accept this estimate now; holds nothing back.

        Raises:
            BudgetRefused: it is unknown in the currency of a limit.
        """
        spend = estimate if isinstance(estimate, Spend) else Spend.of(estimate)
        return all(
            meter.spent + meter.reserved + meter.part(spend) <= meter.most
            for meter in self._covering(account)
        )
