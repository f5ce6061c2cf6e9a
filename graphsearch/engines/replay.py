"""An engine whose replies were recorded from real models.

A record is a folder with `records.jsonl` (or `.jsonl.gz`): one line for each question and model,

    {"qid": "date/007", "model": "gpt-4", "samples": [{"answer": "05/01/2021", "chars": 77}, ...]}

and `questions.jsonl` with `{"qid": ..., "question": ...}`. A sample's reply is its `text` if it has
one, else its `answer`; an answer of null could not be read when it was recorded, and is `unparsed`.
A line may name a `method` too; its model is then called `model/method`.
"""

import gzip
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from graphsearch.calls import Call, Outcome, Reply, Usage, digest
from graphsearch.engines.base import EngineInfo
from graphsearch.errors import FleetError, Rejected, UnknownModel

if TYPE_CHECKING:
    from graphsearch.fleet import ModelSpec

__all__ = ["ReplayEngine"]


@dataclass(frozen=True, slots=True)
class _Sample:
    """A recorded reply: its text (None: could not be read) and the length of the full one."""

    text: str | None
    characters: int


@dataclass(frozen=True, slots=True)
class _Record:
    """All that was recorded.

    Attributes:
        samples: by model and question.
        models: names of the models.
        questions: texts by id; None where there is no file of them.
        mark: a digest of the files.
    """

    samples: Mapping[tuple[str, str], tuple[_Sample, ...]]
    models: frozenset[str]
    questions: Mapping[str, str] | None
    mark: str


class ReplayEngine:
    """Replies from a record of real models.

    Sample k of a call about an item gets the k-th of that model's recorded samples for it, in an
    order drawn once from `seed`: so draws are without replacement, do not depend on the order of
    calls, and run out. Streams share the pool of an item; a study uses an item in one of them.

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
    """

    def __init__(
        self,
        path: str | Path,
        served_names: Mapping[str, str] | None = None,
        *,
        prompt: str | None = "{question}",
        seed: int = 0,
        characters_per_token: float | None = 4.0,
    ) -> None:
        self._path = Path(path)
        self._served = dict(served_names or {})
        self._prompt = prompt
        self._seed = seed
        self._rate = characters_per_token
        self._record: _Record | None = None
        self._orders: dict[tuple[str, str], list[int]] = {}

    @classmethod
    def for_models(cls, specs: "Sequence[ModelSpec]") -> Self:
        """The engine of models of one record; `endpoint` is its path, from the current folder.

        Raises:
            FleetError: they name none.
        """
        if specs[0].endpoint is None:
            where = f"model {specs[0].name}"
            raise FleetError("needs an endpoint, the folder of its record", where=where)
        served = {spec.name: spec.served_name for spec in specs if spec.served_name is not None}
        return cls(specs[0].endpoint, served)

    def info(self, model: str) -> EngineInfo:
        """Facts about a model; the fingerprint is that of the files.

        Raises:
            FleetError: the record cannot be read.
        """
        served = self._served.get(model, model)
        options = [served, self._prompt, self._seed, self._rate]
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
        usage = Usage(
            self._tokens(sum(len(message.content) for message in call.messages)),
            self._tokens(sample.characters),
            calls=1,
        )
        outcome = _outcome(sample)
        text = sample.text or "" if outcome is Outcome.ANSWERED else ""
        reply = Reply(text, usage, outcome, time.perf_counter() - begun)
        return self._bounded(reply, call.sampling.max_tokens)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _sample(self, call: Call) -> _Sample:
        record = self._read()
        model = self._served.get(call.model, call.model)
        if model not in record.models:
            known = ", ".join(sorted(record.models)[:8])
            raise UnknownModel(f"{self._path} has no record of {model!r}; of {known}, ...")
        samples = record.samples.get((model, call.item))
        if samples is None:
            raise Rejected(f"{self._path} has no answer of {model!r} to item {call.item!r}")
        self._check_prompt(call, record)
        if call.sample >= len(samples):
            raise Rejected(
                f"{self._path} has {len(samples)} answers of {model!r} to item {call.item!r}, and "
                f"number {call.sample + 1} is asked for"
            )
        return samples[self._order(model, call.item, len(samples))[call.sample]]

    def _check_prompt(self, call: Call, record: _Record) -> None:
        if self._prompt is None:
            return
        if record.questions is None:
            raise Rejected(
                f"{self._path} has no questions.jsonl, so no prompt can be held against its "
                "question; make the engine with prompt=None to take any"
            )
        question = record.questions.get(call.item, "")
        expected = self._prompt.replace("{question}", question).split()
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

    def _bounded(self, reply: Reply, most: int | None) -> Reply:
        """A reply as `max_tokens` leaves it: the answer stands at its end, so it is lost first."""
        detail = {} if self._rate is None else {"usage": "estimated"}
        written = reply.usage.completion_tokens
        if most is None or written is None or written <= most:
            return Reply(reply.text, reply.usage, reply.outcome, reply.seconds, detail)
        usage = Usage(reply.usage.prompt_tokens, most, calls=1)
        return Reply("", usage, Outcome.TRUNCATED, reply.seconds, detail)

    def _tokens(self, characters: int) -> int | None:
        return None if self._rate is None else max(1, math.ceil(characters / self._rate))

    def _read(self) -> _Record:
        if self._record is None:
            self._record = _read(self._path)
        return self._record


