"""Models, questions and records of the golden worlds: fixed texts, no chance but that of a hash."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.golden.product import (
    Call,
    Item,
    Outcome,
    Rejected,
    Reply,
    Task,
    TokenProfile,
    Unavailable,
    Usage,
    Verdict,
)

SETTINGS: dict[str, Any] = {
    "per_round": 4,
    "blocks": [4, 8],
    "rounds": 3,
    "search_items": 24,
    "finalists": 2,
    "selection_items": 16,
    "test_items": 30,
    "test_block": 10,
    "min_test_items": 10,
    "baselines": ["single", "self_consistency", "best_of_n"],
}
SKILL = {"small": 0.35, "large": 0.6}
SIZES = {"small": 1_000_000, "large": 3_000_000}


def fleet(**more: Any) -> dict[str, Any]:
    """Two scripted models; `more` goes into both."""
    models = [
        {"name": name, "parameters": size, "layers": 2, "width": 64, "engine": "scripted", **more}
        for name, size in SIZES.items()
    ]
    return {"name": "two", "unit_model": "small", "models": models}


def luck(*parts: object) -> float:
    """A number in [0, 1) that follows from its arguments alone."""
    text = "/".join(map(str, parts))
    return int(hashlib.blake2b(text.encode(), digest_size=6).hexdigest(), 16) / 2**48


def answer(call: Call) -> str:
    """Right with the model's skill, more often where the prompt holds the right answer already."""
    prompt = call.messages[-1].content
    asked = re.search(r"(\d+) \+ (\d+)", prompt)
    if asked is None:
        raise Rejected(f"no sum in {prompt!r}")
    gold = int(asked[1]) + int(asked[2])
    skill = SKILL[call.model]
    if re.search(rf"answer {gold}\b", prompt):
        skill = 0.5 + 0.5 * skill
    draw = luck(call.model, call.item, call.stream, call.sample, prompt)
    return f"answer {gold if draw < skill else int(10_000 * draw)}"


def sums_file(folder: Path, count: int = 160) -> str:
    """A file of questions: sums with their answers."""
    rows = [{"question": f"What is {i} + {i + 7}?", "answer": str(2 * i + 7)} for i in range(count)]
    path = folder / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


class LastNumber:
    """A grader of one's own: the last number of the reply."""

    name = "last number"

    def parse(self, item: Item, text: str) -> str | None:
        found = re.findall(r"-?\d+", text)
        return found[-1] if found else None

    def claims(self, item: Item, text: str) -> bool | None:
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        parsed = self.parse(item, text)
        if parsed is None:
            return Verdict(0.0, Outcome.UNPARSED)
        return Verdict(float(parsed == str(item.gold)), parsed=parsed)


def sums_task(grader: Any = None) -> Task:
    """A task of one's own, with items in groups."""
    splits = {
        split: [
            Item(f"{split}-{i}", f"{ask} {i} + {i + 7}?", 2 * i + 7, group=f"{split}-{i // 2}")
            for i in range(count)
        ]
        for split, ask, count in (
            ("search", "What is", 40),
            ("selection", "Tell me", 30),
            ("test", "Find me", 40),
        )
    }
    profile = TokenProfile(question=40, answer=5)
    return Task("sums", splits, grader or LastNumber(), profile, fingerprint="1")


def verdict(call: Call) -> str:
    """A judge in words: right where the last number of the answer is the reference."""
    prompt = call.messages[-1].content
    gold = prompt.split("Reference answer:\n| ")[1].split("\n")[0]
    said = prompt.split("Answer to be judged:\n| ")[1].split("\n")[0].split()[-1]
    return f"They are compared.\nVERDICT: {'RIGHT' if gold == said else 'WRONG'}"


def labelled_file(folder: Path) -> str:
    """Answers that people judged, of questions of `sums_task`; one is judged against the rule."""
    rows = []
    for i in range(12):
        gold, right = 2 * i + 7, i % 2 == 0
        said = f"answer {gold if right else gold + 1}"
        rows.append({"item": f"search-{i}", "answer": said, "right": right != (i == 3)})
    path = folder / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def advice(call: Call) -> str:
    """A search agent in words: every other reply is no JSON, so it is asked again."""
    if len(call.messages) == 2 and luck(call.seed, call.messages[-1].content) < 0.5:
        return "I would take the larger model."
    model = {"role": "assistant", "model": "large"}
    graph = {
        "nodes": [model, model, {"role": "vote", "model": None}],
        "edges": [[0, 2], [1, 2]],
        "sink": 2,
    }
    edits = [{"target": "1:large", "delta": 0.5, "reason": "it does better"}]
    return json.dumps({"summary": "Take the larger one.", "edits": edits, "graphs": [graph]})


def judged(call: Call) -> str:
    """Models and their judge behind one engine."""
    return verdict(call) if call.stream == "judge" else answer(call)


def advised(call: Call) -> str:
    """Models and the search agent behind one engine."""
    return advice(call) if call.stream == "agent" else answer(call)


def failing(call: Call) -> str:
    """The large model refuses one question in twelve, and the small one is away for others."""
    draw = luck("fails", call.messages[-1].content.split("?")[0])
    if call.model == "large" and draw < 1 / 12:
        raise Rejected("no such question for me")
    if call.model == "small" and draw > 11 / 12:
        raise Unavailable("the server is away")
    return answer(call)


def wordy(call: Call) -> Reply:
    """Answers as ever, with token counts that no plan expects."""
    prompt, said = {"small": (30, 20), "large": (60, 4)}[call.model]
    read = call.messages[-1].content.count("answer ")
    return Reply(answer(call), Usage(prompt + 10 * read, said, 1))


def record_folder(folder: Path) -> str:
    """A record of three models on 120 sums, four samples each; `dear` is the best of them."""
    home = folder / "record"
    home.mkdir(exist_ok=True)
    lines, questions = [], []
    for n in range(120):
        questions.append({"qid": f"q{n}", "question": f"{n} + 1 =", "gold": n + 1})
        for model, skill in (("cheap", 0.6), ("other", 0.65), ("dear", 0.9)):
            samples = []
            for draw in range(4):
                right = luck(model, n, draw) < skill
                said = str(n + 1 if right else n + 2 + int(3 * luck("wrong", model, n, draw)))
                samples.append({"answer": said, "correct": int(right), "chars": 40})
            lines.append({"qid": f"q{n}", "model": model, "samples": samples})
    for name, rows in (("records", lines), ("questions", questions)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (home / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return str(home)


GRADE = """import re

def grade(item, reply):
    found = re.findall(r"-?[0-9]+", reply)
    right = bool(found) and found[-1] == str(item.gold)
    return {"score": float(right), "parsed": found[-1] if found else None}
"""


def grader_file(folder: Path) -> str:
    """A file with a grading function, as the grader `python` takes it."""
    path = folder / "grading.py"
    path.write_text(GRADE, encoding="utf-8")
    return f"{path}:grade"
