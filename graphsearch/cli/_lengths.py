"""Token lengths of a task: those in use for expected costs, and those that can be measured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.records.tasks import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from graphsearch.cost import ModelLengths
    from graphsearch.engines.base import Engine
    from graphsearch.records.tasks import Task, TokenProfile

__all__ = ["Lengths", "measure"]

_MESSAGE_TOKENS = 4
"""What a chat template adds to a message, as a rule."""
_MOST = 2000
"""Questions that are counted."""


@dataclass(frozen=True, slots=True)
class Length:
    """A mean number of tokens, and how it was found; None where it was not."""

    tokens: float | None
    how: str

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {"tokens": self.tokens, "how": self.how}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Measured means: A of a question's prompt, B of an answer.

    Attributes:
        question: A, as far as it can be measured without a call.
        answer: B, likewise.
        sources: where the lengths in use come from, of question and answer.
        recorded: what an earlier run measured, by model.
    """

    question: Length
    answer: Length
    sources: tuple[str, str]
    recorded: "Mapping[str, ModelLengths]" = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "question": self.question.to_json(),
            "answer": self.answer.to_json(),
            "recorded": {name: asdict(lengths) for name, lengths in self.recorded.items()},
        }

    def rows(self, profile: "TokenProfile") -> list[tuple[str, str, str]]:
        """Rows of a table beside the lengths in use."""
        return [
            ("A in use", f"{profile.question:,}", self.sources[0]),
            ("  measured", _number(self.question), self.question.how),
            ("B in use", f"{profile.answer:,}", self.sources[1]),
            ("  measured", _number(self.answer), self.answer.how),
            *self._recorded(),
        ]

    def _recorded(self) -> Iterator[tuple[str, str, str]]:
        for name, lengths in self.recorded.items():
            how = f"recorded calls of {name}"
            yield "A recorded", f"{lengths.question:,}", how
            yield "B recorded", f"{lengths.answer:,}", how


def _number(length: Length) -> str:
    return "-" if length.tokens is None else f"{length.tokens:,.0f}"


def measure(
    task: "Task",
    worked: float | None,
    fleet: str | None,
    *,
    sources: tuple[str, str],
    run: Path | None = None,
) -> Lengths:
    """Measure what can be measured without a call.

    Args:
        task: the task; its prompts are those of a lone assistant.
        worked: mean tokens of worked answers in the task's files, None where it has none.
        fleet: a fleet, of whose tokenizers the first that can count is used.
        sources: where the lengths in use come from, of question and answer.
        run: folder of a finished run, whose lengths are shown too.

    Raises:
        StoreError: the run has no result.
        ConfigError: it measured no lengths, or there is no such fleet.
    """
    count, how = _counter(fleet)
    prompts = _prompts(task)
    total = sum(sum(count(text) + _MESSAGE_TOKENS for text in prompt) for prompt in prompts)
    if worked is None:
        answer = Length(None, "no worked answers in the file")
    else:
        answer = Length(worked, "mean of the worked answers in the file, 4 bytes a token")
    question = Length(total / len(prompts), how)
    return Lengths(question, answer, sources, _recorded(run))


def _recorded(run: Path | None) -> "Mapping[str, ModelLengths]":
    if run is None:
        return {}
    from graphsearch.study.lengths import lengths_of_run

    return dict(lengths_of_run(run).by_model)


def _prompts(task: "Task") -> list[list[str]]:
    from graphsearch.agents.roles import get_roles
    from graphsearch.records.roles import NodeContext, SpeakingRole

    assistant = get_roles(task.prompt_set).role("assistant")
    assert isinstance(assistant, SpeakingRole)
    items = [item for split in task.splits.values() for item in split][:_MOST]
    alone = NodeContext(in_degree=0, is_sink=True)
    return [[m.content for m in assistant.prompt(item, (), alone)] for item in items]


def _counter(fleet: str | None) -> tuple[Callable[[str], int], str]:
    if fleet is not None:
        from graphsearch.engines import engines_for
        from graphsearch.records.models import Fleet

        models = Fleet.load(fleet)
        for name, engine in engines_for(models, list(models.names)).items():
            if engine.count_tokens(name, "1") is not None:
                return _by(engine, name), f"mean of whole prompts, by the tokenizer of {name}"
    return _by_bytes, "mean of whole prompts, 4 bytes a token"


def _by(engine: "Engine", model: str) -> Callable[[str], int]:
    def count(text: str) -> int:
        found = engine.count_tokens(model, text)
        return _by_bytes(text) if found is None else found

    return count


def _by_bytes(text: str) -> int:
    return round(len(text.encode()) / BYTES_PER_TOKEN)