def _outcome(sample: _Sample) -> Outcome:
    if sample.text is None:
        return Outcome.UNPARSED if sample.characters else Outcome.EMPTY
    return Outcome.ANSWERED if sample.text.strip() else Outcome.EMPTY


def _read(path: Path) -> _Record:
    file = _records_file(path)
    samples: dict[tuple[str, str], tuple[_Sample, ...]] = {}
    mark = blake2b(digest_size=16)
    for where, row in _rows(file, mark):
        model, qid, found = row.get("model"), row.get("qid"), row.get("samples")
        if not isinstance(model, str) or qid is None or not isinstance(found, list):
            raise FleetError("expected a line with qid, model and samples", where=where)
        model = f"{model}/{row['method']}" if "method" in row else model
        if (model, str(qid)) in samples:
            raise FleetError(f"{model!r} answers {qid!r} twice", where=where)
        samples[model, str(qid)] = tuple(_read_sample(one, where) for one in found)
    questions = file.parent / "questions.jsonl"
    texts = None
    if questions.is_file():
        texts = {str(row["qid"]): str(row["question"]) for _, row in _rows(questions, mark)}
    models = frozenset(model for model, _ in samples)
    return _Record(samples, models, texts, mark.hexdigest())


def _records_file(path: Path) -> Path:
    names = ("records.jsonl", "records.jsonl.gz")
    for file in [path, *(path / name for name in names)]:
        if file.is_file():
            return file
    raise FleetError(f"is no record: there is no {' or '.join(names)}", where=str(path))


def _read_sample(found: Any, where: str) -> _Sample:
    if not isinstance(found, Mapping) or not ("answer" in found or "text" in found):
        raise FleetError("a sample has neither an answer nor a text", where=where)
    text = found.get("text", found.get("answer"))
    text = None if text is None else str(text)
    characters = found.get("chars")
    return _Sample(text, characters if isinstance(characters, int) else len(text or ""))


def _rows(file: Path, mark: blake2b) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The lines of a file with their places; what is read goes into the digest too."""
    try:
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise FleetError(f"cannot be read: {error}", where=str(file)) from error
    mark.update(data)
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise FleetError(f"is not JSON: {error}", where=f"{file}:{number}") from error
        if not isinstance(row, Mapping):
            raise FleetError("is no object", where=f"{file}:{number}")
        yield f"{file}:{number}", row
