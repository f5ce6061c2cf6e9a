"""Models and questions named on the command line: what they stand for, and a whole run of it."""

import asyncio
import json
import re
import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.records.errors import ConfigError
from graphsearch.spec import load_spec
from graphsearch.spec.build import fleet_of
from graphsearch.testing import StubServer

HERE = "http://127.0.0.1:8001/v1"
BUDGETS = ("--graph-budget", "0.002usd", "--search-budget", "5usd")


@contextmanager
def stub(answer):
    """A stub server in a thread of its own; gives its base URL and the server."""
    loop = asyncio.new_event_loop()
    server = StubServer(answer)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield server.base_url, server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def add(request):
    """Adds up, badly where the model is the small one."""
    first, second = re.findall(r"(\d+) plus (\d+)", request["messages"][-1]["content"])[0]
    wrong = request["model"] == "small" and int(first) % 3 == 0
    return f"The answer is {int(first) + int(second) + wrong}."


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"q": f"What is {i} plus {i + 1}?", "gold": 2 * i + 1} for i in range(60)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def call(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    return done.exit_code, done.stdout, done.stderr


DATA = ("--data", "sums.jsonl", "--question-field", "q", "--answer-field", "gold")


def spec_of(*words):
    """The specification that a command line stands for; nothing is made of it."""
    seen = []

    def stop(spec):
        seen.append(spec)
        raise ConfigError("seen")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphsearch.spec.build.build", stop)
        assert call("quote", *words) == (2, "", "error: seen\n")
    return seen[0]


def words_of(models, price=(), keys=()):
    """The command line that names these models."""
    named = [("--model", text) for text in models]
    named += [("--price", text) for text in price] + [("--api-key-env", text) for text in keys]
    budgets = ("--graph-budget", "9 tokens", "--search-budget", "9 tokens")
    return (*DATA, *budgets, *(word for pair in named for word in pair))


def named(*models, **more):
    """The fleet of models named on the command line."""
    return fleet_of(spec_of(*words_of(models, **more)))


@pytest.mark.usefixtures("folder")
class TestTheFleet:
    def test_a_model_behind_a_url(self):
        (spec,) = named(f"{HERE}#Qwen/qwen-0.5b").models
        assert (spec.name, spec.engine, spec.endpoint) == ("Qwen/qwen-0.5b", "http", HERE)
        assert (spec.parameters, spec.input_price, spec.api_key_env) == (None, None, None)

    def test_a_model_of_a_provider(self):
        (spec,) = named("openai/gpt-4o-mini").models
        assert (spec.name, spec.engine, spec.endpoint) == ("openai/gpt-4o-mini", "litellm", None)

    def test_price_and_key_are_told_by_name(self):
        fleet = named(f"{HERE}#m:1b", "x/y", price=["m:1b=0.02/0.06"], keys=["m:1b=MY_KEY"])
        first, second = fleet.models
        assert (first.input_price, first.output_price) == (Decimal("0.02"), Decimal("0.06"))
        assert (first.price_source, first.api_key_env) == ("given by --price", "MY_KEY")
        assert (second.input_price, second.api_key_env) == (None, None)
        assert fleet.unit_model == "m:1b"

    def test_one_name_at_two_servers(self):
        fleet = named(f"{HERE}#m", "http://127.0.0.1:8002/v1#m")
        assert fleet.names == ("m@127.0.0.1:8001", "m@127.0.0.1:8002")
        assert {spec.served_name for spec in fleet.models} == {"m"}

    @pytest.mark.parametrize(
        ("models", "more", "message"),
        [
            (["gpt-4o"], {}, "--model: expected URL#NAME .* or PROVIDER/NAME .* got 'gpt-4o'"),
            ([HERE], {}, f"--model: {HERE} names a server but no model; write {HERE}#NAME"),
            (["a/b", "a/b"], {}, "--model: 'a/b' is named twice"),
            (
                ["http://u:sk-12345@h/v1#m"],
                {},
                "--model: the URL holds more than a host and a path",
            ),
            ([f"{HERE}?key=sk-12345#m"], {}, "--model: the URL holds more than a host and a path"),
            (["ftp://h/v1#m"], {}, "--model: 'ftp://h/v1' is no URL such as"),
            (["http:///v1#m"], {}, "--model: 'http:///v1' is no URL such as"),
            (["http://h:99999/v1#m"], {}, "--model: 'http://h:99999/v1' is no URL such as"),
            ([f"{HERE}#m"] * 2, {}, "--model: 'm@127.0.0.1:8001' is named twice"),
            (["a/b"], {"price": ["b=1/2"]}, "--price: there is no model 'b'; named are a/b"),
            (["a/b"], {"price": ["a/b=1/2"] * 2}, "--price: is given twice for 'a/b'"),
            (["a/b"], {"keys": ["a/b=K", "a/b=L"]}, "--api-key-env: is given twice for 'a/b'"),
            (["a/b"], {"price": ["a/b=1"]}, "--price: expected NAME=IN/OUT in USD"),
            (["a/b"], {"price": ["a/b=1/x"]}, "--price: expected NAME=IN/OUT in USD"),
            (["a/b"], {"price": ["a/b"]}, "--price: expected NAME=IN/OUT, got 'a/b'"),
            (["a/b"], {"keys": ["a/b=sk-12345"]}, "--api-key-env: expected the name of an env"),
        ],
    )
    def test_what_cannot_be_read(self, models, more, message):
        code, out, err = call("quote", *words_of(models, **more))
        assert (code, out) == (2, "")
        assert re.match(f"error: {message}", err)
        assert "sk-12345" not in err


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ((), "nothing says what to search: give a configuration"),
            (("puzzle", *DATA), "--data: the configuration puzzle says already what is asked"),
            (("puzzle", "--grader", "exact"), "--grader: goes with --data"),
            (("puzzle", "--grader-option", "case=true"), "--grader-option: goes with --data"),
            (("puzzle", "--profile", "9,9"), "--profile: goes with --data"),
            (("puzzle", "--prompt-set", "chat"), "--prompt-set: goes with --data"),
            ((*DATA, *BUDGETS), "--model: no models are named; give --model URL#NAME"),
            ((*DATA, "--model", f"{HERE}#m", "--fleet", "llama"), "name models by --model or"),
            ((*DATA, "--fleet", "llama", "--price", "a=1/2"), "--price: is for models named by"),
            ((*DATA, "--fleet", "llama", "--api-key-env", "a=B"), "--api-key-env: is for models"),
            ((*DATA, "--model", f"{HERE}#m"), "--graph-budget: is required"),
            (
                (*DATA, "--model", f"{HERE}#m", "--graph-budget", "5"),
                "--graph-budget: expected a n",
            ),
            ((*DATA, "--fleet", "lama", *BUDGETS), "--fleet: lama: there is no such file"),
            (
                (*DATA, "--fleet", "llama", "--prices", "no.yaml", *BUDGETS),
                "{tmp}/no.yaml: no such",
            ),
            ((*DATA, "--fleet", "llama", "--profile", "x", *BUDGETS), "--profile: no known task"),
        ],
    )
    def test_options_that_do_not_go_together(self, folder, arguments, sentence):
        code, out, err = call("run", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {sentence.replace('{tmp}', str(folder))}")
        assert not (folder / "runs").exists()

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--grader", "nobody"), "--grader: no grader 'nobody'; known: bbh"),
            (
                ("--grader", "exact", "--grader-option", "case=1"),
                "--grader-option: case: must be a valid boolean, got 1",
            ),
            (("--grader-option", "case=1"), "--grader-option: unknown option 'case' of grader 'n"),
            (("--grader-option", "tolerance=-1"), "--grader-option: tolerance -1 of the numeric"),
            (("--grader-option", "case"), "--grader-option: 'case' is not NAME=VALUE"),
            (
                ("--grader-option", "case=true", "--grader-option", "case=true"),
                "--grader-option: 'case' is given twice",
            ),
            (("--grader", "code", "--grader-option", "sandbox=1"), "--grader-option: sandbox: m"),
            (("--question-field", "question"), "{tmp}/sums.jsonl:1: no field 'question'"),
            (("--data", "none.jsonl"), "{tmp}/none.jsonl: cannot be read"),
            (("--data", "sums.txt"), "{tmp}/sums.txt: cannot be read: No such file"),
            (("--searcher", "luck"), "--searcher: "),
            (("--prompt-set", "none"), "--prompt-set: no prompt set 'none': known sets"),
            (("--profile", "0,9"), "--profile: no known task"),
        ],
    )
    def test_parts_that_refuse_name_the_option(self, folder, options, sentence):
        budgets = ("--graph-budget", "3000 tokens", "--search-budget", "1e6 tokens")
        models = ("--model", f"{HERE}#m")
        code, out, err = call("quote", *DATA, "--grader", "numeric", *models, *budgets, *options)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {sentence.replace('{tmp}', str(folder))}")

    def test_options_of_a_grader_are_kept_with_paths_that_hold_anywhere(self, folder):
        words = ("model=m", "labelled=seen.jsonl", "accept=true", "rubric='yes: or no'")
        spec = spec_of(
            *("--data", "sums.jsonl", "--grader", "llm-judge", "--model", f"{HERE}#m"),
            *("--graph-budget", "9 tokens", "--search-budget", "9 tokens"),
            *(word for option in words for word in ("--grader-option", option)),
        )
        assert spec.task.options["grader_options"] == {
            "model": "m",
            "labelled": str(folder / "seen.jsonl"),
            "accept": True,
            "rubric": "yes: or no",
        }

    def test_a_key_that_is_missing_is_said_at_once(self, folder, monkeypatch):
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        budgets = ("--graph-budget", "3000 tokens", "--search-budget", "1e6 tokens")
        models = ("--model", f"{HERE}#m", "--api-key-env", "m=NO_SUCH_KEY")
        code, out, err = call("run", *DATA, "--grader", "numeric", *models, *budgets)
        assert (code, out) == (2, "")
        assert err.startswith(
            "error: --model: model m: the environment variable NO_SUCH_KEY, which holds"
        )
        assert not (folder / "runs").exists()

    @pytest.mark.parametrize("name", ["..jsonl", "...jsonl", "...csv.jsonl"])
    def test_dots_do_not_lead_out_of_the_folder_of_runs(self, folder, monkeypatch, name):
        seen = []

        def stop(spec, run, **_):
            seen.append(run)
            raise ConfigError("seen")

        monkeypatch.setattr("graphsearch.api.begin", stop)
        budgets = ("--graph-budget", "9 calls", "--search-budget", "99 calls")
        done = call("run", "--data", name, "--model", f"{HERE}#m", *budgets)
        assert done == (2, "", "error: seen\n")
        (run,) = seen
        assert run.absolute().parent == folder / "runs"
        assert run.name
        assert not run.name.startswith(".")

    @pytest.mark.parametrize("command", ["run", "quote"])
    def test_a_budget_in_dollars_asks_for_the_prices_that_are_missing(self, folder, command):
        models = ("--model", f"{HERE}#a", "--model", f"{HERE}#b", "--model", "openai/gpt-4o-mini")
        code, out, err = call(command, *DATA, *models, *BUDGETS)
        assert (code, out) == (3, "")
        assert err == (
            "error: a budget of 0.002 usd cannot be kept: the price of a, b is unknown; give "
            "--price a=IN/OUT --price b=IN/OUT (USD per million prompt and completion tokens, such "
            "as 0.02/0.06), or a file by --prices\n"
        )

    @pytest.mark.parametrize(
        ("budget", "sentence"),
        [
            ("18 units", "the size of a is unknown (parameters, layers, width); write a fleet"),
            ("3e15 flops", "the size of a is unknown"),
            ("9 s", "the speed of a is unknown (prefill_rate, decode_rate, overhead_s); write"),
        ],
    )
    def test_a_budget_in_what_a_name_does_not_tell(self, folder, budget, sentence):
        budgets = ("--graph-budget", "9 calls", "--search-budget", budget)
        code, _, err = call("run", *DATA, "--model", f"{HERE}#a", *budgets)
        assert code == 3
        assert sentence in err


