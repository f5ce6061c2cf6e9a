"""What tests of graphsearch, and of plug-ins to it, are made of.

Conformance classes state what every engine, searcher or store must do; fakes and virtual time stand
in for the world. Each lives in its own module and is loaded when first used.
"""

from graphsearch.lazy import loader

_HOMES = {
    "AgentConformance": "graphsearch.testing.agents",
    "EngineConformance": "graphsearch.testing.engines",
    "ExporterConformance": "graphsearch.testing.exporters",
    "GraderConformance": "graphsearch.testing.graders",
    "RoleConformance": "graphsearch.testing.roles",
    "RoleFamilyConformance": "graphsearch.testing.roles",
    "SearcherConformance": "graphsearch.testing.searchers",
    "Served": "graphsearch.testing.stub",
    "StoreConformance": "graphsearch.testing.stores",
    "StubFault": "graphsearch.testing.stub",
    "StubReply": "graphsearch.testing.stub",
    "StubServer": "graphsearch.testing.stub",
    "TaskConformance": "graphsearch.testing.tasks",
    "VirtualLoop": "graphsearch.testing.clock",
    "run_virtual": "graphsearch.testing.clock",
    "write_random_model": "graphsearch.testing.models",
}

__all__ = [
    "AgentConformance",
    "EngineConformance",
    "ExporterConformance",
    "GraderConformance",
    "RoleConformance",
    "RoleFamilyConformance",
    "SearcherConformance",
    "Served",
    "StoreConformance",
    "StubFault",
    "StubReply",
    "StubServer",
    "TaskConformance",
    "VirtualLoop",
    "run_virtual",
    "write_random_model",
]

__getattr__ = loader(__name__, _HOMES)
