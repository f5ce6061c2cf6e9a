"""An engine whose replies were recorded from real models.

A record is a folder with `records.jsonl` (or `.jsonl.gz`): one line for each question and model,

    {"qid": "date/007", "model": "gpt-4", "samples": [{"answer": "05/01/2021", "chars": 77}, ...]}

and `questions.jsonl` with `{"qid": ..., "question": ...}`. A sample's reply is its `text` if it has
one, else its `answer`; an answer of null could not be read when it was recorded, and is `unparsed`.
A line may name a `method` too; its model is then called `model/method`. Two more layouts are read:

    {"qid": 70, "preds": "AFFD-"}       one letter a model, in the order of `models.json`
    {"samples": [{"completion": 3}]}    which text of the question's line in `completions.jsonl`

Where a record has no `questions.jsonl` its questions were not kept, and their ids stand for them.
"""

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args
from urllib.parse import parse_qsl

from pydantic import NonNegativeInt

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.records import Record, Sample, read_record
from graphsearch.records.calls import Call, Outcome, Reply, Usage, digest
from graphsearch.records.errors import FleetError, Rejected, UnknownModel
from graphsearch.records.fields import Text
from graphsearch.records.options import EngineOptions

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet, ModelSpec

__all__ = ["ReplayEngine", "at_record"]


Order = Literal["drawn", "recorded"]


class ReplayOptions(EngineOptions):
    """How a fleet has a record read; see `ReplayEngine`."""

    order: Order = "drawn"
    repeat: bool = False
    field: Text | None = None
    score: Text | None = None
    seed: NonNegativeInt = 0


