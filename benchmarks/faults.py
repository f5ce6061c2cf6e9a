"""A search whose server fails: does it end the same, and is every token paid for, once?

One small search over HTTP runs three times with the same seed, each time against a stub server of
its own: without faults; with faults in 30 of 100 requests, drawn anew for every attempt (429 with
and without Retry-After, 500, 503, reset, slow, hang, JSON cut short, another content type); and
without faults again, where the model itself is now and then empty or cut by `max_tokens`.

"To the token" has two halves. What came back whole is booked exactly: the accounts of the search
hold the tokens the server counted for replies sent whole. A reply that may have been made but did
not come back (cut, replaced by a page, timed out) has no usage that a client could know, so its
attempt is booked at the worst case, under `waste`: exactly one such booking for each such fault,
and no less than what the server counted for them.

    python -m benchmarks.faults [--share 0.3] [--latency 0.005]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks._world import SETTINGS, SPACE, fleet, prompt_set, questions, serving
from graphsearch import Study
from graphsearch.engines.http import HttpEngine
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraphsearchError
from graphsearch.records.trials import TrialRecord
from graphsearch.spec import Evaluation
from graphsearch.store import Store
from graphsearch.testing.stub import StubFault

SHARE = 0.3
LATENCY = 0.005
SEED = 3
TIMEOUT = 1.0
KINDS = (
    StubFault.RATE_LIMITED,
    StubFault.RATE_LIMITED_SILENT,
    StubFault.SERVER_ERROR,
    StubFault.OVERLOADED,
    StubFault.RESET,
    StubFault.SLOW,
    StubFault.HANG,
    StubFault.CUT_JSON,
    StubFault.WRONG_TYPE,
)
MAYBE_MADE = (StubFault.HANG, StubFault.CUT_JSON, StubFault.WRONG_TYPE)
"""Faults after which nobody knows whether, and how much, the server has worked."""
PAID = ("calls", "spend", "spent", "budgets", "break_even")
"""Parts of a result that tell what the search cost; failures add to that."""


def measure(share: float = SHARE, latency: float = LATENCY) -> dict[str, Any]:
    """The three runs, and how the second differs from the first."""
    rates = {kind.value: share / len(KINDS) for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        calm = search(home / "calm", latency=latency)
        rough = search(home / "rough", latency=latency, rates=rates, slow=0.2, retry_after=0.1)
        frail = search(home / "frail", answers="faltering", latency=latency)
        return {
            "calm": facts(calm),
            "faults": {**facts(rough), **against(calm, rough)},
            "model_outcomes": {**facts(frail), **own_outcomes(frail)},
        }


def search(folder: Path, **options: Any) -> dict[str, Any]:
    """One search against a server of its own; what came of it, read from the run folder.

    Args:
        folder: where to; made.
        **options: of `serving`.
    """
    folder.mkdir()
    begun, cpu = time.perf_counter(), time.process_time()
    with serving(**options) as server:
        error = asyncio.run(study(folder, server.url))
        served = server.served()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {**read(folder / "run"), "served": served, "error": error, "s": seconds, "cpu": cpu}


async def study(folder: Path, url: str, settings: Evaluation = SETTINGS) -> str | None:
    """Run the search in `folder`/run; why it came to no end, if so."""
    engine = HttpEngine(url, timeout_s=TIMEOUT)
    try:
        async with Study.create(
            task=questions(folder / "sums.jsonl"),
            task_options={"grader": "numeric"},
            fleet=fleet("http://stub.invalid/v1"),  # the engines know the real address
            graph_budget="8 units",
            search_budget="1000000 units",
            space=SPACE,
            prompt_set=prompt_set(folder / "prompts"),
            settings=settings,
            seed=SEED,
            engines={"small": engine, "large": engine},
            out=folder / "run",
        ) as ready:
            await ready.run()
    except GraphsearchError as problem:
        return str(problem)
    return None


def read(run: Path) -> dict[str, Any]:
    """Result, trials and books of a run folder."""
    path = run / "result.json"
    with Store.open(run, read_only=True) as store:
        booked = {
            name: {
                "tokens": account.known.get("tokens"),
                "calls": account.known.get("calls"),
                "usd": str(account.known.get("usd")),
            }
            for name, account in store.totals().items()
        }
        return {
            "result": json.loads(path.read_text(encoding="utf-8")) if path.exists() else None,
            "trials": store.all_trials(),
            "booked": booked,
            "replies": Counter(row["outcome"] for row in store.journal.rows()),
            "counts": store.journal.counts(),
            "waste_at_worst": sum(
                row["outcome"] in ("timeout", "unavailable") and row["spent_tokens"] > 0
                for row in store.journal.failed_rows()
            ),
        }


def facts(seen: dict[str, Any]) -> dict[str, Any]:
    """What a run counted, and what its server did."""
    served = seen["served"]
    return {
        "ended": seen["result"] is not None,
        "error": seen["error"],
        "seconds": round(seen["s"], 1),
        "cpu_s": round(seen["cpu"], 1),
        "winner": seen["result"] and seen["result"]["winner"]["text"],
        "requests": served["requests"],
        "replies_sent_whole": served["replies"],
        "tokens_sent_whole": tokens(served["usage"]),
        "tokens_lost": tokens(served["lost_usage"]),
        "faults": served["faults"],
        "outcomes": seen["counts"],
        "booked": seen["booked"],
        # The server's own count of replies sent whole, against all accounts but `waste`.
        "booked_less_sent": paid(seen, "tokens") - tokens(served["usage"]),
        "calls_booked_less_requests": paid(seen, "calls", waste=True) - served["requests"],
        "failures_graded": failures_graded(seen),
        "not_evaluated": not_evaluated(seen["trials"]),
    }


def against(calm: dict[str, Any], rough: dict[str, Any]) -> dict[str, Any]:
    """How the run with faults differs from the one without."""
    served, waste = rough["served"], rough["booked"].get("waste", {"tokens": 0})
    faults = Counter(served["faults"])
    lost = sum(faults[kind] for kind in MAYBE_MADE)
    return {
        "share_of_faults": round(sum(faults.values()) / served["requests"], 3),
        "winner_differs": winner(calm) != winner(rough),
        "scores_that_differ": differing(calm["trials"], rough["trials"]),
        "evidence_differs": essence(calm["result"]) != essence(rough["result"]),
        "tokens_differ": paid(calm, "tokens") != paid(rough, "tokens"),
        "maybe_made": lost,
        "maybe_made_less_booked_at_worst": lost - rough["waste_at_worst"],
        "waste_below_lost": max(0, tokens(served["lost_usage"]) - waste["tokens"]),
        "seconds_more": round(rough["s"] - calm["s"], 1),
    }


def own_outcomes(seen: dict[str, Any]) -> dict[str, Any]:
    """Whether what the model did wrong by itself is counted as such, and graded as wrong."""
    served, replies = seen["served"], seen["replies"]
    results = [result for trial in seen["trials"] for result in trial.results]
    bad = [r for r in results if r.outcome in (Outcome.EMPTY, Outcome.TRUNCATED)]
    return {
        "empty": served["empty"],
        "truncated": served["cut"],
        "miscounted": abs(replies["empty"] - served["empty"])
        + abs(replies["truncated"] - served["cut"]),
        "answers_empty_or_truncated": len(bad),
        "of_them_not_scored_0": sum(result.score != 0 for result in bad),
    }


def tokens(usage: dict[str, int]) -> int:
    """Of a prompt and its completion together."""
    return usage["prompt_tokens"] + usage["completion_tokens"]


def paid(seen: dict[str, Any], currency: str, *, waste: bool = False) -> int:
    """Sum over all accounts, `waste` only if asked for."""
    return sum(v[currency] for name, v in seen["booked"].items() if waste or name != "waste")


def failures_graded(seen: dict[str, Any]) -> int:
    """Answers with a score although the infrastructure failed, and failures kept as replies."""
    results = [result for trial in seen["trials"] for result in trial.results]
    scored = sum(r.score is not None and not r.outcome.is_graded for r in results)
    return scored + sum(
        count for name, count in seen["replies"].items() if not Outcome(name).is_graded
    )


def not_evaluated(trials: list[TrialRecord]) -> int:
    """Answers that the infrastructure kept from being judged."""
    return sum(result.score is None for trial in trials for result in trial.results)


def winner(seen: dict[str, Any]) -> Any:
    """The graph that won, None when the search came to no end."""
    return seen["result"] and seen["result"]["winner"]


def differing(first: list[TrialRecord], second: list[TrialRecord]) -> int:
    """Results of trials that are not the same: score, outcome, answer, usage or price."""
    found = abs(len(first) - len(second))
    for one, other in zip(first, second, strict=False):
        found += sum(a != b for a, b in zip(one.results, other.results, strict=False))
        found += abs(len(one.results) - len(other.results))
        found += one.proposal.graph.key != other.proposal.graph.key
    return found


def essence(part: Any) -> Any:
    """A result without what the search itself has cost."""
    if isinstance(part, dict):
        return {name: essence(value) for name, value in part.items() if name not in PAID}
    return [essence(value) for value in part] if isinstance(part, list) else part


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--share", type=float, default=SHARE, help="of requests with a fault")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds a reply takes")
    given = parser.parse_args()
    json.dump(measure(given.share, given.latency), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