class TestRuns:
    def test_a_search_of_models_named_on_the_line(self, folder):
        with stub(add) as (url, server):
            code, out, err = call(
                *("run", *DATA, "--grader", "numeric", "--model", f"{url}#small"),
                *("--model", f"{url}#large", "--price", "small=0.02/0.06"),
                *("--price", "large=0.2/0.6", "--graph-budget", "0.0002usd"),
                *("--search-budget", "5usd", "--search-budget", "700 calls"),
                *("--searcher", "random", "--profile", "60,5", "--seed", "3", "--json"),
            )
            assert code == 0, err
            found = json.loads(out.splitlines()[-1])
            asked = server.served.requests
            # All of it stands in the run folder: resuming needs no option, and pays for nothing.
            code, again, err = call("resume", "runs/sums", "--json")
            assert code == 0, err
        assert server.served.requests == asked
        assert found["n"] > 0
        assert "large" in found["winner"]["text"]
        assert json.loads(again.splitlines()[-1])["winner"] == found["winner"]
        assert found["prices"] == {"small": "given by --price", "large": "given by --price"}
        kept = load_spec(folder / "runs" / "sums" / "config.yaml")
        assert kept.task.options == {
            "grader": "numeric",
            "question_field": "q",
            "answer_field": "gold",
        }
        assert [model.price_source for model in kept.fleet.models] == ["given by --price"] * 2

    def test_prices_of_a_file_stay_with_the_run(self, folder):
        (folder / "mine.yaml").write_text(
            'as_of: "2026-11-01"\nmodels: {m: {input_price: 0.2, output_price: 1}}\n'
        )
        with stub(add) as (url, _):
            options = (
                *(*DATA, "--grader", "numeric", "--model", f"{url}#m", "--prices", "mine.yaml"),
                *("--graph-budget", "0.0001usd", "--search-budget", "5usd"),
                *("--search-budget", "600 calls", "--searcher", "random", "--profile", "60,5"),
            )
            code, out, err = call("quote", *options)
            assert code == 0, err
            assert out.endswith("prices of m: mine.yaml, as of 2026-11-01\n")
            code, out, err = call("run", *options, "--out", "here")
            assert code == 0, err
            (folder / "mine.yaml").unlink()
            assert call("resume", "here")[0] == 0
        assert (
            "price_source: mine.yaml, as of 2026-11-01" in (folder / "here/config.yaml").read_text()
        )
        assert "m: mine.yaml, as of 2026-11-01" in (folder / "here/report.html").read_text()

    def test_a_configuration_takes_models_named_on_the_line(self, folder):
        (folder / "c.yaml").write_text(
            "task: {file: sums.jsonl, options: {question_field: q, answer_field: gold}}\n"
            "fleet: llama\ngraph_budget: 2000 tokens\nsearch_budget: 100000 tokens\n"
        )
        code, out, err = call("quote", "c.yaml", "--model", f"{HERE}#a", "--json")
        assert code == 0, err
        found = json.loads(out)
        assert found["prices"] == {"a": {"input": None, "output": None, "source": None}}
