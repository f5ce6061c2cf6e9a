"""What to search, as the command line says it: one table of flags, and the `Spec` they make."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from graphsearch.cli._named_models import named_fleet, refuse_unpriced
from graphsearch.cli._options import (
    ConfigFile,
    FleetName,
    GraderOptions,
    KeyNames,
    PriceFile,
    Prices,
    read_options,
)
from graphsearch.records.errors import ConfigError

if TYPE_CHECKING:
    from graphsearch import spec as specs

__all__ = ["FLAGS", "Order", "read_order", "takes_search"]


class Flag(NamedTuple):
    """A flag of `run` and `quote`.

    Attributes:
        name: as it is typed.
        path: where a `Spec` has what it says.
        option: its type and help, as Typer reads them.
    """

    name: str
    path: str
    option: Any


def _flag(name: str, path: str, words: str, kind: Any = str) -> Flag:
    return Flag(name, path, Annotated[kind | None, typer.Option(name, help=words)])


FLAGS: Final[Mapping[str, Flag]] = {
    "data": _flag(
        "--data",
        "task.file",
        "Questions with answers (.jsonl, .csv, .json, .parquet) in place of CONFIG, or the data of "
        "a CONFIG whose task leaves it open.",
    ),
    "grader": _flag(
        "--grader",
        "task.options.grader",
        "Judges answers to --data: numeric, math, exact, f1, ...",
    ),
    "grader_option": Flag("--grader-option", "task.options.grader_options", GraderOptions),
    "model": _flag(
        "--model",
        "fleet",
        "A model, as URL#NAME (http://127.0.0.1:8000/v1#qwen-0.5b) or PROVIDER/NAME "
        "(openai/gpt-4o-mini, by LiteLLM); once for each.",
        list[str],
    ),
    "price": Flag("--price", "fleet", Prices),
    "api_key_env": Flag("--api-key-env", "fleet", KeyNames),
    "fleet": Flag("--fleet", "fleet", FleetName),
    "prices": Flag("--prices", "prices", PriceFile),
    "graph_budget": _flag(
        "--graph-budget", "graph_budget", "Most a graph may spend on one question: '18 units'."
    ),
    "search_budget": _flag(
        "--search-budget",
        "search_budget",
        "Most the search may spend; once for each currency.",
        list[str],
    ),
    "searcher": _flag(
        "--searcher", "searcher", "agent-reinforce, reinforce, optuna, random, exhaustive."
    ),
    "seed": _flag("--seed", "seed", "Everything random follows from it.", int),
    "question_field": _flag(
        "--question-field",
        "task.options.question_field",
        "Field of --data that holds the question.",
    ),
    "answer_field": _flag(
        "--answer-field", "task.options.answer_field", "Field that holds the known answer."
    ),
    "id_field": _flag("--id-field", "task.options.id_field", "Field that holds an id."),
    "group_field": _flag(
        "--group-field",
        "task.options.group_field",
        "Field whose equal values mark questions of one origin.",
    ),
    "profile": _flag(
        "--profile", "task.profile", "Mean tokens of question and answer of --data: 120,300."
    ),
    "lengths_from": _flag(
        "--from",
        "task.profile.from",
        "A finished run: plan with the token lengths it measured.",
    ),
    "prompt_set": _flag(
        "--prompt-set",
        "task.prompt_set",
        "Prompts of the roles for --data: a name, or a folder.",
    ),
}
"""What `run` and `quote` take beside CONFIG, by parameter, in the order help shows them."""


class Order(NamedTuple):
    """A search as it was asked for.

    Attributes:
        spec: what it is made of.
        origin: what of it the configuration's file says, and what which flag.
        name: what the run folder is called when nothing else is said.
    """

    spec: "specs.Spec"
    origin: "specs.Origin"
    name: str


def takes_search(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is an `Order`, with CONFIG and all flags in its place."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    options = {"config": ConfigFile, **{name: flag.option for name, flag in FLAGS.items()}}
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword, default=None, annotation=option)
        for name, option in options.items()
    ]

    def asked(**given: Any) -> None:
        rest = {parameter.name: given.pop(parameter.name) for parameter in own}
        command(read_order(**given, out=rest.get("out")), **rest)

    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    own = [parameter.replace(kind=keyword) for parameter in own]
    asked.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    return asked


def read_order(config: str | None = None, *, out: str | None = None, **flags: Any) -> Order:
    """What to search: a configuration with flags laid over it, or flags alone.

    Args:
        config: a configuration file or the name of one.
        out: the run folder.
        **flags: values of `FLAGS` by name; None and empty lists count as not given.

    Raises:
        ConfigError: neither or both were given, or something in them is wrong.
        BudgetRefused: a model named on the command line has no price in a budget's currency.
    """
    from graphsearch.spec import ProfileSpec

    told = {name: flags[name] for name in FLAGS if flags.get(name) not in (None, [], ())}
    fleet = named_fleet(*(told.get(name) for name in ("model", "price", "api_key_env", "fleet")))
    values = {FLAGS[name].path: _written(name, value) for name, value in told.items()}
    values |= {"fleet": fleet, "out": out}
    values = {path: value for path, value in values.items() if value is not None}
    run = values.pop("task.profile.from", None)
    order = _with_file(config, values) if config is not None else _without_file(values)
    if "model" in told:
        refuse_unpriced(order.spec)
    if run is None:
        return order
    # Lengths that a finished run measured; those of a question and an answer stay.
    task = order.spec.task
    profile = ProfileSpec.model_validate({"from": run})
    if task.profile is not None:
        profile = task.profile.model_copy(update={"from_run": run, "models": None})
    task = task.model_copy(update={"profile": profile})
    return order._replace(spec=order.spec.model_copy(update={"task": task}))


def _written(name: str, value: Any) -> Any:
    """What a flag says, as a configuration would, with paths that hold in any folder."""
    from graphsearch.cost import parse_profile

    match name:
        case "data" | "lengths_from" | "prices":
            return str(Path(value).resolve())
        case "prompt_set" if Path(value).is_dir():
            return str(Path(value).resolve())
        case "grader_option":
            return read_options(value, "--grader-option")
        case "profile":
            try:
                found = parse_profile(value)
            except ConfigError as error:
                raise ConfigError(str(error), where="--profile") from error
            return {"question": found.question, "answer": found.answer}
        case _:
            return value


def _with_file(config: str, values: Mapping[str, Any]) -> Order:
    from graphsearch.evaluators.tasks import takes_path
    from graphsearch.spec import Origin, find_config, load_spec

    path = find_config(config)
    over = {key: value for key, value in values.items() if "." not in key}
    names = _names(values)
    if "task.file" in values:
        # A configuration may leave it to the command line where the files of its task are.
        task = load_spec(path, over, names=names).task
        if not isinstance(task.name, str) or "path" in task.options or not takes_path(task.name):
            raise ConfigError(
                f"the configuration {config} says already what is asked; give one of the two",
                where="--data",
            )
        options = {**task.options, "path": values["task.file"]}
        over["task"] = {**task.model_dump(exclude_none=True), "options": options}
        names["task.options.path"] = "--data"
    stray = next((p for p in values if p.startswith("task.") and p != "task.file"), None)
    if stray is not None:
        raise ConfigError(
            "goes with --data; with a configuration it stands in the file's task",
            where=names[stray],
        )
    return Order(load_spec(path, over, names=names), Origin(str(path), names), _name_of(path))


def _without_file(values: Mapping[str, Any]) -> Order:
    from graphsearch.spec import Origin, Spec, absolute_options, parse_spec

    if "task.file" not in values:
        raise ConfigError(
            "nothing says what to search: give a configuration (a file, or demo, puzzle, recall), "
            "or --data, --model, --graph-budget and --search-budget"
        )
    if "fleet" not in values:
        raise ConfigError(
            "no models are named; give --model URL#NAME or --model PROVIDER/NAME for each, or "
            "--fleet",
            where="--model",
        )
    told: dict[str, Any] = {}
    for path, value in values.items():
        *parts, key = path.split(".")
        inside = told
        for part in parts:
            inside = inside.setdefault(part, {})
        inside[key] = value
    told["task"]["options"] = absolute_options(told["task"].get("options", {}), Path.cwd())
    # All of it is said by flags, also what is missing.
    names = {key: "--" + key.replace("_", "-") for key in Spec.model_fields} | {"task": "--data"}
    names |= {flag.path: flag.name for flag in FLAGS.values()} | _names(values)
    origin = Origin(names=names)
    return Order(parse_spec(told, origin), origin, _name_of(Path(values["task.file"])))


def _names(values: Mapping[str, Any]) -> dict[str, str]:
    """The flags that gave values, by path."""
    names = {flag.path: flag.name for flag in FLAGS.values() if flag.path in values}
    if not isinstance(values.get("fleet", ""), str):
        names["fleet"] = "--model"
    return names


def _name_of(path: Path) -> str:
    """What a run folder is called after a file; dots alone would lead out of `runs`."""
    return path.stem.strip(".") or "run"
