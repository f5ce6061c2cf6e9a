"""`doctor`: what is found of each model, and one line of advice for each problem."""

import asyncio
import json
import tempfile
import threading
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from graphsearch import engines
from graphsearch.cli import app
from graphsearch.engines.base import EngineInfo
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    FleetError,
    NotThere,
    Rejected,
    Unavailable,
    UnknownModel,
    Unreachable,
)
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.testing import StubReply, StubServer

KEY = "sk-planted-0123456789abcdef"
PRICED = {"input_price": Decimal("0.1"), "output_price": Decimal("0.4"), "price_source": "list"}


class Engine:
    """Answers, or fails as told."""

    def __init__(self, error=None, *, reply=None, weights="0123456789abcdef"):
        self.error = error
        self.reply = reply or Reply("yes", Usage(3, 8, 1), seconds=0.5)
        self.weights = weights
        self.closed = False

    def info(self, model):
        return EngineInfo("fake", "mark", weights=self.weights)

    async def generate(self, call):
        if self.error is not None:
            raise self.error
        return self.reply

    async def aclose(self):
        self.closed = True


class Listing(Engine):
    """It also tells what it serves."""

    def __init__(self, models, error=None, **options):
        super().__init__(error, **options)
        self.models = models

    async def list_models(self):
        if isinstance(self.models, Exception):
            raise self.models
        return self.models


def probe_all(specs, make):
    """What the command tells of models, each served by the engine that is made for it."""
    fleet = Fleet("fakes", tuple(specs), specs[0].name)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.yaml"
        path.write_text(json.dumps(fleet.to_json()))
        patch.setattr(
            engines, "engines_for", lambda fleet, names: {n: make(fleet.model(n)) for n in names}
        )
        found = doctor("--fleet", path)
    reports = json.loads(json.dumps(found["models"]), object_hook=lambda o: SimpleNamespace(**o))
    return reports, [check for check in found["checks"] if check["name"].startswith("model ")]


def asked(engine, /, **fields):
    """The report of one model, and the lines on it."""
    spec = ModelSpec(**{"name": "m", "endpoint": "http://127.0.0.1:9/v1", **fields})
    (report,), checks = probe_all([spec], lambda spec: engine)
    assert getattr(engine, "closed", True)
    return report, checks


def probe(engine, /, **fields):
    return asked(engine, **fields)[0]


def only(report):
    (finding,) = report.findings
    return finding


