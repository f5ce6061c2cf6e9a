"""An engine that breaks on purpose: wraps another one and injects faults by a seeded plan."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from enum import StrEnum

from graphsearch.engines.base import Engine, EngineInfo
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import CallTimeout, RateLimited, Unavailable

__all__ = ["Fault", "FaultyEngine"]


class Fault(StrEnum):
    """What can go wrong with a call."""

    RATE_LIMITED = "rate_limited"  # and the endpoint says when to come back
    RATE_LIMITED_SILENT = "rate_limited_silent"  # it does not say
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    HANG = "hang"  # no reply until the call is cancelled
    EMPTY = "empty"  # a reply without text; the tokens were used
    TRUNCATED = "truncated"  # the first half of the reply


_CHANGES_REPLIES = frozenset({Fault.EMPTY, Fault.TRUNCATED})


class FaultyEngine:
    """Injects faults into the calls to another engine.

    Whether attempt n of a call fails, and how, follows from the seed, the call and n alone: not
    from the order in which calls happen to be made. So a faulty run can be repeated.

    Args:
        inner: the engine that answers.
        rates: share of attempts that end in each fault; together at most 1.
        script: faults of the first attempts, in the order they are made, None for none; `rates`
            govern what follows.
        seed: of the plan.
        most_per_call: a call that failed so often goes through; None sets no limit.
        retry_after: what `RATE_LIMITED` asks for, seconds.

    Attributes:
        injected: how often each fault was injected.

    Raises:
        ValueError: rates that are no shares.
    """

    def __init__(
        self,
        inner: Engine,
        rates: Mapping[Fault | str, float] | None = None,
        *,
        script: Sequence[Fault | None] = (),
        seed: int = 0,
        most_per_call: int | None = None,
        retry_after: float = 1.0,
    ) -> None:
        self._inner = inner
        self._rates = {Fault(fault): rate for fault, rate in (rates or {}).items()}
        if min(self._rates.values(), default=0) < 0 or sum(self._rates.values()) > 1 + 1e-9:
            raise ValueError(f"rates must be 0 or more and at most 1 together: {self._rates}")
        self._script = list(script)
        self._seed = seed
        self._most = most_per_call
        self._retry_after = retry_after
        self._attempts: Counter[Call] = Counter()
        self._made = 0
        self.injected: Counter[Fault] = Counter()

    def info(self, model: str) -> EngineInfo:
        """The inner engine's facts; a plan that changes replies changes the fingerprint."""
        info = self._inner.info(model)
        if not _CHANGES_REPLIES & {*self._rates, *self._script}:
            return info
        rates = ",".join(f"{fault}={rate}" for fault, rate in sorted(self._rates.items()))
        plan = f"{info.fingerprint}+faults:{self._seed}:{rates}"
        return replace(info, fingerprint=plan, deterministic=False)

    def count_tokens(self, model: str, text: str) -> int | None:
        """The inner engine's count."""
        return self._inner.count_tokens(model, text)

    async def generate(self, call: Call) -> Reply:
        """Make one call, or fail as planned.

        Raises:
            EngineError: the planned fault, or what the inner engine raises.
        """
        fault = self._next_fault(call)
        if fault is None:
            return await self._inner.generate(call)
        self.injected[fault] += 1
        match fault:
            case Fault.RATE_LIMITED:
                raise RateLimited("injected: too many calls", retry_after=self._retry_after)
            case Fault.RATE_LIMITED_SILENT:
                raise RateLimited("injected: too many calls")
            case Fault.UNAVAILABLE:
                raise Unavailable("injected: the endpoint is down")
            case Fault.TIMEOUT:
                raise CallTimeout("injected: no reply in time")
            case Fault.HANG:
                await asyncio.get_running_loop().create_future()
                raise AssertionError("a future that nobody resolves was resolved")
            case Fault.EMPTY:
                reply = await self._inner.generate(call)
                return replace(reply, text="", outcome=Outcome.EMPTY)
            case Fault.TRUNCATED:
                reply = await self._inner.generate(call)
                words = reply.text.split()
                kept = words[: len(words) // 2]
                written = reply.usage.completion_tokens
                written = None if written is None else min(len(kept), written)
                return replace(
                    reply,
                    text=" ".join(kept),
                    usage=Usage(reply.usage.prompt_tokens, written, calls=1),
                    outcome=Outcome.TRUNCATED if kept else Outcome.EMPTY,
                )

    async def aclose(self) -> None:
        """Close the inner engine."""
        await self._inner.aclose()

    def _next_fault(self, call: Call) -> Fault | None:
        attempt = self._attempts[call]
        self._attempts[call] += 1
        made = self._made
        self._made += 1
        if made < len(self._script):
            return self._script[made]
        if self._most is not None and attempt >= self._most:
            return None
        # A number in [0, 1) that follows from seed, call and attempt alone.
        text = repr((self._seed, attempt, astuple(call)))
        drawn = hashlib.blake2b(text.encode(), digest_size=8).digest()
        left = (int.from_bytes(drawn, "little") >> 11) * 2.0**-53
        for fault, rate in self._rates.items():
            left -= rate
            if left < 0:
                return fault
        return None
