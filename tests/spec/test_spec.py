"""Configurations: every bad value is named with its path."""

import json
from pathlib import Path

import pytest

from graphsearch.cost import Amount
from graphsearch.execution import RetryPolicy
from graphsearch.records.errors import ConfigError, FleetError
from graphsearch.spec import (
    Calls,
    Origin,
    config_names,
    find_config,
    json_schema,
    load_spec,
    parse_spec,
    spec_digest,
    spec_yaml,
)
from graphsearch.spec.build import build, fleet_of, pinned
from graphsearch.yamlfile import dump_yaml, parse_yaml

BASE = {
    "task": "puzzle",
    "fleet": "embedded",
    "graph_budget": "18 units",
    "search_budget": "20000 units",
}
NAN, INF = float("nan"), float("inf")

BAD = [
    ({"sercher": "x"}, "sercher: unknown key; did you mean 'searcher'?"),
    ({"zzz": 1}, "zzz: unknown key; known are schema_version, task"),
    ({"space": {"slot": 3}}, "space.slot: unknown key; did you mean 'slots'?"),
    ({"task": {"name": "a", "optoins": {}}}, "task.optoins: unknown key; did you mean 'options'?"),
    ({"space": {"slots": 0}}, "space.slots: must be at least 1, got 0"),
    ({"space": {"slots": 10**30}}, "space.slots: must be at most 64, got 1000"),
    ({"space": {"slots": "3"}}, "space.slots: must be a whole number, got '3'"),
    ({"space": {"slots": True}}, "space.slots: must be a whole number, got true"),
    ({"space": {"slots": 2.5}}, "space.slots: must be a whole number, got 2.5"),
    ({"space": []}, "space: must be a mapping, got a list of 0"),
    ({"space": {"models": "a"}}, "space.models: must be a list, got 'a'"),
    ({"space": {"models": []}}, "space.models: must have at least one entry"),
    ({"space": {"models": ["a", "a"]}}, "space.models: 'a' is given twice"),
    ({"space": {"models": ["a", 3]}}, "space.models[1]: must be a text, got 3"),
    ({"space": {"edges": "all"}}, "space.edges: must be 'dag' or 'star', got 'all'"),
    ({"space": {"preset": "published"}}, "space: preset and sink_model go together"),
    (
        {"space": {"preset": "published", "sink_model": "m", "sinks": ["vote"]}},
        "space: the preset fixes the sink",
    ),
    ({"seed": -1}, "seed: must be at least 0, got -1"),
    ({"seed": 10**400}, "seed: must be below 9223372036854775808, got 1000"),
    ({"seed": 10**5000}, "seed: must be below 9223372036854775808, got a number that is too large"),
    ({"seed": NAN}, "seed: must be a finite number, got nan"),
    ({"graph_budget": "18"}, "graph_budget: expected a number with its currency"),
    ({"graph_budget": 18}, "graph_budget: needs a currency, such as '18 units'; got 18"),
    ({"graph_budget": "0 units"}, "graph_budget: must be above 0, got '0 units'"),
    ({"graph_budget": "-3 units"}, "graph_budget: must be above 0, got '-3 units'"),
    ({"graph_budget": "3 euros"}, "graph_budget: unknown currency 'euros'"),
    ({"graph_budget": "nan units"}, "graph_budget: expected a number"),
    ({"graph_budget": "1e999999999 tokens"}, "graph_budget: is too large a number"),
    ({"graph_budget": "9" * 90 + " units"}, "graph_budget: is too large a number"),
    ({"search_budget": []}, "search_budget: must have at least one entry"),
    ({"search_budget": ["5 usd", "$6"]}, "search_budget: two budgets in usd"),
    ({"search_budget": ["5 usd", "x"]}, "search_budget[1]: expected a number"),
    ({"search_budget": None}, "search_budget: must be a list, got nothing"),
    ({"evaluation_budget": "x"}, "evaluation_budget[0]: expected a number"),
    ({"task": 3}, "task: must be a name or a mapping"),
    ({"task": {}}, "task: give either a name or a file"),
    ({"task": {"name": "a", "file": "b"}}, "task: give either a name or a file"),
    (
        {"task": {"name": "a", "options": {"x": [1, {"y": INF}]}}},
        "task.options.x[1].y: must be a finite number, got inf",
    ),
    (
        {"task": {"name": "a", "profile": {"question": 3}}},
        "task.profile: question and answer go together",
    ),
    ({"task": {"name": "a", "profile": {}}}, "task.profile: give question and answer, from"),
    (
        {"task": {"name": "a", "profile": {"from": "r", "models": {}}}},
        "task.profile: give either from or models",
    ),
    (
        {"task": {"name": "a", "profile": {"models": {"m": {"question": 0}}}}},
        "task.profile.models.m.",
    ),
    ({"searcher": {"name": ""}}, "searcher.name: must not be empty"),
    ({"agent": "chat"}, "agent: the chat agent needs a model of the fleet"),
    ({"fleet": None}, "fleet: must be the name of a fleet, a path to one, or one given whole"),
    ({"evaluation": {"blocks": [8, 0]}}, "evaluation.blocks[1]: must be at least 1, got 0"),
    ({"evaluation": {"level": 1.0}}, "evaluation.level: must be below 1.0, got 1.0"),
    ({"evaluation": {"baselines": ["all"]}}, "evaluation.baselines[0]: must be 'single'"),
    ({"schema_version": 2}, "schema_version: is 2, newer than the 1"),
    ({"schema_version": "1"}, "schema_version: must be 1, got '1'"),
    ({3: 4}, "[3]: is no key; keys are texts"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD)
def test_a_bad_value_is_named_with_its_path(change, sentence):
    with pytest.raises(ConfigError) as caught:
        parse_spec({**BASE, **change}, Origin("p.yaml"))
    assert str(caught.value).startswith(f"p.yaml: {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(BASE))
def test_a_missing_key_is_named(key):
    with pytest.raises(ConfigError, match=f"^{key}: is required"):
        parse_spec({k: v for k, v in BASE.items() if k != key})


@pytest.mark.parametrize("value", [None, [], "puzzle", 3])
def test_anything_but_a_mapping_is_refused(value):
    with pytest.raises(ConfigError, match=r"^p.yaml: must hold a mapping"):
        parse_spec(value, Origin("p.yaml"))


def test_faults_of_options_name_the_option_not_the_file():
    with pytest.raises(ConfigError, match=r"^--graph-budget: expected a number"):
        parse_spec(
            BASE,
            Origin("p.yaml", {"graph_budget": "--graph-budget"}),
            overrides={"graph_budget": "x"},
        )


def test_options_take_the_place_of_keys():
    given = {"searcher": {"name": "optuna", "options": {"sampler": "tpe"}}}
    again = parse_spec(BASE | given, overrides={"searcher": "optuna", "seed": 3})
    other = parse_spec(BASE | given, overrides={"searcher": "random"})
    assert (again.searcher.options, again.seed) == ({"sampler": "tpe"}, 3)
    assert (other.searcher.name, other.searcher.options) == ("random", {})


def test_the_effective_configuration_reads_back_equal():
    given = {"evaluation": {"rounds": None}, "space": {"preset": "published", "sink_model": "m"}}
    config = parse_spec({**BASE, **given, "agent": "rules", "out": "runs/x"})
    again = parse_spec(parse_yaml(spec_yaml(config), "effective"))
    assert again == config.model_copy(update={"out": None})
    assert spec_digest(again) == spec_digest(config)
    assert spec_digest(parse_spec({**BASE, "seed": 1})) != spec_digest(parse_spec(BASE))


def test_paths_are_relative_to_the_file(tmp_path):
    text = "task: {file: q.jsonl, prompt_set: ./mine}\nfleet: fleets/f.yaml\n"
    path = tmp_path / "c.yaml"
    path.write_text(text + "graph_budget: 1 usd\nsearch_budget: 9 usd\nout: runs/x\n")
    config = load_spec(path)
    assert config.task.file == str(tmp_path / "q.jsonl")
    assert config.task.prompt_set == str(tmp_path / "mine")
    assert config.fleet == str(tmp_path / "fleets/f.yaml")
    assert config.out == "runs/x"


def test_calls_are_the_policy_that_the_executor_reads():
    values = Calls().model_dump()
    assert values.pop("concurrency") == 64
    assert values == RetryPolicy().model_dump()
    assert isinstance(Calls(), RetryPolicy)


def test_what_a_file_says_is_what_an_experiment_has(tmp_path):
    rows = [{"question": f"What is {i} + {i}?", "answer": 2 * i} for i in range(60)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    profile = {"question": 3, "answer": 4}
    task = {"file": str(tmp_path / "q.jsonl"), "profile": profile, "options": {"grader": "numeric"}}
    agent = {"name": "chat", "model": "nano", "options": {"graphs": 3}}
    experiment = build(parse_spec(BASE | {"task": task, "agent": agent}))
    assert experiment.names["agent"]["options"] == {"graphs": 3, "model": "nano"}
    assert experiment.agent_model == "nano"
    assert experiment.task.profile.answer == 4
    assert not experiment.task.is_estimated
    assert experiment.search_budget == (Amount(20000, "units"),)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"space": {"models": ["llama-1b", "9b"]}}, r"space.models\[1\]"),
        ({"space": {"sinks": ["vote", "fuser:9b"]}}, r"space.sinks\[1\]"),
        ({"space": {"preset": "published", "sink_model": "9b"}}, "space.sink_model"),
        ({"agent": {"name": "chat", "model": "9b"}}, "agent.model"),
    ],
)
def test_models_are_checked_against_the_fleet(change, path):
    config = parse_spec({**BASE, "fleet": "llama", **change})
    with pytest.raises(ConfigError, match=f"^{path}: fleet llama has no model '9b'"):
        fleet_of(config)


