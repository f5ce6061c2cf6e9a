"""The one call: names become things, notebooks work, wrong input is said before the work."""

import asyncio
import json
import re
from dataclasses import replace
from html import escape

import pytest
from typer.testing import CliRunner

import graphsearch
from graphsearch import Study
from graphsearch.cli import app
from graphsearch.cost import Amount
from graphsearch.execution import RetryPolicy
from graphsearch.prices import PriceList
from graphsearch.records.errors import (
    BudgetRefused,
    ConfigError,
    FleetError,
    InputError,
    StoreError,
    TaskError,
)
from graphsearch.records.events import read_events
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import TokenProfile
from graphsearch.spec import Evaluation, load_spec, parse_spec
from graphsearch.spec.arguments import spec_of
from graphsearch.spec.build import build
from graphsearch.study import Result
from graphsearch.study.quote import NO_ROUND
from graphsearch.study.usable import never_used
from tests.study.world import (
    SumGrader,
    experiment_of,
    make_engines,
    make_fleet,
    make_settings,
    make_task,
)

FEW = {"rounds": 1, "selection_items": 8, "test_items": 8, "baselines": ("single",)}


def arguments(**changes):
    fleet = make_fleet()
    given = {
        "task": make_task(),
        "fleet": fleet,
        "graph_budget": "6 units",
        "search_budget": "200000 units",
        "space": {"slots": 3},
        "searcher": "random",
        "agent": None,
        "engines": make_engines(fleet),
        "settings": make_settings(**FEW),
    }
    return {**given, **changes}


async def opened(folder, **given):
    async with Study.create(**given, out=folder):
        pass


def test_one_call_finds_a_winner_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = graphsearch.optimize(**arguments())
    assert result.test.n == 8
    assert result.folder is None
    assert list(tmp_path.iterdir()) == []


def test_the_run_folder_is_kept_and_gone_on_with(tmp_path):
    first = graphsearch.optimize(**arguments(out=tmp_path / "run"))
    again = graphsearch.optimize(**arguments(out=tmp_path / "run"))
    assert again.to_json() == first.to_json() == Result.load(tmp_path / "run").to_json()
    assert first.folder == tmp_path / "run"


async def test_it_works_where_an_event_loop_runs(tmp_path):
    heard = []
    result = graphsearch.optimize(**arguments(on_event=heard.append))
    assert heard[-1].kind == "done"
    assert escape(result.verdict) in result._repr_html_()


async def test_errors_come_through_from_the_other_loop(tmp_path):
    def broken(event):
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        graphsearch.optimize(**arguments(on_event=broken))


async def test_a_study_for_ones_own_loop(tmp_path):
    async with Study.create(**arguments(out=tmp_path / "own")) as study:
        await study.tell(await study.evaluate(study.ask(2)))
        result = await study.finish()
    assert len(result.rounds) == 1
    found = json.loads(CliRunner().invoke(app, ["status", str(tmp_path / "own"), "--json"]).stdout)
    assert (found["task"], found["searcher"], found["seed"]) == ("sums", "random", 0)
    events = read_events(tmp_path / "own" / "events.jsonl")
    assert [event["event"] for event in events].count("study_started") == 1


async def test_a_folder_made_from_python_says_how_it_goes_on(tmp_path):
    async with Study.create(**arguments(out=tmp_path)) as study:
        await study.tell(await study.evaluate(study.ask(2)))
    resumed = CliRunner().invoke(app, ["resume", str(tmp_path)])
    assert resumed.exit_code == 2
    assert f"out={str(tmp_path)!r}" in resumed.stderr
    exported = CliRunner().invoke(app, ["export", str(tmp_path), str(tmp_path / "bundle")])
    assert exported.exit_code == 2
    assert f"`graphsearch resume {tmp_path}`" in exported.stderr


