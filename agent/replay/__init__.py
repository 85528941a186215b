"""Policies on recorded or generated traces: an event replay, its optimum and its baselines (interfaces.md 7)."""
