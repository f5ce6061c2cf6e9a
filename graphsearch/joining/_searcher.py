"""Who proposes graphs, who advises, and how a record names them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphsearch.joining._given import Given
from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import Cancelled
from graphsearch.records.tasks import Task
from graphsearch.searchers.base import Agent, Searcher
from graphsearch.study.experiment import AgentMaker, Complete

if TYPE_CHECKING:
    from graphsearch.agents.roles import RoleSet
    from graphsearch.space import Space

__all__ = ["agent_of", "names_of", "searcher_of"]


def searcher_of(given: Given, space: "Space") -> Searcher:
    """The searcher; one that was given is taken as it is.

    Raises:
        ConfigError: there is none of that name, or it does not take an option.
    """
    from graphsearch.searchers import make_searcher

    if not isinstance(given.searcher, str):
        return given.searcher
    options = dict(given.searcher_options or {})
    return make_searcher(
        given.searcher, space, seed=given.seed, options=options, folder=given.folder
    )


def agent_of(given: Given) -> tuple[str | None, AgentMaker | None]:
    """The model an agent speaks with, and how to make it.

    Raises:
        ConfigError: there is none of that name, or it does not take an option.
    """
    from graphsearch.agents.search import make_agent

    agent = given.agent
    if agent is None:
        return None, None
    if not isinstance(agent, str):
        return None, lambda complete: agent
    rest = dict(given.agent_options or {})
    model = rest.pop("model", None)

    def make(complete: Complete) -> Agent:
        return make_agent(agent, options=rest, complete=complete if model is not None else None)

    make(_nobody)  # a wrong name or option is said now, not after the first round
    return model, make


async def _nobody(messages: Sequence[Message]) -> Reply:
    raise Cancelled("an agent must not speak before there is a study")


def names_of(given: Given, task: Task, roles: "RoleSet") -> Mapping[str, Any]:
    """What the record of a study calls its parts: `Experiment.names`."""
    from graphsearch.evaluators.graders import grader_recipe

    return {
        "searcher": _named(given.searcher, given.searcher_options),
        "agent": None if given.agent is None else _named(given.agent, given.agent_options),
        "grader": grader_recipe(task.grader) or {"name": task.grader.name, "options": None},
        "prompts": roles.version,
        "prompt_set": roles.prompts.name,
    }


def _named(part: Any, options: Mapping[str, Any] | None) -> dict[str, Any]:
    name = part if isinstance(part, str) else str(getattr(part, "name", type(part).__name__))
    return {"name": name, "options": dict(options or {})}
