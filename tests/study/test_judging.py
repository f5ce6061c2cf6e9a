"""A study whose answers a model judges: booked apart, kept within budgets, compared with people."""

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from graphsearch import api
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.evaluators.graders import get_grader, grader_recipe
from graphsearch.execution import RetryPolicy
from graphsearch.records.calls import Message, Outcome, Reply, Usage
from graphsearch.records.errors import (
    BudgetRefused,
    FleetError,
    GraderFailed,
    StudyStopped,
    TaskError,
    Unavailable,
)
from graphsearch.records.tasks import JudgeCall, Task
from graphsearch.records.trials import Failure, ItemResult
from graphsearch.study.agreement import agreement_of
from tests.study.world import (
    PROFILE,
    SumGrader,
    experiment_of,
    make_fleet,
    make_settings,
    make_task,
    reply,
)

OWN = {"name": "wise", "parameters": 2_000_000, "layers": 2, "width": 64, "engine": "scripted"}


def the_judge(call):
    """Right where the last number of the answer is the reference; says it in so many words."""
    prompt = call.messages[1].content
    gold = prompt.split("Reference answer:\n| ")[1].split("\n")[0]
    said = prompt.split("Answer to be judged:\n| ")[1].split("\n")[0].split()[-1]
    return f"They are compared.\nVERDICT: {'RIGHT' if gold == said else 'WRONG'}"


def world(call, judge=the_judge):
    return judge(call) if call.stream == "judge" else reply(call)


def judged_task(**options):
    plain = make_task()
    grader = get_grader("llm-judge", model=OWN, reads="numeric", max_tokens=64, **options)
    return Task("sums", plain.splits, grader, PROFILE, fingerprint="sums 1")


def arguments(task=None, script=world, **changes):
    engine = ScriptedEngine(script)
    return {
        "task": task or judged_task(),
        "fleet": make_fleet(),
        "graph_budget": "6 units",
        "search_budget": "9000000 units",
        "space": {"slots": 4},
        "searcher": "random",
        "agent": None,
        "engines": dict.fromkeys(("small", "large", "wise"), engine),
        "settings": make_settings(),
        "retries": RetryPolicy(attempts=1),
        **changes,
    }


def labelled(folder, flipped=0, count=12):
    """Half right, half wrong; the first labels are turned round."""
    path = folder / "labelled.jsonl"
    rows = []
    for i in range(count):
        gold, right = 2 * i + 7, i % 2 == 0
        answer = f"answer {gold if right else gold + 1}"
        rows.append({"item": f"search-{i}", "answer": answer, "right": right != (i < flipped)})
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_a_judged_search_is_a_search(tmp_path):
    result = api.optimize(**arguments(), out=tmp_path / "run")
    spent = result.spend["calls"]["accounts"]
    assert {"judge", "judge-selection", "judge-test", "judge-baseline"} <= set(spent)
    assert result.judge["models"] == ["wise"]
    assert result.judge["answers"] > 0
    assert result.judge["undecided"] == 0
    assert result.judge["agreement"] is None
    assert any("was not measured" in note for note in result.notes)
    kinds = {row.kind for row in result.baselines}
    assert "sampled" in kinds
    assert "best_of_n" not in kinds  # its oracle would be no oracle
    accounts = result.calls["accounts"]
    assert all(
        accounts[name]["asked"] == accounts[name]["made"] for name in spent if "judge" in name
    )
    # The same answers, judged by a rule, make the same search: the judge adds no cost to graphs.
    plain = api.optimize(**arguments(make_task()))
    assert plain.winner.graph.key == result.winner.graph.key
    assert plain.test.to_json() == result.test.to_json()
    # A graph is served and read without its judge.
    assert type(result).load(tmp_path / "run").judge == result.judge


def test_what_serves_the_winner_reads_answers_and_judges_none(tmp_path):
    task = judged_task(labelled=labelled(tmp_path))
    grader = grader_recipe(task.grader)
    assert grader["options"]["labelled"].startswith(str(tmp_path))
    fleet = make_fleet()  # of models that can be served again
    at = {"engine": "http", "endpoint": "http://127.0.0.1:9/v1"}
    fleet = replace(fleet, models=tuple(replace(model, **at) for model in fleet.models))
    result = api.optimize(**arguments(task, fleet=fleet), out=tmp_path / "run")
    for name, given in (("bare", None), ("told", task)):
        result.export(tmp_path / name, task=given)
        record = json.loads((tmp_path / name / "graph.json").read_text())
        assert record["task"]["grader"] == {"name": "numeric", "options": {}}


