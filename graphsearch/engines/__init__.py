"""Engines: where a model's calls go."""
