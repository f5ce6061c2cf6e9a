"""From a file, and what the command line says over it, to a checked specification."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from graphsearch.checked import fault_of, joined
from graphsearch.records.calls import digest
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet
from graphsearch.spec._places import Origin
from graphsearch.spec.models import SCHEMA_VERSION, Spec
from graphsearch.yamlfile import dump_yaml, read_yaml

if TYPE_CHECKING:
    from graphsearch.evaluators.graders import Traits

__all__ = [
    "absolute_options",
    "checked_spec",
    "config_names",
    "find_config",
    "json_schema",
    "load_spec",
    "parse_spec",
    "spec_digest",
    "spec_yaml",
]

_BUILTIN = Path(__file__).resolve().parent.parent / "configs"
ALLOW_CODE = "GRAPHSEARCH_ALLOW_CODE"
"""Environment variable that lets a configuration name Python functions, as task or as grader."""
_SUFFIXES = (".yaml", ".yml")


def config_names() -> tuple[str, ...]:
    """Names of the configurations that come along."""
    return tuple(sorted(path.stem for path in _BUILTIN.glob("*.yaml")))


def find_config(source: str | Path) -> Path:
    """The file meant by a path, or by the name of a configuration that comes along.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(source)
    if path.exists() or path.suffix in _SUFFIXES or len(path.parts) != 1:
        return path
    if str(source) in config_names():
        return _BUILTIN / f"{source}.yaml"
    known = ", ".join(config_names())
    raise ConfigError(f"neither a file nor one of {known}", where=str(source))


def load_spec(
    source: str | Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> Spec:
    """A checked specification from a file.

    Paths inside the file are relative to it and come out absolute; `out` alone is relative to
    where the command runs.

    Args:
        source: a file, or the name of a configuration that comes along.
        overrides: top-level keys to set instead of the file's (`--seed` and its like).
        names: what gave them, for errors; see `Origin`.

    Raises:
        ConfigError: with the path to the bad value.
    """
    path = find_config(source)
    origin = Origin(str(path), names or {})
    return parse_spec(read_yaml(path), origin, base=path.parent, overrides=overrides)


def parse_spec(
    value: Any,
    origin: Origin = Origin(),  # noqa: B008 - frozen
    *,
    base: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Spec:
    """A checked specification from a JSON value.

    Args:
        value: what a file holds.
        origin: where it came from, for errors.
        base: folder that paths inside are relative to; None leaves them as they are, and lets them
            name Python code.
        overrides: top-level keys to set instead.

    Raises:
        ConfigError: with the path to the bad value.
    """
    if not isinstance(value, Mapping):
        kind = "nothing" if value is None else "a list" if isinstance(value, list) else None
        kind = kind or f"one {type(value).__name__}"
        raise ConfigError(f"must hold a mapping of keys, got {kind}", where=origin.file)
    version = value.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA_VERSION:
        message = f"is {version}, newer than the {SCHEMA_VERSION} that this graphsearch reads"
        raise ConfigError(message, where=origin.place("schema_version"))
    _check_finite(value, "", origin)
    told = {**value, **(overrides or {})}
    for key in ("searcher", "agent"):
        before = value.get(key)
        if isinstance(before, Mapping) and before.get("name") == told[key]:
            told[key] = before  # who is named again keeps the options of the file
    spec = checked_spec(told, origin)
    if base is None:
        return spec
    _refuse_code(spec, origin)
    return _with_absolute_paths(spec, base.resolve())


def checked_spec(values: Mapping[str, Any], origin: Origin) -> Spec:
    """A specification of top-level keys, which may hold objects.

    Raises:
        ConfigError: with the place of the bad value.
    """
    try:
        return Spec.model_validate(dict(values))
    except ValidationError as error:
        fault = fault_of(error, Spec)
        raise ConfigError(fault.sentence, where=origin.place(fault.path)) from error


def spec_yaml(spec: Spec) -> str:
    """The effective specification as YAML: every default written out, `out` left out."""
    return dump_yaml(spec.model_dump(mode="json", exclude={"out"}))


def spec_digest(spec: Spec) -> str:
    """A digest of the effective specification, but for what changes no result."""
    return digest(spec.model_dump(mode="json", exclude={"out", "calls"}))


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, for editors and other checkers."""
    schema = Spec.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _check_finite(value: Any, path: str, origin: Origin) -> None:
    """No setting of anything may be infinite or no number at all."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"must be a finite number, got {value}", where=origin.place(path))
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_finite(part, joined(path, str(key)), origin)
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            _check_finite(part, f"{path}[{i}]", origin)


def _with_absolute_paths(spec: Spec, base: Path) -> Spec:
    task, fleet, prices = spec.task, spec.fleet, spec.prices
    changes: dict[str, Any] = {"options": absolute_options(task.options, base)}
    if task.file is not None:
        changes["file"] = _absolute_file(task.file, base)
    if task.profile is not None and task.profile.from_run is not None:
        run = {"from_run": str(base / task.profile.from_run)}
        changes["profile"] = task.profile.model_copy(update=run)
    if task.prompt_set is not None and _is_path(task.prompt_set):
        changes["prompt_set"] = str(base / task.prompt_set)
    top: dict[str, Any] = {"task": task.model_copy(update=changes)}
    if isinstance(fleet, Fleet):  # paths of the servers in it
        top["fleet"] = fleet.at(base)
    elif _is_path(fleet):
        top["fleet"] = str(base / fleet)
    if isinstance(prices, str):
        top["prices"] = str(base / prices)
    return spec.model_copy(update=top)


def absolute_options(options: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Options of a task: its `path`, and those of its grader that the grader says are paths."""
    found = dict(options)
    path, told = options.get("path"), options.get("grader_options")
    if isinstance(path, str):
        found["path"] = str(base / path)
    if isinstance(told, Mapping):
        names = _grader_traits(options).path_options
        paths = {n: _absolute_file(told[n], base) for n in names if isinstance(told.get(n), str)}
        found["grader_options"] = {**told, **paths}
    return found


def _grader_traits(options: Mapping[str, Any]) -> "Traits":
    """What the grader that a task's options name says of itself; a wrong name is told later."""
    from graphsearch.evaluators.graders import Traits, grader_names, grader_traits

    name = options.get("grader")
    known = isinstance(name, str) and name in grader_names()
    return grader_traits(str(name)) if known else Traits()


def _refuse_code(spec: Spec, origin: Origin) -> None:
    """Refuse a file that names Python code: it may come from anywhere, and code would be run.

    Raises:
        ConfigError: it does, and the environment does not allow it.
    """
    from graphsearch.evaluators.tasks import names_code

    if os.environ.get(ALLOW_CODE) == "1":
        return
    task = spec.task
    named = {"task.file": task.file if names_code(task.file or "") else None}
    if _grader_traits(task.options).runs_code:
        named["task.options.grader"] = str(task.options["grader"])
    for where, code in named.items():
        if code is not None:
            raise ConfigError(
                f"names Python code ({code}), and code from a configuration is not run; if you "
                f"trust it, set the environment variable {ALLOW_CODE} to 1",
                where=origin.place(where),
            )


def _absolute_file(file: str, base: Path) -> str:
    """A file of questions, or of a function that returns them; modules have no path."""
    from graphsearch.evaluators.tasks import names_code

    home = file.rpartition(":")[0]
    return file if names_code(file) and not home.endswith(".py") else str(base / file)


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(_SUFFIXES)
