"""Types of the fields of a `Spec`: what a file may write, and the objects that Python may give.

What a user gives changes its form here, once: an amount becomes an `Amount`, a fleet given whole a
`Fleet`. Names of things stay names until `build` looks them up.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from graphsearch.checked import BadValue, Checked, shown
from graphsearch.cost import Amount, Lengths, ModelLengths
from graphsearch.engines.base import Engine
from graphsearch.prices import PriceList
from graphsearch.records.errors import GraphsearchError, InputError
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import Task
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.space import RoleOption, SinkOption
from graphsearch.spec._fleets import written_fleet

__all__ = [
    "AmountField",
    "Amounts",
    "EnginesField",
    "FleetField",
    "LengthsField",
    "Name",
    "NamedAgent",
    "NamedSearcher",
    "NamedTask",
    "Object",
    "Options",
    "PricesField",
    "RoleField",
    "Short",
    "SinkField",
]

_LONGEST_NAME: Final = 4096


@dataclass(frozen=True)
class Object:
    """Marks a field that takes an object as it is, or what a file writes in its place.

    The JSON Schema shows what a file writes.

    Attributes:
        fits: a class, or what such an object can do.
        written: type of what a file writes.
        form: what that is in words, for errors; None where its type says it.
        make: makes the object of it; None: it stays as it is until names are looked up.
        show: writes an object again; None where there is no way.
    """

    fits: type | tuple[str, ...]
    written: Any
    form: str | None = None
    make: Callable[[Any], Any] | None = None
    show: Callable[[Any], Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def read(value: Any, check: Callable[[Any], Any]) -> Any:
            if self.is_one(value):
                return value
            # What no file can hold was meant to be an object; else the fault is one of the form's.
            if self.form is not None and not isinstance(value, _WRITTEN):
                raise BadValue(f"must be {self.form}, got {shown(value)}")
            try:
                told = check(value)
                return told if self.make is None else self.make(told)
            except GraphsearchError as error:  # of the object, which checks itself
                message = error.message if isinstance(error, InputError) else str(error)
                raise BadValue(message, getattr(error, "where", None)) from error

        show = None
        if self.show is not None:
            show = core_schema.plain_serializer_function_ser_schema(self.show)
        written = handler.generate_schema(self.written)
        return core_schema.no_info_wrap_validator_function(read, written, serialization=show)

    def is_one(self, value: Any) -> bool:
        """Whether a value is such an object."""
        if isinstance(self.fits, type):
            return isinstance(value, self.fits)
        return all(hasattr(value, name) for name in self.fits)


_WRITTEN = (str, Path, Mapping, list, tuple, type(None))


class Short(Checked):
    """A mapping that may be given as its `name` alone: `rules` for `{name: rules}`."""

    objects: ClassVar[str]
    """What may stand for the name in Python."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, Mapping | cls):
            return value
        kinds = (kind for kind in cls.model_fields["name"].metadata if isinstance(kind, Object))
        if not isinstance(value, str) and not any(kind.is_one(value) for kind in kinds):
            words = f"must be a name or a mapping (in Python, also {cls.objects})"
            raise ValueError(f"{words}, got {shown(value)}")
        return {"name": value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        full = handler.resolve_ref_schema(handler(schema))
        return {
            "anyOf": [{"type": "string", "minLength": 1}, dict(full)],
            "description": full.get("description", ""),
        }


# -- names and options -----------------------------------------------------------------------------


def _as_text(value: Any) -> Any:
    """A path may stand where a file has its text."""
    return str(value) if isinstance(value, Path) else value


_Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
Name = Annotated[_Text, BeforeValidator(_as_text, json_schema_input_type=_Text)]
"""A name, or a path."""
Options = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "additionalProperties": True})
]
"""Options of a part, which checks them; in Python their values may be any objects."""

