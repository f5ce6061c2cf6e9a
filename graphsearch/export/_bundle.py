"""`Bundle`: an exported graph that answers questions."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from graphsearch.export._checked import check_fit, check_models, check_nodes
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome, Usage, digest
from graphsearch.records.errors import (
    CallTimeout,
    ConfigError,
    EngineError,
    RateLimited,
    Rejected,
    TaskError,
    Unavailable,
)
from graphsearch.records.fits import Fit
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import Grader, Item, TokenProfile, Verdict
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.agents.roles import RoleSet
    from graphsearch.cost import Amount
    from graphsearch.engines.base import Engine
    from graphsearch.execution import Executor
    from graphsearch.store import Store

__all__ = ["Answer", "Bundle"]

_STREAM = "served"
_LONGEST_VALUE = 60
_FAILED: Mapping[Outcome, type[EngineError]] = {
    Outcome.REJECTED: Rejected,
    Outcome.TIMEOUT: CallTimeout,
    Outcome.RATE_LIMITED: RateLimited,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a graph said to a question.

    Attributes:
        text: the sink's message.
        parsed: the answer in canonical form, None when it cannot be read.
        outcome: `ANSWERED`, or how the answer falls short; `BUDGET_STOPPED` at the cap.
        usage: tokens and calls by model.
        cost: what those calls cost, by currency; a currency that cannot be priced is absent.
        messages: what each node said, in the order of the graph's nodes.
    """

    text: str
    parsed: str | None
    outcome: Outcome
    usage: Mapping[str, Usage] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


