"""Errors of the parts are told with the file or the option."""

import pytest

from graphsearch.records.errors import BudgetRefused, ConfigError, FleetError, StoreError, TaskError
from graphsearch.spec import Origin, placed


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConfigError("is bad", where="searcher.options"), "--searcher: options: is bad"),
        (ConfigError("is bad", where="searcher"), "--searcher: is bad"),
        (ConfigError("is bad", where="space.models[1]"), "c.yaml: space.models[1]: is bad"),
        (ConfigError("is bad"), "c.yaml: is bad"),
        (TaskError("is bad"), "c.yaml: task: is bad"),
        (FleetError("is bad"), "--fleet: is bad"),
        (TaskError("is bad", where="q.jsonl:3"), "q.jsonl:3: is bad"),
        (StoreError("is in use", where="runs/a"), "runs/a: is in use"),
        (BudgetRefused("too small"), "c.yaml: too small"),
    ],
)
def test_where_a_bad_value_stands(error, told):
    origin = Origin("c.yaml", {"searcher": "--searcher", "fleet": "--fleet"})
    with pytest.raises(type(error)) as caught, placed(origin):
        raise error
    assert str(caught.value) == told


def test_other_errors_pass():
    with pytest.raises(KeyError), placed(Origin("c.yaml")):
        raise KeyError("x")


OPTIONS = {
    "task": "--data",
    "task.profile": "--profile",
    "task.prompt_set": "--prompt-set",
    "task.options.grader": "--grader",
    "task.options.grader_options": "--grader-option",
    "fleet": "--model",
    "search_budget": "--search-budget",
}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("task.options.grader", "--grader: is bad"),
        ("task.options.grader_options.sandbox", "--grader-option: sandbox: is bad"),
        ("task.prompt_set", "--prompt-set: is bad"),
        ("task.profile.answer", "--profile: answer: is bad"),
        ("task", "--data: is bad"),
        ("fleet.models[0].name", "--model: models[0].name: is bad"),
        ("search_budget", "--search-budget: is bad"),
        ("search_budget[1]", "--search-budget: [1]: is bad"),
    ],
)
def test_what_the_command_line_says_alone_is_told_by_its_options(where, told):
    origin = Origin(names=OPTIONS)
    with pytest.raises(ConfigError) as caught, placed(origin):
        raise ConfigError("is bad", where=where)
    assert str(caught.value) == told
    with pytest.raises(BudgetRefused, match=r"^too small$"), placed(origin):
        raise BudgetRefused("too small")
