"""From the arguments of `optimize` to the parts of a study: here names become things.

Tasks, fleets, searchers, agents, prompt sets and engines are looked up in their registries and
joined. Nothing is spent, and all input is checked before the run folder is made.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from graphsearch.joining._given import Budgets, Given, read_arguments
from graphsearch.joining._searcher import agent_of, names_of, searcher_of
from graphsearch.joining._space import amounts_of, lengths_of, models_of, space_of
from graphsearch.joining._task import fleet_of, roles_of, task_of, with_judges
from graphsearch.searchers.base import Searcher
from graphsearch.study.experiment import Experiment, judges_of
from graphsearch.study.settings import Settings

if TYPE_CHECKING:
    from graphsearch.cost import Lengths
    from graphsearch.space import Space

__all__ = ["Budgets", "Given", "join"]


def join(**arguments: Any) -> Experiment:
    """The parts of a study.

    Args:
        **arguments: those of `optimize` but `out` and `on_event`; `folder` is the run folder, if
            any.

    Raises:
        TypeError: an argument is unknown, or one is missing.
        InputError: something given is wrong (with its path).
        BudgetRefused: a budget cannot be kept or fits nothing.
    """
    given = read_arguments(arguments)
    task = task_of(given)
    fleet = fleet_of(given)
    roles = roles_of(given, task)
    known = lengths_of(given, fleet)
    plan = partial(space_of, given, fleet, task, roles)
    space = plan(lengths=known)
    speaker, make_agent = agent_of(given)
    fleet = with_judges(given, fleet, task)
    engines = given.engines
    if engines is None:
        from graphsearch.engines import engines_for

        engines = engines_for(fleet, models_of(space, speaker, judges_of(task)))

    def replan(measured: "Lengths") -> "tuple[Space, Searcher]":
        measured_space = plan(lengths=measured)
        return measured_space, searcher_of(given, measured_space)

    return Experiment(
        task=task,
        fleet=fleet,
        space=space,
        searcher=searcher_of(given, space),
        roles=roles,
        engines=engines,
        search_budget=amounts_of(given.search_budget, "search_budget"),
        evaluation_budget=amounts_of(given.evaluation_budget, "evaluation_budget"),
        settings=given.settings or Settings(),
        seed=given.seed,
        make_agent=make_agent,
        agent_model=speaker,
        concurrency=given.concurrency or 64,
        retries=given.retries,
        replan=replan if isinstance(given.searcher, str) and known is None else None,
        names=names_of(given, task, roles),
    )