def test_roles_bring_the_parents_they_can_read():
    task = make_task()
    parts = experiment_of(**arguments(task=task, prompt_set="embedded", space={"slots": 12}))
    limits = {option.name: option.max_parents for option in parts.space.role_options}
    assert limits["fuser"] == parts.roles["fuser"].max_parents is not None
    assert all(s.max_parents == limits[s.role] for s in parts.space.sinks if s.model)


def test_prices_of_a_list_make_budgets_in_dollars(tmp_path):
    names = make_fleet().names
    models = tuple(ModelSpec(name, 100, 2, 8) for name in names)
    bare = Fleet("bare", models, names[0])
    given = {"fleet": bare, "graph_budget": "1 usd", "search_budget": "50 usd"}
    with pytest.raises(BudgetRefused, match="input_price and output_price unknown; give them in"):
        experiment_of(**arguments(**given))
    rows = {name: {"input_price": 1, "output_price": 2} for name in names}
    path = tmp_path / "p.yaml"
    path.write_text(json.dumps({"as_of": "2026-11-01", "models": rows}))
    for prices in (path, str(path), PriceList.load(path)):
        fleet = experiment_of(**arguments(**given, prices=prices)).fleet
        assert {spec.price_source for spec in fleet.models} == {"p.yaml, as of 2026-11-01"}


KEYLESS = Fleet(
    "keyless",
    (
        ModelSpec("free", 100, 2, 8, endpoint="http://127.0.0.1:9/v1"),
        ModelSpec("paid", 100, 2, 8, endpoint="http://127.0.0.1:9/v1", api_key_env="NO_SUCH_KEY"),
    ),
    "free",
)


