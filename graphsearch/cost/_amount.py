"""`Amount`: a number with its currency."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from graphsearch.records.errors import ConfigError

__all__ = ["CURRENCIES", "Amount", "Currency"]

Currency = Literal["units", "flops", "flops_plain", "tokens", "usd", "seconds", "calls"]
"""What costs are counted in.

`units` are FLOPs over those of one parentless call of the fleet's unit model; `flops_plain` is
the estimate 2·M·tokens, without attention.
"""

CURRENCIES: tuple[Currency, ...] = get_args(Currency)

_WHOLE = frozenset({"flops", "flops_plain", "tokens", "calls"})
_WORDS: dict[str, tuple[Currency, int]] = {
    "units": ("units", 1),
    "unit": ("units", 1),
    "u": ("units", 1),
    "flops": ("flops", 1),
    "flop": ("flops", 1),
    "flops_plain": ("flops_plain", 1),
    "tokens": ("tokens", 1),
    "token": ("tokens", 1),
    "usd": ("usd", 1),
    "$": ("usd", 1),
    "dollars": ("usd", 1),
    "dollar": ("usd", 1),
    "seconds": ("seconds", 1),
    "second": ("seconds", 1),
    "sec": ("seconds", 1),
    "s": ("seconds", 1),
    "minutes": ("seconds", 60),
    "minute": ("seconds", 60),
    "min": ("seconds", 60),
    "hours": ("seconds", 3600),
    "hour": ("seconds", 3600),
    "h": ("seconds", 3600),
    "calls": ("calls", 1),
    "call": ("calls", 1),
}
_SHAPE = re.compile(
    r"\s*(?P<before>\$)?\s*(?P<number>[+-]?[0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"\s*(?P<word>\$|[A-Za-z_]+)?\s*"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its currency.

    Attributes:
        value: Decimal for units and dollars, int for FLOPs, tokens and calls, float for seconds.
        currency: what it counts.
    """

    value: Decimal | int | float
    currency: Currency

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise ConfigError(
                f"unknown currency {self.currency!r}; known are {', '.join(CURRENCIES)}"
            )
        given, currency = self.value, self.currency
        if isinstance(given, bool) or not isinstance(given, (int, float, Decimal)):
            raise ConfigError(f"expected a number of {currency}, got {given!r}")
        try:
            number = given if isinstance(given, Decimal) else Decimal(str(given))
        except InvalidOperation as error:
            raise ConfigError(f"expected a number of {currency}, got {given!r}") from error
        if not number.is_finite():
            raise ConfigError(f"expected a finite number of {currency}, got {given}")
        value: Decimal | int | float = float(number) if currency == "seconds" else number
        if currency in _WHOLE:
            if number != number.to_integral_value():
                raise ConfigError(f"{currency} come whole, got {given}")
            value = int(number)
        object.__setattr__(self, "value", value)

    @property
    def exact(self) -> Decimal:
        """The value as an exact decimal."""
        return (
            Decimal(self.value) if not isinstance(self.value, float) else Decimal(str(self.value))
        )

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        text = format(self.exact, "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return f"{text} {self.currency}"

    @classmethod
    def parse(cls, text: "str | Amount", *, where: str | None = None) -> "Amount":
        """Read `18 units`, `0.002usd`, `$5`, `3e15 flops`, `90 s`, `2 h`, `40 calls`.

        Args:
            text: number and currency; an `Amount` is given back as it is.
            where: path to the value, for errors.

        Raises:
            ConfigError: no number, no or an unknown currency, or not above 0.
        """
        if isinstance(text, Amount):
            return text
        match = _SHAPE.fullmatch(text) if isinstance(text, str) else None
        word = (match["word"] or match["before"] or "").lower() if match else ""
        if match is None or not word or (match["word"] and match["before"]):
            raise ConfigError(
                f"expected a number with its currency such as '18 units' or '5 usd', got {text!r}",
                where=where,
            )
        if word not in _WORDS:
            raise ConfigError(
                f"unknown currency {match['word']!r} in {text!r}; known are "
                f"{', '.join(CURRENCIES)}",
                where=where,
            )
        currency, factor = _WORDS[word]
        value = Decimal(re.sub("[_,]", "", match["number"])) * factor
        if value <= 0:
            raise ConfigError(f"must be above 0, got {text!r}", where=where)
        try:
            return cls(value, currency)
        except ConfigError as error:
            raise ConfigError(str(error), where=where) from error
