"""What `optimize` was given, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from graphsearch.arguments import check_arguments
from graphsearch.records.errors import ConfigError
from graphsearch.records.tasks import Task, TokenProfile
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.study.settings import Settings

if TYPE_CHECKING:
    from graphsearch.cost import Amount, Lengths
    from graphsearch.engines.base import Engine
    from graphsearch.execution import RetryPolicy
    from graphsearch.prices import PriceList
    from graphsearch.records.models import Fleet
    from graphsearch.space import Space

__all__ = ["Budgets", "Given", "read_arguments"]

Budgets: TypeAlias = "str | Amount | Sequence[str | Amount]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The arguments of `optimize`, none of them as a configuration writes it any more.

    `folder` is the run folder, None where there is none; the others are told of there.
    """

    task: str | Path | Task
    fleet: "str | Path | Fleet"
    graph_budget: "str | Amount"
    search_budget: Budgets
    prices: "str | Path | PriceList | None" = None
    evaluation_budget: "Budgets | None" = None
    space: "Space | Mapping[str, Any] | None" = None
    searcher: str | Searcher = "agent-reinforce"
    searcher_options: Mapping[str, Any] | None = None
    agent: str | Agent | None = "rules"
    agent_options: Mapping[str, Any] | None = None
    task_options: Mapping[str, Any] | None = None
    prompt_set: str | Path | None = None
    profile: TokenProfile | None = None
    lengths: "Lengths | str | Path | None" = None
    engines: "Mapping[str, Engine] | None" = None
    settings: Settings | None = None
    seed: int = 0
    concurrency: int | None = None
    retries: "RetryPolicy | None" = None
    folder: Path | None = None


_AS_IN_A_FILE = ("task", "fleet", "profile", "searcher", "agent", "settings", "retries")
"""Arguments that may be mappings, written as in a configuration."""


def read_arguments(arguments: Mapping[str, Any]) -> Given:
    """The arguments, taken apart where they are written as in a configuration, and checked.

    Raises:
        TypeError: one is unknown, or one is missing.
        ConfigError: one is not of the kind it should be.
    """
    _check_names(arguments)
    told = dict(arguments)
    if any(isinstance(told.get(name), Mapping) for name in (*_AS_IN_A_FILE, "space")):
        from graphsearch.config import taken_apart

        told = taken_apart(told)
    check_arguments(told)
    concurrency = told.get("concurrency")
    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"must be at least 1, got {concurrency}", where="concurrency")
    return Given(**told)


def _check_names(arguments: Mapping[str, Any]) -> None:
    known = {field.name: field.default is MISSING for field in fields(Given)}
    strange = next((name for name in arguments if name not in known), None)
    if strange is not None:
        raise TypeError(f"there is no argument {strange!r}; there are {', '.join(known)}")
    missing = [name for name, is_needed in known.items() if is_needed and name not in arguments]
    if missing:
        raise TypeError(f"the argument {missing[0]!r} is missing")
