"""A task of one's own: items with answers, a grader, and an engine that answers from a function.

Nothing here needs a model: replace the scripted engine by a fleet of real ones.

python examples/user_task.py
"""

import random
import re

import graphsearch
from graphsearch import (
    Call,
    Fleet,
    Item,
    ModelSpec,
    Outcome,
    ScriptedEngine,
    Task,
    TokenProfile,
    Verdict,
)


class LastNumber:
    """Right when the last number of the reply is the answer."""

    name = "last number"

    def parse(self, item: Item, text: str) -> str | None:
        numbers = re.findall(r"-?\d+", text)
        return numbers[-1] if numbers else None

    def claims(self, item: Item, text: str) -> bool | None:
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        found = self.parse(item, text)
        if found is None:
            return Verdict(0.0, Outcome.UNPARSED, reason="there is no number")
        return Verdict(float(found == str(item.gold)), parsed=found)


def items(split: str, first: int, count: int) -> list[Item]:
    """Questions of one split; no question may be in two of them."""
    numbers = range(first, first + count)
    return [Item(f"{split} {i}", f"What is {i} times {i + 1}?", i * (i + 1)) for i in numbers]


def answer(call: Call) -> str:
    """A small model that is right half of the time, and a large one that mostly is."""
    number = int(call.item.split()[-1])
    right = random.Random(call.seed).random() < {"small": 0.5, "large": 0.75}[call.model]
    return f"I think it is {number * (number + 1) if right else call.seed % 1000}."


def main() -> None:
    task = Task(
        name="products",
        splits={
            "search": items("search", 0, 200),
            "selection": items("selection", 200, 200),
            "test": items("test", 400, 200),
        },
        grader=LastNumber(),
        profile=TokenProfile(question=60, answer=10),
    )
    fleet = Fleet(
        "mine",
        (
            ModelSpec("small", parameters=10**9, layers=16, width=2048, engine="scripted"),
            ModelSpec("large", parameters=8 * 10**9, layers=32, width=4096, engine="scripted"),
        ),
        unit_model="small",
    )
    engine = ScriptedEngine(answer)
    result = graphsearch.optimize(
        task=task,
        fleet=fleet,
        engines={"small": engine, "large": engine},
        graph_budget="12 units",
        search_budget="1000000 units",
        settings={"rounds": 4, "test_items": 200},
    )
    print(result)


if __name__ == "__main__":
    main()
