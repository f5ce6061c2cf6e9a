"""Finding again what a study was made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.functions import reference
from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError, TaskError
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import HasReader

if TYPE_CHECKING:
    from graphsearch.agents.roles import RoleSet
    from graphsearch.engines.base import Engine
    from graphsearch.records.tasks import Task
    from graphsearch.spec import Spec
    from graphsearch.study.result import Result

__all__ = ["Sources", "find_sources"]


@dataclass(frozen=True, slots=True)
class Sources:
    """What goes into a bundle.

    Attributes:
        result: `result.json`.
        graph: the winner, canonical.
        task: of the bundle's record: name, fingerprint, token lengths, and how its grader is made.
        fleet: its models.
        roles: roles of its prompt set, which lies in `prompt_folder`.
        engines: engine by model.
        config_digest: of the run's configuration, None where there was none.
    """

    result: Mapping[str, Any]
    graph: CollaborationGraph
    task: Mapping[str, Any]
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
    from graphsearch.engines import engines_for
    from graphsearch.spec import spec_digest
    from graphsearch.study.result import Result

    result = source if isinstance(source, Result) else Result.load(source)
    record = result.to_json()
    config = _config(result.folder)
    told = config.task.prompt_set if config is not None else None
    chosen = prompt_set or told or record.get("prompt_set")
    if task is None and (chosen is None or "grader" not in record["task"]):
        task = _task(record, config)  # a run of before these were kept
    chosen = chosen or (task.prompt_set if task is not None else "chat")
    graph = result.winner.graph.canonical()
    fleet = Fleet.from_json(record["fleet"])
    roles = _roles(chosen, is_told=bool(prompt_set or told))
    engines = engines_for(fleet, sorted({n.model for n in graph.nodes if n.model is not None}))
    _check_unchanged(record, roles, engines)
    return Sources(
        record,
        graph,
        _task_part(record["task"], task),
        fleet,
        roles,
        roles.prompts.folder,
        engines,
        spec_digest(config) if config is not None else None,
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


def _config(folder: Path | None) -> "Spec | None":
    from graphsearch.spec import load_spec

    if folder is None or not (folder / "config.yaml").is_file():
        return None
    return load_spec(folder / "config.yaml")


def _task(record: Mapping[str, Any], config: "Spec | None") -> "Task":
    """The task again, from the configuration or by its registered name."""
    from graphsearch.evaluators.tasks import get_task, load_task

    try:
        if config is None:
            return get_task(record["task"]["name"])
        if isinstance(config.task.name, str):
            return get_task(config.task.name, **config.task.options)
        return load_task(Path(str(config.task.file)), **config.task.options)
    except TaskError as error:
        raise TaskError(f"the task cannot be found again: {error}; give it as `task`") from error


def _task_part(told: Mapping[str, Any], task: "Task | None") -> dict[str, Any]:
    """What a bundle says of the task; of its questions nothing but their fingerprint."""
    from graphsearch.evaluators.graders import get_grader, grader_recipe

    grader = told.get("grader") if task is None else grader_recipe(task.grader)
    if grader is None or grader["options"] is None:
        name = told["grader"]["name"] if task is None else task.grader.name
        raise TaskError(
            f"the grader {name!r} was made in Python, so a bundle cannot say how to make it; make "
            "it by get_grader(name, **options) (entry points of graphsearch.graders add names), "
            "and give the task that has it as `task`"
        )
    made = get_grader(grader["name"], **grader["options"])
    # Who serves a graph judges nobody: of a model that judged only what reads answers goes along.
    reader = made.reader if isinstance(made, HasReader) else None
    grader = grader_recipe(reader) if reader is not None else grader
    assert grader is not None
    return {
        "name": told["name"],
        "fingerprint": told["fingerprint"],
        "profile": dict(told["profile"]),
        "grader": _without_places(grader["name"], grader["options"]),
    }


def _without_places(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A grader as a bundle tells it: where a file of functions lay is nobody's business.

    Service reads answers and judges none, so the functions are never called.
    """
    from graphsearch.evaluators.graders import grader_traits

    told = dict(options)
    traits = grader_traits(name)
    for option in traits.path_options if traits.runs_code else ():
        found = reference(str(told.get(option)))
        if found is not None and found.file is not None and found.file.is_absolute():
            told[option] = f"{found.file.name}:{found.name}"
    return {"name": name, "options": told}


def _roles(prompt_set: str | Path, *, is_told: bool) -> "RoleSet":
    from graphsearch.agents.roles import get_roles

    try:
        return get_roles(prompt_set)
    except ConfigError as error:
        if is_told:
            raise
        raise ConfigError(
            f"the search used the prompts of a folder {str(prompt_set)!r}, and the run does not "
            "say where it lies; name it by --prompt-set (`prompt_set` in Python)"
        ) from error