def test_a_fleet_that_is_not_there():
    with pytest.raises(FleetError, match="there is no such file"):
        fleet_of(parse_spec({**BASE, "fleet": "nowhere"}))


def test_configurations_that_come_along():
    assert {"demo", "puzzle", "recall"} <= set(config_names())
    for name in config_names():
        assert load_spec(name).seed >= 0
    with pytest.raises(ConfigError, match=r"^nothing: neither a file nor one of demo"):
        find_config("nothing")


def test_the_published_schema_is_current():
    published = Path(__file__).parents[2] / "configs" / "schema.json"
    assert json.loads(published.read_text()) == json_schema()


INLINE = {
    "name": "mine",
    "unit_model": "openai/gpt-4o-mini",
    "models": [
        {"name": "openai/gpt-4o-mini", "engine": "litellm"},
        {"name": "m", "endpoint": "http://127.0.0.1:1/v1", "input_price": "1", "output_price": "2"},
    ],
}


def test_a_fleet_may_be_given_whole():
    config = parse_spec({**BASE, "fleet": INLINE})
    assert fleet_of(config).names == ("openai/gpt-4o-mini", "m")
    assert config.fleet.model("m").output_price == 2
    assert parse_spec(parse_yaml(spec_yaml(config), "again")) == config


def test_a_fleet_given_whole_is_checked():
    wrong = {**INLINE, "models": [{"name": "m", "layers": "four"}]}
    with pytest.raises(ConfigError, match=r"^c.yaml: fleet: models\[0\].layers: expected a whole"):
        parse_spec({**BASE, "fleet": wrong}, Origin("c.yaml"))
    with pytest.raises(ConfigError, match=r"^c\.yaml: fleet: mine.unit_model: 'x'"):
        parse_spec({**BASE, "fleet": {**INLINE, "unit_model": "x"}}, Origin("c.yaml"))


