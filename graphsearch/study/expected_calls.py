"""The calls of graphs, named as the executor shares them, with what they are expected to use."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.execution import Pricer
from graphsearch.records.calls import Usage
from graphsearch.records.roles import NodeContext, SpeakingRole
from graphsearch.records.tasks import BYTES_PER_TOKEN, AskingGrader, JudgeCall, LabelledGrader

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.ledger import Spend
    from graphsearch.study.experiment import Experiment

__all__ = ["ExpectedCalls", "JudgeLength", "Kind", "Use", "judge_lengths", "labelled_answers"]

_REPLY_TOKENS = 64
"""A few sentences and the verdict; nobody knows before the judge has spoken."""
_ASKED = 32
"""Questions whose prompts are written to see how long they are."""


class Kind(NamedTuple):
    """What the expected use of a call depends on.

    Attributes:
        model: who is asked.
        read: messages that its prompt holds.
        judge: its place among the calls that judge an answer, None for a call of a graph.
    """

    model: str
    read: int
    judge: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a graph.

    Attributes:
        name: equal for two graphs exactly where they share the call.
        kind: what it is expected to use depends on.
        node: whose call it is, in the canonical graph; the sink where it judges.
        gate: share of the questions that it is made on at most, None where no gate decides.
        is_below: True where fitting the graph's parts needs it.
    """

    name: int
    kind: Kind
    node: int
    gate: float | None = None
    is_below: bool = False


class ExpectedCalls:
    """Names and prices of calls, worked out once for all ways in which a study may go.

    A call without parents' messages is known by its model, its sampling, its prompt and which draw
    of these it is, as in the executor: a gate that opens asks the very call of a root. One that
    reads is known by its role and whom it reads.

    Attributes:
        judged: the calls that judge an answer.
        bounds: worst cases of graphs that were worked out, by what they bound and the graph's key.
    """

    def __init__(self, experiment: "Experiment") -> None:
        self._roles = experiment.roles
        self._cost = experiment.space.cost
        self._pricer = Pricer(experiment.fleet, experiment.task.profile)
        self._item = experiment.task.splits["search"][0]
        self._names: dict[Any, int] = {}
        self._of: dict[str, list[Use]] = {}
        self._asked: dict[tuple[str, NodeContext], tuple[Any, ...]] = {}
        self._spends: dict[Kind, Spend] = {}
        self.judged = judge_lengths(experiment)
        self.bounds: dict[tuple[str, str], Spend] = {}

    def of(self, graph: "CollaborationGraph") -> list[Use]:
        """Every call of a graph on one question, its judge's included."""
        if graph.key not in self._of:
            # Equal answers are judged once, but how many are equal nobody knows beforehand.
            judging = [
                Use(self.name_of("judge", kind, graph.key), kind, len(graph) - 1)
                for kind in self.judging
            ]
            self._of[graph.key] = [*self._spoken(graph), *judging]
        return self._of[graph.key]

    @property
    def judging(self) -> list[Kind]:
        """The calls that judge an answer, if nothing goes wrong."""
        lengths = enumerate(self.judged)
        return [Kind(one.model, 0, place) for place, one in lengths if not one.is_spare]

    def spend(self, kind: Kind) -> "Spend":
        """What one call is expected to cost, in all currencies."""
        spend = self._spends.get(kind)
        if spend is None:
            if kind.judge is None:
                usage = Usage(*self._cost.expected_tokens(kind.model, kind.read), 1)
            else:
                usage = self.judged[kind.judge].usage
            spend = self._spends[kind] = self._pricer.spend(kind.model, usage)
        return spend

    def longest_reply(self, graph: "CollaborationGraph") -> int:
        """Most tokens that a reply of a graph may have."""
        whole, most = graph.canonical(), 0
        for i, node in enumerate(whole.nodes):
            role = self._roles[node.role]
            if node.model is not None and isinstance(role, SpeakingRole):
                sampling = role.sampling(NodeContext(len(whole.parents(i)), i == whole.sink))
                most = max(most, sampling.max_tokens or 0)
        return most

    def name_of(self, *what: Any) -> int:
        """The name of a call of which this is all there is to know."""
        return self._names.setdefault(what, len(self._names))

    def _said(self, name: str, context: NodeContext) -> tuple[Any, ...]:
        """How a role draws and what it asks about the question alone."""
        if (name, context) not in self._asked:
            role = self._roles[name]
            assert isinstance(role, SpeakingRole)
            prompt = role.prompt(self._item, (), context)
            self._asked[name, context] = role.sampling(context), prompt
        return self._asked[name, context]

    def _spoken(self, graph: "CollaborationGraph") -> list[Use]:
        whole = graph.canonical()
        fitted = (i for i, node in enumerate(whole.nodes) if self._roles[node.role].is_fitted)
        last = max(fitted, default=0)
        names: dict[int, int] = {}
        copies: Counter[Any] = Counter()
        uses = []
        for i in whole.topological():
            node, role = whole.nodes[i], self._roles[whole.nodes[i].role]
            context = NodeContext(len(whole.parents(i)), i == whole.sink)
            heard = () if role.is_gate else tuple(names[p] for p in whole.parents(i))
            same: tuple[Any, ...] = (node.role, node.model, context.is_sink, heard)
            if not heard and node.model is not None:
                same = (node.model, *self._said(node.role, context))
            copies[same] += 1
            names[i] = self.name_of(same, copies[same])
            if node.model is not None:
                share = float(role.call_share) if role.is_gate else None
                uses.append(Use(names[i], Kind(node.model, len(heard)), i, share, i < last))
        return uses


