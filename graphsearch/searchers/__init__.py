"""Searchers: what proposes graphs and learns from results."""
