"""Keys from the environment, which show themselves to nobody but the server."""

import json
import os
import re
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from graphsearch.records.errors import NoKey

__all__ = ["Key", "without_secrets"]

_LEAST_SECRET: Final = 8
"""Shorter keys are what people give to local servers that want any (`none`, `EMPTY`)."""

_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH")


class Key:
    """The value of an environment variable.

    Args:
        name: of the variable.

    Raises:
        NoKey: it is not set, or cannot be sent in a header.
    """

    __slots__ = ("_spellings", "_value", "name")

    def __init__(self, name: str) -> None:
        value = os.environ.get(name, "").strip()
        if not value:
            raise NoKey(f"the environment variable {name}, which holds the key, is not set")
        if not (value.isascii() and value.isprintable()):
            raise NoKey(f"the key in the environment variable {name} has odd characters")
        self.name = name
        self._value = value
        self._spellings = _spellings(value) if len(value) >= _LEAST_SECRET else ()

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    def header(self) -> str:
        """The header that shows the key to the server."""
        return f"Authorization: Bearer {self._value}"

    def value(self) -> str:
        """The key itself: to be handed on in the same expression, not to be kept."""
        return self._value

    def hide(self, data: bytes) -> bytes:
        """What a server sent, without the key, should it quote it: as it is, or escaped."""
        for spelling in self._spellings:
            if spelling in data:
                data = data.replace(spelling, f"[{self.name}]".encode())
        return data

    def hide_in(self, text: str) -> str:
        """A text without the key."""
        return self.hide(text.encode(errors="replace")).decode()


def _spellings(value: str) -> Sequence[bytes]:
    """A value as it is, and as servers write it in JSON, addresses and pages.

    Mostly these are all one: only what is neither letter nor digit is ever escaped.
    """
    odd = {letter for letter in value if not letter.isalnum()}
    tables: list[dict[str, str]] = [
        {"/": "\\/", '"': '\\"', "\\": "\\\\"},  # PHP
        {letter: f"\\u{ord(letter):04x}" for letter in odd},
        {letter: f"\\u{ord(letter):04X}" for letter in odd},
        {letter: f"\\u{ord(letter):04X}" for letter in odd & set("+<>&'\"`")},  # .NET
        {letter: f"&#{ord(letter)};" for letter in odd},
        {letter: f"&#x{ord(letter):X};" for letter in odd},
    ]
    texts = [value, *("".join(table.get(letter, letter) for letter in value) for table in tables)]
    texts += [quote(value), quote(value, safe=""), escape(value), json.dumps(value)[1:-1]]
    return [text.encode() for text in dict.fromkeys(texts)]


def without_secrets(text: str, *names: str) -> str:
    """A text without the values of environment variables whose names speak of secrets.

    For clients that read keys from the environment on their own, so that only they know which.

    Args:
        text: may quote a key, as it is or escaped.
        *names: variables that hold keys, whatever they are called.
    """
    for name, value in os.environ.items():
        if len(value) >= _LEAST_SECRET and (name in names or _SECRET_NAME.search(name.upper())):
            for spelling in _spellings(value.strip()):
                text = text.replace(spelling.decode(), f"[{name}]")
    return text
