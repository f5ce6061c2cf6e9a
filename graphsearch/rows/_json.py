"""Rows of JSON: one object a line, or one list of objects a file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from graphsearch.rows._row import Faults, Row, place
from graphsearch.rows._text import Tap, text_lines, whole_text

__all__ = ["is_json", "json_rows", "jsonl_rows"]

_LISTS: Final = ("examples", "data", "questions", "rows")
"""Names under which a file may have its list."""

_SUSPECT: Final = re.compile(r"\\u[dD]|\d[eE]|\d{300}")
"""Without any of these a text holds neither an infinite number nor half a character."""
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_KEY: Final = re.compile(r"\s*:")


class _Fault(NamedTuple):
    """What is wrong with a text, and where in it; None where nobody knows."""

    message: str
    at: int | None = None


def jsonl_rows(path: Path, faults: Faults, tap: Tap | None = None) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    first = True
    for number, line in text_lines(path, faults, tap):
        if not line.strip():
            continue
        values = _parsed(line)
        if first and line.strip() in "[{":
            faults.add("is JSON over several lines, not an object a line; name it .json", str(path))
            return
        first = False
        if isinstance(values, dict):
            yield Row(path, number, "line", values)
        elif isinstance(values, _Fault):
            column = "" if values.at is None else f", at column {values.at + 1}"
            faults.add(values.message + column, place(path, number))
        else:
            faults.add("must be a JSON object", place(path, number))


def json_rows(path: Path, faults: Faults, tap: Tap | None = None) -> Iterator[Row]:
    """A list of objects; it may stand under a name of its own (`examples`)."""
    text = whole_text(path, faults, tap)
    if text is None:
        return
    value = _parsed(text)
    if isinstance(value, _Fault):
        if value.at is None:
            faults.add(value.message, str(path))
            return
        column = value.at - text.rfind("\n", 0, value.at)
        more = "; one object a line makes a .jsonl file" if "Extra data" in value.message else ""
        where = place(path, text.count("\n", 0, value.at) + 1)
        faults.add(f"{value.message}, at column {column}{more}", where)
        return
    if isinstance(value, dict):
        lists = [key for key in _LISTS if isinstance(value.get(key), list)]
        if len(lists) > 1:
            faults.add(f"holds lists under {' and '.join(lists)}; keep the one meant", str(path))
            return
        value = value[lists[0]] if lists else [value]
    if not isinstance(value, list):
        faults.add("must hold a list of JSON objects", str(path))
        return
    for number, values in enumerate(value, start=1):
        if isinstance(values, dict):
            yield Row(path, number, "row", values)
        else:
            faults.add("must be a JSON object", place(path, number, "row"))


def is_json(value: Any) -> bool:
    """Whether a value can be kept as JSON: no NaN, no bytes, no dates, no halves of characters."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


class _Twice(Exception):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)


def _parsed(text: str) -> Any:
    """A value that can be written again, with no infinite number and no half of a character.

    A `_Fault` says why there is none.
    """
    try:
        value = _DECODER.decode(text)
        if _SUSPECT.search(text):
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        return _Fault(f"is no JSON: {error.msg}", error.pos)
    except _Twice:
        name, at = _twice(text)
        return _Fault(f"an object has the key {name} twice", at)
    except RecursionError:
        return _Fault("is no JSON: nested too deeply")
    except UnicodeEncodeError:
        return _Fault("holds half a character (a lone surrogate)")
    except ValueError as error:  # a number with more digits than Python reads, or none at all
        said = str(error)  # in fewer words than Python's
        large = "JSON compliant" in said or "limit" in said
        return _Fault(f"is no JSON: {'a number is too large' if large else said}")
    return value


def _twice(text: str) -> tuple[str, int | None]:
    """The first key that its object has already, and where it stands."""
    open_keys: list[set[str]] = []
    for piece in _PIECE.finditer(text):
        found = piece[0]
        if found in "{[":
            open_keys.append(set())
        elif found in "}]":
            open_keys.pop()
        elif open_keys and _KEY.match(text, piece.end()):
            key = json.loads(found)
            if key in open_keys[-1]:
                return repr(key), piece.start()
            open_keys[-1].add(key)
    return "?", None  # pragma: no cover - whoever calls this has seen one
