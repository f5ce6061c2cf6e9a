"""What speaks in a graph: node roles with their prompts, and the agents that advise a search."""