@dataclass(frozen=True, slots=True)
class JudgeLength:
    """How long one of the calls is that judge an answer.

    Attributes:
        model: who is asked.
        prompt: mean tokens of the prompt without the answer.
        answer: mean tokens of an answer, as often as it stands in the prompt.
        reply: expected tokens of the reply, `longest` at the most.
        call: the call at its dearest, for one question.
    """

    model: str
    prompt: int
    answer: int
    reply: int
    call: JudgeCall

    @property
    def is_spare(self) -> bool:
        """True when it is only made where an earlier one went wrong."""
        return self.call.is_spare

    @property
    def usage(self) -> Usage:
        """What it is expected to use."""
        return Usage(self.prompt + self.answer, self.reply, 1)


def judge_lengths(experiment: "Experiment") -> tuple[JudgeLength, ...]:
    """The calls that may judge one answer, in order; none where no model judges.

    Prompts hold question and gold answer, whose lengths differ: so they are means over questions
    spread over the search split.
    """
    grader = experiment.task.grader
    if not isinstance(grader, AskingGrader):
        return ()
    items = experiment.task.splits["search"]
    spread = items[:: max(1, len(items) // _ASKED)][:_ASKED]
    asked = [grader.calls(item) for item in spread]
    answer = experiment.task.profile.answer
    found = []
    for calls in zip(*asked, strict=False):
        call = calls[0]
        sizes = [sum(len(said.content.encode()) for said in other.messages) for other in calls]
        mean = round(sum(size // BYTES_PER_TOKEN for size in sizes) / len(sizes))
        reply = min(_REPLY_TOKENS, call.max_tokens)
        found.append(JudgeLength(call.model, mean, answer * call.answers, reply, call))
    return tuple(found)


def labelled_answers(experiment: "Experiment") -> int:
    """Answers on which a judge is compared with people before the search.

    Raises:
        TaskError: the sample cannot be used.
    """
    grader = experiment.task.grader
    if not isinstance(grader, LabelledGrader):
        return 0
    splits = experiment.task.splits
    seen = {item.id: item for name in ("search", "selection") for item in splits[name]}
    return len(grader.labelled(seen))
