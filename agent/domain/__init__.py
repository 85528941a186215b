"""Frozen values that every layer above shares; no I/O, threads, time or logging."""