NamedTask = Annotated[
    str | Task | None, Object(Task, Name | None, "a name (in Python, also a Task)")
]
NamedSearcher = Annotated[str | Searcher, Object(("ask", "tell"), Name)]
NamedAgent = Annotated[str | Agent, Object(("advise",), Name)]
RoleField = Annotated[
    str | RoleOption, Object(RoleOption, Name, "a name (in Python, also a RoleOption)")
]
SinkField = Annotated[
    str | SinkOption, Object(SinkOption, Name, "a name (in Python, also a SinkOption)")
]
PricesField = Annotated[
    str | PriceList | None,
    Object(PriceList, Name | None, "a file (in Python, also a PriceList)"),
]


# -- amounts ---------------------------------------------------------------------------------------


def _amount(text: Any) -> Amount:
    _refuse_bare(text)
    exponent = re.search(r"[eE]\+?0*([0-9]+)", str(text))
    if isinstance(text, str) and (len(text) > 60 or (exponent and len(exponent[1]) > 2)):
        raise BadValue(f"is too large a number: {text[:40]}")
    return Amount.parse(text)


def _listed(told: Any) -> Any:
    _refuse_bare(told)
    return [told] if isinstance(told, str | Amount) else told


def _refuse_bare(number: Any) -> None:
    if isinstance(number, int | float) and not isinstance(number, bool):
        raise BadValue(f"needs a currency, such as '{number} units'; got {number}")


def _one_per_currency(amounts: tuple[Amount, ...]) -> tuple[Amount, ...]:
    currencies = [amount.currency for amount in amounts]
    twice = sorted({c for c in currencies if currencies.count(c) > 1})
    if twice:
        raise ValueError(f"two budgets in {twice[0]}")
    return amounts


_AmountText = Annotated[Any, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100})]
AmountField = Annotated[Amount, Object(Amount, _AmountText, make=_amount, show=str)]
"""A number with its currency."""
_AmountList = Annotated[tuple[AmountField, ...], Field(min_length=1, max_length=16, strict=False)]
Amounts = Annotated[
    _AmountList,
    BeforeValidator(_listed, json_schema_input_type=_AmountText | _AmountList),
    AfterValidator(_one_per_currency),
]
"""One amount, or one in each of several currencies."""


# -- fleets, engines, lengths ----------------------------------------------------------------------


def _fleet(value: Any) -> str | Fleet:
    """A fleet given whole is made at once; a name is looked up when all is built."""
    if isinstance(value, Fleet):
        return value
    if isinstance(value, Mapping):
        try:
            return Fleet.from_json(value)
        except GraphsearchError as error:
            raise ValueError(str(error).removeprefix("fleet: ").removeprefix("fleet.")) from error
    name = _as_text(value)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError("must be the name of a fleet, a path to one, or one given whole")
    return name


FleetField = Annotated[
    str | Fleet,
    PlainValidator(_fleet, json_schema_input_type=Name | Options),
    PlainSerializer(lambda fleet: written_fleet(fleet) if isinstance(fleet, Fleet) else fleet),
]


def _engines(told: Any) -> Mapping[str, Engine] | None:
    if told is not None and not isinstance(told, Mapping):
        raise ValueError(f"must be a mapping of engines by model, got {shown(told)}")
    for name, engine in (told or {}).items():
        if not hasattr(engine, "generate") or not hasattr(engine, "info"):
            raise BadValue(f"must be an engine, got {shown(engine)}", f"[{name!r}]")
    return told


EnginesField = Annotated[Mapping[str, Engine] | None, PlainValidator(_engines)]


class _AsMapping:
    """Marks a dataclass that a file writes as a mapping, though types are strict."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        cast("dict[str, Any]", handler.resolve_ref_schema(schema))["strict"] = False
        return schema


_Measured = Annotated[ModelLengths, Object(ModelLengths, Annotated[ModelLengths, _AsMapping()])]
LengthsField = Annotated[
    Lengths, Object(Lengths, dict[str, _Measured], make=Lengths.of, show=Lengths.to_json)
]
