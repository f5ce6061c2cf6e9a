"""Before the first round: how far a judge agrees with people, and how long calls really are.

Measured lengths make a new experiment; the one that was given stays as it is.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphsearch.cost import Lengths
from graphsearch.records.errors import (
    BudgetReached,
    BudgetRefused,
    EngineError,
    NoVerdict,
    StudyStopped,
)
from graphsearch.records.events import LengthsMeasured
from graphsearch.records.tasks import LabelledAnswer, LabelledGrader
from graphsearch.study.agreement import Agreement, agreement_of, agreement_sentence
from graphsearch.study.failures import ANEW, RESUME
from graphsearch.study.items import round_items
from graphsearch.study.lengths import length_graphs, length_items, lengths_part, models_of

if TYPE_CHECKING:
    from graphsearch.execution import Executor
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.run import Run

__all__ = ["agreement_in", "check_judge", "planned", "prepare", "say_lengths"]

JUDGE, LENGTHS = "judge", "lengths"
_AT_ONCE = 64


async def prepare(run: "Run") -> "Experiment":
    """The experiment as it is to be searched: its judge accepted, its lengths measured.

    Raises:
        StudyStopped: a judge agrees too little with people, or too many calls failed.
        BudgetRefused: the budget does not cover it, or at the measured lengths no graph fits.
        ConfigError: measuring was asked for, and the searcher cannot be made anew.
    """
    await check_judge(run)
    experiment = run.experiment
    count = length_items(experiment)
    if not count or run.made("study") is not None or run.made(LENGTHS) is not None:
        return planned(run)
    if experiment.space_at is None:
        experiment.with_lengths(Lengths(()))  # says why that cannot be

    async def measure() -> dict[str, Any]:
        # The questions are the first of the first round and the calls those that graphs of the
        # search share, so little of it is paid for measuring alone.
        graphs = length_graphs(experiment.space)
        items = round_items(experiment).peek()[:count]
        await run.block(LENGTHS, graphs, items, stream="search", account="search")
        measured = run.lengths.measured()
        _with(experiment, measured)
        return {"measured": measured.to_json(), **run.counts()}

    await run.once(LENGTHS, measure)
    say_lengths(run, planned(run))
    return planned(run)


def planned(run: "Run") -> "Experiment":
    """The experiment of a run, with the lengths that were measured if they were."""
    record = run.made(LENGTHS)
    if record is None:
        return run.experiment
    return _with(run.experiment, Lengths.from_json(record["measured"]))


def agreement_in(run: "Run") -> Mapping[str, Any] | None:
    """How far the judge agrees with people, None where that was not measured."""
    return run.made(JUDGE) or None


async def check_judge(run: "Run") -> None:
    """Measure a judge on its labelled sample, once a study; refuse one that is below its floor.

    Raises:
        StudyStopped: it agrees too little with people, or too many of its calls failed.
        BudgetRefused: the budget does not cover the sample.
    """
    task, settings = run.experiment.task, run.experiment.settings
    grader = task.grader
    if not isinstance(grader, LabelledGrader):
        return

    async def measure() -> dict[str, Any]:
        # Items that may be seen before the test: those of the other splits.
        seen = {item.id: item for name in ("search", "selection") for item in task.splits[name]}
        sample = grader.labelled(seen)
        if not sample:
            return {}
        found = await _agreement(
            run.executor, sample, level=settings.level, allowed=settings.infra_share
        )
        return found.to_json()

    found = await run.once(JUDGE, measure)
    kappa = found.get("kappa")
    if found and not grader.accept and (kappa is None or kappa < grader.least_kappa):
        raise StudyStopped(
            f"{agreement_sentence(grader, found)} That is below the floor of "
            f"{grader.least_kappa:g} (least_kappa): take a better judge, give it a rubric, or "
            "search with it all the same (accept: true in the grader's options), each in a new "
            "folder"
        )


async def _agreement(
    executor: "Executor", sample: Sequence[LabelledAnswer], *, level: float, allowed: float
) -> Agreement:
    causes: Counter[tuple[bool, str]] = Counter()

    async def score(row: LabelledAnswer) -> float | None:
        try:
            return (await executor.verdict(row.item, row.answer, account="search")).score
        except EngineError as error:
            causes[error.lasts, error.why if isinstance(error, NoVerdict) else str(error)] += 1
            return None
        except BudgetReached as error:
            message = f"the search budget does not cover the judge's labelled sample: {error}"
            raise BudgetRefused(message) from error

    scores: list[float | None] = []
    for start in range(0, len(sample), _AT_ONCE):
        part = sample[start : start + _AT_ONCE]
        scores += await asyncio.gather(*(score(row) for row in part))
    found = agreement_of(scores, [row.right for row in sample], level=level)
    most = allowed * len(sample)
    if found.failed > most:
        # What lasts is named first where it alone is too much: nothing else would help.
        lasts = sum(times for (lasting, _), times in causes.items() if lasting) > most
        named = [(-times, why) for (lasting, why), times in causes.items() if lasting or not lasts]
        times, cause = min(named)
        raise StudyStopped(
            f"the judge gave no verdict on {found.failed} of its {len(sample)} labelled answers "
            f"({-times} times: {cause}); {ANEW if lasts else RESUME}"
        )
    return found


def _with(experiment: "Experiment", measured: Lengths) -> "Experiment":
    if not measured.by_model:
        return experiment
    try:
        return experiment.with_lengths(measured.covering(models_of(experiment.space)))
    except BudgetRefused as error:
        raise BudgetRefused(f"with token lengths as measured: {error}") from error


def say_lengths(run: "Run", experiment: "Experiment") -> None:
    """Say what was assumed, what is planned with, and what was measured so far."""
    part = lengths_part(
        experiment.space,
        experiment.task.profile,
        run.lengths,
        were_measured=run.made(LENGTHS) is not None,
    )
    run.events.say(
        LengthsMeasured, source=part["source"], assumed=part["assumed"], models=part["models"]
    )
