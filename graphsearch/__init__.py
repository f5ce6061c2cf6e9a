"""Find the best team of language models for a task and a compute budget.

Everything public is listed in `__all__` and loaded when first used: importing the package does no
work, opens no connection and reads no environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphsearch import registry as registry
    from graphsearch.api import Arguments as Arguments
    from graphsearch.api import Study as Study
    from graphsearch.api import aoptimize as aoptimize
    from graphsearch.api import optimize as optimize
    from graphsearch.api import quote as quote
    from graphsearch.cost import Amount as Amount
    from graphsearch.engines.base import EngineInfo as EngineInfo
    from graphsearch.engines.scripted import ScriptedEngine as ScriptedEngine
    from graphsearch.evaluators.graders import get_grader as get_grader
    from graphsearch.evaluators.graders import grader_names as grader_names
    from graphsearch.export import load_bundle
    from graphsearch.graph import CollaborationGraph as CollaborationGraph
    from graphsearch.graph import Node as Node
    from graphsearch.records.calls import Call as Call
    from graphsearch.records.calls import Message as Message
    from graphsearch.records.calls import Outcome as Outcome
    from graphsearch.records.calls import Reply as Reply
    from graphsearch.records.calls import Sampling as Sampling
    from graphsearch.records.calls import Usage as Usage
    from graphsearch.records.errors import *  # noqa: F403
    from graphsearch.records.models import Fleet as Fleet
    from graphsearch.records.models import ModelSpec as ModelSpec
    from graphsearch.records.tasks import Item as Item
    from graphsearch.records.tasks import Task as Task
    from graphsearch.records.tasks import TokenProfile as TokenProfile
    from graphsearch.records.tasks import Verdict as Verdict
    from graphsearch.records.trials import Proposal as Proposal
    from graphsearch.registry import register as register
    from graphsearch.space import Distribution as Distribution
    from graphsearch.space import Space as Space
    from graphsearch.spec import Spec as Spec
    from graphsearch.study import Result as Result

    load = load_bundle

__version__ = "0.1.0"

_PUBLIC = {
    # a search
    "api": "Arguments Study aoptimize optimize quote",
    "spec": "Spec",
    "study": "Result",
    "cost": "Amount",
    "space": "Distribution Space",
    "graph": "CollaborationGraph Node",
    "records.models": "Fleet ModelSpec",
    "records.tasks": "Item Task TokenProfile Verdict",
    # parts of one's own
    "registry": "register",
    "engines.base": "EngineInfo",
    "engines.scripted": "ScriptedEngine",
    "evaluators.graders": "get_grader grader_names",
    "records.calls": "Call Message Outcome Reply Sampling Usage",
    "records.trials": "Proposal",
    # what went wrong
    "records.errors": "AccessDenied BadRequest BrokenReply BudgetReached BudgetRefused CallTimeout "
    "Cancelled ConfigError ContextTooLong EndpointDown EngineError FleetError GraderFailed "
    "GraphError GraphsearchError InputError NoKey NoVerdict NotThere RateLimited Rejected "
    "StoreError StudyStopped TaskError Unavailable UnknownModel Unreachable WriteFailed",
}
"""Public names by the module that has them, but for those that are called otherwise there."""

_HOMES = {name: (module, name) for module, names in _PUBLIC.items() for name in names.split()}
_HOMES["load"] = ("export", "load_bundle")

__all__ = sorted(["__version__", "registry", *_HOMES])


def __getattr__(name: str) -> Any:
    if name == "registry":
        return import_module("graphsearch.registry")
    if name not in _HOMES:
        raise AttributeError(f"module 'graphsearch' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"graphsearch.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
