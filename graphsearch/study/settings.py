"""How a study evaluates: numbers that belong to the configuration."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from graphsearch.records.errors import ConfigError

__all__ = ["BASELINES", "BaselineKind", "Settings"]

BaselineKind = Literal["single", "sampled", "self_consistency", "select", "best_of_n", "fuser"]
BASELINES: tuple[BaselineKind, ...] = get_args(BaselineKind)

_LEAST = {
    "per_round": 1,
    "incumbents": 0,
    "length_items": 0,
    "search_items": 1,
    "calibration_items": 1,
    "rounds": 1,
    "patience": 1,
    "finalists": 1,
    "selection_items": 0,
    "test_items": 0,
    "min_test_items": 0,
    "test_block": 1,
    "most_copies": 2,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Evaluation settings of a study.

    Attributes:
        per_round: graphs asked of the searcher per round.
        blocks: items of each block of a race; a round has as many items as their sum.
        incumbents: best graphs so far that run again in every race.
        race_alpha: probability, per round and graph, of stopping it wrongly.
        length_items: questions on which token lengths are measured before the search plans with
            them; 0: none, the task's own lengths hold; None: 8 where those are only estimated.
        search_items: items of the search split that races use; the window over them wraps around.
        rounds: most rounds, None for no limit.
        patience: rounds without a better lower bound that end the search, None for no limit.
        seconds: wall time that ends the search, None for no limit (makes a result depend on time).
        calibration_items: items of the search split on which fitted parts of graphs (thresholds,
            weights) are worked out, once for each graph.
        infra_share: share of infrastructure failures above which the study stops.
        finalists: graphs that meet on the selection split.
        selection_items: items they meet on.
        test_items: items of the sealed test, as long as the budget affords them.
        min_test_items: fewest test items a quote accepts without a warning.
        test_block: items admitted at once in selection and test.
        reserve: share of the search budget kept for selection, test and baselines.
        level: level of every interval.
        baselines: kinds of plain alternatives to measure; empty: none.
        most_copies: most answers a baseline draws, however cheap they are.
        winner: `best` (of the finalists) or `last` (last graph proposed, as published).
    """

    per_round: int = 8
    blocks: tuple[int, ...] = (8, 16, 32)
    incumbents: int = 2
    race_alpha: float = 0.1
    length_items: int | None = None
    search_items: int = 168
    calibration_items: int = 100
    rounds: int | None = 40
    patience: int | None = None
    seconds: float | None = None
    infra_share: float = 0.2
    finalists: int = 5
    selection_items: int = 200
    test_items: int = 500
    min_test_items: int = 50
    test_block: int = 50
    reserve: float = 0.5
    level: float = 0.95
    baselines: tuple[BaselineKind, ...] = BASELINES
    most_copies: int = 32
    winner: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        self._check_types()
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"must be at least {least}, got {value}", where=name)
        if not self.blocks or min(self.blocks) < 1:
            raise ConfigError(f"must hold sizes of 1 or more, got {self.blocks}", where="blocks")
        for name in ("race_alpha", "infra_share", "level"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"must lie between 0 and 1, got {getattr(self, name)}", where=name
                )
        if not 0 <= self.reserve < 1:
            raise ConfigError(f"must be from 0 to below 1, got {self.reserve}", where="reserve")
        if self.winner not in ("best", "last"):
            raise ConfigError(f"must be best or last, got {self.winner!r}", where="winner")
        unknown = sorted(set(self.baselines) - set(BASELINES))
        if unknown:
            known = ", ".join(BASELINES)
            raise ConfigError(f"{unknown[0]!r} is none of {known}", where="baselines")

    def _check_types(self) -> None:
        wholes = {name: getattr(self, name) for name in _LEAST}
        shares = {n: getattr(self, n) for n in ("race_alpha", "infra_share", "reserve", "level")}
        for name, value in {**wholes, **shares, "seconds": self.seconds}.items():
            may_be_none = name in {"rounds", "patience", "seconds", "length_items"}
            kinds = (int,) if name in wholes else (int, float)
            if (value is None and may_be_none) or type(value) in kinds:
                continue
            words = "a whole number" if name in wholes else "a number"
            raise ConfigError(f"must be {words}, got {value!r}", where=name)
        for name in ("blocks", "baselines"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise ConfigError(f"must be a tuple, got {value!r}", where=name)
        if not all(type(block) is int for block in self.blocks):
            raise ConfigError(f"must hold whole numbers, got {self.blocks}", where="blocks")

    @property
    def window(self) -> int:
        """Items of one round."""
        return sum(self.blocks)

    def to_json(self) -> dict[str, Any]:
        """All settings, tuples as lists."""
        plain = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Settings":
        """Settings from JSON; raises `ConfigError` for a name it does not know."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown setting; known are {', '.join(sorted(known))}", where=unknown[0]
            )
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**given)
