"""The embedded engine: tiny Llama models of the package's own fleet, run by NumPy.

A model is a Hugging Face folder; the engine that serves it has a KV cache, continuous batching and
one promise beyond them: a call brings the same tokens whatever runs beside it.
"""

from graphsearch.lazy import loader

_HOMES = {
    "Checkpoint": "graphsearch.engines.embedded.checkpoint",
    "EmbeddedEngine": "graphsearch.engines.embedded.engine",
    "Generation": "graphsearch.engines.embedded.generate",
    "Shape": "graphsearch.engines.embedded.checkpoint",
    "builtin_folder": "graphsearch.engines.embedded.checkpoint",
    "generate_batch": "graphsearch.engines.embedded.generate",
}

__all__ = [
    "Checkpoint",
    "EmbeddedEngine",
    "Generation",
    "Shape",
    "builtin_folder",
    "generate_batch",
]

__getattr__ = loader(__name__, _HOMES)
