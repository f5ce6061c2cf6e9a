"""Token lengths of a task: those in use for expected costs, and those that can be measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.records.tasks import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from graphsearch.cost import ModelLengths
    from graphsearch.records.tasks import Task, TokenProfile

__all__ = ["Lengths", "measure"]

_MESSAGE_TOKENS = 4
"""What a chat template adds to a message, as a rule."""
_MOST = 2000
"""Questions that are counted."""


class Length(NamedTuple):
    """A mean number of tokens, and how it was found; None where it was not."""

    tokens: float | None
    how: str


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
            "question": self.question._asdict(),
            "answer": self.answer._asdict(),
            "recorded": {name: asdict(lengths) for name, lengths in self.recorded.items()},
        }

    def rows(self, profile: "TokenProfile") -> list[tuple[str, str, str]]:
        """Rows of a table: the lengths in use, and those measured."""
        rows = []
        in_use = (profile.question, profile.answer)
        found = zip("AB", in_use, self.sources, (self.question, self.answer), strict=True)
        for letter, used, source, (tokens, how) in found:
            rows.append((f"{letter} in use", f"{used:,}", source))
            rows.append(("  measured", "-" if tokens is None else f"{tokens:,.0f}", how))
        for name, lengths in self.recorded.items():
            how = f"recorded calls of {name}"
            rows.append(("A recorded", f"{lengths.question:,}", how))
            rows.append(("B recorded", f"{lengths.answer:,}", how))
        return rows


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
    from graphsearch.agents.roles import get_roles
    from graphsearch.engines import engines_for
    from graphsearch.records.models import Fleet
    from graphsearch.records.roles import NodeContext, SpeakingRole
    from graphsearch.study.result import lengths_of_run

    how, tokenizer = "mean of whole prompts, 4 bytes a token", None
    models = None if fleet is None else Fleet.load(fleet)
    engines = {} if models is None else engines_for(models, list(models.names))
    for name, engine in engines.items():
        if engine.count_tokens(name, "1") is not None:
            how, tokenizer = f"mean of whole prompts, by the tokenizer of {name}", (engine, name)
            break

    def count(text: str) -> int:
        found = None if tokenizer is None else tokenizer[0].count_tokens(tokenizer[1], text)
        return round(len(text.encode()) / BYTES_PER_TOKEN) if found is None else found

    assistant = get_roles(task.prompt_set).role("assistant")
    assert isinstance(assistant, SpeakingRole)
    items = [item for split in task.splits.values() for item in split][:_MOST]
    alone = NodeContext(in_degree=0, is_sink=True)
    prompts = [assistant.prompt(item, (), alone) for item in items]
    total = sum(count(m.content) + _MESSAGE_TOKENS for prompt in prompts for m in prompt)
    answer = Length(worked, "mean of the worked answers in the file, 4 bytes a token")
    if worked is None:
        answer = Length(None, "no worked answers in the file")
    recorded = {} if run is None else dict(lengths_of_run(run).by_model)
    return Lengths(Length(total / len(prompts), how), answer, sources, recorded)
