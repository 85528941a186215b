"""The host half of the simulation: the names and the behaviour of PySpin (facts/pyspin-surface.md)."""
