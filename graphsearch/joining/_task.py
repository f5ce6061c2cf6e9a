"""Who is asked what: the task, its prompts, and the fleet with all who judge."""

from dataclasses import replace
from typing import TYPE_CHECKING

from graphsearch.joining._given import Given
from graphsearch.records.errors import ConfigError
from graphsearch.records.tasks import BringsModels, LabelledGrader, Task, check_task
from graphsearch.study.experiment import judges_of

if TYPE_CHECKING:
    from graphsearch.agents.roles import RoleSet
    from graphsearch.records.models import Fleet

__all__ = ["fleet_of", "roles_of", "task_of", "with_judges"]


def task_of(given: Given) -> Task:
    """The task.

    Raises:
        TaskError: there is none, or its data is wrong.
    """
    from graphsearch.evaluators.tasks import load_task

    task = given.task
    found = task if isinstance(task, Task) else load_task(task, **(given.task_options or {}))
    check_task(found)
    return (
        found
        if given.profile is None
        else replace(found, profile=given.profile, is_estimated=False)
    )


def roles_of(given: Given, task: Task) -> "RoleSet":
    """The roles that the prompts make.

    Raises:
        ConfigError: there is no such prompt set.
    """
    from graphsearch.agents.roles import get_roles

    chosen = task.prompt_set if given.prompt_set is None else given.prompt_set
    try:
        return get_roles(chosen)
    except ConfigError as error:
        if error.where is not None:  # a place in its files
            raise
        raise ConfigError(str(error), where="task.prompt_set") from error


def fleet_of(given: Given) -> "Fleet":
    """The fleet with its prices; models of a record that name none answer from the task's.

    Raises:
        FleetError: there is none, or it is wrong.
    """
    from graphsearch.engines.replay import at_record
    from graphsearch.records.models import Fleet

    found = given.fleet if isinstance(given.fleet, Fleet) else Fleet.load(given.fleet)
    found = _priced(given, found)
    path = (given.task_options or {}).get("path") if given.task == "replay" else None
    return found if path is None else at_record(found, path)


def with_judges(given: Given, fleet: "Fleet", task: Task) -> "Fleet":
    """The fleet with the models that the grader brings along; no graph can have these.

    Raises:
        FleetError: one of them has the name of a model of the fleet.
        TaskError: the judge's labelled sample cannot be used.
    """
    grader = task.grader
    if isinstance(grader, LabelledGrader):
        grader.labelled({i.id: i for name in ("search", "selection") for i in task.splits[name]})
    if isinstance(grader, BringsModels) and grader.own_models:
        fleet = _priced(given, replace(fleet, models=(*fleet.models, *grader.own_models)))
    for name in judges_of(task):
        fleet.model(name)
    return fleet


def _priced(given: Given, fleet: "Fleet") -> "Fleet":
    from graphsearch.prices import PriceList, with_prices

    told = given.prices
    own = told if told is None or isinstance(told, PriceList) else PriceList.load(told)
    return with_prices(fleet, own)
