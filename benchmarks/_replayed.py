"""Runs graphs on recorded answers of real models, for tests and benchmarks."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphsearch.agents.roles import RoleSet, get_roles
from graphsearch.engines.replay import ReplayEngine
from graphsearch.evaluators.tasks import get_task
from graphsearch.execution import Executor, GraphRun
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import Item, Task
from graphsearch.store import Store

__all__ = ["Replayed", "replayed", "share"]

_LONGEST = 1_000_000
"""Tokens: no recorded reply is cut."""


@dataclass(slots=True)
class Replayed:
    """A record, ready to run graphs on.

    Attributes:
        task: its questions.
        items: all of them, in the order of the record.
        executor: runs graphs.
    """

    task: Task
    items: list[Item]
    executor: Executor
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def run(self, graph: CollaborationGraph, items: Sequence[Item] | None = None) -> list[GraphRun]:
        """Run a graph on the items, all of them when None."""
        work = self.executor.run(
            graph, self.items if items is None else items, stream="search", account="search"
        )
        return self._runner.run(work)

    def fit(self, graph: CollaborationGraph, items: Sequence[Item]) -> None:
        """Fit a graph's parts on items."""
        work = self.executor.fit(graph, items, stream="search", account="search")
        found = self._runner.run(work)
        assert found.fit is not None
        assert not found.failed
        self.executor.set_fit(graph, found.fit)

    def accuracy(self, graph: CollaborationGraph, items: Sequence[Item] | None = None) -> float:
        """Share of right answers, in percent."""
        return share(run.verdict is not None and run.verdict.score == 1
                     for run in self.run(graph, items))  # fmt: skip

    def close(self) -> None:
        """Stop the loop."""
        self._runner.close()


def share(found: Any) -> float:
    """How many of several are true, in percent."""
    listed = list(found)
    return 100 * sum(listed) / len(listed)


@contextmanager
def replayed(
    path: Path,
    models: Mapping[str, str],
    *,
    task: Mapping[str, Any] | None = None,
    **engine: Any,
) -> Iterator[Replayed]:
    """A record with some of its models.

    Ties of a vote go to the first node, and nodes of one kind are numbered by the names of their
    models: names in alphabetical order fix who wins a tie.

    Args:
        path: the record's folder.
        models: what the record calls each model, by the name it has here.
        task: options of the task.
        **engine: options of the engine; draws come as recorded unless said otherwise.
    """
    made = ReplayEngine(path, models, **{"order": "recorded", **engine})
    specs = tuple(ModelSpec(name, engine="replay", served_name=models[name]) for name in models)
    fleet = Fleet("replayed", specs, specs[0].name)
    loaded = get_task("replay", path=path, field=engine.get("field"), **(task or {}))
    order = {qid: k for k, qid in enumerate(_ids(path))}
    items = [item for items in loaded.splits.values() for item in items]
    items.sort(key=lambda item: order[item.id])
    roles: RoleSet = get_roles("replay", max_tokens=_LONGEST)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        executor = Executor(
            dict.fromkeys(models, made),
            roles,
            fleet,
            store,
            Ledger(),
            seed=0,
            profile=loaded.profile,
            grader=loaded.grader,
        )
        ready = Replayed(loaded, items, executor)
        try:
            yield ready
        finally:
            ready.close()


def _ids(path: Path) -> Sequence[str]:
    from graphsearch.engines.records import read_record

    return list(read_record(path).questions)
