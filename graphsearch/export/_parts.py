"""Finding again what a study was made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.errors import ConfigError, TaskError
from graphsearch.fleet import Fleet
from graphsearch.graph import CollaborationGraph

if TYPE_CHECKING:
    from graphsearch.agents.roles import RoleSet
    from graphsearch.config import Config
    from graphsearch.engines.base import Engine
    from graphsearch.study.result import Result
    from graphsearch.tasks import Task

__all__ = ["Sources", "engines_of", "find_sources"]


@dataclass(frozen=True, slots=True)
class Sources:
    """What goes into a bundle.

    Attributes:
        result: `result.json`.
        graph: the winner, canonical.
        task: the task it was found for.
        fleet: its models.
        roles: roles of its prompt set, which lies in `prompt_folder`.
        engines: engine by model.
        config_digest: of the run's configuration, None where there was none.
    """

    result: Mapping[str, Any]
    graph: CollaborationGraph
    task: "Task"
    fleet: Fleet
    roles: "RoleSet"
    prompt_folder: Path
    engines: "Mapping[str, Engine]"
    config_digest: str | None


def find_sources(
    source: "str | Path | Result",
    *,
    task: "Task | None" = None,
    prompt_set: str | Path | None = None,
) -> Sources:
    """All parts of a finished study; see `write_bundle` for arguments and errors."""
    from graphsearch.agents.roles import get_roles
    from graphsearch.config import config_digest
    from graphsearch.study.result import Result

    result = source if isinstance(source, Result) else Result.load(source)
    record = result.to_json()
    config = _config(result.folder)
    found = task if task is not None else _task(record, config)
    chosen = prompt_set or (config.task.prompt_set if config else None) or found.prompt_set
    graph = result.winner.graph.canonical()
    fleet = Fleet.from_json(record["fleet"])
    roles = get_roles(chosen)
    return Sources(
        record,
        graph,
        found,
        fleet,
        roles,
        _prompt_folder(chosen),
        engines_of(fleet, sorted({n.model for n in graph.nodes if n.model is not None})),
        config_digest(config) if config is not None else None,
    )


def engines_of(fleet: Fleet, models: list[str]) -> "dict[str, Engine]":
    """An engine for each model; models of one engine and endpoint share it."""
    from graphsearch.engines import make_engine

    made: dict[tuple[str, str | None], Engine] = {}
    found: dict[str, Engine] = {}
    for name in models:
        spec = fleet.model(name)
        key = (spec.engine, spec.endpoint)
        if key not in made:
            options = {} if spec.endpoint is None else {"endpoint": spec.endpoint}
            made[key] = make_engine(spec.engine, **options)
        found[name] = made[key]
    return found


def _config(folder: Path | None) -> "Config | None":
    from graphsearch.config import load_config

    if folder is None or not (folder / "config.yaml").is_file():
        return None
    return load_config(folder / "config.yaml")


def _task(record: Mapping[str, Any], config: "Config | None") -> "Task":
    """The task again, from the configuration or by its registered name."""
    from graphsearch.evaluators.tasks import get_task

    named = record["task"]["name"] if config is None else config.task.name or config.task.file
    options = {} if config is None else config.task.options
    try:
        return get_task(named, **options)
    except TaskError as error:
        raise ConfigError(
            f"the run's task cannot be found again ({error}); give it as `task`"
        ) from error


def _prompt_folder(prompt_set: str | Path) -> Path:
    from graphsearch.agents.roles.prompts import PROMPTS

    named = PROMPTS / prompt_set
    return named if named.is_dir() else Path(prompt_set)
