"""How far a model that judges agrees with people on the same answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsearch.records.tasks import AskingGrader, Grader
from graphsearch.records.trials import ItemResult
from graphsearch.stats import wilson
from graphsearch.study.asjson import AsJson

__all__ = ["Agreement", "agreement_of", "agreement_sentence", "judge_part", "note_on_judge"]


@dataclass(frozen=True, slots=True)
class Agreement(AsJson):
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
        return {**AsJson.to_json(self), "share": self.share}


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


def judge_part(
    grader: Grader, agreement: Mapping[str, Any] | None, results: Sequence[ItemResult]
) -> dict[str, Any] | None:
    """What `result.json` says of the judge; None where no model judges.

    Args:
        grader: of the task.
        agreement: as it was measured, None where it was not.
        results: all graded answers that the study keeps.
    """
    if not isinstance(grader, AskingGrader):
        return None
    graded = [result.score for result in results if result.score is not None]
    return {
        "grader": grader.name,
        "models": list(grader.models),
        "answers": len(graded),
        "undecided": sum(score == 0.5 for score in graded),
        "agreement": agreement,
    }


def note_on_judge(grader: Grader, agreement: Mapping[str, Any] | None) -> str:
    """What a reader must know of the judge, "" where no model judges."""
    if not isinstance(grader, AskingGrader):
        return ""
    if agreement:
        return agreement_sentence(grader, agreement)
    return (
        f"Answers were judged by {', '.join(grader.models)}; how often it agrees with people was "
        "not measured (give a labelled sample)."
    )


def agreement_sentence(grader: AskingGrader, found: Mapping[str, Any]) -> str:
    """An agreement in words."""
    low, high = found["interval"]
    share = "?" if found["share"] is None else f"{100 * found['share']:.1f} %"
    kappa = "not defined" if found["kappa"] is None else f"{found['kappa']:.2f}"
    return (
        f"The judge {', '.join(grader.models)} agrees with people on {share} of {found['n']} "
        f"labelled answers ({100 * low:.1f} to {100 * high:.1f}; kappa {kappa}; "
        f"{found['false_right']} wrong ones let pass, {found['false_wrong']} right ones refused, "
        f"{found['undecided']} undecided)."
    )
