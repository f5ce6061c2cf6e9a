"""Bundles: what is in them, that they answer, and that a changed one is refused."""

import json
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import graphsearch
from graphsearch.cli import app
from graphsearch.evaluators.graders import get_grader, grader_recipe
from graphsearch.evaluators.graders.numeric import NumericGrader
from graphsearch.execution import Executor
from graphsearch.export import load_bundle, write_bundle
from graphsearch.export.record import content_digest
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import (
    BudgetRefused,
    ConfigError,
    InputError,
    Rejected,
    StoreError,
    TaskError,
)
from graphsearch.records.urls import bare_url
from graphsearch.spec import Evaluation, parse_spec, spec_yaml
from tests.export.helpers import (
    PROMPTS,
    QUESTION,
    change,
    graph_of,
    result_of,
    run_folder,
)


def test_a_bundle_holds_everything(bundle):
    record = json.loads((bundle / "graph.json").read_text())
    assert record["graph"] == graph_of("nano", "nano", "xs").canonical().to_json()
    assert record["prompts"]["files"]["solve.jinja"].endswith("S {{ question }} :\n")
    assert set(record["fingerprints"]) == {"nano", "xs"}
    assert {spec["name"] for spec in record["fleet"]["models"]} == {"nano", "xs"}
    assert [node["sampling"] and node["sampling"]["temperature"] for node in record["nodes"]] == [
        0.8,
        0.8,
        0.8,
        None,
    ]
    assert record["evidence"]["test"]["interval"] == [0.2, 0.6]
    assert record["caps"]["graph_budget"] == "18 units"
    assert record["provenance"]["seed"] == 5
    assert record["digest"] == content_digest(record)
    assert {path.name for path in bundle.iterdir()} == {"graph.json", "README.md"}
    assert "40.0 % (95 % interval 20.0 to 60.0)" in (bundle / "README.md").read_text()


async def test_it_answers(bundle):
    async with load_bundle(bundle) as loaded:
        answer = await loaded.answer(QUESTION)
        again = await loaded.answer(QUESTION)
        other = await loaded.answer(QUESTION, draw=1)
    assert len(answer.messages) == 4
    assert answer.text in answer.messages[:3]
    assert sum(usage.calls for usage in answer.usage.values()) == 3
    assert answer.cost["units"] > 0
    assert answer == again
    assert other.messages != answer.messages


async def test_it_answers_where_a_loop_runs_and_where_none_does(bundle):
    loaded = load_bundle(bundle)
    here = loaded.answer_sync(QUESTION)
    loaded.close()
    with load_bundle(bundle) as loaded:
        assert loaded.answer_sync(QUESTION) == here


def test_a_cap_that_cannot_be_kept_is_refused(tmp_path):
    run = run_folder(tmp_path / "run", graph_of("nano", "nano", "xs"))
    with pytest.raises(
        BudgetRefused, match=r"the cap of 3 usd .*'nano' .* cannot be priced in usd"
    ):
        write_bundle(run, tmp_path / "bundle", cap="$3")
    assert not (tmp_path / "bundle").exists()


def test_a_cap_stops_the_question(tmp_path):
    run = run_folder(tmp_path / "run", graph_of("nano", "nano", "xs"))
    with write_bundle(run, tmp_path / "bundle", cap="0.5 units") as loaded:
        answer = loaded.answer_sync(QUESTION)
    assert (answer.outcome, answer.text) == (Outcome.BUDGET_STOPPED, "")


@pytest.mark.parametrize("sink", ["vote", "select", "best"])
def test_a_vote_of_replies_that_were_cut_off_is_cut_off(tmp_path, sink):
    run = run_folder(tmp_path / "run", graph_of("nano", "nano", "xs", sink=sink))
    write_bundle(run, tmp_path / "bundle")
    change(tmp_path / "bundle", shorten)
    with load_bundle(tmp_path / "bundle") as loaded:
        answer = loaded.answer_sync(QUESTION)
    assert (answer.outcome, answer.parsed) == (Outcome.TRUNCATED, None)
    assert answer.text == answer.messages[0]


def shorten(record):
    """Let replies have two tokens."""
    files = record["prompts"]["files"]
    files["prompts.yaml"] = re.sub(r"max_tokens: \d+", "max_tokens: 2", files["prompts.yaml"])


