"""One call for one optimisation: `optimize`, `quote`, and `open_study` for a loop of one's own.

What is given becomes the `Experiment` of a study (`graphsearch.joining`). Nothing is spent before
all input is checked, and the run folder is made after that.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.arguments import check_place
from graphsearch.joining import Budgets, join
from graphsearch.records.errors import FleetError, NoKey
from graphsearch.records.tasks import Task, TokenProfile
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.study.experiment import Experiment
from graphsearch.study.settings import Settings
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.cost import Amount, Lengths
    from graphsearch.engines.base import Engine
    from graphsearch.execution import RetryPolicy
    from graphsearch.prices import PriceList
    from graphsearch.records.events import Listener
    from graphsearch.records.models import Fleet
    from graphsearch.space import Space
    from graphsearch.study.quote import Quote
    from graphsearch.study.result import Result
    from graphsearch.study.study import Study

__all__ = ["join", "open_study", "optimize", "quote"]


def optimize(
    *,
    task: str | Path | Mapping[str, Any] | Task,
    fleet: "str | Path | Mapping[str, Any] | Fleet",
    prices: "str | Path | PriceList | None" = None,
    graph_budget: "str | Amount",
    search_budget: Budgets,
    evaluation_budget: "Budgets | None" = None,
    space: "Space | Mapping[str, Any] | None" = None,
    searcher: str | Mapping[str, Any] | Searcher = "agent-reinforce",
    searcher_options: Mapping[str, Any] | None = None,
    agent: str | Mapping[str, Any] | Agent | None = "rules",
    agent_options: Mapping[str, Any] | None = None,
    task_options: Mapping[str, Any] | None = None,
    prompt_set: str | Path | None = None,
    profile: Mapping[str, Any] | TokenProfile | None = None,
    lengths: "Lengths | str | Path | None" = None,
    engines: "Mapping[str, Engine] | None" = None,
    settings: Mapping[str, Any] | Settings | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    retries: "Mapping[str, Any] | RetryPolicy | None" = None,
    out: str | Path | None = None,
    on_event: "Listener | None" = None,
) -> "Result":
    """Find the best graph of models for a task under a budget.

    Works in a script and in a notebook (where an event loop runs, it takes a thread of its own).
    Stopped or killed, the same call with the same `out` goes on where it stood.

    Arguments may be mappings, written as the configuration's key of that name (all keys are in
    `configs/schema.json`):

        task       {name | file, options: {grader, grader_options, ...}, prompt_set, profile}
        fleet      what a fleet's file holds          space     the keys of `space`
        searcher   {name, options}                    agent     {name, model, options}
        profile    {question, answer, from, models}   settings  the keys of `evaluation`
        retries    the keys of `calls`

    Paths are relative to the current folder then; options may be Python objects (a grader).

    Args:
        task: a registered name, a file of questions, a mapping, or a `Task`.
        fleet: a built-in name, a YAML file, a mapping, or a `Fleet`.
        prices: of models whose fleet does not tell them: a file, or a `PriceList`.
        graph_budget: most a graph may be expected to spend on one question, such as `18 units`.
        search_budget: most the study may spend in all; one or several currencies.
        evaluation_budget: a budget of its own for the sealed test and the baselines.
        space: which graphs are allowed: arguments of `Space.build`, or a `Space`.
        searcher: a registered name, a mapping, or a searcher.
        agent: who advises in words: a registered name, a mapping, an agent, or None.
        searcher_options: of a searcher given by name.
        agent_options: of an agent given by name; `model` names the model of `chat`.
        task_options: of a task given by name or file; `grader` and `grader_options` among them.
        prompt_set: prompts of the roles: a name or a folder; the task's own when None.
        profile: mean token lengths for expected costs; the task's own when None.
        lengths: of single models, as an earlier run measured them (its folder), or `Lengths`.
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
    _check_models(parts, folder)
    return _search_in(folder, parts, on_event)


def _search_in(out: Path | None, parts: Experiment, on_event: "Listener | None") -> "Result":
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
    _check_models(parts, Path(folder))
    return Study.open(parts, folder, listener=on_event)


def _check_models(parts: Experiment, folder: Path | None) -> None:
    """Miss models and keys now, not after the search began; a finished study needs none any more.

    Raises:
        FleetError: a model has no engine, its engine has no such model, or its key is missing.
    """
    from graphsearch.engines import WantsKeys

    if folder is not None and (folder / "result.json").is_file():
        return
    for name in parts.models:
        engine = parts.engines.get(name)
        if engine is None:
            known = ", ".join(sorted(parts.engines)) or "none"
            raise FleetError(
                f"no engine serves it; models with one: {known}", where=f"model {name}"
            )
        engine.info(name)
        if isinstance(engine, WantsKeys):
            try:
                engine.check_key(name)
            except NoKey as error:
                raise FleetError(str(error), where=f"model {name}") from None


async def _run(parts: Experiment, folder: Path, on_event: "Listener | None") -> "Result":
    from graphsearch.study.study import Study

    async with Study.open(parts, folder, listener=on_event) as study:
        return await study.run()
