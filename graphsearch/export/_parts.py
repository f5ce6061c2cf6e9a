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

__all__ = ["Sources", "find_sources"]


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
        grader_options: of the grader, where a file of questions was given with some.
        config_digest: of the run's configuration, None where there was none.
    """

    result: Mapping[str, Any]
    graph: CollaborationGraph
    task: "Task"
    fleet: Fleet
    roles: "RoleSet"
    prompt_folder: Path
    engines: "Mapping[str, Engine]"
    grader_options: Mapping[str, Any]
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
    from graphsearch.engines import engines_for
    from graphsearch.study.result import Result

    result = source if isinstance(source, Result) else Result.load(source)
    record = result.to_json()
    config = _config(result.folder)
    found = task if task is not None else _task(record, config)
    chosen = prompt_set or (config.task.prompt_set if config else None) or found.prompt_set
    graph = result.winner.graph.canonical()
    fleet = Fleet.from_json(record["fleet"])
    roles = get_roles(chosen)
    engines = engines_for(fleet, sorted({n.model for n in graph.nodes if n.model is not None}))
    _check_unchanged(record, roles, engines)
    return Sources(
        record,
        graph,
        found,
        fleet,
        roles,
        _prompt_folder(chosen),
        engines,
        _grader_options(config),
        config_digest(config) if config is not None else None,
    )


def _check_unchanged(
    record: Mapping[str, Any], roles: "RoleSet", engines: "Mapping[str, Engine]"
) -> None:
    """A bundle's evidence must be of the very prompts and models that go into it."""
    if record.get("prompts", roles.version) != roles.version:
        raise ConfigError(
            f"the prompt set {roles.prompts.name!r} has changed since the search, so its evidence "
            "no longer holds; run the search again"
        )
    for name, known in record.get("fingerprints", {}).items():
        if name in engines and engines[name].info(name).fingerprint != known:
            raise ConfigError(
                f"the model {name!r} has changed since the search, so its evidence no longer "
                "holds; run the search again"
            )


def _config(folder: Path | None) -> "Config | None":
    from graphsearch.config import load_config

    if folder is None or not (folder / "config.yaml").is_file():
        return None
    return load_config(folder / "config.yaml")


def _task(record: Mapping[str, Any], config: "Config | None") -> "Task":
    """The task again, from the configuration or by its registered name."""
    from graphsearch.evaluators.tasks import get_task

    try:
        if config is None:
            return get_task(record["task"]["name"])
        if config.task.name is not None:
            return get_task(config.task.name, **config.task.options)
        return get_task("local", path=config.task.file, **config.task.options)
    except TaskError as error:
        raise TaskError(f"the task cannot be found again: {error}; give it as `task`") from error


def _grader_options(config: "Config | None") -> Mapping[str, Any]:
    given = {} if config is None else config.task.options.get("grader_options")
    return given if isinstance(given, Mapping) else {}


def _prompt_folder(prompt_set: str | Path) -> Path:
    from graphsearch.agents.roles.prompts import PROMPTS

    named = PROMPTS / prompt_set
    return named if named.is_dir() else Path(prompt_set)
