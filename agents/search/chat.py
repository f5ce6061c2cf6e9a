"""An agent that asks a chat model.

The model is behind `complete`, which the study gives: it picks the engine, keeps the journal and
books the cost on the account `agent`. A bad reply is answered once with what is wrong; what is
still bad then is dropped and counted. Model output never raises.
"""

import json
from pathlib import Path
from typing import Any

from graphsearch.agents.search.registry import Complete
from graphsearch.agents.search.schema import Reading, read_advice
from graphsearch.agents.templates import Templates
from graphsearch.records.calls import Message, Outcome
from graphsearch.records.errors import ConfigError, EngineError
from graphsearch.searchers.base import Advice, AgentView
from graphsearch.searchers.options import read_options

__all__ = ["ChatAgent", "make"]

PROMPTS = Path(__file__).parent.parent / "prompts" / "search"
ENTRIES_SHOWN = 5
TRANSCRIPT_CHARACTERS = 1200


class ChatAgent:
    """Shows the view to a chat model and reads its JSON.

    Attributes:
        counts: what happened so far: `asked`, `repaired` (good after the second try), `failed` (no
            advice), `dropped` (bad edits or graphs inside advice that was used), `unavailable`
            (no reply at all).
    """

    name = "chat"

    def __init__(self, complete: Complete, *, prompts: Path = PROMPTS, graphs: int = 2) -> None:
        """Reads the prompt files.

        Args:
            complete: sends messages to the model.
            prompts: folder with `system.jinja`, `user.jinja` and `repair.jinja`.
            graphs: most graphs the model may propose a round.

        Raises:
            ConfigError: a prompt file is missing or no valid template.
        """
        self._complete = complete
        self._graphs = graphs
        self._templates = Templates(prompts, {})
        for name in ("system", "user", "repair"):
            self._templates.get(f"{name}.jinja")
        self.counts = dict.fromkeys(("asked", "repaired", "failed", "dropped", "unavailable"), 0)

    async def advise(self, view: AgentView) -> Advice | None:
        """Ask; on a bad reply ask once more with the error; None when both are bad."""
        self.counts["asked"] += 1
        messages = self._messages(view)
        try:
            first = await self._read(messages, view)
            if not first.problems:
                return first.advice
            asked = self._text("repair", {"problems": first.problems})
            said = Message("assistant", first.raw or "(nothing)")
            second = await self._read([*messages, said, Message("user", asked)], view)
        except EngineError:
            # An unreachable agent costs its advice, never the search (design/searchers).
            self.counts["unavailable"] += 1
            return None
        if second.advice is None:
            self.counts["failed"] += 1
            return None
        self.counts["repaired"] += 1
        self.counts["dropped"] += len(second.problems)
        return second.advice

    async def _read(self, messages: list[Message], view: AgentView) -> Reading:
        reply = await self._complete(messages)
        if reply.outcome is not Outcome.ANSWERED:
            return Reading(None, (f"the reply was {reply.outcome.value}",), raw=reply.text)
        return read_advice(reply.text, view.table, most_graphs=self._graphs)

    def _messages(self, view: AgentView) -> list[Message]:
        failures = [json.dumps(one, ensure_ascii=False) for one in view.failures[:ENTRIES_SHOWN]]
        most = TRANSCRIPT_CHARACTERS
        shown = {
            "view": view,
            "best": view.best[:ENTRIES_SHOWN],
            "worst": view.worst[:ENTRIES_SHOWN],
            "failures": [f if len(f) <= most else f"{f[:most]} ..." for f in failures],
            "graphs": self._graphs,
        }
        return [Message(role, self._text(role, shown)) for role in ("system", "user")]

    def _text(self, name: str, values: dict[str, Any]) -> str:
        said = self._templates.render(f"{name}.jinja", values)
        return "\n\n".join(message.content for message in said)


def make(options: dict[str, Any], complete: Complete | None) -> ChatAgent:
    """From options: `prompts` (a folder) and `graphs` (most graphs a round).

    Raises:
        ConfigError: no `complete`, or a bad option.
    """
    if complete is None:
        raise ConfigError("the chat agent needs a model; name one", where="agent.model")
    chosen = read_options("agent chat", options, prompts=str(PROMPTS), graphs=2)
    return ChatAgent(complete, prompts=Path(chosen["prompts"]), graphs=chosen["graphs"])
