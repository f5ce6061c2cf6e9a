"""The task `replay`: the questions of a record of real models."""

import asyncio
import json

import pytest

from graphsearch.engines.replay import ReplayEngine
from graphsearch.evaluators.tasks import get_task, source_of
from graphsearch.evaluators.tasks.examine import examine
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import check_task

STORY = "Anna has {} apples and buys {} more at the market on a sunny day; how many has she now?"


def put(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def record(tmp_path):
    """Sixty sums and nine stories that differ in their numbers; `b` did not answer all."""
    asked = [f"{n} + 1 =" for n in range(60)] + [STORY.format(n, n + 1) for n in range(9)]
    samples = [{"answer": "yes", "correct": 1}, {"answer": "no", "correct": 0}]
    questions = [
        {"qid": f"q{n}", "question": text, "gold": "yes", "kind": n % 2}
        for n, text in enumerate(asked)
    ]
    answers = [{"qid": q["qid"], "model": "a", "samples": samples} for q in questions]
    put(tmp_path / "questions.jsonl", questions)
    put(tmp_path / "records.jsonl", [*answers, *({**row, "model": "b"} for row in answers[:50])])
    return tmp_path


def homes(task):
    return {item.id: split for split, items in task.splits.items() for item in items}


def test_near_duplicates_of_a_record_share_a_split_and_a_group(record):
    task = get_task("replay", path=record)
    check_task(task)
    stories = [i for items in task.splits.values() for i in items if "Anna" in i.question]
    assert len(stories) == 9
    assert len({homes(task)[item.id] for item in stories}) == 1
    assert {item.group for item in stories} == {"near q60"}
    apart = get_task("replay", path=record, near_duplicates=None)
    assert {i.group for items in apart.splits.values() for i in items} == {None}
    assert len({homes(apart)[item.id] for item in stories}) > 1


def test_the_salt_moves_questions_and_growth_does_not(record):
    first = homes(get_task("replay", path=record))
    assert homes(get_task("replay", path=record, salt=1)) != first
    rows = [json.loads(line) for line in (record / "questions.jsonl").read_text().splitlines()]
    put(record / "questions.jsonl", rows[::-1])
    assert homes(get_task("replay", path=record)) == first
    fewer = homes(get_task("replay", path=record, models=["a", "b"]))
    assert len(fewer) == 50
    assert fewer.items() <= first.items()


def test_what_was_recorded_as_right_is_the_gold_and_the_rest_is_kept(record):
    task = get_task("replay", path=record)
    item = task.splits["search"][0]
    assert (item.gold, set(item.meta)) == (["yes"], {"kind"})
    assert (task.prompt_set, task.is_estimated) == ("replay", False)
    judged = get_task("replay", path=record, grader="exact")
    assert judged.splits["search"][0].gold == "yes"


def test_one_question_of_two_ids_stays_two(record):
    rows = [json.loads(line) for line in (record / "questions.jsonl").read_text().splitlines()]
    rows[1] |= {"question": rows[0]["question"], "gold": "no"}
    put(record / "questions.jsonl", rows)
    found = homes(get_task("replay", path=record))
    assert found["q0"] == found["q1"]
    with pytest.raises(TaskError, match=r"jsonl:2: question '0 \+ 1 =' has the known answer 'no'"):
        get_task("replay", path=record, grader="exact")
    found = homes(get_task("replay", path=record, grader="exact", contradictions="leave-out"))
    assert len(found) == 67


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"most": -1}, "task.options.most: must be at least 1, got -1"),
        ({"most": 0}, "task.options.most: must be at least 1, got 0"),
        ({"near_duplicates": 1.5}, "task.options.near_duplicates: must be above 0 and at most 1"),
        ({"shares": {"search": 1, "selection": 1, "test": float("inf")}}, "task.options.shares: {"),
        ({"shares": {"search": 1, "selection": -1, "test": 1}}, "'selection': -1, 'test': 1} must"),
        ({"models": ["c"]}, "task.options.models: no model 'c' was recorded; of a, b"),
        ({"grader_options": {"x": 1}}, "task.options.grader_options: go with a grader"),
        ({"group_field": "story"}, "questions.jsonl:1: no field 'story'; the line has: gold, kind"),
        ({"read": "aloud"}, "task.options.read: must be 'exact', 'text' or 'number', got 'aloud'"),
        ({"path": None}, "task.options.path: task 'replay' needs the option 'path', the folder of"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_their_value(record, options, said):
    with pytest.raises(TaskError) as caught:
        get_task("replay", **{"path": record, **options})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("questions", {"qid": "q0"}, "questions.jsonl:1: 'q0' has no 'question'"),
        ("questions", {"question": "why?"}, "questions.jsonl:1: has no 'qid'"),
        ("records", {"qid": "q0", "model": "a"}, "records.jsonl:1: expected a line with qid, mo"),
        (
            "records",
            {"qid": "q0", "model": "a", "samples": [{"answer": "x"}]},
            ": does not tell whether 'a' is right on 'q0'; give a grader",
        ),
    ],
)
def test_a_field_that_is_missing_is_named_with_file_and_line(record, name, row, said):
    put(record / f"{name}.jsonl", [row])
    with pytest.raises(TaskError) as caught:
        get_task("replay", path=record)
    assert said in str(caught.value)