class TestAModel:
    def test_that_is_well(self):
        report, (check,) = asked(Listing({"m": 4096}), **PRICED)
        assert (report.state, report.findings) == ("ok", [])
        assert (report.reachable, report.answers, report.serves) == (True, True, ["m"])
        assert (report.context, report.context_source) == (4096, "server")
        assert report.tokens_per_second == 16.0
        assert check["found"] == (
            "answers in 0.50 s, 16 tokens/s, context 4,096, USD 0.1/0.4 per Mtok (list), "
            "weights 0123456789ab"
        )

    def test_of_which_only_a_name_is_known(self):
        _, (check,) = asked(Engine(weights=""))
        assert check["found"] == "answers in 0.50 s, 16 tokens/s, price unknown"

    def test_that_is_served_under_another_name(self):
        engine = Listing({"vendor/m-1b": None, "other": 8}, UnknownModel("no such model"))
        finding = only(probe(engine, served_name="m-1b"))
        assert (finding.about, finding.state) == ("name", "bad")
        assert finding.advice == (
            "it serves vendor/m-1b, other; give the server's own name of the model as "
            "served_name; 'vendor/m-1b', perhaps"
        )

    def test_that_answers_to_any_name(self):
        finding = only(probe(Listing({"file.gguf": None})))
        assert (finding.about, finding.state) == ("name", "poor")
        assert finding.found == "it answers, but lists file.gguf, not 'm'"

    def test_whose_server_has_no_list(self):
        report = probe(Listing(BadRequest("404")))
        assert (report.state, report.reachable, report.serves) == ("ok", True, None)

    def test_with_more_context_in_the_fleet_than_at_the_server(self):
        finding = only(probe(Listing({"m": 2048}), context=4096))
        assert (finding.about, finding.state) == ("context", "poor")
        assert finding.advice == "write context: 2048 into the fleet"

    def test_that_is_not_there(self):
        report = probe(Listing(Unreachable("refused")))
        finding = only(report)
        assert (finding.about, finding.state, finding.found) == ("reach", "bad", "refused")
        assert finding.advice.startswith("start what should listen at http://127.0.0.1:9/v1")
        assert (report.reachable, report.answers) == (False, False)

    def test_whose_server_is_there_and_ill(self):
        report = probe(Listing(Unavailable("answered 503: loading")))
        finding = only(report)
        assert (finding.about, report.reachable) == ("answer", True)
        assert finding.advice.endswith("is busy or stuck, and what its log says")

    @pytest.mark.parametrize("error", [NotThere("answered 404"), BrokenReply("sent text/html")])
    def test_whose_address_is_that_of_something_else(self, error):
        report = probe(Listing(error, error))
        finding = only(report)
        assert (finding.about, finding.found, report.reachable) == ("endpoint", str(error), True)
        assert finding.advice.startswith("see whether http://127.0.0.1:9/v1 is the base URL")

    def test_that_refuses_a_call(self):
        finding = only(probe(Listing({"m": None}, BadRequest("no such parameter"))))
        assert finding.advice == (
            "see what the log of http://127.0.0.1:9/v1 says of the call that it refuses"
        )

    def test_of_a_provider_that_cannot_be_reached(self):
        finding = only(probe(Engine(Unreachable("no route")), endpoint=None, served_name="x/m"))
        assert finding.about == "reach"
        assert finding.advice == "see whether this machine reaches the provider of x/m"

    def test_that_does_not_answer_in_time(self):
        finding = only(probe(Engine(TimeoutError())))
        assert finding.found == "no answer within 60 s"
        assert "is busy or stuck" in finding.advice

    def test_whose_engine_is_not_there(self):
        def make(spec):
            raise FleetError("no engine")

        (report,), _ = probe_all([ModelSpec("m")], make)
        assert (only(report).about, report.reachable) == ("engine", None)

    def test_that_cannot_be_loaded(self):
        class Heavy(Engine):
            async def open(self):
                raise Rejected("no such weights")

        finding = only(probe(Heavy()))
        assert (finding.about, finding.found) == ("engine", "no such weights")

    def test_without_text(self):
        engine = Engine(reply=Reply("", Usage(3, 48, 1), Outcome.EMPTY))
        assert only(probe(engine)).advice.startswith("a model that thinks before it answers")

    def test_without_token_counts(self):
        report = probe(Engine(reply=Reply("yes", Usage(None, None, 1))))
        assert (only(report).about, report.tokens_per_second) == ("tokens", None)

    @pytest.mark.parametrize(
        ("fields", "missed"),
        [
            ({"engine": "litellm", "endpoint": None}, True),
            ({"api_key_env": "SOME_KEY"}, True),
            ({}, False),
            ({"engine": "litellm", "endpoint": None, **PRICED}, False),
        ],
    )
    def test_a_price_is_missed_where_somebody_sends_a_bill(self, fields, missed):
        assert [f.about for f in probe(Engine(), **fields).findings] == ["price"] * missed

    @pytest.mark.parametrize(
        ("variable", "value", "advice"),
        [
            (None, None, "put the key in an environment variable and name it as api_key_env"),
            ("SOME_KEY", None, "set the environment variable SOME_KEY to the key"),
            ("SOME_KEY", "wrong", "the key in SOME_KEY is not accepted"),
        ],
    )
    def test_whose_key_is_missing_or_wrong(self, monkeypatch, variable, value, advice):
        monkeypatch.delenv("SOME_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("SOME_KEY", value)
        report = probe(Listing(AccessDenied("401")), api_key_env=variable, **PRICED)
        assert (only(report).about, only(report).state) == ("key", "bad")
        assert only(report).advice.startswith(advice)


def test_models_are_asked_side_by_side():
    """Each waits until all are being listed, and until all are being asked."""

    barrier = asyncio.Barrier(8)

    class Waiting(Engine):
        async def list_models(self):
            await barrier.wait()
            return {}

        async def generate(self, call):
            await barrier.wait()
            return self.reply

    reports, _ = probe_all([ModelSpec(f"m{i}") for i in range(8)], lambda spec: Waiting())
    assert len(reports) == 8
    assert all(report.answers for report in reports)


def test_what_has_to_load_is_loaded_before_any_is_asked():
    order = []

    class Late(Engine):
        async def open(self):
            await asyncio.sleep(0)
            order.append("opened")

    class Quick(Engine):
        async def generate(self, call):
            order.append("asked")
            return self.reply

    made = {"a": Quick(), "b": Late()}
    probe_all([ModelSpec("a"), ModelSpec("b")], lambda spec: made[spec.name])
    assert order == ["opened", "asked"]


@contextmanager
def stub(**options):
    loop = asyncio.new_event_loop()
    server = StubServer(**options)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield server.base_url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def doctor(*arguments):
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments), "--json"])
    found = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code == 0) == found["healthy"]
    return found