def test_a_key_that_is_missing_is_said_before_the_search(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    given = arguments(fleet=KEYLESS, engines=None)
    graphsearch.quote(**given)
    for begin in (graphsearch.optimize, Study.create):
        with pytest.raises(FleetError, match=r"^model paid: the environment variable NO_SUCH_KEY"):
            begin(**given, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "result.json").touch()  # of a finished search: nobody will be asked any more
    asyncio.run(opened(tmp_path, **given))


def test_models_that_cannot_be_asked_are_named_before_the_folder_is_made(tmp_path):
    engines = make_engines(make_fleet())
    alone = {"small": engines["small"]}
    with pytest.raises(FleetError, match=r"^model large: no engine serves it; .* one: small"):
        graphsearch.optimize(**arguments(engines=alone), out=tmp_path / "run")

    class Elsewhere(type(engines["small"])):
        def info(self, model):
            raise FleetError("it is not in the record", where=f"model {model}")

    absent = {**engines, "large": Elsewhere(lambda call: "x")}
    with pytest.raises(FleetError, match=r"^model large: it is not in the record"):
        Study.create(**arguments(engines=absent), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_models_that_are_not_asked_need_no_key(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    given = arguments(fleet=KEYLESS, engines=None, space={"slots": 2, "models": ["free"]})
    asyncio.run(opened(tmp_path, **given))


def test_several_budgets_and_amounts():
    parts = experiment_of(
        **arguments(search_budget=["100 units", Amount(500, "calls")], evaluation_budget="9 units")
    )
    assert [str(a) for a in parts.search_budget] == ["100 units", "500 calls"]
    assert [str(a) for a in parts.evaluation_budget] == ["9 units"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"task": "no-such-task"}, TaskError, "no-such-task"),
        ({"search_budget": []}, ConfigError, "search_budget: must have at least one entry"),
        ({"concurrency": -1}, ConfigError, "concurrency: must be at least 1"),
        ({"space": {"slotz": 3}}, ConfigError, "space.slotz: unknown key; did you mean 'slots'"),
        ({"fleet": "no-such-fleet"}, FleetError, "no-such-fleet"),
        ({"searcher": "no-such"}, ConfigError, "no-such"),
        ({"searcher": "random", "searcher_options": {"x": 1}}, ConfigError, "x"),
        ({"agent": "no-such"}, ConfigError, "no-such"),
        ({"agent": "chat"}, ConfigError, "model"),
        ({"prompt_set": "no-such"}, ConfigError, "no-such"),
        ({"graph_budget": "0.1 units"}, BudgetRefused, "cheapest"),
        ({"graph_budget": "6 bananas"}, ConfigError, "graph_budget.*bananas"),
        ({"search_budget": "5 usd"}, BudgetRefused, "price"),
        (
            {"search_budget": ["5 units", "6 units"]},
            ConfigError,
            "search_budget: two budgets",
        ),
        ({"space": {"roles": ("assistant", "poet")}}, ConfigError, "poet"),
        ({"space": {"slots": 3, "sinks": ("chorus",)}}, ConfigError, "chorus"),
        ({"space": {"sink": ("vote",)}}, ConfigError, r"space\.sink: unknown key.*'sinks'"),
        ({"space": {"budget": "9 units"}}, ConfigError, r"space\.budget: unknown key"),
    ],
)
def test_wrong_input_is_refused_before_the_folder_is_made(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        graphsearch.optimize(**arguments(**changes, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": 5}, "task: must be a name or a mapping (in Python, also a Task), got 5"),
        ({"fleet": 3}, "fleet: must be the name of a fleet, a path to one, or one given whole"),
        ({"prices": 3}, "prices: must be a file (in Python, also a PriceList), got 3"),
        (
            {"graph_budget": None},
            "graph_budget: expected a number with its currency such as ",
        ),
        ({"search_budget": None}, "search_budget: must be a list, got nothing"),
        ({"search_budget": [5]}, "search_budget[0]: needs a currency, such as '5 units'"),
        ({"evaluation_budget": 3}, "evaluation_budget: needs a currency"),
        ({"space": 5}, "space: must be a mapping (in Python, also a Space), got 5"),
        ({"space": {"slots": "8"}}, "space.slots: must be a whole number, got '8'"),
        ({"space": {"models": "small"}}, "space.models: must be a list, got 'small'"),
        (
            {"space": {"roles": [3]}},
            "space.roles[0]: must be a name (in Python, also a RoleOption)",
        ),
        (
            {"space": {"sinks": [3]}},
            "space.sinks[0]: must be a name (in Python, also a SinkOption)",
        ),
        (
            {"searcher": 3},
            "searcher: must be a name or a mapping (in Python, also a searcher)",
        ),
        ({"searcher_options": [1]}, "searcher_options: must be a mapping, got a list of 1"),
        ({"agent": 3}, "agent: must be a name or a mapping (in Python, also an agent), got 3"),
        ({"agent_options": 3}, "agent_options: must be a mapping, got 3"),
        ({"task_options": "x"}, "task_options: must be a mapping, got 'x'"),
        ({"prompt_set": 3}, "prompt_set: must be a text, got 3"),
        ({"profile": (1, 2)}, "profile: must be a mapping, got a list of 2"),
        ({"engines": [1]}, "engines: must be a mapping of engines by model, got a list of 1"),
        ({"engines": {"small": 3}}, "engines['small']: must be an engine, got 3"),
        ({"settings": 3}, "settings: must be a mapping, got 3"),
        ({"seed": True}, "seed: must be a whole number, got true"),
        ({"concurrency": "8"}, "concurrency: must be a whole number, got '8'"),
        ({"retries": 3}, "retries: must be a mapping, got 3"),
        ({"task": {}}, "task: give either a name or a file"),
        ({"task": {"nam": "puzzle"}}, "task.nam: unknown key; did you mean 'name'?"),
        ({"task": {"name": "puzzle", "options": 3}}, "task.options: must be a mapping, got 3"),
        (
            {"task": {"name": "puzzle", "options": {"most": 9}}, "task_options": {"most": 3}},
            "task_options: is given by task already",
        ),
        ({"fleet": {"models": 3}}, "fleet"),
        ({"searcher": {"nam": "random"}}, "searcher.nam: unknown key"),
        ({"agent": {"name": "chat"}}, "agent: the chat agent needs a model of the fleet"),
        ({"profile": {"question": 3}}, "profile: question and answer go together"),
        ({"settings": {"round": 3}}, "settings.round: unknown key; did you mean 'rounds'?"),
        ({"retries": {"attempts": 0}}, "retries.attempts: must be at least 1, got 0"),
        ({"space": {"preset": "published"}}, "space: preset and sink_model go together"),
        ({"out": 3}, "out: must be a text, got 3"),
        ({"on_event": 3}, "on_event: must be a function that takes an event, or None, got 3"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(changes, said):
    with pytest.raises(InputError) as caught:
        graphsearch.optimize(**arguments(**changes))
    assert str(caught.value).startswith(said)
    if not {"out", "on_event"} & set(changes):
        with pytest.raises(InputError, match=re.escape(said)):
            graphsearch.quote(**arguments(**changes))


def test_arguments_may_be_written_as_in_a_configuration(tmp_path):
    """What YAML says of each part, Python may say in the same words."""
    path = tmp_path / "q.jsonl"
    rows = [{"question": f"What is {i} + {i}?", "answer": 2 * i} for i in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)))
    grading = {"grader": "numeric", "grader_options": {"tolerance": 0.5}}
    task = {"file": str(path), "options": grading, "profile": {"question": 50, "answer": 7}}
    written = {
        "task": task,
        "fleet": {
            "name": "f",
            "unit_model": "small",
            "models": [
                {"name": n, "parameters": 9, "layers": 1, "width": 1} for n in ("small", "large")
            ],
        },
        "space": {"preset": "published", "sink_model": "small", "slots": 3},
        "searcher": {"name": "optuna", "options": {"sampler": "random"}},
        "agent": {"name": "rules"},
        "settings": {"rounds": 2, "blocks": [4]},
        "retries": {"attempts": 3, "concurrency": 5},
    }
    parts = experiment_of(**arguments(**written))
    assert parts.names["grader"] == {"name": "numeric", "options": {"tolerance": 0.5}}
    assert parts.task.profile == TokenProfile(50, 7)
    assert parts.fleet.names == ("small", "large")
    (sink,) = parts.space.sinks
    assert (sink.role, sink.model, sink.min_parents) == ("assistant", "small", 1)
    assert parts.names["searcher"] == {"name": "optuna", "options": {"sampler": "random"}}
    assert parts.names["agent"] == {"name": "rules", "options": {}}
    assert (parts.settings.rounds, parts.settings.blocks) == (2, (4,))
    assert (parts.retries.attempts, parts.concurrency) == (3, 5)
    both = {"graph_budget": "6 units", "search_budget": "200000 units"}
    told = {"evaluation": written["settings"], "calls": written["retries"]}
    yaml = {k: v for k, v in written.items() if k not in {"settings", "retries"}}
    spec = parse_spec({**yaml, **told, **both})
    same = build(spec.model_copy(update={"engines": parts.engines}))
    assert same.identity() == parts.identity()


def test_a_grader_of_ones_own_may_stand_in_a_mapping(tmp_path):
    path = tmp_path / "q.jsonl"
    rows = [{"question": f"What is {i} + {i}?", "answer": 2 * i} for i in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)))
    mine = SumGrader()
    task = {"file": path.as_posix(), "options": {"grader": mine}}
    assert experiment_of(**arguments(task=task)).task.grader is mine


