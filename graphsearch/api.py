"""What a user calls: `optimize`, `aoptimize`, `quote`, and `Study` for a loop of one's own.

What is given becomes a `Spec`, and that the `Experiment` of a study. Nothing is spent before all
input is checked, and the run folder is made after that.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from graphsearch.engines import WantsKeys
from graphsearch.records.errors import ConfigError, FleetError, NoKey, StoreError
from graphsearch.spec.arguments import Arguments, spec_of
from graphsearch.spec.build import build
from graphsearch.spec.loader import load_spec
from graphsearch.study.study import Study as Core
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.events import BudgetState, Listener
    from graphsearch.records.trials import Proposal, TrialRecord
    from graphsearch.spec.models import Spec
    from graphsearch.study.archive import Archive
    from graphsearch.study.quote import Quote
    from graphsearch.study.result import Result

__all__ = ["Arguments", "Study", "aoptimize", "begin", "optimize", "quote", "spec_of_run"]


def optimize(
    spec: "Spec | str | Path | None" = None, /, **arguments: Unpack[Arguments]
) -> "Result":
    """Find the best graph of models for a task under a budget.

        result = optimize(
            task="puzzle", fleet="embedded", graph_budget="18 units", search_budget="20000 units"
        )

    Works in a script and in a notebook (where an event loop runs, it takes a thread of its own).
    Stopped or killed, the same call with the same `out` goes on where it stood.

    Args:
        spec: a `Spec`, or the configuration file that says one; arguments take the place of its
            keys.
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


async def aoptimize(
    spec: "Spec | str | Path | None" = None, /, **arguments: Unpack[Arguments]
) -> "Result":
    """`optimize`, to be awaited where an event loop runs."""
    listener = _listener(arguments)
    spec = spec_of(arguments, spec)
    if spec.out is not None:
        async with begin(spec, spec.out, listener=listener) as study:
            return await study.run()
    with tempfile.TemporaryDirectory(prefix="graphsearch-") as folder:
        async with begin(spec, folder, listener=listener) as study:
            return (await study.run()).without_folder()


def quote(spec: "Spec | str | Path | None" = None, /, **arguments: Unpack[Arguments]) -> "Quote":
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
    return make_quote(build(spec_of(arguments, spec).at(None)))


