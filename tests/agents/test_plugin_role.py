"""A role that is not ours - gated, fitted, with a parameter in its name - does all that ours do."""

import json
from fractions import Fraction

import numpy as np
import pytest

import graphsearch
from graphsearch.agents.roles import get_roles
from graphsearch.cost import CostModel
from graphsearch.export import load_bundle
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import TokenProfile
from graphsearch.space import Distribution, Space

CODE = '''
    from fractions import Fraction

    from graphsearch.records.calls import Message, Sampling
    from graphsearch.records.errors import ConfigError
    from graphsearch.records.roles import FittedRole, GatedRole


    class LongEnough(GatedRole, FittedRole):
        """Passes the first message on where none is shorter than most are."""

        prompt_version = "1"
        fits_worth = False

        def __init__(self, share, plain):
            self.name = f"long-enough({share})"
            self.call_share = Fraction(share)
            self.plain = plain

        def sampling(self, context):
            return self.plain.sampling(context)

        def prompt(self, item, parents, context):
            return self.plain.prompt(item, parents, context)

        def message(self, reply):
            return self.plain.message(reply)

        def fit(self, examples, grader):
            shortest = sorted(min(len(heard.text) for heard in one.heard) for one in examples)
            return {"letters": shortest[int(self.call_share * len(shortest))]}

        def check(self, fitted, parents):
            if not isinstance(fitted.get("letters"), int):
                raise ConfigError("must be a whole number", where="letters")

        def passes(self, item, parents, grader, fitted):
            return 0 if min(len(one.text) for one in parents) >= fitted["letters"] else None


    class Family:
        base = "long-enough"

        def make(self, arguments, roles):
            share = Fraction(arguments)
            if not 0 < share < 1:
                raise ValueError("the share must be between 0 and 1")
            return LongEnough(share, roles["assistant"])


    def make(prompts):
        return Family()
'''
GATE = "long-enough(1/4)"
FLEET = Fleet.load("embedded")


@pytest.fixture(autouse=True)
def plugin(installed):
    installed("graphsearch.roles", "long-enough", "long_enough:make", CODE)


def arguments(**changes):
    return {
        "task": "puzzle",
        "fleet": "embedded",
        "graph_budget": "9 units",
        "search_budget": "3000 units",
        "space": {
            "slots": 3,
            "models": ["nano", "xs"],
            "edges": "star",
            "roles": ["assistant", GATE],
            "sinks": [f"{GATE}:xs"],
        },
        "searcher": "random",
        "agent": None,
        "settings": {
            "per_round": 2,
            "blocks": [8],
            "rounds": 1,
            "search_items": 8,
            "selection_items": 8,
            "calibration_items": 12,
            "test_items": 0,
            "baselines": [],
        },
        "seed": 1,
        **changes,
    }


def test_the_cost_of_its_node_is_its_share_of_a_plain_call():
    cost = CostModel(FLEET, TokenProfile(9, 16), "flops", roles=get_roles("embedded"))
    graph = CollaborationGraph.fan_in(["nano", "nano"], GATE, "m")
    call = cost.node_ticks("m", 0)
    assert cost.graph_ticks(graph) == 2 * cost.node_ticks("nano", 0) + -(-call // 4)
    assert get_roles("embedded")[GATE].call_share == Fraction(1, 4)


def test_a_space_draws_it_within_the_budget_and_with_exact_probabilities():
    cost = CostModel(FLEET, TokenProfile(9, 16), "units", roles=get_roles("embedded"))
    budget = cost.graph(
        CollaborationGraph(
            (Node("assistant", "nano"), Node(GATE, "xs"), Node("vote", None)),
            ((0, 1), (0, 2), (1, 2)),
            2,
        )
    )
    space = Space.build(
        cost,
        f"{budget} units",
        slots=2,
        models=("nano", "xs"),
        roles=("assistant", GATE),
        sinks=("vote",),
    )
    distribution = Distribution(space)
    traces = distribution.enumerate()
    assert sum(np.exp(trace.log_prob) for trace in traces) == pytest.approx(1)
    assert max(trace.cost for trace in traces) <= budget
    # A plain call of `xs` on top of `nano` would be too dear; as a gate it is just affordable.
    assert any(node == Node(GATE, "xs") for trace in traces for node in trace.graph.nodes)
    assert {t.graph.key for t in distribution.sample_many(np.random.default_rng(0), 200)} <= {
        trace.graph.key for trace in traces
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("long-enough(2)", "the share must be between 0 and 1"),
        ("long-enough(0.25)", r"must be written 'long-enough\(1/4\)'"),
        ("long-enough", "long-enough"),
    ],
)
def test_nonsense_and_other_spellings_of_its_name_are_refused(name, says):
    with pytest.raises(ConfigError, match=says):
        graphsearch.quote(**arguments(space={"sinks": [f"{name}:xs"]}))


def test_a_search_fits_it_gates_it_quotes_it_and_exports_it(tmp_path):
    quote = graphsearch.quote(**arguments())
    plain = graphsearch.quote(**arguments(space={**arguments()["space"], "sinks": ["fuser:xs"]}))
    assert quote.to_json()["graph_cost"]["high"] < plain.to_json()["graph_cost"]["high"]

    result = graphsearch.optimize(**arguments(out=tmp_path / "run"))
    sink = len(result.winner.graph.canonical()) - 1
    assert result.winner.fit.nodes[sink].keys() == {"letters"}

    result.export(tmp_path / "bundle")
    with load_bundle(tmp_path / "bundle") as bundle:
        told = [bundle.answer_sync("P 2 7 9 10 > 36", draw=draw) for draw in range(24)]
    calls = [sum(usage.calls for usage in answer.usage.values()) for answer in told]
    assert set(calls) == {sink, sink + 1}  # the gate opens on some and stays shut on others


def test_a_bundle_with_parameters_that_it_cannot_have_is_refused(tmp_path):
    from graphsearch.export.record import content_digest

    graphsearch.optimize(**arguments(out=tmp_path / "run")).export(tmp_path / "bundle")
    path = tmp_path / "bundle" / "graph.json"
    record = json.loads(path.read_text())
    (values,) = record["fit"]["nodes"].values()
    values["letters"] = "many"
    path.write_text(json.dumps(record | {"digest": content_digest(record)}))
    with pytest.raises(ConfigError, match=r"fit\.nodes\.\d+\.letters: must be a whole number"):
        load_bundle(tmp_path / "bundle")
