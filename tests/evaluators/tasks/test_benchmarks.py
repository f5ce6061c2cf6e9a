"""Published benchmarks, from the files that their users have."""

import gzip
import json

import pytest

from graphsearch.evaluators.tasks import get_task, source_of
from graphsearch.evaluators.tasks.examine import examine
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import check_task


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


def put_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def items_of(task):
    return {item.id: item for items in task.splits.values() for item in items}


def sums(count):
    return [
        {"question": f"What is {n} + 1?", "answer": f"{n}+1=<<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"}
        for n in range(count)
    ]


def problems(count, **more):
    return [
        {
            "problem": f"Find $x$ if $x={n}$.",
            "solution": rf"It is \boxed{{\frac{{{n}}}{{7}}}}.",
            "level": f"Level {1 + n % 5}",
            "type": ["Algebra", "Counting & Probability"][n % 2],
            **more,
        }
        for n in range(count)
    ]


def test_gsm8k_golds_are_numbers_without_commas_or_reasoning(tmp_path):
    rows = [*sums(40), {"question": "How many are a thousand and two?", "answer": "x\n#### 1,002"}]
    (tmp_path / "test.jsonl").write_text(lines(rows))
    task = get_task("gsm8k", path=tmp_path)
    assert (task.name, task.grader.name, task.prompt_set) == ("gsm8k", "numeric", "chat-number")
    golds = {item.question: item.gold for item in items_of(task).values()}
    assert golds["How many are a thousand and two?"] == "1002"
    assert golds["What is 7 + 1?"] == "8"


def test_parts_files_and_gzip(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines(sums(40)))
    with gzip.open(tmp_path / "train.jsonl.gz", "wt") as file:
        file.write(lines(sums(90)[40:]))
    sizes = {
        part: len(items_of(get_task("gsm8k", path=tmp_path, part=part)))
        for part in ("test", "train", "all")
    }
    assert sizes == {"test": 40, "train": 50, "all": 90}
    assert len(items_of(get_task("gsm8k", path=tmp_path / "train.jsonl.gz"))) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "task.options.path: task 'gsm8k' needs the file or folder"),
        ({"path": "nowhere.jsonl"}, "nowhere.jsonl: cannot be read: No such file"),
        ({"path": "nowhere"}, "nowhere: cannot be read: No such file"),
        ({"path": __file__}, "test_benchmarks.py: is none of .jsonl, .csv"),
        ({"path": ".", "part": "dev"}, "task.options.part: is 'dev', must be one of test, train"),
        ({"path": ".", "near_duplicates": 1.5}, "task.options.near_duplicates: must be above 0"),
        ({"path": "null\0byte"}, "cannot be read: No such file"),
        ({"pathh": "."}, "task.options: unknown option 'pathh' of task 'gsm8k'; known: contra"),
    ],
)
def test_options_that_are_wrong(options, words):
    with pytest.raises(TaskError) as caught:
        get_task("gsm8k", **options)
    assert words in str(caught.value)


def test_a_folder_without_the_benchmark_says_what_was_looked_for(tmp_path):
    with pytest.raises(TaskError, match=r"holds no gsm8k; looked for test.jsonl, test.jsonl.gz"):
        get_task("gsm8k", path=tmp_path)


def test_a_worked_answer_without_its_mark_is_refused_with_its_line(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines([*sums(3), {"question": "Why?", "answer": "So."}]))
    with pytest.raises(TaskError, match=r"test.jsonl:4: field 'answer' does not end in '####"):
        get_task("gsm8k", path=tmp_path)


def test_math_from_a_folder_of_problems(tmp_path):
    for n, row in enumerate(problems(40)):
        folder = tmp_path / "test" / ("algebra" if n % 2 == 0 else "counting_and_probability")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n}.json").write_text(json.dumps(row))
    task = get_task("math", path=tmp_path, grader="exact")
    item = items_of(task)["test/algebra/4.json"]
    assert item.gold == r"\frac{4}{7}"
    assert item.meta == {"level": 5, "subject": "algebra"}
    assert (task.profile.question, task.profile.answer) == (202, 275)


