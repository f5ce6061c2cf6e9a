"""The arguments of `optimize`, `aoptimize`, `quote` and `Study.create`: said once, here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from graphsearch.checked import Checked, shown
from graphsearch.cost import Amount, Lengths
from graphsearch.engines.base import Engine
from graphsearch.execution import RetryPolicy
from graphsearch.prices import PriceList
from graphsearch.records.errors import ConfigError
from graphsearch.records.events import Listener
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import Task, TokenProfile
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.space import Space
from graphsearch.spec._places import Origin
from graphsearch.spec.loader import checked_spec, load_spec
from graphsearch.spec.models import Evaluation, Spec

__all__ = ["Arguments", "Budgets", "spec_of"]

Budgets: TypeAlias = str | Amount | Sequence[str | Amount]


class Arguments(TypedDict, total=False):
    """What a search is made of, from Python.

    `task`, `fleet`, `graph_budget` and `search_budget` are needed, unless a `Spec` has them.
    Arguments may be mappings, written as the configuration's key of that name (all keys are in
    `configs/schema.json`):

        task       {name | file, options: {grader, grader_options, ...}, prompt_set, profile}
        fleet      what a fleet's file holds          space     the keys of `space`
        searcher   {name, options}                    agent     {name, model, options}
        profile    {question, answer, from, models}   settings  the keys of `evaluation`
        retries    the keys of `calls`

    Paths are relative to the current folder then; options may be Python objects (a grader).
    """

    task: str | Path | Mapping[str, Any] | Task
    """A registered name, a file of questions, a mapping, or a `Task`."""
    fleet: str | Path | Mapping[str, Any] | Fleet
    """A built-in name, a YAML file, a mapping, or a `Fleet`."""
    graph_budget: str | Amount
    """Most a graph may be expected to spend on one question, such as `18 units`."""
    search_budget: Budgets
    """Most the study may spend in all; one or several currencies."""
    evaluation_budget: Budgets | None
    """A budget of its own for the held-out test and the baselines."""
    prices: str | Path | PriceList | None
    """Prices of models whose fleet does not tell them: a file, or a `PriceList`."""
    space: Mapping[str, Any] | Space | None
    """Which graphs are allowed: the keys of `space`, or a `Space`."""
    searcher: str | Mapping[str, Any] | Searcher
    """Who proposes graphs: a registered name, a mapping, or a searcher; `agent-reinforce`."""
    searcher_options: Mapping[str, Any] | None
    """Options of a searcher given by name."""
    agent: str | Mapping[str, Any] | Agent | None
    """Who advises in words: a registered name, a mapping, an agent, or None; `rules`."""
    agent_options: Mapping[str, Any] | None
    """Options of an agent given by name; `model` names the model of `chat`."""
    task_options: Mapping[str, Any] | None
    """Options of a task given by name or file; `grader` and `grader_options` among them."""
    prompt_set: str | Path | None
    """Prompts of the roles: a name or a folder; the task's own when None."""
    profile: Mapping[str, Any] | TokenProfile | None
    """Mean token lengths for expected costs; the task's own when None."""
    lengths: Lengths | str | Path | None
    """Lengths of single models, as an earlier run measured them (its folder), or `Lengths`."""
    engines: Mapping[str, Engine] | None
    """Where each model's calls go, by model; made from the fleet when None."""
    settings: Mapping[str, Any] | Evaluation | None
    """How graphs are evaluated."""
    seed: int
    """Of everything drawn; 0."""
    concurrency: int | None
    """Most calls in flight to an endpoint whose engine has no opinion."""
    retries: Mapping[str, Any] | RetryPolicy | None
    """How long and how often calls are tried, and when an endpoint counts as dead."""
    out: str | Path | None
    """Run folder; a temporary one that is removed when None. `quote` ignores it."""
    on_event: Listener | None
    """Called with every event. `quote` ignores it."""


_NEEDED = ("task", "fleet", "graph_budget", "search_budget")
_PARTS: Mapping[str, str] = {
    "task_options": "task.options",
    "prompt_set": "task.prompt_set",
    "profile": "task.profile",
    "lengths": "task.profile.models",
    "searcher_options": "searcher.options",
    "agent_options": "agent.options",
    "settings": "evaluation",
    "retries": "calls",
    "concurrency": "calls.concurrency",
}
"""Where the `Spec` has what an argument of another name says."""


def spec_of(arguments: Mapping[str, Any], given: Spec | str | Path | None = None) -> Spec:
    """The specification that arguments stand for; `on_event` is no part of it.

    Args:
        arguments: by name; see `Arguments`.
        given: a specification that they change, or the file that says it.

    Raises:
        TypeError: an argument is unknown, or one is missing.
        ConfigError: one is wrong, with its path, or says what another one has said.
    """
    known = Arguments.__annotations__
    strange = next((name for name in arguments if name not in known), None)
    if strange is not None:
        raise TypeError(f"there is no argument {strange!r}; there are {', '.join(known)}")
    missing = next((name for name in _NEEDED if given is None and name not in arguments), None)
    if missing is not None:
        raise TypeError(f"the argument {missing!r} is missing")
    given = given if given is None or isinstance(given, Spec) else load_spec(given)
    spec = {} if given is None else _told(given)
    for name in known:  # what a part is before what belongs to it
        value = arguments.get(name)
        path = _PARTS.get(name, name)
        if name not in arguments or name == "on_event":
            continue
        if value is None and (name in _PARTS or name == "space"):
            continue  # the default
        for at, told in _written(name, path, value).items():
            _put(spec, at, told, argument=name)
    names = {path: name for name, path in _PARTS.items() if name in arguments}
    return checked_spec(spec, Origin(names=names))


def _written(name: str, path: str, value: Any) -> Mapping[str, Any]:
    """What an argument says, by path, in the form that a `Spec` has for it."""
    match name, value:
        case "task", Path():
            return {"task": {"file": value}}
        case "task", str() if ":" in value:  # a Python function, which no registered name is
            return {"task": {"file": value}}
        case "profile", TokenProfile():
            return {path: {"question": value.question, "answer": value.answer}}
        case "lengths", str() | Path():
            return {"task.profile.from": value}
        case "agent_options", Mapping():
            options = dict(value)
            model = {"agent.model": options.pop("model")} if "model" in options else {}
            return {path: options, **model}
        case "retries", RetryPolicy():
            return {path: value.model_dump()}
        case _:
            return {path: value}


def _put(spec: dict[str, Any], path: str, value: Any, *, argument: str) -> None:
    """Write a value at a path of a `Spec` that is being put together."""
    *parts, key = path.split(".")
    inside = spec
    for part in parts:
        there = inside.get(part, {})
        if there is None:  # nobody advises, so options of an agent say nothing
            if not isinstance(value, Mapping | str):
                raise ConfigError(f"must be a mapping, got {shown(value)}", where=argument)
            return
        there = _told(there) if isinstance(there, Checked) else there
        # A part that is one name or one object so far; `task: puzzle` is `task: {name: puzzle}`.
        inside[part] = dict(there) if isinstance(there, Mapping) else {"name": there}
        inside = inside[part]
    if parts and key in inside:
        raise ConfigError(f"is given by {parts[0]} already", where=argument)
    inside[key] = value


def _told(part: Checked) -> dict[str, Any]:
    """What was said of a specification or a part of it, without defaults."""
    return {name: getattr(part, name) for name in part.model_fields_set}
