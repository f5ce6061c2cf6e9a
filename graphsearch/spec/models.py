"""What a search is made of, as a user says it: one model for YAML, command line and Python.

Everything is checked strictly (a text is no number, `true` is no number) and unknown keys are
refused. What only the parts themselves can know (whether a searcher, a task or a model of that
name exists, what options it takes) is left to `graphsearch.spec.build`.

Where a file has a name, Python may have the object: a `Task`, a `Fleet`, a `Space`, a searcher. The
JSON Schema shows what a file can hold.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from graphsearch.checked import Checked
from graphsearch.execution import RetryPolicy
from graphsearch.space import Space
from graphsearch.spec._types import (
    AmountField,
    Amounts,
    EnginesField,
    FleetField,
    LengthsField,
    Name,
    NamedAgent,
    NamedSearcher,
    NamedTask,
    Object,
    Options,
    PricesField,
    RoleField,
    Short,
    SinkField,
)

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
    models: LengthsField | None = None
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


class TaskSpec(Short):
    """What is asked: a task by name, or a file of questions with answers."""

    objects: ClassVar[str] = "a Task"

    name: NamedTask = None
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
    roles: Annotated[tuple[RoleField, ...], Field(min_length=1, strict=False)] = (
        "assistant",
        "fuser",
    )
    """Roles a node besides the sink may have."""
    sinks: Annotated[tuple[SinkField, ...], Field(min_length=1, strict=False)] = SINKS
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


class SearcherSpec(Short):
    """Who proposes graphs."""

    objects: ClassVar[str] = "a searcher"

    name: NamedSearcher = "agent-reinforce"
    """`agent-reinforce`, `reinforce`, `optuna`, `random`, `exhaustive`, or an installed one."""
    options: Options = Field(default_factory=dict)
    """Options of that searcher."""


class AgentSpec(Short):
    """Who advises the searcher in words."""

    objects: ClassVar[str] = "an agent"

    name: NamedAgent = "rules"
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
    fleet: FleetField
    """Name of a fleet that comes along, a path to one (relative to the configuration), or the
    fleet itself: what its file would hold."""
    prices: PricesField = None
    """A file of prices and contexts (relative to the configuration) for models whose fleet does
    not tell them."""
    space: Annotated[
        SpaceSpec | Space, Object(Space, SpaceSpec, "a mapping (in Python, also a Space)")
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
    engines: SkipJsonSchema[EnginesField] = Field(default=None, exclude=True)
    """Where the calls of each model go; made from the fleet when None. From Python alone."""

    def at(self, folder: str | Path | None) -> Self:
        """The same search in another run folder."""
        return self.model_copy(update={"out": None if folder is None else str(folder)})