def test_unknown_and_missing_arguments_are_named():
    with pytest.raises(TypeError, match=r"no argument 'taks'; there are task, fleet, graph_budget"):
        graphsearch.quote(taks="puzzle")
    with pytest.raises(TypeError, match="the argument 'graph_budget' is missing"):
        graphsearch.quote(task="puzzle", fleet="embedded", search_budget="9 units")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Evaluation(rounds="5"), "rounds: must be a whole number, got '5'"),
        (lambda: Evaluation(per_round=None), "per_round: must be a whole number, got nothing"),
        (lambda: Evaluation(blocks=5), "blocks: must be a list, got 5"),
        (lambda: Evaluation(blocks=("5",)), "blocks[0]: must be a whole number, got '5'"),
        (lambda: Evaluation(level="x"), "level: must be a number, got 'x'"),
        (lambda: Evaluation(baselines="single"), "baselines: must be a list, got 'single'"),
        (lambda: RetryPolicy(attempts=0), "attempts: must be at least 1, got 0"),
        (lambda: RetryPolicy(attempt_s="5"), "attempt_s: must be a number, got '5'"),
        (lambda: RetryPolicy(first_wait=None), "first_wait: must be a number, got nothing"),
    ],
)
def test_records_of_numbers_name_the_one_that_is_wrong(make, said):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(said)


