import gzip
import json
from typing import ClassVar

import pytest

from graphsearch.engines.replay import ReplayEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.errors import FleetError, Rejected, UnknownModel
from graphsearch.records.models import ModelSpec
from graphsearch.testing import EngineConformance
from tests.support import shared_data

COUNT = 40


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path):
    lines(
        tmp_path / "records.jsonl",
        [
            {"qid": f"q{n}", "model": "big", "samples": [{"answer": f"{n}/{k}"} for k in range(5)]}
            for n in range(16)
        ]
        + [
            {"qid": "q0", "model": "small", "samples": [
                {"answer": None, "chars": 40}, {"answer": None, "chars": 0}, {"answer": "  "},
                {"answer": "7", "text": "it is 7", "chars": 400},
            ]},
            {"qid": "q0", "model": "small", "method": "cot", "samples": [{"answer": "cot"}]},
        ],
    )  # fmt: skip
    lines(
        tmp_path / "questions.jsonl",
        [{"qid": f"q{n}", "question": f"what is\n{n} ?", "gold": str(n)} for n in range(16)],
    )
    return tmp_path


def call(item="q0", sample=0, *, model="big", prompt=None, **options):
    prompt = f"what is\n{item[1:]} ?" if prompt is None else prompt
    messages = (Message("system", "be brief"), Message("user", prompt))
    sampling = Sampling(max_tokens=options.pop("max_tokens", 50))
    return Call(model, messages, sampling, sample, item=item, **options)


class TestReplay(EngineConformance):
    unknown_model = "no-such-model"
    options: ClassVar = {"order": "recorded", "seed": 3}

    @pytest.fixture(autouse=True)
    def _folder(self, folder):
        self.folder = folder

    def make_engine(self):
        return ReplayEngine(self.folder)

    def make_call(self, index):
        return call(f"q{index}")


async def texts(engine, count=5, **options):
    return [(await engine.generate(call(sample=k, **options))).text for k in range(count)]


async def test_draws_are_without_replacement_and_run_out(folder):
    engine = ReplayEngine(folder)
    drawn = await texts(engine)
    assert sorted(drawn) == [f"0/{k}" for k in range(5)]
    assert drawn == await texts(ReplayEngine(folder))
    orders = {tuple(await texts(ReplayEngine(folder, seed=seed))) for seed in range(5)}
    assert len(orders) > 1
    with pytest.raises(Rejected, match=r"5 answers of 'big' to item 'q0', and number 6"):
        await engine.generate(call(sample=5))


async def test_what_was_not_recorded_is_refused(folder):
    engine = ReplayEngine(folder, {"alias": "small"})
    with pytest.raises(UnknownModel, match=r"no record of 'huge'; of big, small"):
        await engine.generate(call(model="huge"))
    with pytest.raises(Rejected, match="no answer of 'small' to item 'q3'"):
        await engine.generate(call("q3", model="alias"))
    with pytest.raises(Rejected, match="more or other things"):
        await engine.generate(call(prompt="what is\n0 ?\n\nCandidate 1: 7"))


async def test_prompts_may_be_worded_otherwise_or_not_looked_at(folder):
    worded = ReplayEngine(folder, prompt="Q: {question}\nA:")
    assert (await worded.generate(call(prompt="Q: what is 0 ? A:"))).text
    with pytest.raises(Rejected):
        await worded.generate(call())
    assert (await ReplayEngine(folder, prompt=None).generate(call(prompt="anything"))).text
    (folder / "questions.jsonl").unlink()  # now ids stand for the questions
    assert (await ReplayEngine(folder).generate(call(prompt="q0"))).text
    with pytest.raises(Rejected):
        await ReplayEngine(folder).generate(call())


async def test_what_could_not_be_read_is_unparsed_and_nothing_is_empty(folder):
    engine = ReplayEngine(folder)
    found = [await engine.generate(call(sample=k, model="small", max_tokens=200)) for k in range(4)]
    seen = sorted((reply.outcome.value, reply.text) for reply in found)
    assert seen == [("answered", "it is 7"), ("empty", ""), ("empty", ""), ("unparsed", "")]


async def test_tokens_are_estimates_or_unknown(folder):
    def replies(**options):
        return [call(sample=k, model="small", max_tokens=200) for k in range(4)]

    engine = ReplayEngine(folder)
    by_text = {r.text: r for r in [await engine.generate(made) for made in replies()]}
    assert by_text["it is 7"].usage == Usage(5, 100, 1)
    assert by_text["it is 7"].detail == {"usage": "estimated"}
    unknown = ReplayEngine(folder, characters_per_token=None)
    reply = await unknown.generate(call())
    assert (reply.usage, reply.detail) == (Usage(None, None, 1), {})
    assert unknown.count_tokens("big", "text") is None


