"""A record of the shape of `result.json` (design/study.md, schema 1), made up but consistent."""

import math
import random
from typing import Any

MODELS = ("xs", "s", "m", "l")
UNIT = {"xs": 1.0, "s": 2.6, "m": 6.1, "l": 13.0}
SKILL = {"xs": 0.34, "s": 0.45, "m": 0.56, "l": 0.63}


def wilson(right: int, n: int) -> list[float]:
    z, p = 1.96, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [middle - half, middle + half]


def graph(nodes: list[tuple[str, str | None]], edges: list[list[int]], sink: int) -> dict[str, Any]:
    return {"nodes": [{"role": r, "model": m} for r, m in nodes], "edges": edges, "sink": sink}


def fan_in(copies: int, model: str, role: str, sink_model: str | None) -> dict[str, Any]:
    nodes = [("assistant", model)] * copies + [(role, sink_model)]
    return graph(nodes, [[k, copies] for k in range(copies)], copies)


def two_layers() -> dict[str, Any]:
    """Four roots, two of them read by a refiner, all but one by a fuser: edges skip a layer."""
    nodes = [("assistant", "xs"), ("assistant", "xs"), ("assistant", "s"), ("assistant", "xs")]
    nodes += [("assistant", "s"), ("fuser", "m")]
    return graph(nodes, [[0, 4], [1, 4], [2, 4], [1, 5], [3, 5], [4, 5]], 5)


def complete(size: int) -> dict[str, Any]:
    nodes: list[tuple[str, str | None]] = [("assistant", MODELS[k % 4]) for k in range(size)]
    edges = [[a, b] for b in range(size) for a in range(b)]
    return graph(nodes, edges, size - 1)


def evidence(accuracy: float, n: int, used: float, allowed: float = 18.0) -> dict[str, Any]:
    right = round(accuracy * n)
    wrong = {"answered": n - 9, "unparsed": 6, "truncated": 3}
    return {
        "n": n,
        "not_evaluated": 0,
        "groups": n,
        "accuracy": right / n,
        "interval": wilson(right, n),
        "level": 0.95,
        "method": "wilson",
        "outcomes": wrong,
        "allowed": allowed,
        "planned": used * 1.04,
        "used": used,
        "currency": "units",
        "used_by": {"units": used, "tokens": used * 61.0, "flops": used * 8.3e7},
        "calls": 5.0,
        "prompt_tokens": 410.0,
        "completion_tokens": 160.0,
    }


def row(
    name: str,
    kind: str,
    model: str,
    accuracy: float,
    used: float,
    winner: float,
    *,
    copies: int = 1,
    n: int = 600,
) -> dict[str, Any]:
    gap = winner - accuracy
    half = 0.036
    sink = "vote" if copies > 1 else "assistant"
    return {
        "name": name,
        "kind": kind,
        "model": model,
        "copies": copies,
        "oracle": kind == "best_of_n",
        "graph": fan_in(copies, model, sink, None)
        if copies > 1
        else graph([("assistant", model)], [], 0),
        "evidence": evidence(accuracy, n, used),
        "difference": {
            "mean": gap,
            "interval": [gap - half, gap + half],
            "level": 0.95,
            "n": n,
            "groups": n,
            "method": "paired",
        },
    }