def test_a_quote_spends_nothing_and_is_close(tmp_path):
    settings = make_settings(rounds=3, test_items=20)
    given = arguments(settings=settings)
    log = []
    quote = graphsearch.quote(**{**given, "engines": make_engines(make_fleet(), log.append)})
    assert log == []
    result = graphsearch.optimize(**given)
    asked = result.calls["accounts"]["search"]["asked"]
    assert 0.5 * quote.phases["search"].asked.low <= asked
    assert asked <= 2 * quote.phases["search"].asked.high
    spent = result.spend["units"]["total"]
    total = quote.phases["total"].cost["units"]
    assert 0.5 * total.low <= spent <= 2 * total.high
    assert quote.test_items.expected == 20
    assert "units" in str(quote)
    assert json.loads(json.dumps(quote.to_json()))["stopped_by"] == "rounds"


def test_a_quote_says_when_the_budget_is_too_small():
    given = arguments(search_budget="300 units")
    quote = graphsearch.quote(**given)
    result = graphsearch.optimize(**given)
    assert quote.stopped_by == result.stopped_by["rule"]
    assert quote.rounds.expected == len(result.rounds)
    assert any("search budget" in w or "different graphs" in w for w in quote.warnings)
    assert any("test items" in w for w in quote.warnings)


@pytest.mark.parametrize("budget", [300, 1000, 3000])
def test_no_end_of_a_quote_lies_above_a_budget(budget):
    few = make_settings(rounds=None, patience=None)
    quote = graphsearch.quote(**arguments(search_budget=f"{budget} units", settings=few))
    assert quote.phases["total"].cost["units"].high <= budget
    apart = {"search_budget": f"{budget} units", "evaluation_budget": "200 units"}
    quote = graphsearch.quote(**arguments(**apart, settings=few))
    assert quote.phases["test"].cost["units"].high <= 200
    assert quote.phases["total"].cost["units"].high <= budget + 200


def test_a_quote_without_a_round_has_no_test():
    quote = graphsearch.quote(**arguments(search_budget="10 units"))
    assert quote.rounds.high == 0
    assert quote.test_items.high == quote.phases["total"].made.high == 0


def test_a_quote_says_why_it_knows_no_time():
    quote = graphsearch.quote(**arguments())
    assert "seconds" not in quote.phases["total"].cost
    assert "time       not known: model 'small'" in str(quote)
    assert "decode_rate" in quote.to_json()["no_time"]
    rated = {"prefill_rate": 1000.0, "decode_rate": 100.0, "overhead_s": 0.1}
    fleet = make_fleet()
    fleet = replace(fleet, models=tuple(replace(model, **rated) for model in fleet.models))
    quote = graphsearch.quote(**arguments(fleet=fleet))
    assert quote.no_time == ""
    assert "not known" not in str(quote)
    assert quote.phases["total"].cost["seconds"].expected > 0