def test_a_record_without_golds_cannot_be_judged_by_a_grader(record):
    put(record / "questions.jsonl", [{"qid": f"q{n}", "question": f"{n}?"} for n in range(50)])
    assert len(homes(get_task("replay", path=record))) == 50
    with pytest.raises(TaskError, match=r"questions\.jsonl:1: no field 'gold'; the line has: qid"):
        get_task("replay", path=record, grader="exact")


def test_a_record_can_be_examined(record):
    seen = examine(source_of("replay", path=record))
    assert (seen.questions, seen.errors) == (69, ())
    assert len(seen.near[0].where) == 9
    put(record / "questions.jsonl", [{"qid": "q0"}])
    (error,) = examine(source_of("replay", path=record)).errors
    assert "questions.jsonl:1: 'q0' has no 'question'" in str(error)


def test_what_a_record_calls_right_is_right_though_it_says_nothing(tmp_path):
    """An empty and a blank answer, and one that could not be read; another model's are wrong."""
    texts = ["", "  ", None, "yes"]
    put(tmp_path / "questions.jsonl", [{"qid": f"q{n}", "question": f"{n}?"} for n in range(40)])
    rows = [
        {"qid": f"q{n}", "model": model, "samples": [{"answer": texts[n % 4], "correct": right}]}
        for n in range(40)
        for model, right in (("a", True), ("b", False))
    ]
    put(tmp_path / "records.jsonl", rows)
    task = get_task("replay", path=tmp_path, near_duplicates=None)
    engine = ReplayEngine(tmp_path)
    for items in task.splits.values():
        for item in items:
            for model, score in (("a", 1.0), ("b", 0.0)):
                messages = (Message("user", item.question),)
                call = Call(model, messages, Sampling(), item=item.id)
                reply = asyncio.run(engine.generate(call))
                graded = reply.outcome is Outcome.ANSWERED
                if model == "a" or texts[int(item.id[1:]) % 4] != "yes":
                    verdict = task.grader.grade(item, reply.text) if graded else None
                    assert (verdict.score if verdict else 0.0) == score, (item, reply)


def test_answers_to_questions_that_are_not_there_are_pointed_out(record):
    rows = [json.loads(line) for line in (record / "questions.jsonl").read_text().splitlines()]
    put(record / "questions.jsonl", rows[3:])
    (said,) = examine(source_of("replay", path=record)).warnings
    assert said.startswith("6 lines of the record answer questions that it does not hold: 'q0',")
    put(record / "questions.jsonl", rows)
    assert examine(source_of("replay", path=record)).warnings == ()
