"""Graders: agreement with recorded labels and with math-verify, tricky pairs, gradings a second.

Needs `../shared/data` for the recorded answers; what is absent is left out.
"""

import gzip
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphsearch.evaluators.graders import get_grader
from graphsearch.records.tasks import Grader, Item
from tests.evaluators.graders.math_pairs import HOSTILE, PAIRS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
REPLAY = DATA / "replay"


def measure(*, data: Path = DATA) -> dict[str, Any]:
    """Everything; takes a minute or two."""
    found: dict[str, Any] = {"pairs": pairs()}
    if data.exists():
        found["labels"] = {
            "zeroeval": agreement(zeroeval()),
            "reasoning-gym": agreement(reasoning_gym()),
            "tot-game24": agreement(tot_game24()),
        }
        found["math-verify"] = against_library()
        found["raw_outputs"] = raw_outputs()
        found["prose"] = prose()
    return found


# -- recorded labels -------------------------------------------------------------------------------


def agreement(rows: Iterator[tuple[Grader, Item, str, bool]]) -> dict[str, Any]:
    """How often a verdict is the recorded one, and the first ones that are not."""
    count, differ = 0, []
    for grader, item, text, right in rows:
        count += 1
        verdict = grader.grade(item, text)
        if (verdict.score == 1.0) != right:
            differ.append({"item": item.id, "recorded": right, "parsed": verdict.parsed})
    share = round(100 * (1 - len(differ) / count), 3)
    return {"answers": count, "percent": share, "differ": len(differ), "examples": differ[:20]}


def zeroeval(**options: Any) -> Iterator[tuple[Grader, Item, str, bool]]:
    """GSM8K, raw outputs of 8 models; upstream takes the first number of a JSON object's answer."""
    folder = REPLAY / "zeroeval-gsm8k"
    grader = get_grader("numeric", **({"extract": "json", "pick": "first"} | options))
    items = {row["qid"]: row for row in _rows(folder / "questions.jsonl")}
    for row in _rows(folder / "raw_outputs_sample.jsonl.gz"):
        asked = items[row["qid"]]
        yield (
            grader,
            Item(row["qid"], asked["question"], asked["gold"]),
            row["output"],
            bool(row["correct"]),
        )


def reasoning_gym() -> Iterator[tuple[Grader, Item, str, bool]]:
    """Two tasks, full outputs; answers count between tags alone."""
    folder = REPLAY / "reasoning-gym-easy"
    graders = {
        "gsm_symbolic": get_grader("numeric", extract="tags"),
        "countdown": get_grader("game24", extract="tags", use="repeat"),
    }
    items = {row["qid"]: row for row in _rows(folder / "questions.jsonl")}
    for row in _rows(folder / "full_outputs_gsm_symbolic_countdown.jsonl.gz"):
        asked = items[row["qid"]]
        item = _countdown(asked) if asked["task"] == "countdown" else _plain(asked)
        yield graders[asked["task"]], item, row["output"], row["score"] >= 0.999


def _plain(asked: dict[str, Any]) -> Item:
    return Item(asked["qid"], asked["question"], asked["gold"])


def _countdown(asked: dict[str, Any]) -> Item:
    said = asked["question"].split("\n")[0]
    listed = re.search(r"\d+(?:, \d+)+", said)
    assert listed is not None
    target = re.findall(r"\d+", said.replace(listed[0], ""))
    meta = {"target": target[0], "numbers": listed[0].replace(",", "")}
    return Item(asked["qid"], asked["question"], asked["gold"], meta=meta)


def tot_game24() -> Iterator[tuple[Grader, Item, str, bool]]:
    """GPT-4's expressions, 100 puzzles."""
    folder = REPLAY / "tot-game24"
    grader = get_grader("game24", extract="whole")
    items = {row["qid"]: row for row in _rows(folder / "questions.jsonl")}
    for row in _rows(folder / "records.jsonl.gz"):
        asked = items[row["qid"]]
        numbers = [int(n) for n in re.findall(r"\d+", asked["question"])]
        item = Item(str(row["qid"]), asked["question"], 24, meta={"numbers": numbers})
        for sample in row["samples"]:
            yield grader, item, sample["answer"] or "", bool(sample["correct"])


# -- mathematics -----------------------------------------------------------------------------------


def pairs() -> dict[str, Any]:
    """The labelled pairs and the hostile answers of the tests."""
    grader = get_grader("math")
    wrong = [p for p in PAIRS if grader.grade(Item("i", "?", p.gold), p.answer).score != p.right]
    slowest, passed = 0.0, 0
    for text in HOSTILE.values():
        begun = time.perf_counter()
        passed += grader.grade(Item("i", "?", "x^2+1"), text).score > 0
        slowest = max(slowest, time.perf_counter() - begun)
    grader.close()  # type: ignore[attr-defined]
    return {
        "pairs": len(PAIRS),
        "percent": 100 * (1 - len(wrong) / len(PAIRS)),
        "wrong": [list(p) for p in wrong],
        "hostile": len(HOSTILE),
        "hostile_taken_for_right": passed,
        "slowest_hostile_seconds": round(slowest, 1),
    }


