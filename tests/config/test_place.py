"""Errors of the parts are told with the file or the option."""

import pytest

from graphsearch.config import placed
from graphsearch.records.errors import BudgetRefused, ConfigError, FleetError, StoreError, TaskError


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
    with pytest.raises(type(error)) as caught, placed("c.yaml", {"searcher": "x", "fleet": "y"}):
        raise error
    assert str(caught.value) == told


def test_other_errors_pass():
    with pytest.raises(KeyError), placed("c.yaml", {}):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("task.options.grader", "--grader: is bad"),
        ("task.options.grader_options.sandbox", "--grader-option: sandbox: is bad"),
        ("task.options.shares.test", "--shares: test: is bad"),
        ("task.prompt_set", "--prompt-set: is bad"),
        ("task.profile.answer", "--profile: answer: is bad"),
        ("task", "--data: is bad"),
        ("fleet.models[0].name", "--model: models[0].name: is bad"),
        ("search_budget", "--search-budget: is bad"),
    ],
)
def test_what_the_command_line_says_alone_is_told_by_its_options(where, told):
    given = {"task": {}, "fleet": {"models": []}, "search_budget": "5 usd"}
    with pytest.raises(ConfigError) as caught, placed(None, given):
        raise ConfigError("is bad", where=where)
    assert str(caught.value) == told
    with pytest.raises(BudgetRefused, match=r"^too small$"), placed(None, given):
        raise BudgetRefused("too small")