def test_the_file_is_the_same_for_the_same_run(bundle, tmp_path):
    again = write_bundle(tmp_path / "run", tmp_path / "again")
    assert (again.folder / "graph.json").read_bytes() == (bundle / "graph.json").read_bytes()
    write_bundle(tmp_path / "run", bundle)  # over itself


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda r: r["graph"].update(sink=0), "was changed after export"),
        (lambda r: r["prompts"]["files"].update({"solve.jinja": "x"}), "was changed after export"),
        (lambda r: r["evidence"]["test"].update(accuracy=0.9), "was changed after export"),
    ],
)
def test_a_changed_bundle_is_refused(bundle, edit, sentence):
    change(bundle, edit, sign=False)
    with pytest.raises(ConfigError, match=sentence):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda r: r.update(schema_version=2), "has schema_version 2; this graphsearch reads 1"),
        (lambda r: r.pop("caps"), "lacks 'caps'"),
        (lambda r: r.update(more=1), "has the unknown key 'more'"),
        (lambda r: r["graph"]["edges"].append([3, 0]), "cycle"),
        (lambda r: r["fingerprints"].update(xs="other"), "is not the one of the evidence"),
        (lambda r: r["prompts"]["files"].update({"../x.jinja": ""}), "is no plain name"),
        (lambda r: r["prompts"]["files"].update({"x.py": ""}), "is no file of a prompt set"),
        (lambda r: r["prompts"].update(name="../../x"), "is no plain name"),
        (lambda r: r["prompts"]["files"].update({"solve.jinja": "{{ question"}), "solve.jinja:1"),
        (lambda r: r["prompts"]["files"].pop("solve.jinja"), "no template 'solve.jinja'"),
        (lambda r: r["task"]["grader"].update(name="os.system"), "no grader 'os.system'"),
        (lambda r: r["fleet"]["models"][0].update(engine="os.system"), "no engine 'os.system'"),
        (lambda r: r["fleet"].update(models=3), "expected a list"),
        (lambda r: r.update(prompts=3), "is no bundle: TypeError"),
        (lambda r: r["prompts"]["files"].update({"x.jinja": 3}), "is no bundle: TypeError"),
        (lambda r: r["task"].update(grader=[]), "is no bundle: TypeError"),
        (lambda r: r["nodes"].pop(), "json: nodes: must tell the 4 nodes of the graph"),
        (lambda r: r.update(nodes=None), "json: nodes: must tell the 4 nodes of the graph"),
        (lambda r: r["nodes"][0].update(model="xs"), "nodes[0].model: is 'xs', and 'nano' in the"),
        (lambda r: r["nodes"][1].update(role="vote"), "nodes[1].role: is 'vote', and 'assistant'"),
        (lambda r: r["nodes"][3].update(parents=[0]), "nodes[3].parents: is [0], and [0, 1, 2] in"),
        (lambda r: r["nodes"][0].pop("role"), "is no bundle: KeyError"),
        (lambda r: r["fingerprints"].pop("xs"), "fingerprints: lacks the graph's model 'xs'"),
        (lambda r: r["fingerprints"].update(s=""), "has a model not of the graph: 's'"),
        (lambda r: r["caps"].update(per_question="-3 units"), "caps.per_question: must be above 0"),
        (lambda r: r["caps"].update(per_question="0 units"), "caps.per_question: must be above 0"),
        (lambda r: r["caps"].update(per_question="nan units"), "caps.per_question: expected a num"),
        (lambda r: r["caps"].update(per_question=5), "caps.per_question: expected a number with"),
        (lambda r: r.update(fit=None), "fit: is no record of fitted parts"),
        (
            lambda r: r.update(fit={"items": 1, "calls": 1, "nodes": {"0": {}}}),
            "fit.nodes.0: is no node with fitted parts",
        ),
    ],
)
def test_a_bundle_made_by_hand_is_checked_as_input(bundle, edit, sentence):
    change(bundle, edit)
    with pytest.raises(InputError) as caught:
        load_bundle(bundle)
    assert sentence in str(caught.value)


def fitted_bundle(tmp_path, sink, values):
    """The folder of a bundle whose sink has fitted parameters."""
    graph = graph_of("nano", "nano", "xs", sink=sink).canonical()
    winner = result_of(graph)["winner"]
    winner["fit"] = {"items": 9, "calls": 27, "nodes": {"3": values}}
    run = run_folder(tmp_path / "run", graph, winner=winner)
    write_bundle(run, tmp_path / "bundle").close()
    return tmp_path / "bundle"