class Study:
    """A search step by step, for a loop of one's own.

        async with Study.create(task="puzzle", ..., out="runs/own") as study:
            await study.prepare()
            while len(study.rounds) < 3:
                records = await study.evaluate(study.ask(8))
                await study.tell(records)
            result = await study.finish()

    Budgets, journal and result are those of `optimize`. A folder that holds the same study is gone
    on with: what was paid for is served from there.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    @classmethod
    def create(
        cls, spec: "Spec | str | Path | None" = None, /, **arguments: Unpack[Arguments]
    ) -> "Study":
        """A study in the run folder `out`, new or one to go on with.

        Args:
            spec: as of `optimize`.
            **arguments: those of `optimize`; `out` is needed.

        Raises:
            TypeError: an argument is unknown, or one is missing.
            InputError: something given is wrong (with its path), or a model cannot be asked.
            BudgetRefused: a budget cannot be kept or fits nothing.
        """
        listener = _listener(arguments)
        spec = spec_of(arguments, spec)
        if spec.out is None:
            raise TypeError("the argument 'out' is missing; a study needs a run folder")
        return cls(begin(spec, spec.out, listener=listener))

    @classmethod
    def open(cls, folder: str | Path, *, on_event: "Listener | None" = None) -> "Study":
        """The study in a run folder that says what it is made of (one that `graphsearch run` made).

        Args:
            folder: the run folder.
            on_event: called with every event.

        Raises:
            StoreError: the folder holds no such run.
            InputError: what it is made of is not there any more.
        """
        listener = _listener({"on_event": on_event})
        return cls(begin(spec_of_run(folder), folder, listener=listener))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._core.aclose()

    async def run(self) -> "Result":
        """The whole search: all rounds, and `finish`."""
        return await self._core.run()

    async def prepare(self) -> None:
        """Find out how far a judge agrees with people and how long replies are.

        `run` does it by itself; in a loop of one's own it comes before the first `ask`, and
        without it the lengths that the task assumes hold.
        """
        await self._core.prepare()

    def ask(self, k: int) -> "Sequence[Proposal]":
        """Up to `k` graphs to try, from the searcher."""
        return self._core.ask(k)

    async def evaluate(
        self, proposals: "Sequence[Proposal | CollaborationGraph]"
    ) -> "list[TrialRecord]":
        """Race graphs on the next items, the best so far among them.

        Args:
            proposals: what a searcher proposed, or graphs of one's own.

        Returns:
            One record a proposal, in order; empty when the budget covers no item. Nothing is kept
            until `tell`.

        Raises:
            GraphError: one is not in the space, or above the graph budget.
            StudyStopped: too many failures of the infrastructure.
        """
        return await self._core.evaluate(proposals)

    async def tell(self, records: "Sequence[TrialRecord]") -> None:
        """Give records to the searcher, have it advised, and keep all of it.

        Args:
            records: what `evaluate` returned for the last `ask`.
        """
        await self._core.tell(records)

    async def finish(self) -> "Result":
        """End the search: finalists, winner, held-out test, baselines; writes `result.json`."""
        return await self._core.finish()

    @property
    def rounds(self) -> Sequence[Mapping[str, Any]]:
        """The log of each round that was told, as in `result.json`."""
        return self._core.rounds

    @property
    def archive(self) -> "Archive":
        """Everything tried so far, by graph; `archive.best()` leads."""
        return self._core.archive

    @property
    def budgets(self) -> "tuple[BudgetState, ...]":
        """The budgets as they stand now, also in the middle of a block."""
        return self._core.budgets


def spec_of_run(folder: str | Path) -> "Spec":
    """The specification that a run folder holds.

    Raises:
        StoreError: it holds no run, one begun from Python, or one whose journal was lost.
        ConfigError: its `config.yaml` is broken.
    """
    from graphsearch.store import Store

    folder = Path(folder)
    stored = folder / "config.yaml"
    if not stored.is_file():
        if not (folder / "study.db").is_file():
            raise StoreError("holds no run (there is no config.yaml in it)", where=str(folder))
        raise StoreError(
            "holds a search begun from Python, without a configuration; it goes on by the same "
            f"call of optimize or Study.create, with out={str(folder)!r}",
            where=str(folder),
        )
    spec = load_spec(stored)
    with Store.open(folder, read_only=True) as store:
        if store.get_meta("identity") is None:  # nothing is paid twice in silence
            raise StoreError(
                "is empty, though the search had begun (a deleted -wal file?), so all it had paid "
                "for is lost; begin anew in another folder",
                where=store.name,
            )
    return spec


def begin(spec: "Spec", folder: str | Path, *, listener: "Listener | None" = None) -> Core:
    """The study of a specification in a run folder, new or one to go on with.

    Raises:
        InputError: something in it is wrong, or a model cannot be asked.
        BudgetRefused: a budget cannot be kept or fits nothing.
    """
    experiment = build(spec)
    if not (Path(folder) / "result.json").is_file():  # a finished study asks nobody any more
        # A model or a key that is missing is missed now, not after the search began.
        for name in experiment.models:
            engine, where = experiment.engines.get(name), f"model {name}"
            if engine is None:
                known = ", ".join(sorted(experiment.engines)) or "none"
                raise FleetError(f"no engine serves it; models with one: {known}", where=where)
            engine.info(name)
            if isinstance(engine, WantsKeys):
                try:
                    engine.check_key(name)
                except NoKey as error:
                    raise FleetError(str(error), where=where) from None
    return Core.open(experiment, folder, listener=listener)


def _listener(arguments: Arguments) -> "Listener | None":
    listener = arguments.get("on_event")
    if listener is None or callable(listener):
        return listener
    raise ConfigError(
        f"must be a function that takes an event, or None, got {listener!r}", where="on_event"
    )
