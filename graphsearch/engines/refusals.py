"""What a server's refusal means, for every server and every client.

Servers agree on little beyond the status: vLLM, SGLang, llama.cpp, Ollama and TGI each word a
context that is too short in their own way, some of them with status 200 or 500. So the words are
looked at first, then the status.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    EngineError,
    RateLimited,
    Unavailable,
    UnknownModel,
)

__all__ = ["TOO_LONG_ADVICE", "kind_of", "seconds_to_wait", "short"]

TOO_LONG_ADVICE: Final = (
    " (serve the model with a longer context, or give a prompt set with a smaller max_tokens)"
)
_MOST_CHARACTERS: Final = 300
_CONTEXT: Final = re.compile(
    r"context[ _-]?(length|size|window)|maximum (model|sequence|input) length"
    r"|exceed_context_size|longer than the model|max_model_len|max_new_tokens. must be <="
)
_MODEL: Final = re.compile(
    r"model_not_found|no such model|unknown model|unsupported model|invalid model name"
    r"|not_found_error.*\bmodel:"  # Anthropic
    r"|model\b.*\b(does not exist|not found|not exist|not available|is not loaded)"
)
_NO_CREDIT: Final = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|credit balance"
)


def kind_of(status: int, said: str) -> type[EngineError]:
    """The type of error that a refusal stands for.

    Args:
        status: of HTTP.
        said: the server's words.
    """
    said = said.lower()
    if status not in {401, 403, 429} and _CONTEXT.search(said):
        return ContextTooLong
    if status in {400, 404, 422} and _MODEL.search(said):
        return UnknownModel
    if status in {401, 402, 403} or (status in {400, 429} and _NO_CREDIT.search(said)):
        return AccessDenied
    if status in {408, 504}:
        return CallTimeout
    if status == 429:
        return RateLimited
    if status >= 500:
        return Unavailable
    return BadRequest if 300 <= status < 500 else BrokenReply


def seconds_to_wait(header: str | None, *, now: datetime | None = None) -> float | None:
    """What `Retry-After` asks for: seconds or a date; None where it says nothing readable."""
    text = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def short(text: str) -> str:
    """The first few hundred characters of what a server said."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
