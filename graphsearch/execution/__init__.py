"""Runs collaboration graphs on items: every call once, on disk before it is used, paid for.

`Executor.run` is the whole of it for a study; `Executor.ask` makes a single call (an agent's, a
judge's) through the same journal, limits and ledger.
"""

from graphsearch.execution._grading import judge_account
from graphsearch.execution._limiters import LimiterState
from graphsearch.execution._retries import RetryPolicy
from graphsearch.execution._single_flight import Traffic
from graphsearch.execution.executor import Executor
from graphsearch.execution.pricing import Pricer
from graphsearch.execution.records import FitRun, GraphRun, NodeRun

__all__ = [
    "Executor",
    "FitRun",
    "GraphRun",
    "LimiterState",
    "NodeRun",
    "Pricer",
    "RetryPolicy",
    "Traffic",
    "judge_account",
]