WEIGHTS = {"assistant:nano": 0.25, "assistant:xs": 0.75}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"weights": {**WEIGHTS, "assistant:xs": "1"}}, "weights.assistant:xs: must be a number, "),
        ({"weights": {**WEIGHTS, "assistant:xs": None}}, "weights.assistant:xs: must be a number"),
        ({"weights": {**WEIGHTS, "assistant:xs": [1]}}, "weights.assistant:xs: must be a number"),
        ({"weights": {**WEIGHTS, "assistant:xs": True}}, "weights.assistant:xs: must be a number"),
        (
            {"weights": {**WEIGHTS, "assistant:xs": 1e308}},
            "xs: must be from 0 to 1, got 1e+308",
        ),
        ({"weights": {**WEIGHTS, "assistant:xs": 10**400}}, "must be from 0 to 1, got 1000"),
        ({"weights": {**WEIGHTS, "assistant:xs": -0.1}}, "must be from 0 to 1, got -0.1"),
        ({"weights": {"assistant:nano": 0.25}}, "fit.nodes.3.weights.assistant:xs: is missing"),
        ({"weights": {**WEIGHTS, "x": 1}}, "fit.nodes.3.weights.x: is no parent of the node"),
        ({"weights": [1, 2]}, "fit.nodes.3.weights: must be a mapping, got [1, 2]"),
        ({"threshold": 0.5}, "is nothing that weighted-vote(accuracy) has"),
        ({"weights": WEIGHTS, "threshold": 0.5}, "fit.nodes.3.threshold: is nothing that weighted"),
        ({}, "fit.nodes.3.weights: is missing"),
        (3, "fit: is no record of fitted parts"),
    ],
)
def test_broken_weights_are_refused_when_loading(tmp_path, values, sentence):
    folder = fitted_bundle(tmp_path, "weighted-vote(accuracy)", {"weights": WEIGHTS})
    with load_bundle(folder) as loaded:
        assert loaded.answer_sync(QUESTION).text
    change(folder, lambda r: r["fit"]["nodes"].update({"3": values}))
    with pytest.raises(ConfigError) as caught:
        load_bundle(folder, check_models=False)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda r: r.pop("fit"), "fit: is missing, and node 3 (weighted-vote(log-odds)) needs it"),
        (lambda r: r["fit"].update(nodes={}), "fit.nodes.3: is missing"),
        (lambda r: r["fit"].update(nodes={"0": {}}), "fit.nodes.0: is no node with fitted parts"),
        (lambda r: r["fit"]["nodes"].update({"99": {}}), "fit.nodes.99: is no node with fitted"),
        (lambda r: r["fit"]["nodes"].update({"x": {}}), "fit: is no record of fitted parts"),
        (lambda r: r.update(fit=[]), "fit: is no record of fitted parts"),
    ],
)
def test_a_fit_of_other_nodes_is_refused_when_loading(tmp_path, edit, sentence):
    weights = {"assistant:nano": -6.9, "assistant:xs": 6.9}
    folder = fitted_bundle(tmp_path, "weighted-vote(log-odds)", {"weights": weights})
    load_bundle(folder).close()
    change(folder, edit)
    with pytest.raises(ConfigError) as caught:
        load_bundle(folder)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("role", "values", "sentence"),
    [
        ("share, 0.2", {"threshold": 0.66}, None),
        ("share, 0.2", {"threshold": 1}, None),
        ("score, 0.2", {"threshold": 40.0}, None),
        ("margin, 0.2, log-odds", {"threshold": -0.5, "weights": WEIGHTS}, None),
        ("share>=0.5, log-odds, 9", {"weights": dict.fromkeys(WEIGHTS, 9.0)}, None),
        ("share, 0.2", {"threshold": 1.5}, "threshold: must be from -1 to 1, got 1.5"),
        ("share, 0.2", {"threshold": "0.5"}, "threshold: must be a number, got '0.5'"),
        ("share, 0.2", {"weights": WEIGHTS}, "threshold: is missing"),
        ("margin, 0.2, log-odds", {"threshold": 0.5}, "weights: is missing"),
        ("share>=0.5, log-odds", {"weights": dict.fromkeys(WEIGHTS, 9.0)}, "from -7 to 7, got 9.0"),
    ],
)
def test_fitted_gates_are_checked_when_loading(tmp_path, role, values, sentence):
    nodes = (*(Node("assistant", name) for name in ("nano", "xs")), Node(f"cascade({role})", "xs"))
    graph = CollaborationGraph(nodes, ((0, 2), (1, 2)), 2)
    fit = {"items": 9, "calls": 27, "nodes": {"2": values}}
    winner = result_of(graph)["winner"] | {"fit": fit}
    run = run_folder(tmp_path / "run", graph, winner=winner)
    if sentence is None:
        write_bundle(run, tmp_path / "bundle").close()
        return
    with pytest.raises(ConfigError) as caught:
        write_bundle(run, tmp_path / "bundle")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_know_is_no_number(tmp_path, number):
    folder = fitted_bundle(tmp_path, "weighted-vote(accuracy)", {"weights": WEIGHTS})
    path = folder / "graph.json"
    path.write_text(path.read_text().replace("0.25", number))
    with pytest.raises(ConfigError, match=f"is not JSON: {number} is no number"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("/home/me/secret-project/judge.py:grade", "judge.py:grade"),
        ("judges/judge.py:grade", "judges/judge.py:grade"),
        ("package.module:grade", "package.module:grade"),
    ],
)
def test_where_a_user_s_function_lay_is_not_told(tmp_path, written, told):
    grader = {"name": "python", "options": {"function": written, "workers": 1}}
    graph = graph_of("nano", "xs")
    task = result_of(graph)["task"] | {"grader": grader}
    run = run_folder(tmp_path / "run", graph, task=task, prompt_set="embedded")
    with write_bundle(run, tmp_path / "bundle") as loaded:
        options = {"function": told, "workers": 1}
        assert loaded.record["task"]["grader"] == {"name": "python", "options": options}
        assert loaded.answer_sync(QUESTION).text