def ordinary(seed: int = 0) -> list[tuple[str, str]]:
    """Gold answers of MATH, each with answers as models write them: right, and nearly right."""
    rng = random.Random(seed)
    golds = [row["answer"] for row in _rows(DATA / "math500" / "test.jsonl")]
    golds += [_boxed(row["solution"]) for row in _rows(DATA / "math500" / "dev500.jsonl")]
    found: list[tuple[str, str]] = []
    for i, gold in enumerate(golds):
        found.append((gold, f"We work it out step by step.\n\nSo it is $\\boxed{{{gold}}}$."))
        found.append((gold, f"I get\n\\[\\boxed{{{_changed(gold, rng)}}}\\]"))
        found.append((gold, f"Thus the answer is $\\boxed{{{_respelled(gold, rng)}}}$."))
        other = golds[(i + 1 + rng.randrange(len(golds) - 1)) % len(golds)]
        found.append((gold, f"Hence $x$ is found. The final answer is $\\boxed{{{other}}}$."))
    return found


def _boxed(solution: str) -> str:
    from graphsearch.evaluators.boxed import last_boxed

    return last_boxed(solution) or "0"


def _changed(gold: str, rng: random.Random) -> str:
    """One number of it changed, or a sign."""
    places = list(re.finditer(r"\d+", gold))
    if not places:
        return f"-{gold}"
    place = rng.choice(places)
    return f"{gold[: place.start()]}{int(place[0]) + rng.choice([1, 2, 10])}{gold[place.end() :]}"


def _respelled(gold: str, rng: random.Random) -> str:
    """The same in another spelling."""
    changes = [
        lambda s: s.replace("\\frac", "\\dfrac"),
        lambda s: re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", s),
        lambda s: s.replace(" ", ""),
        lambda s: s.replace(",", ", "),
        lambda s: s.replace("\\left", "").replace("\\right", ""),
        lambda s: s.replace("^\\circ", "^{\\circ}"),
    ]
    return rng.choice(changes)(gold)


def against_library(seed: int = 0) -> dict[str, Any]:
    """Agreement with math-verify as it comes, and the speed of both, on one core."""
    from math_verify import parse, verify

    answers = ordinary(seed)
    grader = get_grader("math", workers=1)
    grader.grade(Item("i", "?", "x"), "x+1")  # its start is no part of the speed
    cpu, wall = _busy(grader), time.perf_counter()
    ours = [grader.grade(Item("i", "?", g), a) for g, a in answers]
    wall = time.perf_counter() - wall
    cpu = _busy(grader) - cpu
    begun = time.process_time()
    theirs = [verify(parse(f"${g}$"), parse(a)) for g, a in answers]
    library = time.process_time() - begun
    differ = [
        {"gold": g, "answer": a, "ours": v.score, "reason": v.reason}
        for (g, a), v, right in zip(answers, ours, theirs, strict=True)
        if (v.score == 1.0) != right
    ]
    asked = sum(v.reason != "the same as the gold answer" for v in ours)
    grader.close()  # type: ignore[attr-defined]
    return {
        "answers": len(answers),
        "right": Counter(v.score for v in ours)[1.0],
        "percent": round(100 * (1 - len(differ) / len(answers)), 3),
        "differ": differ,
        "not_the_same_text": asked,
        "a_second_a_core": round(len(answers) / cpu),
        "a_second": round(len(answers) / wall),
        "library_a_second_a_core": round(len(answers) / library),
    }


def raw_outputs() -> dict[str, Any]:
    """Whole replies, graded by their recorded labels: ours by default, and math-verify's own."""
    from math_verify import parse, verify

    grader = get_grader("math")
    found = {}
    for name, rows in (("zeroeval", zeroeval()), ("reasoning-gym", reasoning_gym())):
        count: Counter[str] = Counter()
        for _, item, text, right in rows:
            if "numbers" not in item.meta:
                ours = grader.grade(item, text).score == 1.0
                theirs = verify(parse(f"${item.gold}$"), parse(text))
                count.update(answers=1, ours=ours == right, library=theirs == right)
        found[name] = dict(count)
    grader.close()  # type: ignore[attr-defined]
    return found


def prose(*, data: Path = DATA) -> dict[str, Any]:
    """GSM8K's example solutions: how often `math` reads the answer that `numeric` reads.

    As they are, and without their last line (`A: 18`), which leaves sentences alone.
    """
    math, numeric = get_grader("math", workers=1), get_grader("numeric")
    found = {}
    for name in ("whole", "sentences"):
        count: Counter[str] = Counter()
        for row in _rows(data / "gsm8k" / "example_model_solutions.jsonl.gz"):
            item = Item("i", row["question"], 0)
            for value in row.values():
                if not isinstance(value, dict):
                    continue
                text = re.sub(r"<<[^<>]*>>", "", value["solution"])
                text = text if name == "whole" else text.rpartition("\nA:")[0] or text
                ours, theirs = math.parse(item, text), numeric.parse(item, text)
                count.update(solutions=1, read=theirs is not None, same=ours == theirs)
                count["same_of_read"] += theirs is not None and ours == theirs
        share = round(100 * count["same_of_read"] / count["read"], 3)
        found[name] = {**count, "percent_of_read": share}
    math.close()  # type: ignore[attr-defined]
    return found


def _busy(grader: Any) -> float:
    """CPU seconds of this process and of the grader's worker."""
    total = time.process_time()
    for worker in grader._pool._all:
        with open(f"/proc/{worker._process.pid}/stat") as file:
            fields = file.read().rpartition(") ")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in data.splitlines():
        yield json.loads(line)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
