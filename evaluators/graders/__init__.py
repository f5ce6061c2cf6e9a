"""Graders by name."""
