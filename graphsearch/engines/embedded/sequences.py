"""A call on its way through the engine, from text to tokens and back."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graphsearch.engines.embedded.checkpoint import Checkpoint
from graphsearch.engines.embedded.draw import stream_key
from graphsearch.records.calls import Call, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import Rejected

__all__ = ["Finish", "Sequence", "prompt_text", "reply_of", "sequence_of"]


class Finish(StrEnum):
    """Why a sequence ended."""

    END = "end"  # the model drew an end-of-reply word
    STOP = "stop"  # a stop string appeared
    LENGTH = "length"  # max_tokens or the context was reached


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt being continued. Mutable: the batch that runs it fills in what it drew.

    Attributes:
        prompt: ids of the prompt.
        key: names its random stream.
        temperature: 0 is greedy.
        top_p: nucleus mass.
        limit: most tokens to draw.
        stop: texts that end the reply.
        owner: whatever the caller wants back with it.
        tokens: ids drawn so far, the end-of-reply word included.
        text: the reply, set when it ended.
        finish: why it ended; None while it runs.
    """

    prompt: tuple[int, ...]
    key: int
    temperature: float
    top_p: float
    limit: int
    stop: tuple[str, ...] = ()
    owner: Any = None
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    finish: Finish | None = None


def prompt_text(call: Call) -> str:
    """The words a call's messages make: their contents in order; chat roles have no word here."""
    return " ".join(message.content for message in call.messages)


def sequence_of(
    checkpoint: Checkpoint, text: str, *, sampling: Sampling, seed: int, owner: Any = None
) -> Sequence:
    """Prepare a prompt for a batch.

    Raises:
        Rejected: the prompt is empty, too long or has a word the model does not know, or the
            sampling makes no sense.
    """
    if not 0 <= sampling.temperature < float("inf"):
        raise Rejected(f"temperature is {sampling.temperature}, it must be 0 or more")
    if not 0 < sampling.top_p <= 1:
        raise Rejected(f"top_p is {sampling.top_p}, it must be above 0 and at most 1")
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise Rejected(f"max_tokens is {sampling.max_tokens}, it must be 1 or more")
    if not all(sampling.stop):
        raise Rejected("a stop text is empty; it would end every reply at once")
    try:
        prompt = checkpoint.tokenizer.encode(text)
    except KeyError as error:
        raise Rejected(f"the model does not know the word {error.args[0]!r}") from None
    if not prompt:
        raise Rejected("the prompt is empty")
    room = checkpoint.shape.context - len(prompt)
    if room < 1:
        raise Rejected(
            f"the prompt has {len(prompt)} tokens, the model's context is "
            f"{checkpoint.shape.context} and must hold the reply too"
        )
    limit = room if sampling.max_tokens is None else min(room, sampling.max_tokens)
    heat, mass = float(sampling.temperature), float(sampling.top_p)
    key = stream_key(seed, checkpoint.digest, text, repr(heat), repr(mass))
    return Sequence(prompt, key, heat, mass, limit, sampling.stop, owner)


def reply_of(sequence: Sequence, *, seconds: float) -> Reply:
    """The reply of an ended sequence; the end-of-reply word counts as a completion token."""
    outcome = Outcome.ANSWERED
    if sequence.finish is Finish.LENGTH:
        outcome = Outcome.TRUNCATED
    elif not sequence.text:
        outcome = Outcome.EMPTY
    usage = Usage(len(sequence.prompt), len(sequence.tokens), calls=1)
    return Reply(sequence.text, usage, outcome, seconds, {"finish_reason": str(sequence.finish)})
