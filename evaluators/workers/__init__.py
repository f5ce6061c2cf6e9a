"""Killable processes for work that is never trusted to return.

A pool keeps a few fresh Python processes that know one job. A request and its answer are one line
of JSON each. What a request causes in its worker (it runs too long, takes too much memory, kills
it) is an answer, `Stopped`, and costs that worker alone; what keeps the machinery from working is
`graphsearch.records.errors.GraderFailed`.
"""

from graphsearch.evaluators.workers._pool import WorkerPool
from graphsearch.evaluators.workers._records import Done, Stopped, Why

__all__ = ["Done", "Stopped", "Why", "WorkerPool"]
