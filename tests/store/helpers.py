"""Records to put into stores."""

from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Spend
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState

CALL = Call("m", (Message("user", "2 + 2"),), Sampling(), stream="search", item="i1", sample=3)
SPEND = Spend.of({"units": 1.5, "flops": 9 * 10**18, "tokens": 12, "calls": 1})
REPLY = Reply("four", Usage(10, 2, 1), Outcome.ANSWERED, 0.25, {"finish": "stop"})


def key(number):
    return f"{number:032x}"


def trial(number):
    return TrialRecord(
        number,
        2,
        Proposal(CollaborationGraph.fan_in(["a", "b"], "fuser", "c"), "mode", {"why": [1, "x"]}),
        TrialState.STOPPED,
        (
            ItemResult(
                "i1",
                1.0,
                Outcome.ANSWERED,
                {"a": Usage(1, 2, 3)},
                {"units": 0.5},
                group="g",
                answer="4",
            ),
            ItemResult("i2", None, Outcome.TIMEOUT),
        ),
        expected_cost=3.25,
    )
