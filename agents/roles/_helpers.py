"""Text functions that a prompt set may name.

A prompt set can only choose among these: a set from outside brings templates, never code.
"""

from collections.abc import Callable, Mapping
from typing import Final

from graphsearch.engines.embedded.vocabulary import candidate, normalise, relabel

__all__ = ["FILTERS", "MESSAGES"]

MESSAGES: Final[Mapping[str, Callable[[str], str]]] = {
    "normalise": normalise,
    "strip": str.strip,
    "whole": str,
}
"""What turns a reply into the message that children read."""

FILTERS: Final[Mapping[str, Callable[..., str]]] = {"candidate": candidate, "relabel": relabel}
"""Filters beside Jinja's own."""
