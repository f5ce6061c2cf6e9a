"""Published benchmarks as they are: the real files, where they lie beside the project."""

from graphsearch.evaluators.tasks import get_task, source_of
from graphsearch.evaluators.tasks.examine import examine
from graphsearch.records.tasks import check_task
from tests.evaluators.tasks.test_benchmarks import items_of
from tests.support import shared_data


def test_gsm8k_as_published():
    task = get_task("gsm8k", path=shared_data("gsm8k"))
    check_task(task)
    items = items_of(task).values()
    assert len(items) == 1319
    assert all(task.grader.grade(item, f"Answer: {item.gold}").score == 1 for item in items)
    assert (
        len(
            items_of(
                get_task("gsm8k", path=shared_data("gsm8k"), part="train", near_duplicates=None)
            )
        )
        == 7473
    )


def test_math_as_published():
    folder = shared_data("math500")
    task = get_task("math", path=folder, grader="exact")
    check_task(task)
    items = items_of(task)
    assert len(items) == 500
    assert items["test/precalculus/807.json"].gold == r"\left( 3, \frac{\pi}{2} \right)"
    others = items_of(get_task("math", path=folder / "dev500.jsonl", grader="exact"))
    assert len(others) == 500
    assert others["1983"].gold == r"14\pi"
    five = get_task("math", path=folder, grader="exact", levels=[5])
    assert len(items_of(five)) == 134


def test_humaneval_and_mbpp_as_published():
    code = get_task("humaneval", path=shared_data("humaneval"), grader="exact")
    check_task(code)
    item = items_of(code)["HumanEval/0"]
    assert len(items_of(code)) == 164
    assert set(item.meta) == {"prompt", "test", "entry_point"}
    assert item.meta["prompt"].rstrip() in item.question
    assert "canonical" not in item.question
    for part, count in {"test": 500, "prompt": 10, "validation": 90, "train": 374}.items():
        task = get_task(
            "mbpp",
            path=shared_data("mbpp"),
            part=part,
            grader="exact",
            shares={"search": 1, "selection": 1, "test": 1},
        )
        assert len(items_of(task)) == count
    everything = get_task("mbpp", path=shared_data("mbpp"), part="all", grader="exact")
    item = items_of(everything)["11"]
    assert all(test in item.question for test in item.meta["test_list"])


def test_hotpotqa_as_published():
    task = get_task("hotpotqa", path=shared_data("hotpotqa-small"))
    check_task(task)
    assert (task.grader.name, task.prompt_set) == ("f1", "chat-short")
    items = items_of(task).values()
    wrong = {i.gold for i in items if task.grader.grade(i, f"Answer: {i.gold}").score < 1}
    assert wrong == {"!!!"}  # a band, of whose name no rule of SQuAD's leaves anything


def test_mmlu_and_game24_as_published():
    task = get_task("mmlu", path=shared_data("mmlu"))
    check_task(task)
    assert len(items_of(task)) == 1140
    assert all(
        task.grader.grade(item, f"Answer: {item.gold}").score == 1
        for item in items_of(task).values()
    )
    law = get_task("mmlu", path=shared_data("mmlu"), subjects=["professional_law", "anatomy"])
    assert len(items_of(law)) == 40
    puzzles = get_task("game24", path=shared_data("game24"))
    assert len(items_of(puzzles)) == 1362
    paper = {"rows_between": [900, 1000]}
    assert len(items_of(get_task("game24", path=shared_data("game24"), **paper))) == 100


def test_bbh_as_published():
    folder = shared_data("bbh")
    task = get_task("bbh", path=folder)
    check_task(task)
    items = items_of(task).values()
    assert len({item.meta["subtask"] for item in items}) == 17
    # 4,011 less two that are there twice, and less two that have both answers
    assert len(items) == 4005
    left_out = examine(source_of("bbh", path=folder)).left_out
    assert [[place.rpartition(" ")[2] for place in places] for places in left_out] == [
        ["37", "105"],
        ["33", "120"],
    ]
    assert not any("canary" in item.question.casefold() for item in items)
    for item in items:
        assert task.grader.grade(item, f"Let me see.\nAnswer: {item.gold}").score == 1, item