def test_no_budget_is_passed_when_the_judge_is_dear():
    settings = make_settings(rounds=9)
    result = api.optimize(**arguments(search_budget="9000 units", settings=settings))
    assert result.stopped_by["rule"] == "budget"
    (state,) = result.provenance["budgets"]["search"]
    assert state["spent"] <= state["allowed"]
    # Every verdict was covered before its item was run.
    assert not any("budget_stopped" in counts for counts in result.outcomes.values())


def test_agreement_with_people_is_measured_first_and_told(tmp_path):
    engine = ScriptedEngine(world)
    path = labelled(tmp_path, flipped=1)
    given = arguments(judged_task(labelled=path))
    given["engines"] = dict.fromkeys(("small", "large", "wise"), engine)
    result = api.optimize(**given, out=tmp_path / "run")
    found = result.judge["agreement"]
    assert (found["n"], found["agreed"], found["failed"]) == (12, 11, 0)
    assert found["false_right"] + found["false_wrong"] == 1
    assert found["share"] == pytest.approx(11 / 12)
    assert found["interval"][0] < 11 / 12 < found["interval"][1]
    assert found["kappa"] == pytest.approx(5 / 6, abs=0.02)
    assert [call.stream for call in engine.calls[:24]] == ["judge"] * 24
    assert "agrees with people on 91.7 % of 12" in str(result)


def test_a_judge_below_its_floor_ends_the_search_before_it_begins(tmp_path):
    path = labelled(tmp_path, flipped=4)
    with pytest.raises(StudyStopped, match=r"kappa 0\.33.*accept: true"):
        api.optimize(**arguments(judged_task(labelled=path)), out=tmp_path / "run")
    with pytest.raises(StudyStopped):  # going on with it changes nothing
        api.optimize(**arguments(judged_task(labelled=path)), out=tmp_path / "run")
    task = judged_task(labelled=path, accept=True)
    result = api.optimize(**arguments(task), out=tmp_path / "accepted")
    assert result.judge["agreement"]["agreed"] == 8


