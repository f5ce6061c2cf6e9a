"""A notebook in plain text: open it as one in VS Code or Jupyter (jupytext), or run it.

In a notebook an event loop already runs; `optimize` then searches in a thread of its own. The last
expression of a cell shows the result as a table.
"""

# %% What is there?
import graphsearch

fleet = graphsearch.Fleet.load("embedded")
print(", ".join(f"{m.name} ({m.parameters:,} parameters)" for m in fleet.models))

# %% What would a search take?
asked = {
    "task": "recall",
    "fleet": fleet,
    "graph_budget": "12 units",
    "search_budget": "10000 units",
    "evaluation_budget": "10000 units",
    "searcher": "random",
    "agent": None,
}
print(graphsearch.quote(**asked))

# %% Search
result = graphsearch.optimize(**asked)
result  # noqa: B018

# %% The winner, and what it is compared with
print(result.winner.graph.to_mermaid())
for row in result.baselines[:5]:
    print(row.name, row.evidence.accuracy, row.difference.interval)