async def test_max_tokens_cuts_the_answer_off(folder):
    engine = ReplayEngine(folder)
    found = [await engine.generate(call(sample=k, model="small", max_tokens=20)) for k in range(4)]
    (cut,) = [reply for reply in found if reply.outcome is Outcome.TRUNCATED]
    assert (cut.text, cut.usage.completion_tokens) == ("", 20)


async def test_a_method_is_part_of_the_models_name(folder):
    engine = ReplayEngine(folder, {"cot": "small/cot"})
    assert (await engine.generate(call(model="cot"))).text == "cot"


def test_the_fingerprint_changes_with_the_files_and_the_seed(folder):
    mark = ReplayEngine(folder).info("big").fingerprint
    assert mark != ReplayEngine(folder, seed=1).info("big").fingerprint
    assert mark != ReplayEngine(folder).info("small").fingerprint
    with (folder / "records.jsonl").open("a") as file:
        file.write(json.dumps({"qid": "q99", "model": "big", "samples": []}) + "\n")
    assert mark != ReplayEngine(folder).info("big").fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}x", "records.jsonl:1: is no JSON: Extra data, at column 3"),
        ("[]", "records.jsonl:1: must be a JSON object"),
        (
            '{"qid": 1, "qid": 2}',
            "records.jsonl:1: an object has the key 'qid' twice, at column 12",
        ),
        (
            '{"model": "m", "samples": []}',
            "records.jsonl:1: has no 'qid'; a line says by a text or",
        ),
        ('{"qid": [], "model": "m", "samples": []}', "records.jsonl:1: its 'qid' is []"),
        ('{"qid": 1, "preds": "ABC"}', "models.json: is absent; it names the models whose letters"),
        (
            '{"qid": 1, "model": "m", "samples": [{"answer": "x", "chars": "9"}]}',
            "records.jsonl:1: a sample has '9' 'chars'",
        ),
        ('{"qid": 1}', "expected a line with qid, model and samples"),
        ('{"qid": 1, "model": "m", "samples": [{"chars": 3}]}', "no text and no answer"),
        ('{"qid": 1, "model": "m", "samples": [{"completion": 3}]}', "their file is absent"),
        (
            '{"qid": 1, "model": "m", "samples": [{"answer": 3, "correct": "false"}]}',
            "'false'; true or false it is",
        ),
        ('{"qid": 1, "model": "m", "samples": []}\n' * 2, "records.jsonl:2: 'm' answers '1' twice"),
    ],
)
def test_bad_records_are_named(tmp_path, text, said):
    (tmp_path / "records.jsonl").write_text(text)
    with pytest.raises(FleetError) as caught:
        ReplayEngine(tmp_path).info("m")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"qid": "q0"}', "questions.jsonl:1: 'q0' has no 'question'"),
        ('{"qid": "q0", "question": ""}', "questions.jsonl:1: 'q0' has no 'question'"),
        ('{"question": "why?"}', "questions.jsonl:1: has no 'qid'"),
        ('{"qid": 1, "question": "a"}\n{"qid": "1", "question": "b"}', "'1' is already in line 1"),
    ],
)
def test_bad_questions_of_a_record_are_named(folder, text, said):
    (folder / "questions.jsonl").write_text(text)
    with pytest.raises(FleetError) as caught:
        ReplayEngine(folder).info("big")
    assert said in str(caught.value)


async def test_an_answer_whose_question_is_missing_is_refused(folder):
    lines(folder / "questions.jsonl", [{"qid": "q1", "question": "what is\n1 ?"}])
    engine = ReplayEngine(folder)
    assert (await engine.generate(call("q1"))).text
    with pytest.raises(Rejected, match="has no question of item 'q0'"):
        await engine.generate(call("q0", prompt=""))


def test_models_of_letters_are_named_by_row(tmp_path):
    lines(tmp_path / "records.jsonl", [{"qid": 7, "preds": "BA"}])
    (tmp_path / "models.json").write_text('[{"model": "x"}, {"name": "y"}]')
    with pytest.raises(FleetError, match=r"models\.json: row 2: does not name its 'model'"):
        ReplayEngine(tmp_path).info("x")


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(FleetError, match=r"no records.jsonl or records.jsonl.gz"):
        ReplayEngine(tmp_path).info("m")
    broken = tmp_path / "records.jsonl.gz"
    broken.write_bytes(gzip.compress(b"{}" * 100)[:-9])
    with pytest.raises(FleetError, match="cannot be read"):
        ReplayEngine(broken).info("m")


async def test_real_records_bring_back_their_accuracy():
    """One sample of GPT-3.5 on last letters is right 80.36 % of the time; 37 are never right."""
    home = shared_data("replay/esc-last-letters")
    engine = ReplayEngine(home, {"chat": "gpt-3.5-turbo"})
    text = (home / "questions.jsonl").read_text()
    questions = [json.loads(line) for line in text.splitlines()]
    right, solved = 0, 0
    for row in questions:
        prompt = (Message("user", row["question"]),)
        made = [
            Call("chat", prompt, Sampling(max_tokens=10_000), k, item=row["qid"])
            for k in range(COUNT)
        ]
        hits = sum([(await engine.generate(one)).text == row["gold"] for one in made])
        right, solved = right + hits, solved + bool(hits)
    assert round(100 * right / (COUNT * len(questions)), 2) == 80.36
    assert len(questions) - solved == 37