def baselines(winner: float, used: float) -> list[dict[str, Any]]:
    rows = []
    for model in MODELS:
        alone, price = SKILL[model], UNIT[model]
        copies = int(used // price)
        rows.append(row(f"{model} alone", "single", model, alone, price, winner))
        rows.append(row(f"{model} alone, sampled", "sampled", model, alone - 0.03, price, winner))
        if copies > 2:
            rows.append(
                row(
                    f"vote of {copies} × {model}",
                    "self_consistency",
                    model,
                    alone + 0.08,
                    copies * price,
                    winner,
                    copies=copies,
                )
            )
            rows.append(
                row(
                    f"best of {copies} × {model}, oracle",
                    "best_of_n",
                    model,
                    alone + 0.22,
                    copies * price,
                    winner,
                    copies=copies,
                )
            )
    rows.append(row("m fuses 7 × xs", "fuser", "m", 0.61, 15.2, winner, copies=7))
    return sorted(rows, key=lambda r: -r["evidence"]["accuracy"])


def table(at: int, rounds: int, slots: int = 6) -> dict[str, float]:
    """Probabilities that drift from even towards one choice."""
    share = at / max(rounds - 1, 1)
    entries: dict[str, float] = {}
    for a in range(1, slots + 1):
        for b in range(a + 1, slots + 1):
            lean = 0.95 if (a + b) % 3 == 0 else 0.08
            entries[f"{a}->{b}"] = 0.5 + (lean - 0.5) * share
        entries[f"{a}->sink"] = 0.5 + 0.42 * share * (1 if a % 2 else -0.7)
    for slot in range(1, slots + 1):
        weights = [1 + 6 * share * (k == slot % 3) for k in range(len(MODELS))]
        for model, weight in zip(MODELS, weights, strict=True):
            entries[f"{slot}:{model}"] = weight / sum(weights)
        entries[f"{slot}:assistant"] = 0.5 + 0.4 * share
        entries[f"{slot}:fuser"] = 0.5 - 0.4 * share
    sinks = ["vote", *(f"assistant:{m}" for m in MODELS), *(f"fuser:{m}" for m in MODELS)]
    weights = [1 + 14 * share * (s == "fuser:m") + 3 * share * (s == "vote") for s in sinks]
    for sink, weight in zip(sinks, weights, strict=True):
        entries[sink] = weight / sum(weights)
    return entries


def advice(at: int) -> dict[str, Any]:
    return {
        "valid": True,
        "summary": "Small models in front of a middle-sized fuser did best; large sinks are dear.",
        "edits": [
            {"target": "fuser:m", "delta": 0.8, "reason": "the three best trials end in it"},
            {"target": "3->sink", "delta": 0.5, "reason": "answers of slot 3 are often right"},
            {"target": "2:l", "delta": -0.6, "reason": "one l call costs as much as thirteen xs"},
        ],
        "graphs": ["4x xs -> fuser m"] if at == 2 else [],
        "raw": None,
        "view": {"trust": 0.5 + min(0.02 * at, 0.4), "trust_graphs": 0.5 - min(0.02 * at, 0.4)},
    }


def archive(count: int, rng: random.Random) -> list[dict[str, Any]]:
    entries = []
    for k in range(count):
        used = rng.uniform(1.0, 17.6)
        n = rng.choice([8, 24, 56, 56, 112])
        right = sum(rng.random() < 0.30 + 0.018 * used + rng.uniform(-0.1, 0.1) for _ in range(n))
        entries.append(
            {
                "key": f"key-{k}",
                "text": f"{k % 7 + 2}x xs -> fuser {MODELS[k % 3]}",
                "graph": fan_in(k % 7 + 2, "xs", "fuser", MODELS[k % 3]),
                "n": n,
                "accuracy": right / n,
                "interval": wilson(right, n),
                "expected_cost": used * 1.03,
                "used_cost": used,
                "outcomes": {"answered": n - 1, "unparsed": 1},
                "trials": [k],
            }
        )
    return entries


def trials(entries: list[dict[str, Any]], rounds: int) -> list[dict[str, Any]]:
    return [
        {
            "number": k,
            "round": k % rounds,
            "origin": "sample",
            "state": "stopped" if e["n"] < 50 else "complete",
            "reused": False,
            **{f: e[f] for f in ("key", "text", "expected_cost", "used_cost", "n")},
            **{f: e[f] for f in ("accuracy", "interval", "outcomes")},
        }
        for k, e in enumerate(entries)
    ]


def round_logs(rounds: int, *, agent: bool = True, slots: int = 6) -> list[dict[str, Any]]:
    return [
        {
            "round": k,
            "items": 56,
            "trials": [],
            "mean": 0.38 + 0.02 * k - 0.012 * (k % 3),
            "best": 0.47 + 0.015 * k,
            "spent": {"units": 900.0 * (k + 1)},
            "leader": "key-1",
            "table": table(k, rounds, slots),
            "advice": advice(k) if agent else None,
        }
        for k in range(rounds)
    ]


def spend() -> dict[str, Any]:
    shares = {"search": 9300.0, "agent": 0.0, "selection": 1700.0, "test": 2600.0}
    shares["baseline"] = 4100.0
    units = {"total": sum(shares.values()), "accounts": shares}
    tokens = {k: round(v * 61) for k, v in shares.items()}
    return {"units": units, "tokens": {"total": sum(tokens.values()), "accounts": tokens}}


def fleet() -> dict[str, Any]:
    return {
        "name": "embedded",
        "unit_model": "xs",
        "models": [
            {"name": m, "parameters": 100_000 * 3**k, "engine": "embedded"}
            for k, m in enumerate(MODELS)
        ],
    }


def record(*, tried: int = 83, rounds: int = 10, accuracy: float = 0.672) -> dict[str, Any]:
    """A whole result of a search that found something."""
    rng, winner = random.Random(5), two_layers()
    rows, entries = baselines(accuracy, 16.3), archive(tried, rng)
    best = next(r["name"] for r in rows if not r["oracle"])
    limit = {"text": "20000 units", "currency": "units", "allowed": 20000.0}
    return {
        "schema_version": 1,
        "graphsearch_version": "0.1.0",
        "seed": 3,
        "task": {
            "name": "puzzle",
            "fingerprint": "c0ffee",
            "profile": {"question": 12, "answer": 24},
            "items": {"search": 4000, "selection": 600, "test": 600},
        },
        "fleet": fleet(),
        "space": {"slots": 6, "models": list(MODELS), "roles": ["assistant", "fuser"]},
        "searcher": {"name": "agent-reinforce", "options": {"k": 8}},
        "agent": {"name": "rules", "options": {}},
        "settings": {"search_items": 512, "reserve": 0.5},
        "budgets": {
            "graph": {"text": "18 units", "currency": "units", "allowed": 18.0},
            "search": [{**limit, "spent": 17700.0, "left": 2300.0}],
            "evaluation": None,
        },
        "stopped_by": {"rule": "budget", "reason": "the next block is not covered"},
        "winner": {
            "graph": winner,
            "key": "key-1",
            "text": "2x xs, s -> s; 2x xs -> fuser m",
            "mermaid": "",
            "origin": "sample",
            "round": 7,
            "trial": 61,
            "expected_cost": 16.9,
        },
        "test": evidence(accuracy, 600, 16.3),
        "selection": [
            {"key": f"key-{k}", "text": e["text"], "evidence": evidence(0.66 - 0.02 * k, 300, 15.0)}
            for k, e in enumerate(entries[:3])
        ],
        "baselines": rows,
        "best_plain": best,
        "verdict": "The winner beats the best baseline.",
        "break_even": {
            "against": best,
            "questions": 48210.4,
            "spend": 17700.0,
            "currency": "units",
            "reason": "The search pays for itself after 48,210 questions.",
        },
        "spend": spend(),
        "calls": {
            "asked": 121400,
            "made": 22830,
            "accounts": {
                "search": {"asked": 98000, "made": 14100},
                "selection": {"asked": 9200, "made": 4300},
                "test": {"asked": 3600, "made": 2100},
                "baseline": {"asked": 10600, "made": 2330},
            },
        },
        "outcomes": {
            "search": {"answered": 15210, "unparsed": 402, "truncated": 61, "timeout": 4},
            "test": {"answered": 591, "unparsed": 6, "truncated": 3},
        },
        "rounds": round_logs(rounds),
        "trials": trials(entries, rounds),
        "archive": entries,
        "notes": ["No fuser of model l fits the budget."],
    }
