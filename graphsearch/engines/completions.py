"""What a chat completion means: its outcome and its tokens, whichever client read it."""

from typing import Final

from graphsearch.records.calls import Outcome

__all__ = ["GIVEN_UP", "text_and_outcome", "token_count"]

GIVEN_UP: Final = frozenset({"abort", "cancelled", "error"})
"""Reasons to end that say that the server gave the reply up."""


def text_and_outcome(content: str, refusal: str, finish: object) -> tuple[str, Outcome]:
    """A reply's text and outcome.

    Args:
        content: what the model wrote.
        refusal: the message's own refusal, "" for none.
        finish: why it ended, as OpenAI names reasons.
    """
    content, refusal = _whole(content), _whole(refusal)
    if refusal or finish == "content_filter":
        return content or refusal, Outcome.REFUSED
    if not content.strip():
        return "", Outcome.EMPTY
    return content, Outcome.TRUNCATED if finish == "length" else Outcome.ANSWERED


def token_count(value: object) -> int | None:
    """A number of tokens as a server told it, None where it told none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value >= 0 else None  # type: ignore[operator,return-value]


def _whole(text: str) -> str:
    """Half a character, which JSON can hold, can be neither written down nor sent on."""
    return text if text.isascii() else text.encode(errors="replace").decode()
