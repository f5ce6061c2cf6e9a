"""Errors of the parts are told with the file or the option."""

import pytest

from graphsearch.config import placed
from graphsearch.errors import BudgetRefused, ConfigError, FleetError, StoreError, TaskError


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
