"""Things by name, of ours and of installed packages."""

import sys
from importlib import import_module

import pytest

from graphsearch import registry as registry_module
from graphsearch.records.errors import ConfigError, TaskError
from graphsearch.registry import GROUPS, Registry, register

GROUP = "graphsearch.exporters"


def registry(**more):
    built_in = {"ours": "decimal:Decimal", "other": "no.such.module:thing"}
    return Registry(GROUP, built_in, kind="exporter", error=ConfigError, **more)


def test_what_is_built_in_is_imported_when_it_is_asked_for():
    from decimal import Decimal

    assert registry().names() == ("other", "ours")
    assert registry().find("ours") is Decimal
    with pytest.raises(ImportError):
        registry().find("other")


def test_an_installed_package_adds_a_thing_and_is_not_imported_for_its_name(installed):
    installed(GROUP, "mine", "exporter_of_mine:make", "def make():\n    return 3\n")
    assert registry().names() == ("mine", "other", "ours")
    assert "mine" in registry()
    assert "ours" in registry()
    assert "yours" not in registry()
    assert "exporter_of_mine" not in sys.modules
    assert registry().find("mine")() == 3


def test_a_package_takes_no_name_of_ours(installed):
    installed(GROUP, "ours", "thief:make", "make = None\n")
    assert registry().names() == ("other", "ours")
    assert registry().find("ours").__name__ == "Decimal"


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"^no exporter 'x'; known: other, ours$"):
        registry().find("x")
    said = registry(where="export", unknown="{name} is no {kind}, but {known} are")
    with pytest.raises(ConfigError, match=r"^export: x is no exporter, but other, ours are$"):
        said.find("x")


@pytest.mark.parametrize("code", ["import no_such_module\n", "other = 1\n"])
def test_a_package_that_cannot_be_loaded_is_named(installed, code):
    installed(GROUP, "mine", "broken_thing:make", code)
    with pytest.raises(ConfigError, match=r"exporter 'mine' of the package broken_thing cannot"):
        registry().find("mine")


def test_a_group_that_nobody_knows_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match=r"graphsearch\.gadgets"):
        Registry("graphsearch.gadgets", {}, kind="gadget", error=TaskError)


@pytest.mark.parametrize(
    ("home", "name", "group"),
    [
        ("graphsearch.engines", "ENGINES", "graphsearch.engines"),
        ("graphsearch.searchers.registry", "SEARCHERS", "graphsearch.searchers"),
        ("graphsearch.agents.search.registry", "SEARCH_AGENTS", "graphsearch.search_agents"),
        ("graphsearch.agents.roles.roleset", "ROLES", "graphsearch.roles"),
        ("graphsearch.evaluators.graders", "GRADERS", "graphsearch.graders"),
        ("graphsearch.evaluators.tasks", "TASKS", "graphsearch.tasks"),
    ],
)
def test_every_name_of_ours_leads_somewhere(home, name, group):
    found = getattr(import_module(home), name)
    assert found.group == group
    assert found.group in GROUPS
    assert all(callable(found.find(one)) for one in found.names())


@pytest.fixture
def forgotten(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setitem(registry_module.REGISTERED, GROUP, {})


@pytest.mark.usefixtures("forgotten")
def test_a_thing_is_registered_for_this_process_and_replaced_by_the_next():
    register("exporters", "mine", str)
    register("exporters", "mine", int)
    assert registry().names() == ("mine", "other", "ours")
    assert registry().find("mine") is int


@pytest.mark.usefixtures("forgotten")
def test_who_registers_a_name_of_ours_is_told():
    register("exporters", "ours", str)
    with pytest.raises(ConfigError, match=r"exporter 'ours' comes with graphsearch"):
        registry().find("ours")


def test_a_thing_of_no_group_is_refused():
    with pytest.raises(ValueError, match=r"no group 'gadgets'; there are engines, exporters"):
        register("gadgets", "mine", str)
