"""`PriceList`: prices of one date, and what a fleet takes from it.

A file of prices is YAML:

    as_of: "2026-11-01"
    source: our contract            # optional; the file's name when left out
    models:
      openai/gpt-4o-mini: {input_price: "0.15", output_price: "0.60", context: 128_000}
      qwen-0.5b: {input_price: "0.02", output_price: "0.06"}

Prices are in USD per million tokens; what is left out is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field, field_validator

from graphsearch.records import fields
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec

__all__ = ["Price", "PriceList", "with_prices"]

_SHIPPED: Final = Path(__file__).parent / "prices.yaml"


class _PriceFile(BaseModel):
    """What a file of prices holds; its rows are checked one by one."""

    as_of: date = Field(None, validate_default=True)
    source: fields.Note = ""
    models: dict[str, Any] = Field(None, validate_default=True)

    @field_validator("as_of", mode="before")
    @classmethod
    def _day(cls, value: Any) -> date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"expected the date of the prices such as '2026-11-01', got {value!r}"
            ) from None


@dataclass(frozen=True, slots=True)
class Price:
    """What is known of a model.

    Attributes:
        input_price: USD per million prompt tokens, None when unknown.
        output_price: USD per million completion tokens, None when unknown.
        context: most tokens that it reads at this price, None when unknown.
    """

    input_price: fields.Price | None = None
    output_price: fields.Price | None = None
    context: fields.Whole | None = None


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of one date.

    Attributes:
        as_of: the date they were true.
        source: where they come from.
        models: by `provider/model` as LiteLLM writes it, or by a model's name in the fleet.
    """

    as_of: date
    source: str
    models: Mapping[str, Price]

    @property
    def note(self) -> str:
        """Source and date, as a model's `price_source`."""
        return f"{self.source}, as of {self.as_of.isoformat()}"

    def of(self, spec: ModelSpec) -> Price | None:
        """The entry of a model, by its name at its endpoint, then by its name in the fleet."""
        if spec.served_name is not None and spec.served_name in self.models:
            return self.models[spec.served_name]
        return self.models.get(spec.name)

    @classmethod
    def load(cls, path: str | Path | None = None) -> "PriceList":
        """The list in a file, or the one that comes along.

        Raises:
            FleetError: the file cannot be read, with the path to the bad value.
        """
        if path is None:
            return _shipped()
        from graphsearch.yamlfile import read_yaml

        return cls.from_json(read_yaml(Path(path), error=FleetError), where=str(path))

    @classmethod
    def from_json(cls, data: Any, *, where: str = "prices") -> "PriceList":
        """Read a list and check every field.

        Raises:
            FleetError: with the path to the bad value.
        """
        told = fields.read(_PriceFile, data, f"{where}: ", error=FleetError)
        prices = {
            name: fields.read(Price, row, f"{where}: models.{name}", error=FleetError)
            for name, row in told.models.items()
        }
        return cls(told.as_of, told.source or Path(where).name, prices)


def with_prices(fleet: Fleet, own: PriceList | None = None) -> Fleet:
    """The fleet with prices and contexts where it has none of its own.

    Prices come in pairs: a model that has one of them keeps what it has. The list that comes
    along holds for models that engine `litellm` calls at their provider's own address alone:
    another server may serve a model of the same name at another price.

    Args:
        fleet: what it says itself always wins.
        own: the user's list; it holds for models of any engine.
    """
    filled = []
    for spec in fleet.models:
        lists = [] if own is None else [own]
        if spec.engine == "litellm" and spec.endpoint is None:
            lists.append(PriceList.load())
        found = next(((one, price) for one in lists if (price := one.of(spec)) is not None), None)
        if found is not None:
            prices, price = found
            if spec.context is None:
                spec = replace(spec, context=price.context)
            own_prices = {spec.input_price, spec.output_price} != {None}
            if not own_prices and {price.input_price, price.output_price} != {None}:
                spec = replace(
                    spec,
                    input_price=price.input_price,
                    output_price=price.output_price,
                    price_source=prices.note,
                )
        filled.append(spec)
    return replace(fleet, models=tuple(filled))


@lru_cache(maxsize=1)
def _shipped() -> PriceList:
    from graphsearch.yamlfile import read_yaml

    return PriceList.from_json(read_yaml(_SHIPPED, error=FleetError), where=str(_SHIPPED))