@pytest.mark.parametrize("currency", ["tokens", "calls"])
def test_a_quote_tells_calls_and_tokens_once(currency):
    budgets = {"graph_budget": f"400 {currency}", "search_budget": f"60000 {currency}"}
    quote = graphsearch.quote(**arguments(**budgets))
    for name, phase in quote.phases.items():
        assert getattr(phase, {"calls": "made"}.get(currency, currency)) == phase.cost[currency]
        (line,) = [line for line in str(quote).splitlines() if line.startswith(f"{name:<10} ")]
        assert line.count(currency) == 1
    assert quote.phases["total"].cost[currency].high <= 60000


def test_a_quote_says_what_lengths_it_expects_and_how_others_are_told():
    quote = graphsearch.quote(**arguments())
    said = "40 tokens a question, 5 an answer, as the task or its profile says"
    assert said in str(quote)
    guessed = replace(make_task(), is_estimated=True)
    quote = graphsearch.quote(**arguments(task=guessed))
    said = "5 an answer, which is assumed: tell measured ones by --profile, and the search measures"
    assert said in quote.to_json()["lengths"]


def test_a_quote_plays_a_round_as_far_as_the_budget_goes():
    settings = make_settings(rounds=4, blocks=(8, 16))
    given = arguments(settings=settings, search_budget="1200 units")
    quote = graphsearch.quote(**given)
    # The budget cuts rounds short, and does not end the search.
    result = graphsearch.optimize(**given)
    ended = len(result.rounds), result.stopped_by["rule"]
    assert (quote.rounds.expected, quote.stopped_by) == ended
    (warning,) = [w for w in quote.warnings if "of one round" in w]
    covered = int(re.search(r"covers (\d+) questions of the 24", warning)[1])
    assert 1 <= covered < 24
    less = graphsearch.quote(**arguments(settings=settings, search_budget="2 units"))
    assert less.rounds.expected == 0
    assert NO_ROUND in less.warnings


def test_a_model_that_no_graph_can_have_is_told_of_before_and_after(tmp_path):
    heard = []
    result = graphsearch.optimize(**arguments(graph_budget="2 units", on_event=heard.append))
    (said,) = heard[0].warnings
    assert said.startswith("no graph can have model 'large': the cheapest one that does is expec")
    assert said in graphsearch.quote(**arguments(graph_budget="2 units")).warnings
    assert f"N{said[1:]}." in result.notes
    roomy = experiment_of(**arguments(graph_budget="9 units")).space
    assert never_used(roomy) == ()
    # Votes alone need two parents, so the same budget is too small for the larger model again.
    assert never_used(replace(roomy, budget=Amount(3, "units"))) == ()
    votes = experiment_of(**arguments(graph_budget="3 units", space={"sinks": ["vote"]})).space
    assert len(never_used(votes)) == 1


def test_sharing_is_counted_in_a_quote():
    phase = graphsearch.quote(**arguments(settings=make_settings(rounds=6))).phases["search"]
    assert phase.made.high < phase.asked.high


def test_a_file_of_questions_is_a_task(tmp_path):
    path = tmp_path / "sums.jsonl"
    rows = [{"question": f"What is {i} + 7?", "answer": str(i + 7)} for i in range(120)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    parts = experiment_of(**arguments(task=path))
    assert sum(len(items) for items in parts.task.splits.values()) == 120


def mixed(**changes):
    """The task with its first test item changed."""
    task = make_task()
    first, *rest = task.splits["test"]
    return replace(task, splits={**task.splits, "test": [replace(first, **changes), *rest]})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (mixed(id="search-0"), "the id 'search-0' is task 'sums': search[0] already"),
        (mixed(id="test-1"), "the id 'test-1' is task 'sums': test[0] already"),
        (mixed(question=" What  is 0 + 7?"), "its question is in the search split too"),
        (mixed(group="selection-0"), "its group is in the selection split too"),
        (mixed(id=5), "its id is 5, must be a text"),
        (mixed(question=""), "its question is '', must be a text"),
        (mixed(question="a\ud800"), "cannot be kept as JSON"),
        (mixed(gold=object()), "cannot be kept as JSON"),
        (make_task(search=0), "the search split is empty"),
        (replace(make_task(), splits={"search": ()}), "has the splits 'search'; it must have"),
    ],
)
def test_a_task_whose_splits_are_not_sealed_off_is_refused(tmp_path, task, words):
    with pytest.raises(TaskError) as caught:
        graphsearch.optimize(**arguments(task=task, out=tmp_path / "run"))
    assert words in str(caught.value)
    assert str(caught.value).startswith("task 'sums': ")
    assert not (tmp_path / "run").exists()


