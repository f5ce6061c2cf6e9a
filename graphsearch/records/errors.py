"""The errors of graphsearch, one small tree.

    GraphsearchError
    |-- InputError                 what the user gave is wrong; exit code 2
    |   |-- ConfigError            a configuration file or option
    |   |-- GraphError             a graph that is not a valid collaboration graph
    |   |-- FleetError             a fleet, a model of it, or one of its constants
    |   |-- TaskError              a task, its data or its grader
    |   `-- StoreError             a run folder that cannot be opened as asked
    |       `-- WriteFailed        it was fine and cannot be written now (a full disk); exit code 1
    |-- BudgetRefused              a budget that cannot be kept, said before spending; exit code 3
    |-- BudgetReached              the search budget does not cover the next spend; ends a search
    |-- StudyStopped               a search that must not go on (too many infrastructure failures)
    `-- EngineError                an infrastructure failure of a call or a grading; never a score
        |-- CallTimeout            retryable
        |-- RateLimited            retryable
        |-- Unavailable            retryable
        |   |-- BrokenReply        a reply came, but not whole or not readable
        |   |-- Unreachable        there is no connection to the endpoint
        |   `-- EndpointDown       final: it has failed for too long, so it was not asked
        |-- Rejected               final: the server refuses this call
        |   |-- AccessDenied       no key, a wrong one, or no right or credit
        |   |   `-- NoKey          there is none in the environment, so the call was not sent
        |   |-- BadRequest         a parameter the server does not take
        |   |   `-- NotThere         there is no such service at this address
        |   |-- ContextTooLong     prompt and reply do not fit the model's context
        |   `-- UnknownModel       the server has no model of that name
        |-- GraderFailed           final: the grader's own machinery failed
        |   `-- NoVerdict            a judge's replies, which are kept, hold no verdict
        `-- Cancelled              final: we gave the call up

Whether a retry can help is a property of the type (`EngineError.retryable`), and so are the outcome
a failed call is recorded with (`EngineError.outcome`), whether it was sent at all
(`EngineError.was_sent`), whether the server may have charged for it (`EngineError.may_have_cost`)
and whether a resumed study meets it again (`EngineError.lasts`). When to come back, where a server
says so, is told by the error itself (`EngineError.retry_after`).
"""

from typing import ClassVar

from graphsearch.records.calls import Outcome

__all__ = [
    "AccessDenied",
    "BadRequest",
    "BrokenReply",
    "BudgetReached",
    "BudgetRefused",
    "CallTimeout",
    "Cancelled",
    "ConfigError",
    "ContextTooLong",
    "EndpointDown",
    "EngineError",
    "FleetError",
    "GraderFailed",
    "GraphError",
    "GraphsearchError",
    "InputError",
    "NoKey",
    "NoVerdict",
    "NotThere",
    "RateLimited",
    "Rejected",
    "StoreError",
    "StudyStopped",
    "TaskError",
    "Unavailable",
    "UnknownModel",
    "Unreachable",
    "WriteFailed",
]


class GraphsearchError(Exception):
    """Base of everything graphsearch raises on purpose."""


class InputError(GraphsearchError):
    """Something the user gave is wrong.

    Attributes:
        where: path to the bad value (`fleet.models[2].layers`, `questions.jsonl:17`), or None.
        message: the text without `where`.
    """

    def __init__(self, message: str, *, where: str | None = None) -> None:
        self.where = where
        self.message = message
        super().__init__(f"{where}: {message}" if where else message)


class ConfigError(InputError):
    """A configuration file or a command-line option is wrong."""


class GraphError(InputError):
    """The nodes and edges are not a valid collaboration graph."""


class FleetError(InputError):
    """A fleet or one of its models is missing or wrong."""


class TaskError(InputError):
    """A task, its data or its grader is missing or wrong."""


class StoreError(InputError):
    """A run folder cannot be opened: in use, of a newer schema, or damaged."""


class WriteFailed(StoreError):
    """A run folder that was fine cannot be written any more; what was committed is kept."""


class BudgetRefused(GraphsearchError):
    """A budget cannot be kept or fits nothing; raised before the first spend."""


class BudgetReached(GraphsearchError):
    """The search budget does not cover the next spend."""


class StudyStopped(GraphsearchError):
    """The search must not go on; everything done so far is kept."""


class EngineError(GraphsearchError):
    """A call failed for a reason that says nothing about the model.

    Attributes:
        retryable: whether the same call can bring a reply later.
        outcome: what the call is recorded as.
        was_sent: whether the call left this process, so that it is booked.
        may_have_cost: whether the server may have made the reply, so that its worst case is booked.
        lasts: whether a resumed study meets it again, since what it comes from is kept.
        retry_after: seconds the endpoint asks to wait, or None when it does not say.
    """

    retryable: ClassVar[bool] = False
    outcome: ClassVar[Outcome] = Outcome.UNAVAILABLE
    was_sent: ClassVar[bool] = True
    may_have_cost: ClassVar[bool] = False
    lasts: ClassVar[bool] = False

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class CallTimeout(EngineError):
    """No reply within the deadline."""

    retryable = True
    may_have_cost = True
    outcome = Outcome.TIMEOUT


class RateLimited(EngineError):
    """The endpoint asks for fewer calls."""

    retryable = True
    outcome = Outcome.RATE_LIMITED


class Unavailable(EngineError):
    """The endpoint is down, unreachable or broken."""

    retryable = True
    outcome = Outcome.UNAVAILABLE


class BrokenReply(Unavailable):
    """A reply came, but cut, unreadable or given up by the server."""

    may_have_cost = True


class Unreachable(Unavailable):
    """No connection: nothing listens there, the name is unknown, the network is down."""


class EndpointDown(Unavailable):
    """The endpoint has failed for so long that it counts as dead; this call was not sent."""

    retryable = False


class Rejected(EngineError):
    """The endpoint refuses this very call."""

    outcome = Outcome.REJECTED


class AccessDenied(Rejected):
    """There is no key, a wrong one, or one without the right or the credit for this call."""


class NoKey(AccessDenied):
    """The key that this call needs is not in the environment; the call was not sent."""

    was_sent = False


class BadRequest(Rejected):
    """The endpoint does not take a parameter of the call, or there is none at this address."""


class NotThere(BadRequest):
    """There is a server, but no such service at this address: no chat completions, a redirect."""


class ContextTooLong(Rejected):
    """The prompt and the longest reply do not fit the model's context."""


class UnknownModel(Rejected):
    """The endpoint has no model of that name."""


class GraderFailed(EngineError):
    """The grader's own machinery failed: a sandbox cannot start, a worker died, a judge rambles.

    The item is not evaluated. What a model's text brings about is never this: it is a verdict of
    score 0.
    """


class NoVerdict(GraderFailed):
    """Nothing that a judge replied is a verdict. Its replies are kept and would be read again.

    Args:
        why: in words that are equal for equal causes, with what to do.
        said: how the last reply ended, "" where that tells nothing.
    """

    lasts = True

    def __init__(self, why: str, said: str = "") -> None:
        self.why = why
        super().__init__(f"{why} ({said!r})" if said else why)


class Cancelled(EngineError):
    """The call was given up by us before it ended; what a server may charge is booked apart."""

    was_sent = False

    outcome = Outcome.CANCELLED
