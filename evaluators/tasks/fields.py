"""What a row says, field by field, with one complaint in the same words wherever it is wrong."""

from collections.abc import Mapping, Sequence
from functools import cache
from string import ascii_uppercase
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, TypeAdapter, ValidationError

from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Split
from graphsearch.rows import Row

__all__ = ["Draft", "choices", "gold", "is_absent", "lettered", "name_of", "read", "text", "value"]

_LONGEST_SHOWN: Final = 60
_ADAPTERS: Final = cache(TypeAdapter[Any])
"""Made once for each kind."""


class Draft(NamedTuple):
    """What a row says of one question, before it is an item.

    Attributes:
        question: all that is put into prompts.
        gold: the known answer.
        id: "" where the row has none.
        group: see `Item.group`.
        meta: see `Item.meta`.
        split: the split the file gives it.
        compared: what tells near-duplicates, where that is not the whole question.
        home: what its split is hashed from, where that is not its normal form.
        worked: the answer as a model might write it, with its reasoning; None where the file has
            none. Only token lengths are measured by it.
    """

    question: str
    gold: Any
    id: str = ""
    group: str | None = None
    meta: Mapping[str, Any] = {}
    split: Split | None = None
    compared: str = ""
    home: str = ""
    worked: str | None = None


def is_absent(found: Any) -> bool:
    """Whether a field holds nothing: null, an empty text, list or object."""
    return found is None or (isinstance(found, str | list | dict) and not found)


def value(row: Row, field: str) -> Any:
    """The value of a field that must be there.

    Raises:
        TaskError: the row has no such field.
    """
    if field not in row.values:
        known = ", ".join(sorted(row.values))
        raise TaskError(f"no field {field!r}; the {row.unit} has: {known}", where=row.where)
    return row.values[field]


def read(row: Row, field: str, kind: Any, what: str) -> Any:
    """The value of a field that must be of a kind.

    Args:
        row: whose field it is.
        field: its name.
        kind: a type as pydantic takes it.
        what: the kind in words: "a text".

    Raises:
        TaskError: it is absent or of another kind.
    """
    found = value(row, field)
    try:
        return _ADAPTERS(kind).validate_python(found)
    except ValidationError:
        raise TaskError(
            f"field {field!r} is {shown(found)}, must be {what}", where=row.where
        ) from None


def _filled(found: str) -> str:
    if not found.strip():
        raise ValueError("it is blank")
    return found


Filled = Annotated[str, AfterValidator(_filled)]
"""A text with more than blanks in it."""


def text(row: Row, field: str, *, strip: bool = True) -> str:
    """The text of a field that must hold one.

    Raises:
        TaskError: it is absent, empty or no text.
    """
    found: str = read(row, field, Filled, "a text")
    return found.strip() if strip else found


def gold(row: Row, field: str) -> Any:
    """The known answer.

    Raises:
        TaskError: it is absent or empty.
    """
    found = value(row, field)
    if is_absent(found) or (isinstance(found, str) and not found.strip()):
        raise TaskError(f"field {field!r}, the known answer, is empty", where=row.where)
    return found


def name_of(row: Row, field: str | None) -> str:
    """An id, "" where the row has none.

    Raises:
        TaskError: it is neither a text nor a number.
    """
    own = None if field is None else row.values.get(field)
    if isinstance(own, list | dict | bool):
        raise TaskError(f"the id {shown(own)} is neither a text nor a number", where=row.where)
    return "" if own is None else str(own).strip()


def choices(row: Row, found: Any, field: str, *, distinct: bool = False) -> list[str]:
    """The texts to choose from: a list, or `{"text": [...], "label": [...]}`.

    Args:
        row: whose they are.
        found: what the row holds.
        field: where it holds it.
        distinct: whether two that are the same are a mistake; some published questions have them.

    Raises:
        TaskError: there are fewer than 2 or more than 26, one is empty, or two are the same.
    """
    if isinstance(found, Mapping) and isinstance(found.get("text"), list):
        found = found["text"]
    most = len(ascii_uppercase)
    if not isinstance(found, list) or not 2 <= len(found) <= most:
        raise TaskError(
            f"field {field!r} is {shown(found)}, must be a list of 2 to {most} texts",
            where=row.where,
        )
    for choice in found:
        if isinstance(choice, bool | list | dict) or choice is None or not str(choice).strip():
            raise TaskError(f"field {field!r} has the choice {shown(choice)}", where=row.where)
    texts = [str(choice).strip() for choice in found]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if distinct and twice is not None:
        raise TaskError(f"field {field!r} has the choice {shown(twice)} twice", where=row.where)
    return texts


def lettered(question: str, options: Sequence[str]) -> str:
    """A question with its choices as lines `A. ...` after it."""
    lines = [
        f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False)
    ]
    return "\n".join([question, "", *lines])


def shown(found: Any) -> str:
    """A value as messages show it: not longer than helps."""
    said = repr(found)
    return said if len(said) <= _LONGEST_SHOWN else said[: _LONGEST_SHOWN - 3] + "..."
