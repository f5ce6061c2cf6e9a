"""What came of running a graph on an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphsearch.ledger import Spend
from graphsearch.records.calls import Outcome, Usage
from graphsearch.records.fits import Fit
from graphsearch.records.tasks import Verdict
from graphsearch.records.trials import ItemResult

__all__ = ["FitRun", "GraphRun", "NodeRun", "culprit_of"]


@dataclass(frozen=True, slots=True)
class NodeRun:
    """One node of one run.

    Attributes:
        node: index in the canonical graph.
        role: its role.
        model: its model, None for a combining role.
        sample: which draw of its call it used (promise 7).
        outcome: how it ended; `CANCELLED` when a parent brought no message.
        message: what its children read; "" when there is none.
        usage: tokens of its call at full count, whoever paid.
        spend: full price of its call.
        error: what went wrong with the infrastructure, None when nothing.
        score: that its reply carried itself, None where it carried none.
        passed: the parent whose message a combining role shows, or a gate passed on in place of
            a call, None otherwise; `outcome` is then that parent's.
        made: True when this run made the call, False when it was shared or found in the journal;
            depends on which run came first, so it belongs in no record.
    """

    node: int
    role: str
    model: str | None
    outcome: Outcome
    message: str = ""
    sample: int = 0
    usage: Usage = field(default_factory=Usage)
    spend: Spend | None = None
    error: str | None = None
    score: float | None = None
    passed: int | None = None
    made: bool = False


@dataclass(frozen=True, slots=True)
class GraphRun:
    """One graph on one item.

    Attributes:
        item_id: the item.
        outcome: the sink's; where a node failed for a reason of the infrastructure, that of the
            first such node.
        verdict: the grader's; None when the item was not evaluated.
        text: the sink's message, "" when there is none.
        usage: by model, all calls of the graph at full count.
        price: full price of those calls. Its `seconds` are those of the longest path.
        nodes: every node's part, in canonical order; the transcript.
        error: why the item was not evaluated, None when it was.
        lasts: whether that would happen again, since what it comes from is kept.
    """

    item_id: str
    outcome: Outcome
    verdict: Verdict | None
    text: str
    price: Spend
    usage: Mapping[str, Usage] = field(default_factory=dict)
    nodes: tuple[NodeRun, ...] = ()
    error: str | None = None
    lasts: bool = False

    @property
    def culprit(self) -> NodeRun | None:
        """The first node that failed for a reason of the infrastructure; None when none did."""
        return culprit_of(self.nodes)

    @property
    def texts(self) -> tuple[str, ...]:
        """Messages by node, in canonical order."""
        return tuple(node.message for node in self.nodes)

    @property
    def made(self) -> int:
        """Calls that this run made itself."""
        return sum(node.made for node in self.nodes)

    @property
    def shared(self) -> int:
        """Calls that it used without making them."""
        return sum(usage.calls for usage in self.usage.values()) - self.made


@dataclass(frozen=True, slots=True)
class FitRun:
    """What came of working out a graph's fitted parts.

    Attributes:
        fit: the parameters; None when some part heard of not one question.
        failed: questions that taught nothing for reasons of the infrastructure, without usage.
    """

    fit: Fit | None
    failed: tuple[ItemResult, ...] = ()


def culprit_of(nodes: Sequence[NodeRun]) -> NodeRun | None:
    """The node for which a graph was not evaluated, None when all have a message.

    A skipped node is no cause; the first of the others, in node order, is.
    """
    failed = [node for node in nodes if not node.outcome.is_graded]
    if not failed:
        return None
    return next((node for node in failed if node.outcome is not Outcome.CANCELLED), failed[0])