def test_levels_and_subjects_of_math(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(lines(problems(200)))
    options = {"levels": [4, 5], "subjects": ["Counting & Probability"]}
    found = items_of(get_task("math", path=path, grader="exact", **options)).values()
    assert len(found) == 40
    assert {i.meta["level"] for i in found} == {4, 5}
    assert {i.meta["subject"] for i in found} == {"counting_and_probability"}
    with pytest.raises(TaskError, match=r"task.options.levels: holds 6, must be of 1 to 5"):
        get_task("math", path=path, grader="exact", levels=[6])
    with pytest.raises(TaskError, match=r"task.options.subjects: holds 'chess', must be of algeb"):
        get_task("math", path=path, grader="exact", subjects=["chess"])


def test_a_problem_without_an_answer_is_refused_with_its_line(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(lines([*problems(2), *problems(1, solution="None.", problem="Why?")]))
    with pytest.raises(TaskError, match=r"test.jsonl:3: has neither a field 'answer' nor a"):
        get_task("math", path=path, grader="exact")


def program(number, **more):
    return {
        "task_id": number,
        "text": f"Write f{number}.",
        "code": f"def f{number}(): return 1",
        "test_list": [f"assert f{number}() == 1"],
        "test_setup_code": "import math",
        "challenge_test_list": [],
        **more,
    }


def test_mbpp_and_its_sanitized_form(tmp_path):
    (tmp_path / "mbpp.jsonl").write_text(lines([program(n) for n in range(1, 80)]))
    task = get_task("mbpp", path=tmp_path, grader="exact", near_duplicates=None)
    items = items_of(task)
    assert set(items) == {str(n) for n in range(11, 80)}
    assert items["20"].question.endswith("pass these tests:\n\nassert f20() == 1")
    assert items["20"].meta["test_setup_code"] == "import math"
    clean = tmp_path / "sanitized-mbpp.json"
    rows = [program(n, prompt="Do it.", test_imports=["import re"]) for n in range(1, 80)]
    for row in rows:
        del row["text"], row["test_setup_code"]
    clean.write_text(json.dumps(rows))
    options = {"grader": "exact", "part": "all", "near_duplicates": None}
    item = items_of(get_task("mbpp", path=clean, **options))["3"]
    assert item.question.startswith("Do it.")
    assert item.meta["test_setup_code"] == "import re"
    clean.write_text(json.dumps([program("three")]))
    with pytest.raises(TaskError, match=r"row 1: field 'task_id' is 'three', must be a whole num"):
        get_task("mbpp", path=clean, grader="exact")


def test_humaneval_gzipped(tmp_path):
    rows = [
        {
            "task_id": f"HumanEval/{n}",
            "prompt": f"def f{n}():\n    # one\n",
            "canonical_solution": "    return 1\n",
            "test": "def check(candidate): assert candidate() == 1",
            "entry_point": f"f{n}",
        }
        for n in range(60)
    ]
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(gzip.compress(lines(rows).encode()))
    task = get_task("humaneval", path=tmp_path, grader="exact")
    item = items_of(task)["HumanEval/7"]
    assert item.meta["prompt"] == "def f7():\n    # one\n"
    assert item.gold == "    return 1\n"


# -- choices ---------------------------------------------------------------------------------------


def released_mmlu(folder, part, count):
    """Files as in data.tar of hendrycks/test, whose evaluate.py reads them with `header=None`.

    Six cells a row: question, four choices, letter. Cells are quoted only where they must be: those
    with commas, and questions with line breaks and doubled quotes, as in computer science.
    """
    (folder / part).mkdir(parents=True)
    for subject in ("anatomy", "high_school_physics"):
        rows = [
            f'"What, in {subject}, is {n} of {part}?",a{n},0.93,"c, d",15:02,C'
            for n in range(count)
        ]
        rows.append(f'"What prints ""{part}""?\n FOR EACH i IN list\n   DISPLAY i\n ",a,b,c,d,A')
        (folder / part / f"{subject}_{part}.csv").write_text("\n".join(rows) + "\n")


def test_mmlu_as_its_release_lays_it_out(tmp_path):
    for part, count in (("test", 39), ("val", 30), ("dev", 5)):
        released_mmlu(tmp_path / "data", part, count)
    task = get_task("mmlu", path=tmp_path, near_duplicates=None)
    assert (task.grader.name, task.prompt_set) == ("choice", "chat-choice")
    items = items_of(task).values()
    assert len(items) == 80
    item = next(i for i in items if i.question.startswith("What, in anatomy, is 7 of test?"))
    assert item.question.splitlines()[2:] == ["A. a7", "B. 0.93", "C. c, d", "D. 15:02"]
    assert (item.gold, item.meta["subject"]) == ("C", "anatomy")
    code = next(i for i in items if i.question.startswith("What prints"))
    assert code.question.splitlines()[:3] == [
        'What prints "test"?',
        " FOR EACH i IN list",
        "   DISPLAY i",
    ]
    physics = get_task(
        "mmlu", path=tmp_path, subjects=["High School Physics"], near_duplicates=None
    )
    assert len(items_of(physics)) == 40
    everything = get_task("mmlu", path=tmp_path / "data", part="all", near_duplicates=None)
    assert len(items_of(everything)) == 80 + 62 + 12
    with pytest.raises(
        TaskError, match=r"task.options.subjects: holds 'law', of which there is no"
    ):
        get_task("mmlu", path=tmp_path, subjects=["law", "anatomy"])


def test_mmlu_as_the_hub_lays_it_out(tmp_path):
    """Features of cais/mmlu: question, subject, choices, answer as a class label (0 is A)."""
    for part, count in (("test", 40), ("validation", 30), ("dev", 5)):
        rows = [
            {
                "question": f"What is {n} of {part}?",
                "subject": "abstract_algebra",
                "choices": ["0", "4", "2", "6"],
                "answer": n % 4,
            }
            for n in range(count)
        ]
        put_parquet(tmp_path / "all" / f"{part}-00000-of-00001.parquet", rows)
        put_parquet(tmp_path / "abstract_algebra" / f"{part}-00000-of-00001.parquet", rows)
    items = items_of(get_task("mmlu", path=tmp_path)).values()
    assert len(items) == 40
    assert {i.gold for i in items} == {"A", "B", "C", "D"}
    assert {i.meta["subject"] for i in items} == {"abstract_algebra"}
    assert len(items_of(get_task("mmlu", path=tmp_path, part="val"))) == 30


def test_mmlu_from_csv_with_a_header_and_answers_that_count_from_0(tmp_path):
    head = "question,A,B,C,D,answer"
    (tmp_path / "law_test.csv").write_text(
        "\n".join([head, *(f"q{n},a,b,c,d,B" for n in range(40))])
    )
    assert len(items_of(get_task("mmlu", path=tmp_path))) == 40
    rows = [
        {"question": f"q{n}", "subject": "law", "choices": ["a", "b"], "answer": n % 2}
        for n in range(40)
    ]
    (tmp_path / "test.jsonl").write_text(lines(rows))
    task = get_task("mmlu", path=tmp_path / "test.jsonl")
    assert {i.gold for i in items_of(task).values()} == {"A", "B"}
    (tmp_path / "test.jsonl").write_text(lines([{**rows[0], "answer": 2}]))
    with pytest.raises(TaskError, match=r"jsonl:1: field 'answer' is 2, must be a letter of AB or"):
        get_task("mmlu", path=tmp_path / "test.jsonl")


def pro(n, **more):
    """A row with the features of TIGER-Lab/MMLU-Pro, in the order of its card.

    `cot_content` is empty in the part `test` and begins "A: Let's think step by step" in
    `validation`; the first release filled the options up to ten with "N/A".
    """
    return {
        "question_id": 70 + n,
        "question": f"q{n}",
        "options": ["a", "b", "c", *["N/A"] * 7] if n % 2 else list("abcdefghij"),
        "answer": "C",
        "answer_index": 2,
        "cot_content": "",
        "category": ["math", "computer science"][n % 2],
        "src": "ori_mmlu-business_ethics",
        **more,
    }


def test_mmlu_pro_as_the_hub_lays_it_out(tmp_path):
    validation = [pro(n, cot_content="A: Let's think.") for n in range(40)]
    put_parquet(tmp_path / "data/test-00000-of-00001.parquet", [pro(n) for n in range(60)])
    put_parquet(tmp_path / "data/validation-00000-of-00001.parquet", validation)
    items = items_of(get_task("mmlu-pro", path=tmp_path))
    assert len(items) == 60
    assert items["73"].meta == {"category": "computer science", "choices": ["a", "b", "c"]}
    assert items["74"].meta["choices"] == list("abcdefghij")
    assert items["74"].question.splitlines()[-1] == "J. j"
    assert items["74"].gold == "C"
    assert len(items_of(get_task("mmlu-pro", path=tmp_path, part="validation"))) == 40
    assert examine(source_of("mmlu-pro", path=tmp_path)).worked_tokens is None
    worked = examine(source_of("mmlu-pro", path=tmp_path, part="validation")).worked_tokens
    assert worked == len("A: Let's think.") / 4


def test_mmlu_pro_as_lines_and_by_category(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines([pro(n) for n in range(60)]))
    some = get_task("mmlu-pro", path=tmp_path, categories=["Math"], near_duplicates=None)
    assert len(items_of(some)) == 30
    with pytest.raises(
        TaskError, match=r"task.options.categories: holds 'chess', must be of biolog"
    ):
        get_task("mmlu-pro", path=tmp_path, categories=["chess"])


# -- hotpotqa, bbh, game24 -------------------------------------------------------------------------


def hop(n, **more):
    return {
        "_id": f"h{n}",
        "question": f"Who is {n}?",
        "answer": f"Ann {n}",
        "type": "bridge",
        **more,
    }


@pytest.mark.parametrize(
    "context",
    [
        [["Ann", ["Ann was here.", " She left."]], ["Bob", ["Bob stayed."]]],
        {"title": ["Ann", "Bob"], "sentences": [["Ann was here.", "She left."], ["Bob stayed."]]},
    ],
)
def test_passages_of_hotpotqa_stand_before_the_question(tmp_path, context):
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([hop(n, context=context) for n in range(40)]))
    item = items_of(get_task("hotpotqa", path=tmp_path, grader="exact"))["h7"]
    assert item.question == "Ann\nAnn was here. She left.\n\nBob\nBob stayed.\n\nWho is 7?"
    assert item.meta == {"type": "bridge"}
    alone = get_task("hotpotqa", path=tmp_path, grader="exact", passages=False)
    assert items_of(alone)["h7"].question == "Who is 7?"


@pytest.mark.parametrize("context", [3, [["Ann"]], [["Ann", "was here"]], {"title": ["Ann"]}, [3]])
def test_passages_of_another_shape_are_refused(tmp_path, context):
    path = tmp_path / "dev.jsonl"
    path.write_text(lines([hop(1, context=context)]))
    with pytest.raises(
        TaskError, match=r"dev\.jsonl:1: field 'context' is .*, must be a list of p"
    ):
        get_task("hotpotqa", path=path, grader="exact")


def bbh_file(folder, name, examples):
    folder.mkdir(exist_ok=True)
    record = {"canary": "DO NOT TRAIN canary GUID 1234", "examples": examples}
    (folder / f"{name}.json").write_text(json.dumps(record))


def test_bbh_is_judged_by_what_each_question_asks_for(tmp_path):
    lists = "Which?\nOptions:\n(A) one\n(B) two"
    bbh_file(tmp_path, "dates", [{"input": f"{n} {lists}", "target": "(B)"} for n in range(30)])
    bbh_file(tmp_path, "sums", [{"input": f"{n} - 40 =", "target": str(n - 40)} for n in range(30)])
    bbh_file(tmp_path, "lies", [{"input": f"Does {n} lie?", "target": "Yes"} for n in range(30)])
    task = get_task("bbh", path=tmp_path)
    assert (task.grader.name, task.prompt_set) == ("bbh", "chat")
    items = {i.question: i for i in items_of(task).values()}
    assert not any("canary" in question for question in items)
    date, total, lie = items[f"7 {lists}"], items["7 - 40 ="], items["Does 7 lie?"]
    assert date.meta == {"subtask": "dates", "form": "choice", "choices": ["one", "two"]}
    said = {
        (date.id, "Answer: (B)"): 1,
        (date.id, "Answer: two"): 1,
        (date.id, "Answer: (A)"): 0,
        (total.id, "so\nAnswer: -33.0"): 1,
        (lie.id, "Answer: yes."): 1,
        (lie.id, "Answer: no"): 0,
    }
    by_id = {i.id: i for i in items.values()}
    for (name, reply), score in said.items():
        assert task.grader.grade(by_id[name], reply).score == score, reply
    only = get_task("bbh", path=tmp_path, subtasks=["sums"])
    assert {i.meta["subtask"] for i in items_of(only).values()} == {"sums"}
    with pytest.raises(TaskError, match="subtasks: holds 'chess'; there are dates, lies, sums"):
        get_task("bbh", path=tmp_path, subtasks=["chess"])


def test_a_letter_that_is_none_of_the_choices_is_refused(tmp_path):
    bbh_file(tmp_path, "dates", [{"input": "Which?\n(A) one", "target": "(C)"}])
    with pytest.raises(TaskError, match=r"dates\.json: row 1: the answer \(C\) is none of the ch"):
        get_task("bbh", path=tmp_path)


def test_questions_that_are_there_twice_are_taken_once(tmp_path):
    examples = [{"input": f"Does {n} lie?", "target": "Yes"} for n in range(30)]
    bbh_file(tmp_path, "lies", [*examples, examples[3]])
    task = get_task("bbh", path=tmp_path)
    check_task(task)
    assert len(items_of(task)) == 30


def test_one_question_with_two_known_answers_is_refused_or_left_out_by_name(tmp_path):
    rows = sums(40)
    again = [*rows, {**rows[4], "answer": "#### 6"}, {**rows[4], "answer": "#### 5"}]
    (tmp_path / "test.jsonl").write_text(lines(again))
    with pytest.raises(TaskError) as caught:
        get_task("gsm8k", path=tmp_path, contradictions="refuse")
    said = str(caught.value).removeprefix(str(tmp_path))
    assert said.startswith(
        "/test.jsonl:41: question 'What is 4 + 1?' has the known answer '6' here and '5' in line 5;"
    )
    task = get_task("gsm8k", path=tmp_path)  # a benchmark's user cannot mend it
    assert "What is 4 + 1?" not in {item.question for item in items_of(task).values()}
    assert len(items_of(task)) == 39
    source = source_of("gsm8k", path=tmp_path)
    (places,) = examine(source).left_out
    assert [place.rpartition(":")[2] for place in places] == ["5", "41", "42"]


def test_ids_do_not_make_one_question_two(tmp_path):
    rows = [
        {"question_id": n, "question": f"q{n}", "options": ["a", "b"], "answer": "A"}
        | {"category": "math"}
        for n in range(40)
    ]
    path = tmp_path / "test.jsonl"
    path.write_text(lines([*rows, rows[3] | {"question_id": 99, "answer": "B"}]))
    with pytest.raises(TaskError, match=r"test\.jsonl:41: question .* 'B' here and 'A' in line 4"):
        get_task("mmlu-pro", path=path, contradictions="refuse")


def test_game24_asks_for_its_numbers(tmp_path):
    head = "Rank,Puzzles,AMT (s)"
    rows = [f"{n},{1 + n % 13} {1 + n // 13} 5 6,4.4" for n in range(60)]
    path = tmp_path / "24.csv"
    path.write_text("\n".join([head, *rows]))
    task = get_task("game24", path=tmp_path, grader="exact")
    item = items_of(task)["8 1 5 6"]
    assert "8, 1, 5, 6" in item.question
    assert (item.gold, item.meta) == (24, {"numbers": [8, 1, 5, 6]})
    asked = get_task("game24", path=path)
    assert asked.prompt_set == "chat-game24"
    item = items_of(asked)["4 1 5 6"]
    assert asked.grader.grade(item, "Answer: 4 / (1 - 5 / 6)").score == 1
    some = get_task("game24", path=path, grader="exact", rows_between=[10, 50])
    assert len(items_of(some)) == 40
    with pytest.raises(TaskError, match=r"task\.options\.rows_between: is \[9\], must be two num"):
        get_task("game24", path=path, grader="exact", rows_between=[9])
    path.write_text(f"{head}\n1,4 5 six 10,4.4")
    with pytest.raises(
        TaskError, match=r"24\.csv:2: field 'Puzzles' is '4 5 six 10', must be four"
    ):
        get_task("game24", path=path, grader="exact")
