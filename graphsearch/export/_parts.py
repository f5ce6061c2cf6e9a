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
    from graphsearch.agents.roles import get_roles
    from graphsearch.engines import engines_for
    from graphsearch.spec import load_spec, spec_digest
    from graphsearch.study.result import Result

    result = source if isinstance(source, Result) else Result.load(source)
    record = result.to_json()
    path = None if result.folder is None else result.folder / "config.yaml"
    config = load_spec(path) if path is not None and path.is_file() else None
    told = config.task.prompt_set if config is not None else None
    chosen = prompt_set or told or record.get("prompt_set")
    if task is None and (chosen is None or "grader" not in record["task"]):
        task = _task(record, config)  # a run of before these were kept
    chosen = chosen or (task.prompt_set if task is not None else "chat")
    try:
        roles = get_roles(chosen)
    except ConfigError as error:
        if prompt_set or told:
            raise
        raise ConfigError(
            f"the search used the prompts of a folder {str(chosen)!r}, and the run does not "
            "say where it lies; name it by --prompt-set (`prompt_set` in Python)"
        ) from error
    graph = result.winner.graph.canonical()
    fleet = Fleet.from_json(record["fleet"])
    engines = engines_for(fleet, sorted({n.model for n in graph.nodes if n.model is not None}))
    # A bundle's evidence must be of the very prompts and models that go into it.
    marks = record.get("fingerprints", {}).items()
    changed = [n for n, mark in marks if n in engines and engines[n].info(n).fingerprint != mark]
    what = [f"model {name!r}" for name in changed]
    if record.get("prompts", roles.version) != roles.version:
        what.insert(0, f"prompt set {roles.prompts.name!r}")
    if what:
        raise ConfigError(
            f"the {what[0]} has changed since the search, so its evidence no longer holds; run "
            "the search again"
        )
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
    from graphsearch.evaluators.graders import get_grader, grader_recipe, grader_traits

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
    name, options = grader["name"], dict(grader["options"])
    # In service functions are never called, so where their file lay is nobody's business.
    traits = grader_traits(name)
    for option in traits.path_options if traits.runs_code else ():
        found = reference(str(options.get(option)))
        if found is not None and found.file is not None and found.file.is_absolute():
            options[option] = f"{found.file.name}:{found.name}"
    return {
        "name": told["name"],
        "fingerprint": told["fingerprint"],
        "profile": dict(told["profile"]),
        "grader": {"name": name, "options": options},
    }