class ReplayEngine:
    """Replies from a record of real models.

    Sample k of a call about an item gets the k-th of that model's recorded samples for it, in an
    order drawn once from `seed` (or as recorded): so draws are without replacement, do not depend
    on the order of calls, and run out. Streams share the pool of an item; a study uses an item in
    one of them.

    A record holds answers to questions, not to whatever else is asked about them: a call whose
    prompt is not the recorded question (that of a node which reads others, say) is refused.

    Tokens were not recorded. They are estimated from characters, and each reply's `detail` says so.

    Args:
        path: folder of the record, or its file of records.
        served_names: what the record calls each model, for those that it calls otherwise.
        prompt: what the last message of a call must be, `{question}` standing for the question;
            None takes any prompt about an item for its question.
        seed: of the order of draws.
        characters_per_token: for the estimate; None leaves tokens unknown.
        order: of draws: `drawn`, or as `recorded`.
        repeat: the record is of greedy decoding, which says the same each time: every draw of an
            item with one sample is that sample.
        field: field of a sample that is the reply, in place of `text` or `answer`.
        score: field of a sample that its reply carries as its own score (`Reply.detail`).
    """

    Options: ClassVar = ReplayOptions

    def __init__(
        self,
        path: str | Path,
        served_names: Mapping[str, str] | None = None,
        *,
        prompt: str | None = "{question}",
        seed: int = 0,
        characters_per_token: float | None = 4.0,
        order: Order = "drawn",
        repeat: bool = False,
        field: str | None = None,
        score: str | None = None,
    ) -> None:
        if order not in get_args(Order):
            raise FleetError(f"order is {order!r}, must be drawn or recorded", where="replay")
        self._path = Path(path)
        self._served = dict(served_names or {})
        self._prompt = prompt
        self._seed = seed
        self._rate = characters_per_token
        self._drawn = order == "drawn"
        self._repeat = repeat
        self._field = field
        self._score = score
        self._record: Record | None = None
        self._asked: dict[str, list[str]] = {}
        self._orders: dict[tuple[str, str], list[int]] = {}

    @classmethod
    def for_models(cls, specs: "Sequence[ModelSpec]") -> Self:
        """The engine of models of one record.

        Their `endpoint` is its path, from the current folder. What `ReplayOptions` holds may stand
        in the fleet's `options`, or after a `?`: `records/date?order=recorded&field=date`.

        Raises:
            FleetError: they name none, an option is wrong, or they differ in them.
        """
        where = f"model {specs[0].name}"
        path, _, options = (specs[0].endpoint or "").partition("?")
        if not path:
            raise FleetError("needs an endpoint, the folder of its record", where=where)
        served = {spec.name: spec.served_name for spec in specs if spec.served_name is not None}
        told = [ReplayOptions.of(spec).to_json() for spec in specs]
        if any(one != told[0] for one in told):
            raise FleetError("another model of this record has other options", where=where)
        return cls(path, served, **{**_options(options, f"{where}: endpoint"), **told[0]})

    def info(self, model: str) -> EngineInfo:
        """Facts about a model; the fingerprint is that of the files.

        Raises:
            FleetError: the record cannot be read, or has nothing of this model.
        """
        served = self._served.get(model, model)
        known = self._read().models
        if served not in known:
            raise FleetError(
                f"{self._path} has no record of {served!r}; it has {', '.join(sorted(known)[:8])}"
                f"{', ...' if len(known) > 8 else ''}",
                where=f"model {model}",
            )
        options: list[Any] = [served, self._prompt, self._seed, self._rate]
        changed = [self._drawn, self._repeat, self._field, self._score]
        if changed != [True, False, None, None]:
            options += changed
        mark = self._read().mark
        return EngineInfo("replay", digest([mark, options]), deterministic=True, weights=mark)

    def count_tokens(self, model: str, text: str) -> int | None:
        """An estimate from its length."""
        return self._tokens(len(text))

    async def generate(self, call: Call) -> Reply:
        """Look the reply up.

        Raises:
            UnknownModel: no line of the record is of this model.
            Rejected: the item, the prompt or so many samples were not recorded.
            FleetError: the record cannot be read.
        """
        begun = time.perf_counter()
        sample = self._sample(call)
        read = self._tokens(sum(len(message.content) for message in call.messages))
        written, most = self._tokens(sample.characters), call.sampling.max_tokens
        text, outcome = sample.text or "", Outcome.ANSWERED
        if sample.correct:
            pass  # recorded as right, so it was an answer, however little it says
        elif sample.text is None:
            outcome = Outcome.UNPARSED if sample.characters else Outcome.EMPTY
        elif not text.strip():
            text, outcome = "", Outcome.EMPTY
        detail: dict[str, Any] = {} if self._rate is None else {"usage": "estimated"}
        if most is not None and written is not None and written > most:
            # The answer stands at the end of a reply, so it is lost first.
            text, outcome, written = "", Outcome.TRUNCATED, most
        elif sample.score is not None:
            detail["score"] = sample.score
        seconds = time.perf_counter() - begun
        return Reply(text, Usage(read, written, calls=1), outcome, seconds, detail)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _sample(self, call: Call) -> Sample:
        record = self._read()
        model = self._served.get(call.model, call.model)
        if model not in record.models:
            known = ", ".join(sorted(record.models)[:8])
            raise UnknownModel(f"{self._path} has no record of {model!r}; of {known}, ...")
        samples = record.samples.get((model, call.item))
        if samples is None:
            raise Rejected(f"{self._path} has no answer of {model!r} to item {call.item!r}")
        self._check_prompt(call, record)
        if self._repeat and len(samples) == 1:
            return samples[0]
        if call.sample >= len(samples):
            raise Rejected(
                f"{self._path} has {len(samples)} answers of {model!r} to item {call.item!r}, and "
                f"number {call.sample + 1} is asked for"
            )
        if not self._drawn:
            return samples[call.sample]
        return samples[self._order(model, call.item, len(samples))[call.sample]]

    def _check_prompt(self, call: Call, record: Record) -> None:
        if self._prompt is None:
            return
        expected = self._asked.get(call.item)
        if expected is None:
            if call.item not in record.questions:
                raise Rejected(f"{self._path} has no question of item {call.item!r}")
            question = str(record.questions[call.item].values["question"])
            expected = self._asked[call.item] = self._prompt.replace("{question}", question).split()
        if call.messages[-1].content.split() != expected:
            raise Rejected(
                f"{self._path} holds answers to the question of item {call.item!r} alone; this "
                "prompt says more or other things (only nodes that read nobody can be replayed)"
            )

    def _order(self, model: str, item: str, count: int) -> list[int]:
        order = self._orders.get((model, item))
        if order is None:
            order = list(range(count))
            random.Random(digest([self._seed, model, item])).shuffle(order)
            self._orders[model, item] = order
        return order

    def _tokens(self, characters: int) -> int | None:
        return None if self._rate is None else max(1, math.ceil(characters / self._rate))

    def _read(self) -> Record:
        if self._record is None:
            self._record = read_record(self._path, field=self._field, score=self._score)
        return self._record


def at_record(fleet: "Fleet", path: str | Path) -> "Fleet":
    """A fleet whose replayed models are those of the record at `path`.

    Models that name a folder of their own keep it; others may name options of the engine alone.
    """
    models = []
    for spec in fleet.models:
        own, mark, options = (spec.endpoint or "").partition("?")
        here = spec.engine == "replay" and not own
        models.append(replace(spec, endpoint=f"{path}{mark}{options}") if here else spec)
    return replace(fleet, models=tuple(models))


def _options(text: str, where: str) -> dict[str, Any]:
    """The options of an endpoint."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in ("order", "field", "score"):
            found[name] = value
        elif name == "repeat" and value in ("true", "false"):
            found[name] = value == "true"
        elif name == "seed" and value.isdecimal():
            found[name] = int(value)
        else:
            known = "order, field, score, repeat=true, seed"
            raise FleetError(f"unknown option {name}={value}; known are {known}", where=where)
    return found
