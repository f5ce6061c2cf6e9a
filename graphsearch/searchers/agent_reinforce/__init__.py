"""agent-reinforce: REINFORCE over graphs, with credits, a surrogate and words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.searchers.agent_reinforce._options import PRESETS, Options, Preset
from graphsearch.searchers.agent_reinforce._searcher import AgentReinforceSearcher

if TYPE_CHECKING:
    from graphsearch.space import Space

__all__ = ["PRESETS", "AgentReinforceSearcher", "Options", "Preset", "make"]


def make(
    space: "Space", *, seed: int, options: Mapping[str, Any], folder: Path | None = None
) -> AgentReinforceSearcher:
    """From options: those of `Options`, and `preset` (`published`)."""
    del folder
    return AgentReinforceSearcher(
        space, seed=seed, options=Options.read(options), preset=options.get("preset") or ""
    )
