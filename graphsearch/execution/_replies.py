"""What an engine brought back, as it may be booked and kept."""

from dataclasses import replace
from typing import Any, Final

from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import BrokenReply, Unavailable

__all__ = ["usable", "whole"]

_NEVER_ABSURD: Final = 10_000
"""Tokens that any call may have beyond what is known of it."""


def usable(reply: Any, call: Call) -> Reply:
    """The reply to a call, its text made of whole characters.

    Raises:
        Unavailable: it is no reply: it has no text, or its outcome is none that an engine gives.
        BrokenReply: it has a count of tokens that no reply to this call can have. What it cost is
            unknown then.
    """
    if not isinstance(reply, Reply):
        raise Unavailable(f"the engine returned {type(reply).__name__}, not a reply")
    text: Any = reply.text
    if not isinstance(text, str):
        raise Unavailable(f"the engine returned a reply whose text is {type(text).__name__}")
    if not reply.outcome.is_graded:
        raise Unavailable(f"the engine returned a reply that is {reply.outcome}; it must raise")
    # Counts that cannot be are refused: a ledger that took them could hold nothing else any more.
    # Servers may count somewhat more than asked for (their template, hidden reasoning), and are
    # booked as they count; four times the most is no such thing.
    usage = reply.usage
    told = (usage.prompt_tokens, usage.completion_tokens)
    if not (_is_count(usage.calls) and all(count is None or _is_count(count) for count in told)):
        raise BrokenReply(f"the engine returned a reply with an impossible usage: {usage}")
    if max(usage.calls, *(count or 0 for count in told)) > _NEVER_ABSURD:
        said = [message.content.encode(errors="replace") for message in call.messages]
        letters = sum(len(content) + 64 for content in said)
        bounds = (("prompt", letters), ("reply", call.sampling.max_tokens))
        for count, (what, most) in zip(told, bounds, strict=True):
            if count is not None and most is not None and count > 4 * most + _NEVER_ABSURD:
                raise BrokenReply(
                    f"the engine counted {count} tokens of a {what} that has {most} at most"
                )
    return reply if text.isascii() else replace(reply, text=whole(text))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def whole(text: str) -> str:
    """The text with halves of characters joined, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
