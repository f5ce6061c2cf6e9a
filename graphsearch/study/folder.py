"""What a run folder holds of a study: whose it is, and what must be there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.records.errors import StoreError
from graphsearch.records.models import Fleet
from graphsearch.study.budgets import standing
from graphsearch.study.experiment import Experiment

if TYPE_CHECKING:
    from graphsearch.records.events import BudgetState
    from graphsearch.store import Store

__all__ = ["same_study", "spent_in"]


_LONGEST = 80
"""Letters of a value that an error shows."""


def same_study(store: "Store", parts: Experiment, folder: Path) -> None:
    """Write down what a new study is made of; refuse to go on with one made of other parts.

    Raises:
        StoreError: the folder holds a study with other parts.
    """
    mine = json.loads(json.dumps(parts.identity()))
    found = store.get_meta("identity")
    if found is None:
        store.put_meta("identity", mine)
        return
    # Fields that have come since, and those that do not matter any more, make no other study.
    found = {
        **found,
        "fleet": Fleet.from_json(found["fleet"]).identity(),
        "task": {"grader": mine["task"]["grader"], **found["task"]},
    }
    for name, value in mine.items():
        if found.get(name) != value:
            raise StoreError(
                f"holds a study with another {name} ({_difference(found.get(name), value, name)}); "
                f"give another folder, or the same {name}",
                where=str(folder),
            )


def _difference(then: Any, now: Any, path: str) -> str:
    """The first place where two JSON values differ, and both values."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            if then.get(key) != now.get(key):
                return _difference(then.get(key), now.get(key), f"{path}.{key}")
    if isinstance(then, list) and isinstance(now, list):
        names = [_name(value) for value in then], [_name(value) for value in now]
        if names[0] == names[1]:
            for label, one, other in zip(names[1], then, now, strict=True):
                if one != other:
                    return _difference(one, other, f"{path}[{label}]")
        then, now = names
    shown = (json.dumps(value, ensure_ascii=False) for value in (then, now))
    was, is_now = (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..." for text in shown)
    return f"{path} was {was} and is {is_now}"


def _name(value: Any) -> Any:
    """What a part of a list is called, where it has a name."""
    return value.get("name", "?") if isinstance(value, dict) else value


def spent_in(store: "Store") -> "tuple[BudgetState, ...]":
    """The budgets of a study as its books have them; empty before it began.

    Raises:
        StoreError: journal and books do not agree.
    """
    from graphsearch.cost import Amount
    from graphsearch.ledger import Ledger

    found = store.get_meta("identity")
    if found is None:
        return ()
    ledger = Ledger()
    ledger.restore(store.totals())
    limits = found["limits"]
    search, evaluation = (map(Amount.parse, limits[name]) for name in ("search", "evaluation"))
    return standing(ledger, tuple(search), tuple(evaluation))
