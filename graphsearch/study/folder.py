"""What a run folder holds of a study: whose it is, and what must be there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.errors import StoreError
from graphsearch.fleet import Fleet
from graphsearch.study.parts import Parts

if TYPE_CHECKING:
    from graphsearch.store import Store

__all__ = ["found_in", "same_study"]


def same_study(store: "Store", parts: Parts, folder: Path) -> None:
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
                f"holds a study with another {name}; give another folder, or the same {name}",
                where=str(folder),
            )


def found_in(store: "Store", name: str) -> dict[str, Any]:
    """A checkpoint that a whole study has.

    Raises:
        StoreError: it is missing.
    """
    value = store.get_checkpoint(name)
    if not isinstance(value, dict):
        raise StoreError(f"the study is damaged: {name} is missing", where=store.name)
    return value
