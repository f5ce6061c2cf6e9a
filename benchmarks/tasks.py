"""How long near-duplicates take to find, in questions of the kinds that are hard to tell apart.

CPU seconds of one core. Published questions are measured where `../shared/data` has them.
"""

import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

from graphsearch.evaluators.tasks.near import near_groups, normal_form

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LETTERS = "abcdefgh"


def measure() -> dict[str, Any]:
    drawn = random.Random(1)
    words = ["".join(drawn.choices(LETTERS, k=6)) for _ in range(5000)]

    def text(count: int) -> str:
        return " ".join(drawn.choices(words, k=count))

    preamble = text(200)
    kinds = {
        "12,000 of 60 words": [text(60) for _ in range(12_000)],
        "2,000 of a preamble of 200 words and 60 of their own": _after(preamble, 60, text),
        "2,000 of a preamble of 200 words and 30 of their own": _after(preamble, 30, text),
        "2,000 of a preamble of 200 words and 20 of their own": _after(preamble, 20, text),
    }
    if (DATA / "gsm8k").is_dir():
        kinds["gsm8k, test and train"] = _gsm8k()
    return {name: _timed(texts) for name, texts in kinds.items()}


def _after(preamble: str, count: int, text: Any) -> list[str]:
    return [f"{preamble} {text(count)}" for _ in range(2000)]


def _gsm8k() -> list[str]:
    lines = (DATA / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    lines += gzip.decompress((DATA / "gsm8k" / "train.jsonl.gz").read_bytes()).decode().splitlines()
    return [json.loads(line)["question"] for line in lines]


def _timed(texts: list[str]) -> dict[str, Any]:
    begun = time.process_time()
    groups = near_groups([normal_form(text) for text in texts])
    seconds = time.process_time() - begun
    return {"questions": len(texts), "groups": len(set(groups)), "cpu_s": round(seconds, 2)}
