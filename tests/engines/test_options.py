"""Options of engines: a fleet says them, the engine checks them, whoever brings it."""

import asyncio

import pytest

from graphsearch.engines import engines_for
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.yamlfile import dump_yaml

MINE = """
    from pathlib import Path

    from graphsearch.engines import EngineOptions
    from graphsearch.engines.scripted import ScriptedEngine

    class Options(EngineOptions):
        says: str
        loud: bool = False
        book: str | None = None

        def identity(self):
            return {"says": self.says}

        def at(self, home):
            book = None if self.book is None else str(home / self.book)
            return self.model_copy(update={"book": book})

        def absolute(self):
            return self.at(Path.cwd())

        def may_run_code(self):
            return ("loud",) if self.loud else ()

    class Parrot:
        Options = Options

        @classmethod
        def for_models(cls, specs):
            (spec,) = specs
            options = Options.of(spec)
            said = options.says.upper() if options.loud else options.says
            return ScriptedEngine(said if options.book is None else options.book)

    class Options2(EngineOptions):
        script: str

    class Simple(ScriptedEngine):
        Options = Options2
"""


def written(tmp_path, engine, *options):
    models = [
        {"name": name, "engine": engine, **({} if one is None else {"options": one})}
        for name, one in zip("abc", options, strict=False)
    ]
    path = tmp_path / "fleet.yaml"
    path.write_text(dump_yaml({"name": "f", "unit_model": "a", "models": models}))
    return path


def said(fleet, model="a"):
    engine = engines_for(fleet, [model])[model]
    return asyncio.run(engine.generate(Call(model, (Message("user", "?"),), Sampling()))).text


@pytest.fixture
def parrot(installed):
    installed("graphsearch.engines", "parrot", "parrot_of_mine:Parrot", MINE)


@pytest.fixture
def simple(installed):
    installed("graphsearch.engines", "simple", "simple_of_mine:Simple", MINE)


@pytest.mark.usefixtures("parrot")
def test_an_engine_of_somebody_else_gets_its_options_from_a_fleet(tmp_path):
    fleet = Fleet.load(written(tmp_path, "parrot", {"says": "hello", "loud": True}))
    assert said(fleet) == "HELLO"
    assert Fleet.from_json(fleet.to_json()) == fleet
    assert hash(fleet.models[0]) == hash(Fleet.from_json(fleet.to_json()).models[0])


@pytest.mark.usefixtures("parrot")
def test_its_paths_are_relative_to_the_file_of_the_fleet_and_no_part_of_it(tmp_path):
    fleet = Fleet.load(written(tmp_path, "parrot", {"says": "x", "book": "b.txt"}))
    assert said(fleet) == str(tmp_path / "b.txt")
    assert str(tmp_path) not in str(fleet.to_json())


@pytest.mark.usefixtures("parrot")
def test_only_what_changes_replies_makes_another_search(tmp_path):
    one, other, third = (
        Fleet.load(written(tmp_path, "parrot", options)).identity()
        for options in ({"says": "x"}, {"says": "x", "loud": True}, {"says": "y"})
    )
    assert one == other != third


@pytest.mark.usefixtures("parrot")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"says": 3}, r"fleet\.yaml\.models\[0\]\.options\.says: must be a valid string, got 3"),
        ({"says": "x", "speed": 1}, r"\.options\.speed: unknown key; known are book, loud, says$"),
        ({"loud": True}, r"models\[0\]\.options: says is missing$"),
        (["says"], r"models\[0\]\.options: expected a mapping"),
    ],
)
def test_wrong_options_are_named_by_their_path(tmp_path, options, message):
    with pytest.raises(FleetError, match=message):
        Fleet.load(written(tmp_path, "parrot", options))


@pytest.mark.usefixtures("parrot")
def test_options_that_are_missing_are_seen_before_the_first_call(tmp_path):
    fleet = Fleet.load(written(tmp_path, "parrot", None))
    with pytest.raises(FleetError, match=r"^model a: options: says is missing"):
        engines_for(fleet, ["a"])


@pytest.mark.usefixtures("simple")
def test_a_plain_class_gets_its_options_as_keywords_and_equal_ones_share_it(tmp_path):
    fleet = Fleet.load(written(tmp_path, "simple", *({"script": s} for s in "xyx")))
    assert [said(fleet, name) for name in "abc"] == ["x", "y", "x"]
    made = engines_for(fleet, ["a", "b", "c"])
    assert made["a"] is made["c"] is not made["b"]


def test_options_of_an_engine_that_takes_none_are_refused():
    row = {"name": "a", "engine": "embedded", "options": {"speed": 1}}
    with pytest.raises(FleetError, match=r"^model\.options\.speed: unknown key; none is known"):
        ModelSpec.from_json(row)
    with pytest.raises(FleetError, match=r"^model a: options\.x: unknown key; none is known"):
        engines_for(Fleet("f", (ModelSpec("a", engine="embedded", options={"x": 1}),), "a"), ["a"])


def test_options_of_an_engine_that_is_not_installed_are_kept_as_they_are():
    row = {"name": "a", "engine": "elsewhere", "options": {"speed": [1, {"x": None}]}}
    fleet = Fleet.from_json({"name": "f", "unit_model": "a", "models": [row]})
    assert fleet.to_json()["models"][0]["options"] == row["options"]
    assert fleet.identity()["models"][0]["options"] == row["options"]


def test_serve_stands_among_the_fields_or_in_options():
    serve = {"weights": "org/x", "gpu_memory": 0.5, "args": ["--seed", 7]}
    old = ModelSpec.from_json({"name": "a", "serve": serve})
    assert old == ModelSpec.from_json({"name": "a", "options": {"serve": serve}})
    assert old.options == {"serve": {**serve, "args": ["--seed", "7"]}}
    for engine in ("http", "embedded", "elsewhere"):
        assert ModelSpec.from_json({"name": "a", "engine": engine, "serve": None}).options == {}
    with pytest.raises(FleetError, match=r"^model\.serve: is an option: move it there"):
        ModelSpec.from_json({"name": "a", "serve": serve, "options": {"serve": serve}})


def test_what_a_study_wrote_down_when_serve_was_a_field_is_the_same_fleet():
    serve = {"weights": "org/x", "gpu_memory": 0.5}
    row = {"name": "a", "endpoint": "http://127.0.0.1:1/v1", "serve": serve}
    now = Fleet.from_json({"name": "f", "unit_model": "a", "models": [row]}).identity()
    (model,) = now["models"]
    then = {name: value for name, value in model.items() if name != "options"}
    then["serve"] = {"weights": "org/x"}  # how memory is shared out was left out then too
    assert Fleet.from_json({**now, "models": [then]}).identity() == now
