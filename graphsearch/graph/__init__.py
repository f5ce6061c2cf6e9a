"""The collaboration graph: who answers, in which role, on which model, and who reads whom.

`CollaborationGraph` is immutable and hashable by value. Its `key` is equal exactly for
isomorphic graphs, so stores and searchers know a graph again however its nodes are numbered.
"""

from graphsearch.graph._graph import CollaborationGraph
from graphsearch.graph._node import Node

__all__ = ["CollaborationGraph", "Node"]
