"""From a specification to an experiment: here names become things.

Tasks, fleets, searchers, agents, prompt sets and engines are looked up in their registries and
joined. Nothing is spent, and all input is checked before the run folder is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import Cancelled, ConfigError
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import (
    BringsModels,
    LabelledGrader,
    Task,
    TokenProfile,
    check_task,
)
from graphsearch.searchers.base import Agent, Recommending, Searcher
from graphsearch.spec._fleets import written_fleet
from graphsearch.spec.models import AgentSpec, Evaluation, SearcherSpec, Spec
from graphsearch.study.experiment import AgentMaker, Complete, Experiment, judges_of

if TYPE_CHECKING:
    from graphsearch.cost import Lengths
    from graphsearch.records.roles import Role
    from graphsearch.space import Space

__all__ = ["build", "fleet_of", "pinned"]


def build(spec: Spec) -> Experiment:
    """The experiment that a specification describes.

    `spec.out` is the run folder, for a searcher that keeps a file of its own there.

    Raises:
        InputError: something in it is wrong (with its path).
        BudgetRefused: a budget cannot be kept or fits nothing.
    """
    from graphsearch.agents.roles import get_roles
    from graphsearch.engines import engines_for
    from graphsearch.evaluators.graders import grader_recipe

    fleet = fleet_of(spec)
    model, make_agent = _agent(spec.agent)
    task = _task(spec)
    try:
        roles = get_roles(spec.task.prompt_set or task.prompt_set)
    except ConfigError as error:
        if error.where is not None:  # a place in its files
            raise
        raise ConfigError(str(error), where="task.prompt_set") from error
    known = _lengths(spec, fleet)
    plan = partial(_space, spec, fleet, task, roles)
    search = _searcher(spec)
    space = plan(known)
    fleet = _with_judges(spec, fleet, task)
    engines = spec.engines
    if engines is None:
        sinks = [sink.model for sink in space.sinks if sink.model is not None]
        speaker = [] if model is None else [model]
        asked = dict.fromkeys([*space.models, *sinks, *speaker, *judges_of(task)])
        engines = engines_for(fleet, list(asked))

    settings, notes = spec.evaluation, []
    if isinstance(spec.searcher.name, str):
        made = search(space)  # a wrong name or option is said now, not when it is needed
        if isinstance(made, Recommending) and made.recommended:
            settings, note = _recommended(settings, made.recommended)
            notes.append(note)

    return Experiment(
        task=task,
        fleet=fleet,
        space=space,
        make_searcher=search,
        roles=roles,
        engines=engines,
        search_budget=spec.search_budget,
        evaluation_budget=spec.evaluation_budget or (),
        settings=settings,
        seed=spec.seed,
        make_agent=make_agent,
        agent_model=model,
        concurrency=spec.calls.concurrency,
        retries=spec.calls,
        space_at=plan if isinstance(spec.searcher.name, str) and known is None else None,
        names={
            "searcher": _named(spec.searcher),
            "agent": None if spec.agent is None else _named(spec.agent),
            "grader": grader_recipe(task.grader) or {"name": task.grader.name, "options": None},
            "prompts": roles.version,
            "prompt_set": roles.prompts.name,
        },
        notes=tuple(notes),
    )


# -- fleet and task --------------------------------------------------------------------------------


def fleet_of(spec: Spec) -> Fleet:
    """The fleet with its prices, and with every model in it that the specification names.

    Models of a record that name none answer from the task's.

    Raises:
        FleetError: the fleet is not there or is wrong.
        ConfigError: a model is not of the fleet, with the path to its name.
    """
    from graphsearch.engines.replay import at_record
    from graphsearch.space import Space

    fleet = _priced(spec, spec.fleet if isinstance(spec.fleet, Fleet) else Fleet.load(spec.fleet))
    space, named = spec.space, [("agent.model", spec.agent and spec.agent.model)]
    if not isinstance(space, Space):
        named += [(f"space.models[{i}]", name) for i, name in enumerate(space.models or ())]
        sinks = [(i, sink) for i, sink in enumerate(space.sinks) if isinstance(sink, str)]
        named += [(f"space.sinks[{i}]", s.partition(":")[2]) for i, s in sinks if ":" in s]
        named.append(("space.sink_model", space.sink_model))
    for path, name in named:
        if name is not None and name not in fleet.names:
            message = f"fleet {fleet.name} has no model {name!r}; it has {', '.join(fleet.names)}"
            raise ConfigError(message, where=path)
    record = spec.task.options.get("path") if spec.task.name == "replay" else None
    return fleet if record is None else at_record(fleet, record)


def _priced(spec: Spec, fleet: Fleet) -> Fleet:
    from graphsearch.prices import PriceList, with_prices

    told = spec.prices
    return with_prices(fleet, PriceList.load(told) if isinstance(told, str) else told)


def _with_judges(spec: Spec, fleet: Fleet, task: Task) -> Fleet:
    """The fleet with the models that the grader brings along; no graph can have these.

    Raises:
        FleetError: one of them has the name of a model of the fleet.
        TaskError: the judge's labelled sample cannot be used.
    """
    grader = task.grader
    if isinstance(grader, LabelledGrader):
        grader.labelled({i.id: i for name in ("search", "selection") for i in task.splits[name]})
    if isinstance(grader, BringsModels) and grader.own_models:
        fleet = _priced(spec, replace(fleet, models=(*fleet.models, *grader.own_models)))
    for name in judges_of(task):
        fleet.model(name)
    return fleet


def _task(spec: Spec) -> Task:
    from graphsearch.evaluators.tasks import load_task

    told = spec.task
    if isinstance(told.name, Task):
        found = told.name
    else:  # a file is given as a path, which is what tells it from a name
        found = load_task(told.name or Path(str(told.file)), **told.options)
    check_task(found)
    profile = told.profile
    if profile is None or profile.question is None or profile.answer is None:
        return found
    lengths = TokenProfile(profile.question, profile.answer)
    return replace(found, profile=lengths, is_estimated=False)


# -- space -----------------------------------------------------------------------------------------


def _lengths(spec: Spec, fleet: Fleet) -> "Lengths | None":
    """Measured lengths, for all models of the fleet; None where none were told."""
    from graphsearch.cost import Lengths
    from graphsearch.study.result import lengths_of_run

    profile = spec.task.profile
    if profile is None or (profile.models is None and profile.from_run is None):
        return None
    told = profile.models or lengths_of_run(str(profile.from_run))
    known = {name: one for name, one in told.by_model if name in fleet.names}
    if not known:
        where = profile.from_run or "the lengths given"
        raise ConfigError(f"has no model of fleet {fleet.name}", where=where)
    return Lengths.of(known).covering(fleet.names)


def _space(
    spec: Spec,
    fleet: Fleet,
    task: Task,
    roles: "Mapping[str, Role]",
    lengths: "Lengths | None",
) -> "Space":
    """The space under the graph budget, priced with these lengths."""
    from graphsearch.cost import CostModel
    from graphsearch.records.roles import split_name
    from graphsearch.space import RoleOption, SinkOption, Space

    told, budget = spec.space, spec.graph_budget
    if isinstance(told, Space):
        if told.budget != budget:
            raise ConfigError(
                f"the space was built for {told.budget}, not for {budget}", where="graph_budget"
            )
        return told if lengths is None else told.priced(replace(told.cost, lengths=lengths))
    # Names with parameters are read, and refused, by the family of their roles.
    for where, options in (("roles", told.roles), ("sinks", told.sinks)):
        names = [name.partition(":")[0] for name in options if isinstance(name, str)]
        for name in names:
            if split_name(name)[1] is None and name not in roles:
                message = f"the prompt set has no role {name!r}; it has {', '.join(roles)}"
                raise ConfigError(message, where=f"space.{where}")
    sinks: Sequence[str | SinkOption] = told.sinks
    if told.sink_model is not None:
        sinks = (SinkOption("assistant", told.sink_model, min_parents=1),)
    # A role has at most as many parents as its prompt can show, and at least as many.
    limits = {
        name: RoleOption(name, role.min_parents, role.max_parents) for name, role in roles.items()
    }
    built = Space.build(
        CostModel(fleet, task.profile, budget.currency, lengths=lengths, roles=roles),
        budget,
        slots=told.slots,
        models=told.models,
        roles=[limits.get(role, role) if isinstance(role, str) else role for role in told.roles],
        sinks=sinks,
        max_in_degree=told.max_in_degree,
        edges=told.edges,
    )
    limited = []
    for sink in built.sinks:
        role = roles[sink.role]
        most = [limit for limit in (sink.max_parents, role.max_parents) if limit is not None]
        least = max(sink.min_parents, role.min_parents)
        limited.append(replace(sink, min_parents=least, max_parents=min(most, default=None)))
    return replace(built, sinks=tuple(limited))


# -- searcher and agent ----------------------------------------------------------------------------


def _searcher(spec: Spec) -> "Callable[[Space], Searcher]":
    """How to make the searcher for a space; one that was given is taken as it is."""
    from graphsearch.searchers import make_searcher

    told = spec.searcher
    name = told.name
    if not isinstance(name, str):
        return lambda space: name
    folder = None if spec.out is None else Path(spec.out)
    return lambda space: make_searcher(
        name, space, seed=spec.seed, options=dict(told.options), folder=folder
    )


def _agent(told: AgentSpec | None) -> tuple[str | None, AgentMaker | None]:
    """The model an agent speaks with, and how to make it.

    Raises:
        ConfigError: there is none of that name, or it does not take an option.
    """
    from graphsearch.agents.search import make_agent

    if told is None:
        return None, None
    name, options, speaks = told.name, dict(told.options), told.model is not None
    if not isinstance(name, str):
        return None, lambda complete: name

    def make(complete: Complete) -> Agent:
        return make_agent(name, options=dict(options), complete=complete if speaks else None)

    async def nobody(messages: Sequence[Message]) -> Reply:
        raise Cancelled(f"{len(messages)} messages were sent before the search began")

    make(nobody)  # a wrong name or option is said now, not after the first round
    return told.model, make


def _recommended(told: Evaluation, wanted: Mapping[str, Any]) -> tuple[Evaluation, str]:
    """The evaluation that a searcher's preset asks for, and a note of it.

    A setting that is not at its default holds. (Whether a default was written down is not asked:
    a run folder's configuration holds all of them.)
    """
    fields = Evaluation.model_fields
    is_set = {name: getattr(told, name) != fields[name].default for name in wanted}
    kept = {name: value for name, value in wanted.items() if not is_set[name]}
    differs = {n: getattr(told, n) for n in wanted if is_set[n] and getattr(told, n) != wanted[n]}
    note = f"The evaluation is that of the searcher's preset: {_listed(wanted)}"
    if differs:
        note += f"; but for what was set otherwise: {_listed(differs)}"
    return told.model_copy(update=kept), f"{note}."


def _listed(settings: Mapping[str, Any]) -> str:
    shown = (
        (name, ", ".join(map(str, value)) if isinstance(value, tuple) else value)
        for name, value in settings.items()
    )
    return ", ".join(f"{name} {value}" for name, value in shown)


def _named(part: SearcherSpec | AgentSpec) -> dict[str, Any]:
    """What the record of a study calls its searcher or agent."""
    name: Any = part.name
    if not isinstance(name, str):
        name = str(getattr(name, "name", type(name).__name__))
    model = part.model if isinstance(part, AgentSpec) else None
    return {"name": name, "options": {**part.options, **({"model": model} if model else {})}}


# -- what a run folder keeps -----------------------------------------------------------------------


def pinned(spec: Spec) -> Spec:
    """The specification with prices of a list written into its fleet.

    Lists are newer in the next release, and files of the user change; a study keeps the prices it
    began with. A fleet that brings its own prices stays the name or the path it is. Token lengths
    of an earlier run are written in as well: that run may be gone.
    """
    from graphsearch.study.result import lengths_of_run

    changes: dict[str, Any] = {"prices": None}
    profile = spec.task.profile
    if profile is not None and profile.from_run is not None:
        found = {"from_run": None, "models": lengths_of_run(profile.from_run)}
        kept = profile.model_copy(update=found)
        changes["task"] = spec.task.model_copy(update={"profile": kept})
    fleet = spec.fleet if isinstance(spec.fleet, Fleet) else Fleet.load(spec.fleet)
    priced = _priced(spec, fleet)
    if isinstance(spec.fleet, Fleet) or priced != fleet:
        changes["fleet"] = Fleet.from_json(written_fleet(priced))
    return spec.model_copy(update=changes)