ATTACKS = [
    "{{ question.__class__.__mro__ }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ parents.append(1) }}",
    "{% for i in range(1000000000) %}x{% endfor %}",
    "{{ lipsum.__globals__ }}",
    "{{ '%999999999d' % 1 }}",
    "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
]


@pytest.mark.parametrize("template", ATTACKS)
def test_templates_of_a_bundle_run_no_code(bundle, template):
    change(bundle, lambda r: r["prompts"]["files"].update({"solve.jinja": template}))
    with load_bundle(bundle) as loaded, pytest.raises(ConfigError):
        loaded.answer_sync(QUESTION)


def test_other_models_are_used_only_when_told(bundle):
    change(bundle, lambda r: r["fingerprints"].update(xs="other"))
    with load_bundle(bundle, check_models=False) as loaded:
        assert loaded.answer_sync(QUESTION).messages


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_bundle(tmp_path, content):
    (tmp_path / "graph.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"graph\.json: "):
        load_bundle(tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        load_bundle(tmp_path / "nowhere")


def test_nothing_foreign_is_written_over(bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match=r"holds 'thesis.txt', which is no part of a bundle"):
        write_bundle(tmp_path / "run", tmp_path / "mine")
    with pytest.raises(StoreError, match="holds no finished result"):
        write_bundle(tmp_path / "mine", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_evidence_must_be_of_these_prompts_and_models(tmp_path):
    graph = graph_of("nano", "xs")
    for changes in ({"prompts": "other"}, {"fingerprints": {"xs": "other"}}):
        run = run_folder(tmp_path / "run", graph, **changes)
        with pytest.raises(ConfigError, match="has changed since the search"):
            write_bundle(run, tmp_path / "bundle")


def test_a_task_that_cannot_be_found_is_asked_for(tmp_path):
    task = {"name": "mine", "fingerprint": "f", "profile": {"question": 9, "answer": 16}}
    run = run_folder(tmp_path / "run", graph_of("nano", "xs"), task=task)
    with pytest.raises(TaskError, match="give it as `task`"):
        write_bundle(run, tmp_path / "bundle")


def test_prompts_and_options_come_from_the_run_s_configuration(tmp_path):
    run = run_folder(tmp_path / "run", graph_of("nano", "xs"))
    shutil.copytree(PROMPTS / "embedded", tmp_path / "mine")
    (tmp_path / "mine" / "shared.jinja").write_text("S {{ question }} :")
    (tmp_path / "mine" / "solve.jinja").write_text("{% include 'shared.jinja' %}")
    given = {"task": {"name": "puzzle", "prompt_set": str(tmp_path / "mine")}}
    rest = {"fleet": "embedded", "graph_budget": "18 units", "search_budget": "1 units"}
    config = parse_spec({**given, **rest})
    (run / "config.yaml").write_text(spec_yaml(config))
    with write_bundle(run, tmp_path / "bundle") as loaded:
        assert loaded.record["prompts"]["name"] == "mine"
        assert len(loaded.record["provenance"]["config_digest"]) == 32
        assert loaded.answer_sync(QUESTION).text


SECRET = st.text("abcdefgh0123456789", min_size=6)


@given(user=SECRET, password=SECRET, key=SECRET)
def test_endpoints_lose_their_secrets(user, password, key):
    url = f"https://{user}:{password}@models.example:8000/v1?api_key={key}#{key}"
    assert bare_url(url) == "https://models.example:8000/v1"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with a run that `optimize` made of questions which are gone."""
    home = tmp_path_factory.mktemp("python")
    rows = [f"S P {i} {j} 9 10 > 36 :,{j}" for i in range(2, 10) for j in range(2, 9)]
    (home / "questions.csv").write_text("\n".join(["question,answer", *rows]))
    shutil.copytree(PROMPTS / "embedded", home / "mine")
    (home / "mine" / "solve.jinja").write_text("{{ question }}")
    result = graphsearch.optimize(
        task=home / "questions.csv",
        task_options={"grader": "numeric", "grader_options": {"tolerance": 0.01}},
        fleet="embedded",
        space={"slots": 2, "models": ["nano"], "sinks": ["vote"]},
        graph_budget="3 units",
        search_budget="300 units",
        searcher="random",
        agent=None,
        prompt_set=home / "mine",
        settings=Evaluation(rounds=1, blocks=(4,), per_round=2, test_items=4, baselines=()),
        out=home / "run",
    )
    (home / "questions.csv").unlink()
    assert result.to_json()["task"]["grader"]["name"] == "numeric"
    return home


def test_a_run_from_python_is_exported_without_its_questions(begun, tmp_path):
    call = [
        "export",
        str(begun / "run"),
        str(tmp_path / "b"),
        "--prompt-set",
        str(begun / "mine"),
    ]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.stderr
    with load_bundle(tmp_path / "b") as loaded:
        grader = loaded.record["task"]["grader"]
        assert grader == {"name": "numeric", "options": {"tolerance": 0.01}}
        assert loaded.answer_sync("S P 2 7 9 10 > 36 :").text


def test_a_run_from_python_asks_for_prompts_that_lie_in_a_folder(begun, tmp_path):
    with pytest.raises(ConfigError, match=r"prompts of a folder 'mine'.* by --prompt-set"):
        write_bundle(begun / "run", tmp_path / "b")


def test_a_grader_made_in_python_is_asked_for_by_name(tmp_path):
    task = result_of(graph_of("nano"))["task"] | {"grader": {"name": "sum", "options": None}}
    run = run_folder(tmp_path / "run", graph_of("nano", "xs"), task=task, prompt_set="embedded")
    with pytest.raises(TaskError, match="the grader 'sum' was made in Python"):
        write_bundle(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_how_a_grader_was_made():
    made = get_grader("numeric", tolerance=0.5)
    assert grader_recipe(made) == {"name": "numeric", "options": {"tolerance": 0.5}}
    assert grader_recipe(NumericGrader()) == {"name": "numeric", "options": {}}
    assert grader_recipe(NumericGrader(tolerance=0.5)) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"question": ""}, "question: is empty, so nothing would be asked"),
        ({"question": " \n\t\u3000"}, "question: is empty"),
        ({"question": None}, "question: must be a text, got None"),
        ({"question": b"P 2 7"}, "question: must be a text, got b'P 2 7'"),
        ({"question": ["x" * 99]}, "question: must be a text, got ['xxx"),
        ({"question": "\ud800"}, "question: cannot be kept as JSON: "),
        ({"draw": -1}, "draw: must be a whole number from 0, got -1"),
        ({"draw": True}, "draw: must be a whole number from 0, got True"),
        ({"meta": ["x"]}, "meta: must be a mapping, got ['x']"),
        ({"meta": {"x": {1, 2}}}, "question: cannot be kept as JSON: "),
    ],
)
def test_what_is_no_question_is_refused_before_a_call(bundle, monkeypatch, given, said):
    with load_bundle(bundle) as loaded:
        monkeypatch.setattr(Executor, "run", lambda *_, **__: pytest.fail("somebody was asked"))
        with pytest.raises(TaskError) as caught:
            loaded.answer_sync(**{"question": QUESTION, **given})
    assert str(caught.value).startswith(said)


def test_a_question_that_is_refused_is_not_worth_asking_again(bundle):
    with load_bundle(bundle) as loaded, pytest.raises(Rejected, match="does not know the word"):
        loaded.answer_sync("What is the capital of France?")


def test_a_bundle_says_what_it_is_on_one_line(bundle, tmp_path):
    loaded = load_bundle(bundle)
    assert repr(loaded) == (
        f"<Bundle puzzle: {loaded.graph.describe()}; models nano, xs; 40.0 % (20.0 to 60.0 %) of "
        f"20 held-out test questions; digest {loaded.digest[:12]}>"
    )
    untested = run_folder(tmp_path / "bare", graph_of("nano", "xs"), test=None)
    assert "; no held-out test; digest " in repr(write_bundle(untested, tmp_path / "other"))
