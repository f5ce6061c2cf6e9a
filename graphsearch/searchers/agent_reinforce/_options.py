"""Options of agent-reinforce, and its presets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from graphsearch.records.errors import ConfigError
from graphsearch.searchers.options import read_options

__all__ = ["PRESETS", "Options", "Preset"]

WORDS = ("trust", "full", "off")
OWNER = "searcher agent-reinforce"


@dataclass(frozen=True, slots=True)
class Options:
    """What agent-reinforce can be told.

    Attributes:
        learning_rate: length of a numeric step, before the clip to `max_kl`.
        max_kl: most that one numeric step moves the distribution, in nats.
        max_kl_words: the same for one piece of advice.
        floor: no choice gets less likely than this (before masks).
        batch: graphs to learn from at a time, where a study asks for one at a time.
        starts: most plain graphs (each model alone, votes, readers of copies) tried first.
        pool: graphs drawn and screened for each batch; 0 proposes plain samples.
        mutants: share of the pool that is a small change of a good graph.
        explore: share of proposals that are plain samples whatever the surrogate says.
        mode_every: rounds between proposals of the likeliest graph; 0: never.
        numbers: whether scores move the distribution.
        credit: weight of the paired credits in a numeric step; 0: none.
        words: `trust` (advice counts as far as it proved right), `full` (as said), `off`.
        max_edit: most that one edit may change a log-odds.
        agent_graphs: most graphs of the agent tried a round.
        repeats: propose a graph again that was proposed before.
    """

    learning_rate: float = 1.0
    max_kl: float = 0.5
    max_kl_words: float = 1.0
    floor: float = 0.01
    batch: int = 16
    starts: int = 16
    pool: int = 32
    mutants: float = 0.5
    explore: float = 0.15
    mode_every: int = 4
    numbers: bool = True
    credit: float = 0.5
    words: str = "trust"
    max_edit: float = 2.0
    agent_graphs: int = 2
    repeats: bool = False

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Options":
        """Options over those of the preset that `preset` names, over the defaults.

        Raises:
            ConfigError: an unknown option, preset or value.
        """
        rest = dict(given)
        name = rest.pop("preset", None)
        name = "default" if name is None else name
        if name not in PRESETS:
            _refuse("preset", f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
        preset = PRESETS[name]
        defaults = {f.name: f.default for f in fields(cls)}
        chosen = read_options(OWNER, {**preset.options, **rest}, preset=None, **defaults)
        del chosen["preset"]
        options = cls(**chosen)
        options.check()
        return options

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            ConfigError: with the path to the value.
        """
        if self.words not in WORDS:
            _refuse("words", f"must be one of {', '.join(WORDS)}, not {self.words!r}")
        for name in ("mutants", "explore"):
            if not 0 <= getattr(self, name) <= 1:
                _refuse(name, f"must lie in [0, 1], not {getattr(self, name)}")
        if not 0 <= self.floor < 0.5:
            _refuse("floor", f"must lie in [0, 0.5), not {self.floor}")
        for name in ("learning_rate", "max_kl", "max_kl_words", "max_edit"):
            if not getattr(self, name) > 0:
                _refuse(name, f"must be above 0, not {getattr(self, name)}")
        for name in ("batch", "starts", "pool", "mode_every", "agent_graphs"):
            least = 1 if name == "batch" else 0
            if getattr(self, name) < least:
                _refuse(name, f"must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of options.

    Attributes:
        options: options of the searcher.
        study: settings of the evaluation that belong to it; a searcher cannot choose these itself.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    study: Mapping[str, Any] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    "default": Preset(),
    # What the paper's public code does: one graph a round, its agent's new table and next graph
    # taken as they are, no numeric step, and the last graph returned.
    "published": Preset(
        options={
            "numbers": False,
            "credit": 0.0,
            "words": "full",
            "starts": 0,
            "pool": 0,
            "explore": 1.0,
            "mode_every": 0,
            "floor": 0.0,
            "agent_graphs": 1,
            "batch": 1,
            "repeats": True,
        },
        study={"rounds": 10, "per_round": 1, "blocks": (3,), "incumbents": 0, "winner": "last"},
    ),
}


def _refuse(name: str, message: str) -> None:
    raise ConfigError(message, where=f"searcher.options.{name}")
