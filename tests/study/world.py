"""A small made-up world: sums, models that are right with a known probability, no network."""

import hashlib
import re

from graphsearch.cost import Amount, CostModel
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.records.calls import Call, Outcome
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import Item, Task, TokenProfile, Verdict
from graphsearch.space import Space
from graphsearch.spec import Evaluation
from graphsearch.study.experiment import Experiment

SKILL = {"small": 0.35, "large": 0.6}
ASKED = {"search": "What is", "selection": "Tell me", "test": "Find me"}
PROFILE = TokenProfile(question=40, answer=5)


class SumGrader:
    """Reads the last number of a reply."""

    name = "sum"

    def parse(self, item, text):
        found = re.findall(r"-?\d+", text)
        return found[-1] if found else None

    def claims(self, item, text):
        return None

    def grade(self, item, text):
        parsed = self.parse(item, text)
        if parsed is None:
            return Verdict(0.0, Outcome.UNPARSED)
        return Verdict(float(parsed == str(item.gold)), parsed=parsed)


def make_task(search=60, selection=40, test=60):
    def items(split, count):
        return [
            Item(
                f"{split}-{i}",
                f"{ASKED[split]} {i} + {i + 7}?",
                2 * i + 7,
                group=f"{split}-{i // 2}",
            )
            for i in range(count)
        ]

    splits = {
        "search": items("search", search),
        "selection": items("selection", selection),
        "test": items("test", test),
    }
    return Task("sums", splits, SumGrader(), PROFILE, fingerprint="sums 1")


def make_fleet():
    return Fleet(
        "two",
        (
            ModelSpec("small", 1_000_000, 2, 64, engine="scripted"),
            ModelSpec("large", 3_000_000, 3, 64, engine="scripted"),
        ),
        "small",
    )


def luck(*parts):
    text = "/".join(str(part) for part in parts)
    return int(hashlib.blake2b(text.encode(), digest_size=6).hexdigest(), 16) / 2**48


def reply(call: Call) -> str:
    """Right with the model's skill; a reader that sees the right answer mostly keeps it."""
    prompt = call.messages[-1].content
    number = int(call.item.rsplit("-", 1)[1])
    gold = 2 * number + 7
    skill = SKILL[call.model]
    if re.search(rf"answer {gold}\b", prompt):
        skill = 0.5 + 0.5 * skill
    draw = luck(call.model, call.item, call.stream, call.sample, prompt)
    return f"answer {gold if draw < skill else int(10_000 * draw)}"


def make_engines(fleet, script=reply):
    engine = ScriptedEngine(script)
    return {spec.name: engine for spec in fleet.models}


def make_settings(**changes):
    small = {
        "per_round": 4,
        "blocks": (4, 8),
        "rounds": 3,
        "search_items": 24,
        "finalists": 3,
        "selection_items": 20,
        "test_items": 40,
        "test_block": 10,
        "min_test_items": 10,
    }
    return Evaluation(**{**small, **changes})


def make_parts(
    *,
    searcher="random",
    budget="6 units",
    search_budget="2000000 units",
    evaluation=(),
    script=reply,
    seed=0,
    agent=None,
    task=None,
    roles=None,
    **changes,
):
    from graphsearch.agents.roles import get_roles
    from graphsearch.searchers import make_searcher

    fleet = make_fleet()
    cost = CostModel(fleet, PROFILE, "units", roles=roles or get_roles("chat"))
    space = Space.build(cost, Amount.parse(budget), slots=4)
    return Experiment(
        task=task or make_task(),
        fleet=fleet,
        space=space,
        make_searcher=lambda space: make_searcher(searcher, space, seed=seed),
        roles=roles or get_roles("chat", max_tokens=16),
        engines=make_engines(fleet, script),
        search_budget=(Amount.parse(search_budget),),
        evaluation_budget=tuple(Amount.parse(a) for a in evaluation),
        settings=make_settings(**changes),
        seed=seed,
        make_agent=agent,
    )


def experiment_of(**arguments):
    """What arguments of `optimize` make, without running it."""
    from graphsearch.spec.arguments import spec_of
    from graphsearch.spec.build import build

    return build(spec_of(arguments))