def test_a_study_keeps_the_prices_it_began_with():
    kept = parse_yaml(spec_yaml(pinned(parse_spec({**BASE, "fleet": INLINE}))), "kept")
    first, second = kept["fleet"]["models"]
    assert (first["input_price"], first["context"]) == ("0.15", 128_000)
    assert "as of 2026" in first["price_source"]
    assert "price_source" not in second
    # A fleet that tells all itself stays a name.
    assert pinned(parse_spec({**BASE, "fleet": "embedded"})).fleet == "embedded"


def test_prices_are_relative_to_the_configuration(tmp_path):
    (tmp_path / "p.yaml").write_text(
        'as_of: "2026-11-01"\nmodels: {nano: {input_price: 1, output_price: 2}}'
    )
    (tmp_path / "c.yaml").write_text(dump_yaml({**BASE, "fleet": "embedded", "prices": "p.yaml"}))
    config = load_spec(tmp_path / "c.yaml")
    assert config.prices == str(tmp_path / "p.yaml")
    kept = pinned(config)
    assert kept.prices is None
    assert kept.fleet.models[0].price_source == "p.yaml, as of 2026-11-01"


def test_paths_of_servers_in_a_fleet_given_whole_are_relative_to_the_configuration(tmp_path):
    serve = {"weights": "./small", "python": "../bin/python"}
    models = [
        {"name": "m", "endpoint": "http://127.0.0.1:1/v1", "serve": serve},
        {"name": "n", "endpoint": "http://127.0.0.1:2/v1", "serve": {"weights": "embedded:xs"}},
    ]
    fleet = {"name": "f", "unit_model": "m", "models": models}
    (tmp_path / "c.yaml").write_text(dump_yaml({**BASE, "fleet": fleet}))
    kept = parse_yaml(spec_yaml(load_spec(tmp_path / "c.yaml")), "kept")
    first, second = kept["fleet"]["models"]
    assert first["options"]["serve"]["weights"] == str(tmp_path / "small")
    assert Path(first["options"]["serve"]["python"]).resolve() == tmp_path.parent / "bin/python"
    assert second["options"]["serve"] == {"weights": "embedded:xs"}


