"""What `graphsearch doctor` asks of a model: is it there, how fast it answers, what it costs."""

import asyncio
import difflib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from graphsearch.engines.base import Engine, ListsModels, Opens
from graphsearch.engines.vllm.serve import serve_of
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    EngineError,
    FleetError,
    GraphsearchError,
    NotThere,
    Rejected,
    Unavailable,
    UnknownModel,
    Unreachable,
)
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.urls import bare_url

__all__ = ["Finding", "ModelReport", "ServerReport", "State", "engine_of", "list_all", "probe_all"]

State = Literal["ok", "poor", "bad"]

LISTS_WITHIN: Final = 10.0
ANSWERS_WITHIN: Final = 60.0
OPENS_WITHIN: Final = 900.0
"""Seconds; models loaded into this process may take minutes."""
_TOKENS: Final = 48
_NAMES_SHOWN: Final = 6
_ORDER: Final[tuple[State, ...]] = ("ok", "poor", "bad")


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a model.

    Attributes:
        about: `engine`, `reach`, `endpoint`, `key`, `name`, `answer`, `tokens`, `context` or
            `price`.
        state: `poor` (it works, but not well) or `bad`.
        found: what was found.
        advice: what to do, on one line.
    """

    about: str
    state: State
    found: str
    advice: str


@dataclass(slots=True)
class ModelReport:
    """What is known of a model after asking it; None is unknown.

    Attributes:
        name, engine, endpoint, served_name: as the fleet has them.
        reachable: whether something answered there.
        serves: the names that its server lists.
        answers: whether a call brought a reply.
        outcome, seconds, prompt_tokens, completion_tokens: of that reply.
        tokens_per_second: of one call alone.
        context: tokens; `context_source` is `fleet` or `server`.
        input_price, output_price: USD per million tokens, as text; `price_source` has the date.
        weights: digest of the weights, "" where only a name is known.
        findings: what is wrong.
    """

    name: str
    engine: str
    endpoint: str | None
    served_name: str
    reachable: bool | None = None
    serves: list[str] | None = None
    answers: bool = False
    outcome: str | None = None
    seconds: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_second: float | None = None
    context: int | None = None
    context_source: str | None = None
    input_price: str | None = None
    output_price: str | None = None
    price_source: str | None = None
    weights: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The worst of the findings."""
        return max((f.state for f in self.findings), key=_ORDER.index, default="ok")

    def to_json(self) -> dict[str, Any]:
        """All fields by name, and `state`."""
        return {**asdict(self), "state": self.state}


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What a server lists.

    Attributes:
        url: its base URL.
        serves: names with their contexts, None when it does not tell.
        found: why it does not, "" when it does.
        advice: what to do then.
    """

    url: str
    serves: Mapping[str, int | None] | None
    found: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def engine_of(spec: ModelSpec) -> Engine:
    """The engine that serves a model of a fleet."""
    from graphsearch.engines import engines_for

    return engines_for(Fleet("one", (spec,), spec.name), [spec.name])[spec.name]


async def probe_all(
    specs: Sequence[ModelSpec], make: Callable[[ModelSpec], Engine] = engine_of
) -> list[ModelReport]:
    """Ask all models side by side, so that a dead fleet takes one time-out.

    First all are opened and listed, then all that are there are asked: loading one would make
    another one look slow.

    Args:
        specs: the models, with prices filled in.
        make: makes the engine of a model.
    """
    probes = [_Probe(spec) for spec in specs]
    await asyncio.gather(*(probe.reach(make) for probe in probes))
    await asyncio.gather(*(probe.ask() for probe in probes))
    for probe in probes:
        probe.judge_price()
    return [probe.report for probe in probes]


async def list_all(servers: Mapping[str, str | None]) -> list[ServerReport]:
    """Ask servers what they serve, side by side.

    Args:
        servers: the variable of the key by base URL, None where none is wanted.
    """
    return await asyncio.gather(*(_list(url, key) for url, key in servers.items()))


async def _list(url: str, key: str | None) -> ServerReport:
    from graphsearch.engines.http import HttpEngine

    try:
        engine = HttpEngine(url, api_key_env=key)
    except FleetError as error:
        return ServerReport(url, None, _first_line(error), "correct the URL")
    try:
        async with asyncio.timeout(LISTS_WITHIN):
            return ServerReport(url, await engine.list_models())
    except AccessDenied as error:
        advice = f"name the variable of its key by --api-key-env {url}=VARIABLE"
        return ServerReport(url, None, _first_line(error), advice)
    except TimeoutError:
        found, advice = f"no answer within {LISTS_WITHIN:.0f} s", "see whether it is stuck"
        return ServerReport(url, None, found, advice)
    except EngineError as error:
        advice = "see whether it is up, and whether the URL is its base URL, which ends in /v1"
        return ServerReport(url, None, _first_line(error), advice)
    finally:
        await engine.aclose()


class _Probe:
    """Asks one model and writes its report."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.engine: Engine | None = None
        price = [
            None if value is None else str(value) for value in (spec.input_price, spec.output_price)
        ]
        self.report = ModelReport(
            spec.name,
            spec.engine,
            None if spec.endpoint is None else bare_url(spec.endpoint),
            spec.served_name or spec.name,
            context=spec.context,
            context_source=None if spec.context is None else "fleet",
            input_price=price[0],
            output_price=price[1],
            price_source=spec.price_source or None,
        )

    async def reach(self, make: Callable[[ModelSpec], Engine]) -> None:
        """Make the engine, load what it needs, and look whether it lists the model."""
        try:
            self.engine = engine = make(self.spec)
            self.report.weights = engine.info(self.spec.name).weights
            if isinstance(engine, Opens):
                async with asyncio.timeout(OPENS_WITHIN):
                    await engine.open()
        except TimeoutError:
            await self._fail("engine", f"not loaded within {OPENS_WITHIN:.0f} s")
        except AccessDenied as error:
            await self._fail("key", error)
        except (GraphsearchError, OSError, ValueError, KeyError) as error:
            await self._fail("engine", error)
        else:
            if isinstance(engine, ListsModels):
                await self._list(engine)

    async def _list(self, engine: ListsModels) -> None:
        try:
            async with asyncio.timeout(LISTS_WITHIN):
                self._listed(await engine.list_models())
        except AccessDenied as error:
            await self._fail("key", error)
        except (Rejected, BrokenReply):
            self.report.reachable = True  # it answers, but has no list: the call will tell
        except Unavailable as error:
            await self._fail("reach" if isinstance(error, Unreachable) else "answer", error)
        except TimeoutError:
            await self._fail("reach", f"no answer within {LISTS_WITHIN:.0f} s")
        except (GraphsearchError, OSError, ValueError, KeyError) as error:
            await self._fail("reach", error)

    async def ask(self) -> None:
        """Make one real call."""
        engine = self.engine
        if engine is None:
            return
        # The embedded models know no words but those of their tasks, whoever serves them.
        serve = serve_of(self.spec)
        served = serve is not None and serve.weights.startswith("embedded:")
        own = self.spec.engine == "embedded" or served
        question = "S P 2 7 9 10 > 36 :" if own else "Reply with the word ready."
        prompt = (Message("user", question),)
        call = Call(self.spec.name, prompt, Sampling(0.0, max_tokens=_TOKENS))
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                reply = await engine.generate(call)
        except AccessDenied as error:
            await self._fail("key", error)
        except TimeoutError:
            await self._fail("answer", f"no answer within {ANSWERS_WITHIN:.0f} s")
        except UnknownModel as error:
            await self._fail("name", error)
        except (NotThere, BrokenReply) as error:
            await self._fail("endpoint", error)
        except Unreachable as error:
            await self._fail("reach", error)
        except (GraphsearchError, OSError, ValueError, KeyError) as error:
            await self._fail("answer", error)
        else:
            self._answered(reply, reply.seconds or time.perf_counter() - begun)
            await self._close()

    # -- what was found ------------------------------------------------------------------------

    def _listed(self, models: Mapping[str, int | None]) -> None:
        report = self.report
        report.reachable = True
        report.serves = list(models)
        if report.served_name not in models:
            return  # some servers answer to any name; whether this one does, the call will tell
        told = models[report.served_name]
        if told is None:
            return
        if report.context is None:
            report.context, report.context_source = told, "server"
        elif report.context > told:
            found = f"the fleet says {report.context:,}, the server takes {told:,} tokens"
            self._note("context", "poor", found, f"write context: {told} into the fleet")

    def _answered(self, reply: Reply, seconds: float) -> None:
        report = self.report
        report.reachable = report.answers = True
        report.outcome, report.seconds = str(reply.outcome), round(seconds, 4)
        report.prompt_tokens = reply.usage.prompt_tokens
        report.completion_tokens = written = reply.usage.completion_tokens
        if written and seconds > 0:
            report.tokens_per_second = round(written / seconds, 1)
        if report.serves and report.served_name not in report.serves:
            found = f"it answers, but lists {_few(report.serves)}, not {report.served_name!r}"
            self._note("name", "poor", found, self._name_advice())
        if reply.outcome is Outcome.EMPTY:
            found = f"a reply without text within {_TOKENS} tokens"
            advice = (
                "a model that thinks before it answers needs a larger max_tokens in its prompts"
            )
            self._note("answer", "poor", found, advice)
        if report.prompt_tokens is None or written is None:
            advice = "budgets hold, but each call is booked at its worst case: turn its usage on"
            self._note("tokens", "poor", "it does not tell how many tokens it used", advice)

    def judge_price(self) -> None:
        """A price that is missing is a problem where somebody will send a bill."""
        spec = self.spec
        billed = spec.engine == "litellm" and spec.endpoint is None
        missing = spec.input_price is None or spec.output_price is None
        if missing and (billed or spec.api_key_env is not None):
            advice = (
                "give input_price and output_price in the fleet, or a file by --prices: without "
                "them no budget in usd can be kept"
            )
            self._note("price", "poor", "its price is unknown", advice)

    async def _fail(self, about: str, error: Exception | str) -> None:
        found = error if isinstance(error, str) else _first_line(error)
        if about == "reach":
            self.report.reachable = False
        elif isinstance(error, Rejected | Unavailable):
            self.report.reachable = True
        self._note(about, "bad", found, self._advice(about, error))
        await self._close()

    def _note(self, about: str, state: State, found: str, advice: str) -> None:
        self.report.findings.append(Finding(about, state, found, advice))

    async def _close(self) -> None:
        engine, self.engine = self.engine, None
        if engine is not None:
            await engine.aclose()

    # -- what to do about it -------------------------------------------------------------------

    def _advice(self, about: str, error: Exception | str) -> str:
        spec = self.spec
        if about == "key":
            return self._key_advice()
        if spec.engine == "embedded":
            return "reinstall graphsearch, or make the weights anew in a clone: make train"
        if about == "engine":
            return f"mend the fleet, or what the engine {spec.engine!r} needs, as it says"
        if self.report.serves and self.report.served_name not in self.report.serves:
            return f"it serves {_few(self.report.serves)}; {self._name_advice()}"
        where = self.report.endpoint or f"the provider of {self.report.served_name}"
        if about == "reach" and spec.endpoint is None:
            return f"see whether this machine reaches {where}"
        if about == "name":
            return self._name_advice()
        if about == "endpoint":
            return (
                f"see whether {where} is the base URL of a server of OpenAI's chat completions, "
                "which mostly ends in /v1"
            )
        if about == "answer" and isinstance(error, BadRequest):
            return f"see what the log of {where} says of the call that it refuses"
        if about == "answer":
            return f"see whether {where} is busy or stuck, and what its log says"
        if serve_of(spec) is not None:
            return "start its server with: graphsearch fleet up FLEET, or see its log"
        return f"start what should listen at {where}, or correct the endpoint"

    def _key_advice(self) -> str:
        name = self.spec.api_key_env
        if name is None:
            return "put the key in an environment variable and name it as api_key_env in the fleet"
        if not os.environ.get(name):
            return f"set the environment variable {name} to the key"
        return f"the key in {name} is not accepted: see whether it is the right one and has credit"

    def _name_advice(self) -> str:
        near = difflib.get_close_matches(
            self.report.served_name, self.report.serves or (), n=1, cutoff=0.3
        )
        meant = f"; {near[0]!r}, perhaps" if near else ""
        return f"give the server's own name of the model as served_name{meant}"


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
