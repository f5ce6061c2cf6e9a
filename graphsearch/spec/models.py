"""What a search is made of, as a user says it: one model for YAML, command line and Python.

Everything is checked strictly (a text is no number, `true` is no number) and unknown keys are
refused. What only the parts themselves can know (whether a searcher, a task or a model of that
name exists, what options it takes) is left to `graphsearch.spec.build`.

Where a file has a name, Python may have the object: a `Task`, a `Fleet`, a `Space`, a searcher. The
JSON Schema shows what a file can hold.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, core_schema

from graphsearch.checked import BadValue, Checked, shown
from graphsearch.cost import Amount, Lengths, ModelLengths
from graphsearch.engines.base import Engine
from graphsearch.execution import RetryPolicy
from graphsearch.prices import PriceList
from graphsearch.records.errors import GraphsearchError, InputError
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import Task
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.space import RoleOption, SinkOption, Space
from graphsearch.spec._fleets import written_fleet

__all__ = [
    "BASELINES",
    "SCHEMA_VERSION",
    "AgentSpec",
    "BaselineKind",
    "Calls",
    "Evaluation",
    "ProfileSpec",
    "SearcherSpec",
    "SpaceSpec",
    "Spec",
    "TaskSpec",
]

SCHEMA_VERSION: Final = 1
_LONGEST_NAME: Final = 4096


# -- fields that hold objects ----------------------------------------------------------------------


_WRITTEN = (str, Path, Mapping, list, tuple, type(None))


@dataclass(frozen=True)
class _Object:
    """Marks a field that takes an object as it is, or what a file writes in its place.

    Attributes:
        fits: a class, or what such an object can do.
        written: type of what a file writes.
        make: makes the object of it; None: it stays as it is until names are looked up.
        show: writes an object again; None where there is no way.
        words: what the field may be, for errors; None where the type says it.
    """

    fits: type | tuple[str, ...]
    written: Any
    make: Callable[[Any], Any] | None = None
    show: Callable[[Any], Any] | None = None
    words: str | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def read(value: Any, check: Callable[[Any], Any]) -> Any:
            if self.is_one(value):
                return value
            if self.words is not None and not isinstance(value, _WRITTEN):
                raise BadValue(f"must be {self.words}, got {shown(value)}")
            try:
                told = check(value)
                return told if self.make is None else self.make(told)
            except GraphsearchError as error:  # of the object, which checks itself
                message = error.message if isinstance(error, InputError) else str(error)
                raise BadValue(message, getattr(error, "where", None)) from error

        show = None
        if self.show is not None:
            show = core_schema.plain_serializer_function_ser_schema(self.show)
        written = handler.generate_schema(self.written)
        return core_schema.no_info_wrap_validator_function(read, written, serialization=show)

    def is_one(self, value: Any) -> bool:
        """Whether a value is such an object."""
        if isinstance(self.fits, type):
            return isinstance(value, self.fits)
        return all(hasattr(value, name) for name in self.fits)


def _as_text(value: Any) -> Any:
    """A path may stand where a file has its text."""
    return str(value) if isinstance(value, Path) else value


_Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
Name = Annotated[_Text, BeforeValidator(_as_text, json_schema_input_type=_Text)]
Options = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
"""Options of a part, which checks them; in Python their values may be any objects."""


def _amount(text: Any) -> Amount:
    _refuse_bare(text)
    exponent = re.search(r"[eE]\+?0*([0-9]+)", str(text))
    if isinstance(text, str) and (len(text) > 60 or (exponent and len(exponent[1]) > 2)):
        raise BadValue(f"is too large a number: {text[:40]}")
    return Amount.parse(text)


def _listed(told: Any) -> Any:
    _refuse_bare(told)
    return [told] if isinstance(told, str | Amount) else told


def _refuse_bare(number: Any) -> None:
    if isinstance(number, int | float) and not isinstance(number, bool):
        raise BadValue(f"needs a currency, such as '{number} units'; got {number}")


def _fleet(value: Any) -> str | Fleet:
    """A fleet given whole is made at once; a name is looked up when all is built."""
    if isinstance(value, Fleet):
        return value
    if isinstance(value, Mapping):
        try:
            return Fleet.from_json(value)
        except GraphsearchError as error:
            raise ValueError(str(error).removeprefix("fleet: ").removeprefix("fleet.")) from error
    name = _as_text(value)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError("must be the name of a fleet, a path to one, or one given whole")
    return name


def _one_per_currency(amounts: tuple[Amount, ...]) -> tuple[Amount, ...]:
    currencies = [amount.currency for amount in amounts]
    twice = sorted({c for c in currencies if currencies.count(c) > 1})
    if twice:
        raise ValueError(f"two budgets in {twice[0]}")
    return amounts


def _engines(told: Any) -> Mapping[str, Engine] | None:
    if told is not None and not isinstance(told, Mapping):
        raise ValueError(f"must be a mapping of engines by model, got {shown(told)}")
    for name, engine in (told or {}).items():
        if not hasattr(engine, "generate") or not hasattr(engine, "info"):
            raise BadValue(f"must be an engine, got {shown(engine)}", f"[{name!r}]")
    return told


_AmountText = Annotated[Any, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100})]
AmountField = Annotated[Amount, _Object(Amount, _AmountText, _amount, str)]
Amounts = Annotated[
    tuple[AmountField, ...],
    BeforeValidator(
        _listed,
        json_schema_input_type=str | tuple[AmountField, ...],
    ),
    AfterValidator(_one_per_currency),
    Field(min_length=1, max_length=16, strict=False),
]


# -- the parts -------------------------------------------------------------------------------------


class _Short(Checked):
    """A mapping that may be given as its one main key alone: `rules` for `{name: rules}`."""

    main: ClassVar[str] = "name"
    objects: ClassVar[str]
    """What may stand for the main key in Python."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, Mapping | cls):
            return value
        field: Any = cls.model_fields[cls.main].metadata
        is_object = any(one.is_one(value) for one in field if isinstance(one, _Object))
        if not isinstance(value, str) and not is_object:
            words = f"must be a {cls.main} or a mapping (in Python, also {cls.objects})"
            raise ValueError(f"{words}, got {shown(value)}")
        return {cls.main: value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        full = handler.resolve_ref_schema(handler(schema))
        return {
            "anyOf": [{"type": "string", "minLength": 1}, dict(full)],
            "description": full.get("description", ""),
        }


class _AsMapping:
    """Marks a dataclass that a file writes as a mapping, though types are strict."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        cast("dict[str, Any]", handler.resolve_ref_schema(schema))["strict"] = False
        return schema


_Measured = Annotated[ModelLengths, _Object(ModelLengths, Annotated[ModelLengths, _AsMapping()])]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class ProfileSpec(Checked):
    """Mean lengths in tokens that expected costs are computed with."""

    model_config = ConfigDict(serialize_by_alias=True)

    question: Tokens | None = None
    """Tokens of a question's prompt (A), of all models; it also fixes what a unit is."""
    answer: Tokens | None = None
    """Tokens of an answer (B), of all models."""
    from_run: Annotated[Name | None, Field(alias="from")] = None
    """Folder of a finished run whose measured lengths are taken; relative to the configuration."""
    models: (
        Annotated[Lengths, _Object(Lengths, dict[str, _Measured], Lengths.of, Lengths.to_json)]
        | None
    ) = None
    """Lengths of single models, in place of `from`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.question is None) != (self.answer is None):
            raise ValueError("question and answer go together")
        if self.from_run is not None and self.models is not None:
            raise ValueError("give either from or models")
        if self.question is None and self.from_run is None and self.models is None:
            raise ValueError("give question and answer, from, or models")
        return self


class TaskSpec(_Short):
    """What is asked: a task by name, or a file of questions with answers."""

    objects: ClassVar[str] = "a Task"

    name: Annotated[
        str | Task | None, _Object(Task, Name | None, words="a name (in Python, also a Task)")
    ] = None
    """A registered task: `puzzle`, `recall`, a benchmark such as `gsm8k` (with the option `path`,
    relative to the configuration), or one that an installed package brings."""
    file: Name | None = None
    """A file of questions with answers (JSONL, CSV, JSON, Parquet, Arrow), relative to the
    configuration; or `FILE.py:FUNCTION`, which returns them, where code is allowed."""
    options: Options = Field(default_factory=dict)
    """Options of the task or its loader."""
    prompt_set: Name | None = None
    """Prompt set of the roles: a registered name or a folder; the task's own when left out."""
    profile: ProfileSpec | None = None
    """Mean lengths in tokens; the task's own when left out."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("give either a name or a file")
        if isinstance(self.name, str) and ":" in self.name:
            raise ValueError("a registered name has no colon; a Python function goes into file")
        return self


SINKS = ("assistant", "fuser", "vote")


class SpaceSpec(Checked):
    """Which graphs are allowed."""

    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    """Most nodes besides the sink; as many as the budget allows, 12 at most, when left out."""
    models: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] | None = None
    """Models a node may use; all of the fleet when left out."""
    roles: Annotated[
        tuple[
            Annotated[
                str | RoleOption,
                _Object(RoleOption, Name, words="a name (in Python, also a RoleOption)"),
            ],
            ...,
        ],
        Field(min_length=1, strict=False),
    ] = ("assistant", "fuser")
    """Roles a node besides the sink may have."""
    sinks: Annotated[
        tuple[
            Annotated[
                str | SinkOption,
                _Object(SinkOption, Name, words="a name (in Python, also a SinkOption)"),
            ],
            ...,
        ],
        Field(min_length=1, strict=False),
    ] = SINKS
    """What may give the final answer: `vote`, `select`, a role on one model (`fuser:m`) or on
    each (`fuser`)."""
    max_in_degree: Annotated[int, Field(ge=1, le=64)] | None = None
    """Most parents of any node; no bound when left out."""
    edges: Literal["dag", "star"] = "dag"
    """`dag`: any lower slot may feed a higher one; `star`: slots feed the sink only."""
    preset: Literal["published"] | None = None
    """`published`: one assistant sink with a parent at least, as in arXiv 2511.00086."""
    sink_model: Name | None = None
    """Model of that sink, for the preset."""

    @field_validator("models", "roles", "sinks")
    @classmethod
    def _distinct(cls, names: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        twice = next((name for name in names or () if (names or ()).count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is given twice")
        return names

    @model_validator(mode="after")
    def _preset_is_whole(self) -> Self:
        if (self.preset is None) != (self.sink_model is None):
            raise ValueError("preset and sink_model go together")
        if self.preset is not None and self.sinks != SINKS:
            raise ValueError("the preset fixes the sink; leave sinks out")
        return self


class SearcherSpec(_Short):
    """Who proposes graphs."""

    objects: ClassVar[str] = "a searcher"

    name: Annotated[str | Searcher, _Object(("ask", "tell"), Name)] = "agent-reinforce"
    """`agent-reinforce`, `reinforce`, `optuna`, `random`, `exhaustive`, or an installed one."""
    options: Options = Field(default_factory=dict)
    """Options of that searcher."""


class AgentSpec(_Short):
    """Who advises the searcher in words."""

    objects: ClassVar[str] = "an agent"

    name: Annotated[str | Agent, _Object(("advise",), Name)] = "rules"
    """`rules` (needs no model), `chat` (a model of the fleet), or an installed one."""
    model: Name | None = None
    """The model that speaks, for `chat`."""
    options: Options = Field(default_factory=dict)
    """Options of that agent."""

    @model_validator(mode="after")
    def _chat_has_model(self) -> Self:
        if self.name == "chat" and self.model is None:
            raise ValueError("the chat agent needs a model of the fleet")
        return self


Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountFromZero = Annotated[int, Field(ge=0, le=1_000_000)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
BaselineKind = Literal["single", "sampled", "self_consistency", "select", "best_of_n", "fuser"]
BASELINES: tuple[BaselineKind, ...] = get_args(BaselineKind)


class Evaluation(Checked):
    """How graphs are compared, and how the winner is found and tested."""

    per_round: Count = 8
    """Graphs asked of the searcher per round."""
    blocks: Annotated[tuple[Count, ...], Field(min_length=1, max_length=64, strict=False)] = (
        8,
        16,
        32,
    )
    """Items of each block of a race; a round has as many items as their sum."""
    incumbents: CountFromZero = 2
    """Best graphs so far that run again in every race."""
    race_alpha: OpenShare = 0.1
    """Probability, per round and graph, of stopping it wrongly."""
    length_items: CountFromZero | None = None
    """Items on which token lengths are measured before the search plans with them; when null, 8
    where the task's own lengths are only estimated, else none."""
    search_items: Count = 168
    """Items of the search split that races use."""
    calibration_items: Count = 100
    """Items of the search split on which thresholds of gates and weights of votes are measured."""
    rounds: Count | None = 40
    """Most rounds; no limit when null."""
    patience: Count | None = None
    """Rounds without a better lower bound that end the search; no limit when null."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time that ends the search; with it a result depends on time. No limit when null."""
    infra_share: OpenShare = 0.2
    """Share of infrastructure failures above which the study stops."""
    finalists: Count = 5
    """Graphs that meet on the selection split."""
    selection_items: CountFromZero = 200
    """Items they meet on."""
    test_items: CountFromZero = 500
    """Items of the held-out test, as long as the budget affords them."""
    min_test_items: CountFromZero = 50
    """Fewest test items that a quote accepts without a warning."""
    test_block: Count = 50
    """Items admitted at once in selection and test."""
    reserve: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the search budget kept for selection, test and baselines."""
    level: OpenShare = 0.95
    """Level of every interval."""
    baselines: Annotated[tuple[BaselineKind, ...], Field(strict=False)] = BASELINES
    """Kinds of baselines to measure; none when empty."""
    most_copies: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Most answers a baseline draws, however cheap they are."""
    winner: Literal["best", "last"] = "best"
    """`best` of the finalists, or `last` graph proposed, as published."""

    @property
    def window(self) -> int:
        """Items of one round."""
        return sum(self.blocks)

    def to_json(self) -> dict[str, Any]:
        """All settings, tuples as lists."""
        return self.model_dump(mode="json")


class Calls(RetryPolicy):
    """How calls are made, how often and for how long.

    None of this changes a result, so a search may go on with other values.
    """

    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Most calls at a time to an endpoint; how many it gets is learned from how it answers."""


# -- the whole -------------------------------------------------------------------------------------


class Spec(Checked):
    """One search: what is asked, who may answer, what it may cost, and how it is run."""

    model_config = ConfigDict(title="graphsearch configuration")

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this shape."""
    task: TaskSpec
    """What is asked."""
    fleet: Annotated[
        str | Fleet,
        PlainValidator(_fleet, json_schema_input_type=Name | Options),
        PlainSerializer(lambda fleet: written_fleet(fleet) if isinstance(fleet, Fleet) else fleet),
    ]
    """Name of a fleet that comes along, a path to one (relative to the configuration), or the
    fleet itself: what its file would hold."""
    prices: Annotated[
        str | PriceList | None,
        _Object(PriceList, Name | None, words="a file (in Python, also a PriceList)"),
    ] = None
    """A file of prices and contexts (relative to the configuration) for models whose fleet does
    not tell them."""
    space: Annotated[
        SpaceSpec | Space, _Object(Space, SpaceSpec, words="a mapping (in Python, also a Space)")
    ] = Field(default_factory=SpaceSpec)
    """Which graphs are allowed."""
    graph_budget: AmountField
    """The most a graph may spend on one question, such as `18 units`."""
    search_budget: Amounts
    """The most the whole search may spend, such as `20000 units`; one or several currencies."""
    evaluation_budget: Amounts | None = None
    """A budget of its own for test and baselines; part of the search budget when left out."""
    searcher: SearcherSpec = Field(default_factory=SearcherSpec)
    """Who proposes graphs."""
    agent: AgentSpec | None = AgentSpec()
    """Who advises the searcher in words; `null` for nobody."""
    evaluation: Evaluation = Field(default_factory=Evaluation)
    """How graphs are compared."""
    calls: Calls = Field(default_factory=Calls)
    """How calls are made."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Everything random follows from it."""
    out: Name | None = None
    """Run folder; `runs/NAME` of the configuration when left out."""
    engines: SkipJsonSchema[Annotated[Mapping[str, Engine] | None, PlainValidator(_engines)]] = (
        Field(default=None, exclude=True)
    )
    """Where the calls of each model go; made from the fleet when None. From Python alone."""

    def at(self, folder: str | Path | None) -> Self:
        """The same search in another run folder."""
        return self.model_copy(update={"out": None if folder is None else str(folder)})
