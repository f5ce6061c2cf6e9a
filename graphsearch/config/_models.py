"""The shape of a configuration.

Everything is checked strictly (a text is no number, `true` is no number) and unknown keys are
refused. What only the parts themselves can know (whether a searcher, a task or a model of that
name exists, what options it takes) is left to them.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from graphsearch.records.errors import GraphsearchError

__all__ = [
    "SCHEMA_VERSION",
    "AgentConfig",
    "CallsConfig",
    "Config",
    "EvaluationConfig",
    "LengthsConfig",
    "ProfileConfig",
    "SearcherConfig",
    "SpaceConfig",
    "TaskConfig",
]

SCHEMA_VERSION: Final = 1

_LONGEST_NAME: Final = 4096
Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
Options = dict[str, JsonValue]


def _amount(text: str) -> str:
    from graphsearch.cost import Amount

    exponent = re.search(r"[eE]\+?0*([0-9]+)", text)
    if len(text) > 60 or (exponent and len(exponent[1]) > 2):
        raise ValueError(f"is too large a number: {text[:40]}")
    try:
        Amount.parse(text)
    except GraphsearchError as error:
        raise ValueError(str(error)) from error
    return text


def _one_per_currency(texts: tuple[str, ...]) -> tuple[str, ...]:
    from graphsearch.cost import Amount

    currencies = [Amount.parse(text).currency for text in texts]
    twice = sorted({c for c in currencies if currencies.count(c) > 1})
    if twice:
        raise ValueError(f"two budgets in {twice[0]}")
    return texts


def _with_currency(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"needs a currency, such as '{value} units'; got {value}")
    return value


def _fleet(value: Any) -> Any:
    """A fleet given whole is checked at once; a name is looked up when the parts are joined."""
    if isinstance(value, str):
        if not 0 < len(value) <= _LONGEST_NAME:
            raise ValueError("must be a name or a path")
        return value
    if not isinstance(value, Mapping):
        raise ValueError("must be the name of a fleet, a path to one, or one given whole")
    from graphsearch.records.models import Fleet

    try:
        Fleet.from_json(value)
    except GraphsearchError as error:
        raise ValueError(str(error).removeprefix("fleet: ").removeprefix("fleet.")) from error
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else _with_currency(value)


FleetField = Annotated[
    str | Options, BeforeValidator(_fleet, json_schema_input_type=Name | Options)
]
_ShortText = Annotated[str, Field(min_length=1, max_length=100)]
AmountText = Annotated[
    _ShortText,
    BeforeValidator(_with_currency, json_schema_input_type=_ShortText),
    AfterValidator(_amount),
]
Amounts = Annotated[
    tuple[AmountText, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[AmountText, ...]),
    AfterValidator(_one_per_currency),
    Field(min_length=1, max_length=16, strict=False),
]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class _Short(_Model):
    """A mapping that may be given as its one main key alone: `rules` for `{name: rules}`."""

    main: ClassVar[str] = "name"

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, str | Mapping | cls):
            raise ValueError(f"must be a {cls.main} or a mapping")
        return {cls.main: value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        full = handler.resolve_ref_schema(handler(core_schema))
        return {
            "anyOf": [{"type": "string", "minLength": 1}, dict(full)],
            "description": full.get("description", ""),
        }


Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class LengthsConfig(_Model):
    """Mean lengths in tokens of one model, as an earlier run measured them."""

    question: Tokens
    """Tokens of a prompt without parents' messages."""
    answer: Tokens
    """Tokens of the reply to it."""
    heard: Tokens
    """Tokens that one parent's message adds to a prompt."""
    reading: Tokens
    """Tokens of a reply that has read others."""
    calls: Annotated[int, Field(ge=0)] = 0
    """Calls without parents that were measured."""
    reading_calls: Annotated[int, Field(ge=0)] = 0
    """Calls with parents that were measured."""


class ProfileConfig(_Model):
    """Mean lengths in tokens that expected costs are computed with."""

    model_config = ConfigDict(serialize_by_alias=True)

    question: Tokens | None = None
    """Tokens of a question's prompt (A), of all models; it also fixes what a unit is."""
    answer: Tokens | None = None
    """Tokens of an answer (B), of all models."""
    from_run: Annotated[Name | None, Field(alias="from")] = None
    """Folder of a finished run whose measured lengths are taken; relative to the configuration."""
    models: dict[str, LengthsConfig] | None = None
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