def test_a_sample_that_cannot_be_used_is_said_before_anything_is_opened(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"item": "test-1", "answer": "9", "right": true}')
    with pytest.raises(TaskError, match="outside its held-out test split"):
        api.optimize(**arguments(judged_task(labelled=str(path))), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_sample_that_the_budget_does_not_cover_is_refused(tmp_path):
    task = judged_task(labelled=labelled(tmp_path))
    with pytest.raises(BudgetRefused, match="labelled sample"):
        api.optimize(**arguments(task, search_budget="20 units"), out=tmp_path / "run")


def test_a_judge_that_fails_on_its_sample_can_be_tried_again(tmp_path):
    task = judged_task(labelled=labelled(tmp_path))
    down = arguments(task, lambda call: world(call, lambda _: Unavailable("down")))
    with pytest.raises(StudyStopped, match=r"no verdict on 12 of its 12 .*\(12 times: down\)"):
        api.optimize(**down, out=tmp_path / "run")
    assert api.optimize(**arguments(task), out=tmp_path / "run").judge["agreement"]["n"] == 12


def test_a_judge_that_rambles_stops_the_study_and_scores_nothing(tmp_path):
    rambling = arguments(script=lambda call: world(call, lambda _: "Hard to say."))
    with pytest.raises(StudyStopped, match="gave no verdict, asked twice"):
        api.optimize(**rambling, out=tmp_path / "run")


class TestWhatIsToBeDoneWithAJudgeWithoutVerdicts:
    """Its replies are kept, so another folder helps; one that is down may be back."""

    def cut_off(self, _):
        return Reply("so so so", Usage(9, 64, 1), Outcome.TRUNCATED)

    def test_one_that_is_cut_off_needs_more_tokens_in_a_new_folder(self, tmp_path):
        task = judged_task(labelled=labelled(tmp_path))
        given = arguments(task, lambda call: world(call, self.cut_off))
        told = (
            r"no verdict on 12 of its 12 labelled answers \(12 times: wise gave no verdict, asked "
            r"twice: it was truncated; raise max_tokens \(64\) in the grader's options\); .* begin "
            "in a new folder$"
        )
        for _ in range(2):  # the second one reads the same replies
            with pytest.raises(StudyStopped, match=told):
                api.optimize(**given, out=tmp_path / "run")

    def test_one_that_rambles_is_the_wrong_one(self, tmp_path):
        task = judged_task(labelled=labelled(tmp_path))
        given = arguments(task, lambda call: world(call, lambda _: f"Hm, {call.seed}?"))
        told = r"\(12 times: wise gave .*; take another model as the judge\); .* in a new folder$"
        with pytest.raises(StudyStopped, match=told):
            api.optimize(**given, out=tmp_path / "run")

    @pytest.mark.parametrize(
        ("cut", "ends"),
        [(3, r"\(3 times: wise gave .* new folder$"), (2, r"\(10 times: down\); .* then resume$")],
    )
    def test_what_lasts_decides_where_it_alone_is_too_much(self, tmp_path, cut, ends):
        path = labelled(tmp_path)
        rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
        lost = {row["answer"] for row in rows[:cut]}

        def mixed(call):
            said = call.messages[1].content.split("Answer to be judged:\n| ")[1].split("\n")[0]
            return self.cut_off(call) if said in lost else Unavailable("down")

        given = arguments(judged_task(labelled=path), lambda call: world(call, mixed))
        with pytest.raises(StudyStopped, match=ends):
            api.optimize(**given, out=tmp_path / "run")

    @pytest.mark.parametrize("lasts", [True, False])
    def test_that_it_lasts_is_kept_with_the_result(self, lasts):
        result = ItemResult("q", None, Outcome.UNAVAILABLE, failure=Failure(None, "no", lasts))
        kept = result.to_json()
        assert ItemResult.from_json(kept) == result
        assert ("lasts" in kept["failure"]) is lasts

    def test_it_is_said_of_a_search_as_well(self, tmp_path):
        given = arguments(script=lambda call: world(call, self.cut_off))
        told = r"raise max_tokens \(64\) in the grader's options; 12 questions .* in a new folder$"
        with pytest.raises(StudyStopped, match=told):
            api.optimize(**given, out=tmp_path / "run")


def test_a_judge_of_its_own_is_no_model_of_the_space_and_needs_a_new_name():
    parts = experiment_of(**arguments())
    assert "wise" in parts.fleet.names
    assert "wise" not in parts.space.models
    twin = get_grader("llm-judge", model={**OWN, "name": "small"})
    task = Task("sums", make_task().splits, twin, PROFILE)
    with pytest.raises(FleetError, match="'small' is there twice"):
        experiment_of(**arguments(task))
    nobody = Task("sums", make_task().splits, get_grader("llm-judge", model="nobody"), PROFILE)
    with pytest.raises(FleetError, match="no model 'nobody'"):
        experiment_of(**arguments(nobody))


def test_a_quote_counts_the_judge():
    quoted = api.quote(**arguments(settings=make_settings(length_items=0)))
    plain = api.quote(**arguments(make_task(), settings=make_settings(length_items=0)))
    assert plain.judge is None
    assert quoted.judge.made.expected > 0
    assert quoted.judge.cost["units"].expected > 0
    both = plain.phases["total"].cost["units"].expected + quoted.judge.cost["units"].expected
    assert quoted.phases["total"].cost["units"].expected == pytest.approx(both, rel=0.2)
    assert "judge " in str(quoted)
    assert "grader     llm-judge (model wise, reads numeric, max_tokens 64)" in str(quoted)


def test_a_quote_tells_what_matters_of_a_judge():
    own = {**OWN, "prefill_rate": 100, "decode_rate": 10, "overhead_s": 0}
    options = {"model": own, "reads_options": {"case": True}, "rubric": "as good " * 40}
    grader = get_grader("llm-judge", **options)
    task = Task("sums", make_task().splits, grader, PROFILE, fingerprint="sums 1")
    quoted = api.quote(**arguments(task, settings=make_settings(length_items=0)))
    (line,) = [line for line in str(quoted).splitlines() if line.startswith("grader ")]
    assert "model wise, " in line
    assert "reads_options (case True)" in line
    assert "rubric as good as good" in line
    assert len(line) < 200
    assert "prefill_rate" not in line
    assert quoted.to_json()["grader"]["options"]["model"] == own


def test_a_budget_that_the_judge_has_no_price_in_is_refused():
    own = {"name": "wise", "engine": "scripted"}
    task = Task("sums", make_task().splits, get_grader("llm-judge", model=own), PROFILE)
    with pytest.raises(BudgetRefused, match="'wise'"):
        experiment_of(**arguments(task))


def test_agreement_and_kappa_by_hand():
    # 20 answers: 8 right-right, 6 wrong-wrong, 2 right-wrong, 1 wrong-right, 3 undecided (2 right).
    scores = [1.0] * 8 + [0.0] * 6 + [1.0] * 2 + [0.0] + [0.5] * 3 + [None]
    labels = [True] * 8 + [False] * 6 + [False] * 2 + [True] + [True, True, False] + [True]
    found = agreement_of(scores, labels, level=0.95)
    assert (found.n, found.agreed, found.failed, found.undecided) == (20, 14, 1, 3)
    assert (found.false_right, found.false_wrong) == (2, 1)
    chance = (10 * 11 + 7 * 9) / 400
    assert found.kappa == pytest.approx((0.7 - chance) / (1 - chance))
    assert agreement_of([1.0], [True], level=0.95).kappa is None
    assert agreement_of([], [], level=0.95).share is None


class Starved:
    """A grader that blocks, and whose machinery fails for some items or all."""

    name = "starved"
    blocking: ClassVar[bool] = True

    def __init__(self, fails):
        self.fails, self.closed = fails, 0
        self._sums = SumGrader()
        self.parse, self.claims = self._sums.parse, self._sums.claims

    def grade(self, item, text):
        if self.fails(item):
            raise GraderFailed("no sandbox on this machine")
        return self._sums.grade(item, text)

    def close(self):
        self.closed += 1


def starved(fails):
    plain = make_task()
    return Task("sums", plain.splits, Starved(fails), PROFILE, fingerprint="sums 1")


def test_a_grader_whose_machinery_fails_stops_the_study_and_is_closed(tmp_path):
    task = starved(lambda item: True)
    with pytest.raises(StudyStopped, match="no sandbox on this machine"):
        api.optimize(**arguments(task), out=tmp_path / "run")
    assert task.grader.closed == 1


def test_items_that_could_not_be_graded_are_no_zeros():
    task = starved(lambda item: item.id.endswith("7"))
    result = api.optimize(**arguments(task, settings=make_settings(rounds=2)))
    assert result.test.not_evaluated > 0
    assert result.test.n + result.test.not_evaluated == 40
    assert result.test.outcomes["unavailable"] == result.test.not_evaluated
    sampled = [row for row in result.baselines if row.kind in {"sampled", "best_of_n"}]
    assert sampled
    assert all(row.evidence.not_evaluated for row in sampled if row.evidence.n > 30)


def test_a_judges_prompts_are_means_over_the_questions_and_written_once():
    from graphsearch.study.expected_calls import judge_lengths

    asked = []

    class Counting:
        name = "counting"
        models = ("wise",)
        parse = claims = grade = judge = len

        def calls(self, item):
            asked.append(item.id)
            text = "x" * (400 if item.id == "search-0" else 40)
            return [JudgeCall("wise", (Message("user", text),), 32, answers=3, stretch=2)]

    task = Task("sums", make_task().splits, Counting(), PROFILE)
    parts = replace(experiment_of(**arguments()), task=task)
    (found,) = judge_lengths(parts)
    assert len(asked) <= 64
    assert found.prompt < 40, "the first question is longer than the others"
    assert found.answer == 3 * PROFILE.answer
    assert found.usage.completion_tokens == 32
    assert found.usage.prompt_tokens == found.prompt + 3 * PROFILE.answer
