"""Frozen facts that every room may know: calls, questions, verdicts, trials, models, events."""