def test_paths_of_servers_stay_where_they_were_when_prices_are_pinned(tmp_path):
    models = [{"name": "m", "serve": {"weights": "./small"}}]
    fleet = {"name": "f", "unit_model": "m", "models": models}
    prices = {"as_of": "2026-11-01", "models": {"m": {"input_price": 1, "output_price": 2}}}
    for name, value in (("f.yaml", fleet), ("p.yaml", prices)):
        (tmp_path / name).write_text(dump_yaml(value))
    (tmp_path / "c.yaml").write_text(dump_yaml({**BASE, "fleet": "f.yaml", "prices": "p.yaml"}))
    kept = parse_yaml(spec_yaml(pinned(load_spec(tmp_path / "c.yaml"))), "kept")
    (model,) = kept["fleet"]["models"]
    assert model["options"]["serve"]["weights"] == str(tmp_path / "small")


def test_lengths_of_an_earlier_run_are_written_into_the_study(tmp_path, monkeypatch):
    from graphsearch.cost import Lengths, ModelLengths
    from graphsearch.study import result

    known = Lengths.of({"xs": ModelLengths(12, 20, 21, 22, 8, 4)})
    asked = []
    monkeypatch.setattr(result, "lengths_of_run", lambda run: asked.append(run) or known)
    path = tmp_path / "c.yaml"
    path.write_text(dump_yaml({**BASE, "task": {"name": "puzzle", "profile": {"from": "runs/x"}}}))
    config = load_spec(path)
    assert config.task.profile.from_run == str(tmp_path / "runs" / "x")
    assert config.task.profile.question is None
    kept = pinned(config)
    assert asked == [str(tmp_path / "runs" / "x")]
    again = parse_spec(parse_yaml(spec_yaml(kept), "config.yaml"), Origin("config.yaml"))
    assert again.task.profile.models == known


def test_the_labelled_sample_of_a_judge_is_relative_to_the_configuration(tmp_path):
    judge = {"model": "m", "labelled": "l.jsonl"}
    options = {"path": "q.jsonl", "grader": "llm-judge", "grader_options": judge}
    path = tmp_path / "c.yaml"
    path.write_text(dump_yaml({**BASE, "task": {"name": "puzzle", "options": options}}))
    found = load_spec(path).task.options
    assert found["path"] == str(tmp_path / "q.jsonl")
    assert found["grader_options"] == {"model": "m", "labelled": str(tmp_path / "l.jsonl")}


@pytest.mark.parametrize(
    ("function", "kept"), [("mine.py:right", "{tmp}/mine.py:right"), ("mine:right", "mine:right")]
)
def test_a_graders_function_is_relative_to_the_configuration(tmp_path, monkeypatch, function, kept):
    monkeypatch.setenv("GRAPHSEARCH_ALLOW_CODE", "1")
    path = tmp_path / "c.yaml"
    options = {"grader": "python", "grader_options": {"function": function}}
    path.write_text(dump_yaml({**BASE, "task": {"file": "q.jsonl", "options": options}}))
    found = load_spec(path).task.options["grader_options"]["function"]
    assert found == kept.replace("{tmp}", str(tmp_path))


def test_a_grader_from_outside_that_runs_code_is_known_by_what_it_declares(tmp_path, installed):
    code = "from graphsearch.evaluators.graders.python import PythonGrader\n"
    installed("graphsearch.graders", "mine", "grader_of_mine:PythonGrader", code)
    path = tmp_path / "c.yaml"
    options = {"grader": "mine", "grader_options": {"function": "mine.py:right"}}
    path.write_text(dump_yaml({**BASE, "task": {"file": "q.jsonl", "options": options}}))
    with pytest.raises(ConfigError, match=r"task\.options\.grader: names Python code \(mine\)"):
        load_spec(path)


@pytest.mark.parametrize("key", ["search_budget", "evaluation_budget"])
def test_a_budget_in_the_schema_may_be_as_long_as_one_that_is_read(key):
    text = "20000000000000 tokens"  # longer than a list may be
    assert getattr(parse_spec({**BASE, key: text}), key) == (Amount(2 * 10**13, "tokens"),)
    told = json_schema()["properties"][key]
    assert "maxLength" not in told
    assert {one.get("maxLength", len(text)) >= len(text) for one in told["anyOf"]} == {True}
