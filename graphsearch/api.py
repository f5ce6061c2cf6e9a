"""One call for one optimisation: `optimize`, `quote`, and `open_study` for a loop of one's own.

Here names become things: tasks, fleets, searchers, agents, prompt sets and engines are looked up in
their registries and joined to the `Parts` of a study. Nothing is spent, and nothing but a missing
file is complained about late: all input is checked before the run folder is made.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from graphsearch.arguments import check_arguments, check_place, check_space
from graphsearch.calls import Message, Reply
from graphsearch.errors import Cancelled, ConfigError, FleetError, NoKey
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.study.parts import AgentMaker, Complete, Parts, judges_of
from graphsearch.study.settings import Settings
from graphsearch.tasks import BringsModels, LabelledGrader, Task, TokenProfile, check_task
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.cost import Amount, Lengths
    from graphsearch.engines.base import Engine
    from graphsearch.events import Listener
    from graphsearch.execution import RetryPolicy
    from graphsearch.fleet import Fleet
    from graphsearch.prices import PriceList
    from graphsearch.roles import Role
    from graphsearch.space import RoleOption, SinkOption, Space
    from graphsearch.study.quote import Quote
    from graphsearch.study.result import Result
    from graphsearch.study.study import Study

__all__ = ["join", "open_study", "optimize", "quote"]

Budgets: TypeAlias = "str | Amount | Sequence[str | Amount]"

_ROLES = ("assistant", "fuser")
_SPACE_KEYS = ("slots", "models", "roles", "sinks", "max_in_degree", "edges")


def optimize(
    *,
    task: str | Path | Task,
    fleet: "str | Path | Fleet",
    prices: "str | Path | PriceList | None" = None,
    graph_budget: "str | Amount",
    search_budget: Budgets,
    evaluation_budget: "Budgets | None" = None,
    space: "Space | Mapping[str, Any] | None" = None,
    searcher: str | Searcher = "agent-reinforce",
    searcher_options: Mapping[str, Any] | None = None,
    agent: str | Agent | None = "rules",
    agent_options: Mapping[str, Any] | None = None,
    task_options: Mapping[str, Any] | None = None,
    prompt_set: str | Path | None = None,
    profile: TokenProfile | None = None,
    lengths: "Lengths | str | Path | None" = None,
    engines: "Mapping[str, Engine] | None" = None,
    settings: Settings | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    retries: "RetryPolicy | None" = None,
    out: str | Path | None = None,
    on_event: "Listener | None" = None,
) -> "Result":
    """Find the best graph of models for a task under a budget.

    Works in a script and in a notebook (where an event loop runs, it takes a thread of its own).
    Stopped or killed, the same call with the same `out` goes on where it stood.

    Args:
        task: a registered name, a file of questions, or a `Task`.
        fleet: a built-in name, a YAML file, or a `Fleet`.
        prices: of models whose fleet does not tell them: a file, or a `PriceList`.
        graph_budget: most a graph may be expected to spend on one question, such as `18 units`.
        search_budget: most the study may spend in all; one or several currencies.
        evaluation_budget: a budget of its own for the sealed test and the baselines.
        space: which graphs are allowed: arguments of `Space.build`, or a `Space`.
        searcher: a registered name, or a searcher.
        agent: who advises in words: a registered name, an agent, or None.
        searcher_options: of a searcher given by name.
        agent_options: of an agent given by name; `model` names the model of `chat`.
        task_options: of a task given by name or file.
        prompt_set: prompts of the roles: a name or a folder; the task's own when None.
        profile: mean token lengths for expected costs; the task's own when None.
        lengths: token lengths of single models, for expected costs: those that an earlier run
            measured (its folder), or `Lengths`.
        engines: where each model's calls go, by model; made from the fleet when None.
        settings: how graphs are evaluated.
        seed: of everything drawn.
        concurrency: most calls in flight to an endpoint whose engine has no opinion.
        retries: how long and how often calls are tried, and when an endpoint counts as dead.
        out: run folder; a temporary one that is removed when None.
        on_event: hears of every event.

    Returns:
        The winner with its evidence; print it.

    Raises:
        InputError: something given is wrong (with its path).
        BudgetRefused: a budget cannot be kept or fits nothing.
        StudyStopped: the search must not go on; all done so far is kept in `out`.
    """
    arguments = dict(locals())  # all of them are those of `join`, but for two
    del arguments["out"], arguments["on_event"]
    check_place(out, on_event)
    folder = None if out is None else Path(out)
    parts = join(**arguments, folder=folder)
    _check_keys(parts, folder)
    return _search_in(folder, parts, on_event)


def _search_in(out: Path | None, parts: Parts, on_event: "Listener | None") -> "Result":
    """The whole search, in a folder that stays or in a temporary one."""
    if out is not None:
        return wait_for(lambda: _run(parts, out, on_event))
    with tempfile.TemporaryDirectory(prefix="graphsearch-") as folder:
        return wait_for(lambda: _run(parts, Path(folder), on_event)).without_folder()


def quote(**arguments: Any) -> "Quote":
    """What a search will take, before it spends anything.

    Args:
        **arguments: those of `optimize`; `out` and `on_event` are ignored.

    Returns:
        Calls, tokens, cost and time with a range; print it.

    Raises:
        As `optimize`.
    """
    from graphsearch.study.quote import make_quote

    given = {k: v for k, v in arguments.items() if k not in {"out", "on_event"}}
    return make_quote(join(**given))


def open_study(
    folder: str | Path, *, on_event: "Listener | None" = None, **arguments: Any
) -> "Study":
    """A study for a loop of one's own; use it as `async with`.

    Args:
        folder: the run folder, new or one to go on with.
        on_event: hears of every event.
        **arguments: those of `optimize` but `out`.
    """
    from graphsearch.study.study import Study

    check_place(folder, on_event)
    parts = join(**arguments, folder=Path(folder))
    _check_keys(parts, Path(folder))
    return Study.open(parts, folder, listener=on_event)


def join(
    *,
    task: str | Path | Task,
    fleet: "str | Path | Fleet",
    prices: "str | Path | PriceList | None" = None,
    graph_budget: "str | Amount",
    search_budget: Budgets,
    evaluation_budget: "Budgets | None" = None,
    space: "Space | Mapping[str, Any] | None" = None,
    searcher: str | Searcher = "agent-reinforce",
    searcher_options: Mapping[str, Any] | None = None,
    agent: str | Agent | None = "rules",
    agent_options: Mapping[str, Any] | None = None,
    task_options: Mapping[str, Any] | None = None,
    prompt_set: str | Path | None = None,
    profile: TokenProfile | None = None,
    lengths: "Lengths | str | Path | None" = None,
    engines: "Mapping[str, Engine] | None" = None,
    settings: Settings | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    retries: "RetryPolicy | None" = None,
    folder: Path | None = None,
) -> Parts:
    """The parts of a study from the arguments of `optimize`; `folder` is its run folder, if any."""
    check_arguments(locals())
    from graphsearch.agents.roles import get_roles
    from graphsearch.engines import engines_for
    from graphsearch.evaluators.graders import grader_recipe

    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"must be at least 1, got {concurrency}", where="concurrency")
    the_task = _task(task, task_options, profile)
    the_fleet = _recorded(_fleet(fleet, prices), task, task_options)
    roles = get_roles(prompt_set if prompt_set is not None else the_task.prompt_set)
    known = _lengths(lengths, the_fleet)
    plan = partial(_space, space, the_fleet, the_task, graph_budget, roles)
    the_space = plan(lengths=known)
    options = dict(searcher_options or {})
    speaker, make_agent = _agent(agent, agent_options)
    the_fleet = _with_judges(the_fleet, prices, the_task)
    models = _models(the_space, speaker, judges_of(the_task))
    make = partial(_searcher, searcher, seed=seed, options=options, folder=folder)

    def replan(measured: "Lengths") -> "tuple[Space, Searcher]":
        measured_space = plan(lengths=measured)
        return measured_space, make(measured_space)

    return Parts(
        task=the_task,
        fleet=the_fleet,
        space=the_space,
        searcher=make(the_space),
        roles=roles,
        engines=engines if engines is not None else engines_for(the_fleet, models),
        search_budget=_amounts(search_budget, "search_budget"),
        evaluation_budget=_amounts(evaluation_budget, "evaluation_budget"),
        settings=settings or Settings(),
        seed=seed,
        make_agent=make_agent,
        agent_model=speaker,
        concurrency=concurrency or 64,
        retries=retries,
        replan=replan if isinstance(searcher, str) and known is None else None,
        names={
            "searcher": {"name": _name(searcher), "options": options},
            "agent": None
            if agent is None
            else {"name": _name(agent), "options": dict(agent_options or {})},
            "grader": grader_recipe(the_task.grader)
            or {"name": the_task.grader.name, "options": None},
            "prompts": roles.version,
            "prompt_set": roles.prompts.name,
        },
    )


# -- from names to things ------------------------------------------------------------------------


def _task(
    task: str | Path | Task, options: Mapping[str, Any] | None, profile: TokenProfile | None
) -> Task:
    from graphsearch.evaluators.tasks import load_task

    found = task if isinstance(task, Task) else load_task(task, **(options or {}))
    check_task(found)
    return found if profile is None else replace(found, profile=profile, is_estimated=False)


def _fleet(fleet: "str | Path | Fleet", prices: "str | Path | PriceList | None") -> "Fleet":
    from graphsearch.fleet import Fleet
    from graphsearch.prices import PriceList, with_prices

    found = fleet if isinstance(fleet, Fleet) else Fleet.load(fleet)
    own = PriceList.load(prices) if isinstance(prices, (str, Path)) else prices
    return with_prices(found, own)


def _recorded(
    fleet: "Fleet", task: str | Path | Task, options: Mapping[str, Any] | None
) -> "Fleet":
    """Models of a record that name no folder answer from that of the task `replay`."""
    from graphsearch.engines.replay import at_record

    path = (options or {}).get("path") if task == "replay" else None
    return fleet if path is None else at_record(fleet, path)


def _space(
    space: "Space | Mapping[str, Any] | None",
    fleet: "Fleet",
    task: Task,
    graph_budget: "str | Amount",
    roles: "Mapping[str, Role]",
    *,
    lengths: "Lengths | None",
) -> "Space":
    from graphsearch.cost import Amount, CostModel
    from graphsearch.space import Space

    budget = Amount.parse(graph_budget, where="graph_budget")
    if isinstance(space, Space):
        if space.budget != budget:
            raise ConfigError(
                f"the space was built for {space.budget}, not for {budget}", where="graph_budget"
            )
        if lengths is None:
            return space
        return space.priced(replace(space.cost, lengths=lengths))
    given = dict(space or {})
    unknown_key = next((key for key in given if key not in _SPACE_KEYS), None)
    if unknown_key is not None:
        known = ", ".join(_SPACE_KEYS)
        raise ConfigError(f"unknown key; known are {known}", where=f"space.{unknown_key}")
    check_space(given)
    given["roles"] = [_limited(role, roles) for role in given.get("roles", _ROLES)]
    cost = CostModel(fleet, task.profile, budget.currency, lengths=lengths)
    built = Space.build(cost, budget, **given)
    for where, options in (("roles", built.roles), ("sinks", [s.role for s in built.sinks])):
        unknown = next((name for name in options if name not in roles), None)
        if unknown is not None:
            known = ", ".join(roles)
            message = f"the prompt set has no role {unknown!r}; it has {known}"
            raise ConfigError(message, where=f"space.{where}")
    return replace(built, sinks=tuple(_limited_sink(sink, roles) for sink in built.sinks))


def _lengths(given: "Lengths | str | Path | None", fleet: "Fleet") -> "Lengths | None":
    """Measured lengths, for all models of the fleet.

    Raises:
        StoreError: the run that is named has no result.
        ConfigError: it measured none of the fleet's models.
    """
    from graphsearch.cost import Lengths
    from graphsearch.study.lengths import lengths_of_run

    if given is None:
        return None
    where = "the lengths given" if isinstance(given, Lengths) else str(given)
    if not isinstance(given, Lengths):
        given = lengths_of_run(given)
    known = {name: one for name, one in given.by_model if name in fleet.names}
    if not known:
        raise ConfigError(f"has no model of fleet {fleet.name}", where=where)
    return Lengths.of(known).covering(fleet.names)


def _limited(role: "str | RoleOption", roles: "Mapping[str, Role]") -> "str | RoleOption":
    """A role with the number of parents it can read, which its prompts decide."""
    from graphsearch.space import RoleOption

    if not isinstance(role, str) or role not in roles:
        return role
    return RoleOption(role, roles[role].min_parents, roles[role].max_parents)


def _limited_sink(sink: "SinkOption", roles: "Mapping[str, Role]") -> "SinkOption":
    role = roles[sink.role]
    most = [limit for limit in (sink.max_parents, role.max_parents) if limit is not None]
    return replace(
        sink,
        min_parents=max(sink.min_parents, role.min_parents),
        max_parents=min(most, default=None),
    )


def _amounts(given: "Budgets | None", where: str) -> "tuple[Amount, ...]":
    from graphsearch.cost import Amount

    if given is None:
        return ()
    several = [given] if isinstance(given, (str, Amount)) else list(given)
    if not several:
        raise ConfigError("names no budget; without one nothing bounds the spend", where=where)
    amounts = tuple(Amount.parse(text, where=where) for text in several)
    currencies = [amount.currency for amount in amounts]
    twice = next((c for c in currencies if currencies.count(c) > 1), None)
    if twice is not None:
        raise ConfigError(f"names {twice} twice", where=where)
    return amounts


def _searcher(
    searcher: str | Searcher,
    space: "Space",
    *,
    seed: int,
    options: Mapping[str, Any],
    folder: Path | None,
) -> Searcher:
    from graphsearch.searchers import make_searcher

    if not isinstance(searcher, str):
        return searcher
    return make_searcher(searcher, space, seed=seed, options=options, folder=folder)


def _agent(
    agent: str | Agent | None, options: Mapping[str, Any] | None
) -> tuple[str | None, AgentMaker | None]:
    """The model an agent speaks with, and how to make it."""
    from graphsearch.agents.search import make_agent

    if agent is None:
        return None, None
    if not isinstance(agent, str):
        return None, lambda complete: agent
    rest = dict(options or {})
    model = rest.pop("model", None)

    def make(complete: Complete) -> Agent:
        return make_agent(agent, options=rest, complete=complete if model is not None else None)

    make(_nobody)  # a wrong name or option is said now, not after the first round
    return model, make


async def _nobody(messages: Sequence[Message]) -> Reply:
    raise Cancelled("an agent must not speak before there is a study")


def _models(space: "Space", speaker: str | None, judges: Sequence[str]) -> list[str]:
    names = [*space.models, *(sink.model for sink in space.sinks if sink.model is not None)]
    return list(dict.fromkeys([*names, *([speaker] if speaker is not None else []), *judges]))


def _with_judges(fleet: "Fleet", prices: "str | Path | PriceList | None", task: Task) -> "Fleet":
    """The fleet with the models that the grader brings along; no graph can have these.

    Raises:
        FleetError: one of them has the name of a model of the fleet.
        TaskError: the judge's labelled sample cannot be used.
    """
    grader = task.grader
    if isinstance(grader, LabelledGrader):
        grader.labelled({i.id: i for name in ("search", "selection") for i in task.splits[name]})
    if isinstance(grader, BringsModels) and grader.own_models:
        fleet = _fleet(replace(fleet, models=(*fleet.models, *grader.own_models)), prices)
    for name in judges_of(task):
        fleet.model(name)
    return fleet


def _name(given: Any) -> str:
    return given if isinstance(given, str) else str(getattr(given, "name", type(given).__name__))


def _check_keys(parts: Parts, folder: Path | None) -> None:
    """Miss keys now, not after the search began; a finished study needs none any more."""
    from graphsearch.engines import WantsKeys

    if folder is not None and (folder / "result.json").is_file():
        return
    for name, engine in parts.engines.items():
        if name in parts.models and isinstance(engine, WantsKeys):
            try:
                engine.check_key(name)
            except NoKey as error:
                raise FleetError(str(error), where=f"model {name}") from None


# -- running --------------------------------------------------------------------------------------


async def _run(parts: Parts, folder: Path, on_event: "Listener | None") -> "Result":
    from graphsearch.study.study import Study

    async with Study.open(parts, folder, listener=on_event) as study:
        return await study.run()
