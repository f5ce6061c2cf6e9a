"""One call for one optimisation: `optimize`, `quote`, and `open_study` for a loop of one's own.

What is given becomes a `Spec`, and that the `Experiment` of a study. Nothing is spent before all
input is checked, and the run folder is made after that.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from graphsearch.engines import WantsKeys
from graphsearch.records.errors import ConfigError, FleetError, NoKey
from graphsearch.spec.arguments import Arguments, spec_of
from graphsearch.spec.build import build
from graphsearch.study.experiment import Experiment
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.records.events import Listener
    from graphsearch.spec.models import Spec
    from graphsearch.study.quote import Quote
    from graphsearch.study.result import Result
    from graphsearch.study.study import Study

__all__ = ["aoptimize", "begin", "open_study", "optimize", "quote"]


def optimize(spec: "Spec | None" = None, /, **arguments: Unpack[Arguments]) -> "Result":
    """Find the best graph of models for a task under a budget.

    Works in a script and in a notebook (where an event loop runs, it takes a thread of its own).
    Stopped or killed, the same call with the same `out` goes on where it stood.

    Args:
        spec: what to search, as a configuration says it; arguments take the place of its keys.
        **arguments: see `Arguments`; without a `Spec`, `task`, `fleet`, `graph_budget` and
            `search_budget` at least.

    Returns:
        The winner with its evidence; print it.

    Raises:
        TypeError: an argument is unknown, or one is missing.
        InputError: something given is wrong (with its path).
        BudgetRefused: a budget cannot be kept or fits nothing.
        StudyStopped: the search must not go on; all done so far is kept in `out`.
    """
    return wait_for(lambda: aoptimize(spec, **arguments))


async def aoptimize(spec: "Spec | None" = None, /, **arguments: Unpack[Arguments]) -> "Result":
    """`optimize`, to be awaited where an event loop runs."""
    listener = _listener(arguments)
    spec = spec_of(arguments, spec)
    if spec.out is not None:
        async with begin(spec, listener=listener) as study:
            return await study.run()
    with tempfile.TemporaryDirectory(prefix="graphsearch-") as folder:
        async with begin(spec, folder, listener=listener) as study:
            return (await study.run()).without_folder()


def quote(spec: "Spec | None" = None, /, **arguments: Unpack[Arguments]) -> "Quote":
    """What a search will take, before it spends anything.

    Args:
        spec: as of `optimize`.
        **arguments: those of `optimize`; `out` and `on_event` are ignored.

    Returns:
        Calls, tokens, cost and time with a range; print it.

    Raises:
        As `optimize`.
    """
    from graphsearch.study.quote import make_quote

    _listener(arguments)
    return make_quote(build(spec_of({**arguments, "out": None}, spec)))


def open_study(
    folder: str | Path, *, on_event: "Listener | None" = None, **arguments: Any
) -> "Study":
    """A study for a loop of one's own; use it as `async with`.

    Args:
        folder: the run folder, new or one to go on with.
        on_event: hears of every event.
        **arguments: those of `optimize` but `out`.
    """
    return begin(spec_of({**arguments, "out": folder}), listener=on_event)


def begin(
    spec: "Spec", folder: str | Path | None = None, *, listener: "Listener | None" = None
) -> "Study":
    """The study of a specification, new or one to go on with.

    Args:
        spec: what is searched.
        folder: the run folder; `spec.out` when None.
        listener: called with every event.

    Raises:
        InputError: something in it is wrong, or a model cannot be asked.
        BudgetRefused: a budget cannot be kept or fits nothing.
    """
    from graphsearch.study.study import Study

    folder = Path(folder or spec.out or "")
    experiment = build(spec)
    if not (folder / "result.json").is_file():  # a finished study asks nobody any more
        _check_models(experiment)
    return Study.open(experiment, folder, listener=listener)


def _listener(arguments: Arguments) -> "Listener | None":
    listener = arguments.get("on_event")
    if listener is None or callable(listener):
        return listener
    raise ConfigError(
        f"must be a function that takes an event, or None, got {listener!r}", where="on_event"
    )


def _check_models(experiment: Experiment) -> None:
    """Miss models and keys now, not after the search began.

    Raises:
        FleetError: a model has no engine, its engine has no such model, or its key is missing.
    """
    for name in experiment.models:
        engine = experiment.engines.get(name)
        if engine is None:
            known = ", ".join(sorted(experiment.engines)) or "none"
            raise FleetError(
                f"no engine serves it; models with one: {known}", where=f"model {name}"
            )
        engine.info(name)
        if isinstance(engine, WantsKeys):
            try:
                engine.check_key(name)
            except NoKey as error:
                raise FleetError(str(error), where=f"model {name}") from None
