"""vLLM, in servers that are started and stopped here, and in this process.

Servers are spoken to by the engine `http`, or by `vllm-sleep` where they take turns in a GPU's
memory. See `design/vllm.md`.
"""

from graphsearch.lazy import loader

_HOMES = {
    "Serve": "graphsearch.engines.vllm.serve",
    "ServerFailed": "graphsearch.engines.vllm.server",
    "ServerPlan": "graphsearch.engines.vllm.plan",
    "ServerStatus": "graphsearch.engines.vllm.launcher",
    "Servers": "graphsearch.engines.vllm.launcher",
    "State": "graphsearch.engines.vllm.state",
    "find_machine": "graphsearch.engines.vllm.machine",
    "list_servers": "graphsearch.engines.vllm.launcher",
    "plan_servers": "graphsearch.engines.vllm.plan",
    "save_fleet": "graphsearch.engines.vllm.saving",
    "serve_of": "graphsearch.engines.vllm.serve",
    "start_servers": "graphsearch.engines.vllm.launcher",
    "stop_servers": "graphsearch.engines.vllm.launcher",
}

__all__ = [
    "Serve",
    "ServerFailed",
    "ServerPlan",
    "ServerStatus",
    "Servers",
    "State",
    "find_machine",
    "list_servers",
    "plan_servers",
    "save_fleet",
    "serve_of",
    "start_servers",
    "stop_servers",
]

__getattr__ = loader(__name__, _HOMES)
