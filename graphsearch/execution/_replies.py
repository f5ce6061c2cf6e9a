"""What an engine brought back, as it may be booked and kept."""

from dataclasses import replace
from typing import Any

from graphsearch.calls import Reply
from graphsearch.errors import Unavailable

__all__ = ["usable", "whole"]


def usable(reply: Any) -> Reply:
    """The reply, its text made of whole characters.

    Raises:
        Unavailable: it is no reply: it has no text, a count is impossible, or its outcome is none
            that an engine gives.
    """
    if not isinstance(reply, Reply):
        raise Unavailable(f"the engine returned {type(reply).__name__}, not a reply")
    text: Any = reply.text
    if not isinstance(text, str):
        raise Unavailable(f"the engine returned a reply whose text is {type(text).__name__}")
    usage = reply.usage
    tokens: tuple[Any, ...] = (usage.prompt_tokens, usage.completion_tokens)
    counts = (usage.calls, *(count for count in tokens if count is not None))
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise Unavailable(f"the engine returned a reply with an impossible usage: {usage}")
    if not reply.outcome.is_graded:
        raise Unavailable(f"the engine returned a reply that is {reply.outcome}; it must raise")
    return reply if text.isascii() else replace(reply, text=whole(text))


def whole(text: str) -> str:
    """The text with halves of characters joined, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
