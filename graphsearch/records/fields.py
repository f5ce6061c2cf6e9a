"""Values in files that people write: their types, and one plain sentence for the first bad one.

`read` has pydantic check a value and raises the project's own error, which begins with the path:

    fleet.models[2].layers: expected a whole number, got 'four'

The types below say what a value may be in a sentence of their own, since files come from YAML,
where `3.0e9` is a number and `3e9` is a text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar, cast, get_origin

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from graphsearch.records.errors import InputError

__all__ = [
    "Count",
    "Note",
    "Price",
    "Rate",
    "Seconds",
    "Text",
    "Variable",
    "Whole",
    "Word",
    "model_at",
    "read",
]

T = TypeVar("T")

_LARGEST: Final = 100
"""Digits before or after the point of any number told; sums stay whole numbers and floats."""

_EXPECTED: Final[Mapping[str, str]] = {
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "dataclass_type": "expected a mapping",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
}


def _text(value: Any, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (empty or value.strip()):
        raise ValueError(f"expected a text, got {value!r}")
    return value


def _word(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    finite = isinstance(value, float) and abs(value) < float("inf")
    if not (isinstance(value, str) or whole or finite):
        raise ValueError(f"expected a text, got {value!r}")
    return str(value)


def _variable(value: Any) -> str:
    # A key put here by mistake is not repeated.
    if not isinstance(value, str) or not value.isidentifier() or value != value.upper():
        raise ValueError(
            "expected the name of an environment variable, such as MY_API_KEY; the key itself "
            "belongs in that variable"
        )
    return value


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number, got {value!r}")
    if value <= 0:
        raise ValueError(f"must be above 0, got {value}")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"expected a whole number above 0, got {value!r}")
    return value


def _number(value: Any, *, zero: bool = True) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"expected a number, got {value!r}")
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"expected a number, got {value!r}") from None
    if number.is_finite() and abs(number.adjusted()) > _LARGEST:
        raise ValueError(f"is no number of this world: {value}")
    if not number.is_finite() or number < 0 or (number == 0 and not zero):
        least = "0 or more" if zero else "above 0"
        raise ValueError(f"must be finite and {least}, got {value}")
    return number


Text = Annotated[str, BeforeValidator(_text)]
"""A text that is not empty."""
Note = Annotated[str, BeforeValidator(lambda value: _text(value, empty=True))]
"""A text that may be empty."""
Word = Annotated[str, BeforeValidator(_word)]
"""One word of a command line; YAML reads many of them as numbers."""
Variable = Annotated[str, BeforeValidator(_variable)]
"""The name of an environment variable."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number above 0; 3.0e9 counts as one."""
Count = Annotated[int, BeforeValidator(_count)]
"""A whole number above 0, written as one."""
Price = Annotated[Decimal, BeforeValidator(_number)]
"""A finite number, 0 or more; no digit is lost."""
Seconds = Annotated[float, BeforeValidator(lambda value: float(_number(value)))]
"""A finite number, 0 or more."""
Rate = Annotated[float, BeforeValidator(lambda value: float(_number(value, zero=False)))]
"""A finite number above 0."""


def read(kind: type[T], data: Any, where: str, *, error: type[InputError]) -> T:
    """Check a mapping and make a record of it; what is null counts as left out.

    Args:
        kind: a dataclass or a pydantic model; its fields are the keys that `data` may have, those
            left out of comparisons excepted (they say where a record was read).
        data: what was written.
        where: path to it; one that ends in a colon and a blank is the name of a file.
        error: what a bad value raises.

    Raises:
        InputError: of the given kind, with the path to the first bad value.
    """
    if not isinstance(data, Mapping):
        raise error(f"expected a mapping, got {data!r}", where=_at(where, ""))
    known = _keys(kind)
    for key in data:
        if key not in known:
            raise error(_unknown(known), where=_at(where, f".{key}"))
    told = {key: value for key, value in data.items() if value is not None}
    try:
        return cast("T", _adapter(cast("Any", kind)).validate_python(told))
    except ValidationError as bad:
        faults = bad.errors(include_url=False)
    # A key that is not known, or missing, explains the rest.
    order = ("extra_forbidden", "missing")
    fault = min(faults, key=lambda f: order.index(f["type"]) if f["type"] in order else 2)
    loc = tuple(part for part in fault["loc"] if part != "[key]")  # a bad key, by itself
    if fault["type"] == "missing":
        model, name = model_at(kind, loc[:-1]), str(loc[-1])
        field = None if model is None else model.model_fields.get(name)
        hint = (field.description or "") if field is not None else ""
        sentence, loc = f"{name} is missing{': ' if hint else ''}{hint}", loc[:-1]
    elif fault["type"] == "extra_forbidden":
        inner = model_at(kind, loc[:-1])
        sentence = _unknown(_keys(inner))
    elif fault["type"] == "value_error":
        sentence = str(fault["ctx"]["error"])
    else:
        said = _EXPECTED.get(fault["type"])
        if fault["type"] == "literal_error":
            said = f"expected {fault['ctx']['expected'].replace(chr(39), '')}"
        elif said is None:
            said = fault["msg"].replace("Input should be", "must be").rstrip(".")
        sentence = f"{said[0].lower()}{said[1:]}, got {fault['input']!r}"
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    raise error(sentence, where=_at(where, path))


def _at(where: str, path: str) -> str:
    return (where + path.lstrip(".")).rstrip(": ") if where.endswith(": ") else where + path


def _unknown(known: Iterable[str]) -> str:
    named = ", ".join(sorted(known))
    return f"unknown key; known are {named}" if named else "unknown key; none is known here"


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _keys(kind: Any) -> list[str]:
    if is_dataclass(kind):
        return [field.name for field in fields(kind) if field.compare]
    return list(getattr(kind, "model_fields", ()))


def model_at(kind: Any, loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The pydantic model that a path within a type leads to, None where it is none."""
    current, is_key = _model_in([kind]), False
    for part in loc:
        if isinstance(part, int) or is_key:  # of a list, or of a mapping, whose values are alike
            is_key = False
            continue
        field = None if current is None else current.model_fields.get(part)
        if field is None:
            return None
        is_key = get_origin(field.annotation) is dict
        current = _model_in([field.annotation, *field.metadata])
    return current


def _model_in(found: Iterable[Any]) -> type[BaseModel] | None:
    for one in found:
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
        inner = _model_in(getattr(one, "__args__", ()))
        if inner is not None:
            return inner
    return None
