"""A model as the judge: where no rule can tell a right answer from a wrong one."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from graphsearch.evaluators.graders.base import ReadsReplies
from graphsearch.evaluators.graders.judge_prompts import (
    VERSION,
    prompts,
    read_verdict,
    repair,
)
from graphsearch.records.calls import Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import NoVerdict, TaskError
from graphsearch.records.models import ModelSpec
from graphsearch.records.tasks import AskModel, Grader, Item, JudgeCall, LabelledAnswer, Verdict

__all__ = ["JudgeGrader"]

_UNDECIDED: Final = 0.5
_SHOWN: Final = 200


class JudgeGrader(ReadsReplies):
    """Asks a model whether an answer is right, twice, with the two answers in either order.

    Both times right: 1. Both times wrong: 0. Once each: the judge goes by the order and not by
    the answers, so the score is 0.5 and the reason says so; a third call would only let the order
    decide. A reply in another form than asked for is sent back once with what is wrong; the
    second bad one fails the grading, and the item is not evaluated.

    Args:
        model: a model of the fleet by name, or one of its own: a mapping as in a fleet's file.
        rubric: what makes an answer right, in words. Beside gold answers it explains them.
        reference: whether answers are compared with the item's gold answer; without it the rubric
            alone counts.
        reads: grader that reads answers for votes; models are not asked about those.
        reads_options: its options.
        max_tokens: most tokens of a reply; thinking models need more.
        longest: characters of an answer that the judge sees; the middle of a longer one is cut.
        labelled: file of answers judged by people; the judge's agreement with them is measured
            before a search begins.
        least_kappa: the search refuses to begin with a judge below this agreement (Cohen's kappa).
        accept: begin all the same.

    Attributes:
        reader: the grader that reads answers; all that a served graph needs.
        own_models: models of its own, which join the fleet without becoming part of the space.
    """

    name = "llm-judge"
    path_options: ClassVar[tuple[str, ...]] = ("labelled",)

    def __init__(
        self,
        *,
        model: str | dict[str, Any],
        rubric: str | None = None,
        reference: bool = True,
        reads: str = "exact",
        reads_options: dict[str, Any] | None = None,
        max_tokens: int = 512,
        longest: int = 8000,
        labelled: str | None = None,
        least_kappa: float = 0.6,
        accept: bool = False,
    ) -> None:
        where = "task.options.grader_options"
        if not reference and rubric is None:
            raise TaskError("without a reference it needs a rubric", where=f"{where}.rubric")
        if max_tokens < 16 or longest < 100:
            raise TaskError("needs max_tokens of 16 or more, longest of 100 or more", where=where)
        if not -1 <= least_kappa <= 1:
            raise TaskError(
                f"must be from -1 to 1, got {least_kappa}", where=f"{where}.least_kappa"
            )
        self.own_models: tuple[ModelSpec, ...] = ()
        if isinstance(model, str):
            self._model = model
        else:
            self.own_models = (ModelSpec.from_json(model, where=f"{where}.model"),)
            self._model = self.own_models[0].name
        self._rubric = rubric
        self._reference = reference
        if reads == self.name:
            raise TaskError("a judge cannot read answers for votes", where=f"{where}.reads")
        from graphsearch.evaluators.graders import get_grader  # which knows this module

        self.reader: Grader = get_grader(reads, **(reads_options or {}))
        self._sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
        self._longest = longest
        self._labelled = labelled
        self.least_kappa = least_kappa
        self.accept = accept

    # -- as any grader -------------------------------------------------------------------------

    def parse(self, item: Item, text: str) -> str | None:
        """The answer as the grader named by `reads` reads it."""
        return self.reader.parse(item, text)

    def claims(self, item: Item, text: str) -> bool | None:
        """As the grader named by `reads`."""
        return self.reader.claims(item, text)

    def grade(self, item: Item, text: str) -> Verdict:
        """Always raises: this grader needs calls of a model.

        Raises:
            TaskError: always; `judge` is what an executor awaits.
        """
        raise TaskError("the grader 'llm-judge' asks a model; let an executor run it")

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        if self._reference:
            self._gold(item)

    # -- as a judge ----------------------------------------------------------------------------

    @property
    def models(self) -> tuple[str, ...]:
        """The model that judges."""
        return (self._model,)

    def calls(self, item: Item) -> Sequence[JudgeCall]:
        """Two calls, and each once more when its reply cannot be read."""
        most = self._sampling.max_tokens or 0
        found = []
        for prompt in self._prompts(item, ""):
            again = repair(prompt, Reply("", Usage()), "no line holds a verdict and nothing else")
            # A fence lengthens an answer by a token a line at most, and a line has one of its own.
            found.append(JudgeCall(self._model, prompt, most, stretch=2))
            found.append(
                JudgeCall(self._model, again, most, stretch=2, more_prompt=most, is_spare=True)
            )
        return found

    async def judge(self, item: Item, text: str, ask: AskModel) -> Verdict:
        """Right, wrong, or undecided between the two orders."""
        parsed = self.parse(item, text)
        pair = [self._opinion(prompt, ask) for prompt in self._prompts(item, text)]
        found = await asyncio.gather(*pair, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        first, second = (bool(one) for one in found)
        said = {one: "right" if one else "wrong" for one in (True, False)}
        if first != second:
            reason = (
                f"judge {self._model}: undecided, {said[first]} in one order of the answers and "
                f"{said[second]} in the other"
            )
            return Verdict(_UNDECIDED, parsed=parsed, reason=reason)
        reason = f"judge {self._model}: {said[first]} in both orders"
        return Verdict(float(first), parsed=parsed, reason=reason)

    async def _opinion(self, prompt: tuple[Message, ...], ask: AskModel) -> bool:
        asked, reply = prompt, Reply("", Usage())
        found: bool | str = ""
        for _ in range(2):
            reply = await ask(self._model, asked, sampling=self._sampling, prompt_version=VERSION)
            found = read_verdict(reply)
            if isinstance(found, bool):
                return found
            asked = repair(prompt, reply, found)
        why = f"{self._model} gave no verdict, asked twice: {found}; "
        if reply.outcome is Outcome.TRUNCATED:
            most = self._sampling.max_tokens
            raise NoVerdict(f"{why}raise max_tokens ({most}) in the grader's options")
        said = " ".join(reply.text.split())[-_SHOWN:]
        raise NoVerdict(f"{why}take another model as the judge", said)

    def labelled(self, items: Mapping[str, Item]) -> Sequence[LabelledAnswer]:
        """Answers that people have judged, none where no file was named.

        Raises:
            TaskError: the file cannot be read, or a row cannot be used.
        """
        from graphsearch.evaluators.graders._labelled import read_labelled

        if self._labelled is None:
            return ()
        path = Path(self._labelled)
        found = read_labelled(path, items)
        for row in found:
            try:
                self.check(row.item)
            except TaskError as error:
                raise TaskError(str(error), where=str(path)) from None
        return found

    def _prompts(self, item: Item, text: str) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        gold = self._gold(item) if self._reference else None
        return prompts(
            item.question, text, reference=gold, rubric=self._rubric, longest=self._longest
        )

    @staticmethod
    def _gold(item: Item) -> str:
        gold = item.gold
        if (
            isinstance(gold, list)
            and gold
            and all(isinstance(one, str | int | float) for one in gold)
        ):
            return "\nor: ".join(str(one) for one in gold)
        text = gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)
        if gold is None or not text.strip():
            raise TaskError(f"item {item.id!r} has no gold answer to compare with")
        return text
