"""What LiteLLM gives back as a reply."""

from typing import Any

from graphsearch.engines.completions import GIVEN_UP, text_and_outcome, token_count
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import BrokenReply

__all__ = ["refusal_reply", "reply_in"]


def reply_in(response: Any, served_name: str, *, seconds: float) -> Reply:
    """The reply in a response.

    Raises:
        BrokenReply: there is none in it, or the provider gave it up.
    """
    try:
        choice = response.choices[0]
        message = choice.message
    except (AttributeError, IndexError, TypeError):
        raise BrokenReply(f"litellm {served_name}: a response that is no chat completion") from None
    # LiteLLM knows OpenAI's reasons only; the provider's own is kept beside where it differs.
    finish = _field(choice, "native_finish_reason") or choice.finish_reason
    if str(finish).lower() in GIVEN_UP:
        raise BrokenReply(f"litellm {served_name}: the provider gave up the reply ({finish})")
    content = message.content
    if not isinstance(content, str | None):
        raise BrokenReply(f"litellm {served_name}: a message whose content is no text")
    refusal = _field(message, "refusal") or getattr(message, "refusal", None) or ""
    text, outcome = text_and_outcome(content or "", str(refusal), choice.finish_reason)
    detail = {"finish_reason": finish} if isinstance(finish, str) else {}
    # LiteLLM writes zeros where nothing was told, and no prompt has no token.
    told = getattr(response, "usage", None)
    read = token_count(getattr(told, "prompt_tokens", None)) or None
    written = token_count(getattr(told, "completion_tokens", None))
    if written == 0 and (read is None or text):
        written = None
    return Reply(text, Usage(read, written, calls=1), outcome, seconds, detail)


def refusal_reply(*, seconds: float) -> Reply:
    """The reply of a provider that refused a prompt; what it counted is not told."""
    detail = {"finish_reason": "content_filter"}
    return Reply("", Usage(None, None, calls=1), Outcome.REFUSED, seconds, detail)


def _field(holder: Any, name: str) -> Any:
    """A field that LiteLLM keeps apart because it is not of OpenAI's shape."""
    found = getattr(holder, "provider_specific_fields", None)
    return found.get(name) if isinstance(found, dict) else None