async def test_draws_may_come_as_recorded_and_greedy_ones_repeat(folder):
    engine = ReplayEngine(folder, order="recorded")
    assert await texts(engine) == [f"0/{k}" for k in range(5)]
    greedy = ReplayEngine(folder, repeat=True)
    said = [await greedy.generate(call(sample=k, model="small/cot")) for k in range(3)]
    assert [reply.text for reply in said] == ["cot"] * 3
    with pytest.raises(Rejected, match="number 6"):
        await greedy.generate(call(sample=5))
    with pytest.raises(FleetError, match="drawn or recorded"):
        ReplayEngine(folder, order="shuffled")


async def test_an_endpoint_may_bring_options(tmp_path):
    rows = [
        {"answer": "a", "date": "b", "passed": 2},
        {"answer": "c", "date": None, "passed": 3, "chars": 9},
    ]
    lines(tmp_path / "records.jsonl", [{"qid": "q0", "model": "m", "samples": rows}])

    def engine(options):
        spec = ModelSpec("mine", engine="replay", endpoint=f"{tmp_path}{options}", served_name="m")
        return ReplayEngine.for_models([spec])

    made = engine("?order=recorded&field=date&score=passed")
    first, second = [
        await made.generate(call(sample=k, model="mine", prompt="q0")) for k in range(2)
    ]
    assert (first.text, first.detail["score"]) == ("b", 2.0)
    assert (second.outcome, second.detail["score"]) == (Outcome.UNPARSED, 3.0)
    assert made.info("mine").fingerprint != engine("").info("mine").fingerprint
    for wrong in ("?order=any", "?colour=red", "?repeat=1", "?seed=x"):
        with pytest.raises(FleetError, match=r"must be drawn|unknown option"):
            engine(wrong)


def test_options_of_a_record_stand_in_the_fleet_too(tmp_path):
    lines(tmp_path / "records.jsonl", [{"qid": "q", "model": "m", "samples": [{"date": "b"}]}])
    told = {"order": "recorded", "field": "date"}

    def engine(*options, endpoint=str(tmp_path)):
        specs = [
            ModelSpec(n, engine="replay", endpoint=endpoint, served_name="m", options=one)
            for n, one in zip("ab", options, strict=False)
        ]
        return ReplayEngine.for_models(specs)

    query = engine({}, endpoint=f"{tmp_path}?order=recorded&field=date")
    assert engine(told).info("a").fingerprint == query.info("a").fingerprint
    with pytest.raises(FleetError, match=r"^model a: options\.order: expected drawn or recorded"):
        engine({"order": "any"})
    with pytest.raises(FleetError, match=r"^model a: another model of this record has other opt"):
        engine(told, {})


async def test_other_layouts_are_letters_and_numbered_completions(tmp_path):
    lines(tmp_path / "records.jsonl", [{"qid": 7, "gold": "B", "preds": "B-"}])
    (tmp_path / "models.json").write_text(json.dumps([{"model": "x"}, {"model": "y"}]))
    engine = ReplayEngine(tmp_path)
    found = [await engine.generate(call("7", model=m, prompt="7")) for m in "xy"]
    assert [(r.text, r.outcome.value) for r in found] == [("B", "answered"), ("", "unparsed")]
    folder = tmp_path / "code"
    folder.mkdir()
    samples = [{"completion": 1, "correct": 1}, {"completion": 0, "correct": 0}]
    lines(folder / "records.jsonl", [{"qid": "t", "model": "m", "samples": samples}])
    lines(folder / "completions.jsonl", [{"qid": "t", "completions": ["pass", "return 1"]}])
    engine = ReplayEngine(folder, order="recorded")
    said = [(await engine.generate(call("t", k, model="m", prompt="t"))).text for k in range(2)]
    assert said == ["return 1", "pass"]
    lines(folder / "completions.jsonl", [{"qid": "t", "completions": ["pass"]}])
    with pytest.raises(FleetError, match="'t' has no completion 1"):
        ReplayEngine(folder).info("m")


def test_whose_letters_they_are_is_part_of_the_fingerprint(tmp_path):
    lines(tmp_path / "records.jsonl", [{"qid": 7, "gold": "B", "preds": "BA"}])
    marks = []
    for names in ("xy", "yx"):
        (tmp_path / "models.json").write_text(json.dumps([{"model": name} for name in names]))
        marks.append(ReplayEngine(tmp_path).info("x").fingerprint)
    assert len(set(marks)) == 2
