"""Options of engines: what a fleet says of a model that its engine alone understands.

An engine declares a pydantic model of its options, and a fleet has them checked by it, whoever
brings the engine:

    class MyOptions(EngineOptions):
        speed: int = 1

    class MyEngine:
        Options = MyOptions

        @classmethod
        def for_models(cls, specs):
            return cls([MyOptions.of(spec).speed for spec in specs])

    models:
      - name: small
        engine: mine
        options: {speed: 11}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from graphsearch.records.errors import FleetError
from graphsearch.records.fields import read
from graphsearch.registry import Registry

if TYPE_CHECKING:
    from graphsearch.records.models import ModelSpec

__all__ = ["ENGINES", "EngineOptions", "options_kind", "options_of"]

ENGINES: Final[Registry[Any]] = Registry(
    "graphsearch.engines",
    {
        "embedded": "graphsearch.engines.embedded.engine:EmbeddedEngine",
        "faulty": "graphsearch.engines.faulty:FaultyEngine",
        "http": "graphsearch.engines.http:HttpEngine",
        "litellm": "graphsearch.engines.litellm:LitellmEngine",
        "replay": "graphsearch.engines.replay:ReplayEngine",
        "scripted": "graphsearch.engines.scripted:ScriptedEngine",
        "vllm": "graphsearch.engines.vllm.engine:VllmEngine",
        "vllm-sleep": "graphsearch.engines.vllm.turns:SleepingServers",
    },
    kind="engine",
    error=FleetError,
    where="engine",
    unknown="there is no {kind} {name!r}; known are {known}",
)
"""The class, or the maker, of each engine; a model names its engine in its fleet."""


class EngineOptions(BaseModel):
    """Base of an engine's options, and of blocks in them.

    Values are JSON where they are written; null counts as left out. An engine whose options say
    nothing about replies, or hold paths, or may run code, overrides the methods below.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None}

    @classmethod
    def of(cls, spec: "ModelSpec") -> Self:
        """The options of a model, with paths relative to the folder of its fleet's file.

        Raises:
            FleetError: with the path to the bad value.
        """
        found = read(cls, spec.options, f"model {spec.name}: options", error=FleetError)
        return found if spec.home is None else found.at(Path(spec.home))

    def at(self, home: Path) -> Self:
        """The same, with paths relative to a folder."""
        del home
        return self

    def absolute(self) -> Self:
        """The same, with paths that hold in any folder."""
        return self

    def identity(self) -> dict[str, Any]:
        """What of it may change replies, as JSON: a search with other such options is another."""
        return self.to_json()

    def may_run_code(self) -> tuple[str, ...]:
        """What of it may run code in this process, in words; a bundle from elsewhere is asked."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """What was told, as JSON; what was not is left out."""
        return self.model_dump(mode="json", exclude_unset=True)


def options_kind(engine: str) -> type[EngineOptions] | None:
    """What the options of an engine must be; None where no such engine is installed."""
    if engine not in ENGINES:
        return None
    kind: type[EngineOptions] = getattr(ENGINES.find(engine), "Options", EngineOptions)
    return kind


def options_of(spec: "ModelSpec") -> EngineOptions | None:
    """The options of a model as its engine understands them; None where it is not installed.

    Raises:
        FleetError: the engine takes no options, or not such.
    """
    kind = options_kind(spec.engine)
    return None if kind is None else kind.of(spec)
