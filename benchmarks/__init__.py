"""Measurements of what the project promises in figures; `python -m benchmarks [part ...]`."""
