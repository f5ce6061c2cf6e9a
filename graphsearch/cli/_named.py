"""Models and questions named on the command line, in place of a configuration file.

A model is `URL#NAME` (any server that speaks OpenAI's chat completions) or `PROVIDER/NAME` (what
LiteLLM reaches). What the command line cannot tell, a model's size above all, stays unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.cli._named_models import fleet_of, refuse_unpriced
from graphsearch.cli._options import read_options
from graphsearch.records.errors import ConfigError

if TYPE_CHECKING:
    from graphsearch.spec import Origin as Where
    from graphsearch.spec import Spec as Search

__all__ = ["Models", "Order", "Questions", "read_order"]


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, as the command line says it; None where it says nothing."""

    data: str | None = None
    grader: str | None = None
    grader_option: Sequence[str] | None = None
    question_field: str | None = None
    answer_field: str | None = None
    id_field: str | None = None
    group_field: str | None = None
    profile: str | None = None
    prompt_set: str | None = None

    def options(self) -> dict[str, Any]:
        """Options of the loader that were given, with paths that hold in any folder.

        Raises:
            ConfigError: an option of the grader cannot be read.
        """
        from graphsearch.spec import absolute_options

        names = ("grader", "question_field", "answer_field", "id_field", "group_field")
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.grader_option:
            found["grader_options"] = read_options(self.grader_option, "--grader-option")
        return absolute_options(found, Path.cwd())

    def stray(self) -> str | None:
        """An option that was given and goes with `--data` alone."""
        given = (name for name in self.__dataclass_fields__ if getattr(self, name))
        return next(("--" + n.replace("_", "-") for n in given if n != "data"), None)


@dataclass(frozen=True, slots=True)
class Models:
    """Who is asked, as the command line says it."""

    models: Sequence[str] | None = None
    price: Sequence[str] | None = None
    api_key_env: Sequence[str] | None = None
    fleet: str | None = None

    def value(self) -> "str | dict[str, Any] | None":
        """The configuration's `fleet`: a name or path, or a fleet given whole; None when not said.

        Raises:
            ConfigError: options that contradict each other, or one that cannot be read.
        """
        if self.models:
            if self.fleet is not None:
                raise ConfigError("name models by --model or a fleet by --fleet, not both")
            from graphsearch.spec._fleets import written_fleet

            return written_fleet(
                fleet_of(self.models, price=self.price or (), keys=self.api_key_env or ())
            )
        for option, given in (("--price", self.price), ("--api-key-env", self.api_key_env)):
            if given:
                raise ConfigError(
                    "is for models named by --model; those of a fleet have theirs in its file",
                    where=option,
                )
        if self.fleet is None:
            return None
        return str(Path(self.fleet).resolve()) if Path(self.fleet).is_file() else self.fleet


class Order(NamedTuple):
    """A search as it was asked for.

    Attributes:
        spec: what it is made of.
        origin: what of it the configuration's file says, and what which option.
        name: what the run folder is called when nothing else is said.
    """

    spec: "Search"
    origin: "Where"
    name: str


def read_order(config: str | None, questions: Questions, models: Models, **overrides: Any) -> Order:
    """What to search: a configuration with options laid over it, or options alone.

    Args:
        config: a configuration file or the name of one.
        questions: of `--data` and its options.
        models: of `--model`, `--fleet` and their options.
        **overrides: further top-level keys; None and empty lists count as not given.

    Raises:
        ConfigError: neither or both were given, or something in them is wrong.
    """
    given = {key: value for key, value in overrides.items() if value is not None and value != []}
    fleet = models.value()
    if fleet is not None:
        given["fleet"] = fleet
    if given.get("prices") is not None:
        given["prices"] = str(Path(given["prices"]).resolve())
    if config is None:
        order = _without_file(questions, given)
    else:
        order = _with_file(config, questions, given)
    if models.models:
        refuse_unpriced(order.spec)
    return order


def _with_file(config: str, questions: Questions, given: dict[str, Any]) -> Order:
    from graphsearch.spec import Origin, find_config, load_spec

    path = find_config(config)
    names = _options_of(given)
    if questions.data is not None:
        found = load_spec(path, given, names=names)
        given = {**given, "task": _task_at(found, config, questions.data)}
        names = {**names, "task.options.path": "--data"}
    stray = questions.stray()
    if stray is not None:
        raise ConfigError(
            "goes with --data; with a configuration it stands in the file's task", where=stray
        )
    spec = load_spec(path, given, names=names)
    return Order(spec, Origin(str(path), names), _name_of(path))


def _task_at(spec: "Search", config: str, data: str) -> dict[str, Any]:
    """The task of a configuration that leaves it to the command line where its files are.

    Raises:
        ConfigError: it says so itself.
    """
    from graphsearch.evaluators.tasks import takes_path

    task = spec.task
    if not isinstance(task.name, str) or "path" in task.options or not takes_path(task.name):
        raise ConfigError(
            f"the configuration {config} says already what is asked; give one of the two",
            where="--data",
        )
    options = {**task.options, "path": str(Path(data).resolve())}
    return {**task.model_dump(exclude_none=True), "options": options}


def _without_file(questions: Questions, given: dict[str, Any]) -> Order:
    from graphsearch.spec import Origin, Spec, parse_spec

    if questions.data is None:
        raise ConfigError(
            "nothing says what to search: give a configuration (a file, or demo, puzzle, recall), "
            "or --data, --model, --graph-budget and --search-budget"
        )
    if "fleet" not in given:
        raise ConfigError(
            "no models are named; give --model URL#NAME or --model PROVIDER/NAME for each, or "
            "--fleet",
            where="--model",
        )
    path = Path(questions.data)
    task: dict[str, Any] = {"file": str(path.resolve()), "options": questions.options()}
    if questions.profile is not None:
        task["profile"] = _profile(questions.profile)
    if questions.prompt_set is not None:
        folder = Path(questions.prompt_set)
        task["prompt_set"] = str(folder.resolve()) if folder.is_dir() else questions.prompt_set
    given = {"task": task, **given}
    origin = Origin(names={**_options_of(dict.fromkeys(Spec.model_fields)), **_options_of(given)})
    return Order(parse_spec(given, origin), origin, _name_of(path))


_TASK_OPTIONS = {
    "task": "--data",
    "task.profile": "--profile",
    "task.prompt_set": "--prompt-set",
    "task.options.grader": "--grader",
    "task.options.grader_options": "--grader-option",
    "task.options.question_field": "--question-field",
    "task.options.answer_field": "--answer-field",
    "task.options.id_field": "--id-field",
    "task.options.group_field": "--group-field",
}


def _options_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The options that gave top-level keys, by path."""
    names = {key: "--" + key.replace("_", "-") for key in given}
    if isinstance(given.get("fleet"), Mapping):
        names["fleet"] = "--model"
    return {**names, **_TASK_OPTIONS} if "task" in given else names


def _name_of(path: Path) -> str:
    """What a run folder is called after a file; dots alone would lead out of `runs`."""
    return path.stem.strip(".") or "run"


def _profile(text: str) -> dict[str, int]:
    from graphsearch.cost import parse_profile

    try:
        found = parse_profile(text)
    except ConfigError as error:
        raise ConfigError(str(error), where="--profile") from error
    return {"question": found.question, "answer": found.answer}
