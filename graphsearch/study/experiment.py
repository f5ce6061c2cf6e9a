"""What a study is made of, joined and checked before anything is opened."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graphsearch.records.calls import Message, Reply, Sampling
from graphsearch.records.errors import BudgetRefused, ConfigError
from graphsearch.records.tasks import AskingGrader, Task
from graphsearch.records.trials import ItemResult
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.spec.models import Evaluation
from graphsearch.study.evidence import Evidence, gather

if TYPE_CHECKING:
    from graphsearch.cost import Amount, CostModel, Currency, Lengths
    from graphsearch.engines.base import Engine
    from graphsearch.execution import RetryPolicy
    from graphsearch.records.models import Fleet
    from graphsearch.records.roles import Role
    from graphsearch.space import Space

__all__ = ["AgentMaker", "Complete", "Experiment", "judges_of"]

AGENT_SAMPLING = Sampling(temperature=0.7, max_tokens=2048)

Complete = Callable[[Sequence[Message]], Awaitable[Reply]]
"""One call of the agent's model: booked to the account `agent`, kept in the journal."""

AgentMaker = Callable[[Complete], Agent]
"""Makes the agent once there is a way to call its model; agents without one ignore it."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything a study needs, by value.

    Attributes:
        task: questions and grader.
        fleet: models and their constants.
        space: what graphs are allowed, with the graph budget.
        make_searcher: makes what proposes graphs, for a space; a searcher that was given as an
            object is what it brings.
        roles: what nodes do, by name.
        engines: where the calls of each model go.
        search_budget: limits of all that the study spends.
        evaluation_budget: limits of test and baselines alone; empty: part of the search budget.
        settings: how graphs are evaluated.
        seed: of everything drawn.
        make_agent: makes the search agent, None for none.
        agent_model: the model the agent speaks with, None where it needs none.
        agent_sampling: how its tokens are drawn; needs `max_tokens`.
        concurrency: most calls in flight to a model whose engine has no opinion.
        retries: how long and how often calls are tried; None for the defaults.
        space_at: the space at measured token lengths; None where lengths are fixed, or the
            searcher cannot be made anew for another space.
        names: `searcher`, `agent` and `grader` as `{name, options}`, `prompts` and `prompt_set`,
            for the record.
        notes: what a reader of the result must know of how it was set up.
    """

    task: Task
    fleet: "Fleet"
    space: "Space"
    make_searcher: "Callable[[Space], Searcher]"
    roles: "Mapping[str, Role]"
    engines: "Mapping[str, Engine]"
    search_budget: "tuple[Amount, ...]"
    evaluation_budget: "tuple[Amount, ...]" = ()
    settings: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    make_agent: AgentMaker | None = None
    agent_model: str | None = None
    agent_sampling: Sampling = AGENT_SAMPLING
    concurrency: int = 64
    retries: "RetryPolicy | None" = None
    space_at: "Callable[[Lengths], Space] | None" = None
    names: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for budget in (*self.search_budget, *self.evaluation_budget):
            cost = self.pricing(budget.currency)
            reasons = [cost.can_price(model) for model in self.models]
            reason = next((r for r in reasons if r is not None), None)
            if reason is not None:
                raise BudgetRefused(f"the budget of {budget} cannot be kept: {reason}")

    @property
    def models(self) -> tuple[str, ...]:
        """All models that may be asked: those of graphs, the agent's, those that judge."""
        sinks = [sink.model for sink in self.space.sinks if sink.model is not None]
        speaker = [] if self.agent_model is None else [self.agent_model]
        return tuple(dict.fromkeys([*self.space.models, *sinks, *speaker, *judges_of(self.task)]))

    @property
    def graph_budget(self) -> "Amount":
        """Most a graph may be expected to spend on one question."""
        return self.space.budget

    def pricing(self, currency: "Currency") -> "CostModel":
        """What calls cost in a currency, also of models that only judge.

        Those are in the fleet and not in the space.
        """
        return replace(self.space.cost.in_currency(currency), fleet=self.fleet)

    @property
    def searcher_named(self) -> Mapping[str, Any]:
        """Name and options of the searcher."""
        named: Mapping[str, Any] | None = self.names.get("searcher")
        return named or {"name": self.make_searcher(self.space).name, "options": {}}

    def with_lengths(self, lengths: "Lengths") -> "Experiment":
        """The experiment planned with these token lengths.

        Raises:
            ConfigError: its searcher was given for this very space.
            BudgetRefused: at these lengths no graph fits the graph budget.
        """
        if self.space_at is None:
            raise ConfigError(
                "lengths can only be measured for a searcher given by name: it is made for what "
                "they turn out to be",
                where="evaluation.length_items",
            )
        return replace(self, space=self.space_at(lengths))

    def evidence(self, results: Sequence[ItemResult], *, planned: float) -> Evidence:
        """What results of one graph are worth, at this study's level and in its currency.

        Args:
            results: at most one an item.
            planned: expected cost of one question.
        """
        budget = self.graph_budget
        return gather(
            results,
            allowed=float(budget),
            planned=planned,
            currency=budget.currency,
            level=self.settings.level,
        )

    def identity(self) -> dict[str, Any]:
        """What must be equal for a run folder to be gone on with."""
        task = self.task
        return {
            "seed": self.seed,
            "task": {
                "name": task.name,
                "fingerprint": task.fingerprint,
                "profile": {"question": task.profile.question, "answer": task.profile.answer},
                "items": {split: len(items) for split, items in task.splits.items()},
                "grader": self.names.get("grader", {"name": task.grader.name, "options": None}),
            },
            "fleet": self.fleet.identity(),
            "space": self.space.to_json(),
            "searcher": self.searcher_named,
            "agent": self.names.get("agent"),
            "prompts": self.names.get("prompts"),
            "settings": self.settings.to_json(),
            "limits": {
                "search": [str(amount) for amount in self.search_budget],
                "evaluation": [str(amount) for amount in self.evaluation_budget],
            },
        }


def judges_of(task: Task) -> tuple[str, ...]:
    """The models that judge a task's answers; none where no model is asked."""
    return task.grader.models if isinstance(task.grader, AskingGrader) else ()
