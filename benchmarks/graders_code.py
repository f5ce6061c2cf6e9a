"""The grader of programs: how many a second at full isolation, and whether its verdicts are right.

Three sets from `../shared/data`: the known answers of HumanEval and MBPP, which must all pass, and
completions of a model on HumanEval with recorded labels (2,000 of 12,408; all of them by
`python -m benchmarks.graders_code --all`, which takes a quarter of an hour).
"""

import gzip
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from graphsearch.evaluators.graders.code import CodeGrader
from graphsearch.evaluators.sandbox import open_sandbox
from graphsearch.records.errors import GraderFailed
from graphsearch.records.tasks import Item

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SAMPLE = 2000
SECONDS = 3.0
"""The limit under which the completions' labels were recorded; the rest has the usual one."""

WARM = 20


class Case(NamedTuple):
    """A reply, and whether it is right."""

    item: Item
    reply: str
    right: bool


def measure(*, everything: bool = False) -> dict[str, Any]:
    """All figures; `everything` takes all recorded completions instead of a sample.

    Nothing is measured where the shared data is absent.
    """
    if not DATA.exists():
        return {}
    recorded = sorted(_completions(), key=_order)
    return {
        "sandbox": open_sandbox().name,
        "cores": _cores(),
        "humaneval": _run(list(_humaneval())),
        "mbpp": _run(list(_mbpp())),
        "completions": _run(recorded if everything else recorded[:SAMPLE], seconds=SECONDS),
    }


def _run(cases: Sequence[Case], **options: Any) -> dict[str, Any]:
    """Grade, in as many threads as there are cores."""
    grader = CodeGrader(**options)
    with ThreadPoolExecutor(_cores()) as pool:
        list(pool.map(lambda case: _graded(grader, case), cases[:WARM]))
        begun, used = time.perf_counter(), os.times()
        found = list(pool.map(lambda case: _graded(grader, case), cases))
        seconds, now = time.perf_counter() - begun, os.times()
    grader.close()
    cpu = sum(now[:4]) - sum(used[:4])
    known = [(case, said) for case, said in zip(cases, found, strict=True) if said[0] is not None]
    differ = [(case, said) for case, said in known if (said[0] == 1) != case.right]
    return {
        "programs": len(cases),
        "not_evaluated": len(cases) - len(known),
        "why_not": sorted({said for score, said in found if score is None}),
        "per_second": round(len(cases) / seconds, 1),
        "cpu_ms_each": round(cpu / len(cases) * 1e3, 1),
        "agreement": round(1 - len(differ) / len(known), 5) if known else None,
        "differ": [
            {"item": case.item.id, "recorded": case.right, "says": said[1], "reply": _name(case)}
            for case, said in differ
        ],
    }


def _graded(grader: CodeGrader, case: Case) -> tuple[float | None, str]:
    try:
        verdict = grader.grade(case.item, case.reply)
    except GraderFailed as error:
        return None, str(error)
    return verdict.score, verdict.reason


def _humaneval_items() -> dict[str, Item]:
    text = (DATA / "humaneval" / "HumanEval.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    kept = ("prompt", "test", "entry_point")
    return {
        row["task_id"]: Item(
            row["task_id"],
            row["prompt"],
            row["canonical_solution"],
            meta={key: row[key] for key in kept},
        )
        for row in rows
    }


def _humaneval() -> Iterator[Case]:
    for item in _humaneval_items().values():
        yield Case(item, item.gold, right=True)


def _mbpp() -> Iterator[Case]:
    kept = ("test_list", "test_setup_code", "challenge_test_list")
    for line in (DATA / "mbpp" / "mbpp.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        meta = {key: row[key] for key in kept}
        item = Item(str(row["task_id"]), row["text"], row["code"], meta=meta)
        yield Case(item, row["code"], right=True)


def _completions() -> Iterator[Case]:
    """Every distinct completion with its recorded label."""
    items = _humaneval_items()
    folder = DATA / "replay" / "codet-humaneval"
    labels: dict[str, dict[int, bool]] = {}
    for row in _rows(folder / "records.jsonl.gz"):
        labels[row["qid"]] = {s["completion"]: s["correct"] == 1 for s in row["samples"]}
    for row in _rows(folder / "completions.jsonl.gz"):
        for i, text in enumerate(row["completions"]):
            yield Case(items[row["qid"]], text, labels[row["qid"]][i])


def _rows(path: Any) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _order(case: Case) -> str:
    return _name(case) + case.item.id


def _name(case: Case) -> str:
    return hashlib.blake2b(case.reply.encode(), digest_size=6).hexdigest()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    print(json.dumps(measure(everything="--all" in sys.argv), indent=1))
