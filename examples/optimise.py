"""One call: find the best team of the embedded models for the puzzle, and show it.

python examples/optimise.py
"""

import graphsearch


def main() -> None:
    asked = {
        "task": "puzzle",
        "fleet": "embedded",
        "graph_budget": "18 units",  # most that one question may cost
        "search_budget": "20000 units",  # most that the search may cost
        "evaluation_budget": "20000 units",  # held-out test and baselines, apart
        "space": {"sinks": ("assistant", "fuser", "vote", "select")},
        "settings": {"rounds": 10, "test_items": 200},
        "seed": 0,
    }
    print(graphsearch.quote(**asked), end="\n\n")
    result = graphsearch.optimize(**asked, on_event=lambda event: print(event.kind))
    print(result)
    result.save("runs/optimise")


if __name__ == "__main__":
    main()
