"""What a judge is worth: its agreement with people, measured before a search believes it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphsearch.records.errors import (
    BudgetReached,
    BudgetRefused,
    EngineError,
    NoVerdict,
    StudyStopped,
)
from graphsearch.records.tasks import AskingGrader, LabelledAnswer, LabelledGrader
from graphsearch.stats import wilson
from graphsearch.study.failures import ANEW, RESUME

if TYPE_CHECKING:
    from graphsearch.records.trials import ItemResult
    from graphsearch.study.study import Study

__all__ = ["Agreement", "agreement_of", "check_judge", "judge_part", "note_on_judge"]

_MARK = "judge"
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge against people on the same answers.

    Attributes:
        n: answers with a verdict; `failed` more had none for reasons of the infrastructure.
        agreed: verdicts equal to the label.
        undecided: verdicts that were neither right nor wrong; they agree with no label.
        false_right: wrong answers that were let pass; `false_wrong` right ones that were not.
        interval: of the share that agrees (Wilson), at `level`.
        kappa: agreement beyond chance (Cohen 1960), None where chance alone would explain all.
    """

    n: int
    agreed: int
    undecided: int
    false_right: int
    false_wrong: int
    failed: int
    interval: tuple[float, float]
    level: float
    kappa: float | None

    @property
    def share(self) -> float | None:
        """Share of the answers on which judge and people agree."""
        return self.agreed / self.n if self.n else None

    def to_json(self) -> dict[str, Any]:
        """All fields by name, and the share."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "interval": list(self.interval), "share": self.share}


def agreement_of(
    scores: Sequence[float | None], labels: Sequence[bool], *, level: float
) -> Agreement:
    """Compare scores with labels: above 0.5 is right, below is wrong, 0.5 is undecided.

    Args:
        scores: of the judge, None where there is no verdict.
        labels: of people, True for right.
        level: of the interval.
    """
    pairs = [
        (_word(score), _word(float(label)))
        for score, label in zip(scores, labels, strict=True)
        if score is not None
    ]
    seen = Counter(pairs)
    n = len(pairs)
    agreed = sum(count for (said, label), count in seen.items() if said == label)
    return Agreement(
        n=n,
        agreed=agreed,
        undecided=sum(count for (said, _), count in seen.items() if said == "undecided"),
        false_right=seen["right", "wrong"],
        false_wrong=seen["wrong", "right"],
        failed=len(scores) - n,
        interval=wilson(agreed, n, level=level),
        level=level,
        kappa=_kappa(seen, n),
    )


def _word(score: float) -> str:
    return "undecided" if score == 0.5 else "right" if score > 0.5 else "wrong"


def _kappa(seen: Counter[tuple[str, str]], n: int) -> float | None:
    """Cohen's kappa: (observed - by chance) / (1 - by chance)."""
    if not n:
        return None
    said: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for (word, label), count in seen.items():
        said[word] += count
        labels[label] += count
    chance = sum(said[word] * labels[word] for word in labels) / n**2
    observed = sum(count for (word, label), count in seen.items() if word == label) / n
    return None if chance == 1 else (observed - chance) / (1 - chance)


async def check_judge(study: "Study") -> None:
    """Measure a judge on its labelled sample, once a study; refuse one that is below its floor.

    Raises:
        StudyStopped: it agrees too little with people, or too many of its calls failed.
        BudgetRefused: the budget does not cover the sample.
    """
    grader = study.parts.task.grader
    if not isinstance(grader, LabelledGrader):
        return
    found = study.store.get_checkpoint(_MARK)
    if found is None:
        sample = grader.labelled(_open_items(study))
        found = (await _measure(study, sample)).to_json() if sample else {}
        study.store.put_checkpoint(_MARK, found)
    kappa = found.get("kappa")
    if found and not grader.accept and (kappa is None or kappa < grader.least_kappa):
        raise StudyStopped(
            f"{_sentence(grader, found)} That is below the floor of {grader.least_kappa:g} "
            "(least_kappa): take a better judge, give it a rubric, or search with it all the same "
            "(accept: true in the grader's options), each in a new folder"
        )


def _open_items(study: "Study") -> dict[str, Any]:
    """Items that may be seen before the test: those of the other splits."""
    splits = study.parts.task.splits
    return {item.id: item for name in ("search", "selection") for item in splits[name]}


async def _measure(study: "Study", sample: Sequence[LabelledAnswer]) -> Agreement:
    scores: list[float | None] = []
    causes: Counter[tuple[bool, str]] = Counter()
    for start in range(0, len(sample), _AT_ONCE):
        part = sample[start : start + _AT_ONCE]
        scores += await asyncio.gather(*(_score(study, row, causes) for row in part))
    found = agreement_of(scores, [row.right for row in sample], level=study.parts.settings.level)
    allowed = study.parts.settings.infra_share * len(sample)
    if found.failed > allowed:
        # What lasts is named first where it alone is too much: nothing else would help.
        lasts = sum(times for (lasting, _), times in causes.items() if lasting) > allowed
        told = [(-times, why) for (lasting, why), times in causes.items() if lasting or not lasts]
        times, cause = min(told)
        raise StudyStopped(
            f"the judge gave no verdict on {found.failed} of its {len(sample)} labelled answers "
            f"({-times} times: {cause}); {ANEW if lasts else RESUME}"
        )
    return found


async def _score(
    study: "Study", row: LabelledAnswer, causes: Counter[tuple[bool, str]]
) -> float | None:
    try:
        verdict = await study.executor.verdict(row.item, row.answer, account="search")
    except EngineError as error:
        causes[error.lasts, error.why if isinstance(error, NoVerdict) else str(error)] += 1
        return None
    except BudgetReached as error:
        message = f"the search budget does not cover the judge's labelled sample: {error}"
        raise BudgetRefused(message) from error
    return verdict.score


def judge_part(study: "Study", results: Sequence["ItemResult"]) -> dict[str, Any] | None:
    """What `result.json` says of the judge; None where no model judges.

    Args:
        study: that ended.
        results: all graded answers that the study keeps.
    """
    grader = study.parts.task.grader
    if not isinstance(grader, AskingGrader):
        return None
    graded = [result.score for result in results if result.score is not None]
    return {
        "grader": grader.name,
        "models": list(grader.models),
        "answers": len(graded),
        "undecided": sum(score == 0.5 for score in graded),
        "agreement": study.store.get_checkpoint(_MARK) or None,
    }


def note_on_judge(study: "Study") -> str:
    """What a reader must know of the judge, "" where no model judges."""
    grader = study.parts.task.grader
    if not isinstance(grader, AskingGrader):
        return ""
    found = study.store.get_checkpoint(_MARK)
    if not found:
        models = ", ".join(grader.models)
        return (
            f"Answers were judged by {models}; how often it agrees with people was not measured "
            "(give a labelled sample)."
        )
    return _sentence(grader, found)


def _sentence(grader: AskingGrader, found: dict[str, Any]) -> str:
    low, high = found["interval"]
    share = "?" if found["share"] is None else f"{100 * found['share']:.1f} %"
    kappa = "not defined" if found["kappa"] is None else f"{found['kappa']:.2f}"
    return (
        f"The judge {', '.join(grader.models)} agrees with people on {share} of {found['n']} "
        f"labelled answers ({100 * low:.1f} to {100 * high:.1f}; kappa {kappa}; "
        f"{found['false_right']} wrong ones let pass, {found['false_wrong']} right ones refused, "
        f"{found['undecided']} undecided)."
    )
