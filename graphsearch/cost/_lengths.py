"""Token lengths by model: what A and B of the cost formula really are, as measured on calls.

Tokenizers differ, so A does; verbosity differs, so B does, and it differs between an answer to a
plain question and one that has read others. A plan that takes one A and one B for all of a fleet
gives every model the same length, and is wrong about which team is cheap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from graphsearch.records.errors import ConfigError

__all__ = ["Lengths", "ModelLengths"]


@dataclass(frozen=True, slots=True)
class ModelLengths:
    """Mean lengths of one model on one task, in its own tokens.

    Attributes:
        question: prompt of a call without parents (A).
        answer: its reply (B).
        heard: what one parent's message adds to a prompt.
        reading: the reply of a call with parents.
        calls: calls without parents that were measured; 0: taken over from other models.
        reading_calls: the same of calls with parents.
    """

    question: int
    answer: int
    heard: int
    reading: int
    calls: int = 0
    reading_calls: int = 0

    def __post_init__(self) -> None:
        for name in ("question", "answer", "heard", "reading"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"must be a whole number above 0, got {value!r}", where=name)

    def of_call(self, in_degree: int) -> tuple[int, int]:
        """Expected prompt and reply tokens of a call that reads `in_degree` messages.

        A reader that writes less than it would without parents is taken to write as much: sampling
        under a budget is exact because costs never fall when a graph grows.
        """
        written = max(self.reading, self.answer) if in_degree else self.answer
        return self.question + in_degree * self.heard, written


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of the models of a fleet.

    Attributes:
        by_model: name and lengths of each model, sorted by name.
    """

    by_model: tuple[tuple[str, ModelLengths], ...]

    @classmethod
    def of(cls, models: Mapping[str, ModelLengths]) -> "Lengths":
        """From a mapping."""
        return cls(tuple(sorted(models.items())))

    def get(self, model: str) -> ModelLengths | None:
        """The lengths of a model, None where nothing is known of it."""
        return next((lengths for name, lengths in self.by_model if name == model), None)

    def covering(self, models: Iterable[str]) -> "Lengths":
        """These, and for models that were not measured the rounded mean of those that were."""
        known = dict(self.by_model)
        if not known:
            return self
        mean = ModelLengths(
            *(
                round(sum(getattr(one, name) for one in known.values()) / len(known))
                for name in ("question", "answer", "heard", "reading")
            )
        )
        return Lengths.of({**dict.fromkeys(models, mean), **known})

    def to_json(self) -> dict[str, dict[str, int]]:
        """Fields of each model, by name."""
        return {name: asdict(lengths) for name, lengths in self.by_model}

    @classmethod
    def from_json(cls, values: Any, *, where: str = "lengths") -> "Lengths":
        """What `to_json` wrote.

        Raises:
            ConfigError: it is something else.
        """
        known = {field.name for field in fields(ModelLengths)}
        if not isinstance(values, Mapping):
            raise ConfigError(f"expected a mapping of models, got {values!r}", where=where)
        found = {}
        for name, told in values.items():
            if not isinstance(told, Mapping) or not set(told) <= known:
                raise ConfigError(
                    f"expected {', '.join(sorted(known))}, got {told!r}", where=f"{where}.{name}"
                )
            try:
                found[str(name)] = ModelLengths(**told)
            except (TypeError, ConfigError) as error:
                raise ConfigError(str(error), where=f"{where}.{name}") from None
        return cls.of(found)
