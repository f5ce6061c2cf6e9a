"""From a configuration to the arguments of `graphsearch.optimize` and `graphsearch.quote`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.config._fleets import written_fleet
from graphsearch.config._models import (
    AgentConfig,
    CallsConfig,
    Config,
    EvaluationConfig,
    LengthsConfig,
    ProfileConfig,
    SearcherConfig,
    SpaceConfig,
    TaskConfig,
)
from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import Cancelled, ConfigError
from graphsearch.records.models import Fleet

if TYPE_CHECKING:
    from graphsearch.cost import Lengths
    from graphsearch.records.tasks import TokenProfile

__all__ = ["check_agent", "check_names", "pinned", "study_arguments"]


def study_arguments(config: Config) -> dict[str, Any]:
    """The keyword arguments that stand for a configuration.

    Names stay names: the API looks them up in its registries. A file of questions is given as a
    path, which is what tells it from a name there.
    """
    return {
        **task_arguments(config.task),
        "fleet": config.fleet if isinstance(config.fleet, str) else Fleet.from_json(config.fleet),
        "prices": config.prices,
        "graph_budget": config.graph_budget,
        "search_budget": config.search_budget,
        "evaluation_budget": config.evaluation_budget,
        "space": space_arguments(config.space),
        **searcher_arguments(config.searcher),
        **agent_arguments(config.agent),
        **settings_arguments(config.evaluation),
        **calls_arguments(config.calls),
        "seed": config.seed,
    }


def task_arguments(task: TaskConfig) -> dict[str, Any]:
    """`task` and what goes with it."""
    return {
        "task": task.name if task.name is not None else Path(str(task.file)),
        "task_options": dict(task.options),
        "prompt_set": task.prompt_set,
        **profile_arguments(task.profile),
    }


def profile_arguments(told: ProfileConfig | None) -> dict[str, Any]:
    """`profile` and `lengths`."""
    return {"profile": _profile(told), "lengths": _lengths(told)}


def searcher_arguments(searcher: SearcherConfig) -> dict[str, Any]:
    """`searcher` and its options."""
    return {"searcher": searcher.name, "searcher_options": dict(searcher.options)}


def agent_arguments(agent: AgentConfig | None) -> dict[str, Any]:
    """`agent` and its options, the model among them."""
    if agent is None:
        return {"agent": None, "agent_options": None}
    model = {} if agent.model is None else {"model": agent.model}
    return {"agent": agent.name, "agent_options": {**agent.options, **model}}


def settings_arguments(evaluation: EvaluationConfig) -> dict[str, Any]:
    """`settings`."""
    from graphsearch.study.settings import Settings

    return {"settings": Settings(**evaluation.model_dump())}


def calls_arguments(told: CallsConfig) -> dict[str, Any]:
    """`retries` and `concurrency`."""
    from graphsearch.execution import RetryPolicy

    calls = told.model_dump()
    return {"concurrency": calls.pop("concurrency"), "retries": RetryPolicy(**calls)}


def _profile(told: ProfileConfig | None) -> "TokenProfile | None":
    from graphsearch.records.tasks import TokenProfile

    if told is None or told.question is None or told.answer is None:
        return None
    return TokenProfile(told.question, told.answer)


def _lengths(told: ProfileConfig | None) -> "Lengths | Path | None":
    from graphsearch.cost import Lengths

    if told is None:
        return None
    if told.models is not None:
        models = {name: one.model_dump() for name, one in told.models.items()}
        return Lengths.from_json(models, where="task.profile.models")
    return None if told.from_run is None else Path(told.from_run)


def space_arguments(space: SpaceConfig) -> dict[str, Any]:
    """Arguments of `Space.build`, with what was left out left out."""
    given = space.model_dump(exclude_none=True, exclude={"preset", "sink_model"})
    if space.preset == "published":
        from graphsearch.space import SinkOption

        given["sinks"] = (SinkOption("assistant", space.sink_model, min_parents=1),)
    return given


def check_names(config: Config) -> Fleet:
    """Load the fleet, with its prices, and check that every model named elsewhere is in it.

    Args:
        config: the configuration.

    Returns:
        The fleet as the study will have it.

    Raises:
        FleetError: the fleet is not there or is wrong.
        ConfigError: a model is not of the fleet, with the path to its name.
    """
    fleet = _priced(config)
    for path, name in _model_names(config):
        if name not in fleet.names:
            message = f"fleet {fleet.name} has no model {name!r}; it has {', '.join(fleet.names)}"
            raise ConfigError(message, where=path)
    return fleet


def pinned(config: Config) -> Config:
    """The configuration with prices of a list written into its fleet.

    Lists are newer in the next release, and files of the user change; a study keeps the prices it
    began with. A fleet that brings its own prices stays the name or the path it is. Token lengths
    of an earlier run are written in as well: that run may be gone.
    """
    config = _with_lengths(config)
    fleet = _priced(config)
    if isinstance(config.fleet, str) and fleet == Fleet.load(config.fleet):
        return config.model_copy(update={"prices": None})
    return config.model_copy(update={"fleet": written_fleet(fleet), "prices": None})


def _with_lengths(config: Config) -> Config:
    told = config.task.profile
    if told is None or told.from_run is None:
        return config
    from graphsearch.study.lengths import lengths_of_run

    found = lengths_of_run(told.from_run).to_json()
    models = {name: LengthsConfig(**values) for name, values in found.items()}
    profile = told.model_copy(update={"from_run": None, "models": models})
    return config.model_copy(update={"task": config.task.model_copy(update={"profile": profile})})


def _priced(config: Config) -> Fleet:
    from graphsearch.prices import PriceList, with_prices

    given = config.fleet
    fleet = Fleet.load(given) if isinstance(given, str) else Fleet.from_json(given)
    return with_prices(fleet, None if config.prices is None else PriceList.load(config.prices))


def check_agent(config: Config) -> None:
    """Make the agent once: it must exist, and take its options, even if nobody will listen to it.

    Raises:
        ConfigError: it is unknown, or one of its options is.
    """
    from graphsearch.agents.search import make_agent

    agent = config.agent
    if agent is None:
        return
    speak = None if agent.model is None else _say_nothing
    make_agent(agent.name, options=dict(agent.options), complete=speak)


async def _say_nothing(messages: Sequence[Message]) -> Reply:
    """Stands for a model while an agent's options are checked; never called."""
    raise Cancelled(f"{len(messages)} messages were sent before the search began")


def _model_names(config: Config) -> Iterator[tuple[str, str]]:
    space = config.space
    for i, name in enumerate(space.models or ()):
        yield f"space.models[{i}]", name
    for i, sink in enumerate(space.sinks):
        if ":" in sink:
            yield f"space.sinks[{i}]", sink.partition(":")[2]
    if space.sink_model is not None:
        yield "space.sink_model", space.sink_model
    if config.agent is not None and config.agent.model is not None:
        yield "agent.model", config.agent.model
