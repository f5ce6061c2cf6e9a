"""Where a bundle sends questions and keys, and what it may tell a vLLM: its reader decides."""

import pytest

from graphsearch.export import load_bundle
from graphsearch.records.errors import (
    ConfigError,
    InputError,
    Rejected,
)
from graphsearch.testing import StubServer
from tests.export.helpers import AWAY, KEY, change, exported


async def test_a_bundle_goes_to_where_its_models_are_now(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_HERE", KEY)
    folder = exported(tmp_path, {"name": "m", **AWAY}, {"name": "n", **AWAY})
    async with StubServer(lambda request: "The answer is 7.", key=KEY) as server:
        moved = {
            "endpoints": dict.fromkeys("mn", server.base_url),
            "api_key_envs": dict.fromkeys("mn", "KEY_HERE"),
        }
        async with load_bundle(folder, **moved) as loaded:
            assert (await loaded.answer("3 + 4?")).parsed == "7"


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("checked", [False, True])
async def test_a_bundle_does_not_choose_which_keys_are_sent(tmp_path, monkeypatch, moved, checked):
    monkeypatch.setenv("SOMEBODYS_SECRET", KEY)
    async with StubServer(lambda request: "The answer is 7.", key=KEY) as server:
        stranger = {"endpoint": server.base_url, "api_key_env": "SOMEBODYS_SECRET"}
        folder = exported(tmp_path, {"name": "m", **stranger}, {"name": "n", **stranger})
        given = {"check_models": checked}
        if moved:
            given["endpoints"] = dict.fromkeys("mn", server.base_url)
        with pytest.raises(ConfigError) as caught:
            load_bundle(folder, **given)
        assert (
            f"asks for the key in the environment variable SOMEBODYS_SECRET, to be sent to "
            f"{server.base_url} for the model 'm'; where you mean that, pass "
            "api_key_envs={'m': 'SOMEBODYS_SECRET', 'n': 'SOMEBODYS_SECRET'} to load_bundle"
        ) in str(caught.value)
        with pytest.raises(ConfigError, match=r"pass api_key_envs=\{'n': 'SOMEBODYS_SECRET'\} "):
            load_bundle(folder, **given, api_key_envs={"m": None})
        assert not server.requests
        unsent = dict.fromkeys("mn")
        async with load_bundle(folder, **given, api_key_envs=unsent) as loaded:
            with pytest.raises(Rejected, match="no key was sent"):
                await loaded.answer("3 + 4?")
        sent = dict.fromkeys("mn", "SOMEBODYS_SECRET")
        async with load_bundle(folder, **given, api_key_envs=sent) as loaded:
            assert (await loaded.answer("3 + 4?")).parsed == "7"


def test_its_readme_says_which_keys_it_was_used_with(tmp_path):
    folder = exported(tmp_path, {"name": "m", **AWAY}, {"name": "n", "endpoint": AWAY["endpoint"]})
    said = (folder / "README.md").read_text()
    assert "The search used `api_key_envs={'m': 'KEY_THERE'}`." in said
    with load_bundle(folder, api_key_envs={"m": "KEY_THERE"}) as loaded:
        assert "m, n" in repr(loaded)


def test_a_model_that_nobody_asks_needs_no_key(bundle):
    def edit(record):
        spare = record["fleet"]["models"][0] | {"name": "spare", "api_key_env": "KEY_THERE"}
        record["fleet"]["models"].append(spare)

    change(bundle, edit)
    load_bundle(bundle).close()


@pytest.mark.parametrize(
    ("changes", "given", "sentence"),
    [
        (
            {"endpoint": "http://h/v1"},
            {},
            "pass endpoints={'m': 'http://h/v1'} to load_bundle",
        ),
        ({"endpoint": "http://h/v1"}, {"endpoints": {"m": "http://h/v1"}}, None),
        ({"served_name": "huggingface/https://h/x"}, {}, "an address in a name"),
        ({"served_name": "openai/gpt-5"}, {}, None),
        ({"served_name": "openai/gpt-5", "api_key_env": "HOME"}, {}, "to be sent to the provider"),
    ],
)
def test_what_litellm_would_do_of_itself_is_not_the_bundle_s_to_choose(
    tmp_path, monkeypatch, changes, given, sentence
):
    monkeypatch.setattr("graphsearch.engines.litellm.engine.check_release", lambda: None)
    folder = exported(tmp_path, {"name": "m", "endpoint": "http://127.0.0.1:9/v1"})

    def edit(record):
        spec = record["fleet"]["models"][0]
        spec.update({"engine": "litellm", "endpoint": None, **changes})

    change(folder, edit)
    if sentence is None:
        load_bundle(folder, check_models=False, **given).close()
        return
    with pytest.raises(ConfigError) as caught:
        load_bundle(folder, check_models=False, **given)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "serve", "refused"),
    [
        ("vllm", {"args": ["--trust-remote-code"]}, "with --trust-remote-code, which may"),
        ("vllm", {"env": {"PYTHONPATH": "x"}}, "with PYTHONPATH=x, which may"),
        ("vllm", {"max_model_len": 64}, None),
        ("http", {"args": ["--trust-remote-code"]}, None),
    ],
)
def test_flags_of_a_bundle_reach_no_vllm_here_untold(tmp_path, engine, serve, refused):
    folder = exported(tmp_path, {"name": "m", "endpoint": "http://127.0.0.1:9/v1"})

    def edit(record):
        spec = record["fleet"]["models"][0]
        spec.update({"engine": engine, "serve": {"weights": "a/b", **serve}})
        if engine == "vllm":
            spec["endpoint"] = None

    change(folder, edit)
    if refused is not None:
        with pytest.raises(ConfigError, match=refused):
            load_bundle(folder, check_models=False)
    load_bundle(folder, check_models=False, trust_flags=True).close()
    if refused is None:
        load_bundle(folder, check_models=False).close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"endpoints": {"huge": "http://h/v1"}}, "endpoints: no model 'huge'; it has nano, xs"),
        ({"endpoints": {"xs": "http://me:pw12345678@h/v1"}}, "model xs.endpoint: the URL holds mo"),
        ({"api_key_envs": {"xs": "sk-12345678"}}, "model xs.api_key_env: expected the name of an"),
    ],
)
def test_places_are_checked_as_input(bundle, given, message):
    with pytest.raises(InputError) as caught:
        load_bundle(bundle, **given)
    assert str(caught.value).startswith(message)
    assert "12345678" not in str(caught.value)