class TestTheCommand:
    def test_of_the_embedded_fleet(self):
        found = doctor()
        assert {check["name"] for check in found["checks"]} >= {"python", "package numpy", "disk"}
        assert [model["name"] for model in found["models"]] == ["nano", "xs", "s", "m"]
        assert all(model["answers"] and model["weights"] for model in found["models"])

    def test_of_models_named_on_the_line(self):
        with stub(answer=lambda asked: StubReply("ready"), models={"small": 512}) as url:
            found = doctor("--model", f"{url}#small", "--price", "small=0.02/0.06")
        (model,) = found["models"]
        assert (model["state"], model["context"], model["input_price"]) == ("ok", 512, "0.02")

    def test_of_urls_alone(self, monkeypatch):
        monkeypatch.setenv("STUB_KEY", KEY)
        dead = "http://127.0.0.1:9/v1"
        with stub(models={"small": 512, "large": 4096}, key=KEY) as url:
            options = ("--model", url, "--api-key-env", f"{url}=STUB_KEY")
            done = CliRunner().invoke(app, ["doctor", *options])
            found = doctor(*options)
            keyless = doctor("--model", url, "--model", dead)
        assert done.exit_code == 0, done.stdout
        assert "serves small (context 512), large (context 4,096)" in done.stdout
        assert found["servers"][0]["serves"] == {"small": 512, "large": 4096}
        assert found["models"] == []
        advice = [server["advice"] for server in keyless["servers"]]
        assert advice[0] == f"name the variable of its key by --api-key-env {url}=VARIABLE"
        assert advice[1].startswith("see whether it is up")

    def test_of_a_url_that_lists_nothing(self):
        with stub(models={}) as url:
            found = doctor("--model", url)
        (check,) = [c for c in found["checks"] if c["name"].startswith("server ")]
        assert (check["state"], check["found"]) == ("poor", "answers, but lists no model")
        assert check["advice"]

    def test_of_urls_and_fleets_with_secrets_in_them(self, tmp_path):
        where = "http://u:sk-12345@127.0.0.1:9/v1?key=sk-12345"
        for url in (where, f"{where}#m", "http://127.0.0.1:9/v1?key=sk-12345"):
            done = CliRunner().invoke(app, ["doctor", "--model", url, "--json"])
            assert done.exit_code == 2
            assert "sk-12345" not in done.output
        fleet = {"name": "f", "unit_model": "m", "models": [{"name": "m", "endpoint": where}]}
        (tmp_path / "f.yaml").write_text(json.dumps(fleet))
        done = CliRunner().invoke(app, ["doctor", "--fleet", str(tmp_path / "f.yaml"), "--json"])
        assert done.exit_code == 2
        assert "api_key_env" in json.loads(done.stdout)["error"]["message"]
        assert "sk-12345" not in done.output

    def test_of_a_url_beside_a_fleet(self):
        with stub(models={"small": 512}) as url:
            found = doctor("--model", url, "--fleet", "embedded")
        assert len(found["servers"]) == 1
        assert len(found["models"]) == 4

    def test_of_a_fleet_in_which_each_model_has_another_problem(self, tmp_path, monkeypatch):
        monkeypatch.setenv("STUB_KEY", KEY)
        monkeypatch.setenv("WRONG_KEY", "sk-another-key-that-is-wrong")
        monkeypatch.delenv("NO_KEY", raising=False)
        with stub(models={"good": 512}, key=KEY) as url:
            rows = [
                ("good", url, "STUB_KEY"),
                ("bad-name", url, "STUB_KEY"),
                ("bad-key", url, "WRONG_KEY"),
                ("no-key", url, "NO_KEY"),
                ("down", "http://127.0.0.1:9/v1", None),
            ]
            models = [
                {"name": name, "endpoint": where, **({"api_key_env": key} if key else {})}
                for name, where, key in rows
            ]
            (tmp_path / "f.yaml").write_text(
                json.dumps({"name": "f", "unit_model": "good", "models": models})
            )
            prices = {name: {"input_price": 1, "output_price": 2} for name, _, _ in rows}
            (tmp_path / "p.yaml").write_text(json.dumps({"as_of": "2026-11-01", "models": prices}))
            paths = ("--fleet", str(tmp_path / "f.yaml"), "--prices", str(tmp_path / "p.yaml"))
            found = doctor(*paths)
            shown = CliRunner().invoke(app, ["doctor", *paths]).stdout
        assert not found["healthy"]
        problems = {m["name"]: [f["about"] for f in m["findings"]] for m in found["models"]}
        assert problems == {
            "good": [],
            "bad-name": ["name"],
            "bad-key": ["key"],
            "no-key": ["key"],
            "down": ["reach"],
        }
        assert found["models"][0]["price_source"] == "p.yaml, as of 2026-11-01"
        assert "model bad-name: it serves good; give the server's own name" in shown
        assert "model no-key: set the environment variable NO_KEY" in shown
        assert KEY not in json.dumps(found) + shown
        assert "sk-another" not in json.dumps(found) + shown


def test_doctor_fails_when_anything_is_bad(monkeypatch):
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["nothing-here>=2.0"])
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    advice = done.stdout.partition("\n\n")[2].splitlines()
    assert advice[0] == "package nothing-here: pip install 'nothing-here>=2.0'"
    assert json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["healthy"] is False
