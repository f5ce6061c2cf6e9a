"""Every registered task passes the conformance suite, each made of a few rows of its own kind."""

import json
import sys
from itertools import combinations_with_replacement
from typing import ClassVar

import pytest

from graphsearch.evaluators.tasks import get_task, load_task, task_names
from graphsearch.evaluators.tasks.puzzle import legal_traces
from graphsearch.evaluators.tasks.recall import walk
from graphsearch.records.tasks import Item, Task, TokenProfile
from graphsearch.testing import TaskConformance

COUNT = 60


class Files(TaskConformance):
    """A task that is read from a file or a folder, which `write` makes."""

    name = ""
    options: ClassVar = {}

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        self.write()

    def write(self):
        raise NotImplementedError

    def put(self, name, rows):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(json.dumps(row) for row in rows))

    def make(self):
        return get_task(self.name, path=self.folder, **self.options)


class TestLocal(Files):
    def write(self):
        rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(COUNT)]
        self.put("q.jsonl", rows)

    def make(self):
        return load_task(self.folder / "q.jsonl")


class TestFunction(Files):
    """Rows that a function of the user's returns."""

    def write(self):
        code = "def rows():\n    return [{'question': f'{n}?', 'answer': n} for n in range(60)]\n"
        (self.folder / "mine.py").write_text(code)

    def make(self):
        return load_task(f"{self.folder / 'mine.py'}:rows")


class TestGsm8k(Files):
    name = "gsm8k"

    def write(self):
        self.put(
            "test.jsonl",
            [{"question": f"{n} + 1?", "answer": f"So.\n#### {n + 1}"} for n in range(COUNT)],
        )


class TestMath(Files):
    name = "math"

    def write(self):
        rows = [
            {"problem": f"Find $x = {n}$.", "solution": rf"\boxed{{\frac{{{n}}}{{7}}}}"}
            for n in range(COUNT)
        ]
        self.put("test.jsonl", rows)


class TestMmlu(Files):
    name = "mmlu"

    def write(self):
        rows = [
            {"question": f"{n}?", "subject": "law", "choices": ["a", f"b{n}"], "answer": n % 2}
            for n in range(COUNT)
        ]
        self.put("test.jsonl", rows)


class TestMmluPro(Files):
    name = "mmlu-pro"

    def write(self):
        rows = [
            {"question_id": n, "question": f"{n}?", "options": ["a", "b", "N/A"], "answer": "B",
             "category": "math"}
            for n in range(COUNT)
        ]  # fmt: skip
        self.put("test.jsonl", rows)


class TestHotpotQa(Files):
    name = "hotpotqa"

    def write(self):
        rows = [
            {"_id": f"h{n}", "question": f"Who is {n}?", "answer": f"Ann {n}",
             "context": [["Ann", ["Here."]]]}
            for n in range(COUNT)
        ]  # fmt: skip
        self.put("dev.jsonl", rows)


class TestBbh(Files):
    name = "bbh"

    def write(self):
        lists = "Which?\n(A) one\n(B) two"
        rows = [{"input": f"{n} {lists}", "target": "(B)"} for n in range(COUNT)]
        rows += [{"input": f"Does {n} lie?", "target": "Yes"} for n in range(COUNT)]
        rows += [{"input": f"{n} - 40 =", "target": str(n - 40)} for n in range(COUNT)]
        (self.folder / "mixed.json").write_text(json.dumps({"examples": rows}))


class TestGame24(Files):
    name = "game24"

    def write(self):
        found = [(*n, 24 - sum(n)) for n in combinations_with_replacement(range(1, 8), 3)]
        rows = [" ".join(map(str, numbers)) for numbers in found if numbers[3] >= numbers[2]]
        (self.folder / "24.csv").write_text("\n".join(["Puzzles", *rows]))

    def right(self, item):
        return " + ".join(map(str, item.meta["numbers"]))


class Programs(Files):
    most_graded = 2

    def right(self, item):
        return f"```python\n{item.meta.get('prompt', '')}{item.gold}\n```"


class TestHumanEval(Programs):
    name = "humaneval"

    def write(self):
        rows = [
            {"task_id": f"HumanEval/{n}", "prompt": f"def f{n}(x):\n", "entry_point": f"f{n}",
             "canonical_solution": f"    return x + {n}\n",
             "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}"}
            for n in range(COUNT)
        ]  # fmt: skip
        self.put("HumanEval.jsonl", rows)


class TestMbpp(Programs):
    name = "mbpp"
    options: ClassVar = {"near_duplicates": None}

    def write(self):
        rows = [
            {"task_id": n, "text": f"Write f{n}.", "code": f"def f{n}(x):\n    return x + {n}",
             "test_list": [f"assert f{n}(1) == {n + 1}"]}
            for n in range(11, 11 + COUNT)
        ]  # fmt: skip
        self.put("mbpp.jsonl", rows)


class TestReplay(Files):
    name = "replay"

    def write(self):
        self.put("questions.jsonl", [{"qid": f"q{n}", "question": f"{n}?"} for n in range(COUNT)])
        samples = [{"answer": "yes", "correct": True}, {"answer": "no", "correct": False}]
        rows = [{"qid": f"q{n}", "model": "m", "samples": samples} for n in range(COUNT)]
        self.put("records.jsonl", rows)

    def right(self, item):
        return item.gold[0]


class TestPuzzle(TaskConformance):
    def make(self):
        return get_task("puzzle", search=40, selection=20, test=20)

    def right(self, item):
        traces = legal_traces(tuple(item.meta["numbers"]))
        trace = next(trace for trace in traces if trace[-1].result == item.gold)
        steps = zip("ABC", trace, strict=False)
        return " ".join(f"{label} {' '.join(map(str, step))}" for label, step in steps)


class TestRecall(TaskConformance):
    def make(self):
        return get_task("recall", search=40, selection=20, test=20)

    def right(self, item):
        start, said = int(item.question.split()[1][1:]), []
        for label, operation in zip("ABC", item.meta["operations"], strict=False):
            (after,) = walk(start, (operation,))
            said.append(f"{label} s{start} o{operation} s{after}")
            start = after
        return " ".join(said)


def test_every_registered_task_is_here():
    kinds = [kind for kind in vars(sys.modules[__name__]).values() if isinstance(kind, type)]
    here = {getattr(kind, "name", "") for kind in kinds} | {"local", "puzzle", "recall"}
    assert set(task_names()) <= here


def test_the_suite_finds_bad_tasks():
    class Bad(TestPuzzle):
        def make(self):
            good = TestPuzzle.make(self)
            splits = {**good.splits, "test": good.splits["search"]}
            return Task("bad", splits, good.grader, TokenProfile(1, 1), fingerprint="x")

        def right(self, item: Item):
            return "A 1 + 1 3"

    bad = Bad()
    for test in (
        bad.test_splits_share_no_item_and_no_group,
        bad.test_ids_are_unique_and_items_are_json,
        bad.test_a_gold_answer_scores_1_and_an_empty_one_0,
    ):
        with pytest.raises(AssertionError):
            test(bad.make())