class Bundle:
    """An exported graph that answers questions.

    Holds nothing open until it is first asked; close it then, or use it in a `with`.

    Attributes:
        folder: where it lies.
        record: the content of `graph.json`.
        graph: the graph.

    Args:
        fleet: the models of `record`, as they are served here.
    """

    def __init__(self, folder: Path, record: Mapping[str, Any], fleet: Fleet) -> None:
        self.folder = folder
        self.record = record
        self.graph = CollaborationGraph.from_json(record["graph"])
        self._fleet = fleet
        self._fit = Fit.from_json(record["fit"]) if "fit" in record else None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._engines: dict[str, Engine] | None = None
        self._store: Store | None = None
        self._executor: Executor | None = None

    def __repr__(self) -> str:
        models = ", ".join(sorted(self.record["fingerprints"]))
        test = self.record["evidence"]["test"]
        if test is None or test["accuracy"] is None:
            proof = "no held-out test"
        else:
            low, high = (100 * end for end in test["interval"])
            proof = (
                f"{100 * test['accuracy']:.1f} % ({low:.1f} to {high:.1f} %) "
                f"of {test['n']} held-out test questions"
            )
        name = f"{self.record['task']['name']}: {self.graph.describe()}"
        return f"<Bundle {name}; models {models}; {proof}; digest {self.digest[:12]}>"

    @property
    def digest(self) -> str:
        """Digest of the content."""
        return str(self.record["digest"])

    def check(self, *, models: bool = True) -> None:
        """Check that everything the graph needs is here.

        Args:
            models: also that each model is the one of the evidence, by its fingerprint.

        Raises:
            ConfigError: a role, the grader, or the very model is not here; or a part of the bundle
                does not fit the others, such as weights of another graph.
            FleetError: an engine is not here.
        """
        roles = self._roles()
        for node in self.graph.nodes:
            roles.role(node.role)
        self.graph.validate(roles)
        try:
            check_models(self.graph, self.record["fingerprints"])
            check_nodes(self.graph, self.record["nodes"])
            check_fit(self.graph, roles, self._fit)
            self._cap()
        except ConfigError as error:
            at = self.folder / "graph.json"
            raise ConfigError(error.message, where=f"{at}: {error.where}") from error
        self._grader()
        if not models:
            return
        engines = self._all_engines()
        for name, expected in self.record["fingerprints"].items():
            found = engines[name].info(name).fingerprint
            if found != expected:
                raise ConfigError(
                    f"the model {name!r} here ({found or 'unknown'}) is not the one of the "
                    f"evidence ({expected}); load with check_models=False to use it all the same",
                    where=str(self.folder),
                )

    async def answer(
        self, question: str, *, draw: int = 0, meta: Mapping[str, Any] | None = None
    ) -> Answer:
        """Ask the graph.

        Args:
            question: the question, in the words the task's prompts expect.
            draw: 0, 1, ...: another draw of the same question; equal ones give equal answers
                where engines are deterministic.
            meta: what the prompts use beside the question.

        Raises:
            TaskError: nothing is asked, or what is asked is no text; nobody was called.
            Rejected: a server refuses the question; asking again will not help.
            CallTimeout, RateLimited, Unavailable: a call failed for another reason of the
                infrastructure.
        """
        item = _asked(question, draw, meta)
        executor = self._open()
        (run,) = await executor.run(
            self.graph, [item], stream=_STREAM, account=_STREAM, cap=self._cap()
        )
        if run.verdict is None and run.outcome is not Outcome.BUDGET_STOPPED:
            error = _FAILED.get(run.outcome, Unavailable)
            raise error(run.error or f"the question was not answered: {run.outcome}")
        return Answer(
            run.text,
            None if run.verdict is None else run.verdict.parsed,
            run.outcome,
            dict(run.usage),
            run.price.floats(),
            run.texts,
        )

    def answer_sync(
        self, question: str, *, draw: int = 0, meta: Mapping[str, Any] | None = None
    ) -> Answer:
        """Ask the graph and wait; also where an event loop runs already, as in a notebook."""
        return wait_for(lambda: self.answer(question, draw=draw, meta=meta))

    async def aclose(self) -> None:
        """Close engines and files. May be called twice."""
        engines, self._engines = self._engines or {}, None
        self._executor = None
        for engine in {id(engine): engine for engine in engines.values()}.values():
            await engine.aclose()
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def close(self) -> None:
        """Close from code that is not asynchronous."""
        wait_for(self.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- parts ---------------------------------------------------------------------------------

    def _open(self) -> "Executor":
        if self._executor is None:
            from graphsearch.execution import Executor
            from graphsearch.ledger import Ledger
            from graphsearch.store import Store

            self._scratch = tempfile.TemporaryDirectory(prefix="graphsearch-bundle-")
            self._store = Store.open(Path(self._scratch.name) / "calls.db")
            self._executor = Executor(
                self._all_engines(),
                self._roles(),
                self._fleet,
                self._store,
                Ledger(),
                seed=self.record["provenance"]["seed"],
                profile=TokenProfile(**self.record["task"]["profile"]),
                grader=_Reader(self._grader()),
            )
            if self._fit is not None:
                self._executor.set_fit(self.graph, self._fit)
        return self._executor

    def _all_engines(self) -> "dict[str, Engine]":
        if self._engines is None:
            from graphsearch.engines import engines_for

            self._engines = engines_for(self._fleet, sorted(self.record["fingerprints"]))
        return self._engines

    def _roles(self) -> "RoleSet":
        """The roles of the bundle's own prompts, all of them read before their folder goes."""
        from graphsearch.agents.roles import get_roles

        prompts = self.record["prompts"]
        with tempfile.TemporaryDirectory(prefix="graphsearch-prompts-") as scratch:
            folder = Path(scratch) / prompts["name"]
            folder.mkdir()
            for name, text in prompts["files"].items():
                (folder / name).write_text(text, encoding="utf-8", newline="")
            roles = get_roles(folder)
            for name in prompts["files"]:
                if name.endswith(".jinja"):  # one that another includes is found in memory later
                    roles.prompts.template(name)
        return roles

    def _grader(self) -> Grader:
        from graphsearch.evaluators.graders import get_grader

        grader = self.record["task"]["grader"]
        return get_grader(grader["name"], **grader["options"])

    def _cap(self) -> "Amount | None":
        from graphsearch.cost import Amount

        cap = self.record["caps"]["per_question"]
        return None if cap is None else Amount.parse(cap, where="caps.per_question")


def _asked(question: Any, draw: Any, meta: Any) -> Item:
    """The question as an item; refused here, where it has cost nothing yet.

    Raises:
        TaskError: it is no text, or one of blanks alone, or `draw` or `meta` cannot be.
    """
    if not isinstance(question, str):
        raise TaskError(f"must be a text, got {_short(question)}", where="question")
    if not question.strip():
        raise TaskError("is empty, so nothing would be asked", where="question")
    if type(draw) is not int or draw < 0:
        raise TaskError(f"must be a whole number from 0, got {_short(draw)}", where="draw")
    if meta is not None and not isinstance(meta, Mapping):
        raise TaskError(f"must be a mapping, got {_short(meta)}", where="meta")
    told = dict(meta or {})
    try:
        key = digest([question, draw, told])
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskError(f"cannot be kept as JSON: {error}", where="question") from None
    return Item(key, question, None, meta=told)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."


class _Reader:
    """Reads answers and judges none: in service there is no gold answer."""

    def __init__(self, grader: Grader) -> None:
        self.name = grader.name
        self._grader = grader

    def parse(self, item: Item, text: str) -> str | None:
        """As the grader."""
        return self._grader.parse(item, text)

    def claims(self, item: Item, text: str) -> bool | None:
        """As the grader."""
        return self._grader.claims(item, text)

    def grade(self, item: Item, text: str) -> Verdict:
        """Whether an answer can be read; the score means nothing."""
        parsed = self.parse(item, text)
        if parsed is None:
            return Verdict(0.0, Outcome.UNPARSED, reason="no answer could be read")
        return Verdict(0.0, parsed=parsed)
