"""An engine whose replies are written down: for tests, examples and dry runs.

It behaves like an endpoint in everything but thought: it counts tokens, honours `max_tokens` and
stop texts, takes its time, and keeps a log of what it was asked.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from graphsearch.engines.base import EngineInfo
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import EngineError, Rejected

__all__ = ["Answer", "Script", "ScriptedEngine"]

Answer = str | Reply | EngineError
"""What a script gives for a call: a text, a whole reply, or an error to raise."""

Answers = Answer | Sequence[Answer]
Script = Answers | Callable[[Call], Answer] | Mapping[str, Answers]


class ScriptedEngine:
    """Replies from a script.

    Args:
        script: where replies come from:
            a text, reply or error: every call gets it;
            a function: called with each call;
            a mapping: looked up by the last message's content; where it holds several answers,
            sample k of a call gets the k-th;
            a list: the n-th call made gets the n-th answer.
        latency: seconds a call takes, or a function of the call. It is slept with
            `asyncio.sleep`, so it costs nothing under `graphsearch.testing.run_virtual`.
        fingerprint: change it when the script changes, so that journals do not mix the two.
        deterministic: what `info` says; by default False for a list, whose answers depend on the
            order of calls, and True for all others.

    Attributes:
        calls: every call, in the order they came in.
        in_flight: calls being answered now.
        most_in_flight: the highest `in_flight` so far.
    """

    def __init__(
        self,
        script: Script,
        *,
        latency: float | Callable[[Call], float] = 0.0,
        fingerprint: str = "",
        deterministic: bool | None = None,
    ) -> None:
        self._script = script
        self._latency = latency
        self._fingerprint = fingerprint
        in_order = isinstance(script, Sequence) and not isinstance(script, str)
        self._deterministic = not in_order if deterministic is None else deterministic
        self.calls: list[Call] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def info(self, model: str) -> EngineInfo:
        """The same for every model."""
        return EngineInfo("scripted", self._fingerprint, self._deterministic)

    def count_tokens(self, model: str, text: str) -> int:
        """Words of the text."""
        return len(text.split())

    async def generate(self, call: Call) -> Reply:
        """Answer from the script.

        Raises:
            Rejected: the script has no answer for this call.
            EngineError: the script says so.
        """
        number = len(self.calls)
        self.calls.append(call)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            seconds = self._latency(call) if callable(self._latency) else self._latency
            await asyncio.sleep(seconds)
            answer = self._answer(call, number)
        finally:
            self.in_flight -= 1
        if isinstance(answer, EngineError):
            raise answer
        if isinstance(answer, Reply):
            return answer
        # Plausible usage: one token a word, one more for a reply that ends by itself.
        prompt_tokens = sum(len(message.content.split()) for message in call.messages)
        found = [at for at in (answer.find(stop) for stop in call.sampling.stop) if at >= 0]
        text = answer[: min(found)].rstrip() if found else answer
        words, most = text.split(), call.sampling.max_tokens
        if most is not None and len(words) >= most:
            usage = Usage(prompt_tokens, most, calls=1)
            return Reply(" ".join(words[:most]), usage, Outcome.TRUNCATED, seconds)
        outcome = Outcome.ANSWERED if text else Outcome.EMPTY
        return Reply(text, Usage(prompt_tokens, len(words) + 1, calls=1), outcome, seconds)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _answer(self, call: Call, number: int) -> Answer:
        script = self._script
        if isinstance(script, str | Reply | EngineError):
            return script
        if callable(script):
            return script(call)
        if not isinstance(script, Mapping):
            if number >= len(script):
                raise Rejected(f"the script has {len(script)} answers, this is call {number + 1}")
            return script[number]
        prompt = call.messages[-1].content
        if prompt not in script:
            raise Rejected(f"the script has no answer to {prompt!r}")
        found = script[prompt]
        if isinstance(found, str | Reply | EngineError):
            return found
        if call.sample >= len(found):
            raise Rejected(
                f"the script has {len(found)} answers to {prompt!r}, this is sample {call.sample}"
            )
        return found[call.sample]