def test_settings_are_checked_with_their_name():
    with pytest.raises(ConfigError, match="rounds"):
        Evaluation(rounds=0)
    with pytest.raises(ConfigError, match=r"^baselines\[0\]: must be 'single'.*got 'poem'"):
        Evaluation(baselines=("poem",))
    with pytest.raises(ConfigError, match="reserve"):
        Evaluation(reserve=1.0)
    with pytest.raises(ConfigError, match="winner: must be 'best' or 'last', got 'first'"):
        Evaluation(winner="first")
    with pytest.raises(ConfigError, match="roundz"):
        Evaluation(roundz=3)
    assert Evaluation(**Evaluation(blocks=(3, 4)).to_json()) == Evaluation(blocks=(3, 4))


def test_the_world_grades():
    assert SumGrader().grade(make_task().splits["test"][0], "so it is 7").score == 1.0
    assert asyncio.iscoroutinefunction(make_engines(make_fleet())["small"].generate)


async def test_it_may_be_awaited(tmp_path):
    result = await graphsearch.aoptimize(**arguments(), out=tmp_path / "run")
    assert result.to_json() == Result.load(tmp_path / "run").to_json()


def test_arguments_take_the_place_of_what_a_file_says(tmp_path):
    path = tmp_path / "c.yaml"
    given = {"task": "puzzle", "fleet": "embedded", "searcher": {"name": "random"}, "agent": None}
    budgets = {"graph_budget": "18 units", "search_budget": "20000 units"}
    path.write_text(json.dumps({**given, **budgets, "evaluation": {"rounds": 3}}))
    for spec in (path, str(path), load_spec(path)):
        assert spec_of({}, spec).evaluation.rounds == 3
        changed = spec_of({"seed": 5, "settings": {"rounds": 4}, "task": make_task()}, spec)
        assert (changed.seed, changed.evaluation.rounds, changed.agent) == (5, 4, None)
        assert build(changed).task.name == "sums"
        assert changed.graph_budget == Amount(18, "units")
        with pytest.raises(ConfigError, match=r"^searcher\.nam: unknown key"):
            graphsearch.quote(spec, searcher={"nam": "optuna"})


def test_a_folder_of_a_configuration_opens_as_a_study(tmp_path):
    out = tmp_path / "run"
    configuration = tmp_path / "c.yaml"
    few = {"rounds": 1, "search_items": 6, "blocks": [6], "per_round": 2, "baselines": []}
    few |= {"selection_items": 4, "test_items": 4, "min_test_items": 0}
    given = {"task": "puzzle", "fleet": "embedded", "agent": None, "evaluation": few}
    budgets = {"graph_budget": "4 units", "search_budget": "4000 units"}
    configuration.write_text(json.dumps({**given, **budgets}))
    run = CliRunner().invoke(app, ["run", str(configuration), "--out", str(out)])
    assert run.exit_code == 0, run.stderr
    events = []

    async def again():
        async with Study.open(out, on_event=events.append) as study:
            return await study.run()

    result = asyncio.run(again())
    assert events[0].kind == "study_started"
    assert result.to_json() == Result.load(out).to_json()
    with pytest.raises(StoreError, match="holds no run"):
        Study.open(tmp_path)
    with pytest.raises(TypeError, match="'out' is missing"):
        Study.create(**arguments())
