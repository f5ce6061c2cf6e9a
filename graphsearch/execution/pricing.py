"""What a call costs, in all currencies at once."""

from collections.abc import Sequence
from typing import Final

from graphsearch.cost import CURRENCIES, CostModel, Currency
from graphsearch.engines.base import Engine
from graphsearch.ledger import Spend
from graphsearch.records.calls import Message, Usage
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import TokenProfile

__all__ = ["Pricer", "prompt_bound"]

_REMEMBERED: Final = 100_000
_PROBE: Final = "The 37 naïve cafés of 東京 sold 1,234.56 € of tea;\n\tdef f(x): return x**2  # αβ"
"""Tokenizers that make as many tokens of this are taken to be one."""
_TEMPLATE_TOKENS: Final = 16
_UNIT_QUANTA: Final = 10**9
_ONE_CALL: Final = Spend.of({"calls": 1})


class Pricer:
    """Prices single calls of a fleet by the formulas of `graphsearch.cost`.

    What a model cannot be priced in is unknown in its spends, never zero. `seconds` are those of
    the model's rates, not of a clock, so that equal calls cost the same on every machine.

    Args:
        fleet: the models.
        profile: mean lengths of the task, which fix what one unit is.
    """

    def __init__(self, fleet: Fleet, profile: TokenProfile) -> None:
        self._models: dict[Currency, CostModel] = {
            currency: CostModel(fleet, profile, currency) for currency in CURRENCIES
        }
        units = self._models["units"]
        # Where the unit model's size is unknown no model has a price in units, see `_price`.
        self._unit = 1 if units.can_price(fleet.unit_model) else units.unit_flops
        self._known: dict[tuple[str, int, int], Spend] = {}

    def spend(self, model: str, usage: Usage) -> Spend:
        """Price of one call; where its tokens are unknown, so is every price but the count.

        Raises:
            FleetError: the fleet has no such model.
        """
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return _ONE_CALL
        key = (model, usage.prompt_tokens, usage.completion_tokens)
        spend = self._known.get(key)
        if spend is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            spend = self._known[key] = self._price(model, usage)
        return spend

    def worst(self, model: str, prompt_tokens: int, max_tokens: int) -> Spend:
        """Most that a call of at most these tokens can cost; no price falls with more tokens."""
        return self.spend(model, Usage(prompt_tokens, max_tokens, 1))

    def _price(self, model: str, usage: Usage) -> Spend:
        usage = Usage(usage.prompt_tokens, usage.completion_tokens, 1)
        parts: list[int | None] = []
        for currency, priced in self._models.items():
            if priced.can_price(model) is not None:
                parts.append(None)
                continue
            ticks = priced.usage_ticks(model, usage)
            # The ticks of a unit are FLOPs; a quantum of the ledger is 1e-9 units.
            parts.append(-(-ticks * _UNIT_QUANTA // self._unit) if currency == "units" else ticks)
        return Spend(tuple(parts))


def prompt_bound(engine: Engine, model: str, messages: Sequence[Message], overhead: int) -> int:
    """Most prompt tokens that a prompt can have, `overhead` of them a message for the template.

    Where the engine cannot count, a token is at least one byte of text.
    """
    total = 0
    for message in messages:
        count = engine.count_tokens(model, message.content)
        if count is None:
            total += len(message.content.encode()) + max(overhead, _TEMPLATE_TOKENS)
        else:
            total += count + overhead
    return total


def token_stretch(writing: Engine, writer: str, reading: Engine, reader: str) -> int:
    """How many tokens of one model a token that another one wrote may be.

    Args:
        writing: engine of the model `writer`.
        writer: who wrote.
        reading: engine of the model `reader`.
        reader: who reads it.
    """
    if writer == reader:
        return 1
    counts = {writing.count_tokens(writer, _PROBE), reading.count_tokens(reader, _PROBE)}
    return 2 if len(counts) > 1 or None in counts else 1
