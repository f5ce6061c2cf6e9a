"""The embedded fleet as folders, and the fleet that serves them."""

import jinja2
import pytest

from graphsearch.engines.embedded import Checkpoint, builtin_folder
from graphsearch.engines.embedded.sequences import prompt_text
from graphsearch.engines.vllm import plan_servers, save_fleet, serve_of
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet
from graphsearch.yamlfile import read_yaml
from tests.engines.vllm.conftest import CPU
from tests.support import ROOT


def test_what_is_saved_is_the_fleet_and_can_be_served(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHSEARCH_VLLM_PYTHON", "/bin/sh")
    path = save_fleet(tmp_path / "fleet")
    found = Fleet.load(path)
    embedded = Fleet.load("embedded")
    assert found.names == embedded.names
    assert found.unit_model == embedded.unit_model
    for spec in found.models:
        other = embedded.model(spec.name)
        assert (spec.parameters, spec.layers, spec.width) == (
            *(other.parameters, other.layers, other.width),
        )
        assert (
            Checkpoint.load(serve_of(spec).folder).digest
            == Checkpoint.load(builtin_folder(spec.name)).digest
        )
    plans = plan_servers(found, CPU)
    assert [plan.port for plan in plans] == [8101, 8102, 8103, 8104]
    assert plans[0].command[4] == str(tmp_path / "fleet" / "nano")


def test_saving_again_touches_nothing(tmp_path):
    path = save_fleet(tmp_path, ["s"], first_port=9000)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    save_fleet(tmp_path, ["s"], first_port=9000)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert Fleet.load(path).names == ("xs", "s")  # the unit model belongs to it
    with pytest.raises(FleetError, match="no model 'xxl'"):
        save_fleet(tmp_path, ["xxl"])
    with pytest.raises(FleetError, match="ports go from 1"):
        save_fleet(tmp_path, first_port=65_535)


def test_the_chat_template_gives_a_server_the_prompt_that_we_give():
    template = read_yaml(builtin_folder("s") / "tokenizer_config.json")["chat_template"]
    messages = (Message("system", "S P 2"), Message("user", "7 9 10"), Message("user", "> 36 :"))
    call = Call("s", messages, Sampling())
    rows = [{"role": m.role, "content": m.content} for m in messages]
    rendered = jinja2.Template(template).render(messages=rows, add_generation_prompt=True)
    assert rendered == prompt_text(call) == "S P 2 7 9 10 > 36 :"


def test_the_fleet_that_comes_along_is_the_embedded_one(monkeypatch):
    found = Fleet.load(ROOT / "configs" / "fleets" / "vllm-cpu.yaml")
    embedded = Fleet.load("embedded")
    assert found.unit_model == embedded.unit_model
    for spec in found.models:
        other = embedded.model(spec.name)
        for name in ("parameters", "layers", "width", "bits", "context", "revision"):
            assert getattr(spec, name) == getattr(other, name), name
    monkeypatch.setenv("GRAPHSEARCH_VLLM_PYTHON", "/bin/sh")
    assert len(plan_servers(found, CPU)) == len(found.models)
    assert serve_of(found.models[0]).path("../../x").resolve() == ROOT / "x"
