"""An agent that says what it was told to say: for tests and for replaying a search."""

from collections.abc import Callable, Sequence
from typing import Any

from graphsearch.agents.search.registry import Complete
from graphsearch.records.errors import ConfigError
from graphsearch.searchers.base import Advice, AgentView, Edit
from graphsearch.searchers.options import read_options

__all__ = ["ScriptedAgent", "make"]


class ScriptedAgent:
    """Advises from a list, one entry a round, or from a function of the view.

    A list that has run out brings None, as an agent does that failed to answer.
    """

    name = "scripted"

    def __init__(
        self, script: Sequence[Advice | None] | Callable[[AgentView], Advice | None]
    ) -> None:
        self._script = script
        self.views: list[AgentView] = []

    async def advise(self, view: AgentView) -> Advice | None:
        """The next entry of the script."""
        self.views.append(view)
        if callable(self._script):
            return self._script(view)
        position = len(self.views) - 1
        return self._script[position] if position < len(self._script) else None


def make(options: dict[str, Any], complete: Complete | None) -> ScriptedAgent:
    """From options: `advice`, a list of `{edits: {target: delta}, summary}`."""
    del complete  # speaks through no model
    entries = read_options("agent scripted", options, advice=[])["advice"]
    if not isinstance(entries, list):
        raise ConfigError("must be a list of advice", where="agent.options.advice")
    script = []
    for number, entry in enumerate(entries):
        edits = entry.get("edits", {}) if isinstance(entry, dict) else None
        if not isinstance(edits, dict):
            raise ConfigError(
                "must look like {edits: {'1->sink': 0.5}, summary: ...}",
                where=f"agent.options.advice[{number}]",
            )
        told = tuple(Edit(str(target), float(delta)) for target, delta in edits.items())
        script.append(Advice(edits=told, summary=str(entry.get("summary", ""))))
    return ScriptedAgent(script)