class TaskConfig(_Short):
    """What is asked: a task by name, or a file of questions with answers."""

    name: Name | None = None
    """A registered task: `puzzle`, `recall`, a benchmark such as `gsm8k` (with the option `path`,
    relative to the configuration), or one that an installed package brings."""
    file: Name | None = None
    """A file of questions with answers (JSONL, CSV, JSON, Parquet, Arrow), relative to the
    configuration; or `FILE.py:FUNCTION`, which returns them, where code is allowed."""
    options: Options = Field(default_factory=dict)
    """Options of the task or its loader."""
    prompt_set: Name | None = None
    """Prompt set of the roles: a registered name or a folder; the task's own when left out."""
    profile: ProfileConfig | None = None
    """Mean lengths in tokens; the task's own when left out."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("give either a name or a file")
        if self.name is not None and ":" in self.name:
            raise ValueError("a registered name has no colon; a Python function goes into file")
        return self


SINKS = ("assistant", "fuser", "vote")


class SpaceConfig(_Model):
    """Which graphs are allowed."""

    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    """Most nodes besides the sink; as many as the budget allows, 12 at most, when left out."""
    models: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] | None = None
    """Models a node may use; all of the fleet when left out."""
    roles: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] = ("assistant", "fuser")
    """Roles a node besides the sink may have."""
    sinks: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] = SINKS
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
    def _distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted({name for name in names or () if (names or ()).count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is given twice")
        return names

    @model_validator(mode="after")
    def _preset_is_whole(self) -> Self:
        if (self.preset is None) != (self.sink_model is None):
            raise ValueError("preset and sink_model go together")
        if self.preset is not None and self.sinks != SINKS:
            raise ValueError("the preset fixes the sink; leave sinks out")
        return self


class SearcherConfig(_Short):
    """Who proposes graphs."""

    name: Name = "agent-reinforce"
    """`agent-reinforce`, `reinforce`, `optuna`, `random`, `exhaustive`, or an installed one."""
    options: Options = Field(default_factory=dict)
    """Options of that searcher."""


class AgentConfig(_Short):
    """Who advises the searcher in words."""

    name: Name = "rules"
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
Baseline = Literal["single", "sampled", "self_consistency", "select", "best_of_n", "fuser"]


class EvaluationConfig(_Model):
    """How graphs are compared, and how the winner is found and tested.

    The fields and their defaults are those of `graphsearch.study.Settings`.
    """

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
    """Items of the sealed test, as long as the budget affords them."""
    min_test_items: CountFromZero = 50
    """Fewest test items that a quote accepts without a warning."""
    test_block: Count = 50
    """Items admitted at once in selection and test."""
    reserve: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the search budget kept for selection, test and baselines."""
    level: OpenShare = 0.95
    """Level of every interval."""
    baselines: Annotated[tuple[Baseline, ...], Field(strict=False)] = (
        "single",
        "sampled",
        "self_consistency",
        "select",
        "best_of_n",
        "fuser",
    )
    """Kinds of plain alternatives to measure; none when empty."""
    most_copies: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Most answers a baseline draws, however cheap they are."""
    winner: Literal["best", "last"] = "best"
    """`best` of the finalists, or `last` graph proposed, as published."""


Seconds = Annotated[float, Field(gt=0)]


class CallsConfig(_Model):
    """How calls are made, how often and for how long.

    But for `concurrency`, the fields and their defaults are those of
    `graphsearch.execution.RetryPolicy`. None of them changes a result, so a search may go on with
    others.
    """

    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Most calls at a time to an endpoint; how many it gets is learned from how it answers."""
    attempts: Count = 8
    """Most attempts of a call that a server has spoilt, the first included."""
    refusals: Count = 100
    """Most attempts that reached nobody or were told to come back later."""
    first_wait: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the second attempt; doubled each time, less a random part."""
    longest_wait: Annotated[float, Field(ge=0)] = 30.0
    """Most seconds between two attempts that nobody asked to keep apart."""
    attempt_s: Seconds | None = 600.0
    """Seconds after which an attempt is given up; no limit when null."""
    call_s: Seconds | None = 3600.0
    """Seconds after which a call is not tried again; no limit when null."""
    item_s: Seconds | None = None
    """Seconds that a graph may take for one item; no limit when null."""
    unreachable_s: Seconds = 10.0
    """Seconds without any connection after which an endpoint counts as dead."""
    trouble_s: Seconds = 300.0
    """Seconds with nothing but failures after which it does, and the longest wait it may ask."""


class Config(_Model):
    """One search, as a file describes it."""

    model_config = ConfigDict(title="graphsearch configuration")

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this shape."""
    task: TaskConfig
    """What is asked."""
    fleet: FleetField
    """Name of a fleet that comes along, a path to one (relative to the configuration), or the
    fleet itself: what its file would hold."""
    prices: Name | None = None
    """A file of prices and contexts (relative to the configuration) for models whose fleet does
    not tell them."""
    space: SpaceConfig = Field(default_factory=SpaceConfig)
    """Which graphs are allowed."""
    graph_budget: AmountText
    """The most a graph may spend on one question, such as `18 units`."""
    search_budget: Amounts
    """The most the whole search may spend, such as `20000 units`; one or several currencies."""
    evaluation_budget: Amounts | None = None
    """A budget of its own for test and baselines; part of the search budget when left out."""
    searcher: SearcherConfig = Field(default_factory=SearcherConfig)
    """Who proposes graphs."""
    agent: AgentConfig | None = AgentConfig(name="rules")
    """Who advises the searcher in words; `null` for nobody."""
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    """How graphs are compared."""
    calls: CallsConfig = Field(default_factory=CallsConfig)
    """How calls are made."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Everything random follows from it."""
    out: Name | None = None
    """Run folder; `runs/NAME` of the configuration when left out."""
